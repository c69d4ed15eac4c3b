"""layer_norm and rms_norm: statistics over the last dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm import _core
from cnorm._arrays import Array, Output, as_input, as_parameter
from cnorm._axes import as_number, check_affine, normalized_axes


def layer_norm(
    input: Any,
    normalized_shape: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    *,
    out: Any = None,
) -> Array:
    r"""Layer normalization over the last dimensions [1]_.

    .. math:: y = \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} \, w + b

    Parameters
    ----------
    input : array_like of float, shape (..., *normalized_shape)
        Any layout.
    normalized_shape : tuple of int
        Sizes of the trailing dimensions each mean and (biased) variance is taken over.
    weight, bias : array_like of float, shape normalized_shape, optional
        Scale and shift of each element.
    eps : float
        Added to the variance.
    out : ndarray, optional
        Where to write; may be `input` itself.

    Returns
    -------
    ndarray
        Dtype, shape and memory order of `input`.

    Raises
    ------
    TypeError
        `input` or a parameter is not float; `normalized_shape` is not a tuple of ints.
    ValueError
        Shapes do not agree, or `out` does not fit.

    References
    ----------
    .. [1] Ba, Kiros & Hinton, "Layer Normalization", 2016, arXiv:1607.06450.

    Examples
    --------
    >>> import numpy as np, cnorm.functional as F
    >>> F.layer_norm(np.array([[1.0, 2.0, 3.0], [4.0, 4.0, 7.0]]), (3,)).round(3)
    array([[-1.225,  0.   ,  1.225],
           [-0.707, -0.707,  1.414]])
    """
    return _trailing(input, normalized_shape, weight, bias, eps, out, "var")


def rms_norm(
    input: Any,
    normalized_shape: Any,
    weight: Any = None,
    eps: float | None = None,
    *,
    out: Any = None,
) -> Array:
    r"""Root-mean-square normalization over the last dimensions [1]_.

    .. math:: y = \frac{x}{\sqrt{\frac{1}{n} \sum x^2 + \epsilon}} \, w

    Parameters
    ----------
    input : array_like of float, shape (..., *normalized_shape)
        Any layout.
    normalized_shape : tuple of int
        Sizes of the trailing dimensions.
    weight : array_like of float, shape normalized_shape, optional
        Scale of each element.
    eps : float, optional
        Added to the mean square; None takes the machine epsilon torch takes: that of float64 for
        float64 input, else of float32.
    out : ndarray, optional
        Where to write; may be `input` itself.

    Returns
    -------
    ndarray
        Dtype, shape and memory order of `input`.

    Raises
    ------
    TypeError
        `input` or `weight` is not float; `normalized_shape` is not a tuple of ints.
    ValueError
        Shapes do not agree, or `out` does not fit.

    References
    ----------
    .. [1] Zhang & Sennrich, "Root Mean Square Layer Normalization", 2019, arXiv:1910.07467.

    Examples
    --------
    >>> import numpy as np, cnorm.functional as F
    >>> F.rms_norm(np.array([[3.0, 4.0]]), (2,)).round(4)
    array([[0.8485, 1.1314]])
    """
    return _trailing(input, normalized_shape, weight, None, eps, out, "rms")


def _trailing(
    input: Any, normalized_shape: Any, weight: Any, bias: Any, eps: float | None, out: Any, kind: str
) -> Array:
    """layer_norm and rms_norm: moments over the trailing axes, parameters of exactly their shape."""
    x = as_input(input)
    axes, shape = normalized_axes(x, normalized_shape)
    w, b = as_parameter(weight, "weight", x, out), as_parameter(bias, "bias", x, out)
    check_affine(w, "weight", shape)
    check_affine(b, "bias", shape)
    if eps is None and kind == "rms":
        eps = float(np.finfo(np.float64 if x.dtype.itemsize == 8 else np.float32).eps)
    eps = as_number(eps, "eps")
    lead = (1,) * (x.ndim - len(shape))
    target = Output(x, out)
    _core.normalize(
        target.x,
        target.y,
        axes,
        None if w is None else w.reshape(lead + shape),
        None if b is None else b.reshape(lead + shape),
        eps,
        kind,
    )
    return target.done()
