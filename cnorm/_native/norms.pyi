"""Types of the calls with a result."""

from typing import Any

from cnorm._accept.arrays import Array

def normalize(
    x: Array,
    out: Array,
    axes: tuple[int, ...],
    weight: Array | None,
    bias: Array | None,
    eps: float,
    kind: str,
    return_state: bool = False,
    mask: Array | None = None,
    activation: tuple[int, float] | None = None,
    parts: tuple[Array, Array] | None = None,
    omit: bool = False,
    p: float = 1,
    eps_mode: int = 0,
    known: Array | None = None,
    moderate: bool = False,
) -> Any: ...
def normalize_int8(
    x: Array,
    q: Array,
    scales: Array,
    axes: tuple[int, ...],
    weight: Array | None,
    bias: Array | None,
    eps: float,
    kind: str,
    given: bool,
    mask: Array | None = None,
) -> None: ...
def apply(
    x: Array,
    out: Array,
    center: Array,
    scale: Array,
    weight: Array | None,
    bias: Array | None,
    mask: Array | None = None,
    activation: tuple[int, float] | None = None,
) -> None: ...
def apply_running(
    x: Array,
    out: Array,
    mean: Array,
    var: Array,
    weight: Array | None,
    bias: Array | None,
    eps: float,
    mask: Array | None = None,
    activation: tuple[int, float] | None = None,
    eps_mode: int = 0,
) -> None: ...
def gate(x: Array, gate: Array, out: Array, activation: tuple[int, float], /) -> None: ...
def respond_at_once(
    x: Any, size: Any, alpha: Any, beta: Any, k: Any, anchored: bool, rank: int, out: Any, /
) -> Array | None: ...
def respond(
    x: Array, out: Array, size: int, anchored: bool, alpha: float, beta: float, k: float, /
) -> None: ...
def standardize_at_once(
    x: Any,
    axis: Any,
    weight: Any,
    bias: Any,
    eps: Any,
    where: Any,
    out: Any,
    return_moments: bool,
    eps_mode: int,
    /,
) -> Any: ...
def normalize_at_once(x: Any, p: Any, axis: Any, eps: Any, out: Any, /) -> Array | None: ...
