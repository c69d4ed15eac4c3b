"""Normalization functions with the signatures of torch.nn.functional, on arrays and torch's CPU tensors.

A tensor in gives a tensor out: where `input` (the first argument) is one, so are all results, on memory of
cnorm's, and `out` is returned as it is. Other arguments may be tensors or arrays in any mix. Nothing is
copied. A tensor that requires a gradient while gradients are on, or of another device, is a TypeError.

Examples
--------
>>> import numpy as np, cnorm.functional as F
>>> F.rms_norm(np.array([[3.0, 4.0]]), (2,)).round(4)
array([[0.8485, 1.1314]])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnorm._accept.tensors import takes_tensors
from cnorm._norms.fold import fold_batch_norm
from cnorm._norms.lp import normalize, weight_norm
from cnorm._norms.lrn import cross_map_lrn2d, local_response_norm
from cnorm._norms.response import global_response_norm
from cnorm._norms.standardized import weight_standardize
from cnorm._norms.switchable import switchable_norm

if TYPE_CHECKING:  # the short way has the signatures of these
    from cnorm._norms.batch import batch_norm, instance_norm
    from cnorm._norms.group import group_norm
    from cnorm._norms.rows import layer_norm, rms_norm
    from cnorm._norms.rows_int8 import layer_norm_int8, rms_norm_int8
else:
    from cnorm._native.short.bytes import layer_norm_int8, rms_norm_int8
    from cnorm._native.short.channels import batch_norm, group_norm, instance_norm
    from cnorm._native.short.rows import layer_norm, rms_norm

__all__ = [
    "batch_norm",
    "cross_map_lrn2d",
    "fold_batch_norm",
    "global_response_norm",
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
    "weight_standardize",
]

for _name in __all__:
    globals()[_name] = takes_tensors(globals()[_name], __name__)

if not TYPE_CHECKING:  # type checkers know the names

    def __getattr__(name: str) -> Any:
        from cnorm._system.hints import no_attribute

        raise no_attribute(__name__, name)
