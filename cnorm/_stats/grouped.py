"""Groups of positions along an axis: their states, moments and scores, once arguments are accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, Output, as_parameter
from cnorm._accept.axes import as_eps, as_number, broadcast
from cnorm._accept.groups import as_labels, labels_of
from cnorm._accept.masks import as_mask
from cnorm._accept.options import as_eps_mode
from cnorm._native import groups as by_group
from cnorm._stats.moments import finish
from cnorm._stats.reductions import (
    Weights,
    as_weights,
    by_weight,
    check_nan_policy,
    in_data_weights,
    omits,
)

__all__ = ["group_states", "moments_by", "sort_labels", "standardize_by"]


def sort_labels(labels: Array, groups: int) -> tuple[Array, Array | None]:
    """Where groups begin when positions are sorted by their labels; and these, if they are out of order."""
    starts, shuffled = by_group.count_labels(labels, groups)
    return starts, labels if shuffled else None


def moments_by(
    x: Array,
    axes: tuple[int, ...],
    starts: Array,
    labels: Array | None,
    correction: Any,
    where: Any,
    weights: Any,
    nan_policy: Any,
) -> tuple[Array, Array]:
    """Mean and variance of groups along the first of axes; labels, starts: as `sort_labels` has them."""
    correction = as_number(correction, "correction")
    mask = as_mask(where, x)
    weight = as_weights(weights, x)
    check_nan_policy(nan_policy)
    if weight is None:
        omit = omits_by(x, axes, starts, labels, mask, None, nan_policy)
        mean, var = by_group.values(x, axes, starts, labels, mask, omit, correction)
        return mean.squeeze(axes[1:]), var.squeeze(axes[1:])
    return finish(states_by(x, axes, starts, labels, mask, weight, nan_policy), correction, x, axes[1:])


def omits_by(
    x: Array,
    axes: tuple[int, ...],
    starts: Array,
    labels: Array | None,
    mask: Array | None,
    weight: Weights | None,
    nan_policy: str,
) -> bool:
    """Is NaN left out? Under "raise" a NaN in a group is a ValueError."""
    return omits(x, axes, mask, weight, nan_policy, extremes=extremes_by(starts, labels))


def extremes_by(
    starts: Array, labels: Array | None
) -> Callable[[Array, tuple[int, ...], Array | None], Array]:
    """What finds the least and greatest of these groups."""

    def extremes(of: Array, axes: tuple[int, ...], mask: Array | None) -> Array:
        return by_group.extremes(of, axes, starts, labels, mask)

    return extremes


def states_by(
    x: Array,
    axes: tuple[int, ...],
    starts: Array,
    labels: Array | None,
    mask: Array | None,
    weight: Weights | None,
    nan_policy: str,
) -> Array:
    """The table states of the groups; reduced axes have size 1."""

    def states(
        of: Array, axes: tuple[int, ...], mask: Array | None, w: Array, omit: bool, by: float = 1
    ) -> Array:
        return by_group.moments(of, axes, starts, labels, mask, w, omit, by)

    def spread(of_groups: Array) -> Array:
        own = labels_of(starts, x.shape[axes[0]]) if labels is None else labels
        return np.take(of_groups, np.maximum(own, 0), axes[0])

    omit = omits_by(x, axes, starts, labels, mask, weight, nan_policy)
    if weight is None:
        return by_group.moments(x, axes, starts, labels, mask, None, omit)
    extremes = extremes_by(starts, labels)
    return by_weight(states, in_data_weights, x, axes, mask, weight, omit, extremes, spread)


def group_states(
    x: Array, labels: Any, num_groups: int, axes: tuple[int, ...], where: Any, weights: Any, nan_policy: str
) -> Array:
    """The table states of groups by labels, to be merged with those of more data."""
    marks, groups = as_labels(labels, x.shape[axes[0]], num_groups)
    starts, shuffled = sort_labels(marks, groups)
    return states_by(x, axes, starts, shuffled, as_mask(where, x), as_weights(weights, x), nan_policy)


def standardize_by(
    x: Array,
    axes: tuple[int, ...],
    starts: Array,
    labels: Array | None,
    weight: Any,
    bias: Any,
    eps: Any,
    where: Any,
    out: Any,
    eps_mode: Any,
) -> Array:
    """Each element by the moments of its group, 0 in none; labels, starts: as `sort_labels` has them."""
    w, b = as_parameter(weight, "weight", x, out), as_parameter(bias, "bias", x, out)
    w = None if w is None else broadcast(w, x.shape, "weight")
    b = None if b is None else broadcast(b, x.shape, "bias")
    eps, mode = as_eps(eps), as_eps_mode(eps_mode)
    mask = as_mask(where, x, out)
    target = Output(x, out)
    if starts.size > 1:
        by_group.normalize(target.x, target.y, axes, starts, labels, w, b, eps, mask, mode)
    else:
        target.y[...] = 0
    return target.done()
