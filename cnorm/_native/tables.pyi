"""Types of the ways that take tables at once."""

from collections.abc import Callable
from typing import Any

from cnorm._accept.arrays import Array

def by_ends(x: Any, axis: Any, out: Any, target: Any, omit: bool) -> Array | None: ...
def by_moments(
    x: Any, other: Any, axis: Any, out: Any, divided: bool, complete: bool, few: int
) -> Array | None: ...
def by_fitted(
    x: Any, known: dict[Any, Any], statistics: Array, seen: bytes, is_finite: Callable[[Array], bool]
) -> Array | None: ...
def fit_moments(
    x: Any, before: Array | None, few: int, weights: Any
) -> tuple[Array, float, Array] | None: ...
def fit_range(
    x: Any, least: Array | None, greatest: Array | None, target: Any, eps: float
) -> tuple[Array, float] | None: ...
def fit_largest(x: Any, before: Array | None) -> Array | None: ...
