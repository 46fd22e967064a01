"""What a command writes: data to stdout in the format that was asked for, words to stderr."""
