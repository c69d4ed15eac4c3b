"""States of moments: merged, parts taken out, in other units, and what they say of the data.

A state is a float64 array [..., 5]: count, mean, mean_lo, m2, unit, with reduced axes of size 1, as the C
core gives it. The true mean is (mean + mean_lo) / unit. The unit is a power of two: 1, but where squares or
their sums would leave float64. What belongs to a group is decided for that group alone: its bits do not
depend on the others'.
"""

from __future__ import annotations

import math

import numpy as np

from cnorm._accept.arrays import Array
from cnorm._native import maps, states

__all__ = [
    "COUNT",
    "EMPTY",
    "M2",
    "MEAN",
    "MEAN_LO",
    "UNIT",
    "as_divisors",
    "check_left",
    "combined",
    "deviation",
    "divisors",
    "factors",
    "in_data_units",
    "is_ordinary",
    "is_plain",
    "joined",
    "mean_of",
    "merge",
    "separated",
    "two_sum",
    "unit_for",
    "values_of",
    "values_of_one_count",
    "variance",
    "without_spread",
]

# The columns of a state.
COUNT, MEAN, MEAN_LO, M2, UNIT = range(5)

# Binary orders of means, of sums of squares and of counts that leave room for all products (`ordinary.inc`).
MEAN_ORDER, SPREAD_ORDER, COUNT_ORDER = 400, 900, 100
# Share of the largest count and m2 a state came from that it must have, at least: errors grow by its inverse.
LEFT = 2.0**-10
# The merge takes a part out whose count and m2 are negative: Chan's formulas hold for both signs.
TAKEN_OUT = np.array([-1.0, 1, 1, -1, 1])
EMPTY = np.array([0.0, 0, 0, 0, 1])


def merge(state: Array, axes: tuple[int, ...]) -> Array:
    """Merges states over axes (kept with size 1), in the unit of the data.

    Means are taken about the first of them, so nothing is lost where mean >> std [1]_.

    .. [1] Chan, Golub & LeVeque, "Algorithms for computing the sample variance", 1983.
    """
    count, mean, mean_lo, m2, _ = np.moveaxis(in_data_units(state), -1, 0)
    first = tuple(slice(0, 1) if a in axes else slice(None) for a in range(count.ndim))
    pivot = mean[first]
    total = count.sum(axes, keepdims=True)
    part = np.divide(count, total, out=np.zeros_like(count), where=total > 0)
    with np.errstate(over="ignore", invalid="ignore"):
        apart = (mean - pivot) + mean_lo
        shift = (part * apart).sum(axes, keepdims=True)
        between = (count * (apart - shift) ** 2).sum(axes, keepdims=True)
        merged_m2 = m2.sum(axes, keepdims=True) + between
        merged = pivot + shift
        rest = shift - (merged - pivot)
        if not np.isfinite(merged).all():  # of infinities: what their sum is
            infinite = np.isinf(mean).any(axes, keepdims=True)
            merged = np.where(infinite, mean.sum(axes, keepdims=True), merged)
            rest = np.where(infinite, 0, rest)
    return np.stack([total, merged, rest, merged_m2, np.ones_like(total)], axis=-1)


def in_data_units(state: Array) -> Array:
    """The state in unit 1, in which squares may be infinite, or 0."""
    unit = state[..., UNIT]
    if (unit == 1).all():
        return state
    with np.errstate(over="ignore", under="ignore"):
        count, mean, mean_lo, m2, _ = np.moveaxis(state, -1, 0)
        return np.stack([count, mean / unit, mean_lo / unit, m2 / unit / unit, np.ones_like(unit)], -1)


def variance(state: Array, correction: float = 0) -> Array:
    """m2 / (count - correction); NaN or inf where that is not positive, NaN of nothing, without a warning."""
    return states.values(state, correction, True)[1]


def mean_of(state: Array) -> Array:
    """The mean in one word; NaN for an empty group."""
    return states.values(state, 0, True)[0]


def within(value: Array, order: int) -> Array:
    """Is it 0, or in 2^-order ... 2^order?"""
    size = np.abs(value)
    inside: Array = (size == 0) | ((size >= 2.0**-order) & (size < 2.0**order))
    return inside


def is_plain(state: Array) -> Array:
    """The C core's rule for merging in unit 1."""
    return (
        within(state[..., COUNT], COUNT_ORDER)
        & within(state[..., MEAN], MEAN_ORDER)
        & within(state[..., M2], SPREAD_ORDER)
    )


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """Their rounded sum, and what it lacks (Knuth)."""
    total = a + b
    t = total - a
    return total, (a - (total - t)) + (b - t)


def without_spread(state: Array, lost: Array, count: Array, mean: Array) -> Array:
    """The state with the given count, mean and no m2 where it is lost."""
    nothing = np.zeros_like(count)
    replaced = np.stack([count, mean, nothing, nothing + np.nan, nothing + 1], -1)
    return np.where(lost[..., None], replaced, state)


def joined(a: Array, b: Array) -> Array:
    """Two table states of one shape and unit, merged as the C core does (`cn_merge`): to the same bits."""
    total = a[..., COUNT] + b[..., COUNT]
    part = b[..., COUNT] / total
    apart = (b[..., MEAN] - a[..., MEAN]) + (b[..., MEAN_LO] - a[..., MEAN_LO])
    mean, mean_lo = two_sum(a[..., MEAN], a[..., MEAN_LO] + apart * part)
    m2 = a[..., M2] + (b[..., M2] + apart * apart * (a[..., COUNT] * part))
    both = np.stack([total, mean, mean_lo, m2, a[..., UNIT]], -1)
    return np.where(b[..., :1] == 0, a, np.where(a[..., :1] == 0, b, both))


def unit_for(size: Array, count: Array) -> Array:
    """The unit of numbers up to 2^size, so many of them: it brings their sum of squares to about 1.

    1 if all products stay in float64 without. Counts beyond 2^800 do not matter: the root of one is a factor
    that means have to bear.
    """
    order = np.log2(np.abs(count))
    size = size + np.clip(order, -800, 800) / 2
    ordinary = (np.abs(size) <= MEAN_ORDER) & (np.abs(order) <= COUNT_ORDER)
    known = np.where(np.isfinite(size) & ~ordinary, np.ceil(size), 0)
    return np.ldexp(1.0, -np.clip(known, -1000, 1000).astype(np.int64))


def size_of(state: Array) -> Array:
    """The binary order of mean or deviation, the larger."""
    spread = np.log2(np.abs(state[..., M2]) / np.maximum(np.abs(state[..., COUNT]), 2.0**-1022)) / 2
    return np.asarray(np.fmax(np.log2(np.abs(state[..., MEAN])), spread) - np.log2(state[..., UNIT]))


def rescaled(state: Array, unit: Array) -> Array:
    """The state in another unit, which fits one that is not smaller."""
    ratio = np.clip(unit / state[..., UNIT], 2.0**-1000, 2.0**1000)
    count, mean, mean_lo, m2, _ = np.moveaxis(state, -1, 0)
    return np.stack([count, mean * ratio, mean_lo * ratio, m2 * ratio * ratio, unit], -1)


def combined(a: Array, b: Array) -> Array:
    """Two table states, merged (Chan): order and split of the data matter to rounding only.

    Raises ValueError if the counts, sums of weights, leave float64 together.
    """
    plain: Array | None = states.merge(a, b)
    if plain is not None:
        return plain
    if not all(s.flags.aligned and s.flags.c_contiguous for s in (a, b)):  # as from a pickle's foreign buffer
        return combined(np.array(a, order="C"), np.array(b, order="C"))
    with np.errstate(over="ignore", invalid="ignore", under="ignore", divide="ignore"):
        count = a[..., COUNT] + b[..., COUNT]
        if not np.isfinite(count).all():
            raise ValueError("weights: expected a finite sum, got more than float64 holds")
        easy = is_plain(a) & is_plain(b) & (a[..., UNIT] == 1) & (b[..., UNIT] == 1)
        largest = np.maximum(np.abs(a[..., COUNT]), np.abs(b[..., COUNT]))
        unit = np.where(easy, 1, unit_for(np.fmax(size_of(a), size_of(b)), largest))
        unit = np.where(b[..., COUNT] == 0, a[..., UNIT], np.where(a[..., COUNT] == 0, b[..., UNIT], unit))
        total = joined(rescaled(a, unit), rescaled(b, unit))
        lost = ~(np.isfinite(a[..., MEAN]) & np.isfinite(b[..., MEAN]))
        return without_spread(total, lost, count, a[..., MEAN] + b[..., MEAN])


def heights(state: Array) -> Array:
    """Binary logarithms [..., 2] of count and m2 (in the unit of the data)."""
    count, _, _, m2, unit = np.moveaxis(state, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.stack([np.log2(count), np.log2(np.maximum(m2, 0)) - 2 * np.log2(unit)], -1)


def check_left(state: Array, peak: Array, whole_counts: bool, name: str = "other") -> None:
    """Raises ValueError where so little is left of the largest numbers a state came from that rounding shows.

    With whole counts, nothing is to be said of the spread of one element: it is 0.
    """
    low = heights(state) < peak + math.log2(LEFT)
    low[..., 1] &= state[..., COUNT] != (1 if whole_counts else 0)
    if (low.any(-1) & (state[..., COUNT] > 0)).any():
        raise ValueError(
            f"{name}: too little is left (below 1/1024 of the most elements that were in these moments, or "
            "of the largest sum of squares about the mean): take the moments of what is left anew"
        )


def separated(whole: Array, part: Array, peak: Array | None, *, whole_counts: bool) -> tuple[Array, Array]:
    """The table state that gives `whole` when `part` is merged with it, and the largest heights behind it.

    Raises ValueError if `part` cannot be one, or too little is left beside the peak: errors made there stay.
    """
    if not np.isfinite(part).all():
        raise ValueError("other: contains NaN or infinity, which cannot be taken out")
    left = whole[..., COUNT] - part[..., COUNT]
    if (left < 0).any():
        raise ValueError("other: expected a part of these moments, but it has more elements")
    rest = combined(whole, part * TAKEN_OUT)
    height = heights(whole)
    peak = height if peak is None else np.fmax(peak, height)
    rest[left == 0], peak[left == 0] = EMPTY, -np.inf
    if whole_counts:
        rest[left == 1, 3] = 0
    check_left(rest, peak, whole_counts)
    return rest, peak


def values_of(state: Array) -> tuple[Array, Array, Array, Array]:
    """Count, mean, variance (inf beyond float64) and standard deviation; 0 where the feature is constant.

    Constant is what rounding could have made of a constant, by scikit-learn's bound [1]_.

    .. [1] Chan, Golub & LeVeque, "Algorithms for computing the sample variance", 1983.
    """
    ordinary = states.spreads(state)
    if ordinary is not None:
        return (state[..., COUNT], *ordinary)
    count, mean, mean_lo, m2, unit = np.moveaxis(state, -1, 0)
    eps = np.finfo(np.float64).eps
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        spread = m2 / count
        bound = count * eps * spread + (count * (mean + mean_lo) * eps) ** 2
        std = np.where(spread <= bound, 0, np.sqrt(spread) / unit)
        center = np.where(count > 0, (mean + mean_lo) / unit, np.nan)
        return count, center, spread / unit / unit, std


def values_of_one_count(state: Array) -> tuple[Array, Array, Array] | None:
    """Mean, variance and deviation, never 0, of ordinary groups of one count; None of others."""
    return states.spreads(state, float(state.flat[COUNT]))


def is_ordinary(state: Array, count: int = 0) -> bool:
    """Has each group so many elements (0: some, -1: or none), and a moderate spread that is no rounding?"""
    return states.spreads(state, count) is not None


def factors(state: Array, std: Array) -> tuple[Array, Array, Array | None] | None:
    """Center, factor and shift (of float64, or None) of (x - mean) / std; None where care is needed."""
    return maps.factors(state, std)


def divisors(state: Array) -> Array:
    """Standard deviations, 1 where the feature is constant."""
    ordinary = states.spreads(state)
    return ordinary[2] if ordinary is not None else as_divisors(values_of(state)[3])


def as_divisors(std: Array) -> Array:
    """Deviations as `values_of` gives them, 1 in place of 0."""
    return np.where(std == 0, 1.0, std)


def deviation(state: Array, ddof: float) -> Array:
    """Standard deviation with ddof; inf or NaN where there are too few values."""
    ordinary = None if ddof else states.spreads(state)
    if ordinary is not None:
        return ordinary[2]
    m2 = state[..., M2] if ddof >= 0 else np.where(state[..., COUNT] > 0, state[..., M2], np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt(m2 / np.maximum(state[..., COUNT] - ddof, 0)) / state[..., UNIT])
