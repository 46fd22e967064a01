"""One call from start to end: its sender, its attempts, the gate before it and what all calls share."""
