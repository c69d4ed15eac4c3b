"""The bound of docs/accuracy.md on variance, mean and normalized value, against exact integers."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bounds import BLOCK, BLOCK_ROWS, RUN, additions, exact, mean_bound, merges, unit, variance_bound
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from reference import DTYPES, Array, finfo
from sweep import sweep

import cnorm
from cnorm._native import reductions

ROOT = Path(__file__).parent.parent


class Group:
    """Exact moments of one-dimensional data, and what they allow of a result."""

    def __init__(self, x: Array) -> None:
        self.x, self.n = x, x.size
        self.mean, self.m2 = exact(x)
        self.center = float(self.mean)

    def check_moments(self, state: Array, kernel: str, run: int | None = None) -> None:
        """Of a group that lies in runs of that length."""
        h = additions(self.x.dtype, kernel, run or self.n)
        mean = Fraction(float(state[1])) + Fraction(float(state[2]))
        m2 = Fraction(float(state[3]))
        assert state[0] == self.n
        assert abs(m2 - self.m2) <= Fraction(variance_bound(self.x.dtype, self.n, kernel, h)) * self.m2
        rounding = (1 + merges(self.n, kernel)) * 2.0**-106 * abs(self.center)
        allowed = mean_bound(self.x.dtype, self.n, kernel, h) * math.sqrt(self.m2 / self.n) + rounding
        assert abs(mean - self.mean) <= Fraction(allowed)

    def check_normalized(self, y: Array, kernel: str, eps: float) -> None:
        dtype, u, h = self.x.dtype, unit(self.x.dtype), additions(self.x.dtype, kernel, self.n)
        root = math.sqrt(self.m2 / self.n + Fraction(eps))
        if root == 0:
            assert not y.any()
            return
        d = self.x.astype(np.longdouble) - np.longdouble(self.center)
        expected = (d - np.longdouble(float(self.mean - Fraction(self.center)))) / np.longdouble(root)
        size = np.abs(expected)
        bound = (4 * u + variance_bound(dtype, self.n, kernel, h) / 2) * size
        bound += mean_bound(dtype, self.n, kernel, h) + 2 * u * u * abs(self.center) / root
        if dtype.itemsize == 2:
            info = finfo(dtype)
            bound += np.maximum(size + bound, float(info.smallest_normal)) * float(info.eps) / 2
        bound += float(finfo(dtype).smallest_subnormal)
        assert np.all(np.abs(y.astype(np.longdouble) - expected) <= bound)


def check(x: Array, eps: float = 0.0) -> None:
    """x[i, :] as groups in rows and, if there are several, in columns."""
    exactly = [Group(row) for row in x]
    for kernel in ("rows", "columns")[: len(x)]:
        groups = x if kernel == "rows" else np.ascontiguousarray(x.T)
        axis = int(kernel == "rows")
        state = reductions.moments(groups, (axis,)).reshape(-1, 5)
        y = np.moveaxis(cnorm.standardize(groups, axis, eps=eps), axis, 1)
        for i, group in enumerate(exactly):
            group.check_moments(state[i], kernel)
            group.check_normalized(y[i], kernel, eps)


def families(n: int, rng: np.random.Generator) -> dict[str, Array]:
    """Data that is hard for a sum about a pilot mean, in units of a deviation of about 1."""
    normal = rng.standard_normal(n)
    head = np.where(np.arange(n) < 32, 0.0, 1.0)
    return {
        "normal": normal,
        "heavy tails": rng.standard_cauchy(n),
        "ramp": np.linspace(-2, 2, n),
        "ramp down": np.linspace(2, -2, n),
        "the pilot just good": head * (normal + 0.95),
        "the pilot just bad": head * (normal + 1.05),
        "the pilot far off": head * (normal * 1e-3 + 1),
        "outlier first": np.where(np.arange(n) == 0, 1e4, normal),
        "outlier last": np.where(np.arange(n) == n - 1, -1e4, normal),
        "steps": np.floor(np.arange(n) / 700) % 3,
        "two values": np.where(rng.random(n) < 0.5, 1 / 3, -1 / 3),
        "one in many": np.where(np.arange(n) == n // 2, 1.0, 0.0),
        "same sign of every rounding": np.where(np.arange(n) % 2, 1 + 2.0**-20, -1 - 2.0**-20) * 1.1,
    }


def rounded(values: Array, dtype: np.dtype[Any]) -> Array:
    """Finite values of the dtype."""
    limit = float(finfo(dtype).max)
    return np.clip(values, -limit, limit).astype(dtype)


@pytest.mark.parametrize("n", [2, 33, 1000, 4500])
@sweep(dtype=DTYPES, ratio=[0.0, 1e3, 1e6, 1e8, 1e15])
def test_hard_data(dtype: Any, ratio: float, n: int) -> None:
    """Where a dtype cannot hold such a ratio the data collapse to few values: the bound holds."""
    for name, values in families(n, np.random.default_rng(n)).items():
        try:
            check(rounded(np.stack([values, -values[::-1]]) + ratio, dtype))
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


@pytest.mark.parametrize("run", [2, 3, 5, 17, 31, 33])
@sweep(dtype=DTYPES)
def test_short_runs(dtype: Any, run: int) -> None:
    """Groups of many short runs, several of which make a block."""
    for ratio in (0.0, 1e4, 1e7):
        x = rounded(np.random.default_rng(run).standard_normal((3, 700, 2, run)) + ratio, dtype)
        states = reductions.moments(x, (1, 3)).reshape(3, 2, 5)
        for i, j in np.ndindex(3, 2):
            group = Group(np.ascontiguousarray(x[i, :, j]).ravel())
            group.check_moments(states[i, j], "rows", run)


@pytest.mark.parametrize("scale", [1e-40, 1e-30, 1e-18, 1e18, 1e30])
def test_scales_of_float32(scale: float) -> None:
    for values in families(500, np.random.default_rng(1)).values():
        check(rounded(np.stack([values, -values, values + 5]) * scale, np.dtype(np.float32)))


@pytest.mark.parametrize("dtype", DTYPES[2:], ids=str)
def test_several_spans(dtype: Any) -> None:
    """Blocks merge in spans of 16, spans with each other."""
    n = 150_000
    for name in ("normal", "ramp", "the pilot just good"):
        values = families(n, np.random.default_rng(2))[name] + 1e4
        check(np.stack([values, values[::-1]]).astype(dtype))


LENGTHS = st.sampled_from([1, 2, 3, 16, 17, 31, 32, 33, 34, 47, 64, 65, 100, 128, 129, 1025])
FLOATS = st.floats(-1, 1, width=16)


@given(dtype=st.sampled_from(DTYPES), n=LENGTHS, data=st.data(), ratio=st.sampled_from([0.0, 1.0, 1e4, 1e7]))
def test_any_pattern(dtype: Any, n: int, data: st.DataObject, ratio: float) -> None:
    """Few values in any order and number, at any distance from 0."""
    values = data.draw(hnp.arrays(np.float64, st.integers(1, 5), elements=FLOATS))
    order = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, len(values), (2, n))
    check(rounded(values[order] + ratio, dtype), data.draw(st.sampled_from([0.0, 1e-5, 1.0])))


@given(x=hnp.arrays(np.float32, (2, 70), elements=st.floats(-(2.0**60), 2.0**60, width=32)))
@example(np.full((2, 70), np.float32(2.0**60)))
def test_any_float32(x: Array) -> None:
    check(x)


@pytest.mark.parametrize("n", [33, 1000, 4500])
def test_the_bound_is_no_empty_one(n: int) -> None:
    """Other formulas break it: E[x^2] - mean^2, a mean in one word, the mean folded into a shift."""
    x = (families(n, np.random.default_rng(n))["normal"] + 1e4).astype(np.float32)
    group = Group(x)
    mean = x.mean()
    textbook = float(np.mean(x * x) - mean * mean) * n
    scale = np.float32(1 / math.sqrt(group.m2 / n))
    with pytest.raises(AssertionError):
        group.check_moments(np.array([n, group.center, 0.0, textbook]), "rows")
    for wrong in ((x - mean) * scale, x * scale - mean * scale):
        with pytest.raises(AssertionError):
            group.check_normalized(wrong, "rows", 0.0)
    group.check_normalized(cnorm.standardize(x, eps=0), "rows", 0.0)


def test_the_constants_are_those_of_the_kernels() -> None:
    if not (ROOT / "src_c").is_dir():
        pytest.skip("needs the source tree")
    text = "".join((ROOT / "src_c" / "kernels" / name).read_text() for name in ("kernels.h", "names.h"))
    found = {name: int(value) for name, value in re.findall(r"#define (CN_\w+) +(\d+)", text)}
    assert (found["CN_BLOCK"], found["CN_BLOCK_ROWS"], found["CN_RUN"]) == (BLOCK, BLOCK_ROWS, RUN)
