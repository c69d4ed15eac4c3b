"""Every instruction set of this CPU gives the same bits; names it does not know or have are refused."""

from __future__ import annotations

import json
import subprocess

import processes
import pytest

from cnorm import _core

HASHES = """
import hashlib, json, sys
import numpy as np, cnorm
import cnorm.functional as F
from operations import LAYOUTS, OPERATIONS
from reference import DTYPES
from strategies import fill

def digest(a):
    return hashlib.sha256(np.ascontiguousarray(a).view(np.uint8)).hexdigest()

hashes = {"isa": cnorm._core.info()["isa"]}
shapes = [(3, 4, 5, 7), (2, 6, 33), (2, 2, 1000), (40, 6, 1), (2, 16, 3, 3), (3, 2, 5001), (1, 2, 40000)]
for dtype in DTYPES:
    for shape in shapes:
        x = fill(shape, dtype, 1)
        x[0, 1] = 1  # constant groups, and columns that hold a huge, a tiny or no number
        x[-1, 0].flat[-1] = 6e4 if dtype == np.float16 else 1e30
        x[-1, 1].flat[0] = 1e-30
        for layout in ("contiguous", "channels-last", "strided channels"):
            laid = LAYOUTS[layout](x)
            for operation in OPERATIONS:
                if operation.name == "switchable_norm_train" and 1 in shape[2:]:
                    continue
                p = operation.parameters(shape, np.float32, np.random.default_rng(2))
                try:
                    result = operation.call(laid, **p)
                except ValueError as error:
                    assert "more than 1" in str(error)
                    continue
                hashes[f"{operation.name} {dtype} {shape} {layout}"] = digest(result)
            nan = laid.copy("K")
            nan[0, 0].flat[0] = np.nan
            y = cnorm.standardize(nan, (0, 2))
            hashes[f"nan {dtype} {shape} {layout}"] = digest(np.where(np.isnan(y), np.array(0, dtype), y))
            for activation in ("relu", "silu", "gelu", "gelu_tanh"):
                rows, h = F.layer_norm(laid, laid.shape[-1:], residual=laid[::-1], activation=activation)
                channels = F.batch_norm(laid, None, None, training=True, activation=activation)
                y = np.where(np.isnan(rows + channels), np.array(0, dtype), rows + channels)
                hashes[f"{activation} {dtype} {shape} {layout}"] = digest(y) + digest(h)
            for axis in (None, 0, 1, -1, (0, 2)):
                mean, var = cnorm.moments(laid, axis)
                hashes[f"moments {axis} {dtype} {shape} {layout}"] = digest(mean) + digest(var)
    line = np.concatenate([np.linspace(-s, s, 5001) for s in (1e-3, 1, 6, 30, 800)]).astype(dtype)
    unit = np.ones(1, np.float64 if dtype == np.float64 else np.float32)
    for activation in ("silu", "gelu", "gelu_tanh"):
        y = F.batch_norm(line[:, None], unit * 0, unit, eps=0.0, activation=activation)
        hashes[f"{activation} {dtype}"] = digest(y)
    wide = fill((2, 21, 3, 71), dtype, 3) * np.array(10, dtype) ** fill((2, 21, 3, 71), dtype, 4)
    wide[0, :, :, ::4] = 0
    for beta in (0.75, 0.5, 1.0, 0.6, -1.7, 3.0, 7.5):
        for size, alpha, k in ((5, 1e-4, 1.0), (20, 3.0, 0.0), (4, -1.0, 1.0)):
            for layout in ("contiguous", "channels-last"):
                for name in ("local_response_norm", "cross_map_lrn2d"):
                    y = getattr(F, name)(LAYOUTS[layout](wide), size, alpha, beta, k)
                    y = np.where(np.isnan(y), np.array(0, dtype), y)
                    hashes[f"{name} {dtype} {size} {beta} {layout}"] = digest(y)
    for layout in ("HWC->CHW", "HWC->HWC", "CHW->CHW"):
        for kind in (np.uint8, np.uint16, *DTYPES):
            for channels, width in ((1, 45), (2, 70), (3, 61), (3, 900), (4, 33), (7, 20)):
                shape = (5, width, channels) if layout[0] == "H" else (channels, 5, width)
                x = (np.abs(fill(shape, np.dtype(np.float64), 5)) * 60).astype(kind)
                for name, view in (("straight", x), ("reversed", x[:, ::-1, ::-1])):
                    y = cnorm.image_normalize(view, 0.456, 0.224, layout=layout, dtype=dtype)
                    z = cnorm.image_normalize(view, "channel", None, layout=layout, dtype=dtype)
                    hashes[f"image {dtype} {kind} {shape} {name} {layout}"] = digest(y) + digest(z)
print(json.dumps(hashes))
"""


def run(code: str, cpu: str | None) -> subprocess.CompletedProcess[str]:
    return processes.run(code, **({} if cpu is None else {"CNORM_CPU": cpu}))


def names(available: bool) -> list[str]:
    return [isa["name"] for isa in _core.info()["isas"] if isa["available"] is available]


def test_all_instruction_sets_agree() -> None:
    results = {}
    for name in names(available=True):
        done = run(HASHES, name)
        assert done.returncode == 0, done.stderr
        results[name] = json.loads(done.stdout)
        assert results[name].pop("isa") == name
    first, *others = results.values()
    assert len(first) > 1000
    for other in others:
        assert {k for k in first if first[k] != other[k]} == set()


def test_the_best_is_chosen() -> None:
    done = run("from cnorm import _core; print(_core.info()['isa'])", None)
    assert done.stdout.strip() == names(available=True)[0]
    assert run("from cnorm import _core; print(_core.info()['isa'])", "").stdout == done.stdout


@pytest.mark.parametrize("name", ["avx9000", "X86-64", "x86-64-v2 ", *names(available=False)])
def test_refused_at_import(name: str) -> None:
    done = run("import cnorm", name)
    assert done.returncode
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(("ImportError", "RuntimeError", "ValueError"))
    assert "CNORM_CPU" in last
    assert repr(name) in last
