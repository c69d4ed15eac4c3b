"""The self-test: every kernel of this machine against formulas in plain NumPy."""
