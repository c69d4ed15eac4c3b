"""cnorm.sparse: moments, extremes and scaling of CSR and CSC matrices against dense longdouble; errors."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import Array

import cnorm
from cnorm._native import sparse
from cnorm._stats import compressed as compressed_parts

FORMATS = ("csr", "csc")
AXES = (None, 0, 1, -1, -2)
KINDS = (
    "plain",
    "full",
    "far",
    "full and far",
    "huge",
    "tiny",
    "constant",
    "mixed signs",
    "empty",
    "zeros stored",
)


class Parts(NamedTuple):
    """What a sparse matrix is to cnorm."""

    data: Array
    indices: Array
    indptr: Array
    shape: tuple[int, int]
    format: str


def compressed(dense: Array, stored: Array, form: str, rng: np.random.Generator, **how: Any) -> Parts:
    """The stored elements of a dense matrix; shuffle: in any order in a row; index: the dtype of indices."""
    x, s = (dense, stored) if form == "csr" else (dense.T, stored.T)
    rows, indices = np.nonzero(s)
    if how.get("shuffle"):
        order = np.lexsort((rng.random(len(rows)), rows))
        rows, indices = rows[order], indices[order]
    indptr = np.concatenate([[0], np.bincount(rows, minlength=len(x)).cumsum()])
    index = how.get("index", np.int32)
    return Parts(x[rows, indices], indices.astype(index), indptr.astype(index), dense.shape, form)


def column(kind: str, rows: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Values, 0 where nothing is stored, and what is stored."""
    x, stored = rng.normal(size=rows), rng.random(rows) < 0.3
    x = {"far": x + 1e8, "full and far": x + 1e8, "huge": x * 1e200, "tiny": x * 1e-200}.get(kind, x)
    if kind == "constant":
        x[:] = 0.1
    if kind.startswith("full") or kind == "constant":
        stored[:] = True
    if kind == "empty":
        stored[:] = False
    if kind == "zeros stored":
        x[:] = 0
    return np.where(stored, x, 0), stored


def exact(x: Array, axis: int | None, w: Array | None = None, omit: bool = False) -> tuple[Any, Any, Any]:
    """Mean, variance and largest magnitude in longdouble; NaN counts nothing if omitted."""
    x = x.reshape(-1, 1) if axis is None else x if axis % 2 == 0 else x.T
    w = np.ones(len(x)) if w is None else w
    weights = np.broadcast_to(w[:, None], x.shape).astype(np.longdouble)
    if omit:
        weights = np.where(np.isnan(x), 0, weights)
    v = np.where(weights > 0, x, 0).astype(np.longdouble)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = weights.sum(0)
        first = v[np.argmax(weights > 0, 0), np.arange(v.shape[1])]
        mean = first + (weights * (v - first)).sum(0) / total
        var = (weights * (v - mean) ** 2).sum(0) / total
    result = mean, var, np.abs(v).max(0, initial=0)
    return tuple(r[0] for r in result) if axis is None else result


def close(found: tuple[Any, Any], x: Array, axis: int | None, **how: Any) -> None:
    """Relative to the deviation, or to what rounding of one float64 of that size is."""
    mean, var, level = exact(x, axis, **how)
    eps = np.finfo(np.float64).eps
    with np.errstate(under="ignore", over="ignore", invalid="ignore"):
        dispersion = np.sqrt(var)
        assert (np.abs(found[0] - mean) <= 1e-12 * dispersion + 2 * eps * level).all()
        right = np.isfinite(var.astype(float))
        np.testing.assert_allclose(
            np.where(right, found[1], 0), np.where(right, var, 0).astype(float), rtol=1e-12, atol=1e-320
        )


@given(
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=6),
    st.sampled_from([1, 2, 7, 40, 700]),
    st.sampled_from(FORMATS),
    st.sampled_from(AXES),
    st.booleans(),
    st.sampled_from([np.int32, np.int64]),
    st.booleans(),
    st.integers(0, 1000),
)
def test_moments(
    kinds: list[str],
    rows: int,
    form: str,
    axis: int | None,
    shuffle: bool,
    index: Any,
    weighted: bool,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    made = [column(kind, rows, rng) for kind in kinds]
    x, stored = (np.stack([m[i] for m in made], 1) for i in (0, 1))
    if axis in (1, -1):  # a kind for each group
        x, stored = x.T.copy(), stored.T.copy()
    a = compressed(x, stored, form, rng, shuffle=shuffle, index=index)
    w = (
        None
        if axis is None or not weighted
        else np.where(rng.random(rows) < 0.2, 0, rng.uniform(0.5, 2, rows))
    )
    if axis is None and not {"huge", "tiny"}.isdisjoint(kinds):
        return
    if w is not None:
        w[0] = 1
    close(cnorm.sparse.moments(a, axis, weights=w), x, axis, w=w)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("axis", [0, 1, None])
@pytest.mark.parametrize(
    "dtype", [np.float16, np.float32, np.int8, np.uint64, np.int64, np.bool_, ">f8", ">f4"]
)
def test_dtypes(form: str, axis: int | None, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    x = np.where(rng.random((60, 30)) < 0.4, rng.integers(0, 100, (60, 30)), 0).astype(dtype)
    a = compressed(x, x != 0, form, rng)
    mean, var = cnorm.sparse.moments(a, axis, correction=1)
    wanted = cnorm.moments(x, axis, correction=1)
    assert mean.dtype == wanted[0].dtype
    rtol = 1e-6 if mean.dtype == np.float32 else 1e-13
    np.testing.assert_allclose(mean, wanted[0], rtol=rtol)
    np.testing.assert_allclose(var, wanted[1], rtol=rtol)
    low, high = cnorm.sparse.minmax(a, axis)
    wide = np.float32 if x.dtype == np.float16 else x.dtype
    np.testing.assert_array_equal(low, x.min(axis))
    np.testing.assert_array_equal(high, x.max(axis))
    assert low.dtype == high.dtype == np.dtype(wide).newbyteorder("=")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("axis", [0, 1])
def test_nan_policies(form: str, axis: int) -> None:
    rng = np.random.default_rng(1)
    x = np.where(rng.random((50, 40)) < 0.5, rng.normal(size=(50, 40)) + 3, 0)
    x[rng.random(x.shape) < 0.1] = np.nan
    x[:, 3] = np.nan
    x[5] = np.nan
    a = compressed(x, x != 0, form, rng)
    mean, var = cnorm.sparse.moments(a, axis, nan_policy="omit")
    with np.errstate(invalid="ignore"):
        shown = ~np.isnan(x)
        count = shown.sum(axis)
        right = np.where(shown, x, 0).sum(axis) / count
        spread = np.where(shown, x - (right if axis == 0 else right[:, None]), 0)
        np.testing.assert_allclose(mean, right, rtol=1e-13)
        np.testing.assert_allclose(var, (spread**2).sum(axis) / count, rtol=1e-12)
    bad = np.isnan(x).any(axis)
    mean, var = cnorm.sparse.moments(a, axis)
    np.testing.assert_array_equal(np.isnan(mean), bad)
    np.testing.assert_array_equal(np.isnan(var), bad)
    with pytest.raises(ValueError, match='a: contains NaN and nan_policy is "raise"'):
        cnorm.sparse.moments(a, axis, nan_policy="raise")
    low, high = cnorm.sparse.minmax(a, axis)
    nothing = ~shown.any(axis)
    np.testing.assert_array_equal(low, np.where(nothing, np.nan, np.where(shown, x, np.inf).min(axis)))
    np.testing.assert_array_equal(high, np.where(nothing, np.nan, np.where(shown, x, -np.inf).max(axis)))


def test_a_weight_of_0_hides_nan() -> None:
    x = np.array([[1.0, np.nan], [np.nan, 2.0], [0.0, 0.0], [3.0, 5.0]])
    w = np.array([1.0, 0.0, 2.0, 1.0])
    for form in FORMATS:
        a = compressed(x, x != 0, form, np.random.default_rng(0))
        mean, var = cnorm.sparse.moments(a, 0, weights=w)
        np.testing.assert_array_equal(mean, [1.0, np.nan])
        np.testing.assert_array_equal(var, [1.5, np.nan])
        for scale in (1e-300, 1e300):
            np.testing.assert_allclose(cnorm.sparse.moments(a, 0, weights=w * scale)[1], var, rtol=1e-14)


@pytest.mark.parametrize("form", FORMATS)
def test_infinities(form: str) -> None:
    x = np.array([[1.0, np.inf, np.inf, -np.inf], [0.0, 0.0, -np.inf, 2.0], [2.0, 1.0, 0.0, 0.0]])
    a = compressed(x, x != 0, form, np.random.default_rng(0))
    mean, var = cnorm.sparse.moments(a, 0)
    np.testing.assert_array_equal(mean, [1.0, np.inf, np.nan, -np.inf])
    np.testing.assert_array_equal(np.isnan(var), [False, True, True, True])


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(("offset", "std"), [(1e8, 1e-3), (1e8, 1.0), (1e6, 1e-2)])
def test_far_from_zero(form: str, offset: float, std: float) -> None:
    """scanpy's hard case, all stored; and with a zero here and there."""
    rng = np.random.default_rng(2)
    x = rng.normal(offset, std, (3000, 5))
    stored = np.ones(x.shape, bool)
    stored[7, 1] = False
    x = np.where(stored, x, 0)
    a = compressed(x, stored, form, rng)
    for axis, data in (
        (0, a),
        (1, a._replace(shape=a.shape[::-1], format="csc" if form == "csr" else "csr")),
    ):
        close(cnorm.sparse.moments(data, axis), x if axis == 0 else x.T, axis)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("axis", [0, 1, None])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int8, np.bool_])
def test_stored_twice_is_the_sum(form: str, axis: int | None, dtype: Any) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    rng = np.random.default_rng(3)
    indices, indptr = rng.integers(0, 9, 120), np.arange(0, 121, 12)
    data = (rng.normal(size=120) * 10).astype(dtype)
    shape = (10, 9) if form == "csr" else (9, 10)
    a = {"csr": sparse.csr_array, "csc": sparse.csc_array}[form]((data, indices, indptr), shape=shape)
    kept = a.data.copy(), a.indices.copy(), a.indptr.copy()
    dense = a.toarray()
    rtol = 1e-5 if dtype == np.float32 else 1e-12
    for found, right in zip(cnorm.sparse.moments(a, axis), cnorm.moments(dense, axis), strict=True):
        np.testing.assert_allclose(found, right, rtol=rtol, atol=rtol)
    for found, right in zip(cnorm.sparse.minmax(a, axis), (dense.min(axis), dense.max(axis)), strict=True):
        np.testing.assert_allclose(found, right, rtol=rtol)
    if dtype == np.float64:
        clipped = cnorm.sparse.scale(a, np.full(a.shape[1], 2.0), max_value=1.5)
        np.testing.assert_allclose(clipped.toarray(), np.minimum(dense / 2, 1.5), rtol=1e-12)
    for before, now in zip(kept, (a.data, a.indices, a.indptr), strict=True):
        np.testing.assert_array_equal(before, now)


def test_each_column_by_itself() -> None:
    rng = np.random.default_rng(4)
    x = np.where(rng.random((500, 6)) < 0.5, rng.normal(size=(500, 6)), 0)
    other, stored = x.copy(), x != 0
    other[:, 2], other[:, 4] = other[:, 2] * 1e200, np.nan
    for form in FORMATS:
        before = cnorm.sparse.moments(compressed(x, stored, form, rng), 0)
        after = cnorm.sparse.moments(compressed(other, stored, form, rng), 0)
        kept = [0, 1, 3, 5]
        for a, b in zip(before, after, strict=True):
            np.testing.assert_array_equal(a[kept], b[kept])


def test_any_number_of_threads_gives_the_same_bits() -> None:
    rng = np.random.default_rng(5)
    x = np.where(rng.random((4000, 300)) < 0.4, rng.normal(size=(4000, 300)), 0)
    x[:, 7] = rng.normal(1e8, 1, 4000)
    x[9] = np.nan
    by = rng.uniform(1, 2, 300)
    for form in FORMATS:
        a = compressed(x, x != 0, form, rng)
        found = []
        for n in (1, 2, 3, 7):
            with cnorm.threads(n):
                results = [*cnorm.sparse.moments(a, 0), *cnorm.sparse.moments(a, 1, nan_policy="omit")]
                found.append([*results, *cnorm.sparse.minmax(a, 0), cnorm.sparse.scale(a, by).data])
        for others in found[1:]:
            for first, other in zip(found[0], others, strict=True):
                np.testing.assert_array_equal(first, other)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int32])
def test_scale(form: str, axis: int, dtype: Any) -> None:
    rng = np.random.default_rng(6)
    x = np.where(rng.random((30, 20)) < 0.4, rng.normal(size=(30, 20)) * 9, 0).astype(dtype)
    by = rng.uniform(1, 3, x.shape[1 - axis])
    by[3] = 0
    a = compressed(x, x != 0, form, rng, shuffle=True)
    divisor = np.where(by == 0, 1, by) if axis == 0 else np.where(by == 0, 1, by)[:, None]
    y = cnorm.sparse.scale(a, by, axis, max_value=2.0)
    assert isinstance(y, Parts)
    assert y.data.dtype == (np.float64 if dtype == np.int32 else dtype)
    assert y.indices.dtype == a.indices.dtype
    wanted = np.minimum(x / divisor, 2)
    table = np.zeros_like(wanted if form == "csr" else wanted.T)
    table[np.repeat(np.arange(len(table)), np.diff(y.indptr)), y.indices] = y.data
    rtol = {np.float16: 2e-3, np.float32: 1e-6}.get(dtype, 1e-15)
    np.testing.assert_allclose(table if form == "csr" else table.T, wanted, rtol=rtol)
    assert not any(np.may_share_memory(u, v) for u, v in zip(a[:3], y[:3], strict=True))


def test_scale_in_place() -> None:
    rng = np.random.default_rng(7)
    x = np.where(rng.random((30, 20)) < 0.4, rng.normal(size=(30, 20)), 0)
    for dtype in ("f8", "f4", "f2", ">f8"):
        a = compressed(x.astype(dtype), x != 0, "csr", rng)
        wanted = cnorm.sparse.scale(a, np.full(20, 2.0)).data
        assert cnorm.sparse.scale(a, np.full(20, 2.0), copy=False) is a
        np.testing.assert_array_equal(a.data, wanted)
        a.data.flags.writeable = False
        assert cnorm.sparse.scale(a, np.full(20, 2.0), copy=False) is not a
        np.testing.assert_array_equal(a.data, wanted)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", ["array", "matrix"])
def test_classes_of_scipy(form: str, kind: str) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    x = np.diag([1.0, 2.0, 4.0])
    a = getattr(sparse, f"{form}_{kind}")(x)
    y = cnorm.sparse.scale(a, [1.0, 2.0, 0.0])
    assert type(y) is type(a)
    np.testing.assert_array_equal(y.toarray(), np.diag([1.0, 1, 4]))
    np.testing.assert_allclose(cnorm.sparse.moments(a, 0)[0], x.mean(0))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i4", "?"])
@pytest.mark.parametrize("odd", ["none", "wide", "more than stored", "shuffled", "twice"])
def test_parts_at_a_glance_or_with_care_are_the_same(form: str, dtype: str, odd: str) -> None:
    """So is a matrix of scipy with other data, and what its constructor makes of them."""
    of_scipy = pytest.importorskip("scipy.sparse")
    rng = np.random.default_rng(5)
    x = np.where(rng.random((12, 9)) < 0.4, rng.normal(3, 2, (12, 9)), 0).astype(dtype)
    p = compressed(
        x, x != 0, form, rng, shuffle=odd == "shuffled", index=np.int64 if odd == "wide" else np.int32
    )
    if odd == "twice":
        p.indices[1] = p.indices[0]
    if odd == "more than stored":
        p = p._replace(data=np.append(p.data, p.data[:2]), indices=np.append(p.indices, p.indices[:2]))
    kinds = ("array", "matrix") if dtype != "f2" else ()
    of = [getattr(of_scipy, f"{form}_{kind}")(p[:3], shape=p.shape) for kind in kinds]

    def made() -> list[Any]:
        found: list[Any] = []
        for a in (p, SimpleNamespace(**p._asdict()), *of):
            for axis in (0, 1):
                by, most = np.linspace(0, 2, a.shape[1 - axis]), 1.5 if axis else None
                y = cnorm.sparse.scale(a, by, axis, max_value=most)
                assert type(y) is type(a)
                arrays = [*cnorm.sparse.moments(a, axis), *cnorm.sparse.minmax(a, axis)]
                assert not any(
                    np.may_share_memory(getattr(y, n), getattr(a, n)) for n in ("data", "indices", "indptr")
                )
                arrays += [y.data, y.indices, y.indptr]
                found += [(v.dtype, v.shape, v.tobytes()) for v in arrays]
                if not isinstance(y, (Parts, SimpleNamespace)):
                    found += [
                        y.has_sorted_indices,
                        y.has_canonical_format,
                        y.toarray().tobytes(),
                        y.shape,
                        y.nnz,
                    ]
        return found

    short = made()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparse, "parts", lambda *_: None)
        patch.setattr(compressed_parts, "_INT32", None)
        assert made() == short


def test_any_object_with_the_parts() -> None:
    parts = compressed(np.diag([1.0, 2.0]), np.eye(2) > 0, "csr", np.random.default_rng(0))
    a = SimpleNamespace(**parts._asdict())
    y = cnorm.sparse.scale(a, [2.0, 2.0])
    assert isinstance(y, SimpleNamespace)
    assert y is not a
    np.testing.assert_array_equal(y.data, [0.5, 1])


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
@pytest.mark.parametrize("form", FORMATS)
def test_nothing(shape: tuple[int, int], form: str) -> None:
    a = compressed(np.zeros(shape), np.zeros(shape, bool), form, np.random.default_rng(0))
    for axis in (0, 1):
        mean, var = cnorm.sparse.moments(a, axis)
        assert mean.shape == var.shape == (shape[1 - axis],)
        assert np.isnan(mean).all() == (shape[axis] == 0) or not mean.size
        if shape[axis] == 0:
            with pytest.raises(ValueError, match="a: expected an element along axis"):
                cnorm.sparse.minmax(a, axis)
    assert np.isnan(cnorm.sparse.moments(a)[0])


def test_large_integers_keep_their_digits() -> None:
    x = np.array([[2**62 + 1, 0], [2**62 - 1, -(2**60) - 1]])
    a = compressed(x, x != 0, "csr", np.random.default_rng(0))
    for axis in AXES:
        for found, right in zip(cnorm.sparse.minmax(a, axis), (x.min(axis), x.max(axis)), strict=True):
            np.testing.assert_array_equal(found, right)


GOOD = compressed(np.eye(3), np.eye(3) > 0, "csr", np.random.default_rng(0))
WRONG: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    (
        "indices outside",
        {"indices": np.array([0, 1, 3])},
        ValueError,
        r"a.indices: expected indices from 0 to 2",
    ),
    ("indices below 0", {"indices": np.array([0, -1, 2])}, ValueError, r"got -1 to 2"),
    (
        "indices short",
        {"indices": np.array([0, 1])},
        ValueError,
        "a.indices: expected at least 3 elements, got 2",
    ),
    ("data short", {"data": np.ones(2)}, ValueError, "a.data: expected at least 3 elements, got 2"),
    (
        "indices float",
        {"indices": np.array([0.0, 1, 2])},
        TypeError,
        "a.indices: expected a vector of integers",
    ),
    ("indptr short", {"indptr": np.array([0, 1, 3])}, ValueError, "a.indptr: expected 4 numbers"),
    ("indptr decreases", {"indptr": np.array([0, 2, 1, 3])}, ValueError, "do not decrease"),
    ("indptr begins later", {"indptr": np.array([1, 2, 3, 3])}, ValueError, "begin with 0"),
    ("complex", {"data": np.ones(3) * 1j}, TypeError, "a.data: expected a vector of real numbers"),
    ("format", {"format": "coo"}, TypeError, "a: expected the format csr or csc, got coo"),
    ("dimensions", {"shape": (3,)}, ValueError, "a: expected two dimensions"),
]


@pytest.mark.parametrize(("parts", "error", "message"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_bad_matrices(parts: dict[str, Any], error: type[Exception], message: str) -> None:
    for form in FORMATS:
        bad = GOOD._replace(format=form)._replace(**parts)
        for axis in (0, 1, None):
            with pytest.raises(error, match=message):
                cnorm.sparse.moments(bad, axis)
            with pytest.raises(error, match=message):
                cnorm.sparse.minmax(bad, axis)
            if axis is not None:
                with pytest.raises(error, match=message):
                    cnorm.sparse.scale(bad, np.ones(3), axis, copy=False)


def test_bad_arguments() -> None:
    for call, error, message in (
        (lambda: cnorm.sparse.moments(np.eye(3)), TypeError, "a: expected a CSR or CSC matrix"),
        (lambda: cnorm.sparse.moments(GOOD, 2), ValueError, "axis"),
        (lambda: cnorm.sparse.moments(GOOD, nan_policy="drop"), ValueError, "nan_policy: expected"),
        (lambda: cnorm.sparse.moments(GOOD, weights=np.ones(9)), ValueError, "weights: expected axis 0 or 1"),
        (
            lambda: cnorm.sparse.moments(GOOD, 0, weights=np.ones(4)),
            ValueError,
            r"weights: expected shape \(3,\)",
        ),
        (
            lambda: cnorm.sparse.moments(GOOD, 0, weights=[1, -1, 1]),
            ValueError,
            "weights: expected no negative",
        ),
        (
            lambda: cnorm.sparse.moments(GOOD, 0, weights=["a"] * 3),
            TypeError,
            "weights: expected a real dtype",
        ),
        (lambda: cnorm.sparse.scale(GOOD, np.ones(4)), ValueError, r"by: expected shape \(3,\), got \(4,\)"),
        (lambda: cnorm.sparse.scale(GOOD, ["a"] * 3), TypeError, "by: expected real numbers"),
        (lambda: cnorm.sparse.scale(GOOD, np.ones(3), None), ValueError, "axis: expected 0 or 1, got None"),
        (
            lambda: cnorm.sparse.scale(GOOD, np.ones(3), max_value=-1),
            ValueError,
            "max_value: expected a number",
        ),
        (
            lambda: cnorm.sparse.scale(GOOD, np.ones(3), max_value="x"),
            TypeError,
            "max_value: expected a number",
        ),
    ):
        with pytest.raises(error, match=message):
            call()


def test_nothing_is_imported() -> None:
    code = "import sys, cnorm.sparse; assert not {'scipy', 'numba', 'sklearn'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_against_scikit_learn() -> None:
    functions = pytest.importorskip("sklearn.utils.sparsefuncs")
    sparse = pytest.importorskip("scipy.sparse")
    rng = np.random.default_rng(8)
    for form in FORMATS:
        a = sparse.random(300, 40, 0.2, form, random_state=0)
        a.data[::13] = np.nan
        for axis in (0, 1):
            w = rng.uniform(0, 2, a.shape[axis])
            theirs = functions.mean_variance_axis(a, axis, weights=w)
            ours = cnorm.sparse.moments(a, axis, weights=w, nan_policy="omit")
            for b, c in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(b, c, rtol=1e-12)
            theirs = functions.min_max_axis(a, axis, ignore_nan=True)
            for b, c in zip(cnorm.sparse.minmax(a, axis), theirs, strict=True):
                np.testing.assert_array_equal(b, c)


def test_the_gate_tells_of_order() -> None:
    """Ascending, in range, outside; repeats of an unordered row."""
    starts = np.array([0, 3, 3])
    for indices, order in (
        ([0, 1, 2], 0),
        ([2, 0, 1], 1),
        ([1, 1, 2], 1),
        ([0, 1, 3], 2),
        ([3, 0, 1], 2),
        ([-1, 0, 1], 2),
    ):
        assert sparse.order(np.array(indices), starts, 3) == order
    assert sparse.repeats(np.array([1, 1, 2]), starts, 3)
    assert not sparse.repeats(np.array([2, 0, 1]), starts, 3)


def order_of(indices: Array, starts: Array, width: int) -> int:
    """Row by row."""
    rows = [indices[a:b] for a, b in pairwise(starts)]
    if ((indices < 0) | (indices >= width)).any():
        return 2
    return int(any((np.diff(row) <= 0).any() for row in rows))


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_order_of_rows_of_any_length(dtype: Any) -> None:
    """Empty ones at both ends and between, unordered and outside anywhere."""
    rng = np.random.default_rng(6)
    seen = set()
    for _ in range(600):
        lengths = rng.integers(0, rng.choice([2, 4, 7]), rng.integers(1, 9))
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        rows = [np.sort(rng.choice(7, n, replace=False)) for n in lengths]
        indices = np.concatenate(rows).astype(dtype)
        if len(indices) and rng.random() < 0.4:
            indices[rng.integers(len(indices))] = rng.choice([-1, 0, 3, 6, 7, np.iinfo(dtype).max])
        expected = order_of(indices, starts, 7)
        assert sparse.order(indices, starts, 7) == expected, (indices, starts)
        seen.add(expected)
    assert seen == {0, 1, 2}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_short_rows_give_the_bits_of_rows_by_themselves(dtype: Any) -> None:
    """Rows of weights, all 1, are read one after the other."""
    rng = np.random.default_rng(7)
    for rows, width, most in ((4000, 1, 2), (4000, 3, 3), (5003, 40, 9), (700, 2, 3), (3, 5, 2)):
        lengths = rng.integers(0, np.minimum(most, width + 1), rows)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        indices = np.concatenate([rng.choice(width, n, replace=False) for n in lengths]).astype(np.int32)
        data = (rng.normal(3, 1, len(indices)) * 10).astype(dtype)
        a = Parts(data, indices, starts, (rows, width), "csr")
        for one, other in zip(
            cnorm.sparse.moments(a, 0), cnorm.sparse.moments(a, 0, weights=np.ones(rows)), strict=True
        ):
            np.testing.assert_array_equal(one, other)
        dense = np.zeros((rows, width), dtype)
        dense[np.repeat(np.arange(rows), lengths), indices] = data
        for one, other in zip(cnorm.sparse.minmax(a, 0), (dense.min(0), dense.max(0)), strict=True):
            np.testing.assert_array_equal(one, other)
