"""The table of cases: what is measured, on which shape, dtype and layout."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

QUANTIZED = ("layer_norm_int8", "rms_norm_int8")
LAYERS = ("layer_norm", "rms_norm", "gemma_rms_norm", "masked_layer_norm", "masked_array_layer_norm")
OF_LAYERS = (*LAYERS, *QUANTIZED)
REDUCTIONS = ("nansum", "nanmean", "nanvar", "nanmin")
EPS_MODES = ("inside", "outside", "max")
STANDARDIZED = {"group_standardize": 1000, "segment_standardize": 1000, "rolling_standardize_10": 0}
# Operations on windows, and how many positions one has.
WINDOWS = {"rolling_moments_10": 10, "rolling_moments_1000": 1000}
LAYOUTS = ("contiguous", "transposed", "every second column", "channels-last")


@dataclass(frozen=True)
class Case:
    """One measurement. `axes` are those a statistic covers, `groups` split axis 1 or rows, `padding` a share.

    With `residual` the input is a sum, and a result; `activation` is that of the result. The output that is
    given begins `past` bytes after a cache line. Values are about `size`, a share of `holes` is NaN; `cold`:
    no cache holds them.
    """

    operation: str
    shape: tuple[int, ...]
    axes: tuple[int, ...]
    dtype: str = "float32"
    layout: str = "contiguous"
    groups: int = 0
    padding: float = 0
    residual: bool = False
    activation: str = ""
    past: int = 0
    size: float = 1
    cold: bool = False
    holes: float = 0
    eps_mode: str = "inside"

    def __str__(self) -> str:
        extra = [f"axes {self.axes}".replace(" ", "").replace("axes", "axes ")] if self.names_axes else []
        extra += [f"{self.groups} groups"] if self.groups else []
        extra += [f"{self.padding:.0%} padding"] if self.masked else []
        extra += [f"{self.holes:.0%} NaN"] if self.holes else []
        extra += ["residual"] if self.residual else []
        extra += [self.activation] if self.activation else []
        extra += [f"eps {self.eps_mode}"] if self.eps_mode != "inside" else []
        extra += [self.dtype] if self.dtype != "float32" else []
        extra += [self.layout] if self.layout != "contiguous" else []
        extra += [f"output {self.past} bytes past a line"] if self.past else []
        extra += [f"values about {self.size:g}"] if self.size != 1 else []
        extra += ["cold caches"] if self.cold else []
        return " ".join([self.operation, str(self.shape).replace(" ", ""), *extra])

    @property
    def names_axes(self) -> bool:
        """Do the axes tell this case from others of its operation?"""
        return self.operation in ("moments", "sparse_moments", *REDUCTIONS, *WINDOWS) or (
            self.operation == "layer_norm" and self.axes != (-1,)
        )

    @property
    def masked(self) -> bool:
        """Is there a mask, if only one that hides nothing?"""
        return self.operation.startswith("masked")

    @property
    def quantized(self) -> bool:
        """Is the result signed bytes and their scales?"""
        return self.operation in QUANTIZED

    @property
    def fused(self) -> bool:
        """Is there more than the normalization?"""
        return self.residual or self.activation != ""

    @property
    def plain(self) -> Case:
        """The normalization alone."""
        return replace(self, residual=False, activation="")

    @property
    def parameter_axes(self) -> tuple[int, ...]:
        """Those weight and bias vary along: the normalized axes, else the channels."""
        if self.operation in OF_LAYERS:
            return self.axes
        if self.is_picture:
            return (-1,)
        return (0,) if self.operation == "fold_batch_norm" else (1,)

    @property
    def parameter_shape(self) -> tuple[int, ...]:
        """Of weight and bias."""
        return tuple(self.shape[a] for a in self.parameter_axes)

    @property
    def is_picture(self) -> bool:
        """Integers (..., H, W, C) to float32 (..., C, H, W)."""
        return self.operation == "image_normalize"

    @property
    def elements(self) -> int:
        """How many values the input holds."""
        return math.prod(self.shape)


LAST, ROWS, BOTH = (-1,), (0,), (0, 1)


def spatial(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes after batch and channel."""
    return tuple(range(2, len(shape)))


def over(operation: str, axes: tuple[int, ...], *shapes: tuple[int, ...], **rest: Any) -> list[Case]:
    """Cases of one operation with the same axes."""
    return [Case(operation, shape, axes, **rest) for shape in shapes]


def batch(operation: str, *shapes: tuple[int, ...], **rest: Any) -> list[Case]:
    """Statistics per channel: over the batch and all positions."""
    return [Case(operation, s, (0, *spatial(s)), **rest) for s in shapes]


def samples(operation: str, *shapes: tuple[int, ...], **rest: Any) -> list[Case]:
    """Statistics per sample and channel, or group of channels."""
    return [Case(operation, s, spatial(s), **rest) for s in shapes]


def padded(padding: float) -> list[Case]:
    """Sequences of 32 lengths: (N, C, L), channels-last, and (N, L, C) over the last axis."""
    shape, channels = (32, 256, 512), (0, 2)
    return [
        Case("masked_batch_norm", shape, channels, padding=padding),
        Case("masked_batch_norm", shape, channels, layout="channels-last", padding=padding),
        Case("masked_instance_norm", shape, (2,), padding=padding),
        Case("masked_group_norm", shape, (2,), groups=32, padding=padding),
        Case("masked_layer_norm", (32, 512, 256), LAST, padding=padding),
        Case("masked_array_layer_norm", (32, 512, 256), LAST, padding=padding),
    ]


def residual(*shapes: tuple[int, ...], **rest: Any) -> list[Case]:
    """Rows of transformers, added to the residual stream."""
    return [
        c for norm in ("layer_norm", "rms_norm") for c in over(norm, LAST, *shapes, residual=True, **rest)
    ]


def brief() -> list[Case]:
    """Segments of sixteen rows on average, and moments of the same bytes."""
    both = (("segment_moments", 62500), ("moments", 0))
    return [Case(o, (1000000, 20), ROWS, d, groups=n) for d in ("float32", "float64") for o, n in both]


def grouped(*groups: int) -> list[Case]:
    """Rows of a table by labels, and as many segments."""
    operations = ("group_moments", "group_standardize", "segment_moments")
    return [Case(o, (1000000, 20), (0,), "float64", groups=n) for n in groups for o in operations]


def reductions() -> list[Case]:
    """A thousand numbers, where the call costs most, and a large table, whole and with holes."""
    return [
        case
        for operation in REDUCTIONS
        for case in (
            *(Case(operation, (1, 1000), BOTH, "float64", holes=share) for share in (0, 0.1)),
            Case(operation, TABLE, BOTH),
            *(Case(operation, TABLE, axes, holes=0.1) for axes in (ROWS, LAST, BOTH)),
        )
    ]


def windows() -> list[Case]:
    """A long series, rows, columns."""
    return [
        case
        for operation in WINDOWS
        for case in (
            Case(operation, (1, 1_000_000), LAST, "float64"),
            Case(operation, (1000, 1000), LAST, "float64"),
            Case(operation, (10_000, 100), ROWS, "float64"),
        )
    ]


def calls() -> list[Case]:
    """Arrays of a few elements, where the call is all it takes (python -m bench.calls has every function)."""
    rows, maps = (4, 16), (2, 3, 4, 4)
    return [
        *(Case("layer_norm", maps, (1,)), Case("masked_layer_norm", (2, 2, 16), LAST, padding=0.5)),
        *(Case("moments", rows, axes) for axes in (ROWS, LAST)),
        *(Case(o, rows, ROWS) for o in ("zscore", "minmax", "maxabs", "zmap", "gzscore")),
        *(Case(o, rows, LAST) for o in ("normalizer", "normalizer_l1", "normalizer_max")),
        *batch("batch_norm_train", maps),
        *batch("switchable_norm_eval", maps),
        *over("local_response_norm", (1,), maps),
        Case("image_normalize", (8, 8, 3), (), "uint8"),
        *over("scaler_row", ROWS, rows),
    ]


def activated(case: Case) -> list[Case]:
    """A cheap activation and a dear one."""
    return [replace(case, activation=activation) for activation in ("relu", "silu")]


EXTREMES = (1e200, 1e-200)  # of float64, whose squares it lacks
IMAGES, TABLE = (64, 64, 56, 56), (4096, 4096)
PICTURES = [(224, 224, 3), (1080, 1920, 3), (32, 224, 224, 3), (224, 224, 1)]

CASES: list[Case] = [
    *over("layer_norm", LAST, (1, 768), (8, 768), (32, 768), (128, 768), (512, 768), (2048, 768)),
    *over("layer_norm", LAST, (16384, 768), (32, 128, 1024), TABLE, (1, 4096), (1576, 768), (64, 49, 96)),
    *over("layer_norm", LAST, (1000, 333), (100000, 16), (4, 1000000), (1, 4000000)),
    *(Case(o, (100000, 3), LAST, layout=layout) for o in ("layer_norm", "moments") for layout in LAYOUTS[:2]),
    *over("layer_norm", (-2, -1), (64, 49, 96)),
    *over("layer_norm", (-3, -2, -1), (20, 5, 10, 10)),
    *over("layer_norm", (1,), (32, 96, 56, 56)),
    *(Case("layer_norm", (2048, 768), LAST, dtype) for dtype in ("bfloat16", "float16", "float64")),
    *(Case("layer_norm", (2048, 768), LAST, layout=layout) for layout in LAYOUTS[1:3]),
    Case("layer_norm", (2048, 768), LAST, past=16),
    Case("layer_norm", (2048, 768), LAST, "bfloat16", past=16),
    *(Case("layer_norm", (2048, 768), LAST, "float64", size=size) for size in EXTREMES),
    *over("layer_norm", LAST, (1, 768), (128, 768), (2048, 768), cold=True),
    *over("rms_norm", LAST, (1, 4096), (128, 768), (2048, 4096)),
    Case("rms_norm", (2048, 4096), LAST, "bfloat16"),
    *over("gemma_rms_norm", LAST, (1, 4096), (2048, 4096)),
    *over("layer_norm_int8", LAST, (1, 4096), (128, 768), (2048, 768), TABLE),
    Case("layer_norm_int8", (2048, 768), LAST, "bfloat16"),
    *over("rms_norm_int8", LAST, (1, 4096), (128, 768), (2048, 768), TABLE),
    Case("rms_norm_int8", (2048, 768), LAST, "bfloat16"),
    *batch("batch_norm_eval", (1, 64, 112, 112), (32, 64, 56, 56), (32, 256, 14, 14), (32, 2048, 7, 7)),
    *batch("batch_norm_eval", (20, 100), (4096, 1024), (32, 128, 512), (4, 32, 16, 56, 56)),
    *batch("batch_norm_eval", (32, 64, 56, 56), layout="channels-last"),
    *batch("batch_norm_eval", (32, 64, 56, 56), past=16),
    *batch("batch_norm_eval", (1, 64, 56, 56), cold=True),
    *batch("batch_norm_train", (32, 64, 56, 56), (4096, 1024)),
    *batch("batch_norm_train", (32, 64, 56, 56), layout="channels-last"),
    *samples("instance_norm", (8, 64, 128, 128), (8, 64, 56, 56), (20, 100, 35, 45), (4, 3, 512, 512)),
    *samples("instance_norm", (2, 32, 32, 64, 64)),
    *samples("instance_norm", (8, 64, 56, 56), layout="channels-last"),
    *samples("group_norm", (8, 320, 64, 64), (2, 1280, 16, 16), (32, 512, 4, 4), groups=32),
    *samples("group_norm", (8, 320, 64, 64), groups=32, layout="channels-last"),
    *samples("group_norm", (20, 6, 10, 10), groups=3),
    *over("local_response_norm", (1,), (8, 96, 55, 55)),
    *(Case("moments", TABLE, axes) for axes in ((0,), (1,), (0, 1))),
    *(Case("moments", IMAGES, axes) for axes in ((0, 2, 3), (1, 2, 3), (0, 3))),
    *grouped(10, 1000, 100000),
    *brief(),
    *(Case(o, (100000, 20), ROWS, groups=n, eps_mode=m) for o, n in STANDARDIZED.items() for m in EPS_MODES),
    *reductions(),
    *windows(),
    *over("zscore", ROWS, (1000000, 20), (1000000, 50)),
    *over("minmax", ROWS, (1000000, 20), (1000000, 50)),
    *(Case("zscore", (100000, 20), ROWS, "float64", size=size) for size in (1, *EXTREMES)),
    *over("scale_sparse", ROWS, (100000, 50)),
    *(Case("sparse_moments", (20000, 2000), axes) for axes in (ROWS, (1,))),
    *over("maxabs", ROWS, (1000000, 20), (1000000, 50)),
    *over("normalizer", LAST, (1000000, 20), (100000, 768)),
    *over("normalizer_l1", LAST, (1000000, 20), (4096, 768)),
    *over("normalizer_max", LAST, (1000000, 20)),
    *over("normalize_l3", LAST, (1000000, 20)),
    *over("zmap", ROWS, (1000000, 20)),
    *over("gzscore", ROWS, (1000000, 20)),
    *over("scaler_row", ROWS, (1, 20)),
    *(Case("running_moments", (rows, 20), ROWS, "float64") for rows in (1, 1000, 100000)),
    *batch("recalibrate", (32, 64, 56, 56)),
    *over("fold_batch_norm", (1, 2, 3), (256, 256, 3, 3)),
    *batch("switchable_norm_eval", (8, 64, 56, 56)),
    *batch("switchable_norm_train", (8, 64, 56, 56)),
    *(Case("image_normalize", s, (), "uint8") for s in PICTURES),
    Case("image_normalize", PICTURES[0], (), "uint16"),
    *calls(),
    *residual((1, 4096), (128, 768), (2048, 768), (4096, 4096)),
    *residual((128, 768), (2048, 4096), dtype="bfloat16"),
    *(
        fused
        for case in (
            *batch("batch_norm_eval", (1, 64, 28, 28), (32, 256, 14, 14), (32, 64, 56, 56)),
            *samples("group_norm", (2, 1280, 16, 16), (8, 320, 64, 64), groups=32),
            *over("layer_norm", LAST, (128, 768), (2048, 768)),
        )
        for fused in activated(case)
    ),
    *padded(0),
    *padded(0.5),
]
BY_NAME = {str(case): case for case in CASES}


def chosen(text: str) -> list[Case]:
    """Cases whose name contains the text, or one of several with | between."""
    return [case for case in CASES if any(part in str(case) for part in text.split("|"))]
