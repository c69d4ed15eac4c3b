"""The EfficientNet-Lite0 network in NumPy: 49 BatchNorm layers by cnorm."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cnorm import functional as F
from cnorm._accept.arrays import Array
from cnorm.demo._stopwatch import Stopwatch
from cnorm.demo.conv import conv2d

SIZE, EPS = 224, 1e-3
# (blocks, stride of the first) of each stage; all other sizes are those of the weights.
STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
STRIDES = tuple(stride if i == 0 else 1 for blocks, stride in STAGES for i in range(blocks))
_BATCH_NORM = ("weight", "bias", "running_mean", "running_var")


class EfficientNetLite0:
    """Class scores from pictures [1]_; `norm_time` counts what normalization took.

    Parameters
    ----------
    weights : mapping of str to ndarray
        The tensors of the checkpoint, under the names of lukemelas/EfficientNet-PyTorch.

    Raises
    ------
    ValueError
        Tensors are missing or left over.

    References
    ----------
    .. [1] Tan & Le, "EfficientNet", ICML 2019; the Lite form has ReLU6 and no squeeze-and-excitation.
    """

    def __init__(self, weights: Mapping[str, Array]) -> None:
        wanted = set(expected_names())
        got = {name for name in weights if not name.endswith(".num_batches_tracked")}
        if wanted != got:
            raise ValueError(
                f"not the weights of EfficientNet-Lite0: missing {sorted(wanted - got)[:3]}, "
                f"unexpected {sorted(got - wanted)[:3]}"
            )
        # C order, once: the checkpoint keeps TensorFlow's order of axes.
        self.weights = {name: np.ascontiguousarray(weights[name]) for name in wanted}
        self.norm_time = Stopwatch()

    def fold(self) -> None:
        """Folds each BatchNorm into the convolution before it; nothing is left to normalize."""
        for conv, norm in layer_pairs():
            w, b, mean, var = (self.weights.pop(f"{norm}.{part}") for part in _BATCH_NORM)
            weight, bias = F.fold_batch_norm(self.weights[f"{conv}.weight"], None, mean, var, w, b, EPS)
            self.weights[f"{conv}.weight"], self.weights[f"{conv}.bias"] = weight, bias

    def conv_norm(self, conv: str, norm: str, x: Array, stride: int = 1) -> Array:
        """Convolution, then BatchNorm in eval mode, in place; after `fold` its bias instead."""
        x = conv2d(x, self.weights[f"{conv}.weight"], stride)
        bias = self.weights.get(f"{conv}.bias")
        if bias is not None:
            return np.asarray(np.add(x, bias[:, None, None], out=x))
        w, b, mean, var = (self.weights[f"{norm}.{part}"] for part in _BATCH_NORM)
        return np.asarray(self.norm_time(F.batch_norm, x, mean, var, w, b, False, eps=EPS, out=x))

    def block(self, index: int, x: Array) -> Array:
        """Inverted bottleneck: expand the channels, filter each, project back."""
        name, stride = f"_blocks.{index}", STRIDES[index]
        y = x
        if index > 0:
            y = relu6(self.conv_norm(f"{name}._expand_conv", f"{name}._bn0", y))
        y = relu6(self.conv_norm(f"{name}._depthwise_conv", f"{name}._bn1", y, stride))
        y = self.conv_norm(f"{name}._project_conv", f"{name}._bn2", y)
        if stride == 1 and x.shape == y.shape:
            y += x
        return y

    def __call__(self, x: Array) -> Array:
        """Logits [N, 1000] of pictures [N, 3, 224, 224], scaled by `scale_pixels`."""
        x = relu6(self.conv_norm("_conv_stem", "_bn0", x, 2))
        for index in range(len(STRIDES)):
            x = self.block(index, x)
        x = relu6(self.conv_norm("_conv_head", "_bn1", x))
        pooled = x.mean((2, 3))
        return np.asarray(pooled @ self.weights["_fc.weight"].T + self.weights["_fc.bias"])


def layer_pairs() -> list[tuple[str, str]]:
    """Names of the convolutions, each with its BatchNorm."""
    pairs = [("_conv_stem", "_bn0"), ("_conv_head", "_bn1")]
    for i in range(len(STRIDES)):
        parts = ("expand", "depthwise", "project") if i > 0 else ("depthwise", "project")
        norms = range(3 - len(parts), 3)
        pairs += [
            (f"_blocks.{i}._{p}_conv", f"_blocks.{i}._bn{n}") for p, n in zip(parts, norms, strict=True)
        ]
    return pairs


def expected_names() -> list[str]:
    """Names of the tensors in use."""
    pairs = layer_pairs()
    names = [f"{conv}.weight" for conv, _ in pairs]
    return [*names, *(f"{norm}.{p}" for _, norm in pairs for p in _BATCH_NORM), "_fc.weight", "_fc.bias"]


def relu6(x: Array) -> Array:
    """min(max(x, 0), 6), in place."""
    return np.asarray(np.clip(x, 0, 6, out=x))


def scale_pixels(pixels: Array) -> Array:
    """uint8 [N, 224, 224, 3] to the network's input, float32 [N, 3, 224, 224] in about [-1, 1]."""
    return np.ascontiguousarray(((pixels.astype(np.float32) - 127) / 128).transpose(0, 3, 1, 2))
