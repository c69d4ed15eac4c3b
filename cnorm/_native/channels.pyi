"""Types of channels folded, mixed, and compared."""

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
def switch_at_once(
    x: Any,
    powers: Array,
    mean: Any,
    var: Any,
    weight: Any,
    bias: Any,
    eps: float,
    training: bool,
    where: Any,
    out: Any,
    /,
) -> tuple[Array, tuple[Array, Array, Array] | None] | None: ...
def response_output(x: Any, weight: Any, bias: Any, eps: Any, out: Any, /) -> Array | None: ...
def respond_to(roots: Array, x: Array, y: Array, weight: Array, bias: Array, eps: Any, /) -> None: ...
