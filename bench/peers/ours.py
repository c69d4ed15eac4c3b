"""cnorm's calls: the public functions, with and without out=."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import cnorm
import cnorm.functional as F
from bench.cases import QUANTIZED, Case
from bench.data import EPS, Data, against, picture_scale
from bench.peers import FRESH, PREALLOCATED, Calls, Later, int8
from cnorm._bench.interleave import Call

Function = Callable[..., Any]
MASKED = ("masked_batch_norm", "masked_group_norm", "masked_instance_norm", "masked_layer_norm")


def preprocessing() -> Any:
    """The scalers, or None in a build that has none."""
    if importlib.util.find_spec("cnorm.preprocessing") is None:
        return None
    return importlib.import_module("cnorm.preprocessing")


def layer_norm(case: Case, d: Data) -> Function:
    """Over the last axes, or by standardize over any other."""
    w, b = d.weight, d.bias
    if case.axes == (1,):
        return partial(cnorm.standardize, d.x, 1, against(case, w), against(case, b))
    return partial(F.layer_norm, d.x, case.parameter_shape, w, b)


def zscore(case: Case, d: Data) -> Function:
    """The scaler's function where there is one."""
    scalers = preprocessing()
    return partial(scalers.zscore, d.x, 0) if scalers else partial(cnorm.standardize, d.x, 0, eps=0)


def minmax(case: Case, d: Data) -> Function | None:
    """To 0 ... 1 per column."""
    scalers = preprocessing()
    return partial(scalers.minmax_scale, d.x, axis=0) if scalers else None


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


WITH_OUT: dict[str, Callable[[Case, Data], Function | None]] = {
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
    "zscore": zscore,
    "minmax": minmax,
    **dict.fromkeys(MASKED, masked),
    "switchable_norm_eval": switchable_norm,
    "switchable_norm_train": switchable_norm,
    "image_normalize": image_normalize,
}


def running_moments(d: Data) -> Call:
    """One more batch for a stream."""
    stats = cnorm.RunningMoments(d.fit.shape[1]).update(d.fit)
    result = Later(lambda: stats.mean, stats.var)

    def run() -> Later:
        stats.update(d.x)
        return result

    return run


def recalibrate(d: Data) -> Call:
    """Running statistics of one batch."""
    layer = cnorm.nn.BatchNorm2d(d.x.shape[1])
    result = Later(lambda: layer.running_mean, lambda: layer.running_var)

    def run() -> Later:
        cnorm.nn.recalibrate(layer, [d.x])
        return result

    return run


def fresh_only(case: Case, d: Data) -> Call | None:
    """Operations without out=."""
    if case.operation == "moments":
        return partial(cnorm.moments, d.x, case.axes)
    if case.operation == "running_moments":
        return running_moments(d)
    if case.operation == "recalibrate":
        return recalibrate(d)
    if case.operation == "fold_batch_norm":
        return partial(F.fold_batch_norm, d.x, d.bias, d.mean, d.var, d.weight, d.bias, EPS)
    scalers = preprocessing()
    if case.operation == "scaler_row" and scalers:
        fitted = scalers.StandardScaler().fit(d.fit)
        return partial(fitted.transform, d.x)
    return None


def calls(case: Case, d: Data, threads: int) -> Calls:
    """With a new array for the output, and into a given one."""
    cnorm.set_num_threads(threads)
    if case.operation not in WITH_OUT:
        call = fresh_only(case, d)
        return {FRESH: call} if call else {}
    function = WITH_OUT[case.operation](case, d)
    if function and case.activation:
        function = partial(function, activation=case.activation)
    if function and case.residual:
        function = partial(function, residual=d.residual)
        return {FRESH: function, PREALLOCATED: partial(function, out=d.out, residual_out=d.total)}
    return {FRESH: function, PREALLOCATED: partial(function, out=d.out)} if function else {}
