"""Types of what channels are multiplied with."""

from typing import Any

from cnorm._accept.arrays import Array

def affine_form(
    mean: Array, var: Array, weight: Array | None, bias: Array | None, before: Array | None, eps: float, /
) -> tuple[Array, Array]: ...
def product(x: Array, by: Array, axis: int, out: Array) -> bool: ...
def compare_norms(norms: Array, eps: Array | float, weight: Array, /) -> Array: ...
def fold_at_once(
    weight: Any, bias: Any, mean: Any, var: Any, by: Any, to: Any, eps: Any, /
) -> tuple[Array, Array] | None: ...
