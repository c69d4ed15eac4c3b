"""Types of the calls on images."""

from typing import Any

from cnorm._accept.arrays import Array

def quotients(mean: Any, std: Any, channels: int, scale: float) -> tuple[Array, Array] | None: ...
def picture(
    image: Array,
    out: Array,
    axis: int,
    center: Array,
    scale: Array,
    clip: tuple[float, float] | None = None,
) -> None: ...
def patches(
    image: Array,
    out: Array,
    center: Array,
    scale: Array,
    sizes: tuple[int, int, int],
    clip: tuple[float, float] | None = None,
) -> None: ...
def pixel_sums(x: Array, axes: tuple[int, ...]) -> Array: ...
def means_and_variances(state: Array, n: float) -> tuple[Array, Array]: ...
def inverses(std: Array, one: float) -> Array: ...
