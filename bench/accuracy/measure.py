"""Errors of normalized value and variance against exact ones, over ratio, size, layout and dtype."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.agreement import as_float64
from bench.cases import Case
from bench.data import EPS, Array, Data, laid_out, make, numpy_dtype
from bench.peers import CONTENDERS, FRESH
from cnorm._check.formulas import finfo

NAMES = ("cnorm", "torch", "onnxruntime", "numpy", "sklearn")
ROUNDED = "rounding alone"
DTYPES = ("float16", "bfloat16", "float32", "float64")
# Beyond these a dtype cannot hold values whose mean is so many deviations from 0.
LARGEST = {"float16": 1e3, "bfloat16": 1e2, "float32": 1e7, "float64": 1e8}
RATIOS = tuple(10.0**e for e in range(9))
SIZES = (16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1_000_000, 10_000_000)
LAYOUTS = ("rows", "columns", "channels-last")
USUAL_SIZE, USUAL_RATIO = 1024, 100.0
AT_ONCE = 1 << 18  # elements of groups measured together


@dataclass
class Record:
    """One measurement: errors in units of eps of the dtype, by contender; inf for NaN."""

    quantity: str  # "value" or "variance"
    dtype: str
    layout: str
    size: int
    ratio: float
    errors: dict[str, float] = field(default_factory=dict)


def eps_of(dtype: str) -> float:
    """Distance from 1 to the next number."""
    return float(finfo(numpy_dtype(dtype)).eps)


def case_of(dtype: str, layout: str, size: int) -> Case:
    """Groups of a size, laid out as the name says, enough of them to be a sample."""
    groups = max(1, min(64, AT_ONCE // size))
    if layout == "rows":
        return Case("layer_norm", (groups, size), (-1,), dtype)
    if layout == "columns":
        return Case("batch_norm_train", (size, groups), (0,), dtype)
    shape = (2, max(1, groups // 2), size // 16, 16)
    return Case("instance_norm", shape, (2, 3), dtype, "channels-last")


def data_of(case: Case, ratio: float) -> Data:
    """Normal values about a mean of `ratio` deviations; weight 1, bias 0."""
    made = make(case)
    rng = np.random.default_rng(1)
    x = rng.standard_normal(case.shape) + ratio
    made.x = made.fit = laid_out(x.astype(numpy_dtype(case.dtype)), numpy_dtype(case.dtype), case.layout)
    made.weight, made.bias = np.ones_like(made.weight), np.zeros_like(made.bias)
    return made


def exact_moments(x: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    """x - mean, and the variance: in longdouble about a pivot near the mean, good to 1e-18."""
    wide = x.astype(np.float64)
    d = wide.astype(np.longdouble) - wide.mean(axes, keepdims=True)
    d -= d.mean(axes, keepdims=True)
    return d, (d * d).mean(axes, keepdims=True)


def largest(result: Any, expected: Array, unit: float, relative: bool = False) -> float:
    """Largest difference, as a multiple of the unit; inf if there is a NaN."""
    error = np.abs(as_float64(result).reshape(expected.shape) - expected)
    if relative:
        error = error / expected
    worst = float(np.max(error))
    return float("inf") if np.isnan(worst) else worst / unit


def value_errors(case: Case, d: Data, difference: Array, var: Array) -> dict[str, float]:
    """Of (x - mean) / sqrt(var + eps), absolute; peers that return another dtype are left out."""
    errors, unit = {}, eps_of(case.dtype)
    for name, operation in operations(case).items():
        own = Case(operation, case.shape, case.axes, case.dtype, case.layout)
        call = CONTENDERS[name].calls(own, d, 1).get(FRESH) if CONTENDERS[name].installed else None
        if call is None:
            continue
        result = call()
        if case.dtype in str(result.dtype):
            eps = np.longdouble(0 if operation == "zscore" else EPS)
            errors[name] = largest(result, difference / np.sqrt(var + eps), unit)
    expected = difference / np.sqrt(var + np.longdouble(EPS))
    return {**errors, ROUNDED: largest(expected.astype(d.x.dtype), expected, unit)}


def operations(case: Case) -> dict[str, str]:
    """What each contender is asked for; scikit-learn scales columns, without an eps."""
    names = {name: case.operation for name in NAMES if name != "sklearn"}
    if case.operation == "batch_norm_train":
        names["sklearn"] = "zscore"
    return names


def variances(x: Array, axes: tuple[int, ...]) -> dict[str, Callable[[], Any]]:
    """Calls that give the variance over axes."""
    import cnorm

    calls: dict[str, Callable[[], Any]] = {"cnorm": lambda: cnorm.moments(x, axes)[1]}
    if x.dtype.name != "bfloat16":
        calls["numpy"] = lambda: x.var(axes)
    if CONTENDERS["torch"].installed:
        import torch

        from bench.peers.torch_peer import tensor

        calls["torch"] = lambda: torch.var(tensor(x), axes, correction=0)
    if CONTENDERS["sklearn"].installed and axes == (0,) and x.dtype.itemsize >= 4:
        from sklearn.preprocessing import StandardScaler

        calls["sklearn"] = lambda: StandardScaler().fit(x).var_
    return calls


def variance_errors(case: Case, d: Data, var: Array) -> dict[str, float]:
    """Of the variance, relative."""
    unit = eps_of(case.dtype)
    calls = variances(d.x, case.axes)
    return {name: largest(call(), var, unit, relative=True) for name, call in calls.items()}


def records_of(dtype: str, layout: str, size: int, ratio: float) -> list[Record]:
    """Both quantities on one array."""
    case = case_of(dtype, layout, size)
    d = data_of(case, ratio)
    difference, var = exact_moments(d.x, case.axes)
    where = (dtype, layout, size, ratio)
    with np.errstate(over="ignore", invalid="ignore"):  # peers overflow
        return [
            Record("value", *where, value_errors(case, d, difference, var)),
            Record("variance", *where, variance_errors(case, d, var)),
        ]


def all_records() -> list[Record]:
    """Over ratios with groups of one size, then over sizes with one ratio."""
    found = []
    for layout in LAYOUTS:
        for dtype in DTYPES:
            ratios = [r for r in RATIOS if r <= LARGEST[dtype]]
            sizes = [s for s in SIZES if s != USUAL_SIZE and layout != "channels-last"]
            for size, ratio in [*((USUAL_SIZE, r) for r in ratios), *((s, USUAL_RATIO) for s in sizes)]:
                found += records_of(dtype, layout, size, ratio)
    return found
