"""What the platform can do, one file a noun; a method is one call."""
