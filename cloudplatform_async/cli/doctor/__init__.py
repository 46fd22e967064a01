"""``cloudplatform doctor``: what is wrong between this machine and the platform, and what to do about it."""
