"""What a reduction under NumPy's names is asked for: data, axes and mask taken in; where the result goes."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm._accept.arrays import (
    Array,
    check_out,
    from_objects,
    is_float,
    native,
    nullable,
    rounded,
    to_ndarray,
)
from cnorm._accept.axes import as_axes
from cnorm._accept.masks import as_mask, unmasked

__all__ = ["Target", "is_foreign", "opened"]

_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


def opened(a: Any, axis: Any, where: Any) -> tuple[Array, tuple[int, ...], Array | None]:
    """Numbers in this machine's byte order, sorted axes, the mask."""
    if type(a) is np.ndarray and a.dtype.isnative and a.dtype.char in "fd":
        x: Array = a
    else:
        a, where, _ = unmasked(a, where)
        x = native(as_numbers(a))
    quick = type(axis) is int and -x.ndim <= axis < x.ndim
    axes = (axis % x.ndim,) if quick else as_axes(axis, x.ndim)
    return x, axes, None if where is None else as_mask(where, x)


def as_numbers(a: Any) -> Array:
    """Real or complex numbers. Objects that are real numbers become float64, what they lack is NaN."""
    array = to_ndarray(nullable(a), "a")
    kind = array.dtype.kind
    if kind == "O":
        return from_objects(array, "a")
    if array.dtype.char == "g" and not is_foreign(array.dtype):  # where long double is double
        return array.view(np.float64)
    if kind in "biufc" or is_float(array.dtype):
        return array
    raise TypeError(f"a: expected real or complex numbers, got {array.dtype}")


def is_foreign(dtype: np.dtype[Any]) -> bool:
    """Have the kernels no arithmetic for it? Complex and long double."""
    return dtype.kind == "c" or (dtype.kind == "f" and dtype.itemsize > 8)


class Target:
    """The result of a reduction that is no integer: its dtype, its shape, `out`.

    An `out` that does not fit and a dtype that is no number's are refused here, before anything is computed.
    """

    __slots__ = ("_axes", "_given", "_keepdims", "_out", "dtype")

    def __init__(
        self,
        x: Array,
        axes: tuple[int, ...],
        dtype: Any,
        out: Any,
        keepdims: bool,
        *,
        real: bool = False,
    ) -> None:
        self._axes, self._keepdims, self._out = axes, keepdims, out
        self._given = dtype is not None
        self.dtype = default_dtype(x) if dtype is None else as_dtype(dtype, x)
        if real and dtype is None and self.dtype.kind == "c":
            self.dtype = np.dtype(type(self.dtype.type(0).real))
        if out is not None:
            check_float_out(x, axes, out, keepdims, self.dtype)

    def done(self, values: Array) -> Any:
        """The result of values whose reduced axes have size 1."""
        if not self._keepdims:
            values = values.squeeze(self._axes)
        if self._out is not None:
            values = narrowed(values, self.dtype if self._given else self._out.dtype)
            with np.errstate(over="ignore", invalid="ignore", under="ignore"):
                np.copyto(self._out, values, casting="unsafe")
            return self._out
        return narrowed(values, self.dtype)[()]


def narrowed(values: Array, dtype: np.dtype[Any]) -> Array:
    """Values in another dtype, rounded once."""
    if values.dtype == _FLOAT64 and is_float(dtype):
        return rounded(np.asarray(values), dtype)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        return values.astype(dtype, copy=False)


def default_dtype(x: Array) -> np.dtype[Any]:
    """float32 of 16-bit floats, float64 of integers, otherwise that of x."""
    if x.dtype.kind in "biu":
        return _FLOAT64
    return x.dtype if x.dtype.itemsize > 2 else _FLOAT32


def as_dtype(dtype: Any, x: Array) -> np.dtype[Any]:
    """A dtype that was asked for."""
    wanted: np.dtype[Any] = np.dtype(dtype)
    if wanted.kind not in "fc" and not is_float(wanted):
        raise TypeError(f"dtype: expected a float or complex dtype, got {wanted}")
    if x.dtype.kind == "c" and wanted.kind != "c":
        raise TypeError(f"dtype: expected a complex dtype for complex numbers, got {wanted}")
    return wanted


def result_shape(x: Array, axes: tuple[int, ...], keepdims: bool) -> tuple[int, ...]:
    """Without the reduced axes, or with size 1 for each."""
    return tuple(1 if a in axes else n for a, n in enumerate(x.shape) if keepdims or a not in axes)


def check_float_out(x: Array, axes: tuple[int, ...], out: Any, keepdims: bool, dtype: np.dtype[Any]) -> None:
    """Raises unless `out` takes a result of that dtype; one of fewer digits is rounded to."""
    if isinstance(out, np.ndarray) and not (out.dtype.kind in "fc" or is_float(out.dtype)):
        raise TypeError(f"out: expected a float or complex dtype, got {out.dtype}")
    check_any_out(x, axes, out, keepdims)
    if dtype.kind == "c" and out.dtype.kind != "c":
        raise TypeError(f"out: expected a complex dtype for complex numbers, got {out.dtype}")


def check_any_out(x: Array, axes: tuple[int, ...], out: Any, keepdims: bool) -> None:
    """Raises unless `out` is an array that can be written to, of the result's shape."""
    if out is not None:
        check_out(result_shape(x, axes, keepdims), getattr(out, "dtype", _FLOAT64), out)
