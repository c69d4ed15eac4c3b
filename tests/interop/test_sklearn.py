"""Scalers among scikit-learn's tools and frames: the values scikit-learn's own scalers give there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cnorm.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, StandardScaler

sklearn = pytest.importorskip("sklearn")

from sklearn import preprocessing as theirs  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.model_selection import cross_val_predict  # noqa: E402
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline  # noqa: E402

rng = np.random.default_rng(0)
X = rng.normal(100, 5, (90, 4))
Y = X[:, 0] > 100
PAIRS = {
    ours.__name__: (ours, getattr(theirs, ours.__name__))
    for ours in (StandardScaler, MinMaxScaler, MaxAbsScaler, Normalizer)
}
by_scaler = pytest.mark.parametrize("ours_and_theirs", PAIRS.values(), ids=PAIRS)
FRAMES = ("pandas", "polars")


def frame(kind: str) -> Any:
    library = pytest.importorskip(kind)
    return library.DataFrame({name: X[:, i] for i, name in enumerate("abcd")})


@by_scaler
def test_pipelines_predict_the_same(ours_and_theirs: Any) -> None:
    predictions = [
        cross_val_predict(make_pipeline(scaler(), LogisticRegression()), X, Y, cv=3, method="predict_proba")
        for scaler in ours_and_theirs
    ]
    np.testing.assert_allclose(*predictions, rtol=1e-6)


@by_scaler
@pytest.mark.parametrize("kind", FRAMES)
def test_frames(ours_and_theirs: Any, kind: str) -> None:
    table = frame(kind)
    results = [s().set_output(transform=kind).fit(table).transform(table) for s in ours_and_theirs]
    assert type(results[0]) is type(results[1]) is type(table)
    assert list(results[0].columns) == list("abcd")
    np.testing.assert_allclose(results[0].to_numpy(), results[1].to_numpy(), atol=1e-12)


@pytest.mark.parametrize("kind", FRAMES)
def test_unions_name_their_features(kind: str) -> None:
    table = frame(kind)
    union = FeatureUnion([("z", StandardScaler()), ("r", MinMaxScaler())])
    made = Pipeline([("union", union)]).set_output(transform=kind).fit_transform(table)
    assert list(made.columns) == [f"{step}__{name}" for step in "zr" for name in "abcd"]


def test_frames_of_other_columns_are_refused() -> None:
    table = frame("pandas")
    scaler = StandardScaler().fit(table)
    with pytest.raises(ValueError, match="feature names"):
        scaler.transform(table[["b", "a", "c", "d"]])
