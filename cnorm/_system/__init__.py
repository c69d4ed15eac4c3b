"""The process and the machine: threads, kept memory, facts, version, names that are elsewhere, progress."""
