"""ONNX's normalization operators for onnx.reference.ReferenceEvaluator, computed by cnorm."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import cnorm
import cnorm.functional as F
from cnorm._accept.arrays import Array
from cnorm._accept.axes import check_groups, check_rank
from cnorm.interop._onnx_inputs import (
    check_choice,
    check_epsilon,
    check_shape,
    first_axis,
    group_normalized,
    layer_normalized,
    narrowed,
    per_channel,
    reduced_axes,
    rms_normalized,
    wide,
)
from cnorm.interop._onnx_microsoft import (
    EmbedLayerNormalization,
    GroupNorm,
    SkipGroupNorm,
    SkipLayerNormalization,
    SkipSimplifiedLayerNormalization,
)
from cnorm.interop._onnx_nodes import OpRun, inverse_deviation, mean_square, outputs, wants

__all__ = ["ops"]

_GROUPS_PER_CHANNEL = 21  # the opset from which GroupNormalization has a scale for each channel
_TRAINING_BY_ATTRIBUTE = 14  # BatchNormalization


def _opset(node: Any) -> int:
    return int(node.run_params["opsets"].get("", 0))


def _check_stash(stash_type: int) -> None:
    if stash_type != 1:
        raise NotImplementedError(f"stash_type: expected 1, got {stash_type}")


class LayerNormalization(OpRun):  # type: ignore[misc]
    """Over the axes from `axis` on; scale and bias broadcast to the input."""

    def _run(
        self,
        x: Array,
        scale: Array,
        bias: Any = None,
        axis: int = -1,
        epsilon: float = 1e-5,
        stash_type: int = 1,
    ) -> tuple[Any, ...]:
        _check_stash(stash_type)
        check_epsilon(epsilon)
        more = wants(self, 1)
        y, mean, var = layer_normalized(x, first_axis(axis, x), epsilon, scale, bias, more)
        mean = None if mean is None else mean.astype(np.float32)
        return outputs(self, y, mean, inverse_deviation(var, epsilon))


class RMSNormalization(OpRun):  # type: ignore[misc]
    """Over the axes from `axis` on; in the dtype of the scale, which broadcasts to the input."""

    def _run(
        self, x: Array, scale: Array, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
    ) -> tuple[Any, ...]:
        _check_stash(stash_type)
        check_epsilon(epsilon)
        first = first_axis(axis, x)
        y = rms_normalized(x, first, epsilon, scale, scale.dtype)
        inverse = inverse_deviation(mean_square(x, first), epsilon) if wants(self, 1) else None
        return outputs(self, y, inverse)


class SimplifiedLayerNormalization(RMSNormalization):
    """ONNX Runtime's name, in the domain of the standard; the second output is the inverse deviation."""


class GroupNormalization(OpRun):  # type: ignore[misc]
    """Before opset 21 with a scale and bias for each group."""

    def _run(
        self,
        x: Array,
        scale: Array,
        bias: Array,
        epsilon: float = 1e-5,
        num_groups: int = 1,
        stash_type: int = 1,
    ) -> tuple[Any, ...]:
        _check_stash(stash_type)
        check_epsilon(epsilon)
        check_rank(x, 2, "X")
        groups, channels = check_groups(x, num_groups), x.shape[1]
        by_group = _opset(self) < _GROUPS_PER_CHANNEL
        for p, name in ((scale, "scale"), (bias, "bias")):
            check_shape(p, name, (groups if by_group else channels,))
        if by_group:
            scale, bias = (np.repeat(p, channels // groups) for p in (scale, bias))
        return (group_normalized(x, groups, scale, bias, epsilon),)


class InstanceNormalization(OpRun):  # type: ignore[misc]
    """A single position is allowed."""

    def _run(self, x: Array, scale: Array, bias: Array, epsilon: float = 1e-5) -> tuple[Any, ...]:
        check_epsilon(epsilon)
        check_rank(x, 2)
        weight, shift = per_channel(scale, "scale", x), per_channel(bias, "B", x)
        return (cnorm.standardize(x, tuple(range(2, x.ndim)), weight, shift, epsilon),)


class BatchNormalization(OpRun):  # type: ignore[misc]
    """In training mode running statistics move by the biased variance and momentum is what stays."""

    def _run(
        self,
        x: Array,
        scale: Array,
        bias: Array,
        mean: Array,
        var: Array,
        epsilon: float = 1e-5,
        momentum: float = 0.9,
        training_mode: int = 0,
        is_test: int = 1,
        spatial: int = 1,
    ) -> tuple[Any, ...]:
        if not is_test or (_opset(self) < _TRAINING_BY_ATTRIBUTE and wants(self, 1)):
            raise NotImplementedError("expected is_test=1 and one output, or opset 14 for training")
        check_epsilon(epsilon)
        check_choice(training_mode, "training_mode", 0, 1)
        check_choice(spatial, "spatial", 0, 1)
        check_rank(x, 1, "X")
        table = x[:, None] if x.ndim == 1 else x  # a vector is a batch of one channel
        own = table.shape[1:] if not spatial else table.shape[1:2]
        names = ("scale", "B", "input_mean", "input_var")
        for p, name in zip((scale, bias, mean, var), names, strict=True):
            check_shape(p, name, own)
        if not training_mode:
            rows = table if spatial else table.reshape(len(x), math.prod(own))
            center, spread, weight, shift = (p.reshape(-1) for p in (mean, var, scale, bias))
            y = F.batch_norm(rows, center, spread, weight, shift, eps=epsilon)
            return (y.reshape(x.shape),)
        axes = (0, *range(2, table.ndim))
        weight, shift = per_channel(scale, "scale", table), per_channel(bias, "B", table)
        y, *batch = cnorm.standardize(table, axes, weight, shift, epsilon, return_moments=True)
        moved = [
            narrowed(np.multiply(old, momentum, dtype=np.float64) + new * (1 - momentum), old.dtype)
            for old, new in zip((mean, var), batch, strict=True)
        ]
        return outputs(self, y.reshape(x.shape), *moved)


class LRN(OpRun):  # type: ignore[misc]
    """A window of even size reaches one channel further upwards, torch's downwards."""

    def _run(
        self, x: Array, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0, size: int = 1
    ) -> tuple[Any, ...]:
        check_rank(x, 3, "X")
        for name, value in (("alpha", alpha), ("beta", beta)):
            if not value >= 0:
                raise ValueError(f"{name}: expected no negative number, got {value}")
        step = 1 if size % 2 else -1
        return (F.local_response_norm(x[:, ::step], size, alpha, beta, bias)[:, ::step],)


class LpNormalization(OpRun):  # type: ignore[misc]
    """What has norm 0 stays 0."""

    def _run(self, x: Array, axis: int = -1, p: int = 2) -> tuple[Any, ...]:
        check_choice(p, "p", 1, 2)
        smallest = np.finfo(wide(x)).smallest_normal
        return (F.normalize(x, float(p), first_axis(axis, x), float(smallest)),)


class MeanVarianceNormalization(OpRun):  # type: ignore[misc]
    """Divided by the deviation and 1e-9."""

    def _run(self, x: Array, axes: Any = (0, 2, 3)) -> tuple[Any, ...]:
        reduced = reduced_axes(axes, x)
        y, _, var = cnorm.standardize(x, reduced, eps=0.0, return_moments=True)
        deviation = np.sqrt(np.expand_dims(var, reduced))
        share = deviation / (deviation + 1e-9)
        if (share < 1).any():
            y = cnorm.standardize(x, reduced, share, eps=0.0)
        return (y,)


def ops() -> list[Any]:
    """The normalization operators, for the reference evaluator of ONNX.

    Returns
    -------
    list of type
        Subclasses of `onnx.reference.op_run.OpRun`: LayerNormalization, RMSNormalization, GroupNormalization,
        InstanceNormalization, BatchNormalization, LRN, LpNormalization, MeanVarianceNormalization;
        SimplifiedLayerNormalization, which ONNX Runtime has in the same domain; of the domain com.microsoft
        SkipLayerNormalization, SkipSimplifiedLayerNormalization, GroupNorm, SkipGroupNorm and
        EmbedLayerNormalization.

    Raises
    ------
    NotImplementedError
        When a model runs: a `stash_type` other than 1, BatchNormalization in training before opset 14.
    ValueError
        When a model runs: an attribute out of range, a rank or shape that does not fit, by the standard's
        name of it.

    See Also
    --------
    cnorm.functional : The norms behind them.

    Examples
    --------
    >>> import numpy as np
    >>> from onnx import TensorProto, helper
    >>> from onnx.reference import ReferenceEvaluator
    >>> from cnorm.interop.onnx import ops
    >>> x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in "xy")
    >>> node = helper.make_node("LpNormalization", ["x"], ["y"], p=1)
    >>> model = helper.make_model(helper.make_graph([node], "g", [x], [y]))
    >>> session = ReferenceEvaluator(model, new_ops=ops())
    >>> session.run(None, {"x": np.array([[1, 2, 5]], np.float32)})[0]
    array([[0.125, 0.25 , 0.625]], dtype=float32)
    """
    return [
        BatchNormalization,
        EmbedLayerNormalization,
        GroupNorm,
        GroupNormalization,
        InstanceNormalization,
        LRN,
        LayerNormalization,
        LpNormalization,
        MeanVarianceNormalization,
        RMSNormalization,
        SimplifiedLayerNormalization,
        SkipGroupNorm,
        SkipLayerNormalization,
        SkipSimplifiedLayerNormalization,
    ]
