"""Every instruction set of this CPU gives the same bits; names it does not know or have are refused."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator
from typing import Any

import numpy as np
import processes
import pytest
from operations import LAYOUTS, OPERATIONS
from processes import bits_of_all_sets, digest, instruction_sets
from reference import DTYPES, Array
from strategies import fill

import cnorm
import cnorm.functional as F
from cnorm import stats
from cnorm._native import core

pytestmark = pytest.mark.thorough

Named = Iterator[tuple[str, tuple[Array, ...]]]  # a case and its results

SHAPES = [(3, 4, 5, 7), (2, 6, 33), (2, 2, 1000), (40, 6, 1), (2, 16, 3, 3), (3, 2, 5001), (1, 2, 40000)]
CURVES = tuple(core.activations())


def without_nan(y: Array) -> Array:
    """The sign and payload of NaN say nothing."""
    return np.where(np.isnan(y), np.array(0, y.dtype), y)


def operations(x: Array) -> Named:
    for operation in OPERATIONS:
        if operation.name == "switchable_norm_train" and 1 in x.shape[2:]:
            continue
        p = operation.parameters(x.shape, np.float32, np.random.default_rng(2))
        try:
            yield operation.name, (operation.call(x, **p),)
        except ValueError as error:
            if "more than 1" not in str(error):
                raise


def others(x: Array) -> Named:
    nan = x.copy("K")
    nan[0, 0].flat[0] = np.nan
    yield "nan", (without_nan(cnorm.standardize(nan, (0, 2))),)
    for activation in CURVES:
        rows, h = F.layer_norm(x, x.shape[-1:], residual=x[::-1], activation=activation)
        channels = F.batch_norm(x, None, None, training=True, activation=activation)
        yield activation, (without_nan(rows + channels), h)
    for axis in (None, 0, 1, -1, (0, 2)):
        yield f"moments {axis}", cnorm.moments(x, axis)
        of_all = (stats.sum, stats.std, stats.ss, stats.ptp, stats.nanmean, stats.count, stats.anynan)
        yield f"reductions {axis}", tuple(without_nan(np.asarray(f(nan, axis))) for f in of_all)
        if not isinstance(axis, tuple):
            places = (stats.argmin, stats.argmax, stats.nanargmax)
            yield f"places {axis}", tuple(np.asarray(f(x, axis)) for f in places)
    for axis in range(x.ndim):
        for a, name in ((x, "windows"), (nan, "windows with holes")):
            for window in (2, 5, 20, 150):
                results = cnorm.rolling_moments(a, window, axis=axis, min_count=1, center=True)
                yield f"{name} {axis} {window}", tuple(map(without_nan, results))
            fit = min(3, x.shape[axis])
            moves = (stats.move_sum, stats.move_mean, stats.move_std, stats.move_min, stats.move_max)
            yield f"moving {name} {axis}", tuple(without_nan(f(a, fit, 1, axis)) for f in moves)
            yield f"ewm {name} {axis}", tuple(map(without_nan, cnorm.ewm_moments(a, alpha=0.1, axis=axis)))


def curves(dtype: np.dtype[Any]) -> Named:
    line = np.concatenate([np.linspace(-s, s, 5001) for s in (1e-3, 1, 6, 30, 800)]).astype(dtype)
    unit = np.ones(1, np.float64 if dtype == np.float64 else np.float32)
    for activation in CURVES[1:]:
        y = F.batch_norm(line[:, None], unit * 0, unit, eps=0.0, activation=activation)
        yield f"{activation} of a line", (y,)


def responses(dtype: np.dtype[Any]) -> Named:
    wide = fill((2, 21, 3, 71), dtype, 3) * np.array(10, dtype) ** fill((2, 21, 3, 71), dtype, 4)
    wide[0, :, :, ::4] = 0
    for name, beta, layout in itertools.product(
        ("local_response_norm", "cross_map_lrn2d"),
        (0.75, 0.5, 1.0, 0.6, -1.7, 3.0, 7.5),
        ("contiguous", "channels-last"),
    ):
        for size, alpha, k in ((5, 1e-4, 1.0), (20, 3.0, 0.0), (4, -1.0, 1.0)):
            y = getattr(F, name)(LAYOUTS[layout](wide), size, alpha, beta, k)
            yield f"{name} {size} {beta} {layout}", (without_nan(y),)


def pictures(dtype: np.dtype[Any]) -> Named:
    for layout, kind, (channels, width) in itertools.product(
        ("HWC->CHW", "HWC->HWC", "CHW->CHW"),
        (np.uint8, np.uint16, *DTYPES),
        ((1, 45), (2, 70), (3, 61), (3, 900), (4, 33), (7, 20)),
    ):
        shape = (5, width, channels) if layout[0] == "H" else (channels, 5, width)
        x = (np.abs(fill(shape, np.dtype(np.float64), 5)) * 60).astype(kind)
        for name, view in (("straight", x), ("reversed", x[:, ::-1, ::-1])):
            y = cnorm.image_normalize(view, 0.456, 0.224, layout=layout, dtype=dtype)
            z = cnorm.image_normalize(view, "channel", None, layout=layout, dtype=dtype)
            yield f"image {kind} {shape} {name} {layout}", (y, z)


def everything() -> dict[str, str]:
    found = {}
    for dtype in DTYPES:
        for shape in SHAPES:
            x = fill(shape, dtype, 1)
            x[0, 1] = 1  # constant groups, and columns that hold a huge, a tiny or no number
            x[-1, 0].flat[-1] = 6e4 if dtype == np.float16 else 1e30
            x[-1, 1].flat[0] = 1e-30
            for layout in ("contiguous", "channels-last", "strided channels"):
                laid = LAYOUTS[layout](x)
                for name, results in itertools.chain(operations(laid), others(laid)):
                    found[f"{name} {dtype} {shape} {layout}"] = digest(*results)
        for name, results in itertools.chain(curves(dtype), responses(dtype), pictures(dtype)):
            found[f"{name} {dtype}"] = digest(*results)
    return found


def run(code: str, cpu: str | None) -> subprocess.CompletedProcess[str]:
    return processes.run(code, **({} if cpu is None else {"CNORM_CPU": cpu}))


def test_all_instruction_sets_agree() -> None:
    found = bits_of_all_sets(everything)
    assert len(found) > 3000
    assert [case for case, bits in found.items() if len(bits) > 1] == []


def what_differs() -> dict[str, str]:
    return {"nothing": digest(np.zeros(3)), "the set": cnorm._native.core.info()["isa"]}


def test_a_difference_would_be_found() -> None:
    found = bits_of_all_sets(what_differs)
    assert found == {"nothing": {digest(np.zeros(3))}, "the set": set(instruction_sets())}


def test_the_best_is_chosen() -> None:
    done = run("from cnorm._native import core; print(core.info()['isa'])", None)
    assert done.stdout.strip() == instruction_sets()[0]
    assert run("from cnorm._native import core; print(core.info()['isa'])", "").stdout == done.stdout


@pytest.mark.parametrize("name", ["avx9000", "X86-64", "x86-64-v2 ", *instruction_sets(available=False)])
def test_refused_at_import(name: str) -> None:
    done = run("import cnorm", name)
    assert done.returncode
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(("ImportError", "RuntimeError", "ValueError"))
    assert "CNORM_CPU" in last
    assert repr(name) in last
