"""Models of torch with real architectures and random weights, one or more for each norm."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as T


class OwnRMSNorm(nn.Module):  # type: ignore[misc, unused-ignore]
    """As Llama's and most models since have it."""

    def __init__(self, width: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.variance_epsilon = eps

    def forward(self, hidden_states: Tensor) -> Tensor:
        wide = hidden_states.to(torch.float32)
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
        return self.weight * wide.to(hidden_states.dtype)


class Attention(nn.Module):  # type: ignore[misc, unused-ignore]
    """Multi-head self-attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.mix, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, length, width = x.shape
        q, k, v = self.mix(x).view(n, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        return self.out(T.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, length, width))


class Block(nn.Module):  # type: ignore[misc, unused-ignore]
    """A transformer layer normalized after its sums, as BERT's; LayerNorm or RMSNorm."""

    def __init__(self, width: int, heads: int, norm: Any) -> None:
        super().__init__()
        self.attention, self.first, self.second = Attention(width, heads), norm(width), norm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x + self.attention(x))
        return self.second(x + self.mlp(x))


class Encoder(nn.Module):  # type: ignore[misc, unused-ignore]
    """Embeddings and blocks."""

    def __init__(self, width: int = 384, depth: int = 6, heads: int = 12, norm: Any = nn.LayerNorm) -> None:
        super().__init__()
        self.words, self.norm = nn.Embedding(1000, width), norm(width)
        self.blocks = nn.Sequential(*(Block(width, heads, norm) for _ in range(depth)))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.blocks(self.norm(self.words(tokens)))


def conv(inner: int, outer: int, stride: int = 1, size: int = 3, **rest: Any) -> Any:
    """With half its size of padding."""
    return nn.Conv2d(inner, outer, size, stride, size // 2, **rest)


def unbiased(inner: int, outer: int, stride: int = 1, size: int = 3) -> list[nn.Module]:
    """A convolution and the norm that has its bias."""
    return [conv(inner, outer, stride, size, bias=False), nn.BatchNorm2d(outer)]


class Residual(nn.Module):  # type: ignore[misc, unused-ignore]
    """ResNet's basic block."""

    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*unbiased(inner, outer, stride), nn.ReLU(), *unbiased(outer, outer))
        same = stride == 1 and inner == outer
        self.short = nn.Sequential(*([] if same else unbiased(inner, outer, stride, 1)))

    def forward(self, x: Tensor) -> Tensor:
        return T.relu(self.body(x) + self.short(x))


def resnet(width: int = 64) -> Any:
    """ResNet-18 (width 64)."""
    stem = (*unbiased(3, width, 2, 7), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
    blocks, inner = [], width
    for i in range(4):
        outer = width << i
        blocks += [Residual(inner, outer, 2 if i else 1), Residual(outer, outer, 1)]
        inner = outer
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inner, 1000))


class Unit(nn.Module):  # type: ignore[misc, unused-ignore]
    """The residual unit of diffusion models: GroupNorm, SiLU, convolution, twice."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.GroupNorm(32, inner), nn.SiLU(), conv(inner, outer)),
            *(nn.GroupNorm(32, outer), nn.SiLU(), conv(outer, outer)),
        )
        self.short = nn.Conv2d(inner, outer, 1) if inner != outer else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + self.short(x)


class UNet(nn.Module):  # type: ignore[misc, unused-ignore]
    """Down, up, and what was seen on the way down."""

    def __init__(self, width: int = 64, depth: int = 3) -> None:
        super().__init__()
        sizes = [width << i for i in range(depth)]
        self.first, self.last = conv(3, width), conv(width, 3)
        self.down = nn.ModuleList(Unit(a, b) for a, b in zip([width, *sizes[:-1]], sizes, strict=True))
        self.up = nn.ModuleList(Unit(2 * b, a) for a, b in zip([width, *sizes[:-1]], sizes, strict=True))
        self.norm = nn.GroupNorm(32, width)

    def forward(self, x: Tensor) -> Tensor:
        x, seen = self.first(x), []
        for unit in self.down:
            x = unit(x)
            seen.append(x)
            x = T.avg_pool2d(x, 2)
        for unit in reversed(self.up):
            x = unit(torch.cat([T.interpolate(x, scale_factor=2.0), seen.pop()], 1))
        return self.last(T.silu(self.norm(x)))


class Permuted(nn.Module):  # type: ignore[misc, unused-ignore]
    """ConvNeXt's block: LayerNorm over the channels of a permuted picture."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(width, width, 7, 1, 3, groups=width), nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mlp(self.norm(self.conv(x).permute(0, 2, 3, 1))).permute(0, 3, 1, 2)


def convnext(width: int = 96, depth: int = 3) -> Any:
    """The first stage."""
    return nn.Sequential(nn.Conv2d(3, width, 4, 4), *(Permuted(width) for _ in range(depth)))


def styler(width: int = 32) -> Any:
    """Fast style transfer: convolutions and InstanceNorm."""
    sizes = (3, width, 2 * width, 4 * width)
    layers: list[nn.Module] = []
    for inner, outer in pairwise(sizes):
        layers += [conv(inner, outer, 2 if inner > 3 else 1)]
        layers += [nn.InstanceNorm2d(outer, affine=True), nn.ReLU()]
    return nn.Sequential(*layers, conv(sizes[-1], 3))


def models(small: bool = False) -> dict[str, tuple[Any, Any]]:
    """Models in evaluation mode with random weights, and an input of each."""
    torch.manual_seed(0)
    sizes = {"width": 48, "depth": 2, "heads": 4} if small else {}
    tokens = torch.randint(0, 1000, (2, 24) if small else (2, 128))
    picture = torch.randn(1, 3, 32, 32) if small else torch.randn(1, 3, 128, 128)
    photo = torch.randn(1, 3, 64, 64) if small else torch.randn(1, 3, 224, 224)
    made = {
        "BERT encoder": (Encoder(**sizes), tokens),
        "encoder with RMSNorm": (Encoder(**sizes, norm=nn.RMSNorm), tokens),
        "encoder with Llama's RMSNorm": (Encoder(**sizes, norm=OwnRMSNorm), tokens),
        "ResNet-18": (resnet(16 if small else 64), photo),
        "diffusion UNet": (UNet(), picture),
        "ConvNeXt stage": (convnext(), photo),
        "style transfer": (styler(), picture),
    }
    for model, _ in made.values():
        for module in model.eval().modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr, unused-ignore]
    return made
