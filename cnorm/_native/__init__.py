"""The compiled modules: the gate to the C core, the short way in, kept memory."""
