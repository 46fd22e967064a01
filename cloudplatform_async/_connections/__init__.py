"""How bytes travel: a connection is acquired, used and released."""
