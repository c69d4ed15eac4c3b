"""Errors of cnorm and its peers against exact values: docs/accuracy.md."""
