"""What is computed: operations on ordinary, offset and hostile values in several shapes and layouts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import cnorm._check.formulas as R
import cnorm.functional as F
from cnorm._check.formulas import Array
from cnorm._check.fused import FUSED
from cnorm._check.operations import LAYOUTS, OPERATIONS, Operation
from cnorm._check.verbs import VERBS
from cnorm.preprocessing import maxabs_scale, minmax_scale, scale, zscore

Results = tuple[Array, ...]

SMALL = ((3, 4, 5, 7), (40, 6, 3), (2, 2, 1003))
# Two threads have work from 256 Ki elements on.
LARGE = (2, 4, 175, 200)
NAMES = ("contiguous", "channels-last", "strided")
# Of the large ones those the formulas are fast for.
COMPARED = {"layer_norm2", "rms_norm", "batch_norm_train"}
COLUMNS = (0, -1)  # what a scaler reduces
# A mean far from 0, in standard deviations; beyond it a formula in longdouble loses more than float64 may.
OFFSETS = {"float16": 100.0, "bfloat16": 100.0, "float32": 1e6, "float64": 1e4}


def ordinary(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Standard normal values."""
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(dtype)


def offset(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """The same about a mean far from 0."""
    wide = np.random.default_rng(len(shape)).standard_normal(shape) + OFFSETS[dtype.name]
    return wide.astype(dtype)


def hostile(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """A constant group, a huge and a tiny number, a denormal."""
    x = ordinary(shape, dtype)
    x[0, 1] = 1
    x[-1, 0].flat[-1] = 6e4 if dtype == np.float16 else 1e30
    x[-1, 1].flat[0] = 1e-30
    x[-1, 1].flat[1] = R.finfo(dtype).smallest_subnormal
    return x


def not_finite(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """NaN in one group, infinity in another."""
    x = ordinary(shape, dtype)
    x[0, 0].flat[0] = np.nan
    x[-1, 1].flat[-1] = np.inf
    return x


VALUES = {"ordinary": ordinary, "offset": offset, "hostile": hostile, "NaN, inf": not_finite}


def running(function: Callable[..., Any], **fixed: Any) -> Callable[..., Results]:
    """A training step: the result and the statistics it moves."""

    def call(x: Array, running_mean: Array, running_var: Array, **p: Any) -> Results:
        mean, var = running_mean.copy(), running_var.copy()
        y = function(x, running_mean=mean, running_var=var, **fixed, **p)
        return y if isinstance(y, tuple) else (y, mean, var)

    return call


def cross_map(module: Any) -> Callable[..., Array]:
    """The older layer's response normalization, of images."""
    return lambda x: module.cross_map_lrn2d(x.reshape(*x.shape, *(1,) * (4 - x.ndim)), 4, 0.3)


def step(name: str, **fixed: Any) -> Operation:
    """Batch or instance normalization with running statistics."""
    parameters = next(o.parameters for o in OPERATIONS if o.name == "batch_norm_eval")
    return Operation(
        f"{name} step",
        running(getattr(F, name), momentum=0.3, **fixed),
        running(getattr(R, name), momentum=0.3, **fixed),
        parameters,
    )


def scaled(x: Array) -> Array:
    """Columns to 0 ... 1."""
    x = R.wide(x)
    low, high = x.min(COLUMNS, keepdims=True), x.max(COLUMNS, keepdims=True)
    return np.asarray((x - low) / (high - low))


def by_largest(x: Array) -> Array:
    """Columns to -1 ... 1, zeros where they were."""
    x = R.wide(x)
    return np.asarray(x / np.abs(x).max(COLUMNS, keepdims=True))


def table(name: str, function: Callable[..., Any], expected: Callable[..., Any]) -> Operation:
    """A scaler of columns: for finite values that are not constant."""
    return Operation(name, lambda x: function(x, axis=COLUMNS), expected, lambda *_: {})


EVERYWHERE = (
    *OPERATIONS,
    *FUSED,
    Operation("cross_map_lrn2d", cross_map(F), cross_map(R), lambda *_: {}),
    step("batch_norm", training=True),
    step("instance_norm"),
    *VERBS,
)
TABLES = (
    table("zscore", zscore, lambda x: R.standardize(x, COLUMNS, eps=0)),
    table("scale", scale, lambda x: R.standardize(x, COLUMNS, eps=0)),
    table("minmax_scale", minmax_scale, scaled),
    table("maxabs_scale", maxabs_scale, by_largest),
)


def all_of(result: Any) -> Results:
    """One array or several."""
    return tuple(map(np.asarray, result if isinstance(result, tuple) else (result,)))


@dataclass(frozen=True)
class Case:
    """A call on one array; what is expected is the same for every layout of it."""

    operation: Operation
    values: str
    x: Array
    parameters: dict[str, Any]
    layouts: dict[str, Array]

    def __str__(self) -> str:
        return f"{self.operation.name} {self.x.shape}, {self.values}"

    @property
    def compared(self) -> bool:
        """Is the formula evaluated?"""
        return self.x.shape != LARGE or self.operation.name in COMPARED

    def run(self, layout: str) -> Results:
        """What cnorm computes."""
        return all_of(self.operation.call(self.layouts[layout], **self.parameters))

    def expected(self) -> Results:
        """What the formula says."""
        with np.errstate(all="ignore"):
            return all_of(self.operation.expected(self.x, **self.parameters))


def cases_of(
    operations: Iterable[Operation], values: str, shape: tuple[int, ...], dtype: np.dtype[Any], *layouts: str
) -> Iterator[Case]:
    """A case for each operation, always the same."""
    x = VALUES[values](shape, dtype)
    laid = {name: LAYOUTS[name](x) for name in layouts}
    for operation in operations:
        parameters = operation.parameters(shape, np.float32, np.random.default_rng(2))
        yield Case(operation, values, x, parameters, laid)


def small_cases(dtype: np.dtype[Any]) -> Iterator[Case]:
    """Every operation, shape and kind of values, contiguous and in one of the other layouts."""
    for shape in SMALL:
        for i, values in enumerate(VALUES):
            operations = (*EVERYWHERE, *TABLES) if values in ("ordinary", "offset") else EVERYWHERE
            yield from cases_of(operations, values, shape, dtype, NAMES[0], NAMES[1 + i % 2])


def large_cases(dtype: np.dtype[Any]) -> Iterator[Case]:
    """Enough for two threads; general p works on temporaries, by NumPy."""
    operations = [o for o in (*EVERYWHERE, *TABLES) if not o.name.startswith("normalize_")]
    yield from cases_of(operations, "ordinary", LARGE, dtype, *NAMES[:2])


def float_dtypes() -> list[np.dtype[Any]]:
    """Those of this installation: bfloat16 where ml_dtypes is there."""
    found: list[np.dtype[Any]] = [np.dtype(name) for name in ("float16", "float32", "float64")]
    try:
        import ml_dtypes
    except ImportError:
        return found
    return [found[0], np.dtype(ml_dtypes.bfloat16), *found[1:]]
