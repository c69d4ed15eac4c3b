"""Batch and instance normalization: statistics per channel, and their running averages."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, Output, as_input, as_statistic
from cnorm._accept.axes import (
    as_number,
    channel_affine,
    check_more_than_one,
    check_rank,
    check_running_pair,
)
from cnorm._accept.hints import Activation, ArrayLike, Given, Out
from cnorm._accept.masks import as_mask, unmasked
from cnorm._accept.options import Curve, as_activation, as_eps_mode
from cnorm._native import norms, states
from cnorm._norms.averages import running
from cnorm._stats.moments import mean_of, merge, variance
from cnorm._stats.state import COUNT, M2, in_data_units


def _apply_running(
    target: Output,
    mean: Array,
    var: Array,
    eps: float,
    w: Any,
    b: Any,
    mask: Array | None,
    curve: Curve,
    mode: int = 0,
) -> Array:
    """y from given statistics per channel."""
    norms.apply_running(target.x, target.y, mean, var, w, b, eps, mask, curve, mode)
    return target.done()


def means_of_instances(state: Array) -> tuple[Array, Array]:
    """Means over the batch of the instances' means and unbiased variances."""
    plain = states.average(state)
    if plain is not None:
        return plain
    return mean_of(merge(state, (0,))), states.values(state, 1, True)[1].mean(axis=0)


def means_of_shown(state: Array) -> tuple[Array, Array]:
    """The same without the instances, or variances, of which a mask leaves nothing."""
    count, equal = state[..., COUNT], in_data_units(state).copy()
    equal[..., COUNT], equal[..., M2] = count > 0, 0
    several = count > 1
    total = np.where(several, variance(state, 1), 0).sum(axis=0)
    return mean_of(merge(equal, (0,))), total / np.maximum(several.sum(axis=0), 1)


def batch_norm(
    input: ArrayLike,
    running_mean: Given,
    running_var: Given,
    weight: Given = None,
    bias: Given = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *,
    out: Out = None,
    where: Given = None,
    activation: Activation = None,
) -> Array:
    r"""Batch normalization: statistics per channel over the batch and all positions [1]_.

    .. math:: y = \frac{x - \mu_c}{\sqrt{\sigma_c^2 + \epsilon}} \, w_c + b_c

    Parameters
    ----------
    input : array_like of float, shape (N, C, ...)
        Any layout; channels-last views are not copied.
    running_mean, running_var : ndarray of float, shape (C,), or None
        Statistics used when not training; when training, updated in place (with the unbiased variance):
        ``running = (1 - momentum) * running + momentum * batch``. A channel without an element that
        counts keeps them, one with a single element keeps its variance.
    weight, bias : array_like of float, C elements, optional
        Scale and shift of each channel.
    training : bool
        Normalize by the (biased) statistics of this batch.
    momentum : float
        Share of this batch in the running statistics.
    eps : float
        Added to the variance.
    out : ndarray, optional
        Where to write; may be `input` itself.
    where : array_like of bool, optional
        Elements that count, broadcast against `input`; the others come out as 0, whatever they hold.
    activation : str or tuple, optional
        Of the rounded result, in float32 (float64 for float64 input), and rounded: "relu", "silu", "gelu",
        "gelu_tanh", "leaky_relu" (slope 0.01; or `("leaky_relu", slope)`), "relu6", "hardswish", "sigmoid",
        "tanh".

    Returns
    -------
    ndarray
        Dtype, shape and memory order of `input`.

    Raises
    ------
    TypeError
        A dtype that is not float, a mask that is not boolean.
    ValueError
        Fewer than 2 dimensions, wrong sizes, one running statistic without the other, none outside
        training, one value per channel in training, a negative `eps` (in training: not positive), no such
        activation.

    See Also
    --------
    instance_norm : Statistics of each sample.
    fold_batch_norm : Into the convolution before.
    cnorm.nn.BatchNorm2d : The layer.

    References
    ----------
    .. [1] Ioffe & Szegedy, "Batch Normalization", 2015, arXiv:1502.03167.

    Examples
    --------
    >>> import numpy as np, cnorm.functional as F
    >>> mean, var = np.zeros(2), np.ones(2)
    >>> F.batch_norm(np.array([[1.0, 4.0], [3.0, 8.0]]), mean, var, training=True).round(3)
    array([[-1., -1.],
           [ 1.,  1.]])
    >>> mean
    array([0.2, 0.6])
    """
    data, where, result = unmasked(input, where)
    x = as_input(data)
    check_rank(x, 2)
    eps, momentum = as_number(eps, "eps"), as_number(momentum, "momentum")
    channels = x.shape[1]
    mean = as_statistic(running_mean, "running_mean", channels, update=training)
    var = as_statistic(running_var, "running_var", channels, update=training)
    check_running_pair(mean, var)
    if mean is None and not training and x.size:
        raise ValueError("running_mean: expected an array when not training, got None")
    if eps < 0 or (training and eps == 0):
        wanted = "a positive number when training" if training else "no negative number"
        raise ValueError(f"eps: expected {wanted}, got {eps}")
    w, b = channel_affine(x, weight, bias, out)
    if training:
        check_more_than_one(x, x.size // channels if channels else 0)
    mask, curve = as_mask(where, x, out), as_activation(activation)
    target = Output(x, out)
    if not training:
        if mean is None or var is None:
            return result(target.done())
        return result(_apply_running(target, mean, var, eps, w, b, mask, curve))
    axes = (0, *range(2, x.ndim))
    averages = running(mean, var, x, out)
    state = norms.normalize(target.x, target.y, axes, w, b, eps, "var", averages is not None, mask, curve)
    if averages is not None:
        least = None if mask is None else state[..., COUNT]
        averages.move(*states.values(state, 1, True), 1 - momentum, momentum, least)
    return result(target.done())


def instance_norm(
    input: ArrayLike,
    running_mean: Given = None,
    running_var: Given = None,
    weight: Given = None,
    bias: Given = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *,
    out: Out = None,
    where: Given = None,
    activation: Activation = None,
    eps_mode: str = "inside",
) -> Array:
    r"""Instance normalization: statistics per sample and channel over all positions [1]_.

    .. math:: y = \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} \, w_c + b_c

    Parameters
    ----------
    input : array_like of float, shape (N, C, ...)
        Any layout; a channels-last view gives a channels-last result.
    running_mean, running_var : ndarray of float, shape (C,), or None
        Used when `use_input_stats` is false; otherwise updated in place with the means over the batch
        of each instance's mean and unbiased variance. Instances without an element that counts are left
        out, those with a single one have no variance.
    weight, bias : array_like of float, C elements, optional
        Scale and shift of each channel.
    use_input_stats : bool
        Normalize by the statistics of the input.
    momentum : float
        Share of this batch in the running statistics.
    eps : float
        Added to the variance.
    out : ndarray, optional
        Where to write; may be `input` itself.
    where : array_like of bool, optional
        Elements that count, broadcast against `input`; the others come out as 0, whatever they hold.
    activation : str or tuple, optional
        Of the rounded result, in float32 (float64 for float64 input), and rounded: "relu", "silu", "gelu",
        "gelu_tanh", "leaky_relu" (slope 0.01; or `("leaky_relu", slope)`), "relu6", "hardswish", "sigmoid",
        "tanh".
    eps_mode : {"inside", "outside", "max"}
        How eps enters what is divided by: sqrt(v + eps), sqrt(v) + eps or max(sqrt(v), eps), v the variance.

    Returns
    -------
    ndarray
        Dtype, shape and memory order of `input`.

    Raises
    ------
    TypeError
        A dtype that is not float, a mask that is not boolean.
    ValueError
        Fewer than 2 dimensions, wrong sizes, one running statistic without the other, none without
        `use_input_stats`, a single position, no such activation or
        `eps_mode`.

    See Also
    --------
    group_norm : Several channels together.
    batch_norm : Statistics of the batch.
    cnorm.nn.InstanceNorm2d : The layer.

    References
    ----------
    .. [1] Ulyanov, Vedaldi & Lempitsky, "Instance Normalization", 2016, arXiv:1607.08022.

    Examples
    --------
    >>> import numpy as np, cnorm.functional as F
    >>> F.instance_norm(np.array([[[1.0, 3.0], [10.0, 30.0]]])).round(3)
    array([[[-1.,  1.],
            [-1.,  1.]]])
    """
    data, where, result = unmasked(input, where)
    x = as_input(data)
    check_rank(x, 2)
    eps, momentum = as_number(eps, "eps"), as_number(momentum, "momentum")
    channels = x.shape[1]
    mean = as_statistic(running_mean, "running_mean", channels, update=use_input_stats)
    var = as_statistic(running_var, "running_var", channels, update=use_input_stats)
    check_running_pair(mean, var)
    w, b = channel_affine(x, weight, bias, out, vector=True)
    mask, curve = as_mask(where, x, out), as_activation(activation)
    mode = as_eps_mode(eps_mode)
    if not use_input_stats:
        if mean is None or var is None:
            raise ValueError("running_mean: expected an array without use_input_stats, got None")
        return result(_apply_running(Output(x, out), mean, var, eps, w, b, mask, curve, mode))
    positions = int(np.prod(x.shape[2:]))
    if positions == 1:
        raise ValueError(f"input: expected more than 1 spatial element when training, got shape {x.shape}")
    target = Output(x, out)
    axes = tuple(range(2, x.ndim))
    averages = running(mean, var, x, out)
    state = norms.normalize(
        target.x, target.y, axes, w, b, eps, "var", averages is not None, mask, curve, eps_mode=mode
    )
    if averages is not None:
        of = means_of_instances(state) if mask is None else means_of_shown(state)
        averages.move(*of, 1 - momentum, momentum, None if mask is None else state[..., COUNT].max(axis=0))
    return result(target.done())
