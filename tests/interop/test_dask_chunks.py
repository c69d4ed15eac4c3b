"""Chunks of any kind: unknown sizes, empty, masked, without weight; beside the formula in long double."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cnorm
from cnorm.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

da = pytest.importorskip("dask.array")
dask = pytest.importorskip("dask")
from cnorm.interop.dask import fit, moments, running_moments, standardize  # noqa: E402

Array = np.ndarray[Any, Any]
RELATIVE = {"float16": 1e-5, "float32": 1e-5, "float64": 1e-12}
# NumPy fills hidden float16 with 1e20, and complains.
FILL = pytest.mark.filterwarnings("ignore:overflow encountered in cast")
rng = np.random.default_rng(0)
TABLE = rng.normal(5, 2, (20, 3))
ROWS = (6, 0, 6, 7, 1)


@pytest.fixture(autouse=True)
def _alone() -> Any:
    with dask.config.set(scheduler="synchronous"):
        yield


def forgotten(x: Any) -> Any:
    """The same chunks, of which Dask knows no sizes along axis 0."""
    return x.map_blocks(
        lambda block: block, chunks=((np.nan,) * x.numblocks[0], *x.chunks[1:]), dtype=x.dtype
    )


def unknown(x: Array, rows: tuple[int, ...] = ROWS) -> Any:
    return forgotten(da.from_array(x, chunks=(rows, *((n,) for n in x.shape[1:]))))


def late(x: Any, mask: Array) -> Any:
    """Chunks that turn out to be masked arrays when they are computed."""
    hidden = da.from_array(mask, chunks=x.chunks)
    return da.map_blocks(
        lambda a, m: np.ma.array(a, mask=m), x, hidden, dtype=x.dtype, meta=np.empty((0,) * x.ndim)
    )


def formula(x: Array, axes: tuple[int, ...], weights: Any) -> tuple[Array, Array]:
    """Mean and variance in long double; an axis has size 1."""
    w, wide = np.broadcast_to(weights, x.shape).astype(np.longdouble), x.astype(np.longdouble)
    wide = np.where(w > 0, wide, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        count = w.sum(axes, keepdims=True)
        mean = (w * wide).sum(axes, keepdims=True) / count
        return mean, (w * (wide - mean) ** 2).sum(axes, keepdims=True) / count


@st.composite
def chunked(draw: Any) -> tuple[Array, Any, tuple[int, ...], Any, Any]:
    """An array, the same in chunks of some kind, axes, a mask of its own, and weights."""
    shape = tuple(draw(st.lists(st.integers(1, 7), min_size=1, max_size=3)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from(["float16", "float32", "float64", "int64"]))
    level = 10.0 ** draw(st.integers(0, 3 if dtype == "float16" else 6))
    x = (level + random.normal(0, 3, shape)).astype(dtype)
    chunks = []
    for n in shape:
        cuts = sorted(draw(st.lists(st.integers(0, n), max_size=3)))
        chunks.append(tuple(b - a for a, b in zip([0, *cuts], [*cuts, n], strict=True)))
    kind = draw(st.sampled_from(["plain", "unknown", "masked", "late"]))
    source = x if kind != "masked" else np.ma.array(x, mask=random.random(shape) < 0.3)
    lazy = da.from_array(source, chunks=tuple(chunks))
    mask = ~np.ma.getmaskarray(source)
    if kind == "late":
        mask = random.random(shape) < 0.7
        lazy = late(lazy, ~mask)
    elif kind == "unknown":
        lazy = forgotten(lazy)
    axes = tuple(sorted(draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))))
    broadcast = draw(st.sampled_from([shape, (shape[0], *(1,) * (len(shape) - 1))]))
    weights = None if kind == "unknown" or draw(st.booleans()) else random.integers(0, 3, broadcast)
    return x, lazy, axes, mask, weights


@settings(max_examples=120, deadline=None)
@given(case=chunked(), split_every=st.sampled_from([None, 2, 3]))
def test_moments_of_chunks_are_those_of_the_whole(case: Any, split_every: Any) -> None:
    x, lazy, axes, mask, weights = case
    both = dask.compute(*moments(lazy, axes, weights=weights, keepdims=True, split_every=split_every))
    wanted = formula(x, axes, mask * (1 if weights is None else weights))
    rtol = RELATIVE.get(x.dtype.name, 1e-12)
    for found, exact in zip(both, wanted, strict=True):
        np.testing.assert_allclose(found, exact.astype(float), rtol=rtol, atol=rtol)


@FILL
@settings(max_examples=120, deadline=None)
@given(case=chunked(), affine=st.booleans())
def test_standardized_chunks_are_those_of_the_whole(case: Any, affine: bool) -> None:
    x, lazy, axes, mask, weights = case
    if x.dtype.kind == "i":
        x, lazy = x.astype(np.float32), lazy.astype(np.float32)
    scale, shift = (2.0, None) if affine and weights is None else (weights, 0.5 if affine else None)
    lazily = standardize(lazy, axes, scale, shift, 0.1)
    found = lazily.compute()
    assert found.dtype == lazily.dtype == x.dtype
    assert found.shape == x.shape
    mean, var = formula(x, axes, mask)
    wanted = (x - mean) / np.sqrt(var + 0.1)
    wanted = wanted * (1 if scale is None else scale) + (0 if shift is None else shift)
    atol = {"float16": 4e-3, "float32": 2e-5, "float64": 1e-8}[x.dtype.name]
    shown = np.ma.getdata(found).astype(float)
    np.testing.assert_allclose(
        np.where(mask, shown, 0), np.where(mask, wanted, 0).astype(float), rtol=1e-3, atol=atol
    )
    if not mask.all():
        np.testing.assert_array_equal(np.ma.getmaskarray(found), ~mask)


@FILL
@settings(max_examples=80, deadline=None)
@given(
    case=chunked(), kind=st.sampled_from([StandardScaler, MinMaxScaler, MaxAbsScaler]), some=st.floats(0, 1)
)
def test_scalers_of_chunks_are_those_of_the_whole(case: Any, kind: Any, some: float) -> None:
    x, lazy, _, mask, _ = case
    if x.ndim != 2:
        return
    weight = None if kind is not StandardScaler else (np.arange(len(x)) >= some * len(x)) * 2.0
    if weight is not None and not weight.any():
        weight = None
    found = fit(kind(), lazy, sample_weight=weight, split_every=2)
    filled = np.where(mask, x, np.nan).astype(x.dtype if x.dtype.kind == "f" else np.float64)
    known = mask.any(0) if weight is None else (mask & (weight[:, None] > 0)).any(0)
    whole = kind().fit(filled, **({} if weight is None else {"sample_weight": weight}))
    for name, value in vars(whole).items():
        if name.endswith("_") and name != "n_samples_seen_" and isinstance(value, np.ndarray):
            ours = getattr(found, name)
            np.testing.assert_allclose(ours[known], value[known], rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("weights", [None, "array", "known chunks", "unknown chunks"])
@pytest.mark.parametrize("known", [True, False])
def test_scalers_of_unknown_and_empty_chunks(weights: Any, known: bool) -> None:
    x = da.from_array(TABLE, chunks=(ROWS, (2, 1)))
    x = x if known else forgotten(x)
    w = np.abs(TABLE[:, 0])
    given = {"array": w, "known chunks": da.from_array(w, chunks=7), "unknown chunks": unknown(w)}
    whole = StandardScaler().fit(TABLE, sample_weight=None if weights is None else w)
    found = fit(StandardScaler(), x, sample_weight=given.get(weights))
    np.testing.assert_allclose([found.mean_, found.var_], [whole.mean_, whole.var_], rtol=1e-13)
    assert np.asarray(found.n_samples_seen_).dtype == np.asarray(whole.n_samples_seen_).dtype
    np.testing.assert_allclose(found.n_samples_seen_, whole.n_samples_seen_)


def test_chunks_without_weight() -> None:
    x = da.from_array(TABLE, chunks=(5, 3))
    w = np.ones(20)
    w[:5] = w[10:15] = 0
    found, whole = fit(StandardScaler(), x, sample_weight=w), StandardScaler().fit(TABLE, sample_weight=w)
    np.testing.assert_allclose([found.mean_, found.var_], [whole.mean_, whole.var_], rtol=1e-13)
    bad = TABLE.copy()
    bad[0, 0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        fit(StandardScaler(), da.from_array(bad, chunks=(5, 3)), sample_weight=w)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
@pytest.mark.parametrize("kind", [StandardScaler, MinMaxScaler])
def test_near_constant_columns(kind: Any, dtype: Any) -> None:
    """Judged by the dtype of the data, as without chunks."""
    steps = rng.integers(0, 2, (60, 5)) * np.array([0, 1, 3, 8, 20])
    x = (3 + steps * (np.finfo(dtype).eps if dtype != np.int64 else 1)).astype(dtype)
    found, whole = fit(kind(), da.from_array(x, chunks=(7, 2))), kind().fit(x)
    np.testing.assert_allclose(found.scale_, whole.scale_, rtol=1e-7)
    np.testing.assert_array_equal(found.scale_ == 1, whole.scale_ == 1)


@pytest.mark.parametrize("chunks", [7, 60], ids=["several", "one"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_scaled_results_are_rounded_once(chunks: int, dtype: str) -> None:
    kind: Any = dtype if dtype != "bfloat16" else pytest.importorskip("ml_dtypes").bfloat16
    x = rng.normal(0, 1, (60, 3)).clip(-1.5, 1.5).astype(kind)
    weight, bias = np.array([60000.0, 1.0, 0.1]), np.array([-50000.0, 0.3, 0.0])
    x[:, 0] = np.abs(x[:, 0])  # products beyond float16, sums within
    y = standardize(da.from_array(x, chunks=(chunks, 3)), 0, weight, bias)
    z, whole = y.compute(), cnorm.standardize(x, 0, weight, bias)
    assert z.dtype == y.dtype == y._meta.dtype == x.dtype
    finite = np.isfinite(whole.astype(float))
    np.testing.assert_array_equal(np.isfinite(z.astype(float)), finite)
    eps = float(np.finfo(np.float32).eps) if dtype != "float64" else 1e-13
    unit = {"float16": 2.0**-11, "bfloat16": 2.0**-8}.get(dtype, 0)
    wide = x.astype(float)
    wanted = (wide - wide.mean(0)) / np.sqrt(wide.var(0) + 1e-5) * weight + bias
    atol = 8 * eps * np.abs(weight).max()
    got, exact = z.astype(float)[finite], wanted[finite]
    np.testing.assert_allclose(got, exact, rtol=unit * 1.01 + 4 * eps, atol=atol)


def test_weights_do_not_widen_the_result() -> None:
    x = da.from_array(TABLE, chunks=(7, 2))
    for name in ("weight", "bias", "where"):
        for shape in ((2, 1, 3), (1, 1, 1), (2, 3), (20, 2)):
            with pytest.raises(ValueError, match=f"{name}: expected a shape that broadcasts"):
                standardize(x, 0, **{name: np.ones(shape, bool if name == "where" else float)})
    y = standardize(x.astype(np.float32), 0, np.ones((20, 1)), np.arange(3))
    assert (y.dtype, y.shape, y.chunks) == (np.float32, x.shape, x.chunks)


@pytest.mark.parametrize("split_every", [1, 0, -2, True, 2.0, "8", {0: 4}])
def test_trees_that_would_not_end(split_every: Any) -> None:
    x, scaler = da.from_array(TABLE, chunks=(6, 3)), StandardScaler().fit(TABLE)
    before = copy.deepcopy(vars(scaler))
    calls = [lambda f=f: f(x, 0, split_every=split_every) for f in (moments, standardize, running_moments)]
    calls += [
        lambda: standardize(x, 1, split_every=split_every),
        lambda: fit(scaler, x, split_every=split_every),
    ]
    for call in calls:
        with pytest.raises((TypeError, ValueError), match="split_every: expected"):
            call()
    assert before.keys() == vars(scaler).keys()


MASK = TABLE > 6
HIDDEN = {
    "known": da.from_array(np.ma.array(TABLE, mask=MASK), chunks=(6, 2)),
    "late": late(da.from_array(TABLE, chunks=(6, 2)), MASK),
    "unknown": forgotten(da.from_array(np.ma.array(TABLE, mask=MASK), chunks=(6, 2))),
    "integers": da.from_array(np.ma.array(np.floor(TABLE).astype(int), mask=MASK), chunks=(6, 2)),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_masked_chunks(name: str) -> None:
    x, whole = HIDDEN[name], np.floor(TABLE) if name == "integers" else TABLE
    for axis in (0, None):
        np.testing.assert_allclose(
            dask.compute(*moments(x, axis)), cnorm.moments(whole, axis, where=~MASK), rtol=1e-13
        )
        if name != "integers":
            y = standardize(x, axis).compute()
            assert isinstance(y, np.ma.MaskedArray)
            np.testing.assert_array_equal(y.mask, MASK)
            np.testing.assert_allclose(y.data, cnorm.standardize(whole, axis, where=~MASK), atol=1e-13)
    shown = TABLE > 3
    if name != "unknown":
        found = dask.compute(*moments(x, 0, where=shown))
        np.testing.assert_allclose(found, cnorm.moments(whole, 0, where=~MASK & shown), rtol=1e-13)
    masked = np.ma.array(whole, mask=MASK)
    scaler, extremes = fit(StandardScaler(), x), fit(MinMaxScaler(), x)
    np.testing.assert_allclose([scaler.mean_, scaler.var_], [masked.mean(0), masked.var(0)], rtol=1e-13)
    np.testing.assert_array_equal([extremes.data_min_, extremes.data_max_], [masked.min(0), masked.max(0)])


def test_hidden_infinities_are_not_looked_at() -> None:
    x = np.where(MASK, np.inf, TABLE)
    scaler = fit(StandardScaler(), da.from_array(np.ma.array(x, mask=MASK), chunks=(6, 2)))
    np.testing.assert_allclose(scaler.mean_, np.ma.array(TABLE, mask=MASK).mean(0), rtol=1e-13)


@pytest.mark.parametrize("source", ["array", "known", "late"])
def test_masks_of_masks_and_weights_are_refused(source: str) -> None:
    x = da.from_array(TABLE, chunks=(6, 2))
    other = np.ma.array(TABLE, mask=MASK) if source == "array" else HIDDEN[source]
    for name, call in {
        "where": lambda: moments(x, 0, where=other > 0),
        "weights": lambda: moments(x, 0, weights=abs(other)),
        "weight": lambda: (standardize(x, 0, other),),
        "bias": lambda: (standardize(x, 1, bias=other),),
        "sample_weight": lambda: (fit(StandardScaler(), x, sample_weight=abs(other[:, 0])),),
    }.items():
        with pytest.raises(TypeError, match=f"{name}: expected no masked array"):
            dask.compute(*call())


def test_refused_fits_change_nothing() -> None:
    x = unknown(TABLE)
    vector = unknown(TABLE[:, 0])
    infinite = np.where(np.arange(20)[:, None] == 17, np.inf, TABLE)
    refused: dict[str, Any] = {
        "infinity": lambda s: fit(s, unknown(infinite)),
        "X: expected at least one sample": lambda s: fit(s, unknown(TABLE[:0], (0, 0))),
        "sample_weight: expected one above 0": lambda s: fit(s, x, sample_weight=np.zeros(20)),
        r"sample_weight: expected shape \(20,\)": lambda s: fit(s, x, sample_weight=np.ones(19)),
        "sample_weight: expected shape .* of a chunk": lambda s: fit(
            s, x, sample_weight=unknown(np.ones(20), (4,) * 5)
        ),
        "sample_weight: expected 5 chunks": lambda s: fit(s, x, sample_weight=unknown(np.ones(20), (5,) * 4)),
        "X: expected one chunk along axis 1": lambda s: fit(
            s, da.concatenate([vector[:, None]] * 2, 1, True).T
        ),
        "X: expected a table": lambda s: fit(s, vector),
    }
    for message, call in refused.items():
        scaler = StandardScaler().fit(TABLE[:9])
        before = copy.deepcopy({k: v for k, v in vars(scaler).items() if k != "_ready"})
        with pytest.raises(ValueError, match=message):
            call(scaler)
        after = {k: v for k, v in vars(scaler).items() if k != "_ready"}
        assert before.keys() == after.keys(), message
        for name, value in before.items():
            np.testing.assert_array_equal(value, after[name])


def test_messages_name_the_argument() -> None:
    with pytest.raises(TypeError, match=r"X: expected a dask\.array\.Array"):
        fit(StandardScaler(), TABLE)
    with pytest.raises(TypeError, match="X: expected a real dtype"):
        fit(StandardScaler(), da.from_array(TABLE * 1j))
    with pytest.raises(ValueError, match=r"where: expected 5 chunks .*\(where\.compute_chunk_sizes"):
        moments(da.from_array(TABLE, chunks=(4, 3)), 0, where=unknown(TABLE, (10, 10)) > 0)


def test_chunks_of_unknown_sizes_must_fit() -> None:
    x = unknown(TABLE)
    with pytest.raises(
        ValueError, match="where: expected 5 chunks along axis 0 of x, got 1, and sizes are unk"
    ):
        moments(x, 0, where=np.ones((20, 3), bool))
    with pytest.raises(ValueError, match="weights: expected chunks of the sizes of x"):
        moments(x, 0, weights=unknown(np.ones((20, 1)), (6, 0, 6, 4, 4)))[0].compute()
    with pytest.raises(ValueError, match="weights: expected chunks of the sizes of x"):
        moments(x, 0, weights=unknown(np.ones((5, 1)), (1,) * 5))[0].compute()
    with pytest.raises(ValueError, match="x: expected one chunk along axis 0"):
        running_moments(x, 1)
    assert running_moments(x, 0).compute().count == 20
