"""SwitchNorm1d/2d/3d with the names, arguments and buffers of the reference implementation."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm import functional as F
from cnorm._accept.arrays import Array
from cnorm._accept.hints import ArrayLike, Out
from cnorm.nn._module import Module, check_rank, new_array

_DOC = r"""Switchable normalization of {shapes} input [1]_.

    .. math:: y = \frac{{x - \sum_k a_k \mu_k}}{{\sqrt{{\sum_k b_k \sigma_k^2 + \epsilon}}}} \, w_c + b_c

    with k over {kinds} statistics and a, b the softmax of `mean_weight`, `var_weight`.

    Parameters
    ----------
    num_features : int
        Channels, C.
    eps : float
        Added to the variance.
    momentum : float
        Share the running statistics keep.
    using_moving_average : bool
        Moving average of the batch statistics; False adds them up, to be averaged by the caller.
{more}
    Raises
    ------
    ValueError
        On a call: a wrong rank or number of channels, statistics of a single value.

    See Also
    --------
    cnorm.functional.switchable_norm : The function.
    BatchNorm2d : One of the norms that are mixed.

    Notes
    -----
    A `state_dict` saved by the reference implementation
    (switchablenorms/Switchable-Normalization) loads.

    References
    ----------
    .. [1] Luo et al., "Differentiable Learning-to-Normalize via Switchable Normalization", 2018,
       arXiv:1806.10779.

    Examples
    --------
    >>> import numpy as np, cnorm.nn as nn
    >>> nn.{name}(3)(np.random.default_rng(0).normal(size={size})).shape
    {size}
    """

_MORE = """    using_bn : bool
        Batch statistics take part.
    last_gamma : bool
        The weight starts at 0 instead of 1 (last layer of a residual branch).
"""


class _SwitchNorm(Module):
    _rank = 0
    _norm = staticmethod(F.switchable_norm)

    weight: Array
    bias: Array
    mean_weight: Array
    var_weight: Array
    running_mean: Array
    running_var: Array

    def _register(self, features: int, logits: int, running: tuple[int, ...] | None) -> None:
        new_array(features, np.dtype(np.float32), "num_features")  # names the argument if it is wrong
        shape = (1, features) + (1,) * (self._rank - 2)
        self.register_parameter("weight", np.ones(shape, np.float32))
        self.register_parameter("bias", np.zeros(shape, np.float32))
        self.register_parameter("mean_weight", np.ones(logits, np.float32))
        self.register_parameter("var_weight", np.ones(logits, np.float32))
        if running is not None:
            self.register_buffer("running_mean", np.zeros(running, np.float32))
            self.register_buffer("running_var", np.zeros(running, np.float32))
        self.reset_parameters()

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.9,
        using_moving_average: bool = True,
        using_bn: bool = True,
        last_gamma: bool = False,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.using_moving_average = using_moving_average
        self.using_bn = using_bn
        self.last_gamma = last_gamma
        self._register(num_features, 3 if using_bn else 2, (1, num_features, 1) if using_bn else None)

    def reset_parameters(self) -> None:
        """Weight 1 (0 with `last_gamma`), bias 0, running statistics 0; the mix stays."""
        new = {"weight": 0 if self.last_gamma else 1, "bias": 0}
        self._fill({**new, "running_mean": 0, "running_var": 0} if self.using_bn else new)

    def _check_input(self, input: Any) -> None:
        check_rank(input, (self._rank,))

    def forward(self, input: ArrayLike, out: Out = None, **fused: Any) -> Array:
        self._check_input(input)
        return self._norm(
            input,
            self.mean_weight,
            self.var_weight,
            self.running_mean if self.using_bn else None,
            self.running_var if self.using_bn else None,
            self.weight,
            self.bias,
            self.training,
            self.momentum,
            self.eps,
            using_moving_average=self.using_moving_average,
            out=out,
            **fused,
        )

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"


class SwitchNorm1d(_SwitchNorm):
    __doc__ = _DOC.format(shapes="(N, C)", kinds="layer and batch", name="SwitchNorm1d", size=(4, 3), more="")
    _rank = 2

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.997,
        using_moving_average: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, using_moving_average)

    def _register(self, features: int, logits: int, running: tuple[int, ...] | None) -> None:
        super()._register(features, 2, (1, features))


class SwitchNorm2d(_SwitchNorm):
    __doc__ = _DOC.format(
        shapes="(N, C, H, W)",
        kinds="instance, layer and batch",
        name="SwitchNorm2d",
        size=(2, 3, 4, 4),
        more=_MORE,
    )
    _rank = 4


class SwitchNorm3d(_SwitchNorm):
    __doc__ = _DOC.format(
        shapes="(N, C, D, H, W)",
        kinds="instance, layer and batch",
        name="SwitchNorm3d",
        size=(2, 3, 4, 4, 2),
        more=_MORE,
    )
    _rank = 5

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.997,
        using_moving_average: bool = True,
        using_bn: bool = True,
        last_gamma: bool = False,
    ) -> None:
        super().__init__(num_features, eps, momentum, using_moving_average, using_bn, last_gamma)
