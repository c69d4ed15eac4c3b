"""From numba: a compiled loop over windows that calls cnorm's table of C functions."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numba import njit

import cnorm

FLOAT32 = 0  # CNORM_FLOAT32
MOMENTS = ctypes.CFUNCTYPE(
    *(ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p),
    *(ctypes.c_uint64, ctypes.c_double, ctypes.c_void_p, ctypes.c_void_p),
)


class Table(ctypes.Structure):
    """The beginning of cnorm_api, up to what is called here."""

    _fields_ = [
        ("version", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("message", ctypes.c_void_p),
        ("moments", MOMENTS),
    ]


def table() -> Table:
    """That of the cnorm installed."""
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    found = Table.from_address(pointer(cnorm._C_API, b"cnorm._C_API"))
    assert found.version == 1, "another layout"
    return found


moments = table().moments


@njit(nogil=True)  # type: ignore[untyped-decorator]
def deviations(signal: Any, width: int) -> Any:
    """Of so many samples, side by side."""
    size, stride = np.array([width]), np.array([signal.strides[0]])
    mean, var = np.empty(1, np.float32), np.empty(1, np.float32)
    found = np.empty(len(signal) // width, np.float32)
    for i in range(len(found)):
        window = signal[i * width : (i + 1) * width]
        moments(FLOAT32, 1, size.ctypes, window.ctypes, stride.ctypes, 1, 0.0, mean.ctypes, var.ctypes)
        found[i] = np.sqrt(var[0])
    return found


signal = np.random.default_rng(0).normal(1e4, 1, 96_000).astype(np.float32)
signal[40_000:44_000] += np.sin(np.arange(4_000, dtype=np.float32))
ours = deviations(signal, 1_000)
assert (ours == np.sqrt(cnorm.moments(signal.reshape(-1, 1_000), axis=1)[1])).all(), "the same bits"
loud = np.flatnonzero(ours > 1.1)
assert loud.tolist() == [40, 41, 42, 43], "where the tone is"
print(f"windows         {len(ours)}")
print(f"with a tone     {loud}")
print(f"their deviation {ours[loud].round(2)}, of the others {np.delete(ours, loud).mean():.2f}")
