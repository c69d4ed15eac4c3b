"""Local response normalization: a sliding sum of squares over neighbouring channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnorm._arrays import Array, Output, as_input
from cnorm._axes import as_int, as_number, check_rank

# Elements worked on at a time: the temporaries stay in the cache.
_CHUNK = 1 << 17


def _window(squares: Array, below: int, above: int) -> Array:
    """Sum over channels c - below ... c + above of [N, C, ...]; outside is zero."""
    total = np.zeros_like(squares)
    channels = squares.shape[1]
    for shift in range(-min(below, channels - 1), min(above, channels - 1) + 1):
        near = slice(max(0, -shift), channels - max(0, shift))
        far = slice(max(0, shift), channels + min(0, shift))
        total[:, near] += squares[:, far]
    return total


def _cross_map_window(squares: Array, size: int) -> Array:
    """torch's CrossMapLRN2d: both sides alike, and channel 0 never leaves the window."""
    reach = int((size - 1) / 2 + 1) - 1
    total = _window(squares, reach, reach)
    total[:, reach + 1 :] += squares[:, :1]
    return total


def _respond(x: Array, window: Callable[[Array], Array], alpha: float, beta: float, k: float) -> Array:
    """x / (k + alpha * window)^beta in float64, where no square of a float32 overflows."""
    wide = x.astype(np.float64, copy=False)
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        base = window(np.square(wide))
        base *= alpha
        base += k
        if beta == 0.75:
            root = np.sqrt(base)
            power = root * np.sqrt(root)
        else:
            power = base**beta
        y = np.asarray(wide / power)
        if k == 0:
            y[(wide == 0) & (base == 0)] = 0
        return y


def local_response_norm(
    input: Any,
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
    *,
    out: Any = None,
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

    References
    ----------
    .. [1] Krizhevsky, Sutskever & Hinton, "ImageNet Classification with Deep CNNs", 2012.

    Examples
    --------
    >>> import numpy as np, cnorm.functional as F
    >>> F.local_response_norm(np.ones((1, 3, 1)), 3, alpha=3.0, beta=1.0).ravel().round(4)
    array([0.3333, 0.25  , 0.3333])
    """
    n = _check_size(size)
    return _sliding(input, 3, lambda squares: _window(squares, n // 2, (n - 1) // 2), n, alpha, beta, k, out)


def cross_map_lrn2d(
    input: Any,
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
    *,
    out: Any = None,
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

    Notes
    -----
    As torch computes it: channel 0 stays in the window once it has entered.

    Examples
    --------
    >>> import numpy as np, cnorm.functional as F
    >>> F.cross_map_lrn2d(np.ones((1, 3, 1, 1)), 3, alpha=3.0, beta=1.0).ravel().round(4)
    array([0.3333, 0.25  , 0.25  ])
    """
    n = _check_size(size)
    return _sliding(input, 4, lambda squares: _cross_map_window(squares, n), n, alpha, beta, k, out)


def _check_size(size: Any) -> int:
    n = as_int(size, "size")
    if n < 1:
        raise ValueError(f"size: expected at least 1, got {n}")
    return n


def _sliding(
    input: Any,
    least_rank: int,
    window: Callable[[Array], Array],
    size: int,
    alpha: Any,
    beta: Any,
    k: Any,
    out: Any,
) -> Array:
    """Checks, then works through the batch in chunks."""
    x = as_input(input)
    check_rank(x, least_rank)
    alpha, beta, k = as_number(alpha, "alpha"), as_number(beta, "beta"), as_number(k, "k")
    target = Output(x, out)
    step = max(1, _CHUNK // max(1, x[:1].size))
    for i in range(0, x.shape[0] if x.size else 0, step):
        with np.errstate(over="ignore", under="ignore"):
            target.y[i : i + step] = _respond(target.x[i : i + step], window, alpha / size, beta, k)
    return target.done()
