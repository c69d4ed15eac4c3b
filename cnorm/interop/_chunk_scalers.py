"""How a scaler is fitted to the chunks of a Dask table: each on its own, merged in a tree."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from cnorm._accept.arrays import is_float
from cnorm._stats.passes import check_no_inf
from cnorm._stats.state import combined
from cnorm.interop._chunks import UNKNOWN, check_plain, da, dask, is_known, masked_arrays
from cnorm.preprocessing import MaxAbsScaler, StandardScaler

__all__ = ["fitted_to", "weights_beside"]


def weights_beside(X: Any, sample_weight: Any) -> Any:
    """Weights as a Dask vector in the chunks of the rows of X.

    Lengths that are unknown are looked at where weights cannot be cut without: each chunk is made twice then.
    """
    given = check_plain(sample_weight, "sample_weight")
    weight = check_plain(given if isinstance(given, da.Array) else da.asarray(given), "sample_weight")
    if weight.dtype.kind not in "biuf":
        raise TypeError(f"sample_weight: expected a real dtype, got {weight.dtype}")
    rows = X.chunks[0]
    if weight.ndim != 1:
        raise ValueError(f"sample_weight: expected shape {X.shape[:1]}, got {weight.shape}")
    if not is_known(weight.chunks[0]):
        if weight.numblocks[0] != len(rows):
            wanted = f"expected {len(rows)} chunks, as X has, got {weight.numblocks[0]}"
            raise ValueError(f"sample_weight: {wanted}, {UNKNOWN.format('sample_weight')}")
        return weight
    if not is_known(rows):
        rows = dask.compute(*map(dask.delayed(len), X.to_delayed()[:, 0]))
    if weight.shape[0] != sum(rows):
        raise ValueError(f"sample_weight: expected shape ({sum(rows)},), got {weight.shape}")
    return weight.rechunk((tuple(rows),))


def _fitted(scaler: Any, block: Any, *weight: Any) -> Any:
    """A copy of the scaler, fitted to a chunk; None if no row counts."""
    if isinstance(block, masked_arrays):  # what is hidden counts in no statistic, as NaN does
        kind = block.dtype if is_float(block.dtype) else np.dtype(np.float64)
        block = np.where(np.ma.getmaskarray(block), kind.type(np.nan), block.data.astype(kind))
    check_no_inf(np.asarray(block))
    for w in weight:
        if check_plain(w, "sample_weight").shape != block.shape[:1]:
            raise ValueError(f"sample_weight: expected shape {block.shape[:1]} of a chunk, got {w.shape}")
    if not len(block) or any(not w.any() for w in weight):
        return None
    return copy.copy(scaler).fit(block, None, *weight)


def _joined(scalers: list[Any], dtype: np.dtype[Any]) -> Any:
    """A scaler that has seen what several have; None if none has seen anything."""
    some = [scaler for scaler in scalers if scaler is not None]
    if not some:
        return None
    total = copy.copy(some[0])
    for other in some[1:]:
        if other.n_features_in_ != total.n_features_in_:
            wanted = f"{total.n_features_in_} columns in each chunk"
            raise ValueError(f"X: expected {wanted}, got {other.n_features_in_} in one")
        if isinstance(total, StandardScaler):
            weighted = np.asarray(total.n_samples_seen_).dtype.kind == "f"
            total._store(combined(total._seen(), other._seen()), weighted)
            continue
        seen = total.n_samples_seen_ + other.n_samples_seen_
        if isinstance(total, MaxAbsScaler):
            total.partial_fit(other.max_abs_[None])
        else:  # what is constant depends on the dtype, in which the extremes are exact
            total.partial_fit(np.stack([other.data_min_, other.data_max_]).astype(dtype))
        total.n_samples_seen_ = seen
    total._prepare()
    return total


def fitted_to(scaler: Any, X: Any, weight: Any, several: int) -> Any:
    """A copy of the scaler, fitted to a table in chunks of whole rows."""
    blocks = [X.to_delayed()[:, 0]] + ([] if weight is None else [weight.to_delayed()])
    parts = [dask.delayed(_fitted)(scaler, *row) for row in zip(*blocks, strict=True)]
    dtype = X.dtype if is_float(X.dtype) else np.dtype(np.float64)
    while len(parts) > 1:
        together = (parts[i : i + several] for i in range(0, len(parts), several))
        parts = [dask.delayed(_joined)(few, dtype) for few in together]
    (result,) = dask.compute(*parts)
    if result is None:
        found = f"got shape {X.shape}" if weight is None else "got none"
        wanted = (
            "X: expected at least one sample" if weight is None else "sample_weight: expected one above 0"
        )
        raise ValueError(f"{wanted}, {found}")
    return result
