"""global_response_norm: channels weighed against each other by their norm over all positions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, Output, as_input, as_parameter
from cnorm._accept.axes import as_eps, check_channels
from cnorm._accept.hints import ArrayLike, Out
from cnorm._accept.masks import as_mask, unmasked
from cnorm._native import channels, core, glance, maps, norms, reduced
from cnorm._stats.reductions import squares_of
from cnorm._stats.state import M2, UNIT

# Elements taken at once for each thread: what was read for the norms is in the cache for the result.
_AT_ONCE = 2**17
_SPACE = (1, 2)


def global_response_norm(
    x: ArrayLike, weight: ArrayLike, bias: ArrayLike, eps: float = 1e-6, *, out: Out = None
) -> Array:
    r"""Global response normalization of (N, H, W, C) input, as in ConvNeXt V2 [1]_.

    .. math:: y = x + w_c \, x \, n_c + b_c, \qquad
        n_c = \frac{g_c}{\frac{1}{C} \sum_{c'} g_{c'} + \epsilon}, \qquad g_c = \lVert x_c \rVert_2

    Parameters
    ----------
    x : array_like of float, shape (N, H, W, C)
        Any layout; (N, C, H, W) data come as `x.transpose(0, 2, 3, 1)`, without a copy.
    weight, bias : array_like of float, C elements
        `w` and `b`.
    eps : float
        Added to the mean of the norms.
    out : ndarray, optional
        Where to write; may be `x` itself.

    Returns
    -------
    ndarray
        Dtype, shape and memory order of `x`.

    Raises
    ------
    TypeError
        A dtype that is not float.
    ValueError
        Other than 4 dimensions, wrong sizes, an `eps` below 0 or NaN, an `out` that does not fit.

    See Also
    --------
    local_response_norm : Over neighbouring channels.
    cnorm.nn.GlobalResponseNorm : The layer.

    References
    ----------
    .. [1] Woo et al., "ConvNeXt V2: Co-designing and Scaling ConvNets with Masked Autoencoders", 2023,
       arXiv:2301.00808.

    Examples
    --------
    >>> import numpy as np, cnorm.functional as F
    >>> x = np.array([3.0, 0.0, 4.0, 5.0]).reshape(1, 2, 1, 2)
    >>> F.global_response_norm(x, np.array([1.0, 2.0]), np.zeros(2), eps=0.0).ravel()
    array([ 6.,  0.,  8., 15.])
    """
    y = _at_once(x, weight, bias, eps, out)
    if y is not None:
        return y
    data, where, result = unmasked(x)
    array = as_input(data, "x")
    if array.ndim != 4:
        raise ValueError(f"x: expected 4 dimensions (N, H, W, C), got shape {array.shape}")
    w, b = _vector(weight, "weight", array, out), _vector(bias, "bias", array, out)
    eps = as_eps(eps)
    mask = as_mask(where, array, out)
    target = Output(array, out)
    if array.size <= _AT_ONCE:
        _respond(target.x, target.y, w, b, eps, mask)
        return result(target.done())
    one = max(1, math.prod(array.shape[1:]))
    step = max(1, _AT_ONCE * core.get_num_threads() // one)
    for first in range(0, len(array), step):
        some = slice(first, first + step)
        shown = None if mask is None else mask[some] if len(mask) > 1 else mask
        _respond(target.x[some], target.y[some], w, b, eps, shown)
    return result(target.done())


def _at_once(x: Any, weight: Any, bias: Any, eps: Any, out: Any) -> Array | None:
    """The response of few elements; None where care is needed."""
    weight, bias = glance.in_lanes(weight, x), glance.in_lanes(bias, x)
    y = channels.response_output(x, weight, bias, eps, out)
    if y is None or y.size > _AT_ONCE or _samples_are_neighbours(x):
        return None
    roots = _moderate_norms(x, None)
    if roots is None:
        return None
    channels.respond_to(roots, x, y, weight, bias, eps)
    return y


def _vector(p: Any, name: str, x: Array, out: Any) -> Array:
    """A parameter per channel, against the last axis."""
    array = as_parameter(p, name, x, out)
    if array is None:
        raise TypeError(f"{name}: expected an array, got None")
    check_channels(array, name, x.shape[-1])
    return array.reshape(-1)


def _samples_are_neighbours(x: Array) -> bool:
    """Do several samples lie beside each other, element by element, as in Fortran order?"""
    return len(x) > 1 and abs(x.strides[0]) < min(map(abs, x.strides[1:]))


def _respond(x: Array, y: Array, w: Array, b: Array, eps: float, mask: Array | None) -> None:
    """Samples by themselves: y = x * (1 + w * n) + b."""
    if _samples_are_neighbours(x):  # groups that are not together: copies take a quarter of the time
        together = x.copy(order="C")
        _respond(together, together, w, b, eps, mask)
        y[...] = together
        return
    norm, unit = _norms(x, mask)
    scale = channels.compare_norms(norm, eps * unit, w)
    norms.apply(x, y, np.zeros(scale.shape), scale, None, b.reshape(1, 1, 1, -1), mask)


def _moderate_norms(x: Array, mask: Array | None) -> Array | None:
    """Norms whose squares need no unit; None where they do."""
    squares = reduced.reduce("squares", x, _SPACE, None, True, mask, dtype=np.float64)
    if squares is None or not maps.moderate(squares):
        return None
    if x.itemsize == 8 and not squares.all():  # 0: or too small
        return None
    roots: Array = np.sqrt(squares, out=squares)
    return roots


def _norms(x: Array, mask: Array | None) -> tuple[Array, Any]:
    """Norms of each sample's channels in the unit of its largest, in which no sum of them leaves float64."""
    roots = _moderate_norms(x, mask)
    if roots is not None:
        return roots, 1.0
    state = squares_of(x, _SPACE, mask)
    with np.errstate(all="ignore"):
        unit = state[..., UNIT].min(-1, keepdims=True, initial=1)
        return np.sqrt(state[..., M2]) / (state[..., UNIT] / unit), unit
