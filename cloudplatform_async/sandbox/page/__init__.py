"""The page at `/`, what it shows, and the paths under `/_sandbox/` with which it and programs steer."""
