"""The table for compiled modules: where its members are, whose bits it gives, what it refuses."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sweep import sweep

import cnorm
import cnorm.functional as F

Array = np.ndarray[Any, Any]
HEADER = Path(cnorm.get_include()) / "cnorm_api.h"
# What compiled modules rely on. Where the table grew, a line is added at the end; nothing else changes.
VERSION = 1
LAYOUT = {
    "version": 0,
    "size": 4,
    "message": 8,
    "moments": 16,
    "states": 24,
    "merge": 32,
    "values": 40,
    "normalize": 48,
    "apply": 56,
}
CODES = {
    **{f"CNORM_{name}": i for i, name in enumerate(("FLOAT32", "FLOAT64", "FLOAT16", "BFLOAT16"))},
    **{f"CNORM_{s}INT{8 << i}": 4 + 2 * i + (s == "U") for i in range(4) for s in ("", "U")},
    "CNORM_BOOL": 12,
    **{name: i for i, name in enumerate(("CNORM_OK", "CNORM_NO_MEMORY", "CNORM_BAD_DTYPE"))},
    **{f"CNORM_BAD_{name}": 3 + i for i, name in enumerate(("SHAPE", "POINTER", "OPTION"))},
    "CNORM_OUT_OF_RANGE": 6,
    **{name: i for i, name in enumerate(("CNORM_VARIANCE", "CNORM_MEAN_SQUARE", "CNORM_NORM"))},
    **{f"CNORM_EPS_{name}": i for i, name in enumerate(("INSIDE", "OUTSIDE", "MAX"))},
}
C = {name.removeprefix("CNORM_"): code for name, code in CODES.items()}
REAL = (
    "float32",
    "float64",
    "float16",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "bool",
)
FLOATS = REAL[:3]
N, L, D, P, U = ctypes.c_int, ctypes.c_ssize_t, ctypes.c_double, ctypes.c_void_p, ctypes.c_uint64
SIGNATURES: dict[str, tuple[Any, ...]] = {
    "message": (ctypes.c_char_p, N),
    "moments": (N, N, N, P, P, P, U, D, P, P),
    "states": (N, N, N, P, P, P, U, P),
    "merge": (N, L, P, P, P),
    "values": (N, L, P, D, N, P, P),
    "normalize": (N, N, N, P, P, P, P, P, U, N, D, N, P, P, P, P),
    "apply": (N, N, N, P, P, P, P, P, U, P, P, P, P, P, P),
}


def address() -> int:
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = P, [ctypes.py_object, ctypes.c_char_p]
    return int(pointer(cnorm._C_API, b"cnorm._C_API"))


def member(name: str) -> Any:
    """The function at its place in the table."""
    where = P.from_address(address() + LAYOUT[name]).value
    return ctypes.CFUNCTYPE(*SIGNATURES[name])(where or 0)


def longs(values: Any) -> Any:
    return (L * max(len(values), 1))(*values)


def pointer(a: Array | None) -> int | None:
    return None if a is None else a.ctypes.data


def along(x: Array, p: Array | None) -> Any:
    """The strides of p broadcast to x."""
    return None if p is None else longs(np.broadcast_to(p, x.shape).strides)


def code(x: Array) -> int:
    return C[x.dtype.name.upper()]


def bits(axes: tuple[int, ...]) -> int:
    return sum(1 << a for a in axes)


def results(x: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    kept = [n for a, n in enumerate(x.shape) if a not in axes]
    wide = x.dtype.kind in "biu" or x.dtype.itemsize == 8
    mean, var = (np.full(kept, 7, np.float64 if wide else np.float32) for _ in range(2))
    return mean, var


def moments(x: Array, axes: tuple[int, ...], correction: float = 0) -> tuple[Array, Array]:
    mean, var = results(x, axes)
    status = member("moments")(
        *(code(x), x.ndim, longs(x.shape), pointer(x), longs(x.strides), bits(axes), correction),
        *(pointer(mean), pointer(var)),
    )
    assert status == C["OK"]
    return mean, var


def states(x: Array, axes: tuple[int, ...]) -> Array:
    to = np.empty((*[n for a, n in enumerate(x.shape) if a not in axes], 5))
    call = (code(x), x.ndim, longs(x.shape), pointer(x), longs(x.strides), bits(axes), pointer(to))
    assert member("states")(*call) == C["OK"]
    return to


def normalize(
    x: Array, axes: tuple[int, ...], kind: str, eps: float, mode: str = "INSIDE", *affine: Array | None
) -> Array:
    y = np.empty_like(x)
    weight, bias = affine or (None, None)
    status = member("normalize")(
        *(code(x), x.ndim, longs(x.shape), pointer(x), longs(x.strides), pointer(y), longs(y.strides)),
        *(bits(axes), C[kind], eps, C[f"EPS_{mode}"]),
        *(pointer(weight), along(x, weight), pointer(bias), along(x, bias)),
    )
    assert status == C["OK"]
    return y


def layouts(dtype: str) -> Iterator[Array]:
    """Of one shape, in several orders in memory."""
    rng = np.random.default_rng(3)
    x = rng.normal(40, 20, (6, 5, 32)).clip(0, 120).astype(dtype)
    yield x
    yield np.asfortranarray(x)
    yield x.transpose(2, 0, 1)[::-1]
    yield np.repeat(x, 3, axis=1)[:, ::3, ::2]
    yield np.broadcast_to(x[:, :1], x.shape)


def same(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def test_the_table_grows_at_its_end_alone() -> None:
    """Names in the order of the header, at the places they always had."""
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(encoding="utf-8"), flags=re.S)
    body = text.split("typedef struct cnorm_api {")[1].split("} cnorm_api;")[0]
    names = re.findall(r"uint32_t (\w+);|\(\*(\w+)\)\(", body)
    assert [a or b for a, b in names] == list(LAYOUT)
    begin = address()
    assert ctypes.c_uint32.from_address(begin + LAYOUT["version"]).value == VERSION
    assert ctypes.c_uint32.from_address(begin + LAYOUT["size"]).value == max(LAYOUT.values()) + 8
    assert f"#define CNORM_API_VERSION {VERSION}\n" in text


def test_the_codes_stay() -> None:
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(encoding="utf-8"), flags=re.S)
    assert {name: int(value) for name, value in re.findall(r"(CNORM_\w+) = (\d+)", text)} == CODES


def test_cython_declares_what_the_header_has() -> None:
    """The same functions with the same arguments."""

    def declared(text: str) -> list[tuple[str, str]]:
        found = re.findall(r"\(\*(\w+)\)\(([^)]*)\)", re.sub(r"/\*.*?\*/", "", text, flags=re.S))
        return [(name, re.sub(r"\s+", " ", arguments)) for name, arguments in found]

    pxd = Path(cnorm.__file__).parent / "c_api.pxd"
    ours, theirs = (declared(path.read_text(encoding="utf-8")) for path in (HEADER, pxd))
    assert len(ours) == len(LAYOUT) - 2
    assert ours == theirs
    words = set(re.findall(r"CNORM_\w+", pxd.read_text(encoding="utf-8")))
    assert words == {*CODES, "CNORM_API_VERSION"}


@sweep(dtype=REAL, axes=((2,), (0,), (0, 2), (0, 1, 2), ()))
def test_moments_have_the_same_bits(dtype: str, axes: tuple[int, ...]) -> None:
    for x in layouts(dtype):
        for correction in (0, 1):
            ours = moments(x, axes, correction)
            theirs = cnorm.moments(x, axis=axes, correction=correction)
            assert all(same(a, b) for a, b in zip(ours, theirs, strict=True))


def test_many_groups_have_the_same_bits() -> None:
    """More than are taken at once."""
    x = np.random.default_rng(0).normal(1e3, 1, (3, 50_001, 2)).astype(np.float32)
    for axes in ((2,), (0,), (0, 2)):
        assert all(map(same, moments(x, axes), cnorm.moments(x, axis=axes)))
    assert all(map(same, moments(x[0], (1,)), cnorm.moments(x[0], axis=1)))


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (0,), ()])
def test_empty_and_single(shape: tuple[int, ...]) -> None:
    x = np.full(shape, 2.0)
    for axes in ((), tuple(range(len(shape)))):
        assert all(map(same, moments(x, axes), cnorm.moments(x, axis=axes)))
        assert (
            states(x, axes)[..., 4].tolist()
            == np.ones([n for a, n in enumerate(shape) if a not in axes]).tolist()
        )


def test_bfloat16() -> None:
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    x = np.random.default_rng(0).normal(3, 2, (5, 96)).astype(bfloat16)
    assert all(map(same, moments(x, (1,)), cnorm.moments(x, axis=1)))
    assert same(normalize(x, (1,), "VARIANCE", 1e-5).view(np.uint16), F.layer_norm(x, (96,)).view(np.uint16))


def test_extreme_doubles() -> None:
    """Their squares leave the range."""
    x = np.random.default_rng(0).normal(0, 1, (3, 50)) * 1e200
    assert all(map(same, moments(x, (1,)), cnorm.moments(x, axis=1)))
    assert (states(x, (1,))[:, 4] != 1).all()


def test_states_merge_as_streams_do() -> None:
    x = np.random.default_rng(0).normal(1e4, 3, (2, 70, 12))
    whole = cnorm.RunningMoments((12,)).update(x[0]).merge(cnorm.RunningMoments((12,)).update(x[1]))
    first, second = states(x[0], (0,)), states(x[1], (0,))
    merged = np.empty_like(first)
    assert member("merge")(12, pointer(first), pointer(second), pointer(merged)) == C["OK"]
    mean, var = np.empty(12), np.empty(12)
    assert member("values")(12, pointer(merged), 1, 1, pointer(mean), pointer(var)) == C["OK"]
    assert same(mean, whole.mean)
    assert same(var, whole.var(1))
    assert member("merge")(12, pointer(first), pointer(second), pointer(first)) == C["OK"]
    assert same(first, merged)


def test_states_out_of_range_are_left() -> None:
    huge = states(np.random.default_rng(0).normal(0, 1, (4, 50)) * 1e200, (1,))
    to = np.full_like(huge, 7)
    assert member("merge")(4, pointer(huge), pointer(huge), pointer(to)) == C["OUT_OF_RANGE"]
    assert (to == 7).all()


@sweep(dtype=FLOATS, mode=("inside", "outside", "max"))
def test_normalize_has_the_same_bits(dtype: str, mode: str) -> None:
    for x in layouts(dtype):
        lanes = np.float64 if dtype == "float64" else np.float32
        w, b = (np.random.default_rng(i).normal(1, 1, x.shape[-1]).astype(lanes) for i in range(2))
        ours = normalize(x, (0, 2), "VARIANCE", 1e-3, mode.upper(), w, b)
        assert same(ours, cnorm.standardize(x, (0, 2), w, b, 1e-3, eps_mode=mode))
        ours = normalize(x, (2,), "MEAN_SQUARE", 1e-3, mode.upper(), w, None)
        assert same(ours, F.rms_norm(x, x.shape[-1:], w, 1e-3, eps_mode=mode))
        assert same(normalize(x, (1,), "NORM", 1e-3), F.normalize(x, 2.0, 1, 1e-3))


@sweep(dtype=FLOATS)
def test_apply_has_the_same_bits(dtype: str) -> None:
    for x in layouts(dtype):
        channels, rng = x.shape[1], np.random.default_rng(0)
        mean, var = rng.normal(40, 3, channels), rng.uniform(1, 5, channels)
        scale, y = 1 / np.sqrt(var + 1e-5), np.empty_like(x)
        w = rng.normal(1, 1, channels).astype(np.float64 if dtype == "float64" else np.float32)
        shaped = w[:, None]
        status = member("apply")(
            *(
                code(x),
                3,
                longs(x.shape),
                pointer(x),
                longs(x.strides),
                pointer(y),
                longs(y.strides),
                bits((0, 2)),
            ),
            *(pointer(mean), pointer(scale), pointer(shaped), along(x, shaped), None, None),
        )
        assert status == C["OK"]
        assert same(y, F.batch_norm(x, mean, var, w))


def refusals() -> Iterator[tuple[str, dict[str, Any], str]]:
    """A function, what is wrong, and the status."""
    for name in ("moments", "states", "normalize", "apply"):
        for dtype in (-1, 13):
            yield name, {"dtype": dtype}, "BAD_DTYPE"
        for ndim, axes in ((-1, 0), (65, 0), (2, 4), (2, 1 << 63)):
            yield name, {"ndim": ndim, "axes": axes}, "BAD_SHAPE"
        yield name, {"shape": (3, -4)}, "BAD_SHAPE"
        yield name, {"shape": (2**40, 2**40)}, "BAD_SHAPE"
        yield name, {"shape": None}, "BAD_SHAPE"
        yield name, {"x": None}, "BAD_POINTER"
        yield name, {"odd": 1}, "BAD_POINTER"
        yield name, {"strides": (18, 4)}, "BAD_POINTER"
        yield name, {"to": None}, "BAD_POINTER"
    yield "moments", {"correction": np.nan}, "BAD_OPTION"
    for name in ("normalize", "apply"):
        yield name, {"dtype": C["INT32"]}, "BAD_DTYPE"
    for wrong in ({"kind": 3}, {"kind": -1}, {"mode": 3}, {"eps": -1.0}, {"eps": np.nan}):
        yield "normalize", wrong, "BAD_OPTION"


@pytest.mark.parametrize(("name", "wrong", "status"), list(refusals()))
def test_what_is_refused(name: str, wrong: dict[str, Any], status: str) -> None:
    """Nothing is written."""
    x, to, more = np.ones((3, 4), np.float32), np.full(64, 7.0), np.full(64, 7.0)
    shape = wrong.get("shape", (3, 4))
    begin = (
        *(wrong.get("dtype", 0), wrong.get("ndim", 2), None if shape is None else longs(shape)),
        *(
            None if "x" in wrong else x.ctypes.data + wrong.get("odd", 0),
            longs(wrong.get("strides", (16, 4))),
        ),
    )
    axes, first = wrong.get("axes", 2), None if "to" in wrong else to.ctypes.data
    none = (None, None, None, None)
    rest: dict[str, tuple[Any, ...]] = {
        "moments": (axes, wrong.get("correction", 0), first, pointer(more)),
        "states": (axes, first),
        "normalize": (
            first,
            None,
            axes,
            wrong.get("kind", 0),
            wrong.get("eps", 0),
            wrong.get("mode", 0),
            *none,
        ),
        "apply": (pointer(more), None, axes, first, pointer(to), *none),
    }
    assert member(name)(*begin, *rest[name]) == C[status]
    assert (to == 7).all()
    assert (more == 7).all()
    words = member("message")(C[status]).decode()
    assert words not in ("no error", "no such status")


def test_the_message_of_what_is_no_status() -> None:
    assert member("message")(99) == member("message")(-1) == b"no such status"
