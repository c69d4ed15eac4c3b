"""mean_pool: the mean of tokens that count, normalized or not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference import DTYPES, wide
from strategies import fill
from sweep import sweep

import cnorm

MASK = cnorm.length_mask([7, 0, 3], 7)
BOUND = {2: 1e-2, 4: 1e-6, 8: 1e-14}


def expected(x: Any, mask: Any, normalize: bool) -> Any:
    x, m = wide(x), np.broadcast_to(mask[..., None], x.shape)
    y = np.where(m, x, 0).sum(1) / np.maximum(m.sum(1), 1)
    size = np.sqrt((y**2).sum(-1, keepdims=True))
    return y / np.maximum(size, 1e-12) if normalize else y


@sweep(dtype=DTYPES, normalize=(False, True), layout=("plain", "fortran", "swapped"), dims=(2, 3))
def test_formula(dtype: Any, normalize: bool, layout: str, dims: int) -> None:
    x = fill((3, 7, 5), dtype, 1)
    x[0, 6], x[1] = np.nan, np.inf  # hidden
    mask = MASK.copy()
    mask[0, 6] = False
    want = expected(np.where(mask[..., None], wide(x), 0), mask, normalize)
    if layout == "fortran":
        x = np.asfortranarray(x)
    if layout == "swapped" and x.dtype.name != "bfloat16":
        x = x.astype(x.dtype.newbyteorder("S"))
    where = mask if dims == 2 else mask[..., None]
    y = cnorm.mean_pool(x, where, normalize=normalize)
    bound = BOUND[x.dtype.itemsize]
    assert y.shape == (3, 5)
    assert y.dtype == x.dtype.newbyteorder("=") or y.dtype == x.dtype
    assert (y[1] == 0).all()
    assert np.allclose(wide(y), want, rtol=bound, atol=bound)
    out = np.empty((3, 5), x.dtype)
    assert cnorm.mean_pool(x, where, normalize=normalize, out=out) is out
    assert np.array_equal(out, y)


def test_is_what_sentence_transformers_do() -> None:
    torch = pytest.importorskip("torch")
    x, mask = fill((8, 31, 48), np.float32, 2), cnorm.length_mask([31, 1, 5, 9, 20, 30, 2, 17], 31)
    t, m = torch.from_numpy(x), torch.from_numpy(mask.astype(np.int64))
    wide_mask = m.unsqueeze(-1).expand(t.size()).float()
    pooled = (t * wide_mask).sum(1) / wide_mask.sum(1).clamp(min=1e-9)
    assert np.allclose(cnorm.mean_pool(x, mask), pooled, rtol=1e-5, atol=1e-6)
    unit = torch.nn.functional.normalize(pooled, p=2, dim=1)
    assert np.allclose(cnorm.mean_pool(x, mask, normalize=True), unit, rtol=1e-5, atol=1e-6)


def test_other_axes() -> None:
    x = fill((2, 3, 4, 5), np.float64, 3)
    assert np.allclose(cnorm.mean_pool(x, None, axis=(1, 2)), x.mean((1, 2)))
    assert np.allclose(cnorm.mean_pool(x, None, axis=-1), x.mean(-1))
    mask = np.array([True, False, True])
    assert np.allclose(cnorm.mean_pool(x[0], np.tile(mask[:, None], (1, 4)), axis=0), x[0, [0, 2]].mean(0))
    assert np.allclose(cnorm.mean_pool(x[0, :, 0], mask, axis=0), x[0, [0, 2], 0].mean(0))
    assert cnorm.mean_pool(np.ones((2, 0, 3)), None).tolist() == [[0.0] * 3] * 2
    assert cnorm.mean_pool(np.ones((0, 4, 3), np.float32), np.ones((0, 4), bool)).shape == (0, 3)


def test_long_sums_keep_their_digits() -> None:
    assert (cnorm.mean_pool(np.ones((1, 2**20, 2), np.float16), None) == 1).all()


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"x": np.ones((2, 3, 4), int)}, TypeError, "x"),
    ({"x": np.float32(1)}, ValueError, "x"),
    ({"x": np.ma.masked_less(np.ones((2, 3, 4)), 2)}, TypeError, "x"),
    ({"where": np.ones((2, 3), int)}, TypeError, "where"),
    ({"where": np.ones((3, 2), bool)}, ValueError, "where"),
    ({"where": np.ones(3, bool)}, ValueError, "where"),
    ({"axis": 3}, ValueError, "axis"),
    ({"axis": 1.0}, TypeError, "axis"),
    ({"axis": 2}, ValueError, "where"),
    ({"axis": 2, "where": None, "normalize": True}, ValueError, "normalize"),
    ({"normalize": 1}, TypeError, "normalize"),
    ({"out": np.ones((2, 4), np.float32)}, TypeError, "out"),
    ({"out": np.ones((2, 3))}, ValueError, "out"),
]


@pytest.mark.parametrize(("change", "error", "name"), REFUSED)
def test_refused(change: dict[str, Any], error: type[Exception], name: str) -> None:
    out = np.full((2, 4), 7.0)
    call = {"x": np.ones((2, 3, 4)), "where": np.ones((2, 3), bool), "out": out, **change}
    with pytest.raises(error, match=f"^{name}:"):
        cnorm.mean_pool(**call)
    assert (out == 7).all()
