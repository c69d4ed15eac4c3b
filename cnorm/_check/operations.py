"""Every public operation with its oracle, under one calling convention, for sweeps over all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import cnorm
import cnorm._check.formulas as R
import cnorm.functional as F
from cnorm._check.formulas import Array

Parameters = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """`call(x, out=..., **p)` and `expected(x, **p)` for p from `parameters(shape, dtype, rng)`.

    x has at least 3 dimensions (N, C, ...) and C divisible by 2. `per_sample`: what else is in the
    batch does not matter.
    """

    name: str
    call: Callable[..., Any]
    expected: Callable[..., Any]
    parameters: Callable[[tuple[int, ...], Any, np.random.Generator], Parameters]
    per_sample: bool = True

    def __repr__(self) -> str:
        return self.name


def _values(shape: tuple[int, ...], dtype: Any, rng: np.random.Generator) -> Array:
    return np.asarray(rng.uniform(0.5, 1.5, shape).astype(dtype))


def _nothing(shape: tuple[int, ...], dtype: Any, rng: np.random.Generator) -> Parameters:
    return {}


def _trailing(n: int, *names: str) -> Callable[..., Parameters]:
    def parameters(shape: tuple[int, ...], dtype: Any, rng: np.random.Generator) -> Parameters:
        return {name: _values(shape[-n:], dtype, rng) for name in names}

    return parameters


def _channels(*names: str) -> Callable[..., Parameters]:
    def parameters(shape: tuple[int, ...], dtype: Any, rng: np.random.Generator) -> Parameters:
        return {name: _values(shape[1:2], dtype, rng) for name in names}

    return parameters


def _switchable(shape: tuple[int, ...], dtype: Any, rng: np.random.Generator) -> Parameters:
    p = _channels("weight", "bias", "running_mean", "running_var")(shape, dtype, rng)
    return {"mean_weight": _values((3,), dtype, rng), "var_weight": _values((3,), dtype, rng), **p}


def _per_sample(shape: tuple[int, ...], dtype: Any, rng: np.random.Generator) -> Parameters:
    """Scale and shift of each sample and channel, as AdaIN and FiLM have."""
    of = (*shape[:2], *(1,) * (len(shape) - 2))
    return {"weight": _values(of, dtype, rng), "bias": _values(of, dtype, rng)}


def _magnitude(shape: tuple[int, ...], dtype: Any, rng: np.random.Generator) -> Parameters:
    return {"g": _values((shape[0],) + (1,) * (len(shape) - 1), dtype, rng)}


def _of(function: Callable[..., Any], *fixed: Any, **keywords: Any) -> Callable[..., Any]:
    """function(x, *fixed, **keywords, **p); the first of a tuple result."""

    def call(x: Any, **p: Any) -> Any:
        y = function(x, *fixed, **keywords, **p)
        return y[0] if isinstance(y, tuple) else y

    return call


def _last(function: Callable[..., Any], n: int) -> Callable[..., Any]:
    """function with normalized_shape = the last n sizes."""

    def call(x: Any, **p: Any) -> Any:
        return function(x, np.shape(x)[-n:], **p)

    return call


def _over(axes: tuple[int, ...]) -> Callable[..., Any]:
    """layer_norm over these axes, parameters in their order."""

    def call(x: Any, **p: Any) -> Any:
        return F.layer_norm(x, tuple(np.shape(x)[a] for a in axes), axis=axes, **p)

    return call


def _over_expected(axes: tuple[int, ...]) -> Callable[..., Any]:
    """The same with the axes moved to the end."""

    def expected(x: Any, **p: Any) -> Any:
        last = tuple(range(-len(axes), 0))
        return np.moveaxis(_last(R.layer_norm, len(axes))(np.moveaxis(x, axes, last), **p), last, axes)

    return expected


def _sizes(axes: tuple[int, ...], *names: str) -> Callable[..., Parameters]:
    def parameters(shape: tuple[int, ...], dtype: Any, rng: np.random.Generator) -> Parameters:
        return {name: _values(tuple(shape[a] for a in axes), dtype, rng) for name in names}

    return parameters


def _last_with_offset(x: Any, weight: Any, **p: Any) -> Any:
    return F.rms_norm(x, np.shape(x)[-1:], weight, weight_offset=1.0, **p)


def _last_plus_one(x: Any, weight: Any) -> Any:
    return R.rms_norm(x, np.shape(x)[-1:], R.wide(weight) + 1)


def _labels(x: Any) -> Array:
    """Three groups of channels, mixed."""
    return np.asarray(np.arange(np.shape(x)[1]) * 7 % 3)


def _grouped(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of groups of channels, over the last axis as well."""
    return lambda x, **p: function(x, _labels(x), axis=(1, np.ndim(x) - 1), **p)


def _grouped_expected(x: Any, **p: Any) -> Array:
    return R.group_standardize(x, _labels(x), (1, np.ndim(x) - 1), **p)


def _eps(mode: str, eps: float) -> Operation:
    how: Parameters = {"eps": eps, "eps_mode": mode}
    return Operation(
        f"standardize_eps_{mode}",
        _of(cnorm.standardize, -1, **how),
        _of(R.standardize, -1, **how),
        _nothing,
    )


def _pair(name: str, **fixed: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    return _of(getattr(F, name), **fixed), _of(getattr(R, name), **fixed)


_AFFINE = _channels("weight", "bias")
_RUNNING = _channels("weight", "bias", "running_mean", "running_var")
_NO_RUNNING = {"running_mean": None, "running_var": None}

OPERATIONS = (
    Operation("layer_norm", _last(F.layer_norm, 1), _last(R.layer_norm, 1), _trailing(1, "weight", "bias")),
    Operation("layer_norm2", _last(F.layer_norm, 2), _last(R.layer_norm, 2), _trailing(2, "weight", "bias")),
    Operation("rms_norm", _last(F.rms_norm, 1), _last(R.rms_norm, 1), _trailing(1, "weight")),
    Operation("rms_norm2", _last(F.rms_norm, 2), _last(R.rms_norm, 2), _nothing),
    Operation("rms_norm_offset", _last_with_offset, _last_plus_one, _trailing(1, "weight")),
    Operation("layer_norm_axis", _over((1,)), _over_expected((1,)), _sizes((1,), "weight", "bias")),
    Operation("layer_norm_axes", _over((2, 1)), _over_expected((2, 1)), _sizes((2, 1), "weight", "bias")),
    Operation("group_norm", *_pair("group_norm", num_groups=2), _AFFINE),
    Operation("instance_norm", *_pair("instance_norm"), _AFFINE),
    Operation("instance_norm_running", *_pair("instance_norm", use_input_stats=False), _RUNNING),
    Operation(
        "batch_norm_train", *_pair("batch_norm", training=True, **_NO_RUNNING), _AFFINE, per_sample=False
    ),
    Operation("batch_norm_eval", *_pair("batch_norm"), _RUNNING),
    Operation("local_response_norm", *_pair("local_response_norm", size=3, alpha=0.3), _nothing),
    Operation(
        "local_response_norm_beta", *_pair("local_response_norm", size=4, alpha=0.3, beta=0.6), _nothing
    ),
    Operation("normalize", *_pair("normalize"), _nothing),
    Operation("normalize_p1", *_pair("normalize", p=1.0, dim=-1), _nothing),
    Operation("normalize_p3", *_pair("normalize", p=3.0, dim=(1, 2)), _nothing),
    Operation("normalize_max", *_pair("normalize", p=float("inf")), _nothing),
    Operation("weight_norm", *_pair("weight_norm"), _magnitude),
    Operation(
        "switchable_norm_train", *_pair("switchable_norm", training=True), _switchable, per_sample=False
    ),
    Operation("switchable_norm_eval", *_pair("switchable_norm"), _switchable),
    Operation("standardize", _of(cnorm.standardize, (1, 2)), _of(R.standardize, (1, 2)), _per_sample),
    Operation("group_standardize", _grouped(cnorm.group_standardize), _grouped_expected, _per_sample),
    Operation("weight_standardize", *_pair("weight_standardize"), _nothing),
    _eps("outside", 0.25),
    _eps("max", 1.0),
    Operation(
        "standardize_all", _of(cnorm.standardize, None), _of(R.standardize, None), _nothing, per_sample=False
    ),
)

LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "contiguous": lambda x: x,
    "channels-last": lambda x: _ordered(x, (0, *range(2, x.ndim), 1)),
    "fortran": np.asfortranarray,
    "batch-innermost": lambda x: _ordered(x, (*range(1, x.ndim), 0)),
    "reversed": lambda x: x[(slice(None, None, -1),) * x.ndim].copy()[(slice(None, None, -1),) * x.ndim],
    "strided": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "strided channels": lambda x: np.repeat(x, 3, axis=1)[:, ::3],
    "swapped": lambda x: x.astype(x.dtype.newbyteorder("S")) if x.dtype.name != "bfloat16" else x,
    "read-only": lambda x: _readonly(x),
}


def _ordered(x: Array, order: tuple[int, ...]) -> Array:
    """The same array, in memory order `order` (slowest axis first)."""
    return np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))


def _readonly(x: Array) -> Array:
    x = x.copy()
    x.flags.writeable = False
    return x
