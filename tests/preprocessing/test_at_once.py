"""Tables scaled at once, by ends or by moments: the bits of the careful steps, and when they are taken."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from operations import LAYOUTS
from reference import DTYPES, Array
from strategies import fill
from sweep import sweep

import cnorm
import cnorm.functional as F
import cnorm.preprocessing as P
from cnorm._native import norms, scores, tables

SHOWN = np.arange(120).reshape(4, 5, 3, 2) % 7 > 1
PARAMETERS = np.linspace(0, 1, 3, dtype=np.float32)[:, None], np.linspace(1, 2, 2)
CALLS: dict[str, Callable[..., Any]] = {
    "minmax_scale": lambda x, axis, out: P.minmax_scale(x, axis=axis, out=out),
    "minmax_scale to 7": lambda x, axis, out: P.minmax_scale(x, (-3, 7.1), axis=axis, out=out),
    "maxabs_scale": lambda x, axis, out: P.maxabs_scale(x, axis=axis, out=out),
    "normalize max": lambda x, axis, out: P.normalize(x, "max", axis=axis, out=out),
    "normalize l1": lambda x, axis, out: P.normalize(x, "l1", axis=axis, out=out),
    "normalize l2": lambda x, axis, out: P.normalize(x, axis=axis, out=out),
    "normalize": lambda x, axis, out: F.normalize(x, 2, axis, 1.0, out),
    "normalize by 3": lambda x, axis, out: F.normalize(x, 3.0, axis=axis, out=out),
    "normalize by all": lambda x, axis, out: F.normalize(x, np.inf, axis, 0.0, out),
    "scale": lambda x, axis, out: P.scale(x, axis, out=out),
    "scale without deviations": lambda x, axis, out: P.scale(x, axis, with_std=False, out=out),
    "zmap": lambda x, axis, out: P.zmap(x, x[::-1] + 1, axis, out=out),
    "zmap by more": lambda x, axis, out: P.zmap(x, np.concatenate([x, x[:2] + 1]), axis, out=out),
    "zscore": lambda x, axis, out: P.zscore(x, axis, out=out),
    "zscore of samples": lambda x, axis, out: P.zscore(x, axis, 1, out=out),
    "zscore without NaN": lambda x, axis, out: P.zscore(x, axis, nan_policy="omit", out=out),
    "zscore of all": lambda x, axis, out: P.zscore(x, axis, 0.0, "raise", out=out),
    "zscore of some": lambda x, axis, out: P.zscore(x, axis, where=SHOWN, out=out),
    "gzscore": lambda x, axis, out: P.gzscore(np.abs(x).astype(x.dtype), axis=axis, out=out),
    "standardize": lambda x, axis, out: cnorm.standardize(x, axis, out=out),
    "standardize some": lambda x, axis, out: cnorm.standardize(x, axis, where=SHOWN, eps=1, out=out),
    "standardize to": lambda x, axis, out: cnorm.standardize(x, axis, *PARAMETERS, eps_mode="max", out=out),
    "standardize to all": lambda x, axis, out: cnorm.standardize(x, axis, x + 1, x - 1, out=out),
}
# Those whose results, columns or groups need care here.
CAREFUL = {"zmap by more", "zscore of samples", "minmax_scale to 7", "zscore of some", "standardize some"}
CAREFUL |= {"standardize to", "standardize to all"}
HOLES = {
    "none": [],
    "nan": [np.nan],
    "infinite": [np.inf],
    "huge": [3e4],
    "tiny": [1e-4],
    "both": [np.nan, -np.inf],
}


def shy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is done at once."""
    for name in ("by_ends", "by_moments"):
        monkeypatch.setattr(tables, name, lambda *_: None)
    for name in ("scores_at_once", "log_scores_at_once"):
        monkeypatch.setattr(scores, name, lambda *_: None)
    for name in ("normalize_at_once", "standardize_at_once"):
        monkeypatch.setattr(norms, name, lambda *_: None)
    monkeypatch.setattr("cnorm.preprocessing._normalize.at_once", lambda *_: None)


def outcome(call: Callable[..., Any], x: Array, axis: Any, out: Array | None) -> Any:
    """Bits and strides of a result, or what was raised; what was warned of; whether x stands."""
    before = x.tobytes()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            y = call(x, axis, out)
        except ValueError as error:
            return str(error), x.tobytes() == before
    said = [str(w.message) for w in told]
    return y.dtype, y.shape, y.strides, y.tobytes(), said, out is None or y is out, x.tobytes() == before


@pytest.mark.parametrize("name", CALLS)
@sweep(
    dtype=DTYPES,
    layout=LAYOUTS,
    axis=[0, 1, -1, None, (0, 2)],
    holes=HOLES,
    out=[None, "new", "input", "other layout"],
    constant=[True, False],
)
def test_bits(
    name: str,
    dtype: np.dtype[Any],
    layout: str,
    axis: Any,
    holes: str,
    out: str | None,
    constant: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    results = []
    for patch in (lambda _: None, shy):
        patch(monkeypatch)
        values = fill((4, 5, 3, 2), dtype, 3)
        for i, value in enumerate(HOLES[holes]):
            values[1, 2, i, 1] = value
        if constant:
            values[:, 3] = 2
        x = LAYOUTS[layout](values)
        target = {
            None: None,
            "new": np.empty_like(x),
            "input": x,
            "other layout": np.empty(x.shape, x.dtype),
        }[out]
        results.append(outcome(CALLS[name], x, axis, target))
    monkeypatch.undo()
    assert results[0] == results[1]


@pytest.mark.parametrize("name", sorted(CALLS.keys() - CAREFUL))
@sweep(dtype=DTYPES, out=[None, "new", "input"], axis=[0, 1])
def test_what_is_plain_is_done_at_once(
    name: str, dtype: np.dtype[Any], out: str | None, axis: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of what the careful steps begin with is asked for."""
    for module in ("_functions", "_normalize", "_zmap", "_zscore"):
        monkeypatch.setattr(f"cnorm.preprocessing.{module}.Output", None)
    for module in ("_stats.moments", "_norms.lp"):
        monkeypatch.setattr(f"cnorm.{module}.Output", None)
    x = fill((4, 16), dtype, 1)
    y = CALLS[name](x, axis, {None: None, "new": np.empty_like(x), "input": x}[out])
    assert np.isfinite(y.astype(np.float64)).all()
    monkeypatch.undo()


@pytest.mark.parametrize(
    "target", [(1, 0), (0, 0), (0, np.nan), (0, np.inf), (0,), (0, 1, 2), "01", (-1e308, 1e308), (0, "b")]
)
def test_ranges_are_refused(target: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="range"):
        P.minmax_scale(fill((4, 3), np.dtype(np.float32), 0), target)


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
@sweep(dtype=DTYPES, layout=["C", "F", "rows apart", "none"], hole=[None, np.nan, np.inf, 0])
def test_normalizer(norm: str, dtype: np.dtype[Any], layout: str, hole: float | None) -> None:
    """The short way of transform has the bits of scikit-learn's, and its errors."""
    x = fill((6, 5), dtype, 4)
    fitted = P.Normalizer(norm).fit(x)
    if hole is not None:
        x[2] = hole
    x = {"C": x, "F": np.asfortranarray(x), "rows apart": x[::2], "none": x[:0]}[layout]
    results = []
    for transform in (fitted.transform, lambda x: fitted.transform(x, True)):
        try:
            y = transform(x)
            results.append((y.dtype, y.strides, y.tobytes()))
        except ValueError as error:
            results.append((str(error),))
    assert results[0] == results[1]


def test_normalizer_asks_where_it_must() -> None:
    x = fill((6, 5), np.dtype(np.float32), 4)
    fitted = P.Normalizer().fit(x)
    with pytest.raises(ValueError, match="features"):
        fitted.transform(x[:, :4])
    with pytest.raises(ValueError, match="norm"):
        P.Normalizer().fit(x).set_params(norm="l3").transform(x)
    y = P.Normalizer(copy=False).fit(x).transform(x)
    assert y is x
