"""Bits depend neither on the number of threads nor on what else is in the batch."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from operations import LAYOUTS, OPERATIONS, Operation
from reference import DTYPES, Array
from strategies import fill, seeds
from sweep import sweep

import cnorm
import cnorm.functional as F

pytestmark = pytest.mark.thorough

COUNTS = (2, 3, 8)
LARGE = {"many groups": (16, 16, 33, 130), "few groups": (2, 2, 400, 701), "one sample": (1, 8, 350, 401)}
CORE = [o for o in OPERATIONS if not o.name.startswith("normalize_")]


def with_threads(n: int, call: Any) -> Any:
    with cnorm.threads(n):
        return call()


@pytest.mark.parametrize("operation", CORE, ids=repr)
@sweep(shape=LARGE, layout=["contiguous", "channels-last"])
def test_operations(operation: Operation, shape: str, layout: str) -> None:
    """Large enough for every thread to have work (a share is at least 128 Ki elements)."""
    x = LAYOUTS[layout](fill(LARGE[shape], np.dtype(np.float32), 1))
    p = operation.parameters(x.shape, np.float32, np.random.default_rng(1))
    one = with_threads(1, lambda: operation.call(x, **p))
    for n in COUNTS:
        assert np.array_equal(with_threads(n, lambda: operation.call(x, **p)), one), f"{n} threads"


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_dtypes(dtype: Any) -> None:
    x = fill((4, 6, 217, 211), dtype, 2)
    calls = (
        lambda: F.layer_norm(x, x.shape[2:]),
        lambda: F.batch_norm(x, None, None, training=True),
        lambda: F.group_norm(x, 3),
        lambda: cnorm.moments(x, (0, 2, 3))[1],
        lambda: cnorm.moments(x)[1],
        lambda: cnorm.moments(x, 0)[1],
    )
    for call in calls:
        one = with_threads(1, call)
        for n in COUNTS:
            assert np.array_equal(with_threads(n, call), one)


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)], ids=str)
def test_moments_of_matrices(axis: Any) -> None:
    for shape in ((1_300_000, 1), (40_000, 30), (30, 40_000), (1100, 1100)):
        x = fill(shape, np.dtype(np.float32), 3)
        for laid in (x, np.asfortranarray(x)):
            one = with_threads(1, lambda a=laid: cnorm.moments(a, axis))
            for n in COUNTS:
                many = with_threads(n, lambda a=laid: cnorm.moments(a, axis))
                assert all(np.array_equal(a, b) for a, b in zip(one, many, strict=True))


def test_running_statistics() -> None:
    x = fill((8, 8, 160, 161), np.dtype(np.float32), 4)

    def statistics() -> list[Array]:
        mean, var = np.zeros(8, np.float32), np.ones(8, np.float32)
        F.batch_norm(x, mean, var, training=True)
        F.instance_norm(x, mean, var)
        return [mean, var]

    one = with_threads(1, statistics)
    for n in COUNTS:
        assert np.array_equal(with_threads(n, statistics), one)


def test_callers_in_several_threads() -> None:
    """Four Python threads with shared inputs: every result right, none mixed up."""
    arrays = [fill((64 + i, 768), np.dtype(np.float32), i) for i in range(4)]
    weight = fill((768,), np.dtype(np.float32), 9)
    expected = [F.layer_norm(x, (768,), weight) for x in arrays]
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(50):
            if not np.array_equal(F.layer_norm(arrays[i], (768,), weight), expected[i]):
                wrong.append(i)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


SINGLE = [o for o in OPERATIONS if o.per_sample and o.name != "weight_norm"]


@pytest.mark.parametrize("operation", SINGLE, ids=repr)
@given(data=st.data())
def test_batch_invariance(operation: Operation, data: st.DataObject) -> None:
    """A sample alone gives the bits it gives in a batch, wherever it stands in it."""
    n = data.draw(st.integers(1, 40))
    i = data.draw(st.integers(0, n - 1))
    dtype = data.draw(st.sampled_from(DTYPES))
    x = fill((n, 4, data.draw(st.integers(2, 70))), dtype, data.draw(seeds))
    p = operation.parameters(x.shape, np.float32, np.random.default_rng(5))
    alone = {k: v[i : i + 1] if v.shape[:1] == (n,) and v.ndim == 3 else v for k, v in p.items()}
    if operation.name.startswith(("layer_norm", "rms_norm", "normalize")):
        alone = p
    assert np.array_equal(operation.call(x, **p)[i], operation.call(x[i : i + 1], **alone)[0])


@pytest.mark.parametrize("n", [2, 17, 300])
@pytest.mark.parametrize("layout", ["contiguous", "channels-last"])
def test_batch_invariance_of_large_samples(n: int, layout: str) -> None:
    """Across the sizes where schedule and thread count change; the layout of a sample is kept."""
    x = LAYOUTS[layout](fill((n, 4, 30, 31), np.dtype(np.float32), 6))
    weight = fill((4,), np.dtype(np.float32), 7)
    for call in (
        lambda a: F.group_norm(a, 2, weight),
        lambda a: F.instance_norm(a, weight=weight),
        lambda a: F.layer_norm(a, a.shape[1:]),
        lambda a: cnorm.moments(a, (1, 2, 3))[1][:, None],
    ):
        assert np.array_equal(call(x)[n // 2], call(x[n // 2 : n // 2 + 1])[0])


def test_rows_of_a_matrix_do_not_depend_on_their_number() -> None:
    x = fill((3000, 96), np.dtype(np.float32), 8)
    whole = F.layer_norm(x, (96,))
    for start, stop in ((0, 1), (5, 6), (7, 24), (100, 1800), (2999, 3000)):
        assert np.array_equal(F.layer_norm(x[start:stop], (96,)), whole[start:stop])


@sweep(dtype=["float32", "bfloat16"], columns=[12, 20, 50, 92, 100, 333, 1004, 5000])
def test_results_larger_than_the_cache(columns: int, dtype: Any) -> None:
    """Stored past the cache, the ends of rows too: the bits of a part that is stored in it."""
    if dtype == "bfloat16":
        dtype = pytest.importorskip("ml_dtypes").bfloat16
    rows = 40 * 2**20 // (columns * np.dtype(dtype).itemsize)
    part = fill((1000, columns), np.dtype(dtype), 11)
    x = np.tile(part, (rows // 1000 + 1, 1))
    mean, var = np.float32([0.5]).repeat(columns), np.float32([2]).repeat(columns)
    for call in (lambda a: F.layer_norm(a, (columns,)), lambda a: F.batch_norm(a, mean, var)):
        whole, expected = call(x), call(part)
        for start in (0, len(x) // 2000 * 1000, len(x) - 1000):
            assert np.array_equal(whole[start : start + 1000], expected)


@sweep(
    length=[4100, 16384, 30_001, 49_152, 49_156, 100_003, 400_000],
    step=[0, 4, 16],
    activation=[None, "silu"],
)
def test_long_groups_that_are_in_no_cache(length: int, step: int, activation: str | None) -> None:
    """Fetched while x is summed, or stored past the cache, wherever they begin: the bits of each alone."""
    rows = 26 * 2**20 // (8 * length) + 1
    x = np.tile(fill((1, length), np.dtype(np.float32), 12), (rows, 1))
    x[::2] *= 3
    w, b = fill((2, length), np.dtype(np.float32), 13)
    room = np.empty(x.nbytes + 80, np.uint8)
    out = room[-room.ctypes.data % 64 + step :][: x.nbytes].view(np.float32).reshape(x.shape)
    for call in (
        lambda a, **k: F.layer_norm(a, (length,), w, b, activation=activation, **k),
        lambda a, **k: F.rms_norm(a, (length,), w, **k),
    ):
        assert call(x, out=out) is out
        for i in (0, 1, rows - 1):
            assert np.array_equal(out[i], call(x[i]))


@pytest.mark.parametrize("columns", [33, 48, 200])
def test_columns_do_not_depend_on_their_number(columns: int) -> None:
    """Statistics of a column are the same however many columns stand beside it (fewer than 16 are folded)."""
    x = fill((900, columns), np.dtype(np.float32), 9)
    mean, var = cnorm.moments(x, 0)
    for c in (16, columns // 2 + 1, columns - 1):
        fewer = cnorm.moments(np.ascontiguousarray(x[:, :c]), 0)
        assert np.array_equal(mean[:c], fewer[0])
        assert np.array_equal(var[:c], fewer[1])


@pytest.mark.parametrize("constant", [0, 3, 8, 19])
def test_columns_do_not_depend_on_a_constant_one(constant: int) -> None:
    """A dead channel changes no bit of those beside it."""
    x = fill((300, 20), np.dtype(np.float32), 10)
    others = np.arange(20) != constant
    clean = cnorm.moments(x, 0)
    x[:, constant] = 1
    dead = cnorm.moments(x, 0)
    for a, b in zip(clean, dead, strict=True):
        assert np.array_equal(a[others], b[others])
