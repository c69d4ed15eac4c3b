"""Benchmarks: one table of cases, peers side by side."""
