"""Moments of windows that slide along an axis: arguments, and the core's calls."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, Output, as_input, as_parameter, empty_like
from cnorm._accept.axes import as_eps, as_int, as_number, broadcast
from cnorm._accept.hints import ArrayLike, Given, Out
from cnorm._accept.masks import unmasked
from cnorm._accept.options import as_eps_mode
from cnorm._native import core, norms, windows
from cnorm._stats.lines import as_line_axis, as_lines, masked, numbers_of, result_like, without

__all__ = ["as_window", "rolling_moments", "rolling_standardize"]

# Longer than any line.
LONGEST = sys.maxsize // 8


def as_window(window: Any, min_count: Any) -> tuple[int, int]:
    """The window, and how many elements it must hold: at least 1, as nothing has no mean."""
    size = as_int(window, "window")
    if size < 1:
        raise ValueError(f"window: expected a positive number, got {size}")
    least = size if min_count is None else as_int(min_count, "min_count")
    if not 0 <= least <= size:
        raise ValueError(f"min_count: expected 0 to window = {size}, got {least}")
    return size, max(least, 1)


def run(
    x: Array, results: tuple[Array, Array | None], axis: int, kind: str, window: int, least: int, **more: Any
) -> None:
    """The core's windows; one longer than any line could be is as one that reaches beyond both ends."""
    if window > LONGEST:
        forward = more.get("forward", 0)
        more["forward"] = LONGEST // 2 if forward else 0
        window = LONGEST
    windows.reduce(x, *results, axis, kind, window, min(least, LONGEST), **more)


def rolling_moments(
    x: ArrayLike,
    window: int,
    *,
    axis: int = -1,
    min_count: int | None = None,
    center: bool = False,
    correction: float = 0,
) -> tuple[Array, Array]:
    r"""Mean and variance of the window that ends at each position.

    .. math:: \mu_i = \frac{1}{n}\sum_j x_j, \qquad \sigma_i^2 = \frac{1}{n - c}\sum_j (x_j - \mu_i)^2,
              \quad i - w < j \le i

    Parameters
    ----------
    x : array_like
        Real numbers; integers, booleans, nullable columns and objects that are numbers become float64. NaN
        never counts.
    window : int
        Positions in a window; it is cut at the ends.
    axis : int
        The axis windows lie along.
    min_count : int, optional
        With fewer elements that are not NaN the result is NaN. By default `window`.
    center : bool
        Move windows forward by ``(window - 1) // 2``, as pandas does.
    correction : float
        Delta degrees of freedom `c`; a variance of no more than `c` elements is NaN.

    Returns
    -------
    mean, var : ndarray
        Of the shape of `x`: float32 of floats up to 32 bits, otherwise float64.

    Raises
    ------
    TypeError
        `x` is not real, `window` or `min_count` not an int.
    ValueError
        A `window` below 1, a `min_count` below 0 or above it, an axis out of range.

    See Also
    --------
    rolling_standardize : Each element by its own window.
    ewm_moments : Weights that decay.
    cnorm.stats.move_mean : One result, under Bottleneck's names.

    Notes
    -----
    A window is a suffix of a block of as many elements and a prefix of the next, each summed about its own
    first element and merged [1]_ [2]_: sums are only added to, so nothing that left a window has a trace in
    it, a window of equal values has variance 0, and time does not depend on the data.

    References
    ----------
    .. [1] van Herk, "A fast algorithm for local minimum and maximum filters", 1992.
    .. [2] Chan, Golub & LeVeque, "Algorithms for computing the sample variance", 1983.

    Examples
    --------
    >>> import cnorm
    >>> mean, var = cnorm.rolling_moments([1.0, 3.0, 1e18, 2.0, 2.0], 2)
    >>> mean
    array([   nan, 2.e+00, 5.e+17, 5.e+17, 2.e+00])
    >>> var[[1, 4]]
    array([1., 0.])
    """
    found = windows.at_once("moments", x, window, min_count, axis, center, correction, None, False)
    if found is not None:
        return found  # type: ignore[no-any-return]
    size, least = as_window(window, min_count)
    array, hidden = as_lines(x, "x")
    a = as_line_axis(axis, array)
    mean, var = result_like(array), result_like(array)
    forward = (size - 1) // 2 if center else 0
    run(
        array,
        (mean, var),
        a,
        "moments",
        size,
        least,
        forward=forward,
        correction=as_number(correction, "correction"),
    )
    return masked(mean, hidden), masked(var, hidden)


def rolling_standardize(
    x: ArrayLike,
    window: int,
    weight: Given = None,
    bias: Given = None,
    eps: float = 1e-5,
    *,
    axis: int = -1,
    min_count: int | None = None,
    center: bool = False,
    out: Out = None,
    eps_mode: str = "inside",
) -> Array:
    r"""Each element by the mean and variance of its own window, then scale and shift: sliding CMVN.

    .. math:: y_i = \frac{x_i - \mu_i}{\sqrt{\sigma_i^2 + \epsilon}} \, w + b

    Parameters
    ----------
    x : array_like of float
        Any shape and layout. NaN counts in no window and stays NaN.
    window : int
        Positions in a window; it is cut at the ends.
    weight, bias : array_like of float, optional
        Broadcast against `x`.
    eps : float
        Added to the variance.
    axis : int
        The axis windows lie along.
    min_count : int, optional
        With fewer elements that are not NaN the result is NaN. By default `window`.
    center : bool
        Move windows forward by ``(window - 1) // 2``.
    out : ndarray, optional
        Where to write; may be `x` itself.
    eps_mode : {"inside", "outside", "max"}
        Where `eps` stands: sqrt(var + eps), sqrt(var) + eps, max(sqrt(var), eps).

    Returns
    -------
    ndarray
        In the dtype, shape and memory order of `x`.

    Raises
    ------
    TypeError
        A dtype that is not float, a `window` or `min_count` that is not an int.
    ValueError
        A `window` below 1, a `min_count` below 0 or above it, shapes that do not broadcast, an axis out of
        range, an `eps` below 0 or NaN, an `out` that does not fit, no such `eps_mode`.

    See Also
    --------
    rolling_moments : The moments themselves.
    standardize : One mean and variance for all.
    group_standardize : Groups by labels.

    Examples
    --------
    >>> import cnorm
    >>> cnorm.rolling_standardize([1.0, 3.0, 5.0, 5.0], 2, eps=0)
    array([nan,  1.,  1.,  0.])
    """
    if weight is None and bias is None and isinstance(eps_mode, str) and eps_mode == "inside":
        found = windows.at_once("standard", x, window, min_count, axis, center, eps, out, False)
        if found is not None:
            return found  # type: ignore[no-any-return]
    size, least = as_window(window, min_count)
    data, visible, result = unmasked(x)
    array = as_input(data, "x")
    a = as_line_axis(axis, array)
    w, b = as_parameter(weight, "weight", array, out), as_parameter(bias, "bias", array, out)
    w = None if w is None else broadcast(w, array.shape, "weight")
    b = None if b is None else broadcast(b, array.shape, "bias")
    eps, mode = as_eps(eps), as_eps_mode(eps_mode)
    target = Output(array, out)
    numbers = numbers_of(target.x)
    if visible is not None:
        numbers = without(numbers, ~visible)
    apart = numbers.dtype == target.y.dtype and not np.may_share_memory(numbers, target.y)
    y = target.y if apart else empty_like(numbers)
    forward = (size - 1) // 2 if center else 0
    run(
        numbers,
        (y, None),
        a,
        "standard",
        size,
        least,
        forward=forward,
        spread="scale",
        eps=eps,
        eps_mode=mode,
    )
    write(y, target.y, w, b, visible)
    return result(target.done())


def write(y: Array, to: Array, weight: Array | None, bias: Array | None, visible: Array | None) -> None:
    """Standardized elements, scaled and shifted in the dtype they were computed in, then rounded."""
    if weight is not None or bias is not None or visible is not None:
        nothing = np.zeros((1,) * y.ndim)
        last = to if y.dtype == to.dtype else y
        norms.apply(y, last, nothing, nothing + 1, weight, bias, visible)
        y = last
    if y is to:
        return
    if y.dtype == to.dtype:
        np.copyto(to, y)
        return
    alike = to.flags.aligned and to.strides == tuple(step // 2 for step in y.strides)
    short = to if alike else np.empty_like(y, to.dtype)
    order = sorted(range(y.ndim), key=lambda axis: -y.strides[axis])  # in which y lies without gaps
    core.round_into(y.transpose(order), short.transpose(order))
    if short is not to:
        np.copyto(to, short)
