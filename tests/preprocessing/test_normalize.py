"""normalize and Normalizer: unit norms by an oracle, norms returned, zeros, sparse rows, what is refused."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import numpy as np
import pytest
from reference import BFLOAT16, DTYPES, Array
from strategies import fill
from sweep import sweep

from cnorm.preprocessing import Normalizer, normalize

F64 = np.dtype(np.float64)
NORMS = ["l1", "l2", "max"]
by_norm = pytest.mark.parametrize("norm", NORMS)
X = np.arange(12.0).reshape(4, 3) - 5


def norms_of(x: Array, norm: str, axis: Any) -> Array:
    """In longdouble, with axes kept."""
    size = np.abs(x.astype(F64).astype(np.longdouble))
    if norm == "l2":
        return np.asarray(np.sqrt((size * size).sum(axis, keepdims=True)))
    return np.asarray(size.sum(axis, keepdims=True) if norm == "l1" else size.max(axis, keepdims=True))


def eps(dtype: np.dtype[Any]) -> float:
    return {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23}.get(dtype.name, 2.0**-52)


@by_norm
@sweep(dtype=DTYPES, axis=[0, 1, -1, (0, 2), (1, 2), None])
def test_oracle(norm: str, dtype: np.dtype[Any], axis: Any) -> None:
    x = fill((12, 9, 10), dtype, 1)
    expected = norms_of(x, norm, axis)
    y, norms = normalize(x, norm, axis=axis, return_norm=True)
    assert y.dtype == norms.dtype == dtype
    assert norms.shape == expected.squeeze(axis).shape
    if norm == "max":
        assert (np.abs(y.astype(F64)).max(axis) == 1).all()
    error = np.abs(y.astype(F64) - x.astype(F64) / expected)
    assert float(error.max()) <= 4 * eps(dtype)
    np.testing.assert_allclose(norms.astype(F64), expected.squeeze(axis).astype(F64), rtol=4 * eps(dtype))
    np.testing.assert_array_equal(normalize(x, norm, axis=axis).view("V1"), y.view("V1"))
    if dtype != BFLOAT16:  # of more than two dimensions it becomes float64, as in the scalers
        np.testing.assert_array_equal(Normalizer(norm, axis=axis).transform(x), y)


@by_norm
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_size(norm: str, dtype: Any) -> None:
    """Rows whose squares overflow or vanish, denormals, zeros: each by itself."""
    info, row = np.finfo(dtype), np.array([3.0, -4.0, 0.0, 1.0], dtype)
    sizes = [info.max / 4, info.max / 2**60, 1, info.tiny, info.smallest_subnormal * 2**10, 1e-20, 0]
    x = np.stack([row * dtype(size) for size in sizes])
    y, norms = normalize(x, norm, return_norm=True)
    expected = (row / norms_of(row, norm, 0)).astype(dtype)
    for i, size in enumerate(sizes):
        np.testing.assert_allclose(y[i], expected if size else 0 * row, rtol=1e-3 if i == 4 else 4 * info.eps)
    assert norms[-1] == 1
    np.testing.assert_array_equal(Normalizer(norm).fit_transform(x), y)
    columns = normalize(np.ascontiguousarray(x.T), norm, axis=0).T  # summed in another order
    np.testing.assert_allclose(columns, y, rtol=2 * info.eps)


@by_norm
@pytest.mark.parametrize("axis", [0, 1, None])
@pytest.mark.parametrize("shape", [(40_000, 1), (1, 40_000), (40_000, 3), (3, 40_000)])
def test_many(norm: str, axis: Any, shape: tuple[int, int]) -> None:
    """More samples, or elements of one, than are taken at once."""
    x = fill(shape, np.dtype(np.float32), 1)
    expected = x / norms_of(x, norm, axis)
    y = normalize(x, norm, axis=axis)
    np.testing.assert_allclose(y, expected.astype(np.float32), rtol=4 * 2.0**-23)
    np.testing.assert_array_equal(normalize(x, norm, axis=axis, copy=False), y)


@by_norm
def test_memory_and_kinds(norm: str) -> None:
    x = fill((40, 30), np.dtype(np.float32), 5)
    expected = normalize(x, norm)
    for out in (np.empty_like(x), np.empty((40, 60), np.float32)[:, ::2], x.copy()):
        assert normalize(x, norm, out=out) is out
        np.testing.assert_array_equal(out, expected)
    again = x.copy()
    assert normalize(again, norm, copy=False) is again
    np.testing.assert_array_equal(again, expected)
    again = x.copy()
    y, norms = normalize(again, norm, copy=False, return_norm=True)
    assert y is again
    np.testing.assert_allclose(norms, norms_of(x, norm, 1)[:, 0].astype(np.float32), rtol=1e-6)
    fixed = x.copy()
    fixed.flags.writeable = False
    np.testing.assert_array_equal(normalize(fixed, norm, copy=False), expected)
    whole = np.array([[1, -2], [0, 0]], np.int8)
    y = normalize(whole, norm)
    assert y.dtype == np.float64
    np.testing.assert_array_equal(y, normalize(whole.tolist(), norm))
    np.testing.assert_array_equal(normalize(x.astype(">f4"), norm), expected)
    half = np.concatenate([x, x])
    np.testing.assert_array_equal(normalize(half[:40], norm, out=half[1:41]), expected)
    for shape in ((0, 3), (3, 0), (2, 0, 3)):
        y, norms = normalize(np.zeros(shape), norm, return_norm=True)
        assert y.shape == shape
        assert norms.shape == (shape[0], *shape[2:])


@by_norm
def test_masked(norm: str) -> None:
    x, hidden = fill((9, 40), F64, 3), np.random.default_rng(1).random((9, 40)) < 0.2
    x[hidden] = np.nan
    y, norms = normalize(np.ma.MaskedArray(x, hidden), norm, return_norm=True)
    assert np.array_equal(y.mask, hidden)
    assert not y.data[hidden].any()
    zeroed, wanted = normalize(np.where(hidden, 0, x), norm, return_norm=True)
    np.testing.assert_allclose(y.filled(0), zeroed, rtol=1e-14)
    np.testing.assert_allclose(norms, wanted, rtol=1e-14)
    with pytest.raises(TypeError, match=r"masked.*\.filled\("):
        Normalizer(norm).transform(np.ma.MaskedArray(x, hidden))


def test_signatures_are_theirs() -> None:
    sklearn = pytest.importorskip("sklearn.preprocessing")

    def arguments(function: Any, without: str) -> list[Any]:
        parameters = inspect.signature(function).parameters.values()
        return [(p.name, p.kind, p.default) for p in parameters if p.name != without]

    assert arguments(normalize, "out") == arguments(sklearn.normalize, "")
    assert arguments(Normalizer, "axis") == arguments(sklearn.Normalizer, "")
    for name in ("fit", "transform"):
        names = list(inspect.signature(getattr(sklearn.Normalizer, name)).parameters)
        assert list(inspect.signature(getattr(Normalizer, name)).parameters) == names
    assert repr(Normalizer()) == "Normalizer()"
    assert repr(Normalizer("l1", axis=-1)) == "Normalizer(axis=-1, norm='l1')"


@pytest.mark.parametrize("thing", [normalize, Normalizer, Normalizer.fit, Normalizer.transform])
def test_documented(thing: Any) -> None:
    doc = inspect.getdoc(thing) or ""
    for argument in inspect.signature(thing).parameters:
        assert argument == "self" or argument in doc
    assert "Parameters" in doc


def test_there_is_nothing_to_fit() -> None:
    assert np.array_equal(Normalizer().transform(X), Normalizer().fit(X).transform(X))
    fitted = Normalizer().fit(X)
    assert fitted.n_features_in_ == 3
    assert fitted.fit(X[:, :2]).n_features_in_ == 2
    with pytest.raises(ValueError, match="X has 3 features, but Normalizer is expecting 2"):
        fitted.transform(X)
    for twin in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        np.testing.assert_array_equal(twin.transform(X[:, :2]), fitted.transform(X[:, :2]))
    assert Normalizer().fit_transform(X).flags.owndata
    y = X.copy()
    assert Normalizer(copy=False).fit_transform(y) is y
    assert np.array_equal(Normalizer(copy=False).transform(X, copy=True), y)


@by_norm
def test_refused(norm: str) -> None:
    for bad, message in ((np.nan, "Input X contains NaN"), (np.inf, "Input X contains infinity")):
        x = X.copy()
        x[1, 2] = bad
        before = x.copy()
        for call in (
            lambda x: normalize(x, norm, copy=False),
            lambda x: normalize(x, norm, out=x),
            Normalizer(norm, copy=False).transform,
            Normalizer(norm, copy=False).fit_transform,
            Normalizer(norm).fit,
        ):
            with pytest.raises(ValueError, match=message):
                call(x)
            np.testing.assert_array_equal(x, before)
    with pytest.raises(ValueError, match="axis: expected axes of a 1-dimensional array, got 1"):
        normalize(X[0], norm)
    with pytest.raises(ValueError, match="axis: expected axes"):
        Normalizer(norm, axis=5).fit(X)
    with pytest.raises(TypeError, match="X: expected a float dtype"):
        normalize(1j * X, norm)
    with pytest.raises(ValueError, match=r"out: expected shape"):
        normalize(X, norm, out=X[:2])


def test_unknown_norms() -> None:
    for unknown, error in (("l3", ValueError), (2, TypeError)):
        with pytest.raises(error, match="norm: expected"):
            normalize(X, unknown)  # type: ignore[arg-type]
        with pytest.raises((TypeError, ValueError), match="norm"):
            Normalizer(unknown).fit(X)  # type: ignore[arg-type]
        with pytest.raises((TypeError, ValueError), match="norm"):
            Normalizer(unknown).transform(X)  # type: ignore[arg-type]


def test_an_error_leaves_it_as_it_was() -> None:
    fitted = Normalizer().fit(X)
    before = pickle.dumps(fitted)
    for bad in (np.full((3, 5), np.nan), np.ones(3), np.ones((0, 2)), np.array([["a"]])):
        with pytest.raises((TypeError, ValueError)):
            fitted.fit(bad)
        assert pickle.dumps(fitted) == before
    fresh = Normalizer()
    with pytest.raises(ValueError, match="NaN"):
        fresh.fit(np.full((3, 5), np.nan))
    assert fresh.__dict__ == Normalizer().__dict__


FORMATS = ["csr", "csc", "coo", "lil"]


@by_norm
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_sparse(norm: str, form: str, dtype: Any) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    x = np.round(10 * fill((20, 7), F64, 4) * (fill((20, 7), F64, 5) > 0)).astype(dtype)
    x[3] = 0
    if dtype != np.int64:
        x[4] *= dtype(np.finfo(dtype).max / 64)
        x[5] *= dtype(np.finfo(dtype).tiny)
    s = sparse.csr_matrix(x).asformat(form)
    kind = np.dtype(np.float64 if dtype == np.int64 else dtype)
    for axis in (0, 1, -1):
        y = normalize(s, norm, axis=axis)
        assert y.format == ("csc" if axis == 0 else "csr")
        assert y.dtype == kind
        np.testing.assert_allclose(y.toarray(), normalize(x, norm, axis=axis), rtol=8 * eps(kind))
    np.testing.assert_array_equal(s.toarray(), x)
    pytest.importorskip("sklearn")
    y = Normalizer(norm).fit_transform(s)
    np.testing.assert_array_equal(y.toarray(), normalize(s, norm).toarray())
    if form == "csr" and dtype != np.int64:
        assert Normalizer(norm, copy=False).transform(s) is s
        np.testing.assert_array_equal(s.toarray(), y.toarray())


def test_sparse_norms_and_refusals() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    s = sparse.csr_matrix(np.array([[3.0, 0, -4.0], [0, 0, 0]]))
    y, norms = normalize(s, "max", return_norm=True)
    np.testing.assert_array_equal(norms, [4, 0])
    np.testing.assert_array_equal(y.toarray(), [[0.75, 0, -1], [0, 0, 0]])
    doubled = sparse.csr_matrix(([1.0, 2.0, -4.0], [0, 0, 1], [0, 3, 3]), shape=(2, 2))
    np.testing.assert_array_equal(normalize(doubled).toarray(), [[0.6, -0.8], [0, 0]])
    assert doubled.nnz == 3
    nan = s.copy()
    nan.data[0] = np.nan
    for arguments, error, message in (
        ({"norm": "l2", "return_norm": True}, NotImplementedError, "return_norm: expected False"),
        ({"out": np.zeros((2, 3))}, TypeError, "out: expected None with a sparse matrix"),
        ({"axis": None}, ValueError, "axis: expected 0 or 1 with a sparse matrix, got None"),
        ({"X": nan, "copy": False}, ValueError, "Input X contains NaN"),
        ({"X": s * 1j}, TypeError, "X: expected a sparse matrix of float32"),
    ):
        with pytest.raises(error, match=message):
            normalize(**{"X": s, **arguments})
    np.testing.assert_array_equal(nan.data, [np.nan, -4])
    pytest.importorskip("sklearn")
    for method in ("fit", "transform"):
        with pytest.raises(ValueError, match="NaN"):
            getattr(Normalizer(copy=False), method)(nan)
        with pytest.raises(ValueError, match="axis: expected 1 with a sparse matrix, got 0"):
            getattr(Normalizer(axis=0), method)(s)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_containers(library: str) -> None:
    module = pytest.importorskip(library)
    pytest.importorskip("sklearn")
    given = module.DataFrame(dict(zip("abc", X.T, strict=True)))
    frame = Normalizer().set_output(transform=library).fit_transform(given)
    assert isinstance(frame, module.DataFrame)
    assert list(frame.columns) == ["a", "b", "c"]
    np.testing.assert_array_equal(frame.to_numpy(), normalize(X))
    assert list(Normalizer().fit(given).get_feature_names_out()) == ["a", "b", "c"]
