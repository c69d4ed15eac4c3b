"""The short way in: the same bits and errors as the careful functions, taken when it should be."""

from __future__ import annotations

import inspect
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from operations import LAYOUTS
from reference import BFLOAT16, DTYPES, Array
from strategies import fill, seeds, shapes
from sweep import sweep

import cnorm.functional as F
from cnorm._norms import batch, group, rows

Call = dict[str, Any]

MODULES = {
    "layer_norm": rows,
    "rms_norm": rows,
    "group_norm": group,
    "batch_norm": batch,
    "instance_norm": batch,
}
F32 = np.dtype(np.float32)
F.layer_norm(np.ones((1, 2), BFLOAT16), (2,))  # an array of bfloat16 is known once one was seen

by_name = pytest.mark.parametrize("name", MODULES)


def careful(name: str) -> Callable[..., Array]:
    function: Callable[..., Array] = getattr(MODULES[name], name)
    return function


def vector(n: int, dtype: np.dtype[Any], seed: int) -> Array:
    """Positive values in the compute dtype of dtype."""
    wide = np.float64 if dtype == np.float64 else np.float32
    return np.random.default_rng(seed).uniform(0.5, 1.5, n).astype(wide)


def arguments(name: str, x: Array, axes: int = 1, seed: int = 0) -> Call:
    """A plain call with every parameter; batch_norm in evaluation."""
    if name in ("layer_norm", "rms_norm"):
        shape = x.shape[-axes:]
        n = int(np.prod(shape))
        call: Call = {
            "input": x,
            "normalized_shape": shape,
            "weight": vector(n, x.dtype, seed).reshape(shape),
        }
        if name == "layer_norm":
            call["bias"] = vector(n, x.dtype, seed + 1).reshape(shape)
        return call
    c = x.shape[1]
    call = {"input": x, "weight": vector(c, x.dtype, seed), "bias": vector(c, x.dtype, seed + 1)}
    if name == "group_norm":
        call["num_groups"] = 2 if c % 2 == 0 else 1
    if name == "batch_norm":
        call["running_mean"] = vector(c, x.dtype, seed + 2)
        call["running_var"] = vector(c, x.dtype, seed + 3)
    return call


def same(a: Array, b: Array) -> bool:
    """Equal in every bit, and in layout."""
    return (a.dtype, a.shape, steps(a), a.tobytes()) == (b.dtype, b.shape, steps(b), b.tobytes())


def steps(a: Array) -> list[int]:
    """The strides that matter."""
    return [s for s, n in zip(a.strides, a.shape, strict=True) if n > 1 and a.size]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The careful functions called."""
    calls: list[str] = []

    def spy(name: str, function: Callable[..., Array]) -> Callable[..., Array]:
        def called(*args: Any, **keywords: Any) -> Array:
            calls.append(name)
            return function(*args, **keywords)

        return called

    for name, module in MODULES.items():
        monkeypatch.setattr(module, name, spy(name, careful(name)))
    return calls


@by_name
def test_looks_like_the_careful_function(name: str) -> None:
    public, behind = getattr(F, name), careful(name)
    assert inspect.signature(public) == inspect.signature(behind)
    assert public.__doc__ == behind.__doc__
    assert public.__name__ == public.__qualname__ == name
    assert inspect.isroutine(public)
    assert pickle.loads(pickle.dumps(public)) is public


PLAIN = [
    (name, layout, out)
    for name in MODULES
    for layout in sorted(LAYOUTS.keys() - {"swapped"})
    for out in ("none", "another", *(() if layout == "read-only" else ("itself",)))
]


@pytest.mark.parametrize(("name", "layout", "out"), PLAIN)
@sweep(dtype=DTYPES)
def test_plain_calls_are_short(name: str, layout: str, out: str, dtype: Any, asked: list[str]) -> None:
    x = LAYOUTS[layout](fill((2, 4, 3, 5), dtype, 1))
    call = arguments(name, x)
    expected = careful(name)(**call)
    asked.clear()
    target = {"none": None, "another": np.empty_like(x), "itself": x}[out]
    y = getattr(F, name)(**call, out=target)
    assert asked == []
    given = out == "itself"  # with gaps where x has them
    assert same(y.copy(), expected.copy()) if given else same(y, expected)
    assert target is None or y is target


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("layer_norm", {"weight": None}),
        ("layer_norm", {"bias": None}),
        ("rms_norm", {"weight": None, "eps": 0.0}),
        ("batch_norm", {"weight": None, "bias": None, "momentum": 0.5}),
        ("instance_norm", {"weight": None}),
        (
            "instance_norm",
            {"running_mean": np.ones(4, F32), "running_var": np.ones(4, F32), "use_input_stats": False},
        ),
        ("group_norm", {"bias": None, "num_groups": 4, "eps": float("nan")}),
    ],
)
def test_options_are_short(name: str, change: Call, asked: list[str]) -> None:
    call = arguments(name, fill((2, 4, 3), F32, 2)) | change
    expected = careful(name)(**call)
    asked.clear()
    assert same(getattr(F, name)(**call), expected)
    assert asked == []


HIDING = np.arange(120).reshape(2, 4, 3, 5) % 7 > 1
ALONG: list[tuple[str, Call]] = [
    *(
        (name, {"axis": axis, "normalized_shape": sizes})
        for name in ("layer_norm", "rms_norm")
        for axis, sizes in ((1, (4,)), (-3, [4]), ((0, 2), (2, 3)), ((1, -1), (4, 5)))
    ),
    ("layer_norm", {"where": HIDING}),
    ("layer_norm", {"where": HIDING, "axis": 2, "normalized_shape": (3,)}),
    ("layer_norm", {"where": HIDING & False, "activation": "silu"}),
]


@pytest.mark.parametrize(("name", "change"), ALONG)
@pytest.mark.parametrize("layout", ["contiguous", "fortran", "channels-last"])
@sweep(
    dtype=DTYPES, out=[False, True], more=[{}, {"eps": 0.5}, {"activation": "relu"}, {"weight_offset": 1.0}]
)
def test_axes_and_masks_are_short(
    name: str, change: Call, layout: str, dtype: Any, out: bool, more: Call, asked: list[str]
) -> None:
    x = LAYOUTS[layout](fill((2, 4, 3, 5), dtype, 7))
    call = arguments(name, x) | change | more
    sizes = tuple(call["normalized_shape"])
    for key in {"weight", "bias"} & call.keys():
        call[key] = vector(int(np.prod(sizes)), dtype, 8).reshape(sizes)
    expected = careful(name)(**call)
    asked.clear()
    target = np.empty_like(x) if out else None
    assert same(getattr(F, name)(**call, out=target), expected)
    assert asked == []


# Masks of (2, 4, 3, 5), the last three of which leave a channel, or an instance of it, one element or none.
MASKS: dict[str, Array] = {
    "elements": HIDING,
    "instances": np.arange(8).reshape(2, 4, 1, 1) % 3 > 0,
    "positions": np.arange(15).reshape(1, 1, 3, 5) % 4 > 0,
    "as channels-last": np.ascontiguousarray(HIDING.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
    "transposed": np.asfortranarray(HIDING),
    "reversed": HIDING[::-1, :, ::-1],
    "one sample": np.array([True, False]).reshape(2, 1, 1, 1),
    "one element": np.arange(120).reshape(2, 4, 3, 5) % 30 == 7,
    "few": np.arange(120).reshape(2, 4, 3, 5) % 61 == 7,
}


@pytest.mark.parametrize("name", ["group_norm", "batch_norm", "instance_norm"])
@pytest.mark.parametrize("layout", ["contiguous", "channels-last"])
@pytest.mark.parametrize("mask", MASKS)
@sweep(dtype=DTYPES, out=[False, True], more=[{}, {"activation": "relu"}, {"weight": None}])
def test_masks_of_channels(
    name: str, layout: str, mask: str, dtype: Any, out: bool, more: Call, asked: list[str]
) -> None:
    """They lie in any way."""
    x = LAYOUTS[layout](fill((2, 4, 3, 5), dtype, 7))
    call = arguments(name, x) | {"where": MASKS[mask]} | more
    expected = careful(name)(**call)
    asked.clear()
    target = np.empty_like(x) if out else None
    assert same(getattr(F, name)(**call, out=target), expected)
    assert asked == []


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
@pytest.mark.parametrize("layout", ["contiguous", "channels-last", "fortran"])
@pytest.mark.parametrize("running", [None, np.float32, np.float64, np.float16])
@sweep(dtype=DTYPES, momentum=[0.1, 0.0, 1.0], out=[None, "new", "input", "over mean"], mask=[None, *MASKS])
def test_training(
    name: str,
    layout: str,
    running: Any,
    dtype: Any,
    momentum: float,
    out: str | None,
    mask: str | None,
    asked: list[str],
) -> None:
    """Results and running statistics are those of the careful function."""
    results = []
    for function in (getattr(F, name), careful(name)):
        x = LAYOUTS[layout](fill((2, 4, 3, 5), dtype, 7))
        memory = np.zeros(x.nbytes + 64, np.uint8)
        call = arguments("batch_norm", x) | {"momentum": momentum}
        call["training" if name == "batch_norm" else "use_input_stats"] = True
        call["where"] = None if mask is None else MASKS[mask]
        target = {None: None, "new": np.empty_like(x), "input": x, "over mean": None}[out or "new"]
        if out == "over mean":
            target = memory[: x.nbytes].view(x.dtype).reshape(x.shape)
        for key in ("running_mean", "running_var"):
            call[key] = None if running is None else call[key].astype(running)
        if out == "over mean" and running is not None:
            inside = memory[: 4 * np.dtype(running).itemsize].view(running)
            inside[...] = call["running_mean"]
            call["running_mean"] = inside
        asked.clear()
        y = function(**call, out=target)
        if out != "over mean":
            assert asked == [] or function is not getattr(F, name)
        results.append([y, *(call[key] for key in ("running_mean", "running_var") if running is not None)])
    for ours, theirs in zip(*results, strict=True):
        assert same(ours, theirs)


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm"])
def test_other_axes_need_care(name: str, asked: list[str]) -> None:
    """Out of order, given in other types: weights lie in the order of the axes."""
    x, w = fill((4, 4, 4), F32, 7), vector(16, F32, 8).reshape(4, 4)
    for axis in ((1, 0), [0, 1], (np.int64(0), 1)):
        call: Call = {"input": x, "normalized_shape": (4, 4), "weight": w, "axis": axis}
        expected = careful(name)(**call)
        asked.clear()
        assert same(getattr(F, name)(**call), expected)
        assert asked == [name]


@by_name
@sweep(dtype=DTYPES)
def test_fusions_are_short(name: str, dtype: Any, asked: list[str]) -> None:
    x, r = fill((2, 4, 3), dtype, 2), fill((2, 4, 3), dtype, 3)
    call: Call = arguments(name, x) | {"activation": "silu"}
    if MODULES[name] is rows:
        call |= {"residual": r, "residual_out": np.empty_like(x)}
    expected = careful(name)(**call)
    asked.clear()
    result = getattr(F, name)(**call)
    assert asked == []
    assert np.array_equal(np.asarray(result), np.asarray(expected))


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm"])
@pytest.mark.parametrize("layout", ["contiguous", "fortran", "channels-last"])
@sweep(dtype=DTYPES, given=["", "out", "residual_out"], more=[{}, {"axis": 1, "normalized_shape": (4,)}])
def test_residuals_of_any_order_are_short(
    name: str, layout: str, dtype: Any, given: str, more: Call, asked: list[str]
) -> None:
    x, r = (LAYOUTS[layout](fill((2, 4, 3, 5), dtype, i)) for i in (2, 3))
    call: Call = arguments(name, x) | {"residual": r} | more
    for key in {"weight", "bias"} & call.keys():
        call[key] = vector(call["normalized_shape"][0], dtype, 8)
    expected = careful(name)(**call)
    asked.clear()
    target = {given: np.empty_like(x)} if given else {}
    result = getattr(F, name)(**call | target)
    assert asked == []
    assert all(same(*both) for both in zip(result, expected, strict=True))


@sweep(dtype=DTYPES, layout=["strided", "fortran", "reversed"], out=[False, True])
def test_gates_of_any_layout_are_short(dtype: Any, layout: str, out: bool, asked: list[str]) -> None:
    x, gate = (fill((2, 4, 6), dtype, i) for i in (2, 3))
    call: Call = arguments("rms_norm", x) | {"gate": INPUTS[layout](gate)}
    expected = careful("rms_norm")(**call)
    asked.clear()
    assert same(F.rms_norm(**call, out=np.empty_like(x) if out else None), expected)
    assert asked == []


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm"])
@pytest.mark.parametrize("argument", ["residual", "residual_out"])
def test_other_residuals_need_care(name: str, argument: str, asked: list[str]) -> None:
    """Those laid out as the input is not, too."""
    x, r = fill((2, 4, 3), F32, 2), fill((2, 4, 3), F32, 3)
    call: Call = arguments(name, x) | {"residual": r, "residual_out": np.empty_like(x)}
    expected = getattr(F, name)(**call)
    for odd in (np.asfortranarray, swapped, misaligned, lambda a: a.view(np.recarray)):
        if argument == "residual_out" and odd is swapped:
            continue  # it has the input's byte order, or is refused
        asked.clear()
        result = getattr(F, name)(**call | {argument: odd(call[argument])})
        assert asked == [name]
        assert np.allclose(result, expected)


def swapped(x: Array) -> Array:
    return x.astype(x.dtype.newbyteorder())


def misaligned(x: Array) -> Array:
    buffer = np.zeros(x.nbytes + 1, np.uint8)
    placed = buffer[1:].view(x.dtype).reshape(x.shape)
    placed[...] = x
    return placed


class Exporter:
    """An array-like that is no array."""

    def __init__(self, x: Array) -> None:
        self.__array_interface__ = x.__array_interface__
        self.kept = x


INPUTS: dict[str, Callable[[Array], Any]] = {
    "list": lambda x: x.astype(np.float64).tolist(),
    "array-like": Exporter,
    "swapped": swapped,
    "misaligned": misaligned,
    "fortran": np.asfortranarray,
    "strided": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "reversed": lambda x: x[::-1],
    "empty": lambda x: x[:0],
    "masked": np.ma.masked_array,
    "subclass": lambda x: x.view(np.recarray),
}


# What differs from plain in strides alone.
STRIDES = ("fortran", "strided", "reversed")


@by_name
@sweep(kind=INPUTS)
def test_other_inputs_need_care(name: str, kind: str, asked: list[str]) -> None:
    x = fill((2, 4, 3, 5), F32, 3)
    call = arguments(name, x)
    odd = INPUTS[kind](x)
    asked.clear()
    y = getattr(F, name)(**call | {"input": odd})
    assert asked == ([] if kind in STRIDES else [name])
    assert type(y) is (np.ma.MaskedArray if kind == "masked" else np.ndarray)
    # The order of sums is that of memory: order="K" keeps it.
    plain = np.array(np.asarray(odd), np.float64 if kind == "list" else F32, order="K")
    expected = getattr(F, name)(**call | {"input": plain})
    assert np.array_equal(y, expected)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_subclasses_need_care(tmp_path: Path, asked: list[str]) -> None:
    x = fill((3, 4), F32, 4)
    mapped = np.memmap(tmp_path / "x", F32, "w+", shape=x.shape)
    mapped[...] = x
    for odd in (mapped, np.matrix(x)):
        y = F.layer_norm(odd, (4,))
        assert type(y) is np.ndarray
        assert same(y, F.layer_norm(x, (4,)))
    assert len(asked) == 2


PARAMETERS: dict[str, Callable[[Array], Any]] = {
    "list": lambda w: w.tolist(),
    "wide": lambda w: w.astype(np.float64) + 1e-9,
    "half": lambda w: w.astype(np.float16),
    "swapped": swapped,
    "misaligned": misaligned,
    "strided": lambda w: np.repeat(w, 2)[::2],
    "reversed": lambda w: w[::-1].copy()[::-1],
    "subclass": lambda w: w.view(np.recarray),
}
OF_PARAMETERS = [(n, p) for n in MODULES for p in arguments(n, fill((2, 4, 4), F32, 5)) if p[0] in "wbr"]


@pytest.mark.parametrize(("name", "parameter"), OF_PARAMETERS)
@sweep(kind=PARAMETERS)
def test_other_parameters_need_care(name: str, parameter: str, kind: str, asked: list[str]) -> None:
    call = arguments(name, fill((2, 4, 4), F32, 5))
    odd = PARAMETERS[kind](call[parameter])
    asked.clear()
    y = getattr(F, name)(**call | {parameter: odd})
    short = kind in ("wide", "half") or (MODULES[name] is rows and kind in STRIDES)
    assert asked == ([] if short else [name])
    assert same(y, careful(name)(**call | {parameter: odd}))
    if kind not in ("half", "wide"):
        assert same(y, getattr(F, name)(**call))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("layer_norm", {"eps": 1}),
        ("layer_norm", {"normalized_shape": (np.int64(4),)}),
        ("rms_norm", {"eps": np.float32(1e-3)}),
        ("batch_norm", {"momentum": 0}),
        ("batch_norm", {"training": 0}),
        ("instance_norm", {"use_input_stats": 1}),
        ("group_norm", {"num_groups": np.int32(2)}),
    ],
)
def test_other_arguments_need_care(name: str, change: Call, asked: list[str]) -> None:
    x = fill((2, 4, 4), F32, 6)
    y = getattr(F, name)(**arguments(name, x) | change)
    assert asked == [name]
    assert same(y, careful(name)(**arguments(name, x) | change))


def outs(x: Array) -> dict[str, Array]:
    buffer = np.zeros(x.size + 3, x.dtype)
    buffer[: x.size] = x.ravel()
    return {
        "strided": np.zeros((*x.shape, 2), x.dtype)[..., 0],
        "reversed": np.zeros_like(x)[::-1, ..., ::-1],
        "fortran": np.zeros(x.shape, x.dtype, order="F"),
        "misaligned": misaligned(np.zeros_like(x)),
        "subclass": np.zeros_like(x).view(np.recarray),
    }


@by_name
@sweep(kind=outs(np.zeros((1, 1), F32)))
def test_other_outs_need_care(name: str, kind: str, asked: list[str]) -> None:
    x = fill((2, 4, 4), F32, 7)
    call = arguments(name, x)
    expected = getattr(F, name)(**call)
    target = outs(x)[kind]
    asked.clear()
    assert getattr(F, name)(**call, out=target) is target
    assert asked == ([] if kind in STRIDES else [name])
    assert np.array_equal(target, expected)


@by_name
@sweep(shift=[-3, -1, 1, 5, 31])
def test_overlap_with_input_needs_care(name: str, shift: int, asked: list[str]) -> None:
    """31: the first byte of the one is in the last element of the other."""
    x = fill((2, 4, 4), F32, 8)
    buffer = np.zeros(x.size + 2 * 32, F32)
    source, target = (buffer[32 + s :][: x.size].reshape(x.shape) for s in (0, shift))
    source[...] = x
    expected = getattr(F, name)(**arguments(name, x))
    asked.clear()
    getattr(F, name)(**arguments(name, source), out=target)
    assert asked == [name]
    assert np.array_equal(target, expected)


@by_name
def test_neighbours_do_not_overlap(name: str, asked: list[str]) -> None:
    x = fill((2, 4, 4), F32, 8)
    buffer = np.zeros(2 * x.size, F32)
    source, target = buffer[: x.size].reshape(x.shape), buffer[x.size :].reshape(x.shape)
    source[...] = x
    y = getattr(F, name)(**arguments(name, source), out=target)
    assert asked == []
    assert same(y, getattr(F, name)(**arguments(name, x)))


@pytest.mark.parametrize(("name", "parameter"), OF_PARAMETERS)
def test_overlap_with_parameters(name: str, parameter: str) -> None:
    """`out` holds the parameter: it is read as it was."""
    x = fill((2, 4, 4), F32, 9)
    call = arguments(name, x)
    expected = getattr(F, name)(**call)
    target = np.empty_like(x)
    inside = target.reshape(-1)[5:9]
    inside[...] = call[parameter]
    assert same(getattr(F, name)(**call | {parameter: inside}, out=target), expected)


@given(st.data())
@by_name
def test_bits_are_those_of_the_careful_way(name: str, data: st.DataObject) -> None:
    trailing = MODULES[name] is rows
    shape = data.draw(shapes(1 if trailing else 2, 5))
    x = fill(shape, data.draw(st.sampled_from(DTYPES)), data.draw(seeds))
    if not trailing:
        x = LAYOUTS[data.draw(st.sampled_from(sorted(LAYOUTS.keys() - {"swapped"})))](x)
    call = arguments(name, x, data.draw(st.integers(1, x.ndim)), data.draw(seeds))
    if name == "batch_norm" and data.draw(st.booleans()):
        call["running_var"][...] = -1e-5 * data.draw(st.sampled_from((0, 1, 2)))
    optional = [k for k in ("weight", "bias") if k in call]
    for key in data.draw(st.sets(st.sampled_from(optional))):
        call[key] = None
    call["eps"] = data.draw(st.sampled_from((1e-5, 0.0, 1e-12, 3.0)))
    results = []
    for function in (getattr(F, name), careful(name)):
        target = np.empty_like(x) if data.draw(st.booleans()) else None
        try:
            with np.errstate(all="ignore"):
                results.append(function(**call, out=target))
        except ValueError as error:
            results.append(str(error))
    if isinstance(results[0], str):
        assert results[0] == results[1]
    else:
        assert same(*results)


@by_name
def test_large_arrays(name: str) -> None:
    """Above the size from which the GIL is released."""
    x = fill((4, 8, 64, 65), F32, 10)
    call = arguments(name, x, 2)
    assert same(getattr(F, name)(**call), careful(name)(**call))


BAD: list[tuple[str, Call]] = [
    ("layer_norm", {"normalized_shape": (5,)}),
    ("layer_norm", {"normalized_shape": ()}),
    ("layer_norm", {"normalized_shape": (1, 2, 4, 4)}),
    ("layer_norm", {"normalized_shape": (2**70,)}),
    ("layer_norm", {"normalized_shape": (-1,)}),
    ("layer_norm", {"normalized_shape": (4.0,)}),
    ("layer_norm", {"normalized_shape": 4}),
    ("layer_norm", {"normalized_shape": "4"}),
    ("layer_norm", {"eps": None}),
    *(
        ("layer_norm", {"axis": axis, "normalized_shape": sizes})
        for axis, sizes in ((3, (4,)), ((0, 0), (2, 2)), ((1, -2), (4, 4)), (1, (5,)), (1, (4, 4)), (1, ()))
    ),
    ("layer_norm", {"where": np.ones((2, 4, 5), np.bool_)}),
    ("layer_norm", {"where": np.ones((2, 4, 4), np.int8)}),
    ("rms_norm", {"axis": 1.0}),
    ("rms_norm", {"eps": "1"}),
    ("group_norm", {"num_groups": 0}),
    ("group_norm", {"num_groups": -2}),
    ("group_norm", {"num_groups": 3}),
    ("group_norm", {"num_groups": 2**70}),
    ("group_norm", {"num_groups": None}),
    ("group_norm", {"num_groups": True}),
    ("group_norm", {"input": np.ones((1, 4), F32), "num_groups": 4}),
    ("instance_norm", {"input": np.ones((2, 4), F32)}),
    ("instance_norm", {"input": np.ones((2, 4, 1), F32)}),
    ("instance_norm", {"use_input_stats": False}),
    ("instance_norm", {"running_mean": np.ones(4, F32)}),
    ("batch_norm", {"running_mean": None}),
    ("batch_norm", {"running_mean": None, "running_var": None}),
    ("batch_norm", {"running_var": np.ones(3, F32)}),
    ("batch_norm", {"eps": -1.0}),
    ("batch_norm", {"momentum": None}),
    *(
        (name, change)
        for name in MODULES
        for change in (
            {"input": np.ones((2, 4, 4), np.int64)},
            {"input": np.ones((), F32)},
            {"input": None},
            {"weight": np.ones(3, F32)},
            {"weight": np.ones((4, 4), F32)},
            {"weight": np.ones(4, np.int32)},
            {"out": np.ones((2, 4, 5), F32)},
            {"out": np.ones((2, 4, 4), np.float64)},
            {"out": np.broadcast_to(np.float32(1), (2, 4, 4))},
            {"out": [1.0]},
        )
    ),
]


@pytest.mark.parametrize(("name", "change"), BAD)
def test_errors_are_those_of_the_careful_way(name: str, change: Call) -> None:
    x = fill((2, 4, 4), F32, 11)
    call = arguments(name, x) | change
    with pytest.raises((TypeError, ValueError)) as expected:
        careful(name)(**call)
    with pytest.raises(expected.type) as error:
        getattr(F, name)(**call)
    assert str(error.value) == str(expected.value)


@by_name
def test_unknown_and_missing_arguments(name: str) -> None:
    with pytest.raises(TypeError, match="sideways"):
        getattr(F, name)(**arguments(name, fill((2, 4, 4), F32, 12)), sideways=1)
    with pytest.raises(TypeError):
        getattr(F, name)()


@by_name
def test_no_reference_is_kept(name: str) -> None:
    call = arguments(name, fill((2, 4, 4), F32, 13)) | {"out": np.empty((2, 4, 4), F32)}
    before = {key: sys.getrefcount(value) for key, value in call.items()}
    for _ in range(100):
        getattr(F, name)(**call)
        getattr(F, name)(**call | {"out": None})
    assert {key: sys.getrefcount(value) for key, value in call.items()} == before


def test_metadata_of_the_dtype_stays() -> None:
    x = np.ones((2, 3), np.dtype(np.float32, metadata={"unit": "m"}))
    assert F.layer_norm(x, (3,)).dtype.metadata == x.dtype.metadata
