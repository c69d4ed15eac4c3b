"""Moments, their states and merges, and passes over tables."""
