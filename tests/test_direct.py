"""Rows that go from elements to y in one kernel have the bits of those that take all steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from processes import bits_of_all_sets, digest
from reference import BFLOAT16, DTYPES, Array
from sweep import sweep

import cnorm
import cnorm.functional as F

LENGTHS = (
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    9,
    15,
    16,
    17,
    24,
    31,
    32,
    33,
    48,
    64,
    65,
    100,
    255,
    512,
    513,
    768,
    1000,
    2047,
    2048,
)
NAMES = ("layer_norm", "rms_norm", "normalize")


def check_equal(got: Array, wanted: Array) -> None:
    """To the bit, but for the sign of zeros and what kind of NaN; bfloat16 has no NaN for NumPy's tests."""
    np.testing.assert_array_equal(got.astype(np.float64), wanted.astype(np.float64))


def rows(kind: str, count: int, n: int, dtype: np.dtype[Any]) -> Array:
    """Plain ones, or of every nature: far away, tiny, huge, all zero, all equal, with NaN and infinities."""
    rng = np.random.default_rng(n)
    x = rng.standard_normal((count, n))
    if kind == "mixed":
        x *= 10.0 ** rng.integers(-3, 4, (count, 1))
        if dtype.itemsize == 8:
            x[rng.random(count) < 0.1] *= 1e-170
        if dtype.itemsize > 2:
            x[rng.random(count) < 0.1] *= 1e-25
            x += 1e5 * (rng.random((count, 1)) < 0.1)
        x[rng.random(count) < 0.2] = 0
        x[rng.random(count) < 0.1] = 3
        x[rng.random(count) < 0.05, 0] = np.nan
        x[rng.random(count) < 0.05, -1] = np.inf
    return np.asarray(x.astype(dtype))


def applied(name: str, x: Array, w: Array | None, out: Array, activation: str | None = None) -> Array:
    if name == "normalize":
        return F.normalize(x, out=out)
    more = {} if name == "rms_norm" else {"bias": w}
    return getattr(F, name)(x, x.shape[-1:], w, activation=activation, out=out, **more)  # type: ignore[no-any-return]


def stepped(name: str, x: Array, w: Array | None, activation: str | None = None) -> Array:
    """By all steps: the elements of y are apart, so that it is packed."""
    apart = np.empty((*x.shape, 2), x.dtype)[..., 0]
    return np.ascontiguousarray(applied(name, x, w, apart, activation))


def parameter(n: int, dtype: np.dtype[Any]) -> Array:
    return np.linspace(-1, 2, n).astype(np.float64 if dtype.itemsize == 8 else np.float32)


@sweep(n=LENGTHS, dtype=DTYPES, kind=("plain", "mixed"))
def test_the_bits_of_all_steps(n: int, dtype: np.dtype[Any], kind: str) -> None:
    w = parameter(n, dtype)
    for count in (1, 3, 16, 33, 130):
        x = rows(kind, count, n, dtype)
        for name in NAMES:
            for weight in (None, w):
                wanted = stepped(name, x, weight)
                check_equal(applied(name, x, weight, np.empty_like(x)), wanted)


@sweep(n=(1025, 1500, 2048), dtype=DTYPES)
def test_rows_beyond_the_cache(n: int, dtype: np.dtype[Any]) -> None:
    """In and out of 160 MB: rows are taken fewer at a time, and at least two."""
    some = rows("plain", 130, n, dtype)
    count = 80_000_000 // some.nbytes + 1
    x, w = np.tile(some, (count, 1)), parameter(n, dtype)
    wanted = F.layer_norm(some, (n,), w, w)
    for y in np.split(F.layer_norm(x, (n,), w, w), count):
        check_equal(y, wanted)


@sweep(
    n=(3, 8, 20, 32, 100, 768),
    dtype=DTYPES,
    activation=("relu", "leaky_relu", "relu6", "hardswish", "silu", "gelu"),
)
def test_activations(n: int, dtype: np.dtype[Any], activation: str) -> None:
    x, w = rows("mixed", 50, n, dtype), parameter(n, dtype)
    for name in ("layer_norm", "rms_norm"):
        wanted = stepped(name, x, w, activation)
        check_equal(applied(name, x, w, np.empty_like(x), activation), wanted)


@sweep(n=(1, 2, 3, 4, 6, 8, 9, 20, 32, 33, 100), dtype=DTYPES, kind=("plain", "mixed"), step=(1, 3))
def test_masks_of_whole_rows(n: int, dtype: np.dtype[Any], kind: str, step: int) -> None:
    """What is shown is as without a mask, what is hidden 0, whatever stands there."""
    w = parameter(n, dtype)
    rng = np.random.default_rng(n)
    for count in (1, 5, 16, 37, 130):
        x = rows(kind, count, n, dtype)
        mask = (rng.random(step * count) < 0.6)[::step, None]
        spoilt = np.where(mask, x, np.asarray(np.nan, dtype))
        for activation in (None, "relu", "silu"):
            plain = np.where(mask, F.layer_norm(x, (n,), w, w, activation=activation), dtype.type(0))
            apart = np.empty((*x.shape, 2), dtype)[..., 0]
            for read, out in ((x, None), (spoilt, None), (x, apart)):
                y = F.layer_norm(read, (n,), w, w, where=mask, activation=activation, out=out)
                check_equal(y, plain)


@sweep(n=(1, 2, 3, 4, 7, 16, 32, 33, 100, 768), dtype=DTYPES, kind=("plain", "mixed"))
def test_bytes(n: int, dtype: np.dtype[Any], kind: str) -> None:
    """Rows that become bytes have those of a call that takes all steps, as elements are apart."""
    w = parameter(n, dtype)
    for count in (1, 9, 37, 130):
        x = rows(kind, count, n, dtype)
        apart = np.repeat(x, 2, axis=1)[:, ::2]
        shown = np.arange(count)[:, None] % 3 != 1
        for name, how in (
            ("layer_norm_int8", {}),
            ("layer_norm_int8", {"where": shown}),
            ("rms_norm_int8", {}),
            ("rms_norm_int8", {"scale": 0.05}),
        ):
            got, wanted = (getattr(F, name)(a, (n,), w, **how) for a in (x, apart))
            pairs = zip(got, wanted, strict=True) if isinstance(got, tuple) else [(got, wanted)]
            for a, b in pairs:
                np.testing.assert_array_equal(a, b)


@sweep(n=LENGTHS, dtype=DTYPES)
def test_in_place_and_with_gaps(n: int, dtype: np.dtype[Any]) -> None:
    """What lies between rows is not read into them, and stays."""
    x, w = rows("mixed", 37, n, dtype), parameter(n, dtype)
    for name in NAMES:
        wanted = stepped(name, x, w)
        inside = x.copy()
        applied(name, inside, w, inside)
        check_equal(inside, wanted)
        for left, right in ((0, 1), (3, 2)):
            wide = np.full((37, left + n + right), 7, dtype)
            middle = wide[:, left : left + n]
            middle[...] = x
            applied(name, middle, w, middle)
            check_equal(middle, wanted)
            assert (wide[:, :left] == 7).all()
            assert (wide[:, left + n :] == 7).all()


@sweep(n=(1, 2, 3, 5, 8, 9, 16, 17, 24, 31, 32, 33), dtype=DTYPES, kind=("plain", "mixed"))
def test_columns_of_few_rows(n: int, dtype: np.dtype[Any], kind: str) -> None:
    """Rows of arrays in Fortran order; a result in another order takes all steps."""
    w = parameter(n, dtype)
    for count in (1, 3, 16, 33, 130, 1100):
        x = np.asfortranarray(rows(kind, count, n, dtype))
        for name in NAMES:
            for weight, activation in ((None, None), (w, None), (w, "relu"), (w, "silu")):
                wanted = stepped(name, x, weight, activation)
                check_equal(applied(name, x, weight, np.empty_like(x), activation), wanted)
                around = np.full((n + 1, count + 3), 7, dtype).T
                inside = around[2:-1, :-1]
                inside[...] = x
                applied(name, inside, weight, inside, activation)
                check_equal(inside, wanted)
                inside[...] = 7
                assert (around == 7).all()


@sweep(n=(2, 3, 8, 17, 32), dtype=DTYPES)
def test_one_parameter_for_a_column(n: int, dtype: np.dtype[Any]) -> None:
    """As instance_norm has it of channels that come last."""
    x = rows("mixed", n, 37, dtype).reshape(1, n, 37).transpose(0, 2, 1)
    w = parameter(37, dtype)
    apart = np.empty((*x.shape, 2), dtype)[..., 0]
    wanted = F.instance_norm(x, weight=w, bias=w, out=apart)
    check_equal(F.instance_norm(x, weight=w, bias=w), wanted)


@sweep(n=(3, 8, 16, 32, 40), dtype=DTYPES)
def test_one_parameter_for_a_group(n: int, dtype: np.dtype[Any]) -> None:
    """As instance_norm has it: weight and bias are a lane each."""
    x = rows("plain", 37, n, dtype)
    w = parameter(37, dtype)
    apart = np.empty((1, *x.shape, 2), dtype)[..., 0]
    wanted = F.instance_norm(x[None], weight=w, bias=w, out=apart)
    check_equal(F.instance_norm(x[None], weight=w, bias=w), wanted)


SMALL_MAPS = (
    (5, 6, 1, 3),
    (5, 64, 1, 8),
    (5, 64, 1, 1),
    (4, 32, 2, 4),
    (4, 64, 3, 8),
    (1, 64, 3, 8),
    (3, 24, 7, 2),
    (2, 48, 16, 3),
    (3, 40, 32, 5),
    (3, 40, 33, 5),
    (3, 64, 49, 32),
    (2, 60, 67, 4),
    (1, 128, 9, 2),
    (1, 130, 40, 2),
    (2, 8, 5, 8),
    (70, 256, 4, 128),
)


@sweep(shape=SMALL_MAPS, dtype=DTYPES, kind=("plain", "mixed"))
def test_parameters_of_rows_of_a_group(shape: tuple[int, ...], dtype: np.dtype[Any], kind: str) -> None:
    """GroupNorm of small maps: both parameters, or one, in samples that follow each other or not."""
    n, channels, size, groups = shape
    x = rows(kind, n * groups, channels // groups * size, dtype).reshape(n, channels, size)
    w = parameter(channels, dtype)
    for weight, bias in ((w, w[::-1]), (w, None), (None, w), (w[::-1], w[:1].repeat(channels))):
        apart = np.empty((*x.shape, 2), dtype)[..., 0]
        wanted = np.ascontiguousarray(F.group_norm(x, groups, weight, bias, activation="relu", out=apart))
        check_equal(F.group_norm(x, groups, weight, bias, activation="relu"), wanted)
        apart_samples = np.empty((2 * n, channels, size), dtype)[::2]
        apart_samples[...] = x
        F.group_norm(apart_samples, groups, weight, bias, activation="relu", out=apart_samples)
        check_equal(apart_samples, wanted)


@pytest.mark.parametrize("mode", ["inside", "outside", "max"])
def test_eps_modes(mode: str) -> None:
    for dtype in DTYPES:
        x = rows("mixed", 40, 24, dtype)
        apart = np.empty((*x.shape, 2), dtype)[..., 0]
        wanted = F.layer_norm(x, (24,), eps=1e-3, eps_mode=mode, out=apart)
        check_equal(F.layer_norm(x, (24,), eps=1e-3, eps_mode=mode), wanted)


@pytest.mark.parametrize("dtype", [np.dtype("f2"), BFLOAT16])
def test_parameters_of_16_bits_are_floats_first(dtype: np.dtype[Any]) -> None:
    x, w = rows("plain", 20, 48, dtype), parameter(48, dtype).astype(dtype)
    wide = w.astype(np.float32)
    check_equal(F.layer_norm(x, (48,), w, w), F.layer_norm(x, (48,), wide, wide))
    check_equal(F.rms_norm(x, (48,), w), F.rms_norm(x, (48,), wide))
    channels = x[None]
    few = parameter(20, dtype).astype(dtype)
    kept = few.astype(np.float32)
    check_equal(F.group_norm(channels, 4, few, few), F.group_norm(channels, 4, kept, kept))
    spread = np.abs(few) + 1
    check_equal(
        F.batch_norm(channels, few, spread, few, few),
        F.batch_norm(channels, kept, spread.astype(np.float32), kept, kept),
    )


def bits() -> dict[str, str]:
    """Of every length, dtype and function."""
    made = {}
    for dtype in DTYPES:
        for n in LENGTHS:
            x, w = rows("mixed", 70, n, dtype), parameter(n, dtype)
            for name in NAMES:
                y = applied(name, x, w, np.empty_like(x))
                made[f"{dtype} {n} {name}"] = digest(np.where(np.isnan(y), 7, y.astype(np.float64)))
            mean, var = cnorm.moments(x, -1)
            made[f"{dtype} {n} moments"] = digest(
                *(np.where(np.isnan(a), 7, a.astype(np.float64)) for a in (mean, var))
            )
    return made


@pytest.mark.thorough
def test_instruction_sets_change_nothing() -> None:
    found = bits_of_all_sets(bits)
    assert len(found) == len(DTYPES) * len(LENGTHS) * (len(NAMES) + 1)
    assert [case for case, sets in found.items() if len(sets) > 1] == []


@pytest.mark.parametrize("layout", ["rows", "columns"])
@pytest.mark.parametrize("n", [1, 2, 3, 8, 9, 31, 32, 33, 100])
@pytest.mark.parametrize("kind", ["plain", "mixed"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_moments_beside_y_are_the_same(dtype: np.dtype[Any], kind: str, n: int, layout: str) -> None:
    """They, and y, are as those of calls for one of the two, in place, too."""
    x, axis = rows(kind, 300, n, dtype), -1
    if layout == "columns":
        x, axis = np.ascontiguousarray(x.T), 0
    with np.errstate(all="ignore"):
        y, *stats = cnorm.standardize(x, axis, return_moments=True)
        check_equal(y, cnorm.standardize(x, axis))
        for got, wanted in zip(stats, cnorm.moments(x, axis), strict=True):
            assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype)
            check_equal(got, wanted)
        same = x.copy()
        again, *stats_again = cnorm.standardize(same, axis, out=same, return_moments=True)
        assert again is same
        check_equal(same, y)
        for got, wanted in zip(stats_again, stats, strict=True):
            check_equal(got, wanted)
