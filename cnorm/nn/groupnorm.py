"""GroupNorm: statistics over groups of channels."""

from __future__ import annotations

from functools import partial
from typing import Any

from cnorm import functional as F
from cnorm._accept.arrays import Array
from cnorm._accept.axes import as_int
from cnorm._accept.hints import ArrayLike, Dtype, Out
from cnorm.nn._module import Module, Norm, new_array, parameter_dtype


class GroupNorm(Module):
    r"""Group normalization: statistics over groups of channels of each sample [1]_.

    .. math:: y = \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} \, w_c + b_c

    Parameters
    ----------
    num_groups : int
        Must divide `num_channels`.
    num_channels : int
        Channels of (N, C, ...) input.
    eps : float
        Added to the variance.
    affine : bool
        Learnable weight (and bias) per channel.
    device : None or "cpu"
        Accepted for torch's sake.
    dtype : dtype, optional
        Of the parameters; float32 if None.
    bias : bool
        With False there is a weight only.

    Raises
    ------
    ValueError
        Groups that do not divide the channels; on a call, other channels than `num_channels`.

    See Also
    --------
    cnorm.functional.group_norm : The function.
    InstanceNorm2d : Each channel by itself.

    References
    ----------
    .. [1] Wu & He, "Group Normalization", 2018, arXiv:1803.08494.

    Examples
    --------
    >>> import numpy as np, cnorm.nn as nn
    >>> nn.GroupNorm(2, 4)(np.arange(8.0).reshape(1, 4, 2)).round(3)[0, 0]
    array([-1.342, -0.447])
    """

    weight: Array | None
    bias: Array | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Dtype = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        num_groups, num_channels = as_int(num_groups, "num_groups"), as_int(num_channels, "num_channels")
        if num_groups == 0 or num_channels % num_groups:
            raise ValueError(
                f"num_groups: expected a divisor of num_channels ({num_channels}), got {num_groups}"
            )
        kind = parameter_dtype(device, dtype)
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            self.register_parameter(name, new_array(num_channels, kind, "num_channels") if wanted else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        self._fill({"weight": 1, "bias": 0})

    def forward(self, input: ArrayLike, out: Out = None, **fused: Any) -> Array:
        norm: Norm = partial(F.group_norm, **fused) if fused else F.group_norm
        return norm(input, self.num_groups, self.weight, self.bias, self.eps, out=out)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )
