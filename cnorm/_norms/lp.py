"""Lp normalization and weight normalization: division by a vector norm, from p = 1 on in the core."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, Output, as_input, as_parameter, compute_dtype
from cnorm._accept.axes import as_axes, as_int, as_number, check_rank
from cnorm._accept.hints import ArrayLike, Axes, Out
from cnorm._accept.masks import as_mask, unmasked
from cnorm._native import maps, norms

# Elements up to which a loop of one by one takes less than four calls of NumPy's.
FEW = 1 << 10


def vector_norm(x: Array, p: float, axes: tuple[int, ...], mask: Array | None = None) -> tuple[Array, Array]:
    """(sum |x|^p)^(1/p) over axes (kept with size 1), of what is shown: float64 and exponents of 2 for it.

    Neither leaves float64, whatever the norm does. For p below 1, which has no kernel.
    """
    size = np.abs(x.astype(np.float64))
    if mask is not None:  # what counts nothing in a sum, a maximum or, for p < 0, a minimum
        size = np.where(mask, size, np.inf if p < 0 else 0)
    # The element that dominates: the largest for p > 0, the smallest for p < 0.
    extreme = size.max(axes, keepdims=True, initial=0) if p >= 0 else size.min(
        axes, keepdims=True, initial=np.inf
    )  # fmt: skip
    if p == 0:
        count = np.count_nonzero(size, axis=axes, keepdims=True)
        return count.astype(np.float64), np.zeros(extreme.shape, np.int64)
    usable = (extreme > 0) & np.isfinite(extreme)
    exponent = np.where(usable, np.frexp(extreme)[1], 0)
    if np.isinf(p):
        return np.ldexp(extreme, -exponent), exponent
    unit = np.where(usable, extreme, 1)
    with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
        relative = ((size / unit) ** p).sum(axes, keepdims=True) ** (1 / p)
        return np.ldexp(unit, -exponent) * relative, exponent


def _factors(norm: Array, exponent: Array, eps: float) -> tuple[Array, Array | None]:
    """1 / max(norm * 2^exponent, eps), 0 for 1 / 0: two factors where one leaves float64."""
    with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
        counts = ~(np.ldexp(norm, exponent) < eps) & (eps == eps)  # NaN, of either, stays
        part, power = np.frexp(eps)
        norm, exponent = np.where(counts, norm, part), np.where(counts, exponent, power)
        scale = np.where(norm == 0, 0, 1 / np.ldexp(norm, exponent))
        beyond = (norm > 0) & np.isfinite(norm) & ~((scale > 2.0**-1000) & (scale < 2.0**1000))
        if not beyond.any():
            return scale, None
        shift = np.clip(-exponent, -1000, 1000)
        scale = np.where(beyond, np.ldexp(1.0, shift), scale)
        return scale, np.where(beyond, np.ldexp(1 / norm, -exponent - shift), 1.0)


def _moderate_factors(x: Array, p: float, axes: tuple[int, ...], eps: float) -> Array | None:
    """1 / max(norm, eps) for 0 < p < 1 where nothing special is to be said; else None.

    The bits are those of `_factors` of `vector_norm`: powers of two are all they differ by on the way.
    """
    if not (0 < p < 1 and 0 <= eps < 1 and x.size):
        return None
    quick = maps.shares_of_largest(x, axes) if x.size <= FEW else None
    found = quick or _shares_of_largest(x, axes)
    if found is None:
        return None
    share, extreme = found
    relative: Array = np.add.reduce(share**p, axes, keepdims=True) ** (1 / p)
    if not maps.moderate(relative):
        return None
    return np.asarray(1 / np.maximum(extreme * relative, eps))


def _shares_of_largest(x: Array, axes: tuple[int, ...]) -> tuple[Array, Array] | None:
    """The same of any layout and dtype."""
    size = np.abs(x.astype(np.float64))
    extreme = np.maximum.reduce(size, axes, keepdims=True)
    return (size / extreme, extreme) if maps.moderate(extreme) and extreme.all() else None


def named(dim: Any, axis: Any, default: int) -> tuple[str, Any]:
    """torch's name or NumPy's, and what it was given."""
    if axis is not None and dim != default:
        raise TypeError(f"axis: expected None beside dim={dim!r}, got {axis!r}")
    return ("dim", dim) if axis is None else ("axis", axis)


def norm_axes(dim: Any, axis: Any, ndim: int) -> tuple[int, ...]:
    """What `dim` or `axis` names; () is all of them to torch."""
    name, given = named(dim, axis, 1)
    return as_axes(None if isinstance(given, (tuple, list)) and not given else given, ndim, name)


def normalize(
    input: ArrayLike,
    p: float = 2.0,
    dim: Axes = 1,
    eps: float = 1e-12,
    out: Out = None,
    *,
    axis: Axes = None,
) -> Array:
    r"""Divides by the Lp norm over `dim`.

    .. math:: y = \frac{x}{\max(\lVert x \rVert_p, \epsilon)}

    Parameters
    ----------
    input : array_like of float
        Any shape and layout.
    p : float
        Exponent of the norm; 0, negative and infinite ones as in `torch.linalg.vector_norm`.
    dim : int, tuple of int or None
        Axes the norm is taken over; None or () for all.
    eps : float
        Least value to divide by.
    out : ndarray, optional
        Where to write; may be `input` itself.
    axis : int or tuple of int, optional
        Another name of `dim`, as the other norms have it.

    Returns
    -------
    ndarray
        Dtype, shape and memory order of `input`.

    Raises
    ------
    TypeError
        `input` is not float, `dim` not an int, or given beside `axis`.
    ValueError
        `dim` out of range or repeated, an infinite or negative norm of nothing.

    See Also
    --------
    rms_norm : By the root of the mean square.
    cnorm.preprocessing.normalize : Rows or columns of a table.

    Examples
    --------
    >>> import numpy as np, cnorm.functional as F
    >>> F.normalize(np.array([[3.0, 4.0]]))
    array([[0.6, 0.8]])
    """
    if axis is None or (type(dim) is int and dim == 1):
        y = norms.normalize_at_once(input, p, dim if axis is None else axis, eps, out)
        if y is not None:
            return y
    data, where, result = unmasked(input)
    x = as_input(data)
    p, eps = as_number(p, "p"), as_number(eps, "eps")
    axes = norm_axes(dim, axis, x.ndim)
    mask = as_mask(where, x)
    if (p == np.inf or p < 0) and any(x.shape[a] == 0 for a in axes):
        raise ValueError(f"input: expected no empty axis for p={p}, got shape {x.shape}")
    if p >= 1 and eps == eps:
        target = Output(x, out)
        kind = "l2" if p == 2 else "lp"
        norms.normalize(target.x, target.y, axes, None, None, eps, kind, mask=mask, p=p)
        return result(target.done())
    scale, rest = _moderate_factors(x, p, axes, eps) if mask is None else None, None
    if scale is None:
        scale, rest = _factors(*vector_norm(x, p, axes, mask), eps)
    target = Output(x, out)
    rest = None if rest is None else rest.astype(compute_dtype(x))
    norms.apply(target.x, target.y, np.zeros(scale.shape), scale, rest, None, mask)
    return result(target.done())


def weight_norm(
    v: ArrayLike, g: ArrayLike, dim: int | None = 0, *, out: Out = None, axis: int | None = None
) -> Array:
    r"""Weight normalization: magnitude `g` and direction `v` of a weight apart [1]_.

    .. math:: w = g \, \frac{v}{\lVert v \rVert_2}

    Parameters
    ----------
    v : array_like of float
        Direction.
    g : array_like of float
        Magnitude: one value for each index of `dim`, or a single one if `dim` is None.
    dim : int or None
        The axis kept by the norm; None or -1 (as in torch): the norm of the whole array. Other
        negative axes count from the end.
    out : ndarray, optional
        Where to write; may be `v` itself.
    axis : int, optional
        Another name of `dim`, to the same effect.

    Returns
    -------
    ndarray
        Dtype, shape and memory order of `v`. A zero direction gives zeros.

    Raises
    ------
    TypeError
        A dtype that is not float, `dim` not an int, or given beside `axis`.
    ValueError
        No dimension, `dim` out of range, or a wrong number of magnitudes.

    See Also
    --------
    weight_standardize : Mean 0 and variance 1.
    normalize : Without a magnitude.

    References
    ----------
    .. [1] Salimans & Kingma, "Weight Normalization", 2016, arXiv:1602.07868.

    Examples
    --------
    >>> import numpy as np, cnorm.functional as F
    >>> F.weight_norm(np.array([[3.0, 4.0], [0.0, 2.0]]), np.array([10.0, 1.0]))
    array([[6., 8.],
           [0., 1.]])
    """
    data, where, result = unmasked(v)
    x = as_input(data, "v")
    check_rank(x, 1, "v")
    name, given = named(dim, axis, 0)
    kept = -1 if given is None else as_int(given, name)
    if not -x.ndim <= kept < x.ndim:
        raise ValueError(f"{name}: expected None or an axis of {x.ndim} dimensions, got {given}")
    if kept < -1:
        kept += x.ndim
    axes, shape = list(range(x.ndim)), [1] * x.ndim
    if kept >= 0:
        del axes[kept]
        shape[kept] = x.shape[kept]
    magnitude = as_parameter(g, "g", x, out)
    if magnitude is None or magnitude.size != shape[kept]:
        got = None if magnitude is None else magnitude.shape
        raise ValueError(f"g: expected {shape[kept]} elements, got shape {got}")
    target = Output(x, out)
    mask = as_mask(where, x)
    norms.normalize(target.x, target.y, tuple(axes), magnitude.reshape(shape), None, 0.0, "l2", mask=mask)
    return result(target.done())
