"""Signatures: functions start with torch.nn.functional's arguments, layers have torch.nn's constructors."""

from __future__ import annotations

import importlib
import inspect
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

import cnorm
import cnorm.functional as F

torch = pytest.importorskip("torch")
nn = pytest.importorskip("cnorm.nn")

FUNCTIONS = (
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
    "rms_norm",
)
LAYERS = (
    *(
        f"{lazy}{norm}{n}d"
        for lazy in ("", "Lazy")
        for norm in ("BatchNorm", "InstanceNorm")
        for n in (1, 2, 3)
    ),
    "CrossMapLRN2d",
    "GroupNorm",
    "LayerNorm",
    "LocalResponseNorm",
    "RMSNorm",
    "SyncBatchNorm",
)


def arguments(function: Any) -> list[tuple[str, Any, Any]]:
    """Name, kind and default of every argument."""
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in parameters]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    theirs = arguments(getattr(torch.nn.functional, name))
    ours = arguments(getattr(F, name))
    assert ours[: len(theirs)] == theirs
    assert all(kind is inspect.Parameter.KEYWORD_ONLY for _, kind, _ in ours[len(theirs) :])
    assert "out" in [name for name, _, _ in ours]


@pytest.mark.parametrize("name", LAYERS)
def test_constructors(name: str) -> None:
    theirs = arguments(getattr(torch.nn, name, None) or getattr(torch.nn.modules.normalization, name))
    ours = arguments(getattr(nn, name))
    assert ours[: len(theirs)] == theirs
    assert all(kind is inspect.Parameter.KEYWORD_ONLY for _, kind, _ in ours[len(theirs) :])


def test_weight_norm_has_torch_defaults() -> None:
    """As torch.nn.utils' weight_norm and aten's: the norm keeps axis 0."""
    assert arguments(F.weight_norm)[:3] == [
        ("v", inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.empty),
        ("g", inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.empty),
        ("dim", inspect.Parameter.POSITIONAL_OR_KEYWORD, 0),
    ]


def test_fold_batch_norm_has_torch_arguments() -> None:
    """torch's names with their prefixes apart, and eps where it can have a default."""
    theirs = list(inspect.signature(torch.nn.utils.fusion.fuse_conv_bn_weights).parameters)
    assert theirs == ["conv_w", "conv_b", "bn_rm", "bn_rv", "bn_eps", "bn_w", "bn_b", "transpose"]
    ours = arguments(F.fold_batch_norm)
    names = ["weight", "bias", "running_mean", "running_var", "bn_weight", "bn_bias", "eps", "transpose"]
    assert [name for name, _, _ in ours] == names
    assert [default for _, _, default in ours[-2:]] == [1e-5, False]


def test_image_normalize() -> None:
    empty, either = inspect.Parameter.empty, inspect.Parameter.POSITIONAL_OR_KEYWORD
    only = inspect.Parameter.KEYWORD_ONLY
    assert arguments(cnorm.image_normalize) == [
        ("image", either, empty),
        ("mean", either, empty),
        ("std", either, empty),
        ("scale", only, None),
        ("layout", only, "HWC->CHW"),
        ("dtype", only, np.float32),
        ("out", only, None),
        ("patch", only, None),
        ("merge", only, 1),
        ("temporal", only, 1),
        ("clip", only, None),
    ]


GATES = ("gate", "gate_activation", "norm_before_gate", "group_size")


def test_fusions_come_last() -> None:
    of_rows = ["residual", "residual_out", "activation", "eps_mode"]
    for name in ("layer_norm", "rms_norm"):
        names = [a for a, _, _ in arguments(getattr(F, name)) if a not in GATES]
        assert names[-4:] == of_rows
    for name in ("batch_norm", "group_norm", "instance_norm"):
        last = [a for a in arguments(getattr(F, name)) if a[0] != "eps_mode"][-1]
        assert last == ("activation", inspect.Parameter.KEYWORD_ONLY, None)


PUBLIC = {name: getattr(F, name) for name in F.__all__}
PUBLIC |= {f"stats.{name}": getattr(cnorm.stats, name) for name in cnorm.stats.__all__}
PUBLIC |= {name: getattr(cnorm, name) for name in ("image_normalize", "moments", "standardize")}


PUBLIC |= {
    f"preprocessing.{name}": getattr(cnorm.preprocessing, name)
    for name in cnorm.preprocessing.__all__
    if name.islower()
}

for bridge in ("dask", "onnx", "torch", "transformers"):
    with suppress(ImportError):  # tests/test_import.py sees to it that a library is all that is missing
        interop = importlib.import_module(f"cnorm.interop.{bridge}")
        PUBLIC |= {f"interop.{bridge}.{name}": getattr(interop, name) for name in interop.__all__}


@pytest.mark.parametrize("name", PUBLIC)
def test_public_functions_are_documented(name: str) -> None:
    doc = inspect.getdoc(PUBLIC[name]) or ""
    for part in ("Parameters", "Returns", "Raises", "Examples", ">>> "):
        assert part in doc or (part == "Parameters" and not arguments(PUBLIC[name]))
    for argument, _, _ in arguments(PUBLIC[name]):
        assert argument in doc


@pytest.mark.parametrize("module", ["cnorm", "cnorm.functional", "cnorm.preprocessing", "cnorm.stats"])
def test_who_says_dim_also_says_axis(module: str) -> None:
    """NumPy's name, keyword-only; both at once are a TypeError."""
    names = importlib.import_module(module).__all__
    functions = {name: getattr(importlib.import_module(module), name) for name in names}
    arrays = {"normalize": (np.ones((3, 3)),), "weight_norm": (np.ones((3, 3)), np.ones(3))}
    for name, function in functions.items():
        if not inspect.isroutine(function) or "dim" not in inspect.signature(function).parameters:
            continue
        assert inspect.signature(function).parameters["axis"].kind is inspect.Parameter.KEYWORD_ONLY
        x, *more = arrays[name]
        assert np.array_equal(function(x, *more, axis=1), function(x, *more, dim=1))
        with pytest.raises(TypeError, match="axis: expected None beside dim=-2"):
            function(x, *more, dim=-2, axis=0)
