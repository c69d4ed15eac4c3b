"""Types of the compiled gate to the C core."""

from typing import Any

from cnorm._accept.arrays import Array

def moments(
    x: Array,
    axes: tuple[int, ...],
    mask: Array | None = None,
    weights: Array | None = None,
    omit: bool = False,
    by: float = 1,
) -> Array: ...
def sums(
    x: Array,
    axes: tuple[int, ...],
    mask: Array | None = None,
    weights: Array | None = None,
    omit: bool = False,
    by: float = 1,
) -> Array: ...
def squares(x: Array, axes: tuple[int, ...], mask: Array | None = None, omit: bool = False) -> Array: ...
def extremes(x: Array, axes: tuple[int, ...], mask: Array | None = None) -> Array: ...
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
    eps_mode: int = 0,
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
def plan(x: Array, axes: tuple[int, ...], weight: Array | None = None) -> str: ...
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
def gate(x: Array, gate: Array, out: Array, activation: tuple[int, float]) -> None: ...
def respond(
    x: Array,
    out: Array,
    axis: int,
    below: int,
    above: int,
    anchored: bool,
    alpha: float,
    beta: float,
    k: float,
) -> None: ...
def merge_states(state: Array, other: Array, omit: bool = False) -> Array | None: ...
def picture(
    image: Array,
    out: Array,
    axis: int,
    center: Array,
    scale: Array,
    clip: tuple[float, float] | None = None,
) -> None: ...
def picture_patches(
    image: Array,
    out: Array,
    center: Array,
    scale: Array,
    patches: tuple[int, int, int],
    clip: tuple[float, float] | None = None,
) -> None: ...
def pixel_sums(x: Array, axes: tuple[int, ...]) -> Array: ...
def set_num_threads(n: int) -> None: ...
def get_num_threads() -> int: ...
def activations() -> list[str]: ...
def info() -> dict[str, Any]: ...
