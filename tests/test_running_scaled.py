"""RunningMoments with a prior and a decay, and data by them: VecNormalize's way."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from operations import LAYOUTS
from reference import DTYPES
from strategies import fill
from sweep import sweep

from cnorm import RunningMoments
from cnorm._stats import scaled

RNG = np.random.default_rng(0)


def test_a_prior_stands_for_elements() -> None:
    x = RNG.normal(5, 2, (100, 3))
    stats = RunningMoments(3, prior=(4, 1.0, [1.0, 4.0, 9.0])).update(x)
    as_data = (
        RunningMoments(3).update(np.repeat([[-1.0, 1.0]], 2, 0).reshape(4, 1) * [1, 2, 3] + 1.0).update(x)
    )
    assert stats.count == 104
    assert isinstance(stats.count, int)
    np.testing.assert_allclose(stats.mean, as_data.mean, rtol=1e-14)
    np.testing.assert_allclose(stats.var(), as_data.var(), rtol=1e-13)
    light = RunningMoments((), prior=(1e-4, 0, 1)).update(x[:, 0])
    assert light.count == 1e-4 + 100
    np.testing.assert_allclose(light.mean, x[:, 0].sum() / (100 + 1e-4), rtol=1e-14)


@pytest.mark.parametrize("decay", [0.9, 0.5, 1])
def test_decay_is_weights_by_age(decay: float) -> None:
    batches = [RNG.normal(3, 1, (n, 2)) for n in (1, 5, 2, 1, 7)]
    batches[2][0, 1] = np.nan
    stats = RunningMoments(2, decay=decay, nan_policy="omit")
    for batch in batches:
        stats.update(batch)
    ages = np.arange(len(batches) - 1, -1, -1.0)
    w = np.concatenate([np.full((len(b), 1), decay**age) for b, age in zip(batches, ages, strict=True)])
    expected = RunningMoments(2, nan_policy="omit").update(np.concatenate(batches), weights=w)
    np.testing.assert_allclose(
        np.broadcast_to(stats.count, 2), np.broadcast_to(expected.count, 2), rtol=1e-14
    )
    np.testing.assert_allclose(stats.mean, expected.mean, rtol=1e-14)
    np.testing.assert_allclose(stats.var(), expected.var(), rtol=1e-12)
    assert pickle.loads(pickle.dumps(stats)) == stats == stats.copy()
    assert stats != RunningMoments(2, nan_policy="omit").update(batches[0])


def test_failed_updates_do_not_decay() -> None:
    stats = RunningMoments(2, decay=0.5).update(np.ones((3, 2)))
    before = stats.copy()
    with pytest.raises(ValueError, match=r"^x: expected shape"):
        stats.update(np.ones((3, 3)))
    assert stats == before
    with pytest.raises(ValueError, match="decay"):
        stats.merge(RunningMoments(2))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32])
@pytest.mark.parametrize("result", [None, np.float32, np.float64])
def test_normalize_and_back(dtype: Any, result: Any) -> None:
    x = RNG.normal(50, 20, (7, 4, 3)).astype(dtype)
    stats = RunningMoments((4, 3)).update(x)
    kind = np.dtype(result or (np.float64 if dtype == np.int32 else dtype))
    wide = x.astype(np.float64)
    expected = (wide - stats.mean) / np.sqrt(stats.var() + 0.25)
    before = x.copy()
    y = stats.normalize(x, eps=0.25, clip=1.25, dtype=result)
    assert y.dtype == kind
    narrowest = min(kind.itemsize, 8 if dtype == np.int32 else np.dtype(dtype).itemsize)
    bound = 4 * float(np.finfo(f"f{narrowest}").eps)
    np.testing.assert_allclose(y, np.clip(expected, -1.25, 1.25), rtol=bound, atol=bound)
    np.testing.assert_array_equal(x, before)
    back = stats.denormalize(stats.normalize(x, eps=0.25, dtype=np.float64), eps=0.25)
    np.testing.assert_allclose(back, wide, rtol=2e-3 if dtype == np.float16 else 1e-5)
    out = np.empty(x.shape, kind)
    assert stats.normalize(x, eps=0.25, clip=1.25, dtype=result, out=out) is out
    np.testing.assert_array_equal(out, y)
    turned = stats.normalize(x.copy(order="F"), eps=0.25, clip=1.25, dtype=result)
    assert turned.flags.f_contiguous
    np.testing.assert_array_equal(turned, y)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
@sweep(
    dtype=DTYPES,
    layout=sorted(LAYOUTS.keys() - {"swapped", "read-only"}),
    way=["normalize", "denormalize"],
    eps=[1e-8, 0.0, 1],
    clip=[None, 0.5, 1e-5],
    out=[None, "new", "input"],
    of=["few", "constant", "nothing", "one"],
)
def test_what_is_plain_is_done_at_once(
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    layout: str,
    way: str,
    eps: Any,
    clip: float | None,
    out: str | None,
    of: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the bits of the careful steps."""
    data = {"few": fill((9, *shape), np.dtype(np.float64), 1) + 3, "one": np.ones((1, *shape))}
    data |= {"constant": np.ones((4, *shape)), "nothing": np.ones((0, *shape))}
    stats, results = RunningMoments(shape).update(data[of]), []
    options: dict[str, Any] = {"eps": eps} | ({"clip": clip} if way == "normalize" else {})
    for careful in (False, True):
        if careful:
            monkeypatch.setattr(scaled, "at_once", lambda *_, **__: None)
        values = fill((4, 5, 2, 3), dtype, 2)
        values[0, 0, 0, 0], values[1, 1, 1, 1] = np.nan, np.inf
        x = LAYOUTS[layout](values)
        y = getattr(stats, way)(x, out={None: None, "new": np.empty_like(x), "input": x}[out], **options)
        results.append((y.dtype, y.strides, y.tobytes()))
    monkeypatch.undo()
    assert results[0] == results[1]
    if of == "few" and isinstance(eps, float):
        assert scaled.at_once(fill((2, *shape), dtype, 0), stats._state, eps, None, back=False) is not None


def test_in_place_and_nothing_seen() -> None:
    stats = RunningMoments(3).update(RNG.normal(size=(9, 3)))
    x = RNG.normal(size=(2, 3))
    expected = stats.normalize(x)
    assert stats.normalize(x, out=x) is x
    np.testing.assert_array_equal(x, expected)
    assert np.isnan(RunningMoments(3).normalize(x)).all()
    flat = RunningMoments(1).update(np.full((3, 1), 2.0))
    assert flat.normalize([[2.0]], eps=0) == 0


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda s: RunningMoments(3, prior=1), ValueError, "prior: expected"),
        (lambda s: RunningMoments(3, prior=(1, [0, 0], 1)), ValueError, "prior: expected"),
        (lambda s: RunningMoments(3, prior=(-1, 0, 1)), ValueError, "prior: expected"),
        (lambda s: RunningMoments(3, prior=(1, 0, -1)), ValueError, "prior: expected"),
        (lambda s: RunningMoments(3, decay=0), ValueError, "decay: expected"),
        (lambda s: RunningMoments(3, decay=1.5), ValueError, "decay: expected"),
        (lambda s: RunningMoments(3, decay="a"), TypeError, "decay: expected"),
        (lambda s: s.normalize(np.ones((3, 2))), ValueError, "x: expected a shape that ends"),
        (lambda s: s.normalize(1.0), ValueError, "x: expected a shape that ends"),
        (lambda s: s.normalize(np.ones(3), eps=-1), ValueError, "eps: expected"),
        (lambda s: s.normalize(np.ones(3), clip=0), ValueError, "clip: expected"),
        (lambda s: s.normalize(np.ones(3), dtype=np.int32), TypeError, "dtype: expected"),
        (lambda s: s.normalize(np.ones(3), out=np.ones(4)), ValueError, "out: expected"),
        (lambda s: s.normalize(np.ones(3), out=np.ones(3, np.float32)), TypeError, "out: expected"),
        (lambda s: s.denormalize(np.ones(3) * 1j), TypeError, "y: expected"),
    ],
)
def test_refused(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=f"^{words}"):
        call(RunningMoments(3).update(np.eye(3)))
