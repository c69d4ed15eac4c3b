"""Types of the call that takes tensors, too."""

from collections.abc import Callable
from typing import Any

def routed(
    function: Callable[..., Any], careful_array: Callable[..., Any], careful_tensor: Callable[..., Any]
) -> Any: ...
