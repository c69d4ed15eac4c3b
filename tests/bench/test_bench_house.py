"""The rules of the house for bench/: the duty first, few lines, peers imported by their own file."""

from __future__ import annotations

import ast
from pathlib import Path

from sweep import sweep

from bench.report import ROOT

FILES = sorted((ROOT / "bench").rglob("*.py"))
PEERS = {
    "torch",
    "onnxruntime",
    "onnx",
    "openvino",
    "numba",
    "scipy",
    "sklearn",
    "thinc",
    "bottleneck",
    "numbagg",
    "pandas",
    "cv2",
}
PEER_FILES = {
    "torch_peer.py",
    "torch_models.py",
    "interop.py",
    "interop_onnx.py",
    "interop_transformers.py",
    "onnx_peer.py",
    "openvino_peer.py",
    "numba_peer.py",
    "numba_groups.py",
    "numba_sparse.py",
    "numba_kernels.py",
}


@sweep(path=FILES)
def test_file(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    tree = ast.parse(text)
    doc = ast.get_docstring(tree)
    assert doc
    assert text.startswith('"""')
    for node in tree.body:
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert path.name in PEER_FILES or not PEERS & {n.split(".")[0] for n in names}
