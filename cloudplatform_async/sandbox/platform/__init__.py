"""What the platform knows and does: a file a noun, over one database."""
