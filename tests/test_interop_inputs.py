"""What counts as an array: tensors without a copy, memmaps, objects with an array protocol, lists."""

from __future__ import annotations

import array as stdlib_array
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference import BFLOAT16, DTYPES, Array, assert_close
from strategies import fill

import cnorm
import cnorm._accept.arrays as arrays
import cnorm.functional as F

F32 = np.dtype(np.float32)


class WithArray:
    """Only __array__."""

    def __init__(self, values: Array) -> None:
        self.values = values

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        return self.values


class WithInterface:
    """Only __array_interface__."""

    def __init__(self, values: Array) -> None:
        self.values = values
        self.__array_interface__ = values.__array_interface__


class WithDlpack:
    """Only __dlpack__, as an array of another library on the CPU."""

    def __init__(self, values: Array) -> None:
        self.values = values

    def __dlpack__(self, **keywords: Any) -> Any:
        return self.values.__dlpack__(**keywords)

    def __dlpack_device__(self) -> Any:
        return self.values.__dlpack_device__()


WRAPPERS = {
    "__array__": WithArray,
    "__array_interface__": WithInterface,
    "__dlpack__": WithDlpack,
    "memoryview": memoryview,
    "list": lambda a: a.astype(np.float64).tolist(),
    "subclass": lambda a: a.view(type("Sub", (np.ndarray,), {})),
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_wrapped(wrapper: str) -> None:
    x = fill((4, 6), F32, 1)
    wrapped = WRAPPERS[wrapper](x)
    y = F.layer_norm(wrapped, (6,), wrapped[0] if wrapper == "list" else WRAPPERS[wrapper](x[0].copy()))
    expected = F.layer_norm(x, (6,), x[0])
    assert type(y) is np.ndarray
    assert y.dtype == (np.float64 if wrapper == "list" else np.float32)
    assert np.allclose(y, expected, atol=1e-6)
    assert np.allclose(cnorm.moments(wrapped, 0)[0], x.mean(0), atol=1e-6)


@pytest.mark.parametrize(
    "wrapper", ["__array__", "__array_interface__", "__dlpack__", "memoryview", "subclass"]
)
def test_shared_memory(wrapper: str) -> None:
    """No copy on the way in."""
    x = fill((4, 6), F32, 2)
    assert np.shares_memory(arrays.as_input(WRAPPERS[wrapper](x)), x)


def test_memory_numpy_cannot_share() -> None:
    class Elsewhere(WithDlpack):
        def __dlpack__(self, **keywords: Any) -> Any:
            raise BufferError("not on the CPU")

    with pytest.raises(TypeError, match=r"input: .*CPU"):
        F.layer_norm(Elsewhere(fill((4, 6), F32, 1)), (6,))


def test_standard_library_array() -> None:
    x = stdlib_array.array("f", [1, 2, 3, 6])
    assert_close(cnorm.moments(x)[0], np.longdouble(3))
    assert F.layer_norm(x, (4,)).dtype == np.float32


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_memmap(tmp_path: Path, mode: Any) -> None:
    path = tmp_path / "x"
    x = fill((8, 16), F32, 3)
    x.tofile(path)
    mapped = np.memmap(path, np.float32, mode, shape=(8, 16))
    y = F.layer_norm(mapped, (16,))
    assert type(y) is np.ndarray
    assert np.array_equal(y, F.layer_norm(x, (16,)))
    if mode == "r":
        with pytest.raises(ValueError, match="out"):
            F.layer_norm(mapped, (16,), out=mapped)
    else:
        assert F.layer_norm(mapped, (16,), out=mapped) is mapped
        assert np.array_equal(mapped, y)
    del mapped
    changed = np.fromfile(path, np.float32).reshape(8, 16)
    assert np.array_equal(changed, y if mode == "r+" else x)


def test_scalars_and_python_numbers() -> None:
    assert cnorm.standardize(3.0).shape == ()
    assert cnorm.moments(3.0) == (3, 0)
    with pytest.raises(TypeError, match="x: "):
        cnorm.standardize(3)


class TestTorch:
    """CPU tensors are read in their own memory; what is given for them: interop/test_tensors.py."""

    @pytest.fixture(autouse=True)
    def load(self) -> None:
        self.torch = pytest.importorskip("torch")

    def tensor(self, a: Array) -> Any:
        if a.dtype == BFLOAT16:
            return self.torch.from_numpy(a.view(np.int16)).view(self.torch.bfloat16)
        return self.torch.from_numpy(a)

    @pytest.mark.parametrize("dtype", DTYPES, ids=str)
    def test_no_copy(self, dtype: Any) -> None:
        x = fill((4, 6), dtype, 4)
        taken = arrays.as_input(self.tensor(x))
        assert taken.dtype == dtype
        assert np.shares_memory(taken, x)


def test_bfloat16_needs_ml_dtypes_only_for_foreign_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(TypeError, match="ml_dtypes"):
        arrays.bfloat16()


def test_unusual_float_dtypes_are_refused() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for dtype in (np.longdouble, ml_dtypes.float8_e5m2):
        if np.dtype(dtype).itemsize in (1, 12, 16):
            with pytest.raises(TypeError, match="input: "):
                F.layer_norm(np.ones((2, 3)).astype(dtype), (3,))
