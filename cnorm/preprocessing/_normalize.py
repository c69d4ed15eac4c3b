"""normalize as in scikit-learn: unit norm over any axes, or of the rows or columns of a sparse matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnorm import functional
from cnorm._accept.arrays import Array, Output, is_plain, rounded
from cnorm._accept.axes import as_axes
from cnorm._accept.hints import Out
from cnorm._accept.masks import unmasked
from cnorm._stats import reductions
from cnorm._stats.passes import by_ends, check_finite, extremes, is_finite
from cnorm._stats.state import values_of
from cnorm.preprocessing._exact import largest_map
from cnorm.preprocessing._functions import destination, real
from cnorm.preprocessing._sparse import as_floats, is_sparse, largest_of, sums

__all__ = ["EXPONENTS", "as_norm", "at_once", "normalize", "run_norm", "run_sparse_norm"]

EXPONENTS = {"l1": 1.0, "l2": 2.0, "max": np.inf}


def as_norm(norm: Any) -> float:
    """The exponent of a norm by its name."""
    if not isinstance(norm, str):
        raise TypeError(f"norm: expected a str, got {norm!r}")
    if norm not in EXPONENTS:
        raise ValueError(f"norm: expected one of {', '.join(map(repr, EXPONENTS))}, got {norm!r}")
    return EXPONENTS[norm]


def normalize(
    X: Any,
    norm: str = "l2",
    *,
    axis: int | Sequence[int] = 1,
    copy: bool = True,
    return_norm: bool = False,
    out: Out = None,
) -> Any:
    r"""Each sample to unit norm, as `sklearn.preprocessing.normalize`.

    .. math:: y = \frac{x}{\lVert x \rVert}

    Parameters
    ----------
    X : array_like or sparse matrix
        Any shape; integers and booleans are promoted to float64.
    norm : {"l2", "l1", "max"}
        The norm to divide by. Samples of norm 0 stay as they are.
    axis : int, tuple of int or None
        Axes the norm is taken over: 1 for samples in rows, 0 for features in columns, None for all.
    copy : bool
        False: in place where `X` is a writeable float array or a sparse matrix of the right format.
    return_norm : bool
        The norms, too. Of a sparse matrix those of "max" alone, as in scikit-learn.
    out : ndarray, optional
        Where to write; may be `X` itself.

    Returns
    -------
    ndarray, or (ndarray, norms)
        In the shape, dtype and memory order of `X`. CSR (axis 1) or CSC (axis 0) for a sparse matrix; a
        masked array for a masked array, whose masked elements are as zeros. The norms are of the shape of the
        axes kept, in the same dtype, and 1 where they were 0 (of a sparse matrix 0).

    Raises
    ------
    TypeError
        A dtype that is not real, `out` for a sparse matrix.
    ValueError
        An unknown norm, NaN or infinity in `X`, an axis out of range, an `out` that does not fit.
    NotImplementedError
        Norms "l1" or "l2" of a sparse matrix asked for.

    See Also
    --------
    Normalizer : The transformer.
    cnorm.functional.normalize : Any axes and any p.

    References
    ----------
    .. [1] scikit-learn, `sklearn.preprocessing.normalize`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnorm.preprocessing import normalize
    >>> normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    as_norm(norm)
    y = at_once(X, norm, axis, out) if copy and (out is None or not return_norm) else None
    if y is not None:
        return (y, norms_of(X, norm, as_axes(axis, X.ndim))) if return_norm else y
    if is_sparse(X):
        return normalize_sparse(X, norm, axis, out, copy=copy, return_norm=return_norm)
    data, visible, result = unmasked(X)
    array = real(data, "X")
    given = array
    if visible is not None:
        array = np.where(visible, array, array.dtype.type(0))
    axes = as_axes(axis, array.ndim)
    check_finite(array)
    target = Output(array, destination(given, out, copy=copy))
    norms = norms_of(target.x, norm, axes) if return_norm else None
    if array.size:
        run_norm(target.x, norm, axes, target.y)
    y = result(target.done())
    return y if norms is None else (y, norms)


def at_once(x: Any, norm: str, axis: Any, out: Out) -> Array | None:
    """What needs no care; None of all else."""
    if norm == "max":
        return by_ends(x, axis, out, omit=False)
    if type(axis) is not int or not is_plain(x) or not -x.ndim <= axis < x.ndim or not is_finite(x):
        return None
    y: Array = functional.normalize(x, EXPONENTS[norm], axis, 0.0, out)
    return y


def run_norm(x: Array, norm: str, axes: tuple[int, ...], out: Array) -> None:
    """Writes finite x / its norm to `out`, which may be x itself; what is largest is 1 exactly for "max"."""
    if norm == "max":
        largest_map(x.dtype, extremes(x, axes)).run(x, out)
    else:
        functional.normalize(x, as_norm(norm), axes, 0.0, out)


def largest_norms(x: Array, axes: tuple[int, ...]) -> Array:
    """The largest magnitudes over axes (kept)."""
    return reductions.norms_of(x, axes, np.inf)


def norms_of(x: Array, norm: str, axes: tuple[int, ...]) -> Array:
    """Norms of finite x over axes (dropped), 1 where they are 0."""
    kept = [n for a, n in enumerate(x.shape) if a not in axes]
    if not x.size:
        return np.ones(kept, x.dtype)
    if norm == "max":
        norms = largest_norms(x, axes)
    elif norm == "l1":
        norms = reductions.norms_of(x, axes, 1)
    else:
        count, mean, _, std = values_of(reductions.moments_of(x, axes, wide=True))
        with np.errstate(over="ignore"):
            norms = np.sqrt(count) * np.hypot(mean, std)
    return rounded(np.where(norms == 0, 1.0, norms).astype(np.float64, copy=False).reshape(kept), x.dtype)


def normalize_sparse(X: Any, norm: str, axis: Any, out: Any, *, copy: bool, return_norm: bool) -> Any:
    """Rows of a CSR, or columns of a CSC matrix, made of any other format."""
    if out is not None:
        raise TypeError("out: expected None with a sparse matrix, got an array")
    axes = as_axes(axis, 2)
    if axes not in ((0,), (1,)):
        raise ValueError(f"axis: expected 0 or 1 with a sparse matrix, got {axis!r}")
    if return_norm and norm != "max":
        raise NotImplementedError(
            f"return_norm: expected False for a sparse matrix and norm {norm!r}, got True"
        )
    x = as_floats(X.tocsr() if axes == (1,) else X.tocsc())
    check_finite(x.data)
    y, norms = run_sparse_norm(x, norm, copy=copy and x is X)
    return (y, norms) if return_norm else y


def run_sparse_norm(x: Any, norm: str, *, copy: bool) -> tuple[Any, Array]:
    """A finite CSR matrix with rows (CSC: columns) of unit norm, and their largest magnitudes."""
    as_norm(norm)
    if copy or not x.data.flags.writeable:
        x = x.copy()
    if not x.has_canonical_format:  # stored twice is stored as the sum
        x.sum_duplicates()
    stored = np.diff(x.indptr)
    largest = largest_of(x.data, x.indptr)
    values = x.data / np.repeat(np.where(largest == 0, 1, largest), stored)  # squares stay in float64
    if norm != "max":
        total = sums(np.abs(values) if norm == "l1" else values * values, x.indptr)
        total = total if norm == "l1" else np.sqrt(total)
        values /= np.repeat(np.where(total == 0, 1, total), stored)
    x.data[...] = values
    return x, largest.astype(x.dtype)
