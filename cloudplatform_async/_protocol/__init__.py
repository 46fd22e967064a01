"""How the platform speaks: pure functions, given time and dice by their callers."""
