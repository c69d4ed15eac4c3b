"""Types of the windows along an axis."""

from typing import Any

from cnorm._accept.arrays import Array

def reduce(
    x: Array,
    first: Array,
    second: Array | None,
    axis: int,
    kind: str,
    window: int,
    least: int,
    forward: int = 0,
    spread: str = "var",
    correction: float = 0,
    eps: float = 0,
    eps_mode: int = 0,
) -> None: ...
def decayed(
    x: Array, mean: Array, var: Array, axis: int, alpha: float, adjust: bool, least: int, /
) -> None: ...
def at_once(
    kind: str,
    a: Any,
    window: Any,
    min_count: Any,
    axis: Any,
    center: Any,
    by: Any,
    out: Any,
    short: bool,
    /,
) -> Any: ...
def decayed_at_once(
    a: Any, alpha: Any, axis: Any, adjust: Any, min_count: Any, /
) -> tuple[Array, Array] | None: ...
