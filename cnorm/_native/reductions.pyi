"""Types of the calls without a result."""

from cnorm._accept.arrays import Array

def moments(
    x: Array,
    axes: tuple[int, ...],
    mask: Array | None = None,
    weights: Array | None = None,
    omit: bool = False,
    by: float = 1,
    wide: bool = False,
) -> Array: ...
def sums(
    x: Array,
    axes: tuple[int, ...],
    mask: Array | None = None,
    weights: Array | None = None,
    omit: bool = False,
    by: float = 1,
) -> Array: ...
def squares(x: Array, axes: tuple[int, ...], mask: Array | None = None, omit: bool = False) -> Array: ...
def norms(x: Array, axes: tuple[int, ...], p: float, mask: Array | None = None) -> Array: ...
def extremes(x: Array, axes: tuple[int, ...], mask: Array | None = None) -> Array: ...
def finite(x: Array) -> bool: ...
def bounded(x: Array) -> bool: ...
