"""Short ways of the scalers: the bits of the careful ones, and every check that matters is still made."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from strategies import fill
from sweep import sweep

from cnorm.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, StandardScaler
from cnorm.preprocessing import _scaler as scalers

SCALERS = [StandardScaler, MinMaxScaler, MaxAbsScaler]
WAYS = ["transform", "inverse_transform"]
by_scaler = pytest.mark.parametrize("scaler", SCALERS)
by_way = pytest.mark.parametrize("way", WAYS)


def careful(fitted: Any, way: str, x: Any) -> Any:
    """Without a short way."""
    return getattr(type(fitted), way).careful(fitted, x)


@by_scaler
@by_way
@sweep(
    dtype=[np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.float16)],
    layout=["C", "F", "rows apart", "one row", "large"],
    constant=[False, True],
)
def test_bits(scaler: Any, way: str, dtype: np.dtype[Any], layout: str, constant: bool) -> None:
    x = fill((300 if layout == "large" else 40, 70), dtype, 1)
    if constant:
        x[:, 3] = 2
    fitted = scaler().fit(x)
    x = {
        "C": x,
        "F": np.asfortranarray(x),
        "rows apart": x[::2],
        "one row": x[:1],
        "large": x,
    }[layout]
    expected = careful(fitted, way, x)
    i = WAYS.index(way)
    assert (dtype in fitted._ready.short[i]) == fitted._ready.maps[i][dtype].direct
    for _ in range(2):
        y = getattr(fitted, way)(x)
        assert y.tobytes() == expected.tobytes()
        assert y.strides == expected.strides
        assert not np.may_share_memory(x, y)


def fitted_as(scaler: Any) -> dict[str, Any]:
    """Every attribute but maps, to the bit."""
    return {
        name: (value.dtype, value.shape, value.tobytes())
        if isinstance(value, np.ndarray)
        else (type(value), value)
        for name, value in sorted(vars(scaler).items())
        if name != "_ready"
    }


HOLES = {
    "none": [],
    "nan": [np.nan],
    "infinite": [np.inf],
    "huge": [3e4],
    "zeros": [0.0, -0.0],
    "both": [np.nan, -np.inf],
}
MADE = [
    (StandardScaler, {}),
    (StandardScaler, {"with_mean": False}),
    (StandardScaler, {"with_std": False}),
    (MinMaxScaler, {}),
    (MinMaxScaler, {"feature_range": (-1, 2.5)}),
    (MinMaxScaler, {"clip": True}),
    (MaxAbsScaler, {}),
    (Normalizer, {}),
    (Normalizer, {"norm": "max"}),
]


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize(("scaler", "parameters"), MADE)
@pytest.mark.parametrize("holes", HOLES)
@sweep(
    dtype=[np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.float16)],
    second=[np.dtype(np.float32), np.dtype(np.float64)],
    layout=["C", "F", "rows apart", "large"],
    constant=[None, 2, 0],
    named=[False, True],
)
def test_fits_have_the_bits_of_careful_ones(
    scaler: Any,
    parameters: dict[str, Any],
    holes: str,
    dtype: Any,
    second: Any,
    layout: str,
    constant: float | None,
    named: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After each batch, and after one that raised; what is scaled has the bits of transform."""
    results: list[list[Any]] = []
    for care in (False, True):
        if care:
            monkeypatch.setattr(scalers.Scaler, "_fit_at_once", lambda *_, **__: False)
        batches = []
        for kind in (dtype, second, dtype):
            x = fill((20 if layout != "large" else 1000, 70), kind, 1 + len(batches))
            if constant is not None:
                x[:, 3] = constant
            for i, value in enumerate(HOLES[holes]):
                x[i + 1, 2 * i] = value
            batches.append({"F": np.asfortranarray(x), "rows apart": x[::2]}.get(layout, x))
        one, found = scaler(**parameters), list[Any]()
        if named:
            one.feature_names_in_ = np.array(["a"] * 70, object)
        for x in batches:
            some = np.random.default_rng(3).integers(0, 4, len(x))
            for method, weights in (
                ("fit_transform", None),
                ("transform", None),
                ("partial_fit", None),
                ("fit", None),
                ("partial_fit", some / 3),
                ("partial_fit", None),
                ("fit", some.astype(np.float32)),
                ("partial_fit", some.astype(np.float16)),
                ("partial_fit", some * 0.0),
                ("fit", some - 1.0),
                ("fit", some[1:] * 1.0),
                ("fit", some * 2.0**-70),
            ):
                before = x.tobytes()
                given = {} if weights is None or scaler is not StandardScaler else {"sample_weight": weights}
                try:
                    y = getattr(one, method, one.fit)(x, **given)
                    found.append(y.tobytes() if isinstance(y, np.ndarray) else y is one)
                except ValueError as error:
                    found.append(str(error))
                assert x.tobytes() == before
                found.append(fitted_as(one))
        results.append(found)
    monkeypatch.undo()
    assert results[0] == results[1]


@by_scaler
def test_what_is_plain_is_fitted_at_once(scaler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    x = fill((20, 7), np.dtype(np.float32), 1)
    monkeypatch.setattr(scaler, "_take", None)
    one = scaler().fit(x)
    assert one.partial_fit(x.astype(np.float64)) is one
    assert one.n_samples_seen_ == 40
    assert one.fit_transform(x).tobytes() == one._scaled(x).tobytes()
    if scaler is StandardScaler:
        assert one.fit(x, None, np.ones(20, np.float32)).fit(x, sample_weight=np.arange(20.0)) is one
        assert one.partial_fit(x).n_samples_seen_ == 190 + 20
    else:
        for call in (lambda: one.fit(x, None, None), lambda: one.fit(x, sample_weight=None)):
            with pytest.raises(TypeError, match="argument"):
                call()
    with pytest.raises(TypeError, match="NoneType"):
        one.partial_fit(x[:, :3])
    one.scale_[0] *= 2
    with pytest.raises(TypeError, match="NoneType"):
        one.partial_fit(x)


@by_scaler
@by_way
def test_what_has_to_be_looked_at(scaler: Any, way: str) -> None:
    """A short way that was taken before is not taken for what needs care."""
    x = fill((20, 4), np.dtype(np.float64), 2)
    fitted = scaler().fit(x)
    method = getattr(fitted, way)
    method(x)
    with pytest.raises(ValueError, match="infinity"):
        method(np.where(x == x[3, 2], np.inf, x))
    assert np.isnan(method(np.where(x == x[3, 2], np.nan, x))).sum() == 1
    for shape in ((0, 4), (4,), (3, 5), (2, 2, 4)):
        with pytest.raises(ValueError, match=r"sample|1D|features|expected|dim"):
            method(np.ones(shape))
    assert (method(x.astype(">f8")) == method(x)).all()
    assert (method(x.tolist()) == method(x)).all()
    assert np.may_share_memory(getattr(scaler(copy=False).fit(x), way)(x), x)


@by_scaler
@by_way
def test_statistics_that_were_written_to(scaler: Any, way: str) -> None:
    x = fill((20, 4), np.dtype(np.float64), 3)
    fitted = scaler().fit(x)
    before = getattr(fitted, way)(x)
    fitted.scale_[:] *= 2
    after = getattr(fitted, way)(x)
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(after, careful(fitted, way, x))


def test_partial_fit_goes_on_from_what_is_there() -> None:
    """Statistics that someone has set count, those that fit made go on to the last digit."""
    x = fill((40, 4), np.dtype(np.float64), 4)
    apart = StandardScaler().fit(x[:20]).partial_fit(x[20:])
    careful_one = StandardScaler().fit(x[:20])
    careful_one._ready = None
    careful_one.partial_fit(x[20:])
    for name in ("mean_", "var_", "scale_"):
        np.testing.assert_array_equal(getattr(apart, name), getattr(careful_one, name))
    for change in ("mean_", "var_"):
        written = StandardScaler().fit(x[:20])
        getattr(written, change)[0] += 3
        thawed = pickle.loads(pickle.dumps(written))
        for one in (written, thawed):
            one.partial_fit(x[20:])
            assert abs(getattr(one, change)[0] - getattr(apart, change)[0]) > 1


@by_scaler
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_arguments_are_checked_after_good_ones_were(scaler: Any, method: str) -> None:
    x = np.ones((3, 2)) * [[1], [2], [4]]
    getattr(scaler(), method)(x)
    for bad in ({"copy": "no"}, {"axis": 0.5}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            getattr(scaler(**bad), method)(x)
    one = scaler()
    one.copy = "no"
    with pytest.raises(ValueError, match="copy"):
        getattr(one, method)(x)


@by_scaler
def test_a_derived_class_is_asked_by_scikit_learn(scaler: Any) -> None:
    asked = []

    class Own(scaler):  # type: ignore[misc]
        def _validate_params(self) -> None:
            asked.append(type(self))

    before = dict(scalers._valid)
    Own().fit(np.ones((3, 2)))
    assert Own in asked
    assert scalers._valid == before


def test_callbacks_are_told() -> None:
    pytest.importorskip("sklearn.callback")
    fitted = StandardScaler()
    assert not scalers.machinery.has_callbacks(fitted)
    fitted.__dict__["_skl_callbacks"] = []
    assert scalers.machinery.has_callbacks(fitted)
    assert fitted.fit(np.ones((3, 2))) is fitted


def test_columns_of_any_count_are_fitted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """NaN here and there, a column of nothing else, one of equal elements; then more of them."""
    x = fill((20, 70), np.dtype(np.float32), 1)
    x[3, ::5] = x[:, 7] = np.nan
    x[:, 11] = 4
    careful = StandardScaler()
    with monkeypatch.context() as patch:
        patch.setattr(scalers.Scaler, "_fit_at_once", lambda *_, **__: False)
        wanted = [careful.fit_transform(x).tobytes(), fitted_as(careful)]
        wanted += [fitted_as(careful.partial_fit(x[:9])), careful.transform(x).tobytes()]
    monkeypatch.setattr(StandardScaler, "_take", None)
    one = StandardScaler()
    assert [one.fit_transform(x).tobytes(), fitted_as(one)] == wanted[:2]
    assert fitted_as(one.partial_fit(x[:9])) == wanted[2]
    monkeypatch.undo()
    assert one.transform(x).tobytes() == wanted[3]
