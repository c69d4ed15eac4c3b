"""Reductions that need no care: to the bits of the careful functions, and never where care is needed."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import BFLOAT16, Array
from sweep import sweep

import cnorm
from cnorm import stats
from cnorm._native import reduced

FUNCTIONS = (
    "sum",
    "mean",
    "var",
    "std",
    "min",
    "max",
    "ptp",
    "ss",
    "count",
    "anynan",
    "allnan",
    "nansum",
    "nanmean",
)
FUNCTIONS += ("nanvar", "nanstd", "nanmin", "nanmax", "nanptp")
DTYPES = [np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.float16), BFLOAT16]
SPREADS = {"var", "std", "nanvar", "nanstd"}


def some(seed: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Groups of all kinds: plain, far from 0, constant, with NaN, infinities, huge, tiny."""
    r = np.random.default_rng(seed)
    x = (
        r.standard_normal(shape) * 10.0 ** r.integers(-3, 4, (shape[0], 1, 1))
        + r.integers(0, 2, (shape[0], 1, 1)) * 1e3
    )
    kind = r.integers(0, 9, (shape[0], 1, 1))
    x = np.where(kind == 1, 0.1, x)
    x = np.where((kind == 2) & (r.random(shape) < 0.4), np.nan, x)
    x = np.where(kind == 3, np.nan, x)
    x = np.where((kind == 4) & (r.random(shape) < 0.2), np.inf, x)
    if dtype == np.float64:
        x = np.where(kind == 5, x * 1e300, np.where(kind == 6, x * 1e-300, x))
    with np.errstate(over="ignore", invalid="ignore"):
        return x.astype(dtype)


# Dtype, a power of two that they are about, and whether there is one for each element.
WEIGHTS = (
    None,
    *[(kind, order, whole) for kind in ("f4", "f8", "f2", "i4", "?") for order in (0, 4) for whole in (0, 1)],
    *[(kind, order, 1) for kind in ("f4", "f8") for order in (-70, -55, 70)],
)


def weights_for(r: np.random.Generator, shape: tuple[int, ...], kind: str, order: int, whole: bool) -> Array:
    """Some 0, those of a group maybe all."""
    shape = shape if whole else shape[-1:]
    w = r.uniform(0, 2, shape) * 2.0**order * (r.random(shape) < 0.7) * (r.random((*shape[:-1], 1)) < 0.8)
    return w.astype(kind)


def test_weights_that_need_care_are_left_to_it() -> None:
    x, w = np.ones((4, 6), np.float32), np.ones(6)
    assert reduced.reduce("mean", x, 1, None, False, None, weights=w) is not None
    for bad in (
        -w,
        w * np.nan,
        w * np.inf,
        w * 2.0**70,
        w * 0,
        w[:5],
        w[:, None],
        [1.0] * 6,
        np.repeat(w, 2).astype("f2")[::2],
        w + 0j,
    ):
        for name in ("sum", "mean", "var"):
            assert reduced.reduce(name, x, 1, None, False, None, weights=bad) is None
        assert reduced.moments(x, 1, 0, False, None, False, bad) is None


def test_out_may_be_the_memory_of_weights() -> None:
    x, w = np.arange(24, dtype=np.float32).reshape(4, 6), np.arange(24, dtype=np.float32).reshape(4, 6)
    wanted = stats.mean(x, 1, weights=w)
    assert stats.mean(x, 1, weights=w, out=w.reshape(-1)[:4]) is not wanted
    assert w.reshape(-1)[:4].tolist() == wanted.tolist()


def test_places_under_a_mask_are_found_at_once() -> None:
    """Of any layout of mask and array, with NaN; only a group that shows nothing needs care."""
    x, where = np.arange(24, dtype=np.float32).reshape(4, 6), np.tri(4, 6, dtype=np.bool_)
    nan = np.where(x == 7, np.nan, x)
    for name in ("least_at", "greatest_at"):
        for a, mask in (
            (x, where),
            (nan, where),
            (x, where.T.copy().T),
            (x, where[:1]),
            (x.T.copy().T, where),
        ):
            for omit in (False, True):
                assert reduced.reduce(name, a, 1, None, False, mask, omit) is not None
        for a, mask in ((x, where & False), (x.T, where.T)):
            assert reduced.reduce(name, a, 1, None, False, mask, True) is None


OUTS: dict[str, Callable[[Array, Any], Array]] = {
    "another": lambda x, dtype: np.empty(len(x), dtype),
    "strided": lambda x, dtype: np.empty(2 * len(x), dtype)[::2],
    "backwards": lambda x, dtype: np.empty(len(x), dtype)[::-1],
    "within x": lambda x, dtype: x.reshape(-1).view(np.uint8)[: len(x) * dtype.itemsize].view(dtype),
}


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"count", "anynan", "allnan"}))
@sweep(dtype=DTYPES, to=DTYPES, out=OUTS)
def test_results_are_rounded_into_any_floats(name: str, dtype: Any, to: Any, out: str) -> None:
    """At once, to what the careful way writes; once, whatever they are rounded to."""
    x = np.random.default_rng(5).uniform(0.9, 1.1, (4, 33)).astype(dtype)
    made = []
    for short in (True, False):
        given = x.copy()
        target = OUTS[out](given, to)
        with pytest.MonkeyPatch.context() as patch:
            if not short:
                careful(patch)
            assert getattr(stats, name)(given, 1, out=target) is target
        made.append(target.tobytes())
        assert reduced.reduce("sum", given, 1, target, False, None) is target
    assert made[0] == made[1]


def test_bfloat16_is_rounded_once() -> None:
    """By way of float32 a little more than half a step is rounded down to even."""
    half = 2.0**-8
    x = np.array([[1 + half, 1 + half + 2.0**-40]])
    for out in (np.empty(1, BFLOAT16), np.empty((1, 2), BFLOAT16)[:, 0]):
        assert float(stats.mean(x, 1, out=out)[0]) == 1 + 2 * half
    pooled = cnorm.mean_pool(np.array([[[1.0], [1 + 2 * half], [1 + half]]]).astype(BFLOAT16), None)
    assert pooled.dtype == BFLOAT16


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ["var", "std", "nanvar", "nanstd"])
def test_one_element_has_no_spread(name: str, dtype: np.dtype[Any]) -> None:
    """The sign of NaN, too, where there are as many elements as are taken off."""
    x = np.array([[1.0, np.nan, -0.0, np.inf, 3.0]]).astype(dtype)
    for ddof in (0, 0.5, 1, 2):
        with np.errstate(all="ignore"):
            quick = getattr(stats, name)(x, 0, ddof=ddof)
            with pytest.MonkeyPatch.context() as patch:
                careful(patch)
                assert bits(quick) == bits(getattr(stats, name)(x, 0, ddof=ddof))
            for policy in ("propagate", "omit"):
                quick = cnorm.moments(x, 0, correction=ddof, nan_policy=policy)
                with pytest.MonkeyPatch.context() as patch:
                    careful(patch)
                    assert bits(quick) == bits(cnorm.moments(x, 0, correction=ddof, nan_policy=policy))


def layouts(x: Array) -> list[Array]:
    return [x, np.asfortranarray(x), x[:, ::2], x[::-1], x.transpose(2, 0, 1)]


def careful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reduced, "reduce", lambda *args, **options: None)
    monkeypatch.setattr(reduced, "moments", lambda *args, **options: None)


def bits(found: Any) -> Any:
    """What a result is made of, the sign of NaN as well."""
    parts = found if isinstance(found, tuple) else (found,)
    return [(type(p), p.dtype, p.shape, np.asarray(p).tobytes()) for p in parts]


def asked(x: Array, axis: Any, options: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for name in FUNCTIONS:
        more = {"ddof": options["ddof"]} if name in SPREADS else {}
        if "dtype" in signature(getattr(stats, name)).parameters:
            more["dtype"] = options["dtype"]
        if "weights" in signature(getattr(stats, name)).parameters:
            more["weights"] = options["weights"]
        found[name] = bits(
            getattr(stats, name)(x, axis, where=options["where"], keepdims=options["keepdims"], **more)
        )
    for policy in ("propagate", "omit"):
        more = {"where": options["where"], "keepdims": options["keepdims"], "correction": options["ddof"]}
        more["weights"] = options["weights"]
        found[policy] = bits(cnorm.moments(x, axis, nan_policy=policy, **more))
    return found


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.sampled_from([1, 2, 3, 5, 8, 17, 40, 300]),
    axis=st.sampled_from([None, 0, 1, -1, (0, 2), (1, 2), (0, 1, 2)]),
    ddof=st.sampled_from([0, 1, 2.5, -1, 40]),
    keepdims=st.booleans(),
    masked=st.booleans(),
    wanted=st.sampled_from([None, np.float32, "float64", np.dtype(np.float16)]),
    weighted=st.sampled_from(WEIGHTS),
)
def test_the_bits_are_those_of_the_careful_functions(
    dtype: np.dtype[Any],
    seed: int,
    n: int,
    axis: Any,
    ddof: float,
    keepdims: bool,
    masked: bool,
    wanted: Any,
    weighted: Any,
) -> None:
    for x in layouts(some(seed, (7, 3, n), dtype)):
        r = np.random.default_rng(seed)
        where = r.random(x.shape) < 0.6 if masked else None
        weights = None if weighted is None else weights_for(r, x.shape, *weighted)
        options = {"where": where, "keepdims": keepdims, "ddof": ddof, "dtype": wanted, "weights": weights}
        quick = asked(x, axis, options)
        with pytest.MonkeyPatch.context() as patch:
            careful(patch)
            assert quick == asked(x, axis, options)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_out_is_written_and_returned(dtype: np.dtype[Any]) -> None:
    x = some(1, (7, 3, 5), dtype)
    for name in FUNCTIONS:
        wanted = getattr(stats, name)(x, -1)
        out = np.empty_like(wanted)
        assert getattr(stats, name)(x, -1, out=out) is out
        assert out.tobytes() == wanted.tobytes()


def test_what_needs_care_is_left_to_it() -> None:
    x, y = np.ones((4, 6), np.float32), np.ones(4, np.float32)
    for a, axis, out, keepdims, where in (
        ([[1.0]], None, None, False, None),
        (x.astype(">f4"), None, None, False, None),
        (x[:0], None, None, False, None),
        (x, 2, None, False, None),
        (x, (), None, False, None),
        (x, (0, 0), None, False, None),
        (x, None, None, 1, None),
        (x, 1, None, False, x > 0),
        (x, 1, None, False, np.ones((1, 5), np.bool_)),
        (x, 1, np.empty(5, np.float32), False, None),
        (x, 1, np.empty(4, np.int64), False, None),
        (x, 1, np.empty(4, np.complex64), False, None),
        (x, 1, np.broadcast_to(y[0], 4), False, None),
        (x.astype(np.int8), 1, None, False, None),
        (x.astype(complex), 1, None, False, None),
    ):
        found = reduced.reduce("sum", a, axis, out, keepdims, where)
        assert (found is None) == (where is None or where.shape != x.shape or out is not None)
    assert reduced.reduce("var", x, 1, None, False, None, False, np.float32(1)) is None
    assert reduced.reduce("var", x, 1, None, False, None, False, float("nan")) is None
    assert reduced.moments(x, 1, "1", False, None, False) is None
    assert reduced.reduce("sum", x, 1, y, False, None) is y


def first_places(rows: Array, greatest: bool) -> Array:
    """Of each row the first of the best that are not NaN, or -1."""
    x = rows.astype(np.float64)
    known = np.where(np.isnan(x), -np.inf if greatest else np.inf, x)
    best = known.max(-1) if greatest else known.min(-1)
    hit = x == best[:, None]
    return np.where(hit.any(-1), hit.argmax(-1), -1)


@pytest.mark.parametrize("name", ["argmin", "argmax", "nanargmin", "nanargmax"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.sampled_from([1, 2, 3, 7, 16, 17, 33, 64, 65, 130, 600, 5000]),
    repeats=st.booleans(),
    masked=st.booleans(),
)
def test_places(name: str, dtype: np.dtype[Any], seed: int, n: int, repeats: bool, masked: bool) -> None:
    r = np.random.default_rng(seed)
    whole = some(seed, (5, 4, n), dtype)
    if repeats:
        whole = r.choice(
            [0.0, -0.0, 1.0, np.inf, -np.inf, np.nan], (5, 4, n), p=[0.3, 0.3, 0.1, 0.1, 0.1, 0.1]
        )
        whole = whole.astype(dtype)
    greatest, omit = name.endswith("max"), name.startswith("nan")
    for x in (whole, whole[:, ::-1], whole.transpose(2, 0, 1), whole[::-1, :, ::2], np.asfortranarray(whole)):
        for axis in (0, 1, 2, -1, None):
            where = r.random(x.shape) < 0.9 if masked else None
            rows = x.reshape(1, -1) if axis is None else np.moveaxis(x, axis, -1)
            shown = (
                None
                if where is None
                else np.moveaxis(where, axis, -1)
                if axis is not None
                else where.reshape(1, -1)
            )
            if shown is not None and not shown.any(-1).all():
                continue
            hidden = rows if shown is None else np.where(shown, rows, rows.dtype.type(np.nan))
            wanted = first_places(hidden.reshape(-1, rows.shape[-1]), greatest)
            if not omit:
                nan = np.isnan(rows.astype(np.float64)) & (True if shown is None else shown)
                flat = nan.reshape(-1, rows.shape[-1])
                wanted = np.where(flat.any(-1), flat.argmax(-1), wanted)
            elif (wanted < 0).any():
                with pytest.raises(ValueError, match="All-NaN"):
                    getattr(stats, name)(x, axis, where=where)
                continue
            found = getattr(stats, name)(x, axis, where=where)
            assert np.asarray(found).dtype == np.intp
            assert np.asarray(found).ravel().tolist() == wanted.tolist()


def test_places_of_long_rows_and_many_threads() -> None:
    r = np.random.default_rng(0)
    for dtype in DTYPES:
        x = r.permutation(300_000).astype(np.float64) if dtype.itemsize > 2 else r.standard_normal(300_000)
        x = x.astype(dtype)
        for threads in (1, 2):
            with cnorm.threads(threads):
                assert stats.argmin(x) == np.argmin(x.astype(np.float64))
                assert (
                    stats.argmax(x.reshape(3, -1), 1).tolist()
                    == x.reshape(3, -1).astype("d").argmax(1).tolist()
                )
                assert (
                    stats.argmax(x.reshape(-1, 3), 0).tolist()
                    == x.reshape(-1, 3).astype("d").argmax(0).tolist()
                )
                x[123_456] = np.nan
                assert stats.argmin(x) == 123_456
                assert stats.nanargmin(x) == np.nanargmin(x.astype(np.float64))
                x[123_456] = 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 17, 32, 33])
def test_weights_of_all_groups_give_the_bits_of_weights_of_each(dtype: type, n: int) -> None:
    """Those of all are none too light; of each one group has none, and what groups count is asked."""
    rng = np.random.default_rng(n)
    x = rng.normal(3, 1, (500, n)).astype(dtype)
    holes = np.where(rng.random((500, n)) < 0.3, np.nan, x).astype(dtype)
    holes[::7] = np.nan
    w = rng.uniform(0.5, 1.5, n)
    each = np.broadcast_to(w, (501, n)).copy()
    each[-1] = 0
    for name in ("nansum", "nanmean", "nanvar", "nanstd"):
        function = getattr(cnorm.stats, name)
        expected = function(np.concatenate([holes, holes[:1]]), axis=-1, weights=each)[:-1]
        np.testing.assert_array_equal(function(holes, axis=-1, weights=w), expected)
    both = cnorm.moments(np.concatenate([x, x[:1]]), axis=-1, weights=each)
    for ours, expected in zip(cnorm.moments(x, axis=-1, weights=w), both, strict=True):
        np.testing.assert_array_equal(ours, expected[:-1])
