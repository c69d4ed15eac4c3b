"""From how many elements on cnorm is faster than torch, the way from tensor to array and back included.

Measured by `python -m bench.interop --sizes` with one thread and two, each call after a product of torch, as
in a model: caches are cold then. Below, a layer is torch's.
"""

from __future__ import annotations

_NEVER = 2**63
DTYPES = ("float32", "float64", "float16", "bfloat16")
_ALWAYS = (1, 1, 1, 1)
_WIDE = (1, 1, _NEVER, _NEVER)  # torch's own kernels for 16 bits are faster

_CONTIGUOUS = {
    "BatchNorm": _WIDE,
    "CrossMapLRN": _ALWAYS,
    "GroupNorm": (1, 1, 2**15, _NEVER),
    "InstanceNorm": (1, 1, 1, 2**21),
    "LayerNorm": (1, 2**19, 2**19, 2**20),
    "LocalResponseNorm": _WIDE,
    "RMSNorm": _ALWAYS,
}
# Channels-last; for LayerNorm any other order.
_PERMUTED = {
    "BatchNorm": (2**21, 2**21, _NEVER, _NEVER),
    "GroupNorm": (2**12, 2**12, 2**12, 2**12),
    "InstanceNorm": (2**17, 2**17, _NEVER, _NEVER),
    "LayerNorm": (2**21, _NEVER, 2**21, 2**21),
}
# Channels-last, torch's GroupNorm has a kernel for large pictures that is as fast, and one for wide groups.
MOST_POSITIONS, MOST_CHANNELS = 1024, 32


def _kind(name: str) -> str:
    """The norm's name without dimensions."""
    return name.removeprefix("Sync").removesuffix("1d").removesuffix("2d").removesuffix("3d")


def smallest(name: str, permuted: bool) -> dict[str, int]:
    """Elements by dtype for a layer of torch's; dtypes never worth it are absent."""
    sizes = (_PERMUTED if permuted else _CONTIGUOUS).get(_kind(name), ())
    return {dtype: size for dtype, size in zip(DTYPES, sizes, strict=False) if size < _NEVER}
