"""cnorm.ufuncs: the bits of moments, and what every generalized ufunc of NumPy does."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sweep import sweep

import cnorm
from cnorm.ufuncs import mean_var

Array = np.ndarray[Any, Any]
CHARACTERS = "?bBhHiIlLqQefd"


def same(ours: tuple[Any, Any], theirs: tuple[Any, Any]) -> bool:
    """To the bit."""
    pairs = [(np.asarray(a), np.asarray(b)) for a, b in zip(ours, theirs, strict=True)]
    return all(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in pairs)


def data(character: str, shape: tuple[int, ...] = (4, 6, 40)) -> Array:
    return np.random.default_rng(1).normal(60, 20, shape).clip(0, 120).astype(character)


@sweep(character=CHARACTERS, axis=(0, 1, -1))
def test_the_bits_of_moments(character: str, axis: int) -> None:
    x = data(character)
    for laid in (x, np.asfortranarray(x), x[::-1, ::2], x.swapaxes(0, 2), np.repeat(x, 2, 2)[..., ::2]):
        assert same(mean_var(laid, axis=axis), cnorm.moments(laid, axis=axis))


@sweep(character="efd")
def test_other_byte_orders(character: str) -> None:
    x = data(character)
    assert same(mean_var(x.astype(x.dtype.newbyteorder())), cnorm.moments(x, axis=-1))


def test_more_groups_than_are_taken_at_once() -> None:
    x = data("f", (200_000, 3)) * np.float32(1e3)
    assert same(mean_var(x), cnorm.moments(x, axis=-1))


def test_the_signature() -> None:
    assert isinstance(mean_var, np.ufunc)
    assert mean_var.signature == "(n)->(),()"
    assert mean_var.types[-3:] == ["e->ff", "f->ff", "d->dd"]
    assert all(kind.endswith("->dd") for kind in mean_var.types[:-3])


def test_axes_and_keepdims() -> None:
    x = data("f")
    mean, var = mean_var(x, axis=1, keepdims=True)
    assert same((mean, var), cnorm.moments(x, axis=1, keepdims=True))
    assert same(mean_var(x, axes=[0, (), ()]), cnorm.moments(x, axis=0))


@pytest.mark.parametrize("step", [1, 2, -1])
def test_out(step: int) -> None:
    """Of any strides and dtype a result is cast to."""
    x = data("f", (30, 40))
    theirs = cnorm.moments(x, axis=-1)
    mean, var = (np.full(60, 7, np.float32)[: 30 * abs(step)][::step] for _ in range(2))
    found = mean_var(x, out=(mean, var))
    assert found[0] is mean
    assert found[1] is var
    assert same((mean.copy(), var.copy()), theirs)
    wide = np.empty(30)
    assert (mean_var(x, out=(wide, None))[0] == theirs[0]).all()
    assert wide.dtype == np.float64


def test_out_that_shares_memory_with_the_input() -> None:
    x = data("d", (40, 40))
    theirs = cnorm.moments(x, axis=-1)
    mean_var(x, out=(x[0], x[1]))
    assert same((x[0], x[1]), theirs)


def test_results_broadcast() -> None:
    """Against an out with more indices."""
    x = data("d", (1, 40))
    mean, var = np.empty((5, 3)), np.empty((5, 3))
    mean_var(x, out=(mean, var))
    assert (mean == cnorm.moments(x[0])[0]).all()
    assert (var == cnorm.moments(x[0])[1]).all()


def test_dtype_and_lists() -> None:
    assert same(mean_var([[1, 3], [2, 6]]), (np.array([2.0, 4.0]), np.array([1.0, 4.0])))
    x = data("f")
    assert same(mean_var(x, dtype=np.float64), cnorm.moments(x.astype(np.float64), axis=-1))
    mean, var = mean_var(x[0, 0])
    assert isinstance(mean, np.float32)
    assert isinstance(var, np.float32)


@pytest.mark.parametrize("shape", [(3, 0), (0, 3), (0,), (0, 0)])
def test_nothing(shape: tuple[int, ...]) -> None:
    x = np.empty(shape)
    assert same(mean_var(x), cnorm.moments(x, axis=-1))


def test_no_warnings_and_the_flags_stay() -> None:
    """NaN, infinities and overflow are results; what the caller's flags were they are."""
    x = np.array([[np.nan, 1, 2], [np.inf, 1, 2], [1e308, -1e308, 1e308]])
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        assert same(mean_var(x), cnorm.moments(x, axis=-1))
        assert np.isnan(mean_var(np.empty((2, 0)))[0]).all()
        half = np.full((2, 9), 65504, np.float16)
        assert mean_var(half)[0].tolist() == [65504.0, 65504.0]


@pytest.mark.parametrize("dtype", [np.complex128, np.longdouble, "U3", "O", "M8[s]"])
def test_what_is_refused(dtype: Any) -> None:
    if np.dtype(dtype) == np.float64:
        pytest.skip("longdouble is float64 here")
    with pytest.raises(TypeError):
        mean_var(np.empty((2, 3), dtype))
    with pytest.raises(ValueError, match="does not have enough dimensions"):
        mean_var(1.0)


def test_threads_give_the_same_bits() -> None:
    x = data("f", (3000, 768))
    with cnorm.threads(1):
        one = mean_var(x)
    with cnorm.threads(2):
        assert same(mean_var(x), one)


def test_beside_other_libraries() -> None:
    """xarray's apply_ufunc hands its axes on."""
    xarray = pytest.importorskip("xarray")
    x = xarray.DataArray(data("f"), dims=("a", "b", "c"))
    mean, var = xarray.apply_ufunc(mean_var, x, input_core_dims=[["b"]], output_core_dims=[[], []])
    assert mean.dims == ("a", "c")
    assert same((mean.values, var.values), cnorm.moments(x.values, axis=1))


def test_dask_blocks() -> None:
    dask = pytest.importorskip("dask.array")
    x = data("f", (100, 40))
    mean, var = dask.apply_gufunc(mean_var, mean_var.signature, dask.from_array(x, chunks=(30, 40)))
    assert same((mean.compute(), var.compute()), cnorm.moments(x, axis=-1))
