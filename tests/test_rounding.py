"""What is stored in 16 bits is the nearest number, of two the even one, on every instruction set."""

from __future__ import annotations

import numpy as np
import pytest
from processes import bits_of_all_sets, digest
from reference import DTYPES, Array

import cnorm.functional as F

# 1 + 2^-8 and 1 + 2^-11 make ties of bfloat16 and float16; the powers of two make subnormals and infinities.
FACTORS = np.array([1, 1 + 2**-8, 1 + 2**-11, 1 / 3, 2.0**-20, 0.7 * 2.0**-9, 2.0**20, -3.3], np.float32)


def every_number(dtype: np.dtype) -> Array:
    return np.arange(2**16, dtype=np.uint16).view(dtype)


def products(dtype: np.dtype) -> tuple[Array, Array]:
    """Every number times FACTORS, by rows of channels and by columns."""
    x, unit = every_number(dtype), np.ones(FACTORS.size, np.float32)
    in_rows = np.broadcast_to(x, (1, FACTORS.size, x.size))
    in_columns = np.ascontiguousarray(np.broadcast_to(x[:, None], (x.size, FACTORS.size)))
    rows = F.batch_norm(np.ascontiguousarray(in_rows), unit * 0, unit, FACTORS, eps=0.0)
    return rows[0], F.batch_norm(in_columns, unit * 0, unit, FACTORS, eps=0.0).T


def of_all() -> dict[str, str]:
    digests = {}
    for dtype in (d for d in DTYPES if d.itemsize == 2):
        for name, y in zip(("rows", "columns"), products(dtype), strict=True):
            digests[f"{dtype} {name}"] = digest(np.where(np.isnan(y), np.array(0, y.dtype), y))
    return digests


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d.itemsize == 2], ids=str)
def test_products_are_rounded_to_nearest_even(dtype: np.dtype) -> None:
    with np.errstate(all="ignore"):
        exact = every_number(dtype).astype(np.float32) * FACTORS[:, None]
        wanted = exact.astype(dtype)
    for y in products(dtype):
        assert np.array_equal(np.isnan(y), np.isnan(wanted))
        numbers = ~np.isnan(wanted)
        assert np.array_equal(y[numbers].view(np.uint16), wanted[numbers].view(np.uint16))


@pytest.mark.thorough
def test_every_instruction_set_rounds_alike() -> None:
    found = bits_of_all_sets(of_all)
    assert len(found) == 4
    assert [case for case, bits in found.items() if len(bits) > 1] == []
