"""Chunked arrays: as one call with all data, the same bits for any scheduler, a killed worker, progress."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sweep import sweep

import cnorm
from cnorm.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

da = pytest.importorskip("dask.array")
dask = pytest.importorskip("dask")
from cnorm.interop.dask import fit, moments, running_moments, standardize  # noqa: E402

ROOT = Path(__file__).parents[2]
rng = np.random.default_rng(0)
X = rng.normal(1e6, 1.0, (60, 8, 10))
CHUNKS = ((17, 0, 3, 40), (5, 3), (4, 6))
AXES = [None, 0, 1, -1, (0, 2), (0, 1, 2), (1, 2)]
# Relative to the values of one call with all data; float32 about float32's own rounding.
CLOSE = {np.float64: 1e-13, np.float32: 2e-6}


def spread(a: Any) -> Any:
    return da.from_array(a, chunks=CHUNKS)


@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("dtype", CLOSE, ids=lambda d: d.__name__)
def test_moments(axis: Any, dtype: Any) -> None:
    x = X.astype(dtype)
    for keepdims in (False, True):
        found = dask.compute(*moments(spread(x), axis, correction=1, keepdims=keepdims))
        wanted = cnorm.moments(x, axis, correction=1, keepdims=keepdims)
        for a, b in zip(found, wanted, strict=True):
            assert (a.dtype, np.shape(a)) == (b.dtype, np.shape(b))
            np.testing.assert_allclose(a, b, rtol=CLOSE[dtype])


def test_lazy_results_tell_shape_and_chunks() -> None:
    mean, var = moments(spread(X), 0)
    assert mean.chunks == var.chunks == CHUNKS[1:]
    assert mean.dtype == np.float64
    assert moments(spread((X - 1e6).astype(np.float16)), 0)[0].dtype == np.float32
    assert dask.compute(*moments(da.arange(6, chunks=4))) == (2.5, 35 / 12)


@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("dtype", CLOSE, ids=lambda d: d.__name__)
def test_standardize(axis: Any, dtype: Any) -> None:
    x = X.astype(dtype)
    y = standardize(spread(x), axis)
    assert (y.dtype, y.chunks) == (x.dtype, CHUNKS)
    atol = 2e-6 if dtype is np.float32 else 1e-9  # one word of the mean, 1e6 times the deviation
    np.testing.assert_allclose(y.compute(), cnorm.standardize(x, axis), atol=atol)


def test_chunks_are_not_kept_until_the_moments_are_known() -> None:
    """Each is made twice, and few live at a time."""
    alive: set[int] = set()
    most = made = 0

    def make(block_info: Any) -> Any:
        nonlocal most, made
        block = np.full((4, 3), float(made)) + np.arange(4)[:, None]
        made += 1
        alive.add(made)
        weakref.finalize(block, alive.discard, made)
        most = max(most, len(alive))
        return block

    x = da.map_blocks(make, chunks=((4,) * 50, (3,)), dtype=float, meta=np.empty((0, 0)))
    mean, var = dask.compute(*moments(standardize(x, 0), 0), scheduler="synchronous")
    assert (mean.shape, var.shape) == ((3,), (3,))
    assert made == 100
    assert most <= 5


def test_weights_and_biases() -> None:
    weight, bias = rng.normal(size=(2, 8, 1))
    y = standardize(spread(X), (0, 2), weight, da.from_array(bias, chunks=3), eps=0.1)
    np.testing.assert_allclose(y.compute(), cnorm.standardize(X, (0, 2), weight, bias, 0.1), atol=1e-9)


def test_running_moments() -> None:
    state = running_moments(spread(X), (0, 2)).compute()
    whole = cnorm.RunningMoments(8).update(X, (0, 2))
    assert (state.shape, state.count) == (whole.shape, whole.count)
    np.testing.assert_allclose(state.var(), whole.var(), rtol=1e-13)
    assert (state + whole).count == 2 * whole.count


def test_nan_policies() -> None:
    x = X.copy()
    x[::7] = np.nan
    mean, var = dask.compute(*moments(spread(x), 0, nan_policy="omit"))
    wanted = cnorm.moments(x, 0, nan_policy="omit")
    np.testing.assert_allclose((mean, var), wanted, rtol=1e-13)
    assert np.isnan(moments(spread(x), 0)[0].compute()).all()
    with pytest.raises(ValueError, match="NaN"):
        moments(spread(x), 0, nan_policy="raise")[0].compute()


MASK = rng.random(X.shape) > 0.3
MASKS = {
    "elements": MASK,
    "rows": MASK[:, :1, :1],
    "features": MASK[0, :, 0, None],
    "chunked otherwise": da.from_array(MASK, chunks=(7, 8, 3)),
}
WEIGHTS = {
    "none": None,
    "elements": rng.integers(0, 4, X.shape),
    "rows": da.from_array(rng.random((60, 1, 1)), chunks=9),
    "scalar": 2,
}


@pytest.mark.parametrize("mask", [None, *MASKS])
@sweep(weights=WEIGHTS, axis=[None, 0, (0, 2)])
def test_masks_and_weights_of_moments(axis: Any, weights: str, mask: Any) -> None:
    where, w = MASKS.get(mask), WEIGHTS[weights]
    found = dask.compute(*moments(spread(X), axis, where=where, weights=w, correction=1))
    where, w = (a.compute() if isinstance(a, da.Array) else a for a in (where, w))
    np.testing.assert_allclose(
        found, cnorm.moments(X, axis, where=where, weights=w, correction=1), rtol=1e-12
    )
    if axis is None:
        state = running_moments(spread(X), axis, where=where, weights=w).compute()
        np.testing.assert_allclose(state.mean, cnorm.moments(X, axis, where=where, weights=w)[0], rtol=1e-13)


@pytest.mark.parametrize("mask", MASKS)
@sweep(axis=[None, 0, -1, (1, 2)], chunks=[CHUNKS, X.shape])
def test_masks_of_standardize(axis: Any, mask: str, chunks: Any) -> None:
    where = MASKS[mask]
    y = standardize(da.from_array(X, chunks=chunks), axis, 2.0, 3.0, where=where).compute()
    whole = where.compute() if isinstance(where, da.Array) else where
    np.testing.assert_allclose(y, cnorm.standardize(X, axis, 2.0, 3.0, where=whole), atol=1e-8)
    assert not y[~np.broadcast_to(whole, X.shape)].any()


def test_what_a_mask_hides_is_not_looked_at() -> None:
    x = np.where(MASK, X, np.nan)
    found = dask.compute(*moments(spread(x), 0, where=MASK, nan_policy="raise"))
    np.testing.assert_allclose(found, cnorm.moments(X, 0, where=MASK), rtol=1e-12)


def test_weighted_samples() -> None:
    x, w = rng.normal(50, 2, (1000, 6)), rng.random(1000)
    whole = StandardScaler().fit(x, sample_weight=w)
    for weight in (w, da.from_array(w, chunks=61)):
        ours = fit(StandardScaler(), da.from_array(x, chunks=(37, 4)), sample_weight=weight)
        np.testing.assert_allclose((ours.mean_, ours.var_), (whole.mean_, whole.var_), rtol=1e-12)
    chunked = da.from_array(x)
    with pytest.raises(ValueError, match="sample_weight: expected shape"):
        fit(StandardScaler(), chunked, sample_weight=w[1:])
    for scaler in (MinMaxScaler(), MaxAbsScaler()):
        with pytest.raises(TypeError, match="sample_weight: expected None for a M"):
            fit(scaler, chunked, sample_weight=w)


@pytest.mark.parametrize("scaler", [StandardScaler, MinMaxScaler, MaxAbsScaler])
def test_scalers(scaler: Any) -> None:
    x = rng.normal(50, 2, (1000, 6))
    x[3, 2] = np.nan
    chunked = da.from_array(x, chunks=(37, 4))
    ours, whole = fit(scaler(), chunked, split_every=3), scaler().fit(x)
    for name, value in vars(whole).items():
        if name.endswith("_"):
            np.testing.assert_allclose(getattr(ours, name), value, rtol=1e-13)
    y = chunked.rechunk({1: -1}).map_blocks(ours.transform, dtype=x.dtype).compute()
    np.testing.assert_allclose(y, whole.transform(x), atol=1e-12)
    before = ours.n_samples_seen_
    with pytest.raises(ValueError, match="inf"):
        fit(ours, da.full((4, 6), np.inf, chunks=2))
    assert ours.n_samples_seen_ is before


def test_bad_input() -> None:
    for call in (moments, standardize, running_moments):
        with pytest.raises(TypeError, match=r"x: expected a dask\.array\.Array"):
            call(X)
        with pytest.raises(TypeError, match="x: expected a real dtype"):
            call(spread(X.astype(complex)))
        with pytest.raises(ValueError, match="axis"):
            call(spread(X), 3)
        with pytest.raises(TypeError, match="where: expected a boolean"):
            call(spread(X), where=np.ones(10))
        with pytest.raises(ValueError, match="where: expected a shape"):
            call(spread(X), where=np.ones(3, bool))
    with pytest.raises(ValueError, match="weights: expected a shape"):
        moments(spread(X), weights=np.ones((1, *X.shape)))
    with pytest.raises(TypeError, match="weights: expected a real"):
        moments(spread(X), weights=1j)
    with pytest.raises(ValueError, match="weights: expected no negative"):
        moments(spread(X), weights=-1)[0].compute()
    with pytest.raises(TypeError, match="float dtype"):
        standardize(da.arange(4))
    with pytest.raises(ValueError, match="eps"):
        standardize(spread(X), eps=-1)
    with pytest.raises(ValueError, match="nan_policy"):
        moments(spread(X), nan_policy="skip")
    with pytest.raises(TypeError, match="scaler"):
        fit(None, spread(X))  # type: ignore[type-var]
    with pytest.raises(ValueError, match="table"):
        fit(StandardScaler(), spread(X))


def test_progress_bars_see_every_chunk(capsys: pytest.CaptureFixture[str]) -> None:
    from dask.diagnostics import ProgressBar

    with ProgressBar(dt=0.01):
        fit(StandardScaler(), da.from_array(X[0], chunks=2))
        standardize(spread(X)).compute()
    assert capsys.readouterr().out.count("100% Completed") >= 2


def slow(block: Any) -> Any:
    time.sleep(0.1)
    return block


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    settings = {
        "distributed.worker.multiprocessing-method": "spawn",
        "distributed.admin.log-format": "%(message)s",
    }
    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_gives_the_same_bits_and_a_killed_worker_costs_nothing(client: Any) -> None:
    from distributed import wait

    x = da.from_array(X, chunks=(5, 8, 10))
    results = [*moments(x, 0), standardize(x, (0, 1))]
    alone = dask.compute(*results, scheduler="synchronous")
    together = client.gather(client.compute(results))
    workers = client.run(os.getpid)
    assert len(workers) == 2
    tasks = client.compute(list(moments(x.map_blocks(slow, dtype=x.dtype), 0)))
    time.sleep(0.4)  # some chunks are done, others are not
    assert not all(task.done() for task in tasks)
    os.kill(next(iter(workers.values())), signal.SIGKILL)
    wait(tasks, timeout=60)
    survived = client.gather(tasks)
    for a, b in zip([*alone, *alone[:2]], [*together, *survived], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.skipif(sys.platform == "win32", reason="the example asks resource for the peak of memory")
def test_the_example_runs() -> None:
    command = [sys.executable, str(ROOT / "examples" / "dask_large.py"), "--gb", "0.1"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "100% Completed" in done.stdout
    found = [float(n) for n in re.findall(r"\| (\d\S*e-\d+)", done.stdout)]
    assert len(found) == 2
    assert max(found) < 1e-5
