"""Normalization functions with the signatures of torch.nn.functional, on NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm import _core
from cnorm._arrays import Array, Output, as_input, as_parameter, as_statistic
from cnorm._axes import (
    as_number,
    channel_shape,
    check_affine,
    check_channels,
    check_groups,
    check_more_than_one,
    check_rank,
    check_running_pair,
    grouped_shape,
    normalized_axes,
)
from cnorm._lp import normalize, weight_norm
from cnorm._moments import mean_of, merge, variance
from cnorm._response import cross_map_lrn2d, local_response_norm
from cnorm._switchable import switchable_norm

__all__ = [
    "batch_norm",
    "cross_map_lrn2d",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
    "rms_norm",
    "switchable_norm",
    "weight_norm",
]


def layer_norm(
    input: Any,
    normalized_shape: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    *,
    out: Any = None,
) -> Array:
    r"""Layer normalization over the last dimensions [1]_.

    .. math:: y = \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} \, w + b

    Parameters
    ----------
    input : array_like of float, shape (..., *normalized_shape)
        Any layout.
    normalized_shape : tuple of int
        Sizes of the trailing dimensions each mean and (biased) variance is taken over.
    weight, bias : array_like of float, shape normalized_shape, optional
        Scale and shift of each element.
    eps : float
        Added to the variance.
    out : ndarray, optional
        Where to write; may be `input` itself.

    Returns
    -------
    ndarray
        Dtype, shape and memory order of `input`.

    Raises
    ------
    TypeError
        `input` or a parameter is not float; `normalized_shape` is not a tuple of ints.
    ValueError
        Shapes do not agree, or `out` does not fit.

    References
    ----------
    .. [1] Ba, Kiros & Hinton, "Layer Normalization", 2016, arXiv:1607.06450.

    Examples
    --------
    >>> import numpy as np, cnorm.functional as F
    >>> F.layer_norm(np.array([[1.0, 2.0, 3.0], [4.0, 4.0, 7.0]]), (3,)).round(3)
    array([[-1.225,  0.   ,  1.225],
           [-0.707, -0.707,  1.414]])
    """
    return _trailing(input, normalized_shape, weight, bias, eps, out, "var")


def rms_norm(
    input: Any,
    normalized_shape: Any,
    weight: Any = None,
    eps: float | None = None,
    *,
    out: Any = None,
) -> Array:
    r"""Root-mean-square normalization over the last dimensions [1]_.

    .. math:: y = \frac{x}{\sqrt{\frac{1}{n} \sum x^2 + \epsilon}} \, w

    Parameters
    ----------
    input : array_like of float, shape (..., *normalized_shape)
        Any layout.
    normalized_shape : tuple of int
        Sizes of the trailing dimensions.
    weight : array_like of float, shape normalized_shape, optional
        Scale of each element.
    eps : float, optional
        Added to the mean square; None takes the machine epsilon torch takes: that of float64 for
        float64 input, else of float32.
    out : ndarray, optional
        Where to write; may be `input` itself.

    Returns
    -------
    ndarray
        Dtype, shape and memory order of `input`.

    Raises
    ------
    TypeError
        `input` or `weight` is not float; `normalized_shape` is not a tuple of ints.
    ValueError
        Shapes do not agree, or `out` does not fit.

    References
    ----------
    .. [1] Zhang & Sennrich, "Root Mean Square Layer Normalization", 2019, arXiv:1910.07467.

    Examples
    --------
    >>> import numpy as np, cnorm.functional as F
    >>> F.rms_norm(np.array([[3.0, 4.0]]), (2,)).round(4)
    array([[0.8485, 1.1314]])
    """
    return _trailing(input, normalized_shape, weight, None, eps, out, "rms")


def _trailing(
    input: Any, normalized_shape: Any, weight: Any, bias: Any, eps: float | None, out: Any, kind: str
) -> Array:
    """layer_norm and rms_norm: moments over the trailing axes, parameters of exactly their shape."""
    x = as_input(input)
    axes, shape = normalized_axes(x, normalized_shape)
    w, b = as_parameter(weight, "weight", x, out), as_parameter(bias, "bias", x, out)
    check_affine(w, "weight", shape)
    check_affine(b, "bias", shape)
    if eps is None and kind == "rms":
        eps = float(np.finfo(np.float64 if x.dtype.itemsize == 8 else np.float32).eps)
    eps = as_number(eps, "eps")
    lead = (1,) * (x.ndim - len(shape))
    target = Output(x, out)
    _core.normalize(
        target.x,
        target.y,
        axes,
        None if w is None else w.reshape(lead + shape),
        None if b is None else b.reshape(lead + shape),
        eps,
        kind,
    )
    return target.done()


def group_norm(
    input: Any,
    num_groups: int,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    *,
    out: Any = None,
) -> Array:
    r"""Group normalization: statistics over groups of channels of each sample [1]_.

    .. math:: y = \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} \, w_c + b_c

    Parameters
    ----------
    input : array_like of float, shape (N, C, ...)
        Any layout; channels-last views are not copied.
    num_groups : int
        Must divide C.
    weight, bias : array_like of float, C elements, optional
        Scale and shift of each channel.
    eps : float
        Added to the variance.
    out : ndarray, optional
        Where to write; may be `input` itself.

    Returns
    -------
    ndarray
        Dtype, shape and memory order of `input`.

    Raises
    ------
    TypeError
        A dtype that is not float, `num_groups` not an int.
    ValueError
        Fewer than 2 dimensions, groups that do not divide C, wrong sizes, a single value per group.

    References
    ----------
    .. [1] Wu & He, "Group Normalization", 2018, arXiv:1803.08494.

    Examples
    --------
    >>> import numpy as np, cnorm.functional as F
    >>> x = np.arange(8.0).reshape(1, 4, 2)
    >>> F.group_norm(x, 2).round(3)
    array([[[-1.342, -0.447],
            [ 0.447,  1.342],
            [-1.342, -0.447],
            [ 0.447,  1.342]]])
    """
    x = as_input(input)
    groups = check_groups(x, num_groups)
    w, b = _channel_affine(x, weight, bias, out)
    # torch counts the values of a group times the batch.
    check_more_than_one(x, x.size // groups if x.size else 0)
    eps = as_number(eps, "eps")
    target = Output(x, out)
    if x.size:
        shape = grouped_shape(x, groups)
        affine = (1, *shape[1:3], *(1,) * (x.ndim - 2))
        _core.normalize(
            target.x.reshape(shape),
            target.y.reshape(shape),
            tuple(range(2, len(shape))),
            None if w is None else w.reshape(affine),
            None if b is None else b.reshape(affine),
            eps,
            "var",
        )
    return target.done()


def _channel_affine(x: Array, weight: Any, bias: Any, out: Any) -> tuple[Array | None, Array | None]:
    """Weight and bias per channel, shaped against (N, C, ...)."""
    channels = x.shape[1]
    shape = channel_shape(x.ndim, channels)
    w, b = as_parameter(weight, "weight", x, out), as_parameter(bias, "bias", x, out)
    check_channels(w, "weight", channels)
    check_channels(b, "bias", channels)
    return None if w is None else w.reshape(shape), None if b is None else b.reshape(shape)


def _apply_running(target: Output, mean: Array, var: Array, eps: float, w: Any, b: Any) -> Array:
    """y from given statistics per channel."""
    shape = channel_shape(target.x.ndim, mean.size)
    total = var.astype(np.float64) + eps
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(total == 0, 0.0, 1 / np.sqrt(total))
    center = mean.astype(np.float64).reshape(shape)
    _core.apply(target.x, target.y, center, scale.reshape(shape), w, b)
    return target.done()


def _move(running: Array, value: Array, momentum: float) -> None:
    """running <- (1 - momentum) * running + momentum * value, in float64, rounded once."""
    mixed = (1 - momentum) * running.astype(np.float64) + momentum * value.reshape(running.shape)
    with np.errstate(over="ignore"):
        running[...] = mixed.astype(running.dtype)


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *,
    out: Any = None,
) -> Array:
    r"""Batch normalization: statistics per channel over the batch and all positions [1]_.

    .. math:: y = \frac{x - \mu_c}{\sqrt{\sigma_c^2 + \epsilon}} \, w_c + b_c

    Parameters
    ----------
    input : array_like of float, shape (N, C, ...)
        Any layout; channels-last views are not copied.
    running_mean, running_var : ndarray of float, shape (C,), or None
        Statistics used when not training; when training, updated in place (with the unbiased variance):
        ``running = (1 - momentum) * running + momentum * batch``.
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

    Returns
    -------
    ndarray
        Dtype, shape and memory order of `input`.

    Raises
    ------
    TypeError
        A dtype that is not float.
    ValueError
        Fewer than 2 dimensions, wrong sizes, one running statistic without the other, none outside
        training, one value per channel in training, a negative `eps` (in training: not positive).

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
    x = as_input(input)
    check_rank(x, 2)
    eps, momentum = as_number(eps, "eps"), as_number(momentum, "momentum")
    channels = x.shape[1]
    mean = as_statistic(running_mean, "running_mean", channels, update=training)
    var = as_statistic(running_var, "running_var", channels, update=training)
    check_running_pair(mean, var)
    if mean is None and not training:
        raise ValueError("running_mean: expected an array when not training, got None")
    if eps < 0 or (training and eps == 0):
        wanted = "a positive number when training" if training else "no negative number"
        raise ValueError(f"eps: expected {wanted}, got {eps}")
    w, b = _channel_affine(x, weight, bias, out)
    if training:
        check_more_than_one(x, x.size // channels if channels else 0)
    target = Output(x, out)
    if not training:
        assert mean is not None
        assert var is not None
        return _apply_running(target, mean, var, eps, w, b)
    axes = (0, *range(2, x.ndim))
    state = _core.normalize(target.x, target.y, axes, w, b, eps, "var", mean is not None)
    if mean is not None and var is not None and x.size:
        _move(mean, mean_of(state), momentum)
        _move(var, variance(state, 1), momentum)
    return target.done()


def instance_norm(
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *,
    out: Any = None,
) -> Array:
    r"""Instance normalization: statistics per sample and channel over all positions [1]_.

    .. math:: y = \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} \, w_c + b_c

    Parameters
    ----------
    input : array_like of float, shape (N, C, ...)
        Any layout; a channels-last view gives a channels-last result.
    running_mean, running_var : ndarray of float, shape (C,), or None
        Used when `use_input_stats` is false; otherwise updated in place with the means over the batch
        of each instance's mean and unbiased variance.
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

    Returns
    -------
    ndarray
        Dtype, shape and memory order of `input`.

    Raises
    ------
    TypeError
        A dtype that is not float.
    ValueError
        Fewer than 2 dimensions, wrong sizes, one running statistic without the other, none without
        `use_input_stats`, a single position.

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
    x = as_input(input)
    check_rank(x, 2)
    eps, momentum = as_number(eps, "eps"), as_number(momentum, "momentum")
    channels = x.shape[1]
    mean = as_statistic(running_mean, "running_mean", channels, update=use_input_stats)
    var = as_statistic(running_var, "running_var", channels, update=use_input_stats)
    check_running_pair(mean, var)
    w, b = _channel_affine(x, weight, bias, out)
    if not use_input_stats:
        if mean is None or var is None:
            raise ValueError("running_mean: expected an array without use_input_stats, got None")
        return _apply_running(Output(x, out), mean, var, eps, w, b)
    positions = int(np.prod(x.shape[2:]))
    if positions == 1:
        raise ValueError(f"input: expected more than 1 spatial element when training, got shape {x.shape}")
    target = Output(x, out)
    axes = tuple(range(2, x.ndim))
    state = _core.normalize(target.x, target.y, axes, w, b, eps, "var", mean is not None)
    if mean is not None and var is not None and x.size:
        _move(mean, mean_of(merge(state, (0,))), momentum)
        _move(var, variance(state, 1).mean(axis=0), momentum)
    return target.done()
