"""Every case of the table, small: its data, its reference, and that cnorm and NumPy agree with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sweep import sweep

from bench.agreement import BOUNDS, agrees, error
from bench.cases import BY_NAME, CASES, Case, chosen
from bench.data import PAGE, make, placed_like
from bench.measure import measure, prepare
from bench.oracle import reference
from bench.peers import CONTENDERS, FRESH, LIMITS, MODES, PREALLOCATED
from bench.peers.copies import in_parts, parallel_calls, parallel_copy


def small(case: Case) -> Case:
    """A case of the same kind with few values."""
    groups = min(case.groups, 3)
    shape = tuple(min(size, 9 if axis else 12) for axis, size in enumerate(case.shape))
    if groups:
        shape = (shape[0], 2 * groups, *shape[2:])
    return replace(case, shape=shape, groups=groups)


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(CASES)


def test_cases_are_chosen_by_text() -> None:
    assert [str(c) for c in chosen("rms_norm (1,|local")] == [
        "rms_norm (1,4096)",
        "gemma_rms_norm (1,4096)",
        "local_response_norm (8,96,55,55)",
        "local_response_norm (2,3,4,4)",
        "rms_norm (1,4096) residual",
    ]
    assert chosen("") == CASES


@sweep(case=CASES)
def test_cnorm_and_numpy_agree(case: Case) -> None:
    """prepare() raises if cnorm does not."""
    if case.dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    if "sparse" in case.operation:
        pytest.importorskip("scipy")
    prepared = prepare(small(case), 1, ("cnorm", "numpy", *LIMITS))
    if case.size == 1:  # NumPy overflows
        assert prepared.disagree == {mode: {} for mode in MODES}
        assert "numpy" in prepared.calls[FRESH]
    assert "copy" in prepared.calls[FRESH]


@sweep(
    case=[next(c for c in CASES if c.operation == name) for name in dict.fromkeys(c.operation for c in CASES)]
)
def test_every_peer_knows_what_it_lacks(case: Case) -> None:
    """An operation that it has not is no error: the case is measured with the others."""
    data = make(small(case))
    for name, contender in CONTENDERS.items():
        if contender.installed:
            calls = contender.calls(small(case), data, 1)
            assert calls.keys() <= {*MODES}, name


@sweep(case=CASES)
def test_data(case: Case) -> None:
    if case.dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    case = small(case)
    d = make(case)
    assert d.x.shape == case.shape
    assert d.x.dtype == case.dtype
    assert d.out.shape == np.shape(reference(case, d) if case.is_picture else d.x)
    assert d.out.dtype == (np.float32 if case.is_picture else np.int8 if case.quantized else d.x.dtype)
    assert d.x.flags.aligned
    if case.layout != "every second column":
        assert case.is_picture or case.quantized or d.x.strides == d.out.strides
        assert d.x.ctypes.data % PAGE == 0
        assert d.out.ctypes.data % PAGE == PAGE // 2 + case.past
    assert d.x.flags.c_contiguous == (case.layout == "contiguous")
    expected = reference(case, d)
    assert np.isfinite(expected[0] if isinstance(expected, tuple) else expected).all()
    again = make(case)
    np.testing.assert_array_equal(d.x, again.x)


def test_memory_order_is_kept() -> None:
    x = np.zeros((2, 3, 4, 5)).transpose(2, 0, 3, 1)
    assert placed_like(x, 0).strides == np.empty_like(x).strides


def test_error() -> None:
    assert error(np.array([1.0, 10.0]), np.array([1.0, 11.0])) == pytest.approx(1 / 11)
    assert error(np.array([0.5, 0.0]), np.array([0.0, 0.0])) == 0.5
    assert error((np.zeros(2), np.ones(2)), (np.zeros(2), np.zeros(2))) == 1
    assert error(np.zeros(2), np.zeros(3)) == np.inf
    assert error(np.array([np.nan]), np.zeros(1)) == np.inf
    assert error(np.float32(2), np.float64(2)) == 0


@pytest.mark.parametrize("dtype", BOUNDS)
def test_cnorm_is_held_to_more_than_peers(dtype: str) -> None:
    between = sum(BOUNDS[dtype]) / 2
    assert agrees("torch", dtype, between)
    assert not agrees("cnorm", dtype, between)


def test_a_wrong_peer_is_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    case = small(BY_NAME["zscore (1000000,20)"])
    monkeypatch.setattr("bench.peers.numpy_peer.zscore", lambda x, out=None: x)
    prepared = prepare(case, 1, ("cnorm", "numpy"))
    assert list(prepared.disagree[FRESH]) == list(prepared.disagree[PREALLOCATED]) == ["numpy"]
    record = measure(case, 1, FRESH, prepared, 0)
    assert record
    assert list(record["times"]) == ["cnorm"]
    assert list(record["disagree"]) == ["numpy"]


def test_a_mode_cnorm_lacks_is_not_measured() -> None:
    case = small(BY_NAME["moments (4096,4096) axes (0,)"])
    assert measure(case, 1, PREALLOCATED, prepare(case, 1, ("cnorm",)), 0) is None


def test_parallel_copy() -> None:
    case = Case("layer_norm", (300, 2, 300), (-1,), layout="channels-last")
    d = make(case)
    calls = parallel_calls(case, d, 3)
    assert set(calls) == set(MODES)
    calls[FRESH]()
    np.testing.assert_array_equal(d.out, d.x)
    assert parallel_calls(case, d, 1) == {}


def test_parts_cover_the_array() -> None:
    out, x = np.zeros(10), np.arange(10.0)
    parts = in_parts(out, x, 3)
    assert [source.size for _, source in parts] == [3, 3, 4]
    parallel_copy(parts[:1])
    np.testing.assert_array_equal(out[:3], x[:3])


def test_contenders_are_described() -> None:
    assert not [name for name, c in CONTENDERS.items() if name not in ("cnorm", *LIMITS) and not c.packages]
