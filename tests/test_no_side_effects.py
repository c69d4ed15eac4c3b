"""A call leaves nothing behind: inputs as they were, no hidden memory, no leak, no changed float control."""

from __future__ import annotations

import gc
import resource
import tracemalloc
import warnings
from functools import partial
from typing import Any

import numpy as np
import pytest
from memory import peak_of
from operations import LAYOUTS, OPERATIONS, Operation
from reference import DTYPES
from strategies import fill
from sweep import sweep

import cnorm
import cnorm.functional as F

by_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=repr)


@by_operation
@sweep(dtype=DTYPES, layout=["contiguous", "channels-last", "reversed", "read-only"])
def test_inputs_are_not_modified(operation: Operation, dtype: Any, layout: str) -> None:
    x = LAYOUTS[layout](fill((3, 4, 5, 6), dtype, 1))
    p = operation.parameters(x.shape, np.float32, np.random.default_rng(1))
    for value in p.values():
        value.flags.writeable = False
    before = x.tobytes(), {k: v.tobytes() for k, v in p.items()}
    if operation.name == "switchable_norm_train":
        p = {k: v for k, v in p.items() if not k.startswith("running")}
    strides = x.strides
    operation.call(x, **p)
    assert x.tobytes() == before[0]
    assert x.strides == strides
    assert all(p[k].tobytes() == before[1][k] for k in p)


# Not bounded yet by design: general p works on temporaries.
STREAMING = [o for o in OPERATIONS if not o.name.startswith("normalize_")]


@pytest.mark.parametrize("operation", STREAMING, ids=repr)
@sweep(layout=["contiguous", "channels-last", "fortran", "strided channels"])
def test_out_allocates_nothing(operation: Operation, layout: str) -> None:
    """With `out` (in place, too) less than 64 KiB of Python and NumPy memory, whatever the size."""
    x = LAYOUTS[layout](fill((4, 8, 64, 256), np.dtype(np.float32), 2))
    p = operation.parameters(x.shape, np.float32, np.random.default_rng(2))
    if p.get("weight", np.zeros(0)).size > 4096:
        p = {}
    out = np.empty_like(x)
    operation.call(x, **p, out=out)
    for target in (out, x if x.flags.writeable else out):
        assert peak_of(partial(operation.call, x, **p, out=target)) < 64 * 1024


def test_moments_allocate_nothing() -> None:
    x = fill((512, 2048), np.dtype(np.float32), 3)
    for axis in (None, 1, 0):
        results = 1 if axis is None else x.shape[1 - axis]
        assert peak_of(partial(cnorm.moments, x, axis)) < 64 * 1024 + 16 * 8 * results


def calls_of_every_kind(x: Any) -> None:
    for operation in OPERATIONS:
        operation.call(x, **operation.parameters(x.shape, np.float32, np.random.default_rng(3)))
    cnorm.moments(x, 1, nan_policy="omit")
    cnorm.standardize(x, 1, return_moments=True)
    for bad in (
        lambda: F.layer_norm(x, (99,)),
        lambda: F.batch_norm(x, None, None),
        lambda: F.group_norm(x, 3),
    ):
        with pytest.raises(ValueError):
            bad()


@pytest.mark.thorough
def test_no_leak() -> None:
    """2000 calls, failing ones among them: traced memory and the process stay flat."""
    x = fill((2, 4, 8), np.dtype(np.float32), 4)
    for _ in range(5):
        calls_of_every_kind(x)
    gc.collect()
    tracemalloc.start()
    try:
        start, _ = tracemalloc.get_traced_memory()
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(2000 // (len(OPERATIONS) + 5) + 1):
            calls_of_every_kind(x)
        gc.collect()
        end, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert end - start < 64 * 1024
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resident < 32 * 1024


def test_results_do_not_alias() -> None:
    """Two results are two arrays, and none of them is a view of the input."""
    x = fill((4, 6), np.dtype(np.float32), 5)
    a, b = F.layer_norm(x, (6,)), F.layer_norm(x, (6,))
    assert not np.may_share_memory(a, b)
    assert not np.may_share_memory(a, x)
    assert a.flags.owndata
    assert a.flags.writeable


def test_subclasses_come_out_as_arrays() -> None:
    x = fill((4, 6), np.dtype(np.float32), 6).view(np.recarray)
    assert type(F.layer_norm(x, (6,))) is np.ndarray


def test_denormals_survive() -> None:
    """Neither import nor a call flushes denormals to zero."""
    F.layer_norm(fill((64, 768), np.dtype(np.float32), 7), (768,))
    assert np.float32(1e-40) * np.float32(1) != 0


@by_operation
@sweep(value=[0.0, 1e30, np.nan, np.inf])
def test_no_warnings(operation: Operation, value: float) -> None:
    """Hostile values are data: no floating-point warning reaches the caller, whatever errstate says."""
    x = fill((2, 4, 6), np.dtype(np.float32), 8)
    x[0, 1, :] = value
    p = operation.parameters(x.shape, np.float32, np.random.default_rng(4))
    with warnings.catch_warnings(), np.errstate(all="warn"):
        warnings.simplefilter("error")
        operation.call(x, **p)
