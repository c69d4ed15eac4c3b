"""Every norm written from its formula in NumPy's widest float, no speed, no tricks: the oracle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Axes = int | Sequence[int] | None

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
    with np.errstate(all="ignore"):
        if weights is None:
            count: Any = np.longdouble(math.prod(x.shape[a] for a in axes))
            mean = x.sum(axes, keepdims=True) / count
            mean = mean + (x - mean).sum(axes, keepdims=True) / count
            squares = ((x - mean) ** 2).sum(axes, keepdims=True)
        else:
            w = np.broadcast_to(wide(weights), x.shape)
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


def divisor(var: Array, eps: float, eps_mode: str = "inside") -> Array:
    """The root of a variance with its eps."""
    e = np.longdouble(eps)
    ways = {"inside": np.sqrt(var + e), "outside": np.sqrt(var) + e, "max": np.maximum(np.sqrt(var), e)}
    return np.asarray(ways[eps_mode])


def standardize(
    x: Any,
    axis: Axes = None,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    eps_mode: str = "inside",
) -> Array:
    """(x - mean) / sqrt(var + eps) * weight + bias; 0 where x - mean is 0, even if var + eps is."""
    mean, var = moments(x, axis, keepdims=True)
    return _scaled(wide(x) - mean, divisor(var, eps, eps_mode), weight, bias)


def group_moments(x: Any, labels: Array, axis: int, **p: Any) -> tuple[Array, Array]:
    """Moments of what has each label 0, 1, ... along an axis."""
    groups = [np.compress(labels == g, wide(x), axis) for g in range(int(labels.max(initial=-1)) + 1)]
    mean, var = zip(*(moments(of, axis, **p) for of in groups), strict=True)
    return np.stack(mean, axis), np.stack(var, axis)


def group_standardize(
    x: Any, labels: Array, axes: tuple[int, ...], weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Array:
    """Each element by the moments of its group, labels along the first of axes; 0 in none."""
    x, y = wide(x), np.zeros(np.shape(x), np.longdouble)
    for g in range(int(labels.max(initial=-1)) + 1):
        at = (*(slice(None),) * axes[0], labels == g)
        y[at] = standardize(x[at], axes, eps=eps)
    shown = np.expand_dims(labels >= 0, [a for a in range(x.ndim) if a != axes[0]])
    return np.where(shown, affine(y, weight, bias), 0)


def rolling_moments(x: Any, window: int, axis: int, center: bool) -> tuple[Array, Array]:
    """Moments of what is not NaN of the window at each position, cut at the ends; NaN of nothing."""
    x = np.moveaxis(wide(x), axis, -1)
    after = (window - 1) // 2 if center else 0
    padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(window - 1 - after, after)], constant_values=np.nan)
    seen = np.lib.stride_tricks.sliding_window_view(padded, window, -1)
    counts = ~np.isnan(seen)
    n = counts.sum(-1)
    mean = np.where(counts, seen, 0).sum(-1) / n
    var = np.where(counts, (seen - mean[..., None]) ** 2, 0).sum(-1) / n
    return np.moveaxis(mean, -1, axis), np.moveaxis(var, -1, axis)


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
    """The window of torch's older layer, a running sum that never drops channel 0: that channel and
    c - pad + 1 ... c + pad - 1, pad = (size - 1) // 2 + 1."""
    x = wide(x)
    pad = (size - 1) // 2 + 1
    below = np.empty_like(x)
    for c in range(x.shape[1]):
        window = x[:, 0] ** 2 + (x[:, max(1, c - pad + 1) : c + pad] ** 2).sum(1)
        below[:, c] = (np.longdouble(k) + np.longdouble(alpha) / size * window) ** np.longdouble(beta)
    return _scaled(x, below, None, None)


def vector_norm(x: Any, p: float, axes: tuple[int, ...]) -> Array:
    size = np.abs(wide(x))
    if p == 0:
        return np.asarray((size != 0).sum(axes, keepdims=True).astype(np.longdouble))
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
    batch: Any
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
    """E[var + mean^2] - E[mean]^2 of equal groups, in a form that does not cancel."""
    center = mean.mean(axis, keepdims=True)
    return center, (var + (mean - center) ** 2).mean(axis, keepdims=True)


def finfo(dtype: np.dtype[Any]) -> Any:
    """np.finfo, of bfloat16 too."""
    if dtype.name != "bfloat16":
        return np.finfo(dtype)
    import ml_dtypes

    return ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]


class Expected:
    """What a result of a dtype should be, and how far from it rounding to that dtype may lead."""

    def __init__(self, values: Any, dtype: np.dtype[Any]) -> None:
        self.work = np.longdouble if dtype.itemsize == 8 else np.float64
        info = finfo(dtype)
        values = np.asarray(values)
        with np.errstate(invalid="ignore", over="ignore"):
            beyond = np.abs(values) > info.max
            self.values = np.where(beyond, np.copysign(np.inf, values), values).astype(self.work)
            size = np.abs(self.values)
            self.size = np.maximum(size, 1)
            self.half_ulp: Any = 0.0
            if dtype.itemsize == 2:
                self.half_ulp = np.maximum(size, float(info.smallest_normal)) * float(info.eps) / 2

    def excess(self, actual: Array) -> Array:
        """|error| / max(1, |expected|), less half a unit in the last place of a 16-bit result.

        0 where both are NaN or the same infinity, into which a value beyond the dtype's largest turns.
        """
        with np.errstate(invalid="ignore", over="ignore"):
            got = actual.astype(self.work)
            same = (got == self.values) | (np.isnan(got) & np.isnan(self.values))
            return np.asarray(np.where(same, 0, (np.abs(got - self.values) - self.half_ulp) / self.size))

    def error(self, actual: Array) -> float:
        """The largest excess, inf for a wrong shape or NaN; an infinite or undefined value may be either."""
        if actual.shape != self.values.shape:
            return math.inf
        got = actual.astype(self.work)
        with np.errstate(invalid="ignore", over="ignore"):
            largest = np.max((np.abs(got - self.values) - self.half_ulp) / self.size, initial=0)
        if not np.isnan(largest):
            return float(largest)
        odd = ~np.isfinite(self.values) & ~np.isfinite(got)
        largest = np.max(np.where(odd, 0, self.excess(actual)), initial=0)
        return math.inf if np.isnan(largest) else float(largest)


def weight_standardize(w: Any, gain: Any = None, eps: float = 1e-6) -> Array:
    return standardize(w, tuple(range(1, np.ndim(w))), eps=eps)
