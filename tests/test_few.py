"""Results of groups of few elements, which one kernel makes, have the bits of those by way of partials."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from reference import DTYPES, Array, wide
from sweep import sweep

import cnorm
from cnorm import stats

FUNCTIONS = ("sum", "nansum", "mean", "nanmean", "var", "nanvar", "std", "nanstd", "ss", "count")
LENGTHS = (2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 32, 33)
KINDS = ("plain", "far", "whole numbers", "equal", "NaN", "infinite", "tiny")


def groups(kind: str, count: int, n: int, dtype: np.dtype[Any]) -> Array:
    """One for each row; some are of another kind than others."""
    rng = np.random.default_rng(count * n)
    x, some = rng.standard_normal((count, n)), rng.random(count) < 0.3
    if kind == "far":
        x += 1000
    elif kind == "whole numbers":
        x = np.round(x)
    elif kind == "equal":
        x[some] = rng.standard_normal((int(some.sum()), 1))
        x[::5] = 0
    elif kind == "NaN":
        x[rng.random(x.shape) < 0.1] = np.nan
        x[some, 1:] = np.nan
        x[::7] = np.nan
    elif kind == "infinite":
        x[rng.random(x.shape) < 0.05] = np.inf
        x[rng.random(x.shape) < 0.05] = -np.inf
    elif kind == "tiny":
        x[some] *= 1e-30
        x[::5] += 1e-6 * (1 + 1e-7 * x[::5])
    with np.errstate(all="ignore"):
        return x.astype(dtype)


def apart(x: Array) -> Array:
    """The same elements in an array that has others between them: it is packed."""
    turned = x.strides[0] < x.strides[1]
    room = np.zeros((*(x.T if turned else x).shape, 2), x.dtype)[..., 0]
    room = room.T if turned else room
    room[...] = x
    return room


def results(x: Array, function: str) -> list[Array]:
    options: list[dict[str, Any]] = [{}]
    if function[-3:] in ("var", "std"):
        options.append({"ddof": 1})
    if function in ("nansum", "mean"):
        options.append({"dtype": np.float64})
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return [np.asarray(getattr(stats, function)(x, axis=1, **one)) for one in options]


def check_same(actual: list[Array], expected: list[Array]) -> None:
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(wide(one), wide(other))
        zero = other == 0
        assert np.array_equal(np.signbit(one[zero]), np.signbit(other[zero]))


@sweep(n=LENGTHS, dtype=DTYPES, kind=KINDS)
def test_the_bits_of_partials(n: int, dtype: np.dtype[Any], kind: str) -> None:
    for count in (1, 15, 16, 40, 1100):
        x = groups(kind, count, n, dtype)
        for laid in (x, np.asfortranarray(x), np.concatenate([x, x[:, :1]], 1)[:, :n]):
            packed = apart(laid)
            for function in FUNCTIONS:
                check_same(results(laid, function), results(packed, function))
            for policy in ("propagate", "omit"):
                moments = cnorm.moments(laid, axis=1, nan_policy=policy)
                check_same(list(moments), list(cnorm.moments(packed, axis=1, nan_policy=policy)))


@sweep(n=(2, 3, 8), kind=KINDS)
def test_against_longdouble(n: int, kind: str) -> None:
    """Means and variances of columns, whatever their neighbours are."""
    x = groups(kind, 333, n, np.dtype(np.float32)).T
    exact = x.astype(np.longdouble)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mean, var = np.nanmean(exact, axis=0), np.nanvar(exact, axis=0)
    finite = np.isfinite(var.astype(np.float64)) & (np.abs(var) > 1e-35)
    got_mean, got_var = cnorm.moments(np.ascontiguousarray(x), axis=0, nan_policy="omit")
    scale = np.sqrt(var[finite]) + np.abs(mean[finite])
    assert (np.abs(got_mean[finite] - mean[finite]) <= 1e-7 * scale).all()
    np.testing.assert_allclose(got_var[finite].astype(np.float64), var[finite].astype(np.float64), rtol=1e-6)
    assert np.array_equal(np.isnan(got_mean), np.isnan(mean.astype(np.float64)))
