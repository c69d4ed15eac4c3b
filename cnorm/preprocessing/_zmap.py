"""zmap and gzscore as in SciPy: scores by the moments of other data, and of logarithms."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, Output, is_plain, native, rounded
from cnorm._accept.axes import as_axes, as_number
from cnorm._accept.hints import ArrayLike, Out
from cnorm._stats.reductions import check_nan_policy, moments_of
from cnorm._stats.scores import Groups, log_scores_at_once, logarithms
from cnorm._stats.state import COUNT, deviation, values_of
from cnorm._stats.table import by_moments
from cnorm.preprocessing._functions import real
from cnorm.preprocessing._maps import standard_map
from cnorm.preprocessing._zscore import PRECISION_LOSS, constants, nothing_special, zscore

__all__ = ["gzscore", "zmap"]

TOO_SMALL = "One or more sample arguments is too small; all returned values will be NaN."
SOME_TOO_SMALL = (
    "After omitting NaNs, one or more axis-slices of one or more sample arguments is too small; "
    "corresponding elements of returned arrays will be NaN."
)


def zmap(
    scores: ArrayLike,
    compare: ArrayLike,
    axis: int | Sequence[int] = 0,
    ddof: float = 0,
    nan_policy: str = "propagate",
    *,
    out: Out = None,
) -> Any:
    r"""Scores by the mean and standard deviation of other data, as `scipy.stats.zmap`.

    .. math:: z = \frac{s - \mu}{\sigma}, \qquad \sigma^2 = \frac{1}{n - d}\sum (c - \mu)^2

    Parameters
    ----------
    scores : array_like
        What is scored; broadcast against the moments of `compare`. Integers and booleans are promoted to
        float64.
    compare : array_like
        What mean and deviation are taken of.
    axis : int, tuple of int or None
        Axes of `compare` the moments are taken over; None for all.
    ddof : float
        Delta degrees of freedom `d`; a group of no more than `d` elements gives NaN.
    nan_policy : {"propagate", "omit", "raise"}
        A NaN in `compare` makes its group NaN, or is left out of the moments, or raises.
    out : ndarray, optional
        Where to write; may be `scores` itself.

    Returns
    -------
    ndarray
        In the shape of `scores` broadcast against the moments, and the wider dtype of the two. Where
        `compare` is constant, infinite with the sign of the difference, or NaN for none; where the two are
        the same object, as `zscore` of it. A masked array if one of the two is: what is masked of `compare`
        counts in nothing, of `scores` it stays masked, as does, in SciPy's way, what is not finite.

    Raises
    ------
    TypeError
        A dtype that is not real.
    ValueError
        Shapes that do not broadcast, an axis out of range, an `out` that does not fit, an unknown policy, a
        `ddof` that is not finite, NaN in `compare` under "raise".

    Warns
    -----
    RuntimeWarning
        A group is (nearly) constant, or has no element. Where warnings are errors, `out` is as it was.

    See Also
    --------
    zscore : By the data's own moments.
    gzscore : Of logarithms.

    References
    ----------
    .. [1] SciPy, `scipy.stats.zmap`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnorm.preprocessing import zmap
    >>> zmap([0.5, 2.0, 2.5, 3.0], [0, 1, 2, 3, 4]).round(4)
    array([-1.0607,  0.    ,  0.3536,  0.7071])
    """
    if scores is compare:
        return zscore(scores, axis, ddof, nan_policy, out=out)
    check_nan_policy(nan_policy)
    ddof = as_number(ddof, "ddof")
    if not math.isfinite(ddof):
        raise ValueError(f"ddof: expected a finite number, got {ddof}")
    y = (
        by_moments(scores, compare, axis, out, complete=True)
        if isinstance(ddof, (int, float)) and ddof == 0
        else None
    )
    if y is not None:
        return y
    masked = isinstance(scores, np.ma.MaskedArray) or isinstance(compare, np.ma.MaskedArray)
    given, hidden = apart(scores, "scores", 0)
    other, left_out = apart(compare, "compare", 1)
    groups = Groups(other, as_axes(axis, other.ndim), None if left_out is None else ~left_out, omit=True)
    x = as_scores(given, other, groups.axes)
    target = Output(x, out)
    state, std, special = compared(other, groups, ddof, nan_policy)
    if x.size:
        constant = special and (std == 0).any()
        nothing = (std == 0) & (target.x == values_of(state)[1]) if constant else None
        standard_map(target.x.dtype, state, std).run(target.x, target.y)
        if nothing is not None:  # 0 / 0
            np.copyto(target.y, np.nan, where=nothing)
    y = target.done()
    if not masked:
        return y
    unseen = np.zeros((), np.bool_) if hidden is None else np.broadcast_to(hidden, y.shape)
    return np.ma.MaskedArray(y, mask=unseen | ~np.isfinite(y))


def apart(x: Any, name: str, least: int) -> tuple[Array, Array | None]:
    """Numbers, and what a masked array hides of them."""
    hidden = np.ma.getmask(x) if isinstance(x, np.ma.MaskedArray) else np.ma.nomask
    data = real(np.ma.getdata(x, subok=False) if isinstance(x, np.ma.MaskedArray) else x, name, least)
    return data, None if hidden is np.ma.nomask else np.asarray(hidden)


def as_scores(x: Array, other: Array, axes: tuple[int, ...]) -> Array:
    """The scores in the shape and dtype of the result."""
    if x.shape == other.shape and x.dtype is other.dtype:
        return x
    kept = tuple(1 if a in axes else n for a, n in enumerate(other.shape))
    try:
        shape = np.broadcast_shapes(x.shape, kept)
    except ValueError:
        raise ValueError(
            f"scores: expected a shape that broadcasts against the moments of compare, {kept}, got {x.shape}"
        ) from None
    dtype = np.promote_types(x.dtype.newbyteorder("="), other.dtype.newbyteorder("="))
    x = x if x.dtype.newbyteorder("=") == dtype else x.astype(dtype)
    return x if x.shape == shape else np.broadcast_to(x, shape)


def compared(x: Array, groups: Groups, ddof: float, nan_policy: str) -> tuple[Array, Array, bool]:
    """Table state and standard deviation of what scores are compared with, after every warning.

    And may there be something special, as a deviation of 0?
    """
    state = moments_of(native(x), groups.axes, groups.mask, None, omit=True, wide=True)
    if nothing_special(state, groups, ddof, complete=True):
        return state, deviation(state, ddof), False
    with_nan = state[..., COUNT] < groups.count
    if nan_policy == "raise" and with_nan.any():
        raise ValueError('compare: The input contains nan values and nan_policy is "raise"')
    if state.size and (np.broadcast_to(groups.count, with_nan.shape) == 0).any() and groups.mask is None:
        warnings.warn(TOO_SMALL, RuntimeWarning, stacklevel=3)
    if nan_policy == "omit" and (with_nan & (state[..., COUNT] == 0)).any():
        warnings.warn(SOME_TOO_SMALL, RuntimeWarning, stacklevel=3)
    if nan_policy == "propagate":
        state[with_nan] = np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        std = np.where(state[..., COUNT] > ddof, deviation(state, ddof), np.nan)
    if constants(state, std, x.dtype)[1]:
        warnings.warn(PRECISION_LOSS, RuntimeWarning, stacklevel=3)
    return state, std, True


def gzscore(
    a: ArrayLike,
    *,
    axis: int | Sequence[int] = 0,
    ddof: float = 0,
    nan_policy: str = "propagate",
    out: Out = None,
) -> Any:
    r"""Geometric standard scores, as `scipy.stats.gzscore`: the standard scores of the logarithms.

    .. math:: z = \frac{\log a - \mu}{\sigma}

    with mean and standard deviation of the logarithms, which are taken in float64 whatever the input.

    Parameters
    ----------
    a : array_like
        Positive numbers of any shape; integers and booleans are promoted to float64.
    axis : int, tuple of int or None
        Axes the moments are taken over; None for all.
    ddof : float
        Delta degrees of freedom; a group of no more elements becomes NaN.
    nan_policy : {"propagate", "omit", "raise"}
        As for `zscore`; the logarithm of a negative number is a NaN.
    out : ndarray, optional
        Where to write; may be `a` itself.

    Returns
    -------
    ndarray
        In the shape, dtype and memory order of `a`. NaN where a group is constant. A masked array for a
        masked array: what is masked, and, in SciPy's way, what has no logarithm, counts in nothing and is
        masked.

    Raises
    ------
    TypeError
        A dtype that is not real.
    ValueError
        As for `zscore`.

    Warns
    -----
    RuntimeWarning
        Of NumPy's logarithm; a group is (nearly) constant. Where warnings are errors, `out` is as it was.

    See Also
    --------
    zscore : Without the logarithm.
    zmap : By the moments of other data.

    References
    ----------
    .. [1] SciPy, `scipy.stats.gzscore`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnorm.preprocessing import gzscore
    >>> gzscore(np.array([1.0, 10.0, 100.0])).round(4)
    array([-1.2247,  0.    ,  1.2247])
    """
    y = log_scores_at_once(a, axis, ddof, nan_policy, out)
    if y is not None:
        return y
    given: Any = a
    if out is None and is_plain(given) and given.ndim:
        logs = logarithms(given)
        return rounded(zscore(logs, axis, ddof, nan_policy, out=logs), given.dtype)
    masked = isinstance(given, np.ma.MaskedArray)
    array, hidden = apart(given, "a", 1)
    target = Output(array, out)
    logs = logarithms(target.x, warn=not masked)
    if masked:  # what has no logarithm is hidden, as by NumPy's own of masked arrays
        logs = np.ma.MaskedArray(logs, ~np.isfinite(logs) | (False if hidden is None else hidden))
    z = zscore(logs, axis, ddof, nan_policy, out=None if masked else logs)
    np.copyto(target.y, rounded(np.ma.getdata(z), target.y.dtype))
    y = target.done()
    return np.ma.MaskedArray(y, mask=np.ma.getmaskarray(z)) if masked else y
