"""Modules whose doctests need a library that is not installed are not collected."""

from __future__ import annotations

import importlib.util

NEEDS = {
    "dask": ["cnorm/interop/dask.py"],
    "onnx": ["cnorm/interop/onnx.py"],
    "sklearn": ["cnorm/preprocessing/_sklearn.py"],
    "torch": ["cnorm/interop/torch.py", "cnorm/interop/_torch_layers.py", "cnorm/interop/_accelerated.py"],
}

collect_ignore = [
    path for name, paths in NEEDS.items() if not importlib.util.find_spec(name) for path in paths
]
