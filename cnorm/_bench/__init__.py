"""Measuring beside others: the clock (interleave), which bench/ shares, and the command (command)."""
