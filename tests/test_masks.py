"""length_mask: which positions it shows, and what it refuses; what every `where=` refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sweep import sweep

import cnorm
import cnorm.functional as F
from cnorm._accept.masks import as_mask, shown
from cnorm.preprocessing import zscore


@pytest.mark.parametrize("dtype", [np.int8, np.uint64, np.int64])
def test_length_mask(dtype: Any) -> None:
    lengths = np.array([2, 0, 5, 3], dtype)
    mask = cnorm.length_mask(lengths, 5)
    assert mask.dtype == np.bool_
    assert mask.tolist() == [[j < n for j in range(5)] for n in lengths]
    assert np.array_equal(cnorm.length_mask(lengths.tolist(), np.int32(5)), mask)


@pytest.mark.parametrize("n", [1, 2, 5, 40, 1000])
@pytest.mark.parametrize("most", [0, 1, 2, 3, 15, 16, 17, 33, 64, 65, 300])
def test_length_mask_of_any_width(n: int, most: int) -> None:
    """Rows that are written with a part of the next one, the last of them, and those that are not."""
    lengths = np.random.default_rng(n + most).integers(0, most + 1, n)
    for dtype in (np.int64, np.int32, np.uint8, np.int16):
        given = lengths.astype(dtype)
        if (given != lengths).any():
            continue
        mask = cnorm.length_mask(given, most)
        np.testing.assert_array_equal(mask.view(np.uint8), np.arange(most) < lengths[:, None])
    for wrong in (-1, most + 1, np.iinfo(np.int64).min, np.iinfo(np.int64).max):
        for at in (0, n // 2, n - 1):
            bad = lengths.copy()
            bad[at] = wrong
            with pytest.raises(ValueError, match="lengths: expected 0 to max_length"):
                cnorm.length_mask(bad, most)


def test_length_mask_of_nothing() -> None:
    assert cnorm.length_mask([], 4).shape == (0, 4)
    assert cnorm.length_mask([0, 0], 0).shape == (2, 0)


def test_length_mask_of_a_tensor() -> None:
    torch = pytest.importorskip("torch")
    assert cnorm.length_mask(torch.tensor([1, 2]), 2).tolist() == [[True, False], [True, True]]


@pytest.mark.parametrize(
    ("lengths", "longest", "error", "name"),
    [
        ([1.0, 2.0], 3, TypeError, "lengths"),
        (np.zeros(0), 3, TypeError, "lengths"),
        ([True, False], 3, TypeError, "lengths"),
        (None, 3, TypeError, "lengths"),
        ([1], 3.0, TypeError, "max_length"),
        ([1], None, TypeError, "max_length"),
        ([1], -1, ValueError, "max_length"),
        ([1, 4], 3, ValueError, "lengths"),
        ([1, -1], 3, ValueError, "lengths"),
        (2, 3, ValueError, "lengths"),
        ([[1, 2]], 3, ValueError, "lengths"),
    ],
)
def test_length_mask_refuses(lengths: Any, longest: Any, error: type[Exception], name: str) -> None:
    with pytest.raises(error, match=f"^{name}: expected"):
        cnorm.length_mask(lengths, longest)


CALLS = {
    "batch_norm": lambda x, m, v, **k: F.batch_norm(x, m, v, training=True, **k),
    "batch_norm in evaluation": lambda x, m, v, **k: F.batch_norm(x, m, v, **k),
    "instance_norm": lambda x, m, v, **k: F.instance_norm(x, m, v, **k),
    "group_norm": lambda x, m, v, **k: F.group_norm(x, 2, **k),
    "layer_norm": lambda x, m, v, **k: F.layer_norm(x, (5,), **k),
    "switchable_norm": lambda x, m, v, **k: F.switchable_norm(
        x, [0.0] * 3, [0.0] * 3, m, v, training=True, **k
    ),
    "standardize": lambda x, m, v, **k: cnorm.standardize(x, 1, **k),
    "zscore": lambda x, m, v, **k: zscore(x, 1, **k),
}


@pytest.mark.parametrize(
    ("where", "error"),
    [
        (np.ones((3, 4, 5), int), TypeError),
        (np.ones((3, 4, 5)), TypeError),
        (1, TypeError),
        ("x", TypeError),
        (np.ones((3, 4), bool), ValueError),
        (np.ones((2, 4, 5), bool), ValueError),
        (np.ones((1, 3, 4, 5), bool), ValueError),
        (np.ones((3, 4, 0), bool), ValueError),
    ],
)
@sweep(name=CALLS)
def test_where_refuses_before_anything_is_written(name: str, where: Any, error: type[Exception]) -> None:
    x, mean, var = np.arange(60.0).reshape(3, 4, 5), np.ones(4), np.ones(4)
    before = x.copy()
    with pytest.raises(error, match=r"^where: expected"):
        CALLS[name](x, mean, var, where=where, out=x)
    assert np.array_equal(x, before)
    assert (mean == 1).all()
    assert (var == 1).all()


@pytest.mark.parametrize("name", CALLS)
def test_where_takes_what_numpy_takes(name: str) -> None:
    """Lists, scalars, read-only and broadcast masks, bytes other than 0 and 1; they are not changed."""
    x = np.random.default_rng(1).normal(size=(3, 4, 5))
    mask = np.array([True, True, False, True, False])
    mask.flags.writeable = False
    odd = (mask * np.uint8(254)).view(bool)
    wanted = CALLS[name](x, np.ones(4), np.ones(4), where=mask)
    for where in (mask.tolist(), np.broadcast_to(mask, x.shape), [[mask.tolist()]], odd):
        assert np.array_equal(CALLS[name](x, np.ones(4), np.ones(4), where=where), wanted)
    assert mask.tolist() == [True, True, False, True, False]
    assert not CALLS[name](x, np.ones(4), np.ones(4), where=False).any()


@pytest.mark.parametrize("name", CALLS)
def test_empty_arrays(name: str) -> None:
    for shape in ((0, 4, 5), (3, 4, 0)):
        if shape[2] or name != "layer_norm":
            x = np.zeros(shape)
            assert CALLS[name](x, np.ones(4), np.ones(4), where=np.zeros(shape, bool)).shape == shape


def test_shown_counts_broadcast_masks() -> None:
    x = np.zeros((3, 4, 5))
    for where in (np.arange(5) < 2, np.arange(4)[:, None] < 3, np.ones((3, 1, 1), bool), True):
        mask = as_mask(where, x)
        assert mask is not None
        for axes in ((0,), (1, 2), (0, 1, 2)):
            counts = np.broadcast_to(mask, x.shape).sum(axes, keepdims=True)
            assert np.array_equal(np.broadcast_to(shown(mask, x.shape, axes), counts.shape), counts)
