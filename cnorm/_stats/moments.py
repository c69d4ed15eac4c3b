"""moments and standardize: over any axes of arrays of any shape."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np

from cnorm._accept.arrays import Array, Output, as_input, as_number_array, as_parameter, native
from cnorm._accept.axes import as_axes, as_eps, as_number, broadcast
from cnorm._accept.hints import ArrayLike, Axes, Given, Out
from cnorm._accept.masks import as_mask, unmasked
from cnorm._accept.options import as_eps_mode
from cnorm._accept.tensors import takes_tensors
from cnorm._native import norms, reduced, states
from cnorm._stats.reductions import as_weights, check_nan_policy, moments_of, omits
from cnorm._stats.state import mean_of, merge, variance

__all__ = ["inverse_root", "mean_of", "merge", "moments", "standardize", "variance"]


def inverse_root(var: Array, eps: float = 0.0, mode: int = 0) -> Array:
    """1 over the root of a variance with its eps; 0 where that is 0: what has no spread comes out as 0.

    mode: as `as_eps_mode` gives it.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        root = (
            np.sqrt(var + eps)
            if mode == 0
            else np.sqrt(var) + eps
            if mode == 1
            else np.maximum(np.sqrt(var), eps)
        )
        return np.where(root == 0, 0.0, 1 / root)


@takes_tensors
def moments(
    x: ArrayLike,
    axis: Axes = None,
    *,
    correction: float = 0,
    keepdims: bool = False,
    where: Given = None,
    weights: Given = None,
    nan_policy: str = "propagate",
) -> tuple[Any, Any]:
    r"""Mean and variance over any axes, in one pass over the data.

    .. math:: \mu = \frac{1}{n}\sum x, \qquad \sigma^2 = \frac{1}{n - c}\sum (x - \mu)^2

    Parameters
    ----------
    x : array_like
        Real numbers; integers, booleans, nullable columns and objects that are numbers become float64.
    axis : int, tuple of int or None
        Axes to reduce; None for all.
    correction : float
        Delta degrees of freedom `c`: 0 for the variance of the data, 1 for the unbiased estimate.
    keepdims : bool
        Keep the reduced axes with size 1.
    where : array_like of bool, optional
        Elements to include; broadcasts against `x`. What the others hold never matters.
    weights : array_like, optional
        Non-negative repeat counts; broadcast against `x`. `n` is then their sum, which must be finite. A
        weight of 0 hides an element, even NaN.
    nan_policy : {"propagate", "omit", "raise"}
        What to do with NaN.

    Returns
    -------
    mean, var : ndarray or scalar
        float32 for 16-bit input, otherwise in the float dtype of `x`. NaN for an empty group.

    Raises
    ------
    TypeError
        `x` is not real, `where` not boolean.
    ValueError
        An axis out of range, a mask or weights that do not broadcast, NaN under "raise".

    See Also
    --------
    standardize : Elements by their moments.
    RunningMoments : Of data that come in parts.
    group_moments : Of groups.
    cnorm.stats.mean : The mean alone.
    cnorm.stats.var : The variance alone.

    Notes
    -----
    Blocks are read once from memory; each is summed about its own mean and merged in float64 [1]_.
    The relative error is below 1e-6 in float32 for mean/std up to 1e6. NaN that is omitted, a mask and
    weights of 0 and 1 give the same bits; what other groups hold changes no bit of a group.

    References
    ----------
    .. [1] Chan, Golub & LeVeque, "Algorithms for computing the sample variance", 1983.

    Examples
    --------
    >>> import numpy as np, cnorm
    >>> mean, var = cnorm.moments(np.array([[1.0, 3.0], [2.0, 6.0]]), axis=1)
    >>> mean, var
    (array([2., 4.]), array([1., 4.]))
    """
    if isinstance(nan_policy, str) and nan_policy in ("propagate", "omit"):
        found = reduced.moments(x, axis, correction, keepdims, where, nan_policy == "omit", weights)
        if found is not None:
            return found
    x, where, _ = unmasked(x, where)
    array = native(as_number_array(x, "x"))
    axes = as_axes(axis, array.ndim)
    correction = as_number(correction, "correction")
    mask = as_mask(where, array)
    weight = as_weights(weights, array)
    check_nan_policy(nan_policy)
    omit = omits(array, axes, mask, weight, nan_policy)
    state = moments_of(array, axes, mask, weight, omit)
    return finish(state, correction, array, axes, keepdims)


def finish(
    state: Array, correction: float, x: Array, axes: tuple[int, ...], keepdims: bool = False
) -> tuple[Any, Any]:
    """Mean and variance, reduced axes dropped: float32 of floats below 64 bits, else float64."""
    mean, var = states.values(state, correction, x.dtype.kind in "biu" or x.dtype.itemsize == 8)
    if not keepdims:
        mean, var = mean.squeeze(axes), var.squeeze(axes)
    return mean[()], var[()]


@overload
def standardize(
    x: ArrayLike, axis: Axes = ..., weight: Given = ..., bias: Given = ..., eps: float = ..., *,
    where: Given = ..., out: Out = ..., return_moments: Literal[False] = ..., eps_mode: str = ...,
) -> Array: ...  # fmt: skip
@overload
def standardize(
    x: ArrayLike, axis: Axes = ..., weight: Given = ..., bias: Given = ..., eps: float = ..., *,
    where: Given = ..., out: Out = ..., return_moments: Literal[True], eps_mode: str = ...,
) -> tuple[Array, Any, Any]: ...  # fmt: skip
@takes_tensors
def standardize(
    x: ArrayLike,
    axis: Axes = None,
    weight: Given = None,
    bias: Given = None,
    eps: float = 1e-5,
    *,
    where: Given = None,
    out: Out = None,
    return_moments: bool = False,
    eps_mode: str = "inside",
) -> Any:
    r"""Zero mean and unit variance over any axes, then scale and shift.

    .. math:: y = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} \, w + b

    Parameters
    ----------
    x : array_like of float
        Any shape and layout.
    axis : int, tuple of int or None
        Axes each statistic is taken over; None for all.
    weight, bias : array_like of float, optional
        Broadcast against `x`: per channel, per sample (AdaLN, AdaIN, FiLM) or per element.
    eps : float
        Added to the variance.
    where : array_like of bool, optional
        Elements that count, broadcast against `x`; the others come out as 0, whatever they hold.
    out : ndarray, optional
        Where to write; may be `x` itself.
    return_moments : bool
        Also return mean and variance, as `moments` gives them.
    eps_mode : {"inside", "outside", "max"}
        How eps enters what is divided by: sqrt(v + eps), sqrt(v) + eps or max(sqrt(v), eps), v the variance.

    Returns
    -------
    y : ndarray
        In the dtype, shape and memory order of `x`; with `return_moments` the tuple `(y, mean, var)`.

    Raises
    ------
    TypeError
        A dtype that is not float, a mask that is not boolean.
    ValueError
        Shapes that do not broadcast, an axis out of range, an `eps` below 0 or NaN, an `out` that does not
        fit, no such `eps_mode`.

    See Also
    --------
    moments : The moments themselves.
    cnorm.functional.layer_norm : Over trailing axes.
    cnorm.preprocessing.zscore : SciPy's.
    group_standardize : Groups by labels.

    Examples
    --------
    >>> import numpy as np, cnorm
    >>> cnorm.standardize(np.array([1.0, 2.0, 3.0]), eps=0).round(4)
    array([-1.2247,  0.    ,  1.2247])
    """
    mode = as_eps_mode(eps_mode)
    found = norms.standardize_at_once(x, axis, weight, bias, eps, where, out, return_moments, mode)
    if found is not None:
        return found
    data, where, result = unmasked(x, where)
    array = as_input(data, "x")
    axes = as_axes(axis, array.ndim)
    w, b = as_parameter(weight, "weight", array, out), as_parameter(bias, "bias", array, out)
    w = None if w is None else broadcast(w, array.shape, "weight")
    b = None if b is None else broadcast(b, array.shape, "bias")
    eps = as_eps(eps)
    mask = as_mask(where, array, out)
    target = Output(array, out)
    state = norms.normalize(target.x, target.y, axes, w, b, eps, "var", return_moments, mask, eps_mode=mode)
    y = result(target.done())
    if not return_moments:
        return y
    return (y, *finish(state, 0, array, axes))
