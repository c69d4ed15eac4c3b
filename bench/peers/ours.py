"""cnorm's calls: the public functions, with and without out=."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import cnorm
import cnorm.functional as F
from bench.cases import QUANTIZED, REDUCTIONS, WINDOWS, Case
from bench.data import EPS, Data, against, picture_scale, row_labels, row_offsets
from bench.peers import FRESH, PREALLOCATED, Calls, Later, int8
from bench.peers.reductions import axes_of
from cnorm._bench.interleave import Call

Function = Callable[..., Any]
MASKED = ("masked_batch_norm", "masked_group_norm", "masked_instance_norm", "masked_layer_norm")


def layer_norm(case: Case, d: Data) -> Function:
    """Over the last axes, or by standardize over any other."""
    w, b = d.weight, d.bias
    if case.axes == (1,):
        return partial(cnorm.standardize, d.x, 1, against(case, w), against(case, b))
    return partial(F.layer_norm, d.x, case.parameter_shape, w, b)


def masked(case: Case, d: Data) -> Function:
    """With where=, even if it hides nothing."""
    w, b = d.weight, d.bias
    if case.operation == "masked_layer_norm":
        return partial(F.layer_norm, d.x, case.parameter_shape, w, b, where=d.mask)
    if case.groups:
        return partial(F.group_norm, d.x, case.groups, w, b, where=d.mask)
    if case.operation == "masked_instance_norm":
        return partial(F.instance_norm, d.x, None, None, w, b, where=d.mask)
    return partial(F.batch_norm, d.x, None, None, w, b, True, where=d.mask)


def switchable_norm(case: Case, d: Data) -> Function:
    """Running statistics are used in eval mode and left alone in training."""
    training = case.operation.endswith("train")
    mean, var = (None, None) if training else (d.mean, d.var)
    return partial(F.switchable_norm, d.x, d.mix[0], d.mix[1], mean, var, d.weight, d.bias, training)


def image_normalize(case: Case, d: Data) -> Function:
    """Channels last to channels first."""
    return partial(cnorm.image_normalize, d.x, d.mean, np.sqrt(d.var), scale=picture_scale(d.x))


WITH_OUT: dict[str, Callable[[Case, Data], Function]] = {
    "group_standardize": lambda case, d: partial(
        cnorm.group_standardize, d.x, row_labels(case), eps=EPS, eps_mode=case.eps_mode
    ),
    "segment_standardize": lambda case, d: partial(
        cnorm.segment_standardize, d.x, row_offsets(case), eps=EPS, eps_mode=case.eps_mode
    ),
    "rolling_standardize_10": lambda case, d: partial(
        cnorm.rolling_standardize, d.x, 10, eps=EPS, axis=case.axes[0], min_count=1, eps_mode=case.eps_mode
    ),
    "layer_norm": layer_norm,
    "rms_norm": lambda case, d: partial(F.rms_norm, d.x, case.parameter_shape, d.weight, EPS),
    "gemma_rms_norm": lambda case, d: partial(
        F.rms_norm, d.x, case.parameter_shape, d.weight, EPS, weight_offset=1.0
    ),
    **dict.fromkeys(QUANTIZED, int8.ours),
    "batch_norm_eval": lambda case, d: partial(F.batch_norm, d.x, d.mean, d.var, d.weight, d.bias),
    "batch_norm_train": lambda case, d: partial(F.batch_norm, d.x, None, None, d.weight, d.bias, True),
    "instance_norm": lambda case, d: partial(F.instance_norm, d.x, None, None, d.weight, d.bias),
    "group_norm": lambda case, d: partial(F.group_norm, d.x, case.groups, d.weight, d.bias),
    "local_response_norm": lambda case, d: partial(F.local_response_norm, d.x, 5),
    "zscore": lambda case, d: partial(cnorm.preprocessing.zscore, d.x, 0),
    "minmax": lambda case, d: partial(cnorm.preprocessing.minmax_scale, d.x, axis=0),
    "maxabs": lambda case, d: partial(cnorm.preprocessing.maxabs_scale, d.x, axis=0),
    "normalizer": lambda case, d: partial(cnorm.preprocessing.normalize, d.x),
    "normalizer_l1": lambda case, d: partial(cnorm.preprocessing.normalize, d.x, "l1"),
    "normalizer_max": lambda case, d: partial(cnorm.preprocessing.normalize, d.x, "max"),
    "normalize_l3": lambda case, d: partial(F.normalize, d.x, 3),
    "zmap": lambda case, d: partial(cnorm.preprocessing.zmap, d.x, d.fit),
    "gzscore": lambda case, d: partial(cnorm.preprocessing.gzscore, np.abs(d.x)),
    **dict.fromkeys(MASKED, masked),
    "switchable_norm_eval": switchable_norm,
    "switchable_norm_train": switchable_norm,
    "image_normalize": image_normalize,
}


def running_moments(case: Case, d: Data) -> Call:
    """One more batch for a stream."""
    stats = cnorm.RunningMoments(d.fit.shape[1]).update(d.fit)
    result = Later(lambda: stats.mean, stats.var)

    def run() -> Later:
        stats.update(d.x)
        return result

    return run


def recalibrate(case: Case, d: Data) -> Call:
    """Running statistics of one batch."""
    layer = cnorm.nn.BatchNorm2d(d.x.shape[1])
    result = Later(lambda: layer.running_mean, lambda: layer.running_var)

    def run() -> Later:
        cnorm.nn.recalibrate(layer, [d.x])
        return result

    return run


def masked_array(case: Case, d: Data) -> Call:
    """numpy.ma, whose mask is True where an element does not count."""
    x = np.ma.MaskedArray(d.x, ~np.broadcast_to(d.mask, d.x.shape))
    return partial(F.layer_norm, x, case.parameter_shape, d.weight, d.bias)


def scale_sparse(case: Case, d: Data) -> Call:
    """Columns divided by their deviations."""
    from scipy.sparse import csc_array

    return partial(cnorm.preprocessing.scale, csc_array(d.x), with_mean=False)


def sparse_moments(case: Case, d: Data) -> Call:
    """Of rows or columns of a CSR matrix."""
    from scipy.sparse import csr_array

    return partial(cnorm.sparse.moments, csr_array(d.x), case.axes[0])


def windows(case: Case, d: Data) -> Call:
    """Cut at the ends."""
    window = WINDOWS[case.operation]
    return partial(cnorm.rolling_moments, d.x, window, axis=case.axes[0], min_count=1)


FRESH_ONLY: dict[str, Callable[[Case, Data], Call]] = {
    "moments": lambda case, d: partial(cnorm.moments, d.x, case.axes),
    "group_moments": lambda case, d: partial(cnorm.group_moments, d.x, row_labels(case), case.groups),
    "segment_moments": lambda case, d: partial(cnorm.segment_moments, d.x, row_offsets(case)),
    **dict.fromkeys(
        REDUCTIONS, lambda case, d: partial(getattr(cnorm.stats, case.operation), d.x, axes_of(case))
    ),
    **dict.fromkeys(WINDOWS, windows),
    "running_moments": running_moments,
    "masked_array_layer_norm": masked_array,
    "scale_sparse": scale_sparse,
    "sparse_moments": sparse_moments,
    "recalibrate": recalibrate,
    "fold_batch_norm": lambda case, d: partial(
        F.fold_batch_norm, d.x, d.bias, d.mean, d.var, d.weight, d.bias, EPS
    ),
    "scaler_row": lambda case, d: partial(cnorm.preprocessing.StandardScaler().fit(d.fit).transform, d.x),
}


def calls(case: Case, d: Data, threads: int) -> Calls:
    """With a new array for the output, and into a given one."""
    cnorm.set_num_threads(threads)
    if case.operation in FRESH_ONLY:
        return {FRESH: FRESH_ONLY[case.operation](case, d)}
    function = WITH_OUT[case.operation](case, d)
    if case.activation:
        function = partial(function, activation=case.activation)
    if case.residual:
        function = partial(function, residual=d.residual)
        return {FRESH: function, PREALLOCATED: partial(function, out=d.out, residual_out=d.total)}
    return {FRESH: function, PREALLOCATED: partial(function, out=d.out)}
