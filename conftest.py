"""Modules whose doctests need a library that is not installed are not collected."""

from __future__ import annotations

import importlib.util

collect_ignore = [] if importlib.util.find_spec("sklearn") else ["cnorm/preprocessing/_sklearn.py"]
