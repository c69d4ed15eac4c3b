"""What batch and instance norms share: per-channel parameters and running statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array
from cnorm._accept.hints import Dtype
from cnorm.nn._module import Module, new_array, parameter_dtype

NEW_PARAMETERS = {"weight": 1, "bias": 0}
NEW_STATISTICS = {"running_mean": 0, "running_var": 1, "num_batches_tracked": 0}


class NormBase(Module):
    """Owns weight, bias, running_mean, running_var and num_batches_tracked."""

    weight: Array | None
    bias: Array | None
    running_mean: Array | None
    running_var: Array | None
    num_batches_tracked: Array | None
    _version = 2
    _norm: Callable[..., Array]  # what a call is handed to
    _dtype: np.dtype[Any] = np.dtype(np.float32)

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Dtype = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self._dtype = parameter_dtype(device, dtype)
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._register(bias)
        self.reset_parameters()

    def _new(self) -> Any:
        """A value per channel, to be filled by reset_parameters."""
        return new_array(self.num_features, self._dtype, "num_features")

    def _register(self, bias: bool) -> None:
        track = self.track_running_stats
        self.register_parameter("weight", self._new() if self.affine else None)
        self.register_parameter("bias", self._new() if self.affine and bias else None)
        self.register_buffer("running_mean", self._new() if track else None)
        self.register_buffer("running_var", self._new() if track else None)
        self.register_buffer("num_batches_tracked", np.zeros((), np.int64) if track else None)

    def reset_running_stats(self) -> None:
        """Mean 0, variance 1, no batches."""
        if self.track_running_stats:
            self._fill(NEW_STATISTICS)

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, and the running statistics as new."""
        self._fill({**NEW_PARAMETERS, **(NEW_STATISTICS if self.track_running_stats else {})})

    def _optional_keys(self, version: int | None) -> set[str]:
        # torch before version 2 of the layer saved no num_batches_tracked.
        return {"num_batches_tracked"} if self.track_running_stats and (version or 0) < 2 else set()

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )
