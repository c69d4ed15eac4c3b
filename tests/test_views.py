"""Any views, parameters of any float dtype, outputs anywhere: both ways in have the same bits and errors.

The short and the careful one. CNORM_FUZZ=<calls of each function> tries more.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from reference import DTYPES, Array

import cnorm
import cnorm.functional as F
import cnorm.preprocessing as P
from cnorm import stats
from cnorm._native import norms, reduced, scores, windows
from cnorm._norms import batch, group, rows, rows_int8

CALLS = int(os.environ.get("CNORM_FUZZ", "250"))
SIZES = (1, 2, 3, 4, 5, 8, 17)
CAREFUL: dict[str, Any] = {
    "layer_norm": rows,
    "rms_norm": rows,
    "layer_norm_int8": rows_int8,
    "rms_norm_int8": rows_int8,
    "batch_norm": batch,
    "instance_norm": batch,
    "group_norm": group,
}
Call = dict[str, Any]


class Views:
    """Arrays at random."""

    def __init__(self, seed: int) -> None:
        self.r = np.random.default_rng(seed)

    def chance(self, share: float) -> bool:
        return bool(self.r.random() < share)

    def one(self, of: Any) -> Any:
        return of[self.r.integers(len(of))]

    def shape(self, least: int, most: int) -> tuple[int, ...]:
        return tuple(self.r.choice(SIZES, self.r.integers(least, most + 1)).tolist())

    def view(self, shape: tuple[int, ...], dtype: Any, memory: Array | None = None) -> Array:
        """Of axes in any order, with gaps, some backwards; of new memory, or anywhere in what is given."""
        order, gaps = self.r.permutation(len(shape)), self.r.integers(1, 3, len(shape))
        sizes = [shape[axis] * gaps[axis] for axis in order]
        n = int(np.prod(sizes))
        if memory is None:
            base = (self.r.standard_normal(n) * 3 + 1).astype(dtype)
        else:
            first = self.r.integers(memory.size - n + 1)
            base = memory[first : first + n]
        x = base.reshape(sizes)[tuple(slice(None, None, gaps[axis]) for axis in order)]
        x = x.transpose(np.argsort(order))
        return x[tuple(slice(None, None, -1 if self.chance(0.2) else 1) for _ in shape)]

    def pair(self, shape: tuple[int, ...], dtype: Any) -> tuple[Array, Array | None, Array]:
        """x, `out` or None, and the memory that holds both: apart, the same, or anyhow."""
        memory = (self.r.standard_normal(64 * int(np.prod(shape)) + 64) * 3 + 1).astype(dtype)
        x, how = self.view(shape, dtype, memory), self.r.integers(4)
        if how == 0 and x.ndim and self.chance(0.3):
            x = np.broadcast_to(x[:1], shape)
        return x, (None, self.view(shape, dtype), self.view(shape, dtype, memory), x)[how], memory

    def parameter(self, shape: tuple[int, ...], x: Array) -> Array | None:
        wide = np.float64 if x.dtype == np.float64 else np.float32
        p = (self.r.random(shape) + 0.5).astype(self.one(DTYPES) if self.chance(0.5) else wide)
        return None if self.chance(0.25) else np.repeat(p, 2, -1)[..., ::2] if self.chance(0.2) else p

    def mask(self, shape: tuple[int, ...]) -> Array | None:
        m = self.r.random([1 if self.chance(0.3) else n for n in shape]) < 0.7
        return None if self.chance(0.5) else np.asfortranarray(m) if self.chance(0.4) else m[::-1]


def rows_call(v: Views, name: str, x: Array) -> Call:
    if v.chance(0.5):
        shape = x.shape[-v.r.integers(1, x.ndim + 1) :]
        call: Call = {}
    else:
        axes = tuple(sorted(v.r.choice(x.ndim, v.r.integers(1, x.ndim + 1), replace=False).tolist()))
        shape, call = tuple(x.shape[a] for a in axes), {"axis": axes}
    call |= {"normalized_shape": shape, "weight": v.parameter(shape, x)}
    if name.startswith("layer"):
        call |= {"bias": v.parameter(shape, x), "where": v.mask(x.shape)}
    if name.endswith("int8"):
        return call | {"scale": None if v.chance(0.5) else 0.1}
    if v.chance(0.3):
        call["residual"] = (
            x if v.chance(0.3) else np.ones_like(x) if v.chance(0.5) else v.view(x.shape, x.dtype)
        )
    return call


def channels_call(v: Views, name: str, x: Array) -> Call:
    c = x.shape[1]
    call: Call = {"weight": v.parameter((c,), x), "bias": v.parameter((c,), x), "where": v.mask(x.shape)}
    if name == "group_norm":
        return call | {"num_groups": v.one([g for g in range(1, c + 1) if c % g == 0])}
    call["training" if name == "batch_norm" else "use_input_stats"] = v.chance(0.5)
    for key in ("running_mean", "running_var"):
        call[key] = (v.r.random(c) + 0.1).astype(v.one(DTYPES))
    return call | ({"running_mean": None, "running_var": None} if v.chance(0.2) else {})


def result(function: Callable[..., Any], call: Call, x: Array) -> list[Any]:
    """The bits of what comes out and of running statistics, or the error."""
    call = {k: np.array(v) if k.startswith("running") and v is not None else v for k, v in call.items()}
    try:
        with np.errstate(all="ignore"):
            found = function(x, **call)
    except (TypeError, ValueError) as error:
        return [repr(error)]
    kept = [call[k] for k in ("running_mean", "running_var") if call.get(k) is not None]
    parts = [*(found if isinstance(found, tuple) else (found,)), *kept]
    return [(type(p), p.dtype, p.shape, np.array(p, order="C").tobytes()) for p in parts]


def both(v: Views, ways: list[Callable[..., Any]], call: Call, x: Array, out: Any, memory: Array) -> None:
    """Results, and all memory that could have been written to."""
    before, held = memory.copy(), None if out is None else np.array(out)
    found = []
    for way in ways:
        memory[...] = before
        if out is not None and not np.may_share_memory(out, memory):
            out[...] = held
        found.append([*result(way, call | ({} if out is None else {"out": out}), x), memory.tobytes()])
        found[-1].append(None if out is None else np.array(out, order="C").tobytes())
    assert found[0] == found[1], (x.shape, x.strides, x.dtype, None if out is None else out.strides, call)


@pytest.mark.parametrize("name", CAREFUL)
def test_norms(name: str) -> None:
    v, of_rows = Views(len(name)), CAREFUL[name] in (rows, rows_int8)
    for _ in range(CALLS):
        x, out, memory = v.pair(v.shape(1 if of_rows else 2, 5), v.one(DTYPES))
        call = (rows_call if of_rows else channels_call)(v, name, x)
        if name.endswith("int8"):
            out = None if out is None else np.empty(x.shape, np.int8)
        elif v.chance(0.2):
            call["activation"] = "relu"
        both(v, [getattr(F, name), getattr(CAREFUL[name], name)], call, x, out, memory)


def reduction(v: Views, x: Array) -> tuple[Callable[..., Any], Call, Array | None]:
    names = (
        *("sum", "mean", "var", "std", "min", "max", "ptp", "ss", "argmin", "argmax", "count", "anynan"),
    )
    name = v.one((*names, *(f"nan{n}" for n in names[:7]), "nanargmax", "allnan"))
    axis = None if v.chance(0.2) else int(v.r.integers(-x.ndim, x.ndim))
    call: Call = {"axis": axis, "keepdims": v.chance(0.5)}
    if v.chance(0.3):
        call["where"] = v.mask(x.shape)
    if name.removeprefix("nan") in ("sum", "mean", "var", "std") and v.chance(0.3):
        call["weights"] = (v.r.random(x.shape) + 0.1).astype(v.one(DTYPES))
    shape = np.sum(np.zeros(x.shape, np.bool_), axis, keepdims=call["keepdims"]).shape
    kind = v.one((*DTYPES, np.dtype(np.intp), np.dtype(np.bool_)))
    out = np.array(v.view(shape, np.float32).astype(kind)) if kind.kind in "ib" else v.view(shape, kind)
    return getattr(stats, name), call, np.asarray(out) if v.chance(0.6) else None


def of_shape(v: Views, x: Array) -> tuple[Callable[..., Any], Call, Array | None]:
    axis = int(v.r.integers(-x.ndim, x.ndim))
    ways: list[tuple[Callable[..., Any], Call]] = [
        (cnorm.standardize, {"axis": axis, "weight": v.parameter(x.shape[-1:], x), "where": v.mask(x.shape)}),
        (F.normalize, {"dim": axis}),
        (P.zscore, {"axis": axis}),
        (cnorm.rolling_standardize, {"window": int(v.r.integers(1, 6)), "axis": axis, "min_count": 1}),
        *([(F.local_response_norm, {"size": int(v.r.integers(1, 6)), "k": 2.0})] if x.ndim > 2 else []),
    ]
    function, call = v.one(ways)
    return function, call, v.view(x.shape, x.dtype) if v.chance(0.6) else None


AT_ONCE = (
    *((reduced, name) for name in ("reduce", "moments", "pool_at_once")),
    *((norms, f"{name}_at_once") for name in ("standardize", "normalize", "respond")),
    *((scores, "scores_at_once"), (windows, "at_once")),
)


@pytest.mark.filterwarnings("ignore:Precision loss")
@pytest.mark.parametrize("make", [reduction, of_shape])
def test_others(make: Callable[..., Any]) -> None:
    v = Views(len(make.__name__))
    for _ in range(4 * CALLS):
        x, _, memory = v.pair(v.shape(1, 4), v.one(DTYPES))
        if v.chance(0.2) and x.flags.writeable:
            x[(0,) * x.ndim] = np.nan
        function, call, out = make(v, x)

        def careful(*args: Any, function: Any = function, **keywords: Any) -> Any:
            with pytest.MonkeyPatch.context() as patch:
                for module, name in AT_ONCE:
                    patch.setattr(module, name, lambda *_, **__: None)
                return function(*args, **keywords)

        both(v, [function, careful], call, x, out, memory)
