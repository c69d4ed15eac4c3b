"""Types of scores at once and of logarithms."""

from typing import Any

from cnorm._accept.arrays import Array

def scores_at_once(
    x: Any, axis: Any, share: float | None, nan_policy: Any, where: Any, out: Any, /
) -> Array | None: ...
def log_scores_at_once(
    x: Any, axis: Any, share: float | None, nan_policy: Any, out: Any, /
) -> Array | None: ...
def logarithms(x: Array, /) -> tuple[Array, bool, bool]: ...
