"""MaxAbsScaler and maxabs_scale: the largest is 1 exactly; NaN, small units, sparse matrices, axes."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from reference import BFLOAT16, DTYPES, Array
from strategies import fill
from sweep import sweep

from cnorm.preprocessing import MaxAbsScaler, maxabs_scale

F64 = np.dtype(np.float64)
FLOATS = {
    np.dtype(np.float16): {"width": 16, "min_value": -6e4, "max_value": 6e4},
    np.dtype(np.float32): {"width": 32},
    F64: {"width": 64},
}


def check_exact(x: Array, y: Array) -> None:
    """Every column that is not 0 has a largest magnitude of 1, with the sign it had, and none above."""
    wide, values = x.astype(F64), y.astype(F64)
    largest = np.abs(wide).max(0)
    assert y.dtype == x.dtype
    assert (np.abs(values).max(0) == (largest > 0)).all()
    at = (np.abs(wide) == largest) & (largest > 0)
    assert (values[at] == np.sign(wide[at])).all()


@given(st.data(), st.sampled_from(list(FLOATS)))
def test_the_largest_is_one(data: Any, dtype: np.dtype[Any]) -> None:
    """For any finite values: the smallest and the largest double among them, denormals, one ulp apart."""
    elements = st.floats(allow_nan=False, allow_infinity=False, **FLOATS[dtype])
    shape = hnp.array_shapes(min_dims=2, max_dims=2, max_side=6)
    x = data.draw(hnp.arrays(dtype, shape, elements=elements))
    scaler = MaxAbsScaler()
    y = scaler.fit_transform(x)
    check_exact(x, y)
    np.testing.assert_array_equal(scaler.transform(x), y)
    np.testing.assert_array_equal(scaler.transform(x[:1]), y[:1])
    np.testing.assert_array_equal(maxabs_scale(x), y)
    assert not np.isnan(scaler.inverse_transform(y)).any()


@sweep(dtype=DTYPES)
def test_many_columns(dtype: np.dtype[Any]) -> None:
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(30, 5000)) * 10.0 ** rng.uniform(-3, 3, 5000)).astype(dtype)
    y = MaxAbsScaler().fit_transform(x)
    check_exact(x, y)
    wide = x.astype(F64)
    eps = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23}.get(dtype.name, 2.0**-52)
    assert np.abs(y.astype(F64) - wide / np.abs(wide).max(0)).max() <= 2 * eps


@pytest.mark.parametrize("unit", [5e-324, 1e-310, 1e-300, 1e-30, 1e-15, 1.0, 1e300])
def test_units(unit: float) -> None:
    """scikit-learn leaves what is below 2e-15 (float32: 1e-6) unscaled."""
    x = np.array([[1.0, 0.0], [-4.0, 0.0], [2.0, 0.0]]) * unit
    scaler = MaxAbsScaler().fit(x)
    np.testing.assert_array_equal(scaler.transform(x)[:, 0], [0.25, -1, 0.5])
    np.testing.assert_array_equal(scaler.transform(x)[:, 1], 0)
    np.testing.assert_array_equal(scaler.inverse_transform(scaler.transform(x)), x)
    assert scaler.scale_[1] == 1
    assert scaler.max_abs_[1] == 0


def test_largest_floats_and_beyond_them() -> None:
    for dtype in (np.float16, np.float32, np.float64):
        top = np.finfo(dtype).max
        x = np.array([[-top, top], [top / 2, 0]], dtype)
        scaler = MaxAbsScaler().fit(x)
        np.testing.assert_array_equal(scaler.transform(x), [[-1, 1], [0.5, 0]])
        np.testing.assert_array_equal(scaler.inverse_transform(scaler.transform(x)), x)
        assert np.isinf(scaler.inverse_transform(np.full((1, 2), 2, dtype))).all()


def test_nan_is_left_out_and_stays() -> None:
    x = np.random.default_rng(2).normal(size=(300, 5))
    x[np.random.default_rng(3).random(x.shape) < 0.3] = np.nan
    x[:, 4] = np.nan
    scaler = MaxAbsScaler().fit(x[:50]).partial_fit(x[50:])
    np.testing.assert_array_equal(scaler.max_abs_[:4], np.nanmax(np.abs(x[:, :4]), 0))
    assert np.isnan(scaler.max_abs_[4])
    y = scaler.transform(x)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(x))
    assert (np.nanmax(np.abs(y[:, :4]), 0) == 1).all()
    scaler.partial_fit(np.full((1, 5), -7.0))  # what began as NaN is known now
    np.testing.assert_array_equal(scaler.max_abs_, 7)


@given(st.integers(0, 10**6), st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_split_does_not_matter(seed: int, sizes: list[int]) -> None:
    x = np.random.default_rng(seed).normal(size=(sum(sizes) + 1, 3))
    whole, parts = MaxAbsScaler().fit(x), MaxAbsScaler()
    for batch in np.split(x, np.cumsum(sizes)):
        parts.partial_fit(batch)
    assert parts.n_samples_seen_ == len(x)
    assert type(parts.n_samples_seen_) is int
    np.testing.assert_array_equal(parts.transform(x), whole.transform(x))


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 2), None, (1, 2)], ids=str)
def test_axis(axis: Any) -> None:
    x = fill((6, 5, 4), F64, 3)
    scaler = MaxAbsScaler(axis=axis).fit(x)
    np.testing.assert_array_equal(scaler.max_abs_, np.abs(x).max(axis))
    y = scaler.transform(x)
    assert (np.abs(y).max(axis) == 1).all()
    np.testing.assert_allclose(scaler.inverse_transform(y), x, rtol=1e-15)
    np.testing.assert_array_equal(maxabs_scale(x, axis=axis), y)
    if axis is not None:
        with pytest.raises(ValueError, match=r"X: expected sizes|X has 8 features"):
            scaler.partial_fit(np.ones((7, 8, 9)))


def test_bfloat16() -> None:
    x = np.array([[1.0, -2.0], [3.0, 5.0], [-49.0, 7.0]], BFLOAT16)
    y = MaxAbsScaler().fit_transform(x)
    assert y.dtype == BFLOAT16
    check_exact(x, y)


def test_clip() -> None:
    scaler = MaxAbsScaler(clip=True).fit([[-2.0], [1.0]])
    for x in ([[-3.0], [0.5], [9.0]], np.array([[-3.0], [0.5], [9.0]], np.float32)):
        np.testing.assert_array_equal(scaler.transform(x), [[-1], [0.25], [1]])
    assert scaler.transform(np.array([[9.0]])) == 1
    assert np.isnan(scaler.transform(np.array([[np.nan]])))


def test_statistics_that_were_set_count() -> None:
    x = np.random.default_rng(6).normal(size=(20, 3))
    scaler = MaxAbsScaler().fit(x)
    scaler.transform(x)
    scaler.scale_[1] = 7.0
    scaler.scale_[2] = -3.0
    for rows in (x, x[:1]):
        np.testing.assert_allclose(scaler.transform(rows), rows / scaler.scale_, rtol=1e-15)
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(x)), x, rtol=1e-15)


def test_copies() -> None:
    x = np.random.default_rng(7).normal(size=(20, 3))
    scaler = MaxAbsScaler().fit(x)
    for twin in (pickle.loads(pickle.dumps(scaler)), copy.deepcopy(scaler), copy.copy(scaler)):
        np.testing.assert_array_equal(twin.transform(x), scaler.transform(x))
        np.testing.assert_array_equal(twin.transform(x[:1]), scaler.transform(x[:1]))


def test_function_in_place() -> None:
    x = fill((40, 30), np.dtype(np.float32), 5)
    expected = maxabs_scale(x)
    again = x.copy()
    assert maxabs_scale(again, copy=False) is again
    np.testing.assert_array_equal(again, expected)
    fixed = x.copy()
    fixed.flags.writeable = False
    np.testing.assert_array_equal(maxabs_scale(fixed, copy=False), expected)
    whole = np.array([[1, -2]])
    np.testing.assert_array_equal(maxabs_scale(whole, axis=1, copy=False), [[0.5, -1]])
    np.testing.assert_array_equal(whole, [[1, -2]])
    bad = np.array([[1.0, 2.0], [np.inf, 4.0]])
    with pytest.raises(ValueError, match="Input X contains infinity"):
        maxabs_scale(bad, copy=False)
    np.testing.assert_array_equal(bad, [[1, 2], [np.inf, 4]])


def test_signature_is_theirs_and_out() -> None:
    theirs = pytest.importorskip("sklearn.preprocessing").maxabs_scale
    ours = inspect.signature(maxabs_scale).parameters
    assert [(p.name, p.kind, p.default) for p in inspect.signature(theirs).parameters.values()] == [
        (p.name, p.kind, p.default) for p in ours.values() if p.name != "out"
    ]


FORMATS = ["csr", "csc", "coo", "lil"]


def a_sparse_one(form: str, dtype: Any = np.float64) -> tuple[Any, Array]:
    """With a column that is 0, one of NaN alone, one of holes, and large and tiny ones."""
    sparse = pytest.importorskip("scipy.sparse")
    x = np.asarray(fill((30, 6), F64, 8) * (fill((30, 6), F64, 9) > 0), dtype)
    x[:, 1], x[:, 2] = 0, np.nan
    x[::3, 3] = np.nan
    x[:, 4] *= dtype(1e30)
    x[:, 5] *= dtype(1e-30)
    return sparse.csr_matrix(x).asformat(form), x


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", FORMATS)
def test_sparse_is_dense(form: str, dtype: Any) -> None:
    pytest.importorskip("sklearn")
    s, x = a_sparse_one(form, dtype)
    ours, dense = MaxAbsScaler().fit(s), MaxAbsScaler().fit(x)
    np.testing.assert_array_equal(ours.max_abs_, dense.max_abs_)
    assert ours.n_samples_seen_ == 30
    y = ours.transform(s)
    assert y.format == ("csc" if form == "csc" else "csr")
    assert y.dtype == dtype
    np.testing.assert_array_equal(y.toarray(), dense.transform(x))
    np.testing.assert_array_equal(ours.inverse_transform(y).toarray(), dense.inverse_transform(y.toarray()))
    np.testing.assert_array_equal(maxabs_scale(s).toarray(), dense.transform(x))
    x[:, 2] = 0
    s = type(s)(x)
    np.testing.assert_array_equal(maxabs_scale(s, axis=1).toarray(), maxabs_scale(x, axis=1))
    np.testing.assert_array_equal(s.toarray(), x)


def test_sparse_batches_and_in_place() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    pytest.importorskip("sklearn")
    s, x = a_sparse_one("csr")
    parts = MaxAbsScaler().partial_fit(s[:10]).partial_fit(x[10:20]).partial_fit(s[20:].tocsc())
    np.testing.assert_array_equal(parts.max_abs_, MaxAbsScaler().fit(x).max_abs_)
    assert parts.n_samples_seen_ == 30
    y = maxabs_scale(s, copy=False)
    assert y.data is s.data or np.shares_memory(y.data, s.data)
    doubled = sparse.csr_matrix(([1.0, 2.0, -4.0], [0, 0, 1], [0, 2, 3]), shape=(2, 2))
    np.testing.assert_array_equal(MaxAbsScaler().fit(doubled).max_abs_, [3, 4])
    np.testing.assert_array_equal(maxabs_scale(doubled).toarray(), [[1, 0], [0, -1]])
    assert maxabs_scale(sparse.csr_matrix((0, 3))).shape == (0, 3)
    assert maxabs_scale(sparse.csr_matrix(np.array([[1, -2], [0, 4]]))).dtype == np.float64


def test_sparse_refused() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    pytest.importorskip("sklearn")
    x = sparse.random(6, 3, 0.5, random_state=0, format="csr")
    infinite = x.copy()
    infinite.data[0] = np.inf
    scaler = MaxAbsScaler(copy=False).fit(x)
    before = pickle.dumps(scaler)
    for method in ("fit", "partial_fit", "transform", "inverse_transform"):
        for bad, message in ((infinite, "infinity"), (x[:, :2] * np.inf, "infinity"), (x[:0], "0 sample")):
            with pytest.raises(ValueError, match=message):
                getattr(scaler, method)(bad)
            assert pickle.dumps(scaler) == before
    for method in ("partial_fit", "transform", "inverse_transform"):
        with pytest.raises(ValueError, match=r"features|X: expected sizes"):
            getattr(scaler, method)(x[:, :2])
    with pytest.raises(ValueError, match="axis: expected 0 with a sparse matrix, got 1"):
        MaxAbsScaler(axis=1).fit(x)
    for arguments, error, message in (
        ({"out": np.zeros((6, 3))}, TypeError, "out: expected None with a sparse matrix"),
        ({"axis": None}, ValueError, "axis: expected 0 or 1 with a sparse matrix, got None"),
        ({"X": infinite}, ValueError, "Input X contains infinity"),
        ({"X": x * 1j}, TypeError, "X: expected a sparse matrix of float32"),
    ):
        with pytest.raises(error, match=message):
            maxabs_scale(**{"X": x, **arguments})
