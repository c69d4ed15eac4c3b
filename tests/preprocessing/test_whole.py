"""Tables of integers and booleans: scalers make of them, short or with care, what they make of float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sweep import sweep

from cnorm import RunningMoments
from cnorm.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

KINDS = ("int8", "uint8", "int16", "uint32", "int64", "uint64", "bool")
LAYOUTS: dict[str, Any] = {
    "plain": lambda x: x,
    "fortran": np.asfortranarray,
    "every second": lambda x: np.repeat(x, 2, 1)[:, ::2],
    "backwards": lambda x: x[::-1],
    "parts": lambda x: np.tile(x, (1200, 1)),
}
SCALERS = (StandardScaler, MinMaxScaler, MaxAbsScaler)


def table(kind: str, layout: str) -> Any:
    """Columns of any numbers of the kind, one of equal ones; of 64 bits more than float64 tells apart."""
    r = np.random.default_rng(len(kind))
    info = (0, 2) if kind == "bool" else (np.iinfo(kind).min // 2, np.iinfo(kind).max)
    x = r.integers(*info, (40, 4), np.int64 if kind == "bool" else kind).astype(kind)
    x[:, 2] = x[0, 2] or 1
    return LAYOUTS[layout](x)


def same(a: Any, b: Any) -> None:
    assert (type(a), a.dtype, a.shape) == (type(b), b.dtype, b.shape)
    assert a.strides == b.strides or a.size == 1
    assert a.tobytes() == b.tobytes()


def fitted(scaler: Any) -> dict[str, Any]:
    """The public attributes."""
    return {k: np.asarray(v) for k, v in vars(scaler).items() if k.endswith("_") and v is not None}


def same_scaler(a: Any, b: Any) -> None:
    assert fitted(a).keys() == fitted(b).keys()
    for name, value in fitted(a).items():
        same(value, fitted(b)[name])


@pytest.mark.parametrize("scaler", SCALERS)
@sweep(kind=KINDS, layout=LAYOUTS)
def test_as_float64(scaler: Any, kind: str, layout: str) -> None:
    x = table(kind, layout)
    kept, wide = x.copy(), x.astype(np.float64)
    ours, theirs = scaler().fit(x), scaler().fit(wide)
    same_scaler(ours, theirs)
    same(ours.transform(wide), theirs.transform(wide))  # what maps there are is known from here on
    same(ours.transform(x), theirs.transform(wide))
    same(ours.inverse_transform(x), theirs.inverse_transform(wide))
    same(scaler().fit_transform(x), scaler().fit_transform(wide))
    same_scaler(ours.partial_fit(x[:7]), theirs.partial_fit(wide[:7]))
    assert np.array_equal(x, kept)


@pytest.mark.parametrize("scaler", SCALERS)
@sweep(kind=KINDS, layout=LAYOUTS)
def test_both_ways(scaler: Any, kind: str, layout: str) -> None:
    """The short and the careful one."""
    x = table(kind, layout)
    short, slow = scaler().fit(x), scaler()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scaler, "_fit_at_once", lambda *_, **__: False)
        slow.fit(x)
        patch.setattr(scaler, "_at_once", lambda *_: None)
        made = slow.transform(x), slow.inverse_transform(x), scaler().fit_transform(x)
    for name, value in fitted(short).items():
        np.testing.assert_allclose(value, fitted(slow)[name], rtol=1e-15)
    short.transform(x.astype(np.float64))
    for quick, careful in zip(
        (short.transform(x), short.inverse_transform(x), scaler().fit_transform(x)), made, strict=True
    ):
        same(quick, careful)


@sweep(kind=KINDS, weights=("float64", "float32", "int64"))
def test_weights(kind: str, weights: str) -> None:
    x, w = table(kind, "plain"), (np.arange(40) % 5).astype(weights)
    same_scaler(
        StandardScaler().fit(x, sample_weight=w), StandardScaler().fit(x.astype(np.float64), sample_weight=w)
    )


@sweep(kind=KINDS, layout=LAYOUTS)
def test_streams(kind: str, layout: str) -> None:
    x, wide = table(kind, layout), LAYOUTS[layout](table(kind, "plain").astype(np.float64))
    ours, theirs = RunningMoments(4).update(x), RunningMoments(4).update(wide)
    same(ours.mean, theirs.mean)
    same(ours.var(), theirs.var())


def test_it_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked of scikit-learn."""
    x = table("int16", "plain")
    for scaler in SCALERS:
        fit = scaler().fit(x.astype(np.float64))
        fit.transform(x.astype(np.float64)), fit.inverse_transform(x.astype(np.float64))
        monkeypatch.setattr(scaler, "_take", None)
        assert scaler().fit(x).n_features_in_ == 4
        assert fit.transform(x).shape == fit.inverse_transform(x).shape == scaler().fit_transform(x).shape


def test_what_does_not_fit_is_refused_as_ever() -> None:
    x = table("int16", "plain")
    for scaler in SCALERS:
        fit = scaler().fit(x)
        for bad in (x[:, :3], x[0], x[:0]):
            with pytest.raises(ValueError):
                fit.transform(bad)
        before = fitted(fit)
        with pytest.raises(ValueError):
            fit.fit(x[:0])
        assert all(
            value is fitted(fit)[name] or np.array_equal(value, fitted(fit)[name])
            for name, value in before.items()
        )
