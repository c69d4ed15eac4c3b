"""Types of the calls on groups of positions."""

from cnorm._accept.arrays import Array

def count_labels(labels: Array, groups: int) -> tuple[Array, bool]: ...
def extremes(
    x: Array, axes: tuple[int, ...], starts: Array, labels: Array | None, mask: Array | None = None
) -> Array: ...
def moments(
    x: Array,
    axes: tuple[int, ...],
    starts: Array,
    labels: Array | None,
    mask: Array | None = None,
    weights: Array | None = None,
    omit: bool = False,
    by: float = 1,
) -> Array: ...
def values(
    x: Array,
    axes: tuple[int, ...],
    starts: Array,
    labels: Array | None,
    mask: Array | None,
    omit: bool,
    correction: float,
) -> tuple[Array, Array]: ...
def normalize(
    x: Array,
    out: Array,
    axes: tuple[int, ...],
    starts: Array,
    labels: Array | None,
    weight: Array | None,
    bias: Array | None,
    eps: float,
    mask: Array | None = None,
    eps_mode: int = 0,
) -> None: ...
