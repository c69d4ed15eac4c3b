"""Switchable normalization: one pass of instance moments, merged over channels and over the batch."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cnorm._accept.arrays import Array, Output, as_input, as_parameter, as_updated, native
from cnorm._accept.axes import (
    as_eps,
    as_number,
    channel_shape,
    check_channels,
    check_rank,
    check_running_pair,
)
from cnorm._accept.hints import ArrayLike, Given, Out
from cnorm._accept.masks import as_mask, unmasked
from cnorm._native import norms, reductions
from cnorm._stats.moments import inverse_root, variance
from cnorm._stats.state import COUNT, MEAN, MEAN_LO, in_data_units


class _Stat(NamedTuple):
    """A mean in two words and a variance; float64, each (N or 1, C or 1); with a mask how many it is of."""

    mean: Array
    mean_lo: Array
    var: Array
    elements: Array | None = None


def _stat(state: Array, masked: bool) -> _Stat:
    """With the unbiased variance; where a mask leaves less than two elements, it is 0."""
    state = in_data_units(state)
    var, count = variance(state, 1), state[..., COUNT]
    if not masked:
        return _Stat(state[..., MEAN], state[..., MEAN_LO], var)
    return _Stat(state[..., MEAN], state[..., MEAN_LO], np.where(count > 1, var, 0), count)


def _pooled(part: _Stat, axis: int) -> _Stat:
    """Moments of groups together: the variance within, averaged, plus that between.

    Groups have equal shares, with a mask those of their elements. Means are taken about the first of them
    (the largest), so nothing cancels as in E[x^2] - mean^2, which loses everything where mean >> std.
    What means of infinities give is NaN, as it should be.
    """
    if part.elements is not None:
        return _pooled_by_count(part, part.elements, axis)
    n = part.mean.shape[axis]
    pivot = part.mean[:, :1] if axis else part.mean[:1]
    apart = (part.mean - pivot) + part.mean_lo
    shift = np.add.reduce(apart, axis, keepdims=True) / n
    spread = part.var + np.square(apart - shift)
    mean = pivot + shift
    return _Stat(mean, shift - (mean - pivot), np.add.reduce(spread, axis, keepdims=True) / n)


def _pooled_by_count(part: _Stat, count: Array, axis: int) -> _Stat:
    total = count.sum(axis, keepdims=True)
    share = count / np.maximum(total, 1)
    pivot = np.take_along_axis(part.mean, np.expand_dims(count.argmax(axis), axis), axis)
    apart = np.where(count > 0, (part.mean - pivot) + part.mean_lo, 0)
    shift = (share * apart).sum(axis, keepdims=True)
    spread = (share * (part.var + np.square(apart - shift))).sum(axis, keepdims=True)
    mean = pivot + shift
    return _Stat(mean, shift - (mean - pivot), spread, total)


def _candidates(x: Array, mask: Array | None) -> list[_Stat]:
    """Statistics a sample may use of itself: (instance, layer), of a matrix only (layer)."""
    if x.ndim == 2:
        return [_stat(reductions.moments(x, (1,), mask), mask is not None)]
    state = reductions.moments(x, tuple(range(2, x.ndim)), mask).reshape(*x.shape[:2], 5)
    own = _stat(state, mask is not None)
    return [own, _pooled(own, 1)]


def _of_batch(x: Array, mask: Array | None, own: _Stat) -> _Stat:
    """Statistics of each channel; own: those of each instance."""
    if x.ndim > 2:
        return _pooled(own, 0)
    return _stat(reductions.moments(x, (0,), mask), mask is not None)


def _given(mean: Array, var: Array) -> _Stat:
    """Running statistics as a batch's."""
    center = mean.astype(np.float64).reshape(1, -1)
    return _Stat(center, np.zeros_like(center), var.astype(np.float64).reshape(1, -1))


def _softmax(w: Array) -> Array:
    e = np.exp(w - w.max())
    return np.asarray(e / e.sum())


def _as_logits(w: Any, name: str, sizes: tuple[int, ...]) -> Array:
    logits = native(as_input(w, name)).astype(np.float64)
    if logits.ndim != 1 or logits.size not in sizes:
        raise ValueError(f"{name}: expected {' or '.join(map(str, sizes))} logits, got shape {logits.shape}")
    return logits


def _as_running(p: Any, name: str, channels: int, update: bool) -> Array | None:
    """A running statistic with one element per channel in any shape (torch checkpoints have (1, C, 1))."""
    if p is None:
        return None
    array = as_updated(p, name) if update else as_input(p, name)
    if array.size != channels:
        raise ValueError(f"{name}: expected {channels} elements, one per channel, got shape {array.shape}")
    return array


def _update(
    running: tuple[Array, ...], before: tuple[Array, ...], batch: _Stat, momentum: float, moving: bool
) -> None:
    """Moving average, or the sums of mean and mean^2 + var that the reference averages afterwards."""
    mean = batch.mean + batch.mean_lo
    values = (mean, batch.var if moving else mean**2 + batch.var)
    for i, (target, old, value) in enumerate(zip(running, before, values, strict=True)):
        new = value.reshape(old.shape)
        mixed = momentum * old + (1 - momentum) * new if moving else old + new
        if batch.elements is not None:  # a mean of no element and a variance of one move nothing
            mixed = np.where(batch.elements.reshape(old.shape) > i, mixed, old)
        target[...] = mixed.astype(target.dtype)


def switchable_norm(
    input: ArrayLike,
    mean_weight: ArrayLike,
    var_weight: ArrayLike,
    running_mean: Given = None,
    running_var: Given = None,
    weight: Given = None,
    bias: Given = None,
    training: bool = False,
    momentum: float = 0.9,
    eps: float = 1e-5,
    *,
    using_moving_average: bool = True,
    out: Out = None,
    where: Given = None,
) -> Array:
    r"""Switchable normalization: a learned mix of instance, layer and batch statistics [1]_.

    .. math:: y = \frac{x - \sum_k a_k \mu_k}{\sqrt{\sum_k b_k \sigma_k^2 + \epsilon}} \, w_c + b_c,
              \quad a = \mathrm{softmax}(\text{mean\_weight}),\; b = \mathrm{softmax}(\text{var\_weight})

    Parameters
    ----------
    input : array_like of float, shape (N, C, ...) or (N, C)
        Any layout.
    mean_weight, var_weight : array_like of float
        Logits of (instance, layer, batch) or, without batch statistics, (instance, layer). For (N, C)
        input: (layer, batch).
    running_mean, running_var : ndarray of float, C elements, or None
        Batch statistics used when not training; updated in place when training:
        ``running = momentum * running + (1 - momentum) * batch``.
    weight, bias : array_like of float, C elements, optional
        Scale and shift of each channel.
    training : bool
        Use the statistics of this batch.
    momentum : float
        Share the running statistics keep.
    eps : float
        Added to the variance.
    using_moving_average : bool
        False adds up mean and mean^2 + var instead, as the reference implementation's batch average.
    out : ndarray, optional
        Where to write; may be `input` itself.
    where : array_like of bool, optional
        Elements that count, broadcast against `input`; the others come out as 0, whatever they hold.

    Returns
    -------
    ndarray
        Dtype, shape and memory order of `input`.

    Raises
    ------
    TypeError
        A dtype that is not float, a mask that is not boolean.
    ValueError
        Wrong sizes, no running statistics where they are needed, groups of a single value, an `eps` below
        0 or NaN.

    See Also
    --------
    batch_norm : One of the three that are mixed.
    instance_norm : Another.
    cnorm.nn.SwitchNorm2d : The layer.

    Notes
    -----
    Variances are unbiased per instance, as in the reference implementation; layer and batch
    variances are the mean within plus the variance between, which does not cancel. With `where`,
    instances have shares in these by their elements that count. Variances of a single one are 0.

    References
    ----------
    .. [1] Luo et al., "Differentiable Learning-to-Normalize via Switchable Normalization", 2018,
       arXiv:1806.10779.

    Examples
    --------
    >>> import numpy as np, cnorm.functional as F
    >>> x = np.array([[[1.0, 3.0], [2.0, 6.0]]])
    >>> F.switchable_norm(x, np.zeros(2), np.zeros(2), eps=0.0).round(3)
    array([[[-0.75 ,  0.25 ],
            [-0.567,  0.945]]])
    """
    data, where, result = unmasked(input, where)
    x = as_input(data)
    check_rank(x, 2)
    sizes = (2,) if x.ndim == 2 else (2, 3)
    a, b = _as_logits(mean_weight, "mean_weight", sizes), _as_logits(var_weight, "var_weight", sizes)
    if a.size != b.size:
        raise ValueError(f"var_weight: expected {a.size} logits as in mean_weight, got {b.size}")
    uses_batch = a.size == 3 or x.ndim == 2
    eps, momentum = as_eps(eps), as_number(momentum, "momentum")
    channels = x.shape[1]
    update = training and uses_batch
    mean = _as_running(running_mean, "running_mean", channels, update)
    var = _as_running(running_var, "running_var", channels, update)
    check_running_pair(mean, var)
    if uses_batch and not training and mean is None:
        raise ValueError("running_mean: expected an array when not training, got None")
    w, shift = as_parameter(weight, "weight", x, out), as_parameter(bias, "bias", x, out)
    check_channels(w, "weight", channels)
    check_channels(shift, "bias", channels)
    least = (x.shape[1], x.shape[0] if training else 2) if x.ndim == 2 else (x[0, 0].size if x.size else 2,)
    if 1 in least:
        raise ValueError(f"input: expected more than 1 value per statistic, got shape {x.shape}")
    mask = as_mask(where, x, out)
    target = Output(x, out)
    if not x.size:
        return result(target.done())
    running = () if mean is None or var is None or not update else (mean, var)
    before = tuple(r.astype(np.float64) for r in running)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        parts = _candidates(target.x, mask)
        if uses_batch:
            own = training or mean is None or var is None
            batch = _of_batch(target.x, mask, parts[0]) if own else _given(mean, var)  # type: ignore[arg-type]
            parts.append(batch)
        _mix(target, mask, parts, (_softmax(a), _softmax(b)), eps, (w, shift))
        if running:
            _update(running, before, parts[-1], momentum, using_moving_average)
    return result(target.done())


def _mix(
    target: Output,
    mask: Array | None,
    parts: list[_Stat],
    shares: tuple[Array, Array],
    eps: float,
    parameters: tuple[Array | None, Array | None],
) -> None:
    """y from the mixed statistics. Means mix by their distance from the first: the shares add up to 1."""
    (a, b), (w, shift) = shares, parameters
    first, x = parts[0], target.x
    apart, total = first.mean_lo, b[0] * first.var + eps
    for share, part in zip(a[1:], parts[1:], strict=True):
        apart = apart + share * ((part.mean - first.mean) + (part.mean_lo - first.mean_lo))
    center = first.mean + apart
    for share, part in zip(b[1:], parts[1:], strict=True):
        total = total + share * part.var
    scale = inverse_root(total)
    stats = x.shape[:2] + (1,) * (x.ndim - 2)
    affine = channel_shape(x.ndim, x.shape[1])
    w = None if w is None else w.reshape(affine)
    shift = None if shift is None else shift.reshape(affine)
    if x.dtype.itemsize == 8:  # what one float64 does not hold of the center
        rest = np.where(np.isfinite(center), (first.mean - center) + apart, 0)
        below = -(rest * scale).reshape(stats) * (1 if w is None else w)
        shift = below if shift is None else shift + below
    norms.apply(x, target.y, center.reshape(stats), scale.reshape(stats), w, shift, mask)
