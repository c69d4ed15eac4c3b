"""Groups by label or offset of columns that lie apart: the bits of the same columns side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from reference import BFLOAT16, Array
from sweep import sweep

import cnorm

POSITIONS = 700
GROUPS = 9

# How (positions, columns) lie: whose memory it is in, and along which axis positions are.
LAYOUTS = ["F", "rows", "every second", "backwards", "deep"]


def laid_out(x: Array, layout: str) -> tuple[Array, int]:
    """The same numbers, and the axis of positions."""
    if layout == "F":
        return np.asfortranarray(x), 0
    if layout == "rows":
        return np.ascontiguousarray(x.T), 1
    if layout == "every second":
        wide = np.zeros((x.shape[1], 2 * len(x)), x.dtype)
        wide[:, ::2] = x.T
        return wide[:, ::2], 1
    if layout == "backwards":
        return np.ascontiguousarray(x.T[::-1, ::-1])[::-1, ::-1], 1
    return np.ascontiguousarray(x.T)[None, :, None], 3


def flat(y: Array, axis: int) -> Array:
    """Positions (or groups) and columns again."""
    return np.moveaxis(y, axis, 0).reshape(y.shape[axis], -1)


def numbers(columns: int, dtype: Any) -> Array:
    """About means of their own, some NaN, infinite or huge."""
    rng = np.random.default_rng(columns)
    x = rng.normal(0, 3, (POSITIONS, columns)) + rng.integers(0, 30, columns)
    x = x.astype(dtype)
    if np.dtype(dtype).kind not in "iu":
        x[7, 0], x[8, 1], x[9, -1] = np.nan, np.inf, 1e4
    if np.dtype(dtype) == np.float64:
        x[rng.integers(0, POSITIONS, 9), -1] = 1e200
    return x


def labels_of(kind: str) -> Array:
    """Positions of nine groups and of none, one of them empty."""
    labels = np.random.default_rng(0).integers(-1, GROUPS, POSITIONS)
    labels[labels == 4] = 5
    return np.sort(labels) if kind == "sorted" else labels


def same(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and np.array_equal(a.astype(np.float64), b.astype(np.float64), equal_nan=True)


@sweep(
    columns=[2, 3, 8, 15, 17, 33, 70, 241],
    layout=LAYOUTS,
    dtype=["f4", "f8", "f2", "i4", "u1", BFLOAT16],
    kind=["shuffled", "sorted"],
)
def test_layouts_change_no_bit(columns: int, layout: str, dtype: Any, kind: str) -> None:
    x, labels = numbers(columns, dtype), labels_of(kind)
    apart, axis = laid_out(x, layout)
    rng = np.random.default_rng(1)
    where, weights = rng.random(x.shape) < 0.7, rng.random(POSITIONS)
    mask, _ = laid_out(where, layout)
    shape = [1] * apart.ndim
    shape[axis] = POSITIONS
    for plain, of in (
        ({}, {}),
        ({"nan_policy": "omit"}, {"nan_policy": "omit"}),
        ({"where": where}, {"where": mask}),
        ({"weights": weights[:, None]}, {"weights": weights.reshape(shape)}),
    ):
        wanted = cnorm.group_moments(x, labels, GROUPS, **plain)
        found = cnorm.group_moments(apart, labels, GROUPS, axis=axis, **of)
        for a, b in zip(found, wanted, strict=True):
            assert same(flat(a, axis), b)
    if np.dtype(dtype).kind in "iu":
        return
    weight = rng.normal(1, 0.1, columns).astype(dtype)
    y = cnorm.group_standardize(x, labels, weight, num_groups=GROUPS)
    across = weight.reshape([1 if a == axis else n for a, n in enumerate(apart.shape)])
    found = cnorm.group_standardize(apart, labels, across, num_groups=GROUPS, axis=axis)
    assert same(flat(found, axis), y)


@sweep(
    columns=[2, 16, 19, 64],
    x_layout=["C", *LAYOUTS[:3]],
    y_layout=["C", *LAYOUTS[:3]],
    dtype=["f4", "f8", "f2"],
)
def test_any_layout_of_y(columns: int, x_layout: str, y_layout: str, dtype: str) -> None:
    x, labels = numbers(columns, dtype), labels_of("shuffled")
    rows = labels[:, None] >= 0
    wanted = cnorm.group_standardize(x, labels, num_groups=GROUPS)
    given, axis = (x, 0) if x_layout == "C" else laid_out(x, x_layout)
    y = np.full(x.shape, 5, dtype) if y_layout == "C" else laid_out(np.full(x.shape, 5, dtype), y_layout)[0]
    out = y if y.shape == given.shape else y.T
    before = given.copy()
    assert cnorm.group_standardize(given, labels, num_groups=GROUPS, axis=axis, out=out) is out
    assert same(flat(out, axis), wanted)
    assert same(given, before)
    assert np.all(flat(out, axis)[~rows[:, 0]] == 0)
    own = given.copy(order="K")
    cnorm.group_standardize(own, labels, num_groups=GROUPS, axis=axis, out=own)
    assert same(flat(own, axis), wanted)


@sweep(columns=[2, 17, 33], layout=LAYOUTS, dtype=["f4", "f8", "f2"])
def test_segments(columns: int, layout: str, dtype: str) -> None:
    x, offsets = numbers(columns, dtype), [3, 3, 20, 21, 300, 690]
    apart, axis = laid_out(x, layout)
    wanted = cnorm.segment_moments(x, offsets)
    found = cnorm.segment_moments(apart, offsets, axis=axis)
    for a, b in zip(found, wanted, strict=True):
        assert same(flat(a, axis), b)
    y = cnorm.segment_standardize(x, offsets)
    assert same(flat(cnorm.segment_standardize(apart, offsets, axis=axis), axis), y)


def test_threads_change_no_bit() -> None:
    x = np.asfortranarray(np.random.default_rng(0).normal(5, 1, (40_000, 37)).astype(np.float32))
    labels = np.random.default_rng(1).integers(0, 300, len(x))
    with cnorm.threads(1):
        one = (*cnorm.group_moments(x, labels), cnorm.group_standardize(x, labels))
    with cnorm.threads(2):
        two = (*cnorm.group_moments(x, labels), cnorm.group_standardize(x, labels))
    for a, b in zip(one, two, strict=True):
        assert np.array_equal(a, b)
