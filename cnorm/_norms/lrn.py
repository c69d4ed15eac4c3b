"""Local response normalization: a sliding sum of squares over neighbouring channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, Output, as_input
from cnorm._accept.axes import as_int, as_number, check_rank
from cnorm._accept.hints import ArrayLike, Out
from cnorm._accept.masks import unmasked
from cnorm._native import norms


def local_response_norm(
    input: ArrayLike,
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
    *,
    out: Out = None,
) -> Array:
    r"""Local response normalization across channels [1]_.

    .. math:: y_c = x_c \left(k + \frac{\alpha}{n} \sum_{c'} x_{c'}^2 \right)^{-\beta},
              \quad c - \lfloor n/2 \rfloor \le c' \le c + \lfloor (n-1)/2 \rfloor

    Parameters
    ----------
    input : array_like of float, shape (N, C, ...)
        At least 3 dimensions.
    size : int
        Channels in the window, `n`; those outside count as zero.
    alpha, beta, k : float
        Factor, exponent and additive constant.
    out : ndarray, optional
        Where to write; may be `input` itself.

    Returns
    -------
    ndarray
        Dtype, shape and memory order of `input`.

    Raises
    ------
    TypeError
        `input` is not float, `size` not an int.
    ValueError
        Fewer than 3 dimensions, or a `size` below 1.

    See Also
    --------
    cross_map_lrn2d : The sum over channels, not their mean.
    cnorm.nn.LocalResponseNorm : The layer.

    References
    ----------
    .. [1] Krizhevsky, Sutskever & Hinton, "ImageNet Classification with Deep CNNs", 2012.

    Examples
    --------
    >>> import numpy as np, cnorm.functional as F
    >>> F.local_response_norm(np.ones((1, 3, 1)), 3, alpha=3.0, beta=1.0).ravel().round(4)
    array([0.3333, 0.25  , 0.3333])
    """
    found = norms.respond_at_once(input, size, alpha, beta, k, False, 3, out)
    if found is not None:
        return found
    n = _check_size(size)
    return _respond(input, 3, False, (n, alpha, beta, k), out)


def cross_map_lrn2d(
    input: ArrayLike,
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
    *,
    out: Out = None,
) -> Array:
    r"""Local response normalization with the window of torch's older `CrossMapLRN2d`.

    .. math:: y_c = x_c \left(k + \frac{\alpha}{n} \sum_{c'} x_{c'}^2 \right)^{-\beta}

    Parameters
    ----------
    input : array_like of float, shape (N, C, H, W)
        Any layout.
    size : int
        `n`; the window reaches as far to either side as that of a `size` that is odd.
    alpha, beta, k : float
        Factor, exponent and additive constant.
    out : ndarray, optional
        Where to write; may be `input` itself.

    Returns
    -------
    ndarray
        Dtype, shape and memory order of `input`.

    Raises
    ------
    TypeError
        `input` is not float, `size` not an int.
    ValueError
        Fewer than 4 dimensions, or a `size` below 1.

    See Also
    --------
    local_response_norm : Padded as torch pads.
    cnorm.nn.CrossMapLRN2d : The layer.

    Notes
    -----
    As torch computes it: channel 0 stays in the window once it has entered.

    Examples
    --------
    >>> import numpy as np, cnorm.functional as F
    >>> F.cross_map_lrn2d(np.ones((1, 3, 1, 1)), 3, alpha=3.0, beta=1.0).ravel().round(4)
    array([0.3333, 0.25  , 0.25  ])
    """
    found = norms.respond_at_once(input, size, alpha, beta, k, True, 4, out)
    if found is not None:
        return found
    n = _check_size(size)
    return _respond(input, 4, True, (n, alpha, beta, k), out)


def _check_size(size: Any) -> int:
    n = as_int(size, "size")
    if n < 1:
        raise ValueError(f"size: expected at least 1, got {n}")
    return n


def _respond(
    input: Any,
    least_rank: int,
    anchored: bool,
    factors: tuple[int, Any, Any, Any],
    out: Any,
) -> Array:
    """As `norms.respond`."""
    data, visible, result = unmasked(input)
    x = as_input(data)
    check_rank(x, least_rank)
    size, alpha, beta, k = factors
    if not (type(alpha) is type(beta) is type(k) is float):
        alpha, beta, k = map(as_number, factors[1:], ("alpha", "beta", "k"))
    if visible is not None:  # as channels outside, which count as zero
        x = np.where(visible, x, x.dtype.type(0))
    target = Output(x, out)
    window = min(size, 2 * x.shape[1] + 1)  # all channels, of each
    norms.respond(target.x, target.y, window, anchored, alpha / size, beta, k)
    y = target.done()
    if visible is not None:
        np.copyto(y, 0, where=~visible)  # 0 / 0 where k is 0
    return result(y)
