"""Masks in what remains of a call: moments, running statistics, SwitchNorm's mix, z-scores."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import reference as R
from operations import LAYOUTS
from reference import assert_close
from strategies import fill
from test_where import F32, masks, polluted, weights

import cnorm
import cnorm.functional as F
from cnorm.preprocessing import zscore


def test_running_statistics_count_what_is_shown() -> None:
    x, lengths = fill((4, 6, 50), np.dtype(np.float64), 12), np.array([50, 7, 0, 1])
    mask = np.broadcast_to(cnorm.length_mask(lengths, 50)[:, None], x.shape).copy()
    mask[:, 2], mask[:, 3] = False, False
    mask[0, 3, 5] = True
    mean, var = np.full(6, 3.0), np.full(6, 4.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = F.batch_norm(polluted(x, mask), mean, var, training=True, momentum=0.25, where=mask)
    assert (y[:, 2] == 0).all()
    assert mean[2] == 3.0
    assert var[2] == var[3] == 4.0
    assert mean[3] == 0.75 * 3 + 0.25 * x[0, 3, 5]
    for c in (0, 1, 4, 5):
        shown = x[:, c][mask[:, c]]
        assert np.isclose(mean[c], 0.75 * 3 + 0.25 * shown.mean(), rtol=1e-13)
        assert np.isclose(var[c], 0.75 * 4 + 0.25 * shown.var(ddof=1), rtol=1e-13)


def test_running_statistics_of_instances() -> None:
    x, mask = fill((4, 3, 50), np.dtype(np.float64), 13), cnorm.length_mask([50, 7, 0, 1], 50)[:, None]
    mean, var = np.full(3, 3.0), np.full(3, 4.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        F.instance_norm(polluted(x, mask), mean, var, momentum=0.25, where=mask)
    for c in range(3):
        parts = [x[0, c], x[1, c, :7], x[3, c, :1]]
        assert np.isclose(mean[c], 0.75 * 3 + 0.25 * np.mean([p.mean() for p in parts]), rtol=1e-13)
        assert np.isclose(var[c], 0.75 * 4 + 0.25 * np.mean([p.var(ddof=1) for p in parts[:2]]), rtol=1e-13)
    before = mean.copy(), var.copy()
    assert not F.instance_norm(x, mean, var, where=np.zeros(50, bool)).any()
    assert not F.batch_norm(x, mean, var, training=True, where=np.zeros(50, bool)).any()
    assert np.array_equal((mean, var), before)


def test_evaluation_hides_and_changes_nothing_else() -> None:
    x, mask = fill((4, 6, 50), F32, 14), masks((4, 6, 50))["lengths"]
    mean, var = weights(6), weights(6)
    for layout in ("contiguous", "channels-last"):
        laid = LAYOUTS[layout](polluted(x, mask))
        y = F.batch_norm(laid, mean, var, mean, var, where=mask)
        assert np.array_equal(y, np.where(mask, F.batch_norm(x, mean, var, mean, var), 0))
        assert np.array_equal(F.instance_norm(laid, mean, var, mean, var, False, where=mask), y)


def test_moments_of_a_mask() -> None:
    x = fill((4, 6, 50), F32, 15)
    for mask in masks(x.shape).values():
        for axis in (None, 0, 1, 2, (0, 2)):
            with np.errstate(invalid="ignore"):
                mean, var = R.moments(x, axis, correction=1, weights=np.broadcast_to(mask, x.shape))
                got = cnorm.moments(polluted(x, mask), axis, correction=1, where=mask)
            several = np.isfinite(var)
            assert_close(np.where(np.isnan(mean), 0, got[0]), np.where(np.isnan(mean), 0, mean))
            assert_close(np.where(several, got[1], 0), np.where(several, var, 0))


@pytest.mark.parametrize("logits", [(0.3, -0.2), (0.3, -0.2, 0.7)], ids=["per sample", "with the batch"])
def test_switchable_norm(logits: tuple[float, ...]) -> None:
    x, lengths = fill((4, 6, 50), F32, 16), [50, 7, 0, 20]
    mask = cnorm.length_mask(lengths, 50)[:, None]
    mean, var = np.zeros(6), np.ones(6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = F.switchable_norm(polluted(x, mask), logits, logits, mean, var, training=True, where=mask)
    assert (y[~np.broadcast_to(mask, y.shape)] == 0).all()
    shown = [R.wide(v[:, :n]) for v, n in zip(x, lengths, strict=True) if n]
    of_each = [(v.mean(1), v.var(1, ddof=1)) for v in shown]
    total = sum(v.shape[1] for v in shown)
    center = sum(v.shape[1] * m for v, (m, _) in zip(shown, of_each, strict=True)) / total
    spread = (
        sum(v.shape[1] * (s + (m - center) ** 2) for v, (m, s) in zip(shown, of_each, strict=True)) / total
    )
    share = R.softmax(logits)
    for i, v, (m, s) in zip((0, 1, 3), shown, of_each, strict=True):
        parts = [(m, s), (m.mean(), (s + (m - m.mean()) ** 2).mean()), (center, spread)][: len(logits)]
        mid = sum(a * part for a, (part, _) in zip(share, parts, strict=True))
        scale = sum(a * part for a, (_, part) in zip(share, parts, strict=True))
        wanted = (v - np.reshape(mid, (-1, 1))) / np.sqrt(np.reshape(scale, (-1, 1)) + 1e-5)
        assert_close(y[i, :, : lengths[i]], wanted)
    if len(logits) == 3:
        assert np.allclose(mean, 0.1 * center.astype(float))
        assert np.allclose(var, 0.9 + 0.1 * spread.astype(float))


@pytest.mark.parametrize("ddof", [0, 1])
def test_zscore(ddof: int) -> None:
    x = fill((40, 30), F32, 17)
    for mask in (masks((1, 40, 30))["elements"][0], np.arange(30) < 12, np.arange(40)[:, None] % 3 > 0):
        for axis in (0, 1, None):
            whole = np.broadcast_to(mask, x.shape)
            mean, var = R.moments(x, axis, correction=ddof, keepdims=True, weights=whole)
            with np.errstate(invalid="ignore"), warnings.catch_warnings():
                warnings.simplefilter("error")
                wanted = np.where(whole, (x - mean) / np.sqrt(var), 0)
                y = zscore(polluted(x, whole), axis, ddof, where=mask)
            assert_close(y, wanted)
            again = polluted(x, whole)
            assert_close(zscore(again, axis, ddof, where=mask, out=again), wanted)


def test_zscore_hides_nan_from_every_policy() -> None:
    x, mask = fill((40, 30), F32, 18), np.arange(40)[:, None] < 33
    bad = polluted(x, np.broadcast_to(mask, x.shape))
    y = zscore(bad, where=mask)
    for policy in ("omit", "raise"):
        assert_close(zscore(bad, nan_policy=policy, where=mask), y.astype(np.longdouble))
    bad[3, 4] = np.nan
    assert np.isnan(zscore(bad, where=mask)[:33, 4]).all()
    assert (zscore(bad, where=mask)[33:] == 0).all()
    with pytest.raises(ValueError, match="nan"):
        zscore(bad, nan_policy="raise", where=mask)
