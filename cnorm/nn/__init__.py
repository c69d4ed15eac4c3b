"""Normalization layers with the names and semantics of torch.nn, and their statistics taken anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnorm.nn._recalibrate import recalibrate
from cnorm.nn.batchnorm import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    FrozenBatchNorm2d,
    SyncBatchNorm,
)
from cnorm.nn.globalresponse import GlobalResponseNorm
from cnorm.nn.groupnorm import GroupNorm
from cnorm.nn.instancenorm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from cnorm.nn.layernorm import LayerNorm, RMSNorm
from cnorm.nn.lazy import (
    LazyBatchNorm1d,
    LazyBatchNorm2d,
    LazyBatchNorm3d,
    LazyInstanceNorm1d,
    LazyInstanceNorm2d,
    LazyInstanceNorm3d,
)
from cnorm.nn.responsenorm import CrossMapLRN2d, LocalResponseNorm
from cnorm.nn.switchnorm import SwitchNorm1d, SwitchNorm2d, SwitchNorm3d

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "CrossMapLRN2d",
    "FrozenBatchNorm2d",
    "GlobalResponseNorm",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
    "LocalResponseNorm",
    "RMSNorm",
    "SwitchNorm1d",
    "SwitchNorm2d",
    "SwitchNorm3d",
    "SyncBatchNorm",
    "recalibrate",
]


if not TYPE_CHECKING:  # type checkers know the names

    def __getattr__(name: str) -> Any:
        from cnorm._system.hints import no_attribute

        raise no_attribute(__name__, name)
