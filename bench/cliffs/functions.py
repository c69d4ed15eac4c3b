"""Every public function on the arrays of a scene: the shape of its input and the plain call."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import cnorm
import cnorm.functional as F
from bench.cliffs import scene
from bench.cliffs.cells import DTYPES
from bench.cliffs.scene import Scene
from bench.data import Array
from cnorm import preprocessing, stats
from cnorm._bench.interleave import Call

Keywords = dict[str, Any]
Build = Callable[[Scene, Keywords], Call]  # the keywords are those of an option, and may be consumed


def whole_input(s: Scene) -> Array:
    """The array whose copy is the measure of most calls."""
    return s.x


@dataclass(frozen=True)
class Function:
    """How one is called. `fine`: measured at more lengths; `laid`: in every layout, at every offset."""

    build: Build
    form: Callable[[int, int], scene.Shape] = scene.rows
    fine: bool = False
    laid: bool = True
    dtypes: tuple[str, ...] = DTYPES
    least: int = 1  # length
    copied: Callable[[Scene], Array] = whole_input  # the largest array the call reads or writes


def over_last(function: Callable[..., Any]) -> Build:
    """function(x, axis=-1), or of another axis."""
    return lambda s, k: partial(function, s.x, **{"axis": -1, **k})


def over_first(function: Callable[..., Any]) -> Build:
    """function(x): of columns, or of rows by an axis."""
    return lambda s, k: partial(function, s.x, **k)


def of_rows(function: Callable[..., Any], bias: bool = False) -> Build:
    """A norm of the last axis, or of the first."""

    def build(s: Scene, k: Keywords) -> Call:
        n = s.shape[k.get("axis", -1)]
        return partial(function, s.x, (n,), *[s.vector(n, i) for i in range(1 + bias)], **k)

    return build


def standardize(s: Scene, k: Keywords) -> Call:
    """Scale and shift vary along the reduced axis."""
    axis = k.pop("axis", -1)
    w, b = (s.vector(s.shape[axis], i) for i in range(2))
    return partial(cnorm.standardize, s.x, axis, *((w, b) if axis else (w[:, None], b[:, None])), **k)


def by_channel(s: Scene) -> list[Any]:
    """Two running statistics, scale and shift."""
    return [s.vector(s.shape[1], i) for i in range(4)]


def instance_norm(s: Scene, k: Keywords) -> Call:
    """By running statistics only if told so."""
    p = by_channel(s)
    return partial(F.instance_norm, s.x, *(p[:2] if "use_input_stats" in k else (None, None)), *p[2:], **k)


def group_norm(s: Scene, k: Keywords) -> Call:
    return partial(F.group_norm, s.x, s.groups, *by_channel(s)[2:], **k)


def switchable_norm(s: Scene, k: Keywords) -> Call:
    return partial(F.switchable_norm, s.x, s.vector(3), s.vector(3, 2), *by_channel(s), **k)


def weight_norm(s: Scene, k: Keywords) -> Call:
    """A magnitude for each row, or column."""
    g = s.vector(s.shape[k.get("dim", 0)])
    return partial(F.weight_norm, s.x, g if "dim" in k else g[:, None], **k)


def fold_batch_norm(s: Scene, k: Keywords) -> Call:
    """A row of the weight is a channel, or a column."""
    p: list[Any] = [s.vector(s.shape[1 if "transpose" in k else 0], i) for i in range(5)]
    return partial(F.fold_batch_norm, s.x, *p, **k)


def image_normalize(s: Scene, k: Keywords) -> Call:
    x = s.x.transpose(2, 0, 1).copy() if k.get("layout", "HWC")[0] == "C" else s.x
    return partial(cnorm.image_normalize, x, k.pop("mean", (0.5, 0.4, 0.3)), (0.2, 0.3, 0.2), **k)


def length_mask(s: Scene, k: Keywords) -> Call:
    return partial(cnorm.length_mask, masked_lengths(s), s.n, **k)


def masked_lengths(s: Scene) -> Array:
    """Of all sizes."""
    return np.arange(s.m) % (s.n + 1)


def by_label(function: Callable[..., Any]) -> Build:
    """Groups of rows, or of columns."""
    return lambda s, k: partial(function, s.x, s.labels(k.get("axis", 0)), num_groups=scene.GROUPS, **k)


def by_offset(function: Callable[..., Any]) -> Build:
    """Segments of rows, or of columns."""
    return lambda s, k: partial(function, s.x, s.offsets(k.get("axis", 0)), **k)


def in_windows(function: Callable[..., Any]) -> Build:
    """Of ten positions."""
    return lambda s, k: partial(function, s.x, s.window, **k)


def own(made: Any, k: Keywords) -> Keywords:
    """Takes out of the keywords what a class is made with."""
    return {name: k.pop(name) for name in tuple(k) if name in inspect.signature(made).parameters}


def table(s: Scene) -> Array:
    """What is fitted: two rows at least, or nothing deviates."""
    return s.x if len(s.x) > 1 else np.vstack([s.x, s.x + s.dtype.type(1)])


def stream(method: str) -> Build:
    """A state that has seen a table."""

    def build(s: Scene, k: Keywords) -> Call:
        state = cnorm.RunningMoments((s.n,), **own(cnorm.RunningMoments, k)).update(table(s))
        return partial(getattr(state, method), s.x, **k)

    return build


def estimator(name: str, method: str) -> Build:
    """One that is fitted to the table, or was."""

    def build(s: Scene, k: Keywords) -> Call:
        made = getattr(preprocessing, name)
        fitted = made(**own(made, k))
        if method.endswith("transform") and not method.startswith("fit"):
            fitted.fit(table(s))
        return partial(getattr(fitted, method), s.x, **k)

    return build


def csr_shape(s: Scene) -> tuple[int, int]:
    """Rows, and how many elements each stores: one place of ten."""
    of_row = max(1, s.n // 10)
    return s.x.size // of_row, of_row


def csr(s: Scene) -> Any:
    """A matrix that stores the input's elements."""
    from scipy.sparse import csr_array

    m, of_row = csr_shape(s)
    places = np.sort(np.random.default_rng(3).random((min(m, 64), s.n)).argsort(1)[:, :of_row], axis=1)
    indices = np.resize(places, m * of_row).astype(np.int32)
    starts = np.arange(0, m * of_row + 1, of_row, dtype=np.int32)
    return csr_array((s.x.ravel()[: m * of_row], indices, starts), shape=(m, s.n))


def of_csr(name: str) -> Build:
    """Columns, or rows."""

    def build(s: Scene, k: Keywords) -> Call:
        a, axis = csr(s), k.pop("axis", 0)
        by = [s.vector(a.shape[1 - axis])] if name == "scale" else []
        return partial(getattr(cnorm.sparse, name), a, *by, axis=axis, **k)

    return build


ESTIMATORS = ("MaxAbsScaler", "MinMaxScaler", "Normalizer", "StandardScaler")
METHODS = ("fit", "partial_fit", "transform", "inverse_transform", "fit_transform")
FINE_STATS = ("nansum", "nanmean", "nanvar", "nanmax", "nanargmax")
FUNCTIONS: dict[str, Function] = {
    "moments": Function(over_last(cnorm.moments), fine=True),
    "standardize": Function(standardize, fine=True),
    "group_moments": Function(by_label(cnorm.group_moments)),
    "group_standardize": Function(by_label(cnorm.group_standardize)),
    "segment_moments": Function(by_offset(cnorm.segment_moments)),
    "segment_standardize": Function(by_offset(cnorm.segment_standardize)),
    "image_normalize": Function(
        image_normalize,
        scene.picture,
        dtypes=("uint8", "uint16", "float32"),
        copied=lambda s: s.ones(s.shape, np.float32),
    ),
    "length_mask": Function(
        length_mask, laid=False, dtypes=("float32",), copied=lambda s: s.ones(s.shape, bool)
    ),
    "mean_pool": Function(
        lambda s, k: partial(cnorm.mean_pool, s.x, s.mask[..., 0], **k), scene.tokens, fine=True
    ),
    "rolling_moments": Function(in_windows(cnorm.rolling_moments)),
    "rolling_standardize": Function(in_windows(cnorm.rolling_standardize)),
    "ewm_moments": Function(lambda s, k: partial(cnorm.ewm_moments, s.x, halflife=5.0, **k)),
    **{f"RunningMoments.{m}": Function(stream(m)) for m in ("update", "normalize", "denormalize")},
    "functional.batch_norm": Function(
        lambda s, k: partial(F.batch_norm, s.x, *by_channel(s), **k), scene.channels, fine=True
    ),
    "functional.instance_norm": Function(instance_norm, scene.channels, fine=True, least=2),
    "functional.group_norm": Function(group_norm, scene.channels, fine=True, least=2),
    "functional.switchable_norm": Function(switchable_norm, scene.maps, least=2),
    "functional.layer_norm": Function(of_rows(F.layer_norm, bias=True), fine=True),
    "functional.rms_norm": Function(of_rows(F.rms_norm), fine=True),
    "functional.layer_norm_int8": Function(of_rows(F.layer_norm_int8, bias=True), fine=True),
    "functional.rms_norm_int8": Function(of_rows(F.rms_norm_int8)),
    "functional.normalize": Function(lambda s, k: partial(F.normalize, s.x, **{"axis": -1, **k}), fine=True),
    "functional.weight_norm": Function(weight_norm),
    "functional.weight_standardize": Function(lambda s, k: partial(F.weight_standardize, s.x, **k)),
    "functional.global_response_norm": Function(
        lambda s, k: partial(F.global_response_norm, s.x, s.vector(s.n), s.vector(s.n, 2), **k),
        scene.maps_last,
    ),
    "functional.local_response_norm": Function(
        lambda s, k: partial(F.local_response_norm, s.x, 5, **k), scene.channels
    ),
    "functional.cross_map_lrn2d": Function(lambda s, k: partial(F.cross_map_lrn2d, s.x, 5, **k), scene.maps),
    "functional.fold_batch_norm": Function(fold_batch_norm),
    **{
        f"stats.{name}": Function(
            in_windows(getattr(stats, name)) if name.startswith("move_") else over_last(getattr(stats, name)),
            fine=name in FINE_STATS,
        )
        for name in stats.__all__
    },
    "preprocessing.zscore": Function(over_first(preprocessing.zscore), scene.columns, fine=True),
    "preprocessing.zmap": Function(lambda s, k: partial(preprocessing.zmap, s.x, s.x, **k), scene.columns),
    **{
        f"preprocessing.{name}": Function(over_first(getattr(preprocessing, name)), scene.columns)
        for name in ("gzscore", "normalize", "scale", "minmax_scale", "maxabs_scale")
    },
    **{
        f"preprocessing.{name}.{method}": Function(estimator(name, method), scene.columns)
        for name in ESTIMATORS
        for method in METHODS
        if hasattr(getattr(preprocessing, name), method)
    },
    **{
        f"sparse.{name}": Function(
            of_csr(name),
            laid=False,
            dtypes=DTYPES[:2],
            copied=lambda s: s.ones((s.x.nbytes + 4 * s.x.size,), np.uint8),  # numbers and indices
        )
        for name in cnorm.sparse.__all__
    },
}
