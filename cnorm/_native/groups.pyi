"""Types of the calls on groups of positions."""

from typing import Any

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
    /,
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
def moments_at_once(
    x: Any,
    parts: Any,
    num_groups: Any,
    labelled: bool,
    axis: Any,
    correction: Any,
    where: Any,
    nan_policy: Any,
    /,
) -> tuple[Array, Array] | None: ...
def standardize_at_once(
    x: Any,
    parts: Any,
    num_groups: Any,
    labelled: bool,
    axis: Any,
    weight: Any,
    bias: Any,
    eps: Any,
    where: Any,
    out: Any,
    eps_mode: Any,
    /,
) -> Array | None: ...
