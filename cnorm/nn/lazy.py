"""Lazy variants: the number of features comes with the first input."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, to_ndarray
from cnorm._accept.hints import ArrayLike, Dtype, Out
from cnorm._accept.masks import unmasked
from cnorm.nn._module import Uninitialized, check_rank
from cnorm.nn._norm_base import NEW_PARAMETERS, NEW_STATISTICS, NormBase
from cnorm.nn.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from cnorm.nn.instancenorm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d

NEW = {**NEW_PARAMETERS, **NEW_STATISTICS}


class _Lazy(NormBase):
    """Becomes `cls_to_become` on the first call."""

    cls_to_become: type[NormBase]

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Dtype = None,
        *,
        bias: bool = True,
    ) -> None:
        NormBase.__init__(self, 0, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _new(self) -> Any:
        return Uninitialized()

    def has_uninitialized_params(self) -> bool:
        """Is the number of features still unknown?"""
        return any(isinstance(v, Uninitialized) for v in self._state().values())

    def _materialize(self, value: Array) -> Array:
        return value.astype(self._dtype)

    def initialize_parameters(self, input: Any) -> None:
        """Allocates parameters and buffers for the channels of `input`."""
        state = self._state()
        features = self.num_features
        if state and features == 0:  # without state it stays 0, as torch leaves it
            shape = to_ndarray(unmasked(input)[0], "input").shape
            if len(shape) < 2:
                raise ValueError(f"input: expected at least 2D input, got {len(shape)}D input")
            features = shape[1]
        missing = [name for name, value in state.items() if isinstance(value, Uninitialized)]
        # What was loaded before the first call stays.
        new = {name: np.full(features, NEW[name], self._dtype) for name in missing}
        self.num_features = features
        for name, value in new.items():
            setattr(self, name, value)

    def _check_lazy_input(self, input: Any) -> None:
        become: Any = self.cls_to_become
        unbatched = getattr(become, "_unbatched", 0)
        check_rank(input, (unbatched, unbatched + 1) if unbatched else become._ranks)

    def forward(self, input: ArrayLike, out: Out = None, **fused: Any) -> Array:
        self._check_lazy_input(input)
        lazy, before = type(self), self.__dict__.copy()
        try:
            self.initialize_parameters(input)
            self.__class__ = self.cls_to_become  # type: ignore[assignment]
            return self.forward(input, out=out, **fused)
        except BaseException:
            self.__class__ = lazy
            self.__dict__.clear()
            self.__dict__.update(before)
            raise


def _lazy(become: type[NormBase]) -> type[_Lazy]:
    name = f"Lazy{become.__name__}"
    doc = f"""`{become.__name__}` whose `num_features` is the size of axis 1 of the first input.

    Parameters
    ----------
    eps, momentum, affine, track_running_stats, device, dtype, bias
        As for `{become.__name__}`; `affine` and `track_running_stats` default to True.

    Raises
    ------
    ValueError
        On a call: as for `{become.__name__}`.

    See Also
    --------
    {become.__name__} : What it becomes.

    Examples
    --------
    >>> import cnorm.nn as nn
    >>> nn.{name}().num_features
    0
    """
    return type(name, (_Lazy,), {"cls_to_become": become, "__doc__": doc, "__module__": __name__})


LazyBatchNorm1d = _lazy(BatchNorm1d)
LazyBatchNorm2d = _lazy(BatchNorm2d)
LazyBatchNorm3d = _lazy(BatchNorm3d)
LazyInstanceNorm1d = _lazy(InstanceNorm1d)
LazyInstanceNorm2d = _lazy(InstanceNorm2d)
LazyInstanceNorm3d = _lazy(InstanceNorm3d)
