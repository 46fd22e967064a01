"""The command line (extra ``cli``): a thin layer over the client that anyone could have written."""
