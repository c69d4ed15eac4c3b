"""Types of the glance at a layer of torch."""

from collections.abc import Callable, Sequence
from typing import Any

from cnorm._accept.arrays import Array

def watched(
    compute: Callable[[Array], Array],
    attributes: dict[str, Any],
    number: int,
    parameters: Sequence[tuple[dict[str, Any], str]],
    modes: Sequence[Callable[[], Any]],
    least: Sequence[int],
    ranks: int,
) -> Any: ...
