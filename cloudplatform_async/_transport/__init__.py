"""How bytes travel: the only floor that awaits the network."""
