"""Types of the calls on sparse matrices."""

from typing import Any

from cnorm._accept.arrays import Array

def parts(
    data: Any, indices: Any, indptr: Any, shape: Any, format: Any, /
) -> tuple[Array, Array, Array, tuple[int, int], int] | None: ...
def order(indices: Array, starts: Array, width: int, /) -> int: ...
def moments(
    data: Array,
    indices: Array,
    starts: Array,
    width: int,
    across: bool,
    weights: Array | None = None,
    omit: bool = False,
) -> tuple[Array, int]: ...
def extremes(
    data: Array, indices: Array, starts: Array, width: int, across: bool, /
) -> tuple[Array, int]: ...
def repeats(indices: Array, starts: Array, width: int, /) -> bool: ...
def add_repeats(
    data: Array,
    indices: Array,
    starts: Array,
    width: int,
    to_data: Array,
    to_indices: Array,
    to_starts: Array,
    /,
) -> None: ...
def divide(
    data: Array,
    indices: Array,
    starts: Array,
    width: int,
    across: bool,
    by: Array,
    most: float,
    out: Array,
    /,
) -> None: ...
def divisors(by: Any, n: int, /) -> Array | None: ...
