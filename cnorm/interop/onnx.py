"""ONNX's normalization operators for onnx.reference.ReferenceEvaluator, computed by cnorm."""

from __future__ import annotations

from typing import Any

import numpy as np

import cnorm
import cnorm.functional as F
from cnorm._arrays import Array
from cnorm.interop._require import require

OpRun: Any = require("onnx.reference.op_run", "onnx").OpRun

__all__ = ["ops"]

_GROUPS_PER_CHANNEL = 21  # the opset from which GroupNormalization has a scale for each channel
_TRAINING_BY_ATTRIBUTE = 14  # BatchNormalization


def _outputs(node: Any, *values: Any) -> tuple[Any, ...]:
    """As many as the node has; the evaluator takes no None for one that is not computed."""
    asked = values[: len(node.onnx_node.output)]
    return tuple(np.empty(0, np.float32) if value is None else value for value in asked)


def _wants_more(node: Any) -> bool:
    return any(node.onnx_node.output[1:])


def _opset(node: Any) -> int:
    return int(node.run_params["opsets"].get("", 0))


def _per_channel(p: Any, x: Array) -> Any:
    return p.reshape(-1, *(1,) * (x.ndim - 2))


def _check_stash(stash_type: int) -> None:
    if stash_type != 1:
        raise NotImplementedError(f"stash_type: expected 1, got {stash_type}")


def _inverse_deviation(var: Any, epsilon: float) -> Array:
    return (1 / np.sqrt(np.asarray(var, np.float64) + epsilon)).astype(np.float32)


def _rows(x: Array, scale: Array, bias: Any, axis: int, epsilon: float, more: bool) -> tuple[Any, Any, Any]:
    """LayerNorm from `axis` on; with `more` also mean and inverse deviation, with these axes of size 1."""
    shape = x.shape[axis:]
    scale = np.broadcast_to(scale, shape)
    bias = None if bias is None else np.broadcast_to(bias, shape)
    if not more:
        return F.layer_norm(x, shape, scale, bias, epsilon), None, None
    axes = tuple(range(x.ndim))[axis:]
    y, mean, var = cnorm.standardize(x, axes, scale, bias, epsilon, return_moments=True)
    kept = (*x.shape[: axes[0]], *(1,) * len(axes))
    mean, inverse = np.asarray(mean, np.float32), _inverse_deviation(var, epsilon)
    return y, mean.reshape(kept), inverse.reshape(kept)


class LayerNormalization(OpRun):  # type: ignore[misc]
    """Over the axes from `axis` on."""

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
        return _outputs(self, *_rows(x, scale, bias, axis, epsilon, _wants_more(self)))


class RMSNormalization(OpRun):  # type: ignore[misc]
    """Over the axes from `axis` on; in the dtype of the scale."""

    def _run(
        self, x: Array, scale: Array, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
    ) -> tuple[Any, ...]:
        _check_stash(stash_type)
        shape = x.shape[axis:]
        y = F.rms_norm(x, shape, np.broadcast_to(scale, shape), epsilon)
        return (y.astype(scale.dtype, copy=False),)


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
        if _opset(self) < _GROUPS_PER_CHANNEL:
            scale, bias = (np.repeat(p, x.shape[1] // num_groups) for p in (scale, bias))
        return (F.group_norm(x, num_groups, scale, bias, epsilon),)


class InstanceNormalization(OpRun):  # type: ignore[misc]
    """A single position is allowed."""

    def _run(self, x: Array, scale: Array, bias: Array, epsilon: float = 1e-5) -> tuple[Any, ...]:
        axes = tuple(range(2, x.ndim))
        return (cnorm.standardize(x, axes, _per_channel(scale, x), _per_channel(bias, x), epsilon),)


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
        if not spatial or (_opset(self) < _TRAINING_BY_ATTRIBUTE and _wants_more(self)):
            raise NotImplementedError("expected spatial=1, and opset 14 or later in training")
        if not training_mode:
            return (F.batch_norm(x, mean, var, scale, bias, eps=epsilon),)
        axes = (0, *range(2, x.ndim))
        weight, shift = _per_channel(scale, x), _per_channel(bias, x)
        y, batch_mean, batch_var = cnorm.standardize(x, axes, weight, shift, epsilon, return_moments=True)
        moved = [
            (old * momentum + new * (1 - momentum)).astype(old.dtype)
            for old, new in ((mean, batch_mean), (var, batch_var))
        ]
        return _outputs(self, y, *moved)


class LRN(OpRun):  # type: ignore[misc]
    """A window of even size reaches one channel further upwards, torch's downwards."""

    def _run(
        self, x: Array, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0, size: int = 1
    ) -> tuple[Any, ...]:
        step = 1 if size % 2 else -1
        return (F.local_response_norm(x[:, ::step], size, alpha, beta, bias)[:, ::step],)


class LpNormalization(OpRun):  # type: ignore[misc]
    """What has norm 0 stays 0."""

    def _run(self, x: Array, axis: int = -1, p: int = 2) -> tuple[Any, ...]:
        smallest = np.finfo(np.float64 if x.dtype == np.float64 else np.float32).smallest_normal
        return (F.normalize(x, float(p), axis, float(smallest)),)


class MeanVarianceNormalization(OpRun):  # type: ignore[misc]
    """Divided by the deviation and 1e-9."""

    def _run(self, x: Array, axes: Any = (0, 2, 3)) -> tuple[Any, ...]:
        axes = tuple(int(a) % x.ndim for a in axes)
        y, _, var = cnorm.standardize(x, axes, eps=0.0, return_moments=True)
        deviation = np.sqrt(np.expand_dims(var, axes))
        share = deviation / (deviation + 1e-9)
        if (share < 1).any():
            y = (y * share).astype(x.dtype)
        return (y,)


def _sum(x: Array, skip: Array, bias: Any) -> Array:
    """In the input's dtype."""
    total = np.add(x, skip, dtype=x.dtype)
    return total if bias is None else np.add(total, bias, out=total)


class SkipLayerNormalization(OpRun):  # type: ignore[misc]
    """com.microsoft: LayerNorm of input + skip + bias over the last axis; the sum is the fourth output."""

    op_domain = "com.microsoft"

    def _run(
        self, x: Array, skip: Array, gamma: Array, beta: Any = None, bias: Any = None, epsilon: float = 1e-12
    ) -> tuple[Any, ...]:
        total = _sum(x, skip, bias)
        more = any(self.onnx_node.output[1:3])
        return _outputs(self, *_rows(total, gamma, beta, -1, epsilon, more), total)


class SkipSimplifiedLayerNormalization(OpRun):  # type: ignore[misc]
    """com.microsoft: RMSNorm of input + skip + bias; the second output stays empty."""

    op_domain = "com.microsoft"

    def _run(
        self, x: Array, skip: Array, gamma: Array, bias: Any = None, epsilon: float = 1e-12
    ) -> tuple[Any, ...]:
        total = _sum(x, skip, bias)
        y = F.rms_norm(total, gamma.shape, gamma, epsilon)
        inverse = None
        if any(self.onnx_node.output[2:3]):
            square = np.mean(np.square(total, dtype=np.float64), axis=-1, keepdims=True)
            inverse = _inverse_deviation(square, epsilon)
        return _outputs(self, y, None, inverse, total)


def ops() -> list[Any]:
    """The normalization operators, for the reference evaluator of ONNX.

    Returns
    -------
    list of type
        Subclasses of `onnx.reference.op_run.OpRun`: LayerNormalization, RMSNormalization, GroupNormalization,
        InstanceNormalization, BatchNormalization, LRN, LpNormalization, MeanVarianceNormalization, and of the
        domain com.microsoft SkipLayerNormalization and SkipSimplifiedLayerNormalization.

    Raises
    ------
    NotImplementedError
        When a model runs: a `stash_type` other than 1, BatchNormalization in training before opset 14.

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
        GroupNormalization,
        InstanceNormalization,
        LRN,
        LayerNormalization,
        LpNormalization,
        MeanVarianceNormalization,
        RMSNormalization,
        SkipLayerNormalization,
        SkipSimplifiedLayerNormalization,
    ]
