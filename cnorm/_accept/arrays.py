"""Array-likes to ndarrays the core takes; outputs and overlap; every rule about dtype and memory."""

from __future__ import annotations

import math
import numbers
import sys
from typing import Any

import numpy as np

from cnorm._native import core, glance, tensors
from cnorm._native.kept import empty_as
from cnorm._native.kept import empty_like as new_like

Array = np.ndarray[Any, Any]

FLOATS = ("float16", "bfloat16", "float32", "float64")
# Characters of NumPy's own three; a dtype's name takes microseconds to make.
_FLOAT_CHARS = "efd"
_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
# Up to here float64 holds every integer.
EXACT = 2**53


def is_float(dtype: np.dtype[Any]) -> bool:
    """Is this one of FLOATS, in either byte order?"""
    return dtype.char in _FLOAT_CHARS or dtype.name == "bfloat16"


def is_plain(x: Any) -> bool:
    """Is x exactly an ndarray of floats in this machine's byte order?"""
    return glance.plain(x) or (type(x) is np.ndarray and is_float(x.dtype) and x.dtype.isnative)


def is_whole(x: Any) -> bool:
    """Is x exactly an ndarray of integers or booleans that kernels take as it is?"""
    return glance.number(x) and not glance.plain(x)


def bfloat16() -> np.dtype[Any]:
    """The dtype of `ml_dtypes`, asked for only when bfloat16 data arrives from elsewhere."""
    try:
        import ml_dtypes
    except ImportError:
        raise TypeError("a bfloat16 tensor needs the ml_dtypes package: pip install ml_dtypes") from None
    bf16: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    tensors.learn_bfloat16(bf16)
    return bf16


def to_ndarray(x: Any, name: str) -> Array:
    """`x` as an ndarray, without a copy where its memory can be shared; any dtype."""
    if type(x) is np.ndarray:
        return x
    if tensors.is_of_torch(x):
        return of_torch(x, name)
    if hasattr(x, "__dlpack__") and not hasattr(x, "__array__"):
        try:
            return np.from_dlpack(x)
        except (BufferError, RuntimeError) as error:
            raise TypeError(f"{name}: expected an array on the CPU that NumPy can share ({error})") from None
    try:
        array = np.asanyarray(x)  # a mask that `__array__` gives is seen
    except ValueError as error:
        raise ValueError(f"{name}: expected an array, got {type(x).__name__} ({error})") from None
    if isinstance(array, np.ma.MaskedArray) and array.dtype.names is None and np.ma.is_masked(array):
        raise TypeError(
            f"{name}: expected an array without masked elements, got a masked array: "
            "fill it (.filled(...)), or pass its data and where=~mask if the function takes where="
        )
    return np.asarray(array)


def of_torch(x: Any, name: str) -> Array:
    """A tensor of torch on the CPU as an array over its memory."""
    torch: Any = sys.modules["torch"]
    if x.device.type != "cpu":
        raise TypeError(f"{name}: expected a tensor on the CPU, got one on {x.device}")
    x = x.detach()
    try:
        if x.dtype is torch.bfloat16:
            return np.asarray(x.view(torch.int16).numpy()).view(bfloat16())
        return np.asarray(x.numpy())
    except (RuntimeError, TypeError) as error:  # sparse, of a negative bit, inside of vmap ...
        raise TypeError(f"{name}: expected a tensor whose memory NumPy can share ({error})") from None


def native(x: Array) -> Array:
    """`x` in this machine's byte order (a copy if it was in the other)."""
    return x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("="))


def as_input(x: Any, name: str = "input") -> Array:
    """`x` as a float ndarray in its own byte order."""
    if glance.plain(x):
        return x  # type: ignore[no-any-return]
    array = to_ndarray(x, name)
    if not is_float(array.dtype):
        raise TypeError(f"{name}: expected a float dtype ({', '.join(FLOATS)}), got {array.dtype}")
    return array


def as_real(x: Any, name: str) -> Array:
    """As `as_input`; integers and booleans are promoted to float64, objects that are real numbers, too.

    Missing values of nullable pandas columns are NaN, as are None and pandas' NA among objects.
    """
    if glance.plain(x):
        return x  # type: ignore[no-any-return]
    array = as_number_array(x, name)
    return array.astype(np.float64) if array.dtype.kind in "biu" else array


def as_number_array(x: Any, name: str) -> Array:
    """As `as_real`, but integers and booleans are left as they are."""
    if glance.number(x):
        return x  # type: ignore[no-any-return]
    array = to_ndarray(nullable(x), name)
    if array.dtype.kind == "O":
        array = from_objects(array, name)
    return array if array.dtype.kind in "biu" else as_input(array, name)


def nullable(x: Any) -> Any:
    """float64 for a pandas object of numbers that may be missing, or wider; else x itself.

    As scikit-learn has it.
    """
    if type(x).__module__.partition(".")[0] != "pandas" or not hasattr(x, "to_numpy"):
        return x
    dtypes = [x.dtype] if hasattr(x, "dtype") else list(getattr(x, "dtypes", ()))  # NaT has neither
    plain = all(isinstance(d, np.dtype) and d.itemsize <= 8 for d in dtypes)
    if plain or any(d.kind not in "biuf" for d in dtypes):
        return x
    return x.to_numpy(dtype=np.float64, na_value=np.nan)


def from_objects(array: Array, name: str) -> Array:
    """Objects that are real numbers as float64; None and NA, of several, are missing."""

    import decimal

    def number(value: Any) -> float:
        if isinstance(value, (numbers.Real, decimal.Decimal, np.bool_)):
            return float(value)
        if array.ndim and (value is None or type(value).__name__ == "NAType"):
            return math.nan
        raise TypeError(f"{name}: expected a float dtype or real numbers, got a {type(value).__name__}")

    try:
        values = np.fromiter(map(number, array.flat), np.float64, array.size)
    except OverflowError:
        raise ValueError(f"{name}: expected numbers within float64, got a larger integer") from None
    return values.reshape(array.shape)


def compute_dtype(x: Array) -> np.dtype[Any]:
    """What parameters are converted to: float64 with a float64 input, else float32."""
    return _FLOAT64 if x.dtype.itemsize == 8 else _FLOAT32


def as_parameter(p: Any, name: str, x: Array, out: Array | None) -> Array | None:
    """A parameter in the compute dtype of `x`, aligned, and apart from the memory of `out`."""
    if p is None or glance.parameter(p, x, out):
        return p  # type: ignore[no-any-return]
    array = as_input(p, name)
    dtype = compute_dtype(x)
    if array.dtype != dtype or not array.flags.aligned:
        return array.astype(dtype)
    if out is not None and np.may_share_memory(array, out):
        return array.copy()
    return array


def as_statistic(p: Any, name: str, channels: int, *, update: bool) -> Array | None:
    """A running statistic: a float vector of one value per channel, writeable if it is to be updated."""
    if p is None:
        return None
    array = as_updated(p, name) if update else as_input(p, name)
    if array.shape != (channels,):
        raise ValueError(f"{name}: expected shape ({channels},), got {array.shape}")
    return array


def as_updated(p: Any, name: str) -> Array:
    """A float array that shares the memory of `p`, to be written to."""
    array = as_input(p, name)
    if isinstance(p, (list, tuple)):  # an update of the copy would be lost
        raise TypeError(f"{name}: expected an array to update, got a {type(p).__name__}")
    if not array.flags.writeable:
        raise ValueError(f"{name}: expected a writeable array to update, got a read-only one")
    return array


def rounded(x: Array, dtype: np.dtype[Any]) -> Array:
    """float64 in another dtype of floats, rounded once; what is beyond it becomes infinite.

    By `astype` bfloat16 is rounded twice, by way of float32.
    """
    if x.dtype == dtype:
        return x
    if dtype.isnative:
        return core.rounded_doubles(x, dtype)
    return core.rounded_doubles(x, dtype.newbyteorder("=")).astype(dtype)


def as_exact(x: Array) -> Array:
    """x itself, or the ndarray that a subclass is a view of."""
    return x if type(x) is np.ndarray else x.view(np.ndarray)


def empty_like(x: Array) -> Array:
    """A new array for a result of x's shape, dtype and order."""
    return new_like(x)


def empty(x: Array, dtype: np.dtype[Any]) -> Array:
    """A new C-contiguous array of x's shape."""
    return empty_as(x, dtype)


class Output:
    """Where a result goes: `x` (native, safe to read while `y` is written), `y` and the final array.

    `y` is the memory of the final array unless that is byte-swapped or overlaps x: x stays where it lies,
    as a copy without its gaps would have other last bits. `done()` returns the final array.
    """

    __slots__ = ("_apart", "final", "x", "y")

    def __init__(self, x: Array, out: Any) -> None:
        self.x: Array = x
        self.y: Array = glance.output(x, out)
        self.final: Array = self.y
        self._apart = False
        if self.y is None:
            self._make(x, out)

    def _make(self, x: Array, out: Any) -> None:
        if out is not None:
            check_out(x.shape, x.dtype, out)
        self.final = empty_like(x) if out is None else out
        self.x = native(x)
        exact = as_exact(self.final)
        self._apart = not exact.dtype.isnative or (self.x is x and out is not None and overlaps(x, exact))
        self.y = empty_like(self.x) if self._apart else exact

    def done(self) -> Array:
        if self._apart:
            self.final[...] = self.y
        return self.final


def check_out(shape: tuple[int, ...], dtype: np.dtype[Any], out: Any, name: str = "out") -> None:
    """Raises unless `out` can take a result of that shape and dtype."""
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise TypeError(f"{name}: expected an ndarray, got {type(out).__name__}")
    if out.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, got {out.shape}")
    if out.dtype != dtype:
        raise TypeError(f"{name}: expected dtype {dtype}, got {out.dtype}")
    if not out.flags.writeable:
        raise ValueError(f"{name}: expected a writeable array, got a read-only one")
    if out.size and any(s == 0 and n > 1 for s, n in zip(out.strides, out.shape, strict=True)):
        raise ValueError(f"{name}: expected elements with memory of their own, got strides {out.strides}")


def overlaps(x: Array, out: Array) -> bool:
    """Do the two share memory in any way but element by element in place?"""
    if not np.may_share_memory(x, out):
        return False
    return not (
        x.__array_interface__["data"][0] == out.__array_interface__["data"][0] and x.strides == out.strides
    )
