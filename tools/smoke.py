"""A try of the cnorm installed: is layer_norm right, facts, the self-test. Needs nothing but cnorm."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

import cnorm
import cnorm.functional as F


def main() -> int:
    """Returns the exit code."""
    if (Path(cnorm.__file__).parents[1] / "src_c").exists():
        sys.exit("this is the source tree, not what was installed")
    x = np.random.default_rng(0).normal(1e3, 1.0, (1024, 768)).astype(np.float32)
    wide = x.astype(np.float64)
    expected = (wide - wide.mean(1, keepdims=True)) / np.sqrt(wide.var(1, keepdims=True) + 1e-5)
    y = F.layer_norm(x, (768,))
    if abs(y - expected).max() > 1e-5 or (cnorm.nn.LayerNorm(768)(x) != y).any():
        sys.exit("layer_norm is wrong")
    cnorm.show_config()
    sys.stdout.flush()
    return subprocess.run([sys.executable, "-m", "cnorm", "check"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
