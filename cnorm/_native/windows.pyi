"""Types of the windows along an axis."""

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
def decayed(x: Array, mean: Array, var: Array, axis: int, alpha: float, adjust: bool, least: int) -> None: ...
