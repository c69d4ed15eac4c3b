"""Types of the ways that take tables at once."""

from collections.abc import Callable
from typing import Any

from cnorm._accept.arrays import Array

def by_ends(x: Any, axis: Any, out: Any, target: Any, omit: bool) -> Array | None: ...
def by_moments(
    x: Any, other: Any, axis: Any, out: Any, divided: bool, complete: bool, few: int
) -> Array | None: ...
def by_roots(x: Any, out: Any, mean: Array, root: Array, back: bool) -> Array | None: ...
def by_fitted(
    x: Any, known: dict[Any, Any], statistics: Array, seen: bytes, is_finite: Callable[[Array], bool]
) -> Array | None: ...
