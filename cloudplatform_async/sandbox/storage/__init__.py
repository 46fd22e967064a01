"""What the platform keeps: its tables, a file a noun, in one SQLite database."""
