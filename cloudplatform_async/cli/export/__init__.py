"""``cloudplatform export``: a whole list in a file, each row once, whatever happens on the way."""
