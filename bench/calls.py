"""What calls on tiny arrays take, every public function by its options: python -m bench.calls."""

from __future__ import annotations

import argparse
import sys
import timeit
from collections.abc import Sequence
from typing import Any

import numpy as np

import cnorm
import cnorm.functional as F
import cnorm.preprocessing as P
import cnorm.stats as S
from cnorm import nn

# Expressions on the names of `namespace`; the first is what the others are compared with.
BASE = "F.layer_norm(x, (16,))"
CALLS: dict[str, tuple[str, ...]] = {
    "moments": (
        "cnorm.moments(x)",
        "cnorm.moments(x, 0)",
        "cnorm.moments(x, (0, 1))",
        "cnorm.moments(x, 1, correction=1)",
        "cnorm.moments(x, 0, keepdims=True)",
        "cnorm.moments(x, 1, where=mask)",
        "cnorm.moments(x, 1, weights=weights)",
        "cnorm.moments(x, 1, nan_policy='omit')",
        "cnorm.moments(wide, 1)",
        "cnorm.moments(half, 1)",
        "cnorm.moments(whole, 1)",
        "cnorm.moments(maps, (0, 2, 3))",
    ),
    "standardize": (
        "cnorm.standardize(x)",
        "cnorm.standardize(x, 1)",
        "cnorm.standardize(x, 0, row, row)",
        "cnorm.standardize(x, 1, where=mask)",
        "cnorm.standardize(x, 1, out=y)",
        "cnorm.standardize(x, 1, return_moments=True)",
        "cnorm.standardize(maps, (1, 2, 3))",
    ),
    "layer_norm": (
        "F.layer_norm(x, (16,), row, row)",
        "F.layer_norm(x, (16,), out=y)",
        "F.layer_norm(x, (16,), where=mask)",
        "F.layer_norm(maps, (3,), axis=1)",
        "F.layer_norm(maps, (3,), c3, c3, axis=1)",
        "F.layer_norm(x, (16,), residual=x)",
        "F.layer_norm(x, (16,), activation='relu')",
        "F.layer_norm(x, (16,), row, weight_offset=1.0)",
        "F.layer_norm(x, [16], row)",
        "F.layer_norm(x.T, (4,))",
    ),
    "rms_norm": (
        "F.rms_norm(x, (16,), row)",
        "F.rms_norm(maps, (3,), axis=1)",
        "F.rms_norm(x, (16,), row, gate=x)",
        "F.rms_norm(x, (16,), row, group_size=4)",
    ),
    "layer_norm_int8": ("F.layer_norm_int8(x, (16,))", "F.layer_norm_int8(x, (16,), where=mask)"),
    "rms_norm_int8": ("F.rms_norm_int8(x, (16,))", "F.rms_norm_int8(maps, (3,), axis=1)"),
    "batch_norm": (
        "F.batch_norm(maps, mean3, var3)",
        "F.batch_norm(maps, mean3, var3, c3, c3)",
        "F.batch_norm(maps, mean3, var3, where=maps_mask)",
        "F.batch_norm(maps, mean3, var3, c3, c3, training=True)",
        "F.batch_norm(maps, None, None, training=True)",
        "F.batch_norm(maps, mean3, var3, training=True, where=maps_mask)",
    ),
    "instance_norm": (
        "F.instance_norm(maps)",
        "F.instance_norm(maps, mean3, var3)",
        "F.instance_norm(maps, where=maps_mask)",
    ),
    "group_norm": (
        "F.group_norm(maps, 3)",
        "F.group_norm(maps, 3, c3, c3)",
        "F.group_norm(maps, 3, where=maps_mask)",
    ),
    "normalize": (
        "F.normalize(x)",
        "F.normalize(x, 1.0)",
        "F.normalize(x, dim=0)",
        "F.normalize(x, axis=1)",
        "F.normalize(x, out=y)",
        "F.normalize(x, 0.5)",
    ),
    "local_response_norm": ("F.local_response_norm(maps, 5)", "F.local_response_norm(maps, 5, out=maps_y)"),
    "cross_map_lrn2d": ("F.cross_map_lrn2d(maps, 5)",),
    "weight_norm": ("F.weight_norm(x, c4)", "F.weight_norm(x, one, None)"),
    "weight_standardize": ("F.weight_standardize(x)", "F.weight_standardize(x, c4)"),
    "switchable_norm": (
        "F.switchable_norm(maps, mix3, mix3, mean3, var3)",
        "F.switchable_norm(maps, mix3, mix3, mean3, var3, c3, c3, training=True)",
        "F.switchable_norm(maps, mix2, mix2)",
    ),
    "global_response_norm": ("F.global_response_norm(last, c3, c3)",),
    "fold_batch_norm": ("F.fold_batch_norm(kernels, None, mean4, var4, None, None)",),
    "mean_pool": (
        "cnorm.mean_pool(tokens, None)",
        "cnorm.mean_pool(tokens, shown)",
        "cnorm.mean_pool(tokens, shown, normalize=True)",
    ),
    "length_mask": ("cnorm.length_mask(lengths, 8)",),
    "image_normalize": (
        "cnorm.image_normalize(picture, (0.4, 0.5, 0.6), (0.2, 0.2, 0.2))",
        "cnorm.image_normalize(picture, m3, s3)",
        "cnorm.image_normalize(picture, m3, s3, layout='HWC->HWC')",
        "cnorm.image_normalize(picture, m3, s3, out=chw)",
        "cnorm.image_normalize(picture, 'channel', None)",
        "cnorm.image_normalize(picture, m3, s3, patch=2)",
    ),
    "rolling_moments": ("cnorm.rolling_moments(x, 4)", "cnorm.rolling_moments(x, 2, axis=0)"),
    "rolling_standardize": ("cnorm.rolling_standardize(x, 4)",),
    "ewm_moments": ("cnorm.ewm_moments(x, alpha=0.5)",),
    "group_moments": ("cnorm.group_moments(x, labels)", "cnorm.group_moments(x, labels, 2)"),
    "group_standardize": ("cnorm.group_standardize(x, labels)",),
    "segment_moments": ("cnorm.segment_moments(x, offsets)",),
    "segment_standardize": ("cnorm.segment_standardize(x, offsets)",),
    "RunningMoments": (
        "cnorm.RunningMoments(16)",
        "running.update(x)",
        "running.update(row)",
        "running.update(x, weights=c4)",
        "running.update(x, where=mask)",
        "running.normalize(x)",
        "running.normalize(x, clip=5.0)",
        "running.denormalize(x)",
        "running.mean",
        "running.var()",
        "running.merge(other)",
        "running.count",
    ),
    "scale": ("P.scale(x)", "P.scale(x, 1)", "P.scale(x, with_std=False)", "P.scale(x, out=y)"),
    "minmax_scale": ("P.minmax_scale(x)", "P.minmax_scale(x, axis=1)"),
    "maxabs_scale": ("P.maxabs_scale(x)",),
    "preprocessing.normalize": ("P.normalize(x)", "P.normalize(x, 'l1')", "P.normalize(x, 'max')"),
    "zscore": (
        "P.zscore(x)",
        "P.zscore(x, 1, 1)",
        "P.zscore(x, nan_policy='omit')",
        "P.zscore(x, out=y)",
        "P.zscore(x, where=mask)",
    ),
    "zmap": ("P.zmap(x, other_x)",),
    "gzscore": ("P.gzscore(positive)",),
    "StandardScaler": (
        "P.StandardScaler().fit(x)",
        "P.StandardScaler().fit(x, sample_weight=c4)",
        "P.StandardScaler().fit(x).partial_fit(x)",
        "standard.transform(x)",
        "standard.transform(one_row)",
        "standard.inverse_transform(x)",
        "P.StandardScaler().fit_transform(x)",
    ),
    "MinMaxScaler": (
        "P.MinMaxScaler().fit(x)",
        "P.MinMaxScaler().fit(x).partial_fit(x)",
        "minmax.transform(x)",
        "minmax.transform(one_row)",
        "minmax.inverse_transform(x)",
        "P.MinMaxScaler().fit_transform(x)",
    ),
    "MaxAbsScaler": (
        "P.MaxAbsScaler().fit(x)",
        "P.MaxAbsScaler().fit(x).partial_fit(x)",
        "maxabs.transform(x)",
        "maxabs.transform(one_row)",
        "maxabs.inverse_transform(x)",
    ),
    "Normalizer": ("P.Normalizer().fit(x)", "normalizer.transform(x)"),
    "stats": (
        *(
            f"S.{name}({array}{rest})"
            for name in (
                *("sum", "mean", "var", "std", "min", "max", "ptp", "argmin", "argmax"),
                *(
                    "nansum",
                    "nanmean",
                    "nanvar",
                    "nanstd",
                    "nanmin",
                    "nanmax",
                    "nanptp",
                    "nanargmin",
                    "nanargmax",
                ),
                *("count", "anynan", "allnan", "ss"),
            )
            for array, rest in (
                ("x", ""),
                ("x", ", 1"),
                ("x", ", 1, keepdims=True"),
                ("x", ", 0, where=mask"),
            )
        ),
        "S.sum(x, 1, weights=weights)",
        "S.mean(x, 1, weights=weights)",
        "S.mean(x, 1, 'float64')",
        "S.mean(x, 1, out=y4)",
        *(f"S.move_{name}(x, 3)" for name in ("sum", "mean", "var", "std", "min", "max", "argmin", "argmax")),
    ),
    "nn": (
        "bn(maps)",
        "bn_train(maps)",
        "ln(x)",
        "gn(maps)",
        "inorm(maps)",
        "rms(x)",
        "lrn(maps)",
        "grn(last)",
        "sn(maps)",
        "frozen(maps)",
    ),
}


def namespace() -> dict[str, Any]:
    """The modules, arrays of a few elements, and objects that have seen them."""
    return {"cnorm": cnorm, "F": F, "P": P, "S": S, **arrays(), **objects()}


def arrays() -> dict[str, Any]:
    """About 3, so that none is constant or negative on the whole."""
    r = np.random.default_rng(0)

    def floats(*shape: int) -> Any:
        return (r.standard_normal(shape) + 3).astype(np.float32)

    x, maps, f32 = floats(4, 16), floats(2, 3, 4, 4), np.float32
    return {
        "x": x,
        "y": np.empty_like(x),
        "y4": np.empty(4, f32),
        "other_x": floats(4, 16),
        "positive": np.exp(x),
        "wide": x.astype(np.float64),
        "half": x.astype(np.float16),
        "whole": np.arange(64).reshape(4, 16),
        "mask": x > x.min(0),
        "weights": np.abs(floats(4, 16)),
        "row": floats(16),
        "one_row": floats(1, 16),
        "one": floats(1),
        "c3": floats(3),
        "c4": np.abs(floats(4)),
        "maps": maps,
        "maps_y": np.empty_like(maps),
        "maps_mask": maps > 1.5,
        "mean3": np.zeros(3, f32),
        "var3": np.ones(3, f32),
        "mean4": np.zeros(4, f32),
        "var4": np.ones(4, f32),
        "mix3": np.zeros(3, f32),
        "mix2": np.zeros(2, f32),
        "kernels": floats(4, 3, 3, 3),
        "last": floats(2, 4, 4, 3),
        "tokens": floats(2, 8, 16),
        "lengths": np.array([3, 8]),
        "shown": cnorm.length_mask([3, 8], 8),
        "m3": np.array([0.4, 0.5, 0.6]),
        "s3": np.array([0.2, 0.2, 0.2]),
        "picture": r.integers(0, 255, (8, 8, 3)).astype(np.uint8),
        "chw": np.empty((3, 8, 8), f32),
        "labels": np.array([0, 1, 0, 1]),
        "offsets": np.array([0, 2, 4]),
    }


def objects() -> dict[str, Any]:
    """Layers as they stand after the constructor, scalers and moments of (4, 16)."""
    x = arrays()["x"]
    return {
        "running": cnorm.RunningMoments(16).update(x),
        "other": cnorm.RunningMoments(16).update(x + 1),
        "standard": P.StandardScaler().fit(x),
        "minmax": P.MinMaxScaler().fit(x),
        "maxabs": P.MaxAbsScaler().fit(x),
        "normalizer": P.Normalizer().fit(x),
        "bn": nn.BatchNorm2d(3).eval(),
        "bn_train": nn.BatchNorm2d(3),
        "ln": nn.LayerNorm(16),
        "gn": nn.GroupNorm(3, 3),
        "inorm": nn.InstanceNorm2d(3),
        "rms": nn.RMSNorm(16),
        "lrn": nn.LocalResponseNorm(5),
        "grn": nn.GlobalResponseNorm(3),
        "sn": nn.SwitchNorm2d(3).eval(),
        "frozen": nn.FrozenBatchNorm2d(3),
    }


def chosen(match: str = "") -> list[str]:
    """The expressions that contain the text."""
    return [call for calls in CALLS.values() for call in calls if match in call]


def measure(calls: Sequence[str], rounds: int = 15, each: float = 1e-3) -> dict[str, float]:
    """The least seconds of each call and of the base, taking turns."""
    names = namespace()
    timers = {call: timeit.Timer(call, globals=names) for call in dict.fromkeys([BASE, *calls])}
    counts = {call: max(1, int(each / max(timer.timeit(3) / 3, 1e-7))) for call, timer in timers.items()}
    least = dict.fromkeys(timers, float("inf"))
    for _ in range(rounds):
        for call, timer in timers.items():
            least[call] = min(least[call], timer.timeit(counts[call]) / counts[call])
    return least


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--match", default="", help="calls that contain this text")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args(arguments)
    least = measure(chosen(options.match), options.rounds)
    base = least.pop(BASE)
    print(f"{base * 1e6:8.2f} us {1:6.1f}  {BASE}")
    for call, seconds in sorted(least.items(), key=lambda item: -item[1]):
        print(f"{seconds * 1e6:8.2f} us {seconds / base:6.1f}  {call}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
