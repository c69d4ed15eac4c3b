"""The norms, one family a module: checks, then one call of the core."""
