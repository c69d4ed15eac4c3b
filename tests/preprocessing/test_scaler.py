"""What the scalers share: input of every kind, memory, the way of one row, life without scikit-learn."""

from __future__ import annotations

import inspect
import pickle
import pickletools
import subprocess
import sys
import threading
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from memory import peak_of
from reference import DTYPES
from strategies import fill
from sweep import sweep

import cnorm
from cnorm.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

F64 = np.dtype(np.float64)
SCALERS = [StandardScaler, MinMaxScaler, MaxAbsScaler]
by_scaler = pytest.mark.parametrize("scaler", SCALERS)
X = np.arange(12.0).reshape(4, 3) ** 2


@by_scaler
def test_constructor_is_theirs_and_axis(scaler: Any) -> None:
    sklearn = pytest.importorskip("sklearn.preprocessing")
    theirs = inspect.signature(getattr(sklearn, scaler.__name__)).parameters
    ours = inspect.signature(scaler).parameters
    assert [(p.name, p.kind, p.default) for p in theirs.values()] == [
        (p.name, p.kind, p.default) for p in ours.values() if p.name != "axis"
    ]
    assert ours["axis"].kind is inspect.Parameter.KEYWORD_ONLY
    assert repr(scaler()) == f"{scaler.__name__}()"
    assert repr(scaler(axis=1)) == f"{scaler.__name__}(axis=1)"
    for name in ("fit", "partial_fit", "transform", "inverse_transform"):
        original = inspect.signature(getattr(getattr(sklearn, scaler.__name__), name))
        assert list(inspect.signature(getattr(scaler, name)).parameters) == list(original.parameters)


@by_scaler
@pytest.mark.parametrize(
    "name", [None, "fit", "partial_fit", "transform", "inverse_transform", "fit_transform"]
)
def test_documented(scaler: Any, name: str | None) -> None:
    documented = scaler if name is None else getattr(scaler, name)
    doc = inspect.getdoc(documented) or ""
    for argument in inspect.signature(documented).parameters:
        assert argument in ("self", "fit_params") or argument in doc
    assert "Parameters" in doc


@by_scaler
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 3])
def test_one_row_is_a_row_of_many(scaler: Any, dtype: Any, n: int) -> None:
    """The short way gives the bits of the careful one, whatever the row's layout."""
    x = fill((200, 20), np.dtype(dtype), 1)
    fitted = scaler().fit(x)
    many = fitted.transform(x)
    assert x.dtype in fitted._ready.short[0]
    for i in range(0, 200, 7):
        np.testing.assert_array_equal(fitted.transform(x[i : i + n]), many[i : i + n])
    np.testing.assert_array_equal(fitted.transform(np.asfortranarray(x)[:n]), many[:n])
    row = x[:1]
    result = fitted.transform(row)
    assert result.flags.owndata
    assert not np.may_share_memory(result, row)


@by_scaler
@sweep(dtype=DTYPES, n=[1, 5, 2000])
def test_infinity_is_refused(scaler: Any, dtype: np.dtype[Any], n: int) -> None:
    x = fill((n, 20), dtype, 2)
    fitted = scaler().fit(x)
    x[-1, 3] = np.nan
    assert np.isnan(fitted.transform(x)[-1, 3])
    for bad in ([np.inf], [-np.inf], [np.inf, -np.inf]):
        x[-1, : len(bad)] = bad
        for method in (fitted.transform, fitted.inverse_transform, scaler().fit, scaler().fit_transform):
            with pytest.raises(ValueError, match="Input X contains infinity or a value too large for dtype"):
                method(x)


@by_scaler
def test_one_row_of_the_largest_floats(scaler: Any) -> None:
    """Sums that overflow are not infinity; nothing warns."""
    for dtype in (np.float32, np.float64):
        x = np.full((1, 20), np.finfo(dtype).max, dtype)
        fitted = scaler().fit(np.concatenate([x, x * dtype(0.5)]))
        assert np.isfinite(fitted.transform(x)).all()
        fitted = scaler().fit(fill((50, 20), np.dtype(dtype), 3))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fitted.transform(x * dtype(0.01))


@pytest.mark.thorough
@by_scaler
@pytest.mark.parametrize("nan", [False, True])
@pytest.mark.parametrize("layout", ["C", "F", "gaps"])
def test_memory(scaler: Any, nan: bool, layout: str) -> None:
    """fit: 1 % of the data; fit_transform: 1 % beside the result."""
    x = fill((600_000, 20), np.dtype(np.float32), 4)
    x = {"C": x, "F": np.asfortranarray(x), "gaps": np.repeat(x, 2, 1)[:, ::2]}[layout]
    if nan:
        x[::1000, 3] = np.nan
    for method, allowed in (
        ("fit", 0.01),
        ("partial_fit", 0.01),
        ("fit_transform", 1.01),
        ("transform", 1.01),
    ):
        fitted = scaler().fit(x[:100])
        assert peak_of(partial(getattr(fitted, method), x)) <= allowed * x.nbytes, method


@by_scaler
def test_in_place(scaler: Any) -> None:
    x = fill((100, 4), F64, 5)
    expected = scaler().fit_transform(x)
    once = x.copy()
    assert scaler(copy=False).fit_transform(once) is once
    np.testing.assert_array_equal(once, expected)
    again = x.copy()
    fitted = scaler(copy=False).fit(x)
    assert fitted.transform(again[:1]).base is again
    fixed = x.copy()
    fixed.flags.writeable = False
    np.testing.assert_array_equal(fitted.transform(fixed), expected)
    np.testing.assert_array_equal(fixed, x)


@by_scaler
def test_input_of_every_kind(scaler: Any, tmp_path: Path) -> None:
    x = fill((30, 4), np.dtype(np.float32), 6)
    expected = scaler().fit_transform(x)
    file = np.memmap(tmp_path / "x", np.float32, "w+", shape=x.shape)
    file[...] = x
    odd = np.frombuffer(b"x" + x.tobytes(), np.uint8)[1:].view(np.uint8)
    misaligned = np.ndarray(x.shape, np.float32, odd.base if odd.base is not None else odd, 1)
    for same in (file, x.astype(">f4"), x[::-1][::-1], misaligned, np.ma.array(x)):
        y = scaler().fit_transform(same)
        np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-6)
    for kind in (np.int32, np.uint8, np.bool_, np.longdouble):
        whole = (x > 0).astype(kind)
        y = scaler().fit_transform(whole)
        assert y.dtype == np.float64
        np.testing.assert_array_equal(y, scaler().fit_transform(whole.astype(float)))
    np.testing.assert_allclose(scaler().fit_transform(x.tolist()), expected, rtol=1e-5, atol=1e-6)


@by_scaler
def test_torch_tensors(scaler: Any) -> None:
    torch = pytest.importorskip("torch")
    x = fill((30, 4), np.dtype(np.float32), 7)
    y = scaler().fit_transform(torch.from_numpy(x))
    assert type(y) is np.ndarray
    np.testing.assert_array_equal(y, scaler().fit_transform(x))


@by_scaler
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_containers(scaler: Any, library: str) -> None:
    """Set before or after fit, for one row as for many."""
    module = pytest.importorskip(library)
    pytest.importorskip("sklearn")
    x = fill((30, 3), F64, 8)
    expected = scaler().fit_transform(x)
    fitted = scaler().fit(x)
    fitted.transform(x[:1])
    fitted.set_output(transform=library)
    assert isinstance(fitted.transform(x[:1]), module.DataFrame)
    frame = (
        scaler()
        .set_output(transform=library)
        .fit_transform(
            module.DataFrame(x, list("abc"))
            if library == "polars"
            else module.DataFrame(x, columns=list("abc"))
        )
    )
    assert isinstance(frame, module.DataFrame)
    assert list(frame.columns) == ["a", "b", "c"]
    np.testing.assert_allclose(frame.to_numpy(), expected, rtol=1e-14)


@by_scaler
def test_global_output(scaler: Any) -> None:
    pandas = pytest.importorskip("pandas")
    sklearn = pytest.importorskip("sklearn")
    fitted = scaler().fit(X)
    fitted.transform(X[:1])
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(fitted.transform(X[:1]), pandas.DataFrame)
    assert type(fitted.transform(X[:1])) is np.ndarray


@by_scaler
def test_feature_names(scaler: Any) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("sklearn")
    frame = pandas.DataFrame(X, columns=list("abc"))
    fitted = scaler().fit(frame)
    assert list(fitted.feature_names_in_) == ["a", "b", "c"]
    assert list(fitted.get_feature_names_out()) == ["a", "b", "c"]
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        fitted.transform(X[:1])
    fitted.fit(X)
    assert not hasattr(fitted, "feature_names_in_")


@by_scaler
def test_inside_a_pipeline(scaler: Any) -> None:
    pytest.importorskip("sklearn")
    from sklearn.base import clone
    from sklearn.pipeline import make_pipeline

    pipe = make_pipeline(scaler(axis=0), scaler())
    assert pipe.fit_transform(X).shape == X.shape
    twin = clone(scaler(copy=False))
    assert twin.get_params()["copy"] is False
    assert not hasattr(twin, "n_samples_seen_")


@by_scaler
def test_threads_share_a_fitted_scaler(scaler: Any) -> None:
    x = fill((50, 20), F64, 9)
    fitted = scaler().fit(x)
    expected = fitted.transform(x)
    wrong: list[int] = []

    def work() -> None:
        for i in range(300):
            if not np.array_equal(fitted.transform(x[i % 50 : i % 50 + 1]), expected[i % 50 : i % 50 + 1]):
                wrong.append(i)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []


@by_scaler
def test_thread_count_does_not_matter(scaler: Any) -> None:
    x = fill((50_000, 20), np.dtype(np.float32), 10)
    with cnorm.threads(1):
        one = scaler().fit_transform(x)
    with cnorm.threads(4):
        np.testing.assert_array_equal(scaler().fit_transform(x), one)


@by_scaler
def test_subclass_with_its_own_transform(scaler: Any) -> None:
    class Twice(scaler):  # type: ignore[misc]
        def transform(self, X: Any, copy: Any = None) -> Any:
            return 2 * super().transform(X)

    np.testing.assert_array_equal(Twice().fit_transform(X), 2 * scaler().fit_transform(X))
    np.testing.assert_array_equal(Twice().fit(X).transform(X[:1]), 2 * scaler().fit(X).transform(X[:1]))


def bad_calls(scaler: Any) -> list[tuple[Any, tuple[type[Exception], ...], str]]:
    value, both = (ValueError,), (TypeError, ValueError)
    fitted = scaler().fit(X)
    return [
        (lambda: scaler().fit(X[0]), value, "Expected 2D array, got 1D array instead"),
        (lambda: fitted.transform(X[0]), value, "Expected 2D array"),
        (lambda: fitted.inverse_transform(X[0]), value, "Expected 2D array"),
        (
            lambda: fitted.transform(X[:, :2]),
            value,
            f"X has 2 features, but {scaler.__name__} is expecting 3",
        ),
        (lambda: fitted.partial_fit(X[:, :2]), value, "X has 2 features"),
        (lambda: fitted.inverse_transform(X[:, :2]), value, r"X: expected sizes \(3,\)"),
        (lambda: scaler().fit(X[:0]), value, "Found array with 0 sample"),
        (lambda: scaler().fit(X[:, :0]), value, "Found array with 0 feature"),
        (lambda: fitted.transform(X[:0]), value, "Found array with 0 sample"),
        (lambda: scaler().transform(X), value, "not fitted yet"),
        (lambda: scaler().inverse_transform(X), value, "not fitted yet"),
        (lambda: scaler().fit(X * 1j), value, "Complex data not supported"),
        (lambda: scaler().fit([["a", "b"]]), both, "could not convert"),
        (lambda: scaler(axis=5).fit(X), value, "axis: expected axes of a 2-dimensional array, got 5"),
        (lambda: scaler(axis="0").fit(X), both, "axis"),
        (lambda: scaler(copy="yes").fit(X), both, "copy"),
        (lambda: scaler().set_params(depth=3), value, "Invalid parameter 'depth'"),
    ]


@by_scaler
@pytest.mark.parametrize("case", range(17))
def test_bad_input(scaler: Any, case: int) -> None:
    call, errors, message = bad_calls(scaler)[case]
    with pytest.raises(errors, match=message):
        call()


def test_bad_weights() -> None:
    for weights, message in (
        ([1.0, 2.0], "sample_weight"),
        ([1, 2, 3, -1], "sample_weight"),
        ([1, 2, 3, np.nan], "sample_weight"),
        (np.ones((4, 1)), "1D array or scalar"),
    ):
        with pytest.raises(ValueError, match=message):
            StandardScaler().fit(X, sample_weight=weights)


def test_bad_ranges() -> None:
    with pytest.raises(ValueError, match="Minimum of desired feature range must be smaller than maximum"):
        MinMaxScaler(feature_range=(2, 1)).fit(X)
    with pytest.raises((TypeError, ValueError), match="feature_range"):
        MinMaxScaler(feature_range=[0, 1]).fit(X)  # type: ignore[arg-type]


WITHOUT = """
import sys
sys.modules["sklearn"] = None
import pytest
import cnorm.preprocessing._alone
from cnorm.preprocessing import StandardScaler
assert issubclass(StandardScaler, cnorm.preprocessing._alone.Estimator)
sys.exit(pytest.main(sys.argv[1:]))
"""
WITHOUT_FILES = ("standard", "minmax", "maxabs", "normalize", "zmap", "functions", "scaler")


@pytest.mark.thorough
@pytest.mark.skipif(sys.modules.get("sklearn", "") is None, reason="runs itself otherwise")
def test_without_scikit_learn() -> None:
    """The tests of dense arrays pass where scikit-learn cannot be imported."""
    here = Path(__file__).parent
    files = [str(here / f"test_{name}.py") for name in WITHOUT_FILES]
    command = [sys.executable, "-c", WITHOUT, *files, "-x", "-p", "no:cacheprovider"]
    run = subprocess.run(command, cwd=here.parent.parent, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-2000:]


@pytest.mark.thorough
def test_import_is_light() -> None:
    """cnorm, its functions and nothing of scikit-learn; the estimators on first use."""
    code = """
import sys, cnorm
from cnorm.preprocessing import zscore
zscore([1.0, 2.0])
assert not {"sklearn", "scipy", "pandas", "torch"} & sys.modules.keys()
assert "StandardScaler" in dir(cnorm.preprocessing)
assert cnorm.preprocessing.StandardScaler().fit([[1.0], [3.0]]).mean_ == 2
try:
    cnorm.preprocessing.RobustScaler
except AttributeError as error:
    assert "RobustScaler" in str(error)
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent.parent.parent)


@by_scaler
@pytest.mark.parametrize("shape", [(1, 0, 0), (2, 0, 3), (2, 3, 0)], ids=str)
@pytest.mark.parametrize("axis", [0, (0, 1)], ids=str)
def test_no_values(scaler: Any, shape: tuple[int, ...], axis: Any) -> None:
    """Of more dimensions than scikit-learn knows, too."""
    with pytest.raises(ValueError, match=r"X: |0 feature\(s\)"):
        scaler(axis=axis).fit(np.zeros(shape, np.float32))


@by_scaler
@pytest.mark.parametrize(
    "bad",
    [np.ones((3, 5)), np.full((3, 2), np.inf), np.array([["a", "b"]]), np.ones((0, 2)), [[1.0], [1, 2]]],
)
@sweep(step=["fit", "partial_fit", "transform", "inverse_transform", "fit_transform"])
def test_an_error_leaves_a_scaler_as_it_was(scaler: Any, bad: Any, step: str) -> None:
    x = fill((20, 2), np.dtype(np.float64), 1)
    fitted = scaler().fit(x)
    before = pickle.dumps(fitted)
    expected = fitted.transform(x)
    if step.startswith("fit") and isinstance(bad, np.ndarray) and bad.shape == (3, 5):
        bad = np.full((3, 5), np.inf)  # a fit takes any number of features
    with pytest.raises((TypeError, ValueError)):
        getattr(fitted, step)(bad)
    assert pickle.dumps(fitted) == before
    assert np.array_equal(fitted.transform(x), expected)
    if step in ("fit", "partial_fit"):
        fresh = scaler()
        with pytest.raises((TypeError, ValueError)):
            fresh.fit(np.full((3, 2), np.inf))
        assert fresh.__dict__ == scaler().__dict__


@pytest.mark.parametrize("step", ["fit", "partial_fit"])
def test_refused_weights_leave_a_scaler_as_it_was(step: str) -> None:
    """They are found after scikit-learn has noted the number of features and their names."""
    fresh = StandardScaler()
    for weights in ([1.0, 2.0], [1, 2, 3, -1], np.ones((4, 1))):
        with pytest.raises(ValueError, match=r"sample_weight|1D array"):
            getattr(fresh, step)(X, sample_weight=weights)
        assert fresh.__dict__ == StandardScaler().__dict__
    fitted = StandardScaler().fit(X)
    before = pickle.dumps(fitted)
    fitted.with_mean = "no"
    with pytest.raises(ValueError, match=r"with_mean|features"):
        getattr(fitted, step)(X[:, :2])
    fitted.with_mean = True
    assert pickle.dumps(fitted) == before


@by_scaler
def test_in_place_and_refused(scaler: Any) -> None:
    """copy=False: an error, or a warning that is one, comes before the first element is written."""
    x = fill((20, 3), F64, 1)
    fitted = scaler(copy=False).fit(x)
    y = x.copy()
    y[7, 1] = np.inf
    before = y.copy()
    for method in (fitted.transform, fitted.inverse_transform, fitted.fit_transform):
        with pytest.raises(ValueError, match="infinity"):
            method(y)
        np.testing.assert_array_equal(y, before)
    fitted.scale_ = np.array([1.0, 0.0, 1e-320])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted.transform(x.copy())
        fitted.inverse_transform(x.copy())


@by_scaler
def test_a_pickled_scaler_is_data(scaler: Any) -> None:
    """The class, arrays and numbers: nothing else is named, so nothing else can run."""
    stored = pickle.dumps(scaler().fit(fill((20, 2), np.dtype(np.float64), 1)), protocol=2)
    named = {arg.split(" ")[0] for op, arg, _ in pickletools.genops(stored) if op.name == "GLOBAL"}
    assert {name.split(".")[0] for name in named} <= {"cnorm", "numpy", "copy_reg", "copyreg", "_codecs"}
