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
    wide: bool = False,
) -> Array: ...
def widen(x: Array) -> Array | None: ...
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
def norms(x: Array, axes: tuple[int, ...], p: float, mask: Array | None = None) -> Array: ...
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
def values(
    state: Array, correction: float, wide: bool, few: bool = False, root: bool = False
) -> tuple[Array, Array]: ...
def moderate(values: Array) -> bool: ...
def spreads(state: Array, count: float = 0) -> tuple[Array, Array, Array] | None: ...
def factors(state: Array, std: Array) -> tuple[Array, Array, Array | None] | None: ...
def inverse_ranges(low: Array, high: Array, tiny: float) -> Array | None: ...
def meet(
    x: Array, center: Array, factor: Array, regular: Array | None, first: float, last: float, wide: bool
) -> tuple[Array | None, Array | None, Array | None] | None: ...
def move(mean: Array, var: Array, to_mean: Array, to_var: Array, share: float) -> bool: ...
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
) -> bool: ...
def finite(x: Array) -> bool: ...
def totals(state: Array, wide: bool) -> Array: ...
def ends(state: Array, omit: bool, wide: bool) -> tuple[Array, Array]: ...
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
def windows(
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
) -> None: ...
def decayed(x: Array, mean: Array, var: Array, axis: int, alpha: float, adjust: bool, least: int) -> None: ...
def merge_states(state: Array, other: Array, omit: bool = False) -> Array | None: ...
def picture(
    image: Array,
    out: Array,
    axis: int,
    center: Array,
    scale: Array,
    clip: tuple[float, float] | None = None,
    wide: bool = False,
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
def count_labels(labels: Array, groups: int) -> tuple[Array, bool]: ...
def group_extremes(
    x: Array, axes: tuple[int, ...], starts: Array, labels: Array | None, mask: Array | None = None
) -> Array: ...
def group_states(
    x: Array,
    axes: tuple[int, ...],
    starts: Array,
    labels: Array | None,
    mask: Array | None = None,
    weights: Array | None = None,
    omit: bool = False,
    by: float = 1,
) -> Array: ...
def group_values(
    x: Array,
    axes: tuple[int, ...],
    starts: Array,
    labels: Array | None,
    mask: Array | None,
    omit: bool,
    correction: float,
) -> tuple[Array, Array]: ...
def group_normalize(
    x: Array,
    out: Array,
    axes: tuple[int, ...],
    labels: Array,
    starts: Array,
    shuffled: bool,
    weight: Array | None,
    bias: Array | None,
    eps: float,
    mask: Array | None = None,
    eps_mode: int = 0,
) -> None: ...
def sparse_order(indices: Array, starts: Array, width: int) -> int: ...
def sparse_moments(
    data: Array,
    indices: Array,
    starts: Array,
    width: int,
    across: bool,
    weights: Array | None = None,
    omit: bool = False,
) -> tuple[Array, int]: ...
def sparse_extremes(
    data: Array, indices: Array, starts: Array, width: int, across: bool
) -> tuple[Array, int]: ...
def sparse_repeats(indices: Array, starts: Array, width: int) -> bool: ...
def sparse_add_repeats(
    data: Array,
    indices: Array,
    starts: Array,
    width: int,
    to_data: Array,
    to_indices: Array,
    to_starts: Array,
) -> None: ...
def sparse_divide(
    data: Array,
    indices: Array,
    starts: Array,
    width: int,
    across: bool,
    by: Array,
    most: float,
    out: Array,
) -> None: ...
def set_num_threads(n: int) -> None: ...
def get_num_threads() -> int: ...
def activations() -> list[str]: ...
def info() -> dict[str, Any]: ...

C_API: object
