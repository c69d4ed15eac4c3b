"""Normalization functions with the signatures of torch.nn.functional, on NumPy arrays."""

from __future__ import annotations

from cnorm._native.short import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    layer_norm_int8,
    rms_norm,
    rms_norm_int8,
)
from cnorm._norms.fold import fold_batch_norm
from cnorm._norms.lp import normalize, weight_norm
from cnorm._norms.lrn import cross_map_lrn2d, local_response_norm
from cnorm._norms.switchable import switchable_norm

__all__ = [
    "batch_norm",
    "cross_map_lrn2d",
    "fold_batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "layer_norm_int8",
    "local_response_norm",
    "normalize",
    "rms_norm",
    "rms_norm_int8",
    "switchable_norm",
    "weight_norm",
]
