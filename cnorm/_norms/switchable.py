"""Switchable normalization: one pass of instance moments, merged over channels and over the batch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, Output, as_input, as_parameter, as_updated
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
from cnorm._native import channels, norms, reductions, states
from cnorm._norms.averages import running


def _as_logits(w: Any, name: str, sizes: tuple[int, ...]) -> Array:
    logits = as_input(w, name).astype(np.float64, order="C")
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


def _check_several(x: Array, training: Any) -> None:
    least = (
        (x.shape[1], x.shape[0] if training else 2)
        if x.ndim == 2
        else (math.prod(x.shape[2:]) if x.size else 2,)
    )
    if 1 in least:
        raise ValueError(f"input: expected more than 1 value per statistic, got shape {x.shape}")


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
    arrays = input, mean_weight, var_weight, running_mean, running_var, weight, bias
    y = _at_once(arrays, training, momentum, eps, using_moving_average, out, where)
    if y is not None:
        return y
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
    _check_several(x, training)
    mask = as_mask(where, x, out)
    target = Output(x, out)
    if not x.size:
        return result(target.done())
    averages = running(mean, var, x, out) if update else None
    of_batch = None
    if uses_batch:
        own = training or mean is None or var is None
        of_batch = _of_batch(target.x, mask) if own else _given(mean, var)  # type: ignore[arg-type]
    batch = _mix(target, mask, of_batch, np.exp(states.lowered(a, b)), eps, (w, shift))
    if averages is not None and batch is not None:
        center, spread, count = batch
        keep, share = (momentum, 1 - momentum) if using_moving_average else (1, 1)
        with np.errstate(over="ignore", invalid="ignore"):
            spread = spread if using_moving_average else center**2 + spread
        averages.move(center, spread, keep, share, None if mask is None else count)
    return result(target.done())


def _at_once(
    arrays: tuple[Any, ...], training: Any, momentum: Any, eps: Any, moving: Any, out: Any, where: Any
) -> Array | None:
    """Of plain arguments; running statistics move as `Running` moves them; None where care is needed."""
    x, a, b, mean, var, weight, bias = arrays
    if type(momentum) is not float or type(eps) is not float or not eps >= 0:
        return None
    share = 1 - momentum
    plain = moving is True and where is None and out is None and momentum == 1 - share
    if training is not False and not (training is True and plain):
        return None
    lowered = states.lowered_at_once(a, b)
    found = None
    if lowered is not None:
        found = channels.switch_at_once(
            x, np.exp(lowered), mean, var, weight, bias, eps, training, where, out
        )
    if found is None:
        return None
    y, batch = found
    if training and batch is not None and mean is not None:
        states.move(mean, var, batch[0], batch[1], share)
    return y


def _of_batch(x: Array, mask: Array | None) -> Any:
    """The state of each column of a matrix; else that of the instances' together."""
    return reductions.moments(x, (0,), mask) if x.ndim == 2 else True


def _given(mean: Array, var: Array) -> tuple[Array, Array]:
    return mean.astype(np.float64).ravel(), var.astype(np.float64).ravel()


def _mix(
    target: Output,
    mask: Array | None,
    of_batch: Any,
    powers: Array,
    eps: float,
    parameters: tuple[Array | None, Array | None],
) -> tuple[Array, Array, Array] | None:
    """y from the mixed statistics; mean, variance and count of the batch."""
    x, (w, shift) = target.x, parameters
    state = reductions.moments(x, tuple(range(2, x.ndim)) or (1,), mask)
    center, scale, lacks, batch = states.mix(state, of_batch, powers, eps, mask is not None)
    stats = x.shape[:2] + (1,) * (x.ndim - 2)
    affine = channel_shape(x.ndim, x.shape[1])
    w = None if w is None else w.reshape(affine)
    shift = None if shift is None else shift.reshape(affine)
    if x.dtype.itemsize == 8:  # what one float64 does not hold of the center
        with np.errstate(over="ignore", invalid="ignore"):
            below = lacks.reshape(stats) * (1 if w is None else w)
            shift = below if shift is None else shift + below
    norms.apply(x, target.y, center.reshape(stats), scale.reshape(stats), w, shift, mask)
    return batch
