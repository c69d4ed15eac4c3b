"""Types that public signatures name: what may be an array, an axis, a dtype."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike
else:  # `import cnorm` does without
    ArrayLike = DTypeLike = Any

__all__ = ["Activation", "ArrayLike", "Axes", "Dtype", "Given", "Out", "Sizes"]

Given: TypeAlias = ArrayLike | None
Out: TypeAlias = np.ndarray[Any, Any] | None
Sizes: TypeAlias = int | Sequence[int]
Axes: TypeAlias = Sizes | None
Dtype: TypeAlias = DTypeLike | None
Activation: TypeAlias = str | tuple[str, float] | None
