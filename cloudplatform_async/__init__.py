"""Async-first SDK for the Cloud API Platform."""
