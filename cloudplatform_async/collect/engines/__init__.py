"""Where the shards of a job are worked off: in this loop, in processes, on a Dask cluster."""
