"""Libraries of reductions that leave NaN out: numbagg, pandas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.cases import REDUCTIONS, WINDOWS, Case
from bench.data import EPS, Data, row_labels
from bench.peers import FRESH, Calls


def axes_of(case: Case) -> int | tuple[int, ...] | None:
    """As these functions take them: None is all."""
    if len(case.axes) == len(case.shape):
        return None
    return case.axes[0] if len(case.axes) == 1 else case.axes


def numbagg_calls(case: Case, d: Data, threads: int) -> Calls:
    """Kernels of numba, which use its threads where an array is large."""
    if case.operation not in REDUCTIONS:
        return {}
    import numbagg

    more: dict[str, Any] = {"ddof": 0} if case.operation == "nanvar" else {}
    function, axes = getattr(numbagg, case.operation), axes_of(case)
    return {FRESH: lambda: function(d.x, axis=axes, **more)}


def rolling(case: Case, d: Data) -> tuple[Any, Any]:
    """Windows along columns, of the frame or of its transpose."""
    import pandas

    rows = case.axes[0] % 2 == 1
    frame = pandas.DataFrame(d.x.T if rows else d.x, copy=False)
    windows = frame.rolling(WINDOWS[case.operation], min_periods=1)
    found = windows.mean().to_numpy(), windows.var(ddof=0).to_numpy()
    return (found[0].T, found[1].T) if rows else found


def grouped_frame(case: Case, d: Data) -> Callable[[], Any]:
    """A groupby of a frame that shares the array; grouped anew in each call, as cnorm sorts the labels."""
    import pandas

    frame, labels = pandas.DataFrame(d.x, copy=False), row_labels(case)

    def moments() -> Any:
        groups = frame.groupby(labels)
        return groups.mean().to_numpy(), groups.var(ddof=0).to_numpy()

    def standardize() -> Any:
        groups = frame.groupby(labels)
        return (
            (frame - groups.transform("mean")).div((groups.transform("var", ddof=0) + EPS) ** 0.5).to_numpy()
        )

    return standardize if case.operation == "group_standardize" else moments


def pandas_calls(case: Case, d: Data, threads: int) -> Calls:
    """Rows or columns of a frame that shares the array, by its own loops."""
    if case.operation in WINDOWS:
        return {FRESH: lambda: rolling(case, d)}
    if case.operation in ("group_moments", "group_standardize", "segment_moments"):
        return {FRESH: grouped_frame(case, d)}
    if case.operation not in REDUCTIONS or len(case.axes) > 1:
        return {}
    import pandas

    pandas.set_option("compute.use_bottleneck", False)
    frame, axis = pandas.DataFrame(d.x, copy=False), case.axes[0] % 2
    method = getattr(frame, case.operation.removeprefix("nan"))
    more: dict[str, Any] = {"ddof": 0} if case.operation == "nanvar" else {}
    return {FRESH: lambda: method(axis=axis, **more)}
