"""InstanceNorm1d/2d/3d: batched input, or one sample without a batch axis."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np

from cnorm import functional as F
from cnorm._accept.arrays import Array
from cnorm._accept.hints import ArrayLike, Dtype, Out
from cnorm._accept.tensors import as_its_kind, is_of_torch
from cnorm.nn._module import Norm, check_rank
from cnorm.nn._norm_base import NormBase

_DOC = r"""Instance normalization of {shapes} input [1]_.

    .. math:: y = \frac{{x - \mathrm{{E}}[x]}}{{\sqrt{{\mathrm{{Var}}[x] + \epsilon}}}} \, w_c + b_c

    Statistics are those of each channel of each sample. With `track_running_stats` their averages over
    the batch are kept and used in evaluation mode.

    Parameters
    ----------
    num_features : int
        Channels, C.
    eps : float
        Added to the variance.
    momentum : float or None
        Share of a batch in the running statistics; None means 0.
    affine : bool
        Learnable weight (and bias).
    track_running_stats : bool
        Keep running statistics.
    device : None or "cpu"
        Accepted for torch's sake.
    dtype : dtype, optional
        Of the parameters and running statistics; float32 if None.
    bias : bool
        With False there is a weight only.

    Raises
    ------
    ValueError
        On a call: a wrong rank or number of channels, a single position.

    See Also
    --------
    cnorm.functional.instance_norm : The function.
    GroupNorm : Several channels together.

    References
    ----------
    .. [1] Ulyanov, Vedaldi & Lempitsky, "Instance Normalization", 2016, arXiv:1607.08022.

    Examples
    --------
    >>> import numpy as np, cnorm.nn as nn
    >>> x = np.random.default_rng(0).normal(size={size}).astype(np.float32)
    >>> y = nn.{name}(3)(x)
    >>> bool(abs(y[0, 0].mean()) < 1e-6)
    True
    """


class _InstanceNorm(NormBase):
    _unbatched = 0  # rank of one sample
    _norm = staticmethod(F.instance_norm)

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Dtype = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _refused_keys(self, version: int | None) -> set[str]:
        # Before versions were counted, the layer kept running statistics by default.
        old = version is None and not self.track_running_stats
        return {"running_mean", "running_var"} if old else set()

    def _check_input(self, x: Array) -> None:
        check_rank(x, (self._unbatched, self._unbatched + 1))
        axis = x.ndim - self._unbatched
        if x.shape[axis] == self.num_features:
            return
        message = f"size {self.num_features} (num_features) of axis {axis}, got {x.shape[axis]}"
        if self.affine:
            raise ValueError(f"input: expected {message}")
        warnings.warn(f"input: expected {message}; it is not used because affine=False", stacklevel=3)

    def forward(self, input: ArrayLike, out: Out = None, **fused: Any) -> Array:
        x = as_its_kind(input, "input")
        single = x.ndim == self._unbatched
        if single or x.ndim != self._unbatched + 1 or x.shape[1] != self.num_features:
            self._check_input(x)
        norm: Norm = partial(self._norm, **fused) if fused else self._norm
        y = norm(
            x[None] if single else x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
            out=out[None]
            if single and out is not None and (is_of_torch(out) or isinstance(out, np.ndarray))
            else out,
        )
        if out is not None and not isinstance(y, np.ma.MaskedArray) and is_of_torch(out) == is_of_torch(y):
            return out
        return y[0] if single else y


class InstanceNorm1d(_InstanceNorm):
    __doc__ = _DOC.format(shapes="(N, C, L) or (C, L)", name="InstanceNorm1d", size=(2, 3, 8))
    _unbatched = 2


class InstanceNorm2d(_InstanceNorm):
    __doc__ = _DOC.format(shapes="(N, C, H, W) or (C, H, W)", name="InstanceNorm2d", size=(2, 3, 4, 4))
    _unbatched = 3


class InstanceNorm3d(_InstanceNorm):
    __doc__ = _DOC.format(
        shapes="(N, C, D, H, W) or (C, D, H, W)", name="InstanceNorm3d", size=(2, 3, 4, 4, 2)
    )
    _unbatched = 4
