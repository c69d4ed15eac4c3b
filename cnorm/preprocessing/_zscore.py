"""zscore as in SciPy, over any axes of arrays of any shape; masked arrays, masks and NaN group by group."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, Output
from cnorm._accept.axes import as_axes, as_number
from cnorm._accept.hints import ArrayLike, Given, Out
from cnorm._accept.masks import as_mask
from cnorm._stats.reductions import check_nan_policy
from cnorm._stats.scores import Groups, first_moments, fused_scores, scores_at_once
from cnorm._stats.state import COUNT, deviation, is_ordinary, values_of
from cnorm.preprocessing._functions import real

__all__ = ["zscore"]

PRECISION_LOSS = (
    "Precision loss occurred in moment calculation due to catastrophic cancellation. This occurs when the "
    "data are nearly identical. Results may be unreliable."
)


def zscore(
    a: ArrayLike,
    axis: int | Sequence[int] = 0,
    ddof: float = 0,
    nan_policy: str = "propagate",
    *,
    where: Given = None,
    out: Out = None,
) -> Any:
    r"""Standard scores, as `scipy.stats.zscore`.

    .. math:: z = \frac{a - \mu}{\sigma}, \qquad \sigma^2 = \frac{1}{n - d}\sum (a - \mu)^2

    Parameters
    ----------
    a : array_like
        Any shape; integers and booleans are promoted to float64.
    axis : int, tuple of int or None
        Axes the moments are taken over; None for all.
    ddof : float
        Delta degrees of freedom `d`; a group of no more than `d` elements becomes NaN.
    nan_policy : {"propagate", "omit", "raise"}
        A NaN makes its group NaN, or is left out of the moments (and stays), or raises.
    where : array_like of bool, optional
        Elements that count, broadcast against `a`; the others come out as 0, whatever they hold.
    out : ndarray, optional
        Where to write; may be `a` itself.

    Returns
    -------
    ndarray
        In the shape, dtype and memory order of `a`. NaN where a group is constant: its standard deviation is
        no more than the rounding of its mean. A masked array for a masked array: what is masked counts in
        nothing, not as NaN either, and stays masked, as does, in SciPy's way, what is not finite by a NaN, an
        infinity or too few elements.

    Raises
    ------
    TypeError
        A dtype that is not real, a mask that is not boolean.
    ValueError
        An axis out of range, an `out` that does not fit, an unknown policy, a `ddof` that is not finite, NaN
        under "raise".

    Warns
    -----
    RuntimeWarning
        A group is (nearly) constant. Where warnings are errors, `out` is as it was.

    See Also
    --------
    zmap : By the moments of other data.
    scale : scikit-learn's.
    cnorm.rolling_standardize : Each element by its own window.
    cnorm.group_standardize : By groups.

    References
    ----------
    .. [1] SciPy, `scipy.stats.zscore`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnorm.preprocessing import zscore
    >>> zscore(np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 60.0]])).round(4)
    array([[-1.2247, -0.9258],
           [ 0.    , -0.4629],
           [ 1.2247,  1.3887]])
    """
    found = scores_at_once(a, axis, ddof, nan_policy, where, out)
    if found is not None:
        return found
    check_nan_policy(nan_policy)
    ddof = as_number(ddof, "ddof")
    if not math.isfinite(ddof):
        raise ValueError(f"ddof: expected a finite number, got {ddof}")
    given: Any = a
    masked = isinstance(given, np.ma.MaskedArray)
    array = real(np.ma.getdata(given, subok=False) if masked else given, "a")
    axes = as_axes(axis, array.ndim)
    mask, hidden = as_mask(where, array, out), np.ma.getmaskarray(given) if masked else None
    if hidden is not None and given.mask is not np.ma.nomask:
        mask = ~hidden if mask is None else mask & ~hidden
    target = Output(array, out)
    invalid: Any = False
    if array.size:
        fresh = out is None or not np.may_share_memory(target.y, out)
        invalid = written(
            target.x, target.y, Groups(array, axes, mask, nan_policy != "propagate"), ddof, nan_policy, fresh
        )
    y = target.done()
    return y if hidden is None else np.ma.MaskedArray(y, mask=hidden | (invalid & ~np.isfinite(y)))


def written(x: Array, y: Array, groups: Groups, ddof: float, nan_policy: str, fresh: bool) -> Any:
    """y = (x - mean) / std, and which groups are not constant. A `y` not fresh is written at the very end."""
    once = fresh and not (ddof and groups.omit)
    state = fused_scores(x, y, groups, ddof) if once else first_moments(x, groups)
    if nothing_special(state, groups, ddof, nan_policy == "raise"):
        if not once:
            fused_scores(x, y, groups, ddof, state, ordinary=True)
        return True
    if nan_policy == "raise" and (state[..., COUNT] < groups.count).any():
        raise ValueError('a: The input contains nan values and nan_policy is "raise"')
    std = np.where(state[..., COUNT] > ddof, deviation(state, ddof), np.nan)
    constant, doubtful = constants(state, std, x.dtype)
    if doubtful:
        warnings.warn(PRECISION_LOSS, RuntimeWarning, stacklevel=3)
    if not once:
        fused_scores(x, y, groups, ddof, state)
    nothing = constant | ~np.isfinite(std)
    if nothing.any():
        np.copyto(y, np.nan, where=nothing)
    if groups.mask is not None:
        np.copyto(y, 0, where=~groups.mask)
    return ~constant


def nothing_special(state: Array, groups: Groups, ddof: float, complete: bool) -> bool:
    """Has surely each group enough elements, all of them where it must be complete, and a spread?

    A group without an element, unless NaN is left out, is hidden by the mask: zeros are written.
    """
    if ddof == 0 and not complete:
        return is_ordinary(state, 0 if groups.mask is None or groups.omit else -1)
    return groups.mask is None and 0 <= ddof < groups.count and is_ordinary(state, groups.count)


def constants(state: Array, std: Array, dtype: np.dtype[Any]) -> tuple[Array, bool]:
    """Groups whose deviation is rounding, by SciPy's rule, and whether one is near it, as it warns of."""
    eps = np.finfo(np.float64 if dtype.itemsize == 8 else np.float32).eps
    mean = np.abs(values_of(state)[1])
    return np.asarray(std <= eps * mean), bool(((std < 10 * eps * mean) & (state[..., COUNT] > 1)).any())
