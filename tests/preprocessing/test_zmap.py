"""zmap and gzscore: oracle, broadcasting, dtypes, masked arrays, warnings as SciPy's, memory."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from reference import BOUNDS, DTYPES, Array, moments
from strategies import fill
from sweep import sweep

from cnorm.preprocessing import gzscore, zmap, zscore

F64 = np.dtype(np.float64)
AXES = [0, 1, -1, (0, 2), None]
SCORES, COMPARE = fill((6, 5), F64, 1), fill((9, 5), F64, 2) * 3 + 1


@sweep(dtype=DTYPES, axis=AXES, ddof=[0, 1])
def test_zmap_oracle(dtype: np.dtype[Any], axis: Any, ddof: int) -> None:
    x, other = fill((12, 9, 10), dtype, 1), (2 * fill((12, 9, 10), dtype, 2)).astype(dtype)
    mean, var = moments(other, axis, keepdims=True, correction=ddof)
    expected = (x.astype(np.longdouble) - mean) / np.sqrt(var)
    z = zmap(x, other, axis, ddof)
    assert z.dtype == dtype
    eps = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23}.get(dtype.name, 2.0**-52)
    assert (
        float((np.abs(z.astype(np.longdouble) - expected) - np.abs(expected) * eps).max())
        <= BOUNDS[dtype.name]
    )


@sweep(dtype=DTYPES, axis=[0, -1, None])
def test_gzscore_oracle(dtype: np.dtype[Any], axis: Any) -> None:
    x = np.exp(fill((40, 9), F64, 3) + 2).astype(dtype)
    logs = np.log(x.astype(np.longdouble))
    expected = (logs - logs.mean(axis, keepdims=True)) / logs.std(axis, keepdims=True)
    z = gzscore(x, axis=axis)
    assert z.dtype == dtype
    eps = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23}.get(dtype.name, 2.0**-52)
    assert float(np.abs(z.astype(np.longdouble) - expected).max()) <= 8 * eps


SPREADS: dict[str, Callable[[np.random.Generator], Array]] = {
    "of all sizes": lambda rng: np.exp(rng.uniform(-700, 700, (60, 700))),
    "about 1": lambda rng: 1 + rng.normal(0, 1e-3, (60, 700)),
    "within two powers of two": lambda rng: rng.uniform(0.5, 2, (60, 700)),
    "subnormal": lambda rng: rng.uniform(0, 1, (60, 700)) * 2.0**-1030,
    "far from 1": lambda rng: 1e6 + rng.uniform(0, 1, (60, 700)),
}


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=str)
def test_gzscore_is_as_near_as_by_numpys_logarithms(spread: str, dtype: Any) -> None:
    """Which are rounded correctly, or nearly so."""
    with np.errstate(under="ignore", over="ignore"):
        x = SPREADS[spread](np.random.default_rng(0)).astype(dtype)
    x = np.where((x > 0) & np.isfinite(x), x, np.linspace(1, 2, 700, dtype=dtype))
    x[0] *= 1.5  # no group is constant
    logs = np.log(x.astype(np.longdouble))
    expected = (logs - logs.mean(0)) / logs.std(0)
    ours, theirs = gzscore(x), zscore(np.log(x, dtype=np.float64)).astype(dtype)
    errors = [np.abs(z.astype(np.longdouble) - expected) for z in (ours, theirs)]
    assert errors[0].mean() <= errors[1].mean() * 1.01
    assert errors[0].max() <= errors[1].max() * 1.1


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_gzscore_in_any_layout(dtype: np.dtype[Any]) -> None:
    """The same bits, at once or with care, in any byte order; near them by another order of axes."""
    x = np.exp(fill((6, 5, 4), F64, 2)).astype(dtype)
    expected = gzscore(x)
    for other in (
        np.asfortranarray(x),
        x.transpose(0, 2, 1).copy().transpose(0, 2, 1),
        np.repeat(x, 2, 1)[:, ::2],
    ):
        near = 1e-13 if dtype == F64 else 0
        np.testing.assert_allclose(gzscore(other).astype(float), expected.astype(float), rtol=near, atol=near)
    if dtype.name != "bfloat16":
        assert gzscore(x.astype(x.dtype.newbyteorder())).astype(dtype).tobytes() == expected.tobytes()
    gaps = np.zeros((6, 5, 8), dtype)[:, :, ::2]
    assert gzscore(x, out=gaps).tobytes() == expected.tobytes()
    large = np.exp(fill((300, 300), F64, 3)).astype(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(
            gzscore(large).astype(float), gzscore(large, out=np.empty_like(large)).astype(float)
        )


@pytest.mark.parametrize("size", [1e-308, 1e-200, 1e200, 1e300])
def test_extremes(size: float) -> None:
    u = np.array([[0.9, 1], [0.5, 2], [1.0, 3], [0.2, 5]])
    x = u * [size, 1]
    expected = (u - u.mean(0)) / u.std(0)
    np.testing.assert_allclose(zmap(x, x.copy()), expected, rtol=1e-12, atol=1e-14)
    logs = np.log(u)
    expected = (logs - logs.mean(0)) / logs.std(0)
    np.testing.assert_allclose(gzscore(x), expected, rtol=1e-11, atol=1e-12)
    far = 1e8 + u
    np.testing.assert_allclose(zmap(far, far.copy()), (u - u.mean(0)) / u.std(0), rtol=1e-7)


def test_zmap_of_itself_is_zscore() -> None:
    x = np.array([[5.0, 1.0], [5.0, 2.0]])
    with pytest.warns(RuntimeWarning, match="Precision loss"):
        np.testing.assert_array_equal(zmap(x, x), [[np.nan, -1], [np.nan, 1]])
    np.testing.assert_array_equal(zmap(SCORES, SCORES, 1, 1), zscore(SCORES, 1, 1))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_compared_with_a_constant(dtype: np.dtype[Any]) -> None:
    x, constant = np.array([0, 1, 2, np.nan], dtype), np.ones(7, dtype)
    with pytest.warns(RuntimeWarning, match="Precision loss"):
        z = zmap(x, constant)
    np.testing.assert_array_equal(z.astype(float), [-np.inf, np.nan, np.inf, np.nan])
    with pytest.warns(RuntimeWarning, match="Precision loss"):
        zmap(x, constant, out=x)
    np.testing.assert_array_equal(x.astype(float), [-np.inf, np.nan, np.inf, np.nan])


SHAPES: list[tuple[Any, Any, Any]] = [
    ((5,), (9, 5), 0), ((1, 5), (9, 5), 0), ((6, 1), (9, 5), 0), ((3, 6, 5), (9, 5), 0), ((6, 5), (6, 9), 1),
    ((6, 5), (9, 5), None), ((), (9, 5), 0), ((5,), (9,), 0), ((6, 5), (9,), 0), ((0, 5), (9, 5), 0),
    ((0,), (9,), 0), ((4, 6, 5), (4, 6, 5), (0, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "other", "axis"), SHAPES, ids=str)
def test_broadcasting(shape: Any, other: Any, axis: Any) -> None:
    x, compare = np.asarray(fill(shape, F64, 4)), fill(other, F64, 5)
    expected = (x - compare.mean(axis, keepdims=True)) / compare.std(axis, keepdims=True)
    z = zmap(x, compare, axis)
    assert z.shape == expected.shape
    np.testing.assert_allclose(z, expected, rtol=1e-12, atol=1e-13)
    out = np.empty(expected.shape)
    assert zmap(x, compare, axis, out=out) is out
    np.testing.assert_array_equal(out, z)


def test_dtypes() -> None:
    x, other = SCORES.astype(np.float32), COMPARE
    assert zmap(x, other.astype(np.float32)).dtype == np.float32
    assert zmap(x, other).dtype == zmap(SCORES, other.astype(np.float16)).dtype == np.float64
    assert zmap([1, 2], [True, False, True]).dtype == np.float64
    swapped = zmap(x.astype(">f4"), other.astype(">f4"))
    np.testing.assert_array_equal(swapped, zmap(x, other.astype(np.float32)))
    np.testing.assert_array_equal(zmap([1, 2], [1, 2, 4]), zmap([1.0, 2.0], [1.0, 2.0, 4.0]))
    half = zmap(x, other.astype(np.float16))
    assert half.dtype == np.float32
    assert gzscore([1, 2, 4]).dtype == np.float64


@pytest.mark.parametrize("policy", ["propagate", "omit", "raise"])
def test_nan(policy: str) -> None:
    x, other = SCORES.copy(), COMPARE.copy()
    x[0, 0] = other[3, 1] = np.nan
    if policy == "raise":
        with pytest.raises(ValueError, match="compare: The input contains nan values"):
            zmap(x, other, nan_policy=policy)
        assert np.isnan(zmap(x, COMPARE, nan_policy=policy)[0, 0])
        with pytest.raises(ValueError, match="contains nan values"):
            gzscore(np.abs(x), nan_policy=policy)
        return
    z, clean = zmap(x, other, nan_policy=policy), zmap(x, COMPARE)
    assert np.isnan(z[0, 0])
    np.testing.assert_array_equal(np.delete(z, 1, 1), np.delete(clean, 1, 1))
    assert np.isnan(z[:, 1]).all() == (policy == "propagate")
    if policy == "omit":
        expected = zmap(x[:, 1], np.delete(other[:, 1], 3))
        np.testing.assert_allclose(z[:, 1], expected, rtol=1e-13)


def test_infinity_and_too_few() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(zmap([1.0, np.inf, -np.inf], [1, 3])[1:], [np.inf, -np.inf])
        assert np.isnan(zmap([1.0, 2.0], [1, 2, np.inf])).all()
        assert np.isnan(zmap([1.0, 2.0], [3, 5], ddof=2)).all()
        assert gzscore(np.ones((0, 2))).shape == (0, 2)
    for compare in ([], np.ones((0, 2))):
        with pytest.warns(RuntimeWarning, match="too small"):
            assert np.isnan(zmap([1.0, 2.0], compare)).all()
    with pytest.warns(RuntimeWarning, match="too small"):
        assert zmap(np.ones((0, 2)), np.ones((0, 2))).shape == (0, 2)
    with pytest.warns(RuntimeWarning, match="After omitting NaNs"):
        z = zmap(np.ones((2, 2)), [[np.nan, 1], [np.nan, 4]], nan_policy="omit")
    np.testing.assert_array_equal(z, [[np.nan, -1], [np.nan, -1]])


@pytest.mark.parametrize("which", ["scores", "compare", "both", "no mask"])
@pytest.mark.parametrize("value", [1e6, np.nan])
def test_masked_zmap_as_in_scipy(which: str, value: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    x, other = np.ma.array(SCORES.copy()), np.ma.array(COMPARE.copy())
    if which in ("scores", "both"):
        x.data[1, 2] = value
        x[1, 2] = np.ma.masked
    if which in ("compare", "both"):
        other.data[3, 1] = value
        other[3, 1] = np.ma.masked
        other[:, 4] = 2  # constant: masked
    before = x.copy(), other.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = zmap(x, other), stats.zmap(x, other)
        plain = zmap(x, COMPARE), zmap(SCORES, other)
    assert all(isinstance(z, np.ma.MaskedArray) for z in (ours, theirs, *plain))
    np.testing.assert_array_equal(np.ma.getmaskarray(ours), np.ma.getmaskarray(theirs))
    np.testing.assert_allclose(ours.filled(0), theirs.filled(0), rtol=1e-12)
    for given, kept in zip((x, other), before, strict=True):
        np.testing.assert_array_equal(given.data, kept.data)
        np.testing.assert_array_equal(np.ma.getmaskarray(given), np.ma.getmaskarray(kept))


@pytest.mark.parametrize("axis", [0, None])
def test_masked_gzscore_as_in_scipy(axis: Any) -> None:
    stats = pytest.importorskip("scipy.stats")
    x = np.ma.array(np.exp(SCORES), mask=SCORES > 1)
    x.data[0, 0], x.data[1, 1], x.data[2, 2] = 0, -3, np.nan
    ours, theirs = gzscore(x, axis=axis), stats.gzscore(x, axis=axis)
    np.testing.assert_array_equal(np.ma.getmaskarray(ours), np.ma.getmaskarray(theirs))
    np.testing.assert_allclose(ours.filled(0), theirs.filled(0), rtol=1e-12, atol=1e-13)


def test_numbers_without_a_logarithm_warn_as_numpy() -> None:
    for value, message in ((0.0, "divide by zero"), (-1.0, "invalid value")):
        with pytest.warns(RuntimeWarning, match=message):
            assert np.isnan(gzscore([value, 1.0, 2.0])).all()
    with pytest.warns(RuntimeWarning, match="Precision loss"):
        assert np.isnan(gzscore(np.full(4, 7.0))).all()


CALLS: dict[str, Callable[..., Any]] = {
    "zmap": lambda x, **w: zmap(x, COMPARE.astype(x.dtype), **w),
    "gzscore": lambda x, **w: gzscore(np.abs(x, out=x), **w),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_out(name: str, dtype: np.dtype[Any]) -> None:
    x = np.abs(fill((6, 5), dtype, 1))
    expected = CALLS[name](x)
    for out in (np.empty_like(x), np.empty((6, 10), dtype)[:, ::2], x.copy(), x):
        assert CALLS[name](x if out is x else x.copy(), out=out) is out
        np.testing.assert_array_equal(out.astype(float), expected.astype(float))
    half = np.concatenate([np.abs(fill((6, 5), dtype, 1))] * 2)
    moved = CALLS[name](half[:6], out=half[1:7])
    np.testing.assert_array_equal(moved.astype(float), expected.astype(float))


def test_out_may_be_what_is_compared() -> None:
    other = COMPARE[:6].copy()
    expected = zmap(SCORES, other)
    np.testing.assert_array_equal(zmap(SCORES, other, out=other), expected)


def test_a_warning_that_is_an_error_has_changed_nothing() -> None:
    x = np.array([1.0, 2.0, 0.0])
    before = x.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for call in (
            lambda: zmap(x, np.ones(3), out=x),
            lambda: gzscore(x, out=x),
            lambda: gzscore(np.full(3, 7.0), out=x),
        ):
            with pytest.raises(RuntimeWarning):
                call()
            np.testing.assert_array_equal(x, before)


BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"compare": [1j, 2]}, TypeError, "compare: expected a float dtype"),
    ({"scores": ["a"]}, TypeError, "scores: expected a float dtype"),
    ({"compare": 3.0}, ValueError, "compare: expected at least 1 dimensions"),
    ({"compare": np.ones((9, 4))}, ValueError, "scores: expected a shape that broadcasts"),
    ({"axis": 2}, ValueError, "axis: expected axes of a 2-dimensional array, got 2"),
    ({"ddof": "1"}, TypeError, "ddof: expected a number"),
    ({"ddof": np.inf}, ValueError, "ddof: expected a finite number"),
    ({"nan_policy": "drop"}, ValueError, "nan_policy: expected"),
    ({"out": np.zeros((4, 2))}, ValueError, r"out: expected shape \(6, 5\)"),
    ({"out": np.zeros((6, 5), np.float32)}, TypeError, "out: expected dtype float64"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), BAD)
def test_refused(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        zmap(**{"scores": SCORES, "compare": COMPARE, **arguments})
    arguments = {k.replace("scores", "a"): v for k, v in arguments.items() if k != "compare"}
    if arguments:
        with pytest.raises(error, match=message.replace("scores", "a")):
            gzscore(**{"a": np.abs(SCORES), **arguments})


def test_sparse_is_refused() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    x = sparse.random(6, 3, 0.5, random_state=0, format="csr")
    for call in (lambda: zmap(x, SCORES), lambda: zmap(SCORES, x), lambda: gzscore(x)):
        with pytest.raises(TypeError, match="expected a dense array, got a sparse one"):
            call()


@pytest.mark.parametrize("function", [zmap, gzscore])
def test_documented_with_their_signature(function: Callable[..., Any]) -> None:
    doc = inspect.getdoc(function) or ""
    for part in ("Parameters", "Returns", "Raises", "Warns", "References", "Examples", ".. math::"):
        assert part in doc
    ours = inspect.signature(function).parameters
    assert all(argument in doc for argument in ours)
    theirs = inspect.signature(getattr(pytest.importorskip("scipy.stats"), function.__name__)).parameters
    assert [(p.name, p.kind, p.default) for p in theirs.values()] == [
        (p.name, p.kind, p.default) for p in ours.values() if p.name != "out"
    ]
    assert ours["out"].kind is inspect.Parameter.KEYWORD_ONLY
