"""How the platform is reached: over HTTP or in process, with faults and a record of what was served."""
