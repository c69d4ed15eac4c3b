"""What is tried beside the plain calls, by the names of arguments: new ones ask for a decision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.cliffs.functions import Keywords, csr_shape
from bench.cliffs.public import arguments
from bench.cliffs.scene import Scene

Option = Callable[[Scene], Keywords]
OUT = "out="  # of the plain call's result, which the measurement makes


def given(**keywords: Any) -> Option:
    """The same on every scene."""
    return lambda s: keywords


def flag(name: str, value: Any = True) -> dict[str, Option]:
    """One option: an argument and its value."""
    return {f"{name}={value}": given(**{name: value})}


def gated(**keywords: Any) -> Option:
    """A gate as large as the input."""
    return lambda s: {"gate": s.another(), **keywords}


def holes(s: Scene) -> Keywords:
    """A tenth of the input is NaN."""
    s.with_holes()
    return {}


def omitting(s: Scene) -> Keywords:
    """That, left out."""
    return {"nan_policy": "omit", **holes(s)}


def largest_divisor(s: Scene) -> int:
    """Of the length, up to 128."""
    return max(d for d in range(1, min(s.n, 128) + 1) if s.n % d == 0)


def scattered(s: Scene) -> Keywords:
    """A mask of elements."""
    return {"where": s.mask}


def of_whole_rows(s: Scene) -> Keywords:
    """A mask of rows."""
    return {"where": s.mask[..., -1:]}


OPTIONS: dict[str, dict[str, Option]] = {
    "out": {OUT: given()},
    "a": {"10% NaN": holes},
    "nan_policy": {"nan_policy=omit": omitting},
    "where": {"where=": scattered, "where= of rows": of_whole_rows},
    "weights": {"weights=": lambda s: {"weights": s.vector(s.n)}},
    "sample_weight": {"sample_weight=": lambda s: {"sample_weight": s.vector(s.m)}},
    "axis": flag("axis", 0),
    "dim": flag("dim", 1),
    "dtype": flag("dtype", "float64"),
    "residual": {"residual=": lambda s: {"residual": s.another()}},
    "gate": {"gate=": gated()},
    "norm_before_gate": {"gate= norm_before_gate=False": gated(norm_before_gate=False)},
    "group_size": {"group_size=": lambda s: {"group_size": largest_divisor(s)}},
    "activation": flag("activation", "relu") | flag("activation", "silu") | flag("activation", "gelu"),
    "eps_mode": flag("eps_mode", "max"),
    "weight_offset": flag("weight_offset", 1.0),
    "return_moments": flag("return_moments"),
    "return_norm": flag("return_norm"),
    "training": flag("training"),
    "use_input_stats": flag("use_input_stats", False),
    "transpose": flag("transpose"),
    "normalize": flag("normalize"),
    "p": flag("p", 1.0) | flag("p", 3.0) | flag("p", np.inf),
    "beta": flag("beta", 0.6),
    "norm": flag("norm", "l1") | flag("norm", "max"),
    "scale": flag("scale", 0.05),
    "mean": flag("mean", "image") | flag("mean", "channel"),
    "layout": flag("layout", "HWC->HWC") | flag("layout", "CHW->CHW"),
    "patch": flag("patch", 4),
    "min_count": flag("min_count", 1),
    "center": flag("center"),
    "adjust": flag("adjust", False),
    "with_mean": flag("with_mean", False),
    "with_std": flag("with_std", False),
    "clip": flag("clip"),
    "max_value": flag("max_value", 1.0),
    "prior": {"prior=": given(prior=(10.0, 0.0, 1.0))},
    "decay": flag("decay", 0.99),
}


def weights_of_rows(s: Scene) -> Keywords:
    """One for each."""
    return {"weights": s.vector(s.m)}


def weights_of_grouped_rows(s: Scene) -> Keywords:
    """One for each, to be broadcast."""
    return {"weights": s.vector(s.m)[:, None]}


def weights_of_stored_rows(s: Scene) -> Keywords:
    """One for each row of the sparse matrix."""
    return {"weights": s.vector(csr_shape(s)[0])}


ROWS, NOTHING = flag("axis", 1), dict[str, Option]()
# Functions where an argument of that name is another one, or one of the plain call.
EXCEPTIONS: dict[str, dict[str, dict[str, Option]]] = {
    **{name: {"axis": ROWS} for name in ("group_standardize", "segment_standardize")},
    **{
        name: {"axis": ROWS, "weights": {"weights=": weights_of_grouped_rows}}
        for name in ("group_moments", "segment_moments")
    },
    # a hidden row has no largest element
    **{
        f"stats.{name}": {"where": {"where=": scattered}}
        for name in ("argmax", "argmin", "nanargmax", "nanargmin")
    },
    "mean_pool": {"axis": NOTHING, "where": NOTHING},
    "image_normalize": {
        "scale": NOTHING,
        "dtype": flag("dtype", "float16"),
        "clip": {"clip=": given(clip=(-1.0, 1.0))},
    },
    "RunningMoments.update": {"axis": NOTHING, "weights": {"weights=": weights_of_rows}},
    "RunningMoments.normalize": {"clip": flag("clip", 10.0)},
    "functional.batch_norm": {"where": {"training= where=": lambda s: {"training": True, "where": s.mask}}},
    "functional.normalize": {"dim": NOTHING},
    "preprocessing.normalize": {"axis": flag("axis", 0)},
    **{
        f"preprocessing.{name}": {"axis": ROWS}
        for name in ("zscore", "zmap", "gzscore", "scale", "minmax_scale", "maxabs_scale")
    },
    "sparse.moments": {"axis": ROWS, "weights": {"weights=": weights_of_stored_rows}, "a": NOTHING},
    "sparse.minmax": {"axis": ROWS, "a": NOTHING},
    "sparse.scale": {"axis": ROWS, "a": NOTHING},
}
# What the plain calls give, and what costs nothing or is tried with another argument.
PLAIN = {
    "in the plain call": (
        "x input image X v w scores compare y normalized_shape num_groups weight bias bn_weight bn_bias g "
        "gain labels offsets running_mean running_var mean_weight var_weight std size window by lengths "
        "max_length alpha halflife"
    ),
    "a number or a word": (
        "eps momentum correction ddof k feature_range gate_activation granularity using_moving_average"
    ),
    "a shape": "shape keepdims",
    "with residual": "residual_out",
    "with patch": "merge temporal",
    "writes over the input, which changes from call to call": "copy",
    "scikit-learn's, for others": "fit_params",
}


def tried(function: str, argument: str) -> dict[str, Option] | None:
    """The options of an argument; None: nobody decided."""
    known = {**OPTIONS, **EXCEPTIONS.get(function, {})}
    plain = {name for names in PLAIN.values() for name in names.split()}
    return known.get(argument, NOTHING if argument in plain else None)


def options(function: str) -> dict[str, Option]:
    """By their labels."""
    return {
        label: option
        for a in arguments(function)
        for label, option in (tried(function, a) or NOTHING).items()
    }
