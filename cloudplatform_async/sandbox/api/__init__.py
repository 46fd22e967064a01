"""How the platform is asked: operations, credentials, checks, answers and their description."""
