"""LayerNorm and RMSNorm over the last dimensions."""

from __future__ import annotations

import numbers
from functools import partial
from typing import Any

from cnorm import functional as F
from cnorm._accept.arrays import Array
from cnorm._accept.hints import ArrayLike, Dtype, Out, Sizes
from cnorm.nn._module import Module, Norm, new_array, parameter_dtype


def _as_shape(normalized_shape: Any) -> tuple[int, ...]:
    if isinstance(normalized_shape, numbers.Integral):
        return (int(normalized_shape),)
    try:
        return tuple(normalized_shape)
    except TypeError:
        raise TypeError(f"normalized_shape: expected an int or ints, got {normalized_shape!r}") from None


def _told(weight_offset: float) -> str:
    return f", weight_offset={weight_offset}" if weight_offset else ""


class LayerNorm(Module):
    r"""Layer normalization over the last dimensions [1]_.

    .. math:: y = \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} \, w + b

    Parameters
    ----------
    normalized_shape : int or tuple of int
        Sizes of the trailing dimensions.
    eps : float
        Added to the variance.
    elementwise_affine : bool
        Learnable weight (and bias) of that shape.
    bias : bool
        With False there is a weight only.
    device : None or "cpu"
        Accepted for torch's sake.
    dtype : dtype, optional
        Of the parameters; float32 if None.
    weight_offset : float
        Added to the weight where it is used: 1 for models that learn how far it is from 1 (Gemma, Nemotron).

    Raises
    ------
    ValueError
        On a call: input that does not end in `normalized_shape`.

    See Also
    --------
    cnorm.functional.layer_norm : The function.
    RMSNorm : Without the mean.

    References
    ----------
    .. [1] Ba, Kiros & Hinton, "Layer Normalization", 2016, arXiv:1607.06450.

    Examples
    --------
    >>> import numpy as np, cnorm.nn as nn
    >>> nn.LayerNorm(3)(np.array([[1.0, 2.0, 3.0]])).round(3)
    array([[-1.225,  0.   ,  1.225]])
    """

    weight: Array | None
    bias: Array | None

    def __init__(
        self,
        normalized_shape: Sizes,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Dtype = None,
        *,
        weight_offset: float = 0.0,
    ) -> None:
        super().__init__()
        kind = parameter_dtype(device, dtype)
        self.normalized_shape = _as_shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.weight_offset = weight_offset
        shape = self.normalized_shape
        for name, wanted in (("weight", elementwise_affine), ("bias", elementwise_affine and bias)):
            self.register_parameter(name, new_array(shape, kind, "normalized_shape") if wanted else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1 with its offset, bias 0."""
        self._fill({"weight": 1 - self.weight_offset, "bias": 0})

    def forward(self, input: ArrayLike, out: Out = None, **fused: Any) -> Any:
        if self.weight_offset:
            fused = {"weight_offset": self.weight_offset, **fused}
        norm: Norm = partial(F.layer_norm, **fused) if fused else F.layer_norm
        return norm(input, self.normalized_shape, self.weight, self.bias, self.eps, out=out)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}{_told(self.weight_offset)}"
        )


class RMSNorm(Module):
    r"""Root-mean-square normalization over the last dimensions [1]_.

    .. math:: y = \frac{x}{\sqrt{\frac{1}{n} \sum x^2 + \epsilon}} \, w

    Parameters
    ----------
    normalized_shape : int or tuple of int
        Sizes of the trailing dimensions.
    eps : float, optional
        Added to the mean square; None for the machine epsilon, as torch.
    elementwise_affine : bool
        Learnable weight of that shape.
    device : None or "cpu"
        Accepted for torch's sake.
    dtype : dtype, optional
        Of the weight; float32 if None.
    weight_offset : float
        Added to the weight where it is used: 1 for models that learn how far it is from 1 (Gemma, Nemotron).

    Raises
    ------
    ValueError
        On a call: input that does not end in `normalized_shape`.

    See Also
    --------
    cnorm.functional.rms_norm : The function.
    LayerNorm : With the mean.

    References
    ----------
    .. [1] Zhang & Sennrich, "Root Mean Square Layer Normalization", 2019, arXiv:1910.07467.

    Examples
    --------
    >>> import numpy as np, cnorm.nn as nn
    >>> nn.RMSNorm(2)(np.array([[3.0, 4.0]])).round(4)
    array([[0.8485, 1.1314]])
    """

    weight: Array | None

    def __init__(
        self,
        normalized_shape: Sizes,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Dtype = None,
        *,
        weight_offset: float = 0.0,
    ) -> None:
        super().__init__()
        kind = parameter_dtype(device, dtype)
        self.normalized_shape = _as_shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.weight_offset = weight_offset
        shape = self.normalized_shape
        weight = new_array(shape, kind, "normalized_shape") if elementwise_affine else None
        self.register_parameter("weight", weight)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1 with its offset."""
        self._fill({"weight": 1 - self.weight_offset})

    def forward(self, input: ArrayLike, out: Out = None, **fused: Any) -> Any:
        if self.weight_offset:
            fused = {"weight_offset": self.weight_offset, **fused}
        norm: Norm = partial(F.rms_norm, **fused) if fused else F.rms_norm
        return norm(input, self.normalized_shape, self.weight, self.eps, out=out)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
            f"{_told(self.weight_offset)}"
        )
