"""The peer of each function: NumPy's formulas, SciPy or scikit-learn."""

from __future__ import annotations

from functools import partial

import numpy as np

import cnorm
from bench.cliffs import numpy_forms as N
from bench.cliffs.functions import FUNCTIONS, Keywords, csr, masked_lengths, own, table
from bench.cliffs.numpy_forms import Peer, by_axis, in_windows, plain
from bench.cliffs.scene import Scene
from cnorm._bench.interleave import Call


def of_scipy(name: str, *others: str) -> Peer:
    """A score of scipy.stats."""

    def peer(s: Scene, k: Keywords) -> Call | None:
        import scipy.stats

        known = set(k) <= {"axis", "nan_policy"}
        return partial(getattr(scipy.stats, name), s.x, *(s.x for _ in others), **k) if known else None

    return peer


def of_sklearn(name: str) -> Peer:
    """A function of sklearn.preprocessing."""

    def peer(s: Scene, k: Keywords) -> Call | None:
        import sklearn.preprocessing as theirs

        return partial(getattr(theirs, name), s.x, **k)

    return peer


def estimator(name: str, method: str) -> Peer:
    """A method of an estimator of sklearn.preprocessing."""

    def peer(s: Scene, k: Keywords) -> Call | None:
        import sklearn.preprocessing as theirs

        made = getattr(theirs, name)
        fitted = made(**own(made, k))
        if method.endswith("transform") and not method.startswith("fit"):
            fitted.fit(table(s))
        return partial(getattr(fitted, method), s.x, **k)

    return peer


def of_csr(name: str) -> Peer:
    """sklearn.utils.sparsefuncs; a product with a diagonal scales."""

    def peer(s: Scene, k: Keywords) -> Call | None:
        from scipy.sparse import diags_array
        from sklearn.utils import sparsefuncs

        a, axis = csr(s), k.get("axis", 0)
        if set(k) - {"axis"}:
            return None
        if name == "scale":
            by = diags_array(1 / s.vector(a.shape[1 - axis]))
            return (lambda: by @ a) if axis else (lambda: a @ by)
        function = {"moments": "mean_variance_axis", "minmax": "min_max_axis"}[name]
        return partial(getattr(sparsefuncs, function), a, axis)

    return peer


PEERS: dict[str, Peer] = {
    "moments": by_axis(lambda s, axis: lambda: (s.x.mean(axis), s.x.var(axis))),
    "standardize": by_axis(N.affine),
    "group_moments": N.moments_of(N.labelled),
    "group_standardize": N.standardized(N.labelled),
    "segment_moments": N.moments_of(N.cut),
    "segment_standardize": N.standardized(N.cut),
    "image_normalize": plain(N.image_normalize),
    "length_mask": plain(lambda s: lambda: np.arange(s.n) < masked_lengths(s)[:, None]),
    "mean_pool": plain(N.mean_pool),
    "rolling_moments": in_windows(lambda x, axis: (x.mean(axis), x.var(axis))),
    "functional.batch_norm": N.batch_norm,
    "functional.instance_norm": plain(lambda s: partial(N.formula, s.x, -1, *N.by_channel(s, 2, 3))),
    "functional.group_norm": plain(N.group_norm),
    "functional.layer_norm": by_axis(N.affine),
    "functional.rms_norm": by_axis(N.rms),
    "functional.layer_norm_int8": N.int8(N.affine),
    "functional.rms_norm_int8": N.int8(N.rms),
    "functional.normalize": by_axis(
        lambda s, axis: lambda: s.x / np.linalg.norm(s.x, axis=axis, keepdims=True)
    ),
    "functional.weight_norm": plain(N.weight_norm),
    "functional.weight_standardize": plain(lambda s: partial(N.formula, s.x, -1, eps=1e-6)),
    "functional.global_response_norm": plain(N.global_response),
    "functional.local_response_norm": plain(N.local_response),
    "functional.fold_batch_norm": plain(N.fold_batch_norm),
    **{f"stats.{name}": N.of_numpy(getattr(np, name)) for name in cnorm.stats.__all__ if hasattr(np, name)},
    **{f"stats.{name}": N.spelled(reduce) for name, reduce in N.SPELLED.items()},
    **{
        f"stats.{name}": in_windows(getattr(np, name.removeprefix("move_")))
        for name in cnorm.stats.__all__
        if name.startswith("move_") and "arg" not in name
    },
    **{f"stats.move_{name}": N.from_the_end(getattr(np, name)) for name in ("argmax", "argmin")},
    "preprocessing.zscore": of_scipy("zscore"),
    "preprocessing.zmap": of_scipy("zmap", "compare"),
    "preprocessing.gzscore": of_scipy("gzscore"),
    **{
        f"preprocessing.{name}": of_sklearn(name)
        for name in ("normalize", "scale", "minmax_scale", "maxabs_scale")
    },
    **{
        name: estimator(*name.split(".")[1:])
        for name in FUNCTIONS
        if name.startswith("preprocessing.") and name.count(".") == 2
    },
    **{f"sparse.{name}": of_csr(name) for name in cnorm.sparse.__all__},
}
