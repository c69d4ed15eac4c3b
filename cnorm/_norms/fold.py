"""Batch normalization in evaluation: as one multiplication and addition, and folded into a layer."""

from __future__ import annotations

import numpy as np

from cnorm._accept.arrays import Array, as_input, empty_like, rounded
from cnorm._accept.axes import as_eps, check_rank
from cnorm._accept.hints import ArrayLike, Given
from cnorm._native import channels

__all__ = ["affine_form", "fold_batch_norm"]


def affine_form(
    mean: Array,
    var: Array,
    weight: Array | None,
    bias: Array | None,
    eps: float,
    before: Array | None = None,
) -> tuple[Array, Array]:
    """float64 (scale, shift): x * scale + shift = (x + before - mean) / sqrt(var + eps) * weight + bias."""
    return channels.affine_form(mean, var, weight, bias, before, eps)


def fold_batch_norm(
    weight: ArrayLike,
    bias: Given,
    running_mean: ArrayLike,
    running_var: ArrayLike,
    bn_weight: Given,
    bn_bias: Given,
    eps: float = 1e-5,
    transpose: bool = False,
) -> tuple[Array, Array]:
    r"""Weight and bias of a convolution or linear layer that does the work of the BatchNorm behind it, too.

    .. math:: W' = \frac{W w}{\sqrt{\sigma^2 + \epsilon}}, \qquad
              b' = \frac{(b - \mu) w}{\sqrt{\sigma^2 + \epsilon}} + b_{bn}

    As `torch.nn.utils.fusion.fuse_conv_bn_weights` (mind the place of `eps`) and `fuse_linear_bn_weights`,
    but in float64, rounded once.

    Parameters
    ----------
    weight : array_like of float, shape (out, in, ...)
        Of a linear layer or a convolution of any rank, grouped or not.
    bias : array_like of float, shape (out,), or None
        None for zeros.
    running_mean, running_var : array_like of float, shape (out,) or (1,)
        Of the BatchNorm in evaluation mode.
    bn_weight, bn_bias : array_like of float of that shape, or None
        None for ones and zeros.
    eps : float
        Added to the variance.
    transpose : bool
        `weight` is that of a transposed convolution, (in, out / groups, ...); the groups follow from
        the size of `running_mean`.

    Returns
    -------
    weight : ndarray
        In the shape, dtype and memory order of `weight`.
    bias : ndarray, shape (out,)
        In the dtype of `bias`, without one in that of `weight`.

    Raises
    ------
    TypeError
        A dtype that is not float.
    ValueError
        Sizes that do not fit, a weight with fewer than 2 dimensions, an `eps` below 0 or NaN.

    See Also
    --------
    batch_norm : What is folded.
    cnorm.nn.FrozenBatchNorm2d : Kept as a layer.

    Notes
    -----
    A channel with ``running_var + eps = 0`` is 0 before `bn_bias` is added, as in `batch_norm`; torch's
    functions make it infinite.

    Examples
    --------
    >>> import numpy as np, cnorm.functional as F
    >>> rng = np.random.default_rng(0)
    >>> x, w, b = rng.normal(size=(5, 3)), rng.normal(size=(2, 3)), rng.normal(size=2)
    >>> mean, var, scale, shift = rng.uniform(1, 2, (4, 2))
    >>> w2, b2 = F.fold_batch_norm(w, b, mean, var, scale, shift)
    >>> np.allclose(x @ w2.T + b2, F.batch_norm(x @ w.T + b, mean, var, scale, shift))
    True
    """
    if transpose is False:
        found = channels.fold_at_once(weight, bias, running_mean, running_var, bn_weight, bn_bias, eps)
        if found is not None:
            return found
    w = as_input(weight, "weight")
    check_rank(w, 2, "weight")
    eps = as_eps(eps)
    mean, var = as_input(running_mean, "running_mean"), as_input(running_var, "running_var")
    count = output_channels(w, mean, transpose)
    scale_of_bn = None if bn_weight is None else as_input(bn_weight, "bn_weight")
    shift_of_bn = None if bn_bias is None else as_input(bn_bias, "bn_bias")
    for name, value in (("running_var", var), ("bn_weight", scale_of_bn), ("bn_bias", shift_of_bn)):
        if value is not None and value.shape != mean.shape:
            raise ValueError(f"{name}: expected shape {mean.shape} as running_mean, got {value.shape}")
    b = None if bias is None else as_input(bias, "bias")
    if b is not None and b.shape != (count,):
        raise ValueError(f"bias: expected shape ({count},), got {b.shape}")
    if mean.size != count:
        mean, var = np.repeat(mean, count), np.repeat(var, count)
        scale_of_bn = None if scale_of_bn is None else np.repeat(scale_of_bn, count)
        shift_of_bn = None if shift_of_bn is None else np.repeat(shift_of_bn, count)
    scale, shift = affine_form(mean, var, scale_of_bn, shift_of_bn, eps, b)
    return multiplied(w, scale, transpose), rounded(shift, w.dtype if b is None else b.dtype)


def multiplied(w: Array, scale: Array, transpose: bool) -> Array:
    """A weight times a number for each output channel, in float64, rounded once."""
    folded = empty_like(w)
    if transpose and scale.size != w.shape[1]:  # of each group its own
        groups = scale.size // w.shape[1] if scale.size else 0
        scale = np.repeat(scale.reshape(groups, w.shape[1]), w.shape[0] // max(groups, 1), 0)
    first = 1 if transpose and scale.ndim == 1 else 0
    if channels.product(w, scale, first, folded) or product_in_memory_order(w, scale, first, folded):
        return folded
    factor = scale.reshape(*scale.shape, *(1,) * (w.ndim - first - scale.ndim))
    with np.errstate(over="ignore", invalid="ignore"):
        return np.multiply(w, factor, out=folded, dtype=np.float64, casting="unsafe")


def product_in_memory_order(w: Array, scale: Array, first: int, out: Array) -> bool:
    """`channels.product` of arrays without gaps in another order than C; False if one has gaps."""
    order = sorted(range(w.ndim), key=lambda axis: -w.strides[axis])
    of = [order.index(axis) for axis in range(first, first + scale.ndim)]
    neighbours = sorted(of) == list(range(min(of), min(of) + len(of)))
    by = np.ascontiguousarray(scale.transpose(np.argsort(of)))
    return neighbours and channels.product(w.transpose(order), by, min(of), out.transpose(order))


def output_channels(w: Array, mean: Array, transpose: bool) -> int:
    """How many channels the layer gives; raises unless there is a mean for each, or one for all."""
    if mean.ndim != 1:
        raise ValueError(f"running_mean: expected 1 dimension, got shape {mean.shape}")
    least = w.shape[1] if transpose else w.shape[0]
    fits = mean.size == least
    if transpose and mean.size and least:
        fits = mean.size % least == 0 and w.shape[0] % (mean.size // least) == 0
    if not fits and mean.size != 1:
        raise ValueError(
            f"running_mean: expected {least} elements, one per output channel"
            f"{', or as many for each group' if transpose else ''}; got {mean.size}"
        )
    return mean.size if fits else least
