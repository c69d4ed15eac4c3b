"""Sparse matrices: moments in float64 of any dtype, batches, weights and NaN of each column, the map."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import Array

from cnorm.preprocessing import StandardScaler, minmax_scale, scale, zscore
from cnorm.preprocessing._sparse import sparse_moments

sparse = pytest.importorskip("scipy.sparse")
FORMATS = ["csr", "csc"]
KINDS = ("plain", "zero", "far", "full and far", "huge", "tiny", "NaN", "holes", "constant", "integers")


def sparse_column(kind: str, rows: int, rng: np.random.Generator) -> Array:
    x = rng.normal(size=rows)
    if kind == "full and far":
        return x + 1e6
    x = {"far": x + 1e6, "huge": x * 1e300, "tiny": x * 1e-300, "constant": 0 * x + 0.1}.get(kind, x)
    x = np.round(5 * x) if kind == "integers" else x
    x = np.where(rng.random(rows) < 0.5, x, 0)
    if kind == "zero":
        x[:] = 0
    elif kind == "NaN":
        x[:] = np.nan
    elif kind == "holes":
        x[rng.random(rows) < 0.4] = np.nan
    return x


def expected(column: Array, weights: Array) -> tuple[Any, Any, Any]:
    """Sum of weights, mean and standard deviation without NaN, in longdouble."""
    shown = ~np.isnan(column) & (weights > 0)
    values, w = column[shown].astype(np.longdouble), weights[shown].astype(np.longdouble)
    if not values.size:
        return 0.0, np.nan, np.nan
    apart = values - values[0]
    mean = (w * apart).sum() / w.sum()
    return w.sum(), values[0] + mean, np.sqrt((w * (apart - mean) ** 2).sum() / w.sum())


@given(
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=6),
    st.lists(st.sampled_from([1, 2, 7, 40, 3000]), min_size=1, max_size=4),
    st.sampled_from(FORMATS),
    st.sampled_from([None, "whole", "real", "some"]),
    st.integers(0, 1000),
)
def test_batches_of_mixed_columns(
    kinds: list[str], sizes: list[int], form: str, weighted: str | None, seed: int
) -> None:
    """Batches of any size, with and without weights, are the whole; each column by itself."""
    rng = np.random.default_rng(seed)
    x = np.stack([sparse_column(kind, sum(sizes), rng) for kind in kinds], 1)
    weights = {"whole": rng.integers(0, 3, len(x)).astype(float)}.get(
        weighted or "", rng.uniform(0, 2, len(x))
    )
    cuts = np.cumsum(sizes)[:-1]
    scaler = StandardScaler(with_mean=False)
    for i, (part, w) in enumerate(zip(np.split(x, cuts), np.split(weights, cuts), strict=True)):
        with_weights = weighted is not None and (weighted != "some" or i % 2)
        if not with_weights:
            w[:] = 1
        w[0] = 1  # scikit-learn refuses weights that are all 0
        scaler.partial_fit(sparse.csr_matrix(part).asformat(form), sample_weight=w if with_weights else None)
    for j, kind in enumerate(kinds):
        count, mean, std = expected(x[:, j], weights)
        assert np.broadcast_to(scaler.n_samples_seen_, len(kinds))[j] == pytest.approx(
            float(count), rel=1e-13
        )
        level = float(np.nanmax(np.abs(x[:, j]), initial=0))
        np.testing.assert_allclose(scaler.mean_[j], float(mean), 1e-12, 1e-15 * level, err_msg=kind)
        if std > 1e-7 * level:
            np.testing.assert_allclose(scaler.scale_[j], float(std), 1e-9, err_msg=kind)


def test_float32_batches_lose_no_digits() -> None:
    rng = np.random.default_rng(0)
    batches = [(rng.normal(size=(500, 2)) + 1e6).astype(np.float32) for _ in range(40)]
    right = np.concatenate(batches).astype(np.longdouble).var(0).astype(float)
    for form in FORMATS:
        scaler = StandardScaler(with_mean=False)
        for batch in batches:
            scaler.partial_fit(sparse.csr_matrix(batch).asformat(form))
        np.testing.assert_allclose(scaler.var_, right, rtol=1e-9)


@pytest.mark.parametrize("form", FORMATS)
def test_a_column_that_begins_as_nan(form: str) -> None:
    first, second = np.array([[1.0, np.nan], [3.0, np.nan]]), np.array([[0.0, 2.0], [5.0, 0.0], [0.0, 4.0]])
    scaler = StandardScaler(with_mean=False).partial_fit(sparse.csr_matrix(first).asformat(form))
    assert np.isnan(scaler.mean_[1])
    scaler.partial_fit(sparse.csr_matrix(second).asformat(form))
    np.testing.assert_allclose(scaler.mean_, [9 / 5, 2])
    np.testing.assert_allclose(scaler.var_[1], 8 / 3)
    np.testing.assert_array_equal(scaler.n_samples_seen_, [5, 3])


def test_weights_in_some_batches() -> None:
    """One batch of weights makes counts sums of weights for good, as of dense data."""
    x, w = sparse.csr_matrix(np.array([[1.0, 0.0], [2.0, 3.0], [0.0, 4.0]])), [0.5, 2, 1]
    for weights in ([w, None], [None, w]):
        scalers = [StandardScaler(with_mean=False) for _ in range(2)]
        for scaler, data in zip(scalers, (x, x.toarray()), strict=True):
            for weight in weights:
                scaler.partial_fit(data, sample_weight=weight)
        ours, dense = scalers
        assert ours.n_samples_seen_ == dense.n_samples_seen_ == 6.5
        np.testing.assert_allclose(ours.mean_, dense.mean_, rtol=1e-15)
        np.testing.assert_allclose(ours.var_, dense.var_, rtol=1e-14)


def test_stored_twice_is_stored_as_the_sum() -> None:
    x = sparse.csr_matrix(([1.0, 2.0, 5.0], [0, 0, 1], [0, 2, 3]), shape=(2, 2))
    scaler = StandardScaler(with_mean=False).fit(x)
    np.testing.assert_array_equal(scaler.mean_, x.toarray().mean(0))
    np.testing.assert_array_equal(scaler.var_, x.toarray().var(0))
    assert x.nnz == 3


def test_hidden_zeros_leave_no_trace() -> None:
    """Rows of weight 0 that are not stored beside a mean of 1e6: differences of sums of weights are not 0."""
    rng = np.random.default_rng(0)
    column = rng.normal(1e6, 1, 1000)
    column[::3] = 0
    weights = rng.uniform(0, 1, 1000)
    weights[::3] = 0
    state = sparse_moments(sparse.csr_matrix(column[:, None]), weights)
    count, _, std = expected(column, weights)
    np.testing.assert_allclose(state[0, 3], float(std**2 * count), rtol=1e-9)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("with_std", [False, True])
def test_the_map_is_that_of_dense_data(form: str, dtype: Any, with_std: bool) -> None:
    x = np.stack(
        [sparse_column(k, 50, np.random.default_rng(1)) for k in ("plain", "far", "holes", "zero")], 1
    )
    x = x.astype(dtype)
    s = sparse.csr_matrix(x).asformat(form)
    scaler = StandardScaler(with_mean=False, with_std=with_std).fit(s)
    y = scaler.transform(s)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y.toarray(), scaler.transform(x))
    np.testing.assert_allclose(scaler.inverse_transform(y).toarray(), x, rtol=1e-6)
    np.testing.assert_array_equal(s.toarray(), x)
    fixed = sparse.csr_matrix(x)
    fixed.data.flags.writeable = False
    np.testing.assert_array_equal(scaler.transform(fixed, copy=False).toarray(), y.toarray())
    np.testing.assert_array_equal(fixed.toarray(), x)
    mine = sparse.csr_matrix(x)
    assert np.may_share_memory(scaler.transform(mine, copy=False).data, mine.data)


def test_extreme_columns() -> None:
    u = np.array([[1.0, 2.0], [0.0, 5.0], [4.0, 0.0]])
    for size in (1e300, 1e-300, 1e-160):
        for data in (u * size, u * [size, 1]):
            s = sparse.csr_matrix(data)
            scaler = StandardScaler(with_mean=False).fit(s)
            np.testing.assert_allclose(scaler.transform(s).toarray(), u / u.std(0), rtol=1e-13)


@pytest.mark.parametrize("form", [*FORMATS, "coo"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_scale(form: str, dtype: Any) -> None:
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    x = (sparse.random(40, 5, 0.4, random_state=0) * 9).astype(dtype).asformat(form)
    before = x.toarray()
    y, theirs = scale(x, with_mean=False), preprocessing.scale(x, with_mean=False)
    assert type(y) is type(theirs)
    assert y.dtype == theirs.dtype
    np.testing.assert_allclose(y.toarray(), theirs.toarray(), rtol=1e-6 if dtype == np.float32 else 1e-13)
    np.testing.assert_array_equal(x.toarray(), before)
    np.testing.assert_array_equal(scale(x, with_mean=False, with_std=False).toarray(), before)


def test_refused() -> None:
    x = sparse.random(6, 3, 0.5, random_state=0, format="csr")
    infinite = x.copy()
    infinite.data[0] = np.inf
    for arguments, error, message in (
        ({}, ValueError, "Cannot center sparse matrices"),
        ({"with_mean": False, "out": np.zeros((6, 3))}, TypeError, "out: expected None with a sparse matrix"),
        ({"with_mean": False, "axis": 1}, ValueError, "axis: expected 0 with a sparse matrix, got 1"),
        ({"with_mean": False, "X": infinite}, ValueError, "Input X contains infinity"),
        ({"with_mean": False, "X": x * 1j}, TypeError, "X: expected a sparse matrix of float32"),
    ):
        with pytest.raises(error, match=message):
            scale(**{"X": x, **arguments})
    for function, name in ((zscore, "a"), (minmax_scale, "X")):
        with pytest.raises(TypeError, match=f"{name}: expected a dense array, got a sparse one"):
            function(x)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_refused_batch_changes_nothing(method: str) -> None:
    pytest.importorskip("sklearn")
    x = sparse.random(6, 3, 0.5, random_state=0, format="csr")
    infinite = x.copy()
    infinite.data[0] = np.inf
    fitted = StandardScaler(with_mean=False).fit(x)
    before = pickle.dumps(fitted)
    for bad, weights in ((infinite, None), (x, [-1.0] * 6), (x[:, :2], [1.0]), (x, [np.nan] * 6)):
        with pytest.raises(ValueError, match=r"infinity|sample_weight|features"):
            getattr(fitted, method)(bad, sample_weight=weights)
        assert pickle.dumps(fitted) == before
    with pytest.raises(ValueError, match="axis: expected 0 with a sparse matrix, got 1"):
        StandardScaler(with_mean=False, axis=1).fit(x)
