"""Tokens at work: read, fetched, refreshed once for all who wait, and put on an attempt."""
