"""Large results live in blocks that are kept for the next ones: within the limit, and only when free."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from processes import run
from reference import Array
from strategies import fill

import cnorm
import cnorm.functional as F
from cnorm._native import kept
from cnorm._system import memory

LIMIT = 64 * 2**20


@pytest.fixture(autouse=True)
def an_empty_cache() -> Iterator[None]:
    before = cnorm.get_output_cache()
    cnorm.set_output_cache(0)
    cnorm.set_output_cache(LIMIT)
    yield
    cnorm.set_output_cache(before)


def result(rows: int = 1000, seed: int = 0) -> Array:
    """A result of 2 KiB a row."""
    return F.layer_norm(fill((rows, 512), np.dtype(np.float32), seed), (512,))


def test_a_freed_block_serves_the_next_result() -> None:
    first = result(seed=1)
    address, expected = first.ctypes.data, first.copy()
    assert kept.kept() == 0
    del first
    assert 2048 * 1000 <= kept.kept() <= 2048 * 1000 * 9 // 8 + 4096
    second = result(seed=2)
    assert second.ctypes.data == address
    assert kept.kept() == 0
    third = result(seed=1)
    assert third.ctypes.data != address
    assert np.array_equal(third, expected)
    assert np.array_equal(second, result(seed=2))


def test_results_are_aligned() -> None:
    for rows in (600, 1000, 5000):
        assert result(rows).ctypes.data % 64 == 0


def test_a_view_keeps_its_block() -> None:
    view = result(seed=1)[3:5]
    expected = view.copy()
    assert kept.kept() == 0
    result(seed=2)
    assert np.array_equal(view, expected)


def test_sizes_apart_share_nothing() -> None:
    address = result(1000).ctypes.data
    assert result(2000).ctypes.data != address
    near = result(995)  # within an eighth
    assert near.ctypes.data == address


def test_the_limit_holds() -> None:
    cnorm.set_output_cache(5 * 2**20)
    results = [result(1024) for _ in range(4)]  # 2 MiB each
    del results
    assert kept.kept() <= 5 * 2**20
    cnorm.set_output_cache(2**20)
    assert kept.kept() == 0
    result(1024)
    assert kept.kept() == 0


def test_many_blocks() -> None:
    """More than there are places to keep them."""
    for _ in range(2):
        results = [result(513, seed) for seed in range(40)]
        assert all(np.array_equal(r, result(513, seed)) for seed, r in enumerate(results))
        del results
    assert 0 < kept.kept() <= LIMIT


def test_small_results_are_numpys() -> None:
    result(100)
    assert kept.kept() == 0


def test_several_results_are_kept_from_a_smaller_size_on() -> None:
    """Each of two has a block, and these serve the next call, whatever it is of."""
    x, labels = fill((40, 5000), np.dtype(np.float32), 0), np.arange(40) % 4
    mean, var = cnorm.group_moments(x, labels)
    expected, places = mean.copy(), {mean.ctypes.data, var.ctypes.data}
    before = kept.kept()
    del mean, var
    assert kept.kept() >= before + 2 * 4 * 5000 * 4
    again = cnorm.group_moments(-x, labels)
    assert {a.ctypes.data for a in again} == places
    np.testing.assert_array_equal(-again[0], expected)
    del again
    held = kept.kept()
    cnorm.group_moments(x[:, :100], labels)  # of 1600 bytes each: NumPy's
    assert kept.kept() == held > 0
    cnorm.set_output_cache(0)
    assert kept.kept() == 0


def test_arrays_of_blocks_are_ordinary() -> None:
    y = result()
    expected = y.copy()
    assert type(y) is np.ndarray
    assert y.flags.owndata
    assert np.array_equal(pickle.loads(pickle.dumps(y)), expected)
    y.resize((2000, 512), refcheck=False)
    assert np.array_equal(y[:1000], expected)
    y.resize((10, 512), refcheck=False)
    assert np.array_equal(y, expected[:10])
    y.resize((1500, 512), refcheck=False)
    assert np.array_equal(y[:10], expected[:10])
    assert not y[10:].any()


def test_other_dtypes_and_orders() -> None:
    x = np.asfortranarray(fill((900, 512), np.dtype(np.float64), 1))
    y = F.layer_norm(x, (512,))
    assert y.flags.f_contiguous
    assert y.dtype == np.float64
    address = y.ctypes.data
    del y
    assert F.layer_norm(np.ascontiguousarray(x), (512,)).ctypes.data == address


def test_threads_that_make_and_free() -> None:
    expected = [result(600, seed) for seed in range(4)]
    wrong: list[int] = []

    def work(seed: int) -> None:
        for _ in range(40):
            if not np.array_equal(result(600, seed), expected[seed]):
                wrong.append(seed)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong
    assert kept.kept() <= LIMIT


@pytest.mark.parametrize("bad", [-1, -(2**70)])
def test_refused_limits(bad: int) -> None:
    with pytest.raises(ValueError, match=f"limit: .*{bad}"):
        cnorm.set_output_cache(bad)
    assert cnorm.get_output_cache() == LIMIT


@pytest.mark.parametrize("bad", [1.5, "2", None, True], ids=str)
def test_refused_types(bad: object) -> None:
    with pytest.raises(TypeError, match="limit: "):
        cnorm.set_output_cache(bad)  # type: ignore[arg-type]


ASK = "import cnorm; print(cnorm.get_output_cache())"


def test_environment() -> None:
    assert run(ASK, CNORM_OUTPUT_CACHE="12345678").stdout.strip() == "12345678"
    assert run(ASK, CNORM_OUTPUT_CACHE="").stdout == run(ASK).stdout  # empty is unset
    done = run(ASK, CNORM_OUTPUT_CACHE="lots")
    assert "CNORM_OUTPUT_CACHE: expected a number of bytes, got 'lots'" in done.stderr


def test_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CNORM_OUTPUT_CACHE", raising=False)
    for size, expected in ((2**40, 256 * 2**20), (2**32, 2**26)):
        monkeypatch.setattr(os, "sysconf", lambda name, n=size: 4096 if "SIZE" in name else n // 4096)
        assert memory.default_limit() == expected
    monkeypatch.delattr(os, "sysconf")
    assert memory.default_limit() == 256 * 2**20
