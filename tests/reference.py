"""The oracle: every norm written from its formula in NumPy's widest float, no speed, no tricks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np

Array = np.ndarray[Any, Any]
Axes = int | Sequence[int] | None

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = (np.dtype(np.float16), BFLOAT16, np.dtype(np.float32), np.dtype(np.float64))

# Largest error of a result in normalized units, before rounding to the result's dtype.
BOUNDS = {"float16": 2e-6, "bfloat16": 2e-6, "float32": 2e-6, "float64": 1e-12}


def wide(x: Any) -> Array:
    """x in longdouble."""
    return np.asarray(np.asarray(x).astype(np.float64).astype(np.longdouble))


def _axes(x: Array, axis: Axes) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(x.ndim))
    return (axis,) if isinstance(axis, int) else tuple(axis)


def moments(
    x: Any, axis: Axes = None, *, correction: float = 0, keepdims: bool = False, weights: Any = None
) -> tuple[Array, Array]:
    """Mean and variance by two passes; weights are repeat counts."""
    x = wide(x)
    axes = _axes(x, axis)
    w = np.ones_like(x) if weights is None else np.broadcast_to(wide(weights), x.shape)
    with np.errstate(all="ignore"):
        count = w.sum(axes, keepdims=True)
        mean = np.where(w > 0, w * x, 0).sum(axes, keepdims=True) / count
        mean = mean + np.where(w > 0, w * (x - mean), 0).sum(axes, keepdims=True) / count
        squares = np.where(w > 0, w * (x - mean) ** 2, 0).sum(axes, keepdims=True)
        var = squares / np.maximum(count - correction, 0)
    if keepdims:
        return mean, var
    return mean.squeeze(axes), var.squeeze(axes)


def affine(y: Array, weight: Any, bias: Any) -> Array:
    """y * weight + bias, either may be None."""
    if weight is not None:
        y = y * wide(weight)
    return y if bias is None else y + wide(bias)


def standardize(x: Any, axis: Axes = None, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Array:
    """(x - mean) / sqrt(var + eps) * weight + bias; 0 where x - mean is 0, even if var + eps is."""
    mean, var = moments(x, axis, keepdims=True)
    return _scaled(wide(x) - mean, np.sqrt(var + np.longdouble(eps)), weight, bias)


def _scaled(above: Array, below: Array, weight: Any, bias: Any) -> Array:
    with np.errstate(all="ignore"):
        return affine(np.where((above == 0) & (below == 0), 0, above / below), weight, bias)


def per_channel(p: Any, ndim: int) -> Array | None:
    """(C,) shaped against (N, C, ...)."""
    return None if p is None else wide(p).reshape((1, -1) + (1,) * (ndim - 2))


def batch_norm(
    x: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Array, Array | None, Array | None]:
    """y and the new running statistics."""
    x = wide(x)
    w, b = per_channel(weight, x.ndim), per_channel(bias, x.ndim)
    if not training:
        mean, var = per_channel(running_mean, x.ndim), per_channel(running_var, x.ndim)
        assert mean is not None
        assert var is not None
        return (
            _scaled(x - mean, np.sqrt(var + np.longdouble(eps)), w, b),
            wide(running_mean),
            wide(running_var),
        )
    axes = (0, *range(2, x.ndim))
    y = standardize(x, axes, w, b, eps)
    if running_mean is None:
        return y, None, None
    mean, var = moments(x, axes, correction=1)
    return y, *_moved((running_mean, running_var), (mean, var), momentum)


def _moved(old: tuple[Any, Any], new: tuple[Array, Array], momentum: float) -> tuple[Array, Array]:
    m = np.longdouble(momentum)
    return (1 - m) * wide(old[0]) + m * new[0], (1 - m) * wide(old[1]) + m * new[1]


def instance_norm(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Array, Array | None, Array | None]:
    """y and the new running statistics (batch means of each instance's mean and unbiased variance)."""
    if not use_input_stats:
        return batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    x = wide(x)
    axes = tuple(range(2, x.ndim))
    y = standardize(x, axes, per_channel(weight, x.ndim), per_channel(bias, x.ndim), eps)
    if running_mean is None:
        return y, None, None
    mean, var = moments(x, axes, correction=1)
    return y, *_moved((running_mean, running_var), (mean.mean(0), var.mean(0)), momentum)


def layer_norm(
    x: Any, normalized_shape: Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Array:
    return standardize(x, tuple(range(-len(normalized_shape), 0)), weight, bias, eps)


def group_norm(x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Array:
    x = wide(x)
    grouped = x.reshape(x.shape[0], num_groups, -1) if x.size else x
    y = standardize(grouped, -1, eps=eps).reshape(x.shape)
    return affine(y, per_channel(weight, x.ndim), per_channel(bias, x.ndim))


def rms_norm(x: Any, normalized_shape: Sequence[int], weight: Any = None, eps: float | None = None) -> Array:
    if eps is None:
        eps = float(np.finfo(np.float64 if np.asarray(x).dtype.itemsize == 8 else np.float32).eps)
    x = wide(x)
    axes = tuple(range(-len(normalized_shape), 0))
    square = (x**2).sum(axes, keepdims=True) / np.prod(normalized_shape, dtype=np.longdouble)
    return _scaled(x, np.sqrt(square + np.longdouble(eps)), weight, None)


def local_response_norm(x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Array:
    """The window of channel c is c - size//2 ... c + (size-1)//2; channels outside count as zero."""
    x = wide(x)
    below = np.empty_like(x)
    for c in range(x.shape[1]):
        near = x[:, max(0, c - size // 2) : c + (size - 1) // 2 + 1]
        below[:, c] = (np.longdouble(k) + np.longdouble(alpha) / size * (near**2).sum(1)) ** np.longdouble(
            beta
        )
    return _scaled(x, below, None, None)


def cross_map_lrn2d(x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Array:
    """The window of torch's older layer: a running sum that begins with channels 0 ... size - pad - 1,
    pad = (size - 1) // 2 + 1 (at most all of them); step c adds channel c + pad - 1 and drops
    c - pad, but never channel 0."""
    x = wide(x)
    channels, pad = x.shape[1], (size - 1) // 2 + 1
    window = (x[:, : min(pad, channels)] ** 2).sum(1)
    below = np.empty_like(x)
    for c in range(channels):
        if c > 0 and c + pad - 1 < channels:
            window = window + x[:, c + pad - 1] ** 2
        if c > pad:
            window = window - x[:, c - pad] ** 2
        below[:, c] = (np.longdouble(k) + np.longdouble(alpha) / size * window) ** np.longdouble(beta)
    return _scaled(x, below, None, None)


def vector_norm(x: Any, p: float, axes: tuple[int, ...]) -> Array:
    size = np.abs(wide(x))
    if p == 0:
        return (size != 0).sum(axes, keepdims=True).astype(np.longdouble)
    if np.isinf(p):
        return np.asarray((size.max if p > 0 else size.min)(axes, keepdims=True))
    with np.errstate(divide="ignore"):
        return np.asarray((size ** np.longdouble(p)).sum(axes, keepdims=True) ** (1 / np.longdouble(p)))


def normalize(x: Any, p: float = 2.0, dim: Axes = 1, eps: float = 1e-12) -> Array:
    x = wide(x)
    return _scaled(x, np.maximum(vector_norm(x, p, _axes(x, dim)), np.longdouble(eps)), None, None)


def weight_norm(v: Any, g: Any, dim: int | None = 0) -> Array:
    v = wide(v)
    kept = -1 if dim is None else dim
    norm = vector_norm(v, 2, tuple(a for a in range(v.ndim) if a != kept))
    return _scaled(v, norm, wide(g).reshape(norm.shape), None)


def softmax(w: Any) -> Array:
    e = np.exp(wide(w))
    return np.asarray(e / e.sum())


def switchable_norm(
    x: Any,
    mean_weight: Any,
    var_weight: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.9,
    eps: float = 1e-5,
) -> tuple[Array, Array | None, Array | None]:
    """y and the new running statistics (with the share `momentum` of the old ones)."""
    x = wide(x)
    ndim = x.ndim
    if ndim == 2:
        parts = [moments(x, 1, correction=1, keepdims=True)]
        batch = moments(x, 0, correction=1, keepdims=True)
    else:
        mean, var = moments(x, tuple(range(2, ndim)), correction=1, keepdims=True)
        parts = [(mean, var), _pooled(mean, var, 1)]
        batch = _pooled(mean, var, 0)
    if not training and running_mean is not None:
        batch = (per_channel(running_mean, ndim), per_channel(running_var, ndim))
    a, b = softmax(mean_weight), softmax(var_weight)
    if len(a) > len(parts):
        parts.append(batch)
    center = sum(share * m for share, (m, _) in zip(a, parts, strict=True))
    scale = np.sqrt(sum(share * v for share, (_, v) in zip(b, parts, strict=True)) + np.longdouble(eps))
    y = _scaled(x - center, scale, per_channel(weight, ndim), per_channel(bias, ndim))
    if running_mean is None or not training:
        return y, running_mean, running_var
    new = (batch[0].ravel(), batch[1].ravel())
    return y, *_moved((wide(running_mean).ravel(), wide(running_var).ravel()), new, 1 - momentum)


def _pooled(mean: Array, var: Array, axis: int) -> tuple[Array, Array]:
    """E[var + mean^2] - E[mean]^2 of equal groups."""
    center = mean.mean(axis, keepdims=True)
    return center, (var + mean**2).mean(axis, keepdims=True) - center**2


def assert_close(actual: Any, expected: Any, bound: float | None = None) -> None:
    """|error| <= bound * max(1, |expected|) plus half a unit in the last place of a 16-bit result."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    name = actual.dtype.name
    if bound is None:
        bound = BOUNDS[name]
    size = np.maximum(np.abs(expected), 1)
    with np.errstate(invalid="ignore", over="ignore"):
        if actual.dtype.itemsize == 2:
            info: Callable[[Any], Any] = ml_dtypes.finfo
            half_ulp = (
                np.maximum(np.abs(expected), info(actual.dtype).smallest_normal) * info(actual.dtype).eps / 2
            )
            expected = np.where(
                np.abs(expected) > info(actual.dtype).max, np.copysign(np.inf, expected), expected
            )
        else:
            half_ulp = np.zeros_like(size)
        got = wide(actual)
        same = (got == expected) | (np.isnan(got) & np.isnan(expected))
        error = np.where(same, 0, np.abs(got - expected))
        excess = np.where(same, 0, error - half_ulp) / size
    worst = np.max(excess, initial=0)
    assert worst <= bound, f"{name}: error {float(worst):.3g} in normalized units, bound {bound:.3g}"
