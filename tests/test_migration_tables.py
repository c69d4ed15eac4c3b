"""docs/migration.md: both sides of its tables; formulas stand in for libraries that are not installed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnorm
import cnorm.functional as F
import cnorm.preprocessing as P
import cnorm.stats as S

RNG = np.random.default_rng(0)
SERIES = RNG.normal(5, 2, (60, 4))
HOLES = np.where(RNG.random(SERIES.shape) < 0.2, np.nan, SERIES)
LABELS = RNG.integers(0, 5, 60)
IMAGES = RNG.normal(3, 2, (2, 5, 6, 8))  # channels last
GAMMA, BETA, MEAN, VAR = RNG.uniform(0.5, 1.5, (4, 8))
close = np.testing.assert_allclose


def test_numbagg() -> None:
    nb = pytest.importorskip("numbagg")
    close(S.nanmean(HOLES, 0), nb.nanmean(HOLES, axis=0))
    close(S.nanvar(HOLES, 0, ddof=1), nb.nanvar(HOLES, axis=0))
    close(S.nanstd(HOLES, 0, ddof=1), nb.nanstd(HOLES, axis=0))
    close(S.count(HOLES, 0), nb.nancount(HOLES, axis=0))
    line = SERIES[:, 0]
    close(S.move_mean(line, 7, 3), nb.move_mean(line, window=7, min_count=3))
    close(cnorm.ewm_moments(line, alpha=0.3)[0], nb.move_exp_nanmean(line, alpha=0.3))
    mean, var = cnorm.group_moments(HOLES[:, 0], LABELS, nan_policy="omit", correction=1)
    close(mean, nb.group_nanmean(HOLES[:, 0], LABELS))
    close(var, nb.group_nanvar(HOLES[:, 0], LABELS))


def test_pandas() -> None:
    pd = pytest.importorskip("pandas")
    frame, line = pd.DataFrame(SERIES), pd.Series(SERIES[:, 0])
    close(P.zscore(frame, ddof=1), (frame - frame.mean()) / frame.std())
    mean, var = cnorm.rolling_moments(SERIES[:, 0], 9, correction=1, min_count=4)
    close(mean, line.rolling(9, min_periods=4).mean())
    close(var, line.rolling(9, min_periods=4).var())
    window = line.rolling(9)
    close(
        cnorm.rolling_standardize(SERIES[:, 0], 9, eps=0),
        (line - window.mean()) / window.std(ddof=0),
        rtol=1e-9,
    )
    mean, var = cnorm.ewm_moments(SERIES[:, 0], halflife=5)
    close(mean, line.ewm(halflife=5).mean())
    close(var, line.ewm(halflife=5).var(bias=True), atol=1e-12)
    groups = frame.groupby(LABELS)
    mean, var = cnorm.group_moments(SERIES, LABELS, correction=1)
    close(mean, groups.mean())
    close(var, groups.var())


def test_xarray() -> None:
    xr = pytest.importorskip("xarray")
    array = xr.DataArray(HOLES, dims=("t", "x"))
    weights = xr.DataArray(RNG.uniform(1, 2, 60), dims="t")
    mean, var = cnorm.moments(HOLES, 0, weights=weights.to_numpy()[:, None], nan_policy="omit")
    close(mean, array.weighted(weights).mean("t"))
    close(var, array.weighted(weights).var("t"))
    rolled = xr.DataArray(SERIES, dims=("t", "x")).rolling(t=6).mean()
    close(cnorm.rolling_moments(SERIES, 6, axis=0)[0], rolled)
    grouped = xr.DataArray(SERIES, dims=("t", "x"), coords={"month": ("t", LABELS)}).groupby("month").mean()
    close(cnorm.group_moments(SERIES, LABELS)[0], grouped)


def test_scipy() -> None:
    stats, ndimage = pytest.importorskip("scipy.stats"), pytest.importorskip("scipy.ndimage")
    told = stats.describe(SERIES)
    close(cnorm.moments(SERIES, 0, correction=1), (told.mean, told.variance))
    inside = (SERIES >= 3) & (SERIES <= 8)
    mean, var = cnorm.moments(SERIES, 0, where=inside, correction=1)
    close(mean, stats.tmean(SERIES, (3, 8), axis=0))
    close(var, stats.tvar(SERIES, (3, 8), axis=0))
    labels = np.broadcast_to(LABELS[:, None], SERIES.shape)
    mean, var = cnorm.group_moments(SERIES.ravel(), labels.ravel())
    close(mean, ndimage.mean(SERIES, labels, range(5)))
    close(var, ndimage.variance(SERIES, labels, range(5)))


def test_numpy() -> None:
    close(F.normalize(SERIES, 2, 1), SERIES / np.linalg.norm(SERIES, axis=1, keepdims=True))
    offsets = np.array([0, 7, 20, 60])
    sums = np.add.reduceat(SERIES, offsets[:-1])
    close(cnorm.segment_moments(SERIES, offsets)[0], sums / np.diff(offsets)[:, None])
    windows = np.lib.stride_tricks.sliding_window_view(SERIES[:, 0], 8)
    mean, var = cnorm.rolling_moments(SERIES[:, 0], 8)
    close(mean[7:], windows.mean(-1))
    close(var[7:], windows.var(-1))


def scaled(x: Any, axes: Any, eps: float) -> Any:
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def test_keras() -> None:
    """By its documented formulas, channels last."""
    last = np.moveaxis(IMAGES, -1, 1)
    close(F.layer_norm(IMAGES, (8,), GAMMA, BETA, 1e-3), scaled(IMAGES, -1, 1e-3) * GAMMA + BETA)
    rms = IMAGES / np.sqrt((IMAGES**2).mean(-1, keepdims=True) + 1e-6) * GAMMA
    close(F.rms_norm(IMAGES, (8,), GAMMA, 1e-6), rms)
    y = F.batch_norm(last, MEAN, VAR, GAMMA, BETA, eps=1e-3)
    close(np.moveaxis(y, 1, -1), (IMAGES - MEAN) / np.sqrt(VAR + 1e-3) * GAMMA + BETA)
    assert np.moveaxis(y, 1, -1).flags.c_contiguous
    grouped = scaled(IMAGES.reshape(2, 30, 4, 2), (1, 3), 1e-3).reshape(IMAGES.shape) * GAMMA + BETA
    close(np.moveaxis(F.group_norm(last, 4, GAMMA, BETA, 1e-3), 1, -1), grouped)
    close(F.normalize(IMAGES, 2, -1), IMAGES / np.sqrt((IMAGES**2).sum(-1, keepdims=True)))
    moving = [MEAN.copy(), VAR.copy()]
    F.batch_norm(last, *moving, training=True, momentum=0.01, eps=1e-3)
    close(moving[0], 0.99 * MEAN + 0.01 * IMAGES.mean((0, 1, 2)))
    radius, bias, alpha, beta = 2, 1.5, 0.3, 0.75
    padded = np.pad(IMAGES**2, [(0, 0)] * 3 + [(radius, radius)])
    sums = sum(padded[..., i : i + 8] for i in range(2 * radius + 1))
    size = 2 * radius + 1
    close(
        np.moveaxis(F.local_response_norm(last, size, alpha * size, beta, bias), 1, -1),
        IMAGES / (bias + alpha * sums) ** beta,
    )
    picture = RNG.integers(0, 256, (6, 7, 3), np.uint8)
    close(cnorm.image_normalize(picture, 0, 1, layout="HWC->HWC"), picture / 255, rtol=1e-6)


def test_diffusers_and_timm() -> None:
    """By their formulas: scale and shift of each sample; LayerNorm of channels."""
    x = RNG.normal(size=(3, 10, 8))
    scale, shift = RNG.normal(size=(2, 3, 1, 8))
    close(
        cnorm.standardize(x, -1, weight=1 + scale, bias=shift, eps=1e-6),
        scaled(x, -1, 1e-6) * (1 + scale) + shift,
        atol=1e-12,
    )
    first = np.moveaxis(IMAGES, -1, 1)
    theirs = np.moveaxis(scaled(IMAGES, -1, 1e-6) * GAMMA + BETA, -1, 1)
    close(F.layer_norm(first, (8,), GAMMA, BETA, 1e-6, axis=1), theirs)
    picture = RNG.integers(0, 256, (6, 7, 3), np.uint8)
    theirs = (2.0 * picture / 255 - 1).transpose(2, 0, 1)
    close(cnorm.image_normalize(picture, 0.5, 0.5), theirs, atol=1e-6)


def test_nilearn() -> None:
    """By its formulas."""
    close(P.zscore(SERIES, 0, ddof=1), (SERIES - SERIES.mean(0)) / SERIES.std(0, ddof=1))
    runs = cnorm.RunningMoments(4).update(SERIES[:20]).update(SERIES[20:])
    close(runs.mean, SERIES.mean(0))
    close(runs.std(), SERIES.std(0))


class RunningMeanStd:
    """stable-baselines3's, as published."""

    def __init__(self, epsilon: float = 1e-4, shape: tuple[int, ...] = ()) -> None:
        self.mean, self.var, self.count = np.zeros(shape), np.ones(shape), epsilon

    def update(self, x: Any) -> None:
        mean, var, count = x.mean(0), x.var(0), x.shape[0]
        delta, total = mean - self.mean, self.count + count
        square = self.var * self.count + var * count + delta**2 * self.count * count / total
        self.mean, self.var, self.count = self.mean + delta * count / total, square / total, total


def test_stable_baselines() -> None:
    theirs, ours = RunningMeanStd(shape=(4,)), cnorm.RunningMoments(4, prior=(1e-4, 0, 1))
    for batch in np.split(SERIES, 6):
        theirs.update(batch)
        ours.update(batch)
    close(ours.mean, theirs.mean)
    close(ours.var(), theirs.var)
    wanted = np.clip((SERIES - theirs.mean) / np.sqrt(theirs.var + 1e-8), -10, 10).astype(np.float32)
    close(ours.normalize(SERIES, clip=10.0, dtype=np.float32), wanted, rtol=1e-6)
    close(ours.denormalize(wanted, dtype=np.float64), SERIES, rtol=1e-6, atol=1e-5)


def test_every_name_of_ours_is_there() -> None:
    """What the tables call `cnorm.x`, `F.x`, `nn.X`, `P.x`."""
    page = Path(__file__).parent.parent / "docs" / "migration.md"
    if not page.exists():
        pytest.skip("needs the source tree")
    text = page.read_text(encoding="utf-8")
    ours = "\n".join(row.split(" | ")[1] for row in text.splitlines() if row.count(" | ") >= 1)
    modules = {"F": F, "nn": cnorm.nn, "P": P, "cnorm": cnorm, "cnorm.stats": S, "cnorm.sparse": cnorm.sparse}
    found = re.findall(r"\b(cnorm\.stats|cnorm\.sparse|cnorm|F|nn|P)\.(\w+)", ours)
    assert len(found) > 60
    for module, name in found:
        if name not in ("stats", "sparse", "preprocessing", "functional", "move_"):
            assert hasattr(modules[module], name), (module, name)
