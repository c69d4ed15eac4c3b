"""Types of the compiled gate to statistics put together."""

from typing import Any

from cnorm._accept.arrays import Array

def average(state: Array) -> tuple[Array, Array] | None: ...
def lowered(a: Array, b: Array) -> Array: ...
def mix(
    state: Array, batch: Any, powers: Array, eps: float, counted: bool
) -> tuple[Array, Array, Array, tuple[Array, Array, Array] | None]: ...
