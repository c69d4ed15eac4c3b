"""Types of the reductions that need no care."""

from typing import Any

def moments(
    x: Any, axis: Any, correction: Any, keepdims: Any, where: Any, omit: bool, weights: Any = None
) -> tuple[Any, Any] | None: ...
def reduce(
    name: str,
    a: Any,
    axis: Any,
    out: Any,
    keepdims: Any,
    where: Any,
    omit: bool = False,
    ddof: Any = 0,
    dtype: Any = None,
    weights: Any = None,
) -> Any: ...
def pool_at_once(x: Any, where: Any, axis: Any, out: Any, exact: bool, /) -> Any: ...
