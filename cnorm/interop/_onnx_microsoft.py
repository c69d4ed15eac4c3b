"""com.microsoft's normalization operators: sums before a norm, groups of channels, embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm._accept.arrays import Array
from cnorm._accept.axes import check_groups, check_rank
from cnorm.interop._onnx_inputs import (
    check_choice,
    check_epsilon,
    check_shape,
    group_normalized,
    layer_normalized,
    looked_up,
    narrowed,
    rms_normalized,
    summed,
    wide,
)
from cnorm.interop._onnx_nodes import OpRun, inverse_deviation, mean_square, outputs, wants

__all__ = [
    "EmbedLayerNormalization",
    "GroupNorm",
    "SkipGroupNorm",
    "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization",
]


class SkipLayerNormalization(OpRun):  # type: ignore[misc]
    """com.microsoft: LayerNorm of input + skip + bias over the last axis; the sum is the fourth output."""

    op_domain = "com.microsoft"

    def _run(
        self, x: Array, skip: Array, gamma: Array, beta: Any = None, bias: Any = None, epsilon: float = 1e-12
    ) -> tuple[Any, ...]:
        check_epsilon(epsilon)
        total = summed(x, skip, bias)
        for p, name in ((gamma, "gamma"), (beta, "beta")):
            if p is not None:
                check_shape(p, name, x.shape[-1:])
        y, mean, var = layer_normalized(total, x.ndim - 1, epsilon, gamma, beta, wants(self, 1, 3))
        mean = None if mean is None else mean.astype(np.float32)
        y, total = (narrowed(v, x.dtype) for v in (y, total))
        return outputs(self, y, mean, inverse_deviation(var, epsilon), total)


class SkipSimplifiedLayerNormalization(OpRun):  # type: ignore[misc]
    """com.microsoft: RMSNorm of input + skip + bias; the second output stays empty."""

    op_domain = "com.microsoft"

    def _run(
        self, x: Array, skip: Array, gamma: Array, bias: Any = None, epsilon: float = 1e-12
    ) -> tuple[Any, ...]:
        check_epsilon(epsilon)
        total, last = summed(x, skip, bias), x.ndim - 1
        check_shape(gamma, "gamma", x.shape[-1:])
        y = rms_normalized(total, last, epsilon, gamma, x.dtype)
        inverse = inverse_deviation(mean_square(total, last), epsilon) if wants(self, 2, 3) else None
        return outputs(self, y, None, inverse, narrowed(total, x.dtype))


def _by_channel(x: Array, channels_last: int, groups: int) -> Array:
    """(N, ..., C), or (N, C, ...) itself, as (N, C, ...); its channels are groups of one size."""
    check_choice(channels_last, "channels_last", 0, 1)
    check_rank(x, 2, "X")
    x = np.moveaxis(x, -1, 1) if channels_last else x
    check_groups(x, groups, "groups")
    return x


def _normalized(
    x: Array, gamma: Array, beta: Array, activation: int, groups: int, epsilon: float, dtype: np.dtype[Any]
) -> Array:
    """Of (N, C, ...), rounded to a dtype once."""
    check_epsilon(epsilon)
    check_choice(activation, "activation", 0, 1)
    for p, name in ((gamma, "gamma"), (beta, "beta")):
        check_shape(p, name, x.shape[1:2])
    y = group_normalized(x, groups, gamma, beta, epsilon, "silu" if activation else None)
    return narrowed(y, dtype)


def _as_skip(skip: Array, x: Array, channels_last: int) -> Array:
    """Of the shape of (N, C, ...), or one value for each channel of a sample."""
    everywhere = x.shape[:2] + (1,) * (x.ndim - 2)
    first = np.moveaxis(skip, -1, 1) if channels_last and skip.ndim == x.ndim else skip
    if first.shape == x.shape[:2]:
        first = first.reshape(everywhere)
    if first.shape not in (x.shape, everywhere):
        raise ValueError(f"skip: expected the shape of X or {x.shape[:2]}, got {skip.shape}")
    return first


class GroupNorm(OpRun):  # type: ignore[misc]
    """Channels last unless told otherwise; activation 1 is SiLU."""

    op_domain = "com.microsoft"

    def _run(
        self,
        x: Array,
        gamma: Array,
        beta: Array,
        activation: int = 0,
        channels_last: int = 1,
        epsilon: float = 1e-5,
        groups: int = 1,
    ) -> tuple[Any, ...]:
        first = _by_channel(x, channels_last, groups)
        y = _normalized(first, gamma, beta, activation, groups, epsilon, x.dtype)
        return (np.moveaxis(y, 1, -1) if channels_last else y,)


class SkipGroupNorm(OpRun):  # type: ignore[misc]
    """GroupNorm of X + skip + bias, whose skip may be the same everywhere; the sum is the second output."""

    op_domain = "com.microsoft"

    def _run(
        self,
        x: Array,
        gamma: Array,
        beta: Array,
        skip: Array,
        bias: Array | None = None,
        activation: int = 0,
        channels_last: int = 1,
        epsilon: float = 1e-5,
        groups: int = 1,
    ) -> tuple[Any, ...]:
        first = _by_channel(x, channels_last, groups)
        total = np.add(first, _as_skip(skip, first, channels_last), dtype=wide(first))
        if bias is not None:
            check_shape(bias, "bias", first.shape[1:2])
            total += bias.reshape(-1, *(1,) * (first.ndim - 2))
        y = _normalized(total, gamma, beta, activation, groups, epsilon, x.dtype)
        total = narrowed(total, x.dtype)
        back = (np.moveaxis(v, 1, -1) if channels_last else v for v in (y, total))
        return outputs(self, *back)


class EmbedLayerNormalization(OpRun):  # type: ignore[misc]
    """LayerNorm of the embeddings of words, positions and segments, whose sum is the third output.

    The second is how many elements of each row of the mask are 1; 0 without a mask.
    """

    op_domain = "com.microsoft"

    def _run(
        self,
        input_ids: Array,
        segment_ids: Array | None,
        word_embedding: Array,
        position_embedding: Array,
        segment_embedding: Array | None,
        gamma: Array,
        beta: Array,
        mask: Array | None = None,
        position_ids: Array | None = None,
        epsilon: float = 1e-12,
        mask_index_type: int = 0,
    ) -> tuple[Any, ...]:
        check_epsilon(epsilon)
        check_rank(input_ids, 2, "input_ids")
        size, kind = input_ids.shape, word_embedding.dtype
        if position_ids is None:
            position_ids = np.arange(size[1], dtype=np.int32)[None]
        elif position_ids.shape[0] != 1:
            check_shape(position_ids, "position_ids", size)
        words = looked_up(word_embedding, "word_embedding", input_ids, "input_ids")
        positions = looked_up(position_embedding, "position_embedding", position_ids, "position_ids")
        check_shape(positions[0], "position_embedding", words.shape[1:])
        total: Array = np.add(words, positions, dtype=wide(words))
        if segment_ids is not None:
            check_shape(segment_ids, "segment_ids", size)
            if segment_embedding is None:
                raise ValueError("segment_embedding: expected one with segment_ids, got none")
            segments = looked_up(segment_embedding, "segment_embedding", segment_ids, "segment_ids")
            check_shape(segments, "segment_embedding", words.shape)
            total += segments
        for p, name in ((gamma, "gamma"), (beta, "beta")):
            check_shape(p, name, words.shape[2:])
        counts = np.zeros(size[0], np.int32)
        if mask is not None:
            check_shape(mask, "mask", size)
            counts = (mask == 1).sum(1, dtype=np.int32)
        y = layer_normalized(total, 2, epsilon, gamma, beta, False)[0]
        return outputs(self, narrowed(y, kind), counts, narrowed(total, kind))
