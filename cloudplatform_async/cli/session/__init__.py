"""Whom a command talks to and as whom: options, profiles, secrets, and the client made of them."""
