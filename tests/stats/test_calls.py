"""How the reductions are called: NumPy's signatures, Bottleneck's calls, what is accepted, what refused."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from reference import BFLOAT16

from cnorm import stats

REDUCTIONS = [name for name in stats.__all__ if not name.startswith("move_")]
MOVES = [name for name in stats.__all__ if name.startswith("move_")]
WITH_WEIGHTS = ("sum", "mean", "var", "std")
# Keywords of NumPy's that ours lack.
LACKS = {"initial", "mean", "correction"}


def parameters(function: Any) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


@pytest.mark.parametrize("name", [n for n in stats.__all__ if hasattr(np, n)])
def test_numpys_signatures(name: str) -> None:
    """Names, order and defaults; `where` by keyword."""
    theirs = [p for p in parameters(getattr(np, name)) if p.name not in {*LACKS, "where"}]
    ours = parameters(getattr(stats, name))
    assert [p.name for p in ours[: len(theirs)]] == [p.name for p in theirs]
    for p, q in zip(ours, theirs, strict=False):
        assert p.kind == q.kind
        assert p.default == (False if p.name == "keepdims" else q.default)
    more = ["where", "weights"] if name.removeprefix("nan") in WITH_WEIGHTS else ["where"]
    assert [p.name for p in ours[len(theirs) :]] == more
    assert all(p.kind is p.KEYWORD_ONLY and p.default is None for p in ours[len(theirs) :])


def test_bottlenecks_calls() -> None:
    x = np.array([[1.0, np.nan, 3.0], [4.0, 5.0, 9.0]])
    assert stats.nanvar(x, axis=0, ddof=1).tolist()[0] == 4.5
    assert stats.nanstd(x, 1, ddof=1).round(3).tolist() == [1.414, 2.646]
    assert stats.ss(x, 1).tolist()[1] == 122
    assert stats.anynan(x, 1).tolist() == [True, False]
    assert stats.allnan(x, 0).tolist() == [False] * 3
    assert stats.count(x, 0).tolist() == [2, 1, 2]
    assert stats.nansum(a=x, axis=None) == 22
    assert isinstance(stats.nanmean(x), float)
    assert stats.nanmedian(x) == 4  # NumPy's, for pandas
    with pytest.raises(AttributeError, match="no attribute 'push'"):
        _ = stats.push


@pytest.mark.parametrize("name", stats.__all__)
def test_documented(name: str) -> None:
    doc = inspect.getdoc(getattr(stats, name)) or ""
    assert "{" not in doc
    for part in ("Parameters", "Returns", "Raises", "Examples", ">>> "):
        assert part in doc
    for p in parameters(getattr(stats, name)):
        assert f"\n{p.name} : " in doc


@pytest.mark.parametrize("name", REDUCTIONS)
def test_refused(name: str) -> None:
    function, x = getattr(stats, name), np.ones((3, 4))
    for bad in (
        "text",
        np.array(["a"]),
        np.array([None, "b"]),
        np.array(["2020"], "M8[Y]"),
        np.zeros(2, "V4"),
    ):
        with pytest.raises(TypeError, match=r"^a: expected"):
            function(bad)
    for axis in (2, -3):
        with pytest.raises(ValueError, match=r"^axis: expected axes of a 2-dimensional array"):
            function(x, axis)
    for axis in ("0", 1.0, x):
        with pytest.raises(TypeError, match=r"^axis: expected an int"):
            function(x, axis)
    if "arg" not in name:
        with pytest.raises(ValueError, match=r"^axis: expected different axes"):
            function(x, (0, -2))
    with pytest.raises(TypeError, match=r"^where: expected a boolean array"):
        function(x, where=np.ones((3, 4)))
    with pytest.raises(ValueError, match=r"^where: expected a shape that broadcasts"):
        function(x, where=np.ones(3, bool))


@pytest.mark.parametrize("name", REDUCTIONS)
def test_refused_outs(name: str) -> None:
    function, x = getattr(stats, name), np.ones((3, 4))
    good = function(x, 0)
    readonly = np.zeros_like(good)
    readonly.flags.writeable = False
    wrong: list[tuple[Any, Any, str]] = [
        ([0.0] * 4, TypeError, "expected an ndarray"),
        (np.ma.zeros(4), TypeError, "expected an ndarray"),
        (np.zeros(3, good.dtype), ValueError, r"expected shape \(4,\)"),
        (np.zeros((1, 4), good.dtype), ValueError, r"expected shape \(4,\)"),
        (readonly, ValueError, "writeable"),
        (np.broadcast_to(np.zeros(1, good.dtype), 4), ValueError, "writeable"),
        (np.zeros(4, "V8"), TypeError, "expected a"),
    ]
    if good.dtype.kind == "f":
        wrong += [(np.zeros(4, kind), TypeError, "expected a float") for kind in (int, bool, object)]
    for out, error, text in wrong:
        with pytest.raises(error, match=f"^out: .*{text}"):
            function(x, 0, out=out)
    with pytest.raises(ValueError, match=r"^out: expected shape \(1, 4\)"):
        function(x, 0, out=np.zeros(4, good.dtype), keepdims=True)


def test_refused_numbers() -> None:
    x = np.ones((3, 4))
    for name in WITH_WEIGHTS:
        for prefix in ("", "nan"):
            function = getattr(stats, prefix + name)
            for weights in (-1.0, np.inf, np.nan):
                with pytest.raises(ValueError, match=r"^weights: expected no negative"):
                    function(x, weights=np.full(4, weights))
            with pytest.raises(TypeError, match=r"^weights: expected a real dtype"):
                function(x, weights=np.ones(4, complex))
            with pytest.raises(TypeError, match=r"^dtype: expected"):
                function(x, dtype="M8[s]")
            with pytest.raises(TypeError, match=r"^dtype: expected a complex dtype"):
                function(x + 1j, dtype=float)
            with pytest.raises(TypeError, match=r"^out: expected a complex dtype"):
                function(x + 1j, out=np.zeros(())) if name in ("sum", "mean") else function(
                    x, 0, complex, np.zeros(4)
                )
    for name in ("mean", "nanvar", "std"):
        for dtype in (int, bool, object):
            with pytest.raises(TypeError, match=r"^dtype: expected a float or complex dtype"):
                getattr(stats, name)(x, dtype=dtype)
    with pytest.raises(TypeError, match=r"^ddof: expected a number"):
        stats.var(x, ddof="1")
    with pytest.raises(TypeError):
        stats.ptp([True, False])  # as NumPy
    with pytest.raises(TypeError, match=r"^axis: expected an int"):
        stats.argmin(x, (0, 1))


@pytest.mark.parametrize("name", MOVES)
def test_moves(name: str) -> None:
    """Bottleneck's signatures; what it refuses is refused."""
    function, x = getattr(stats, name), np.ones((3, 4))
    names = [(p.name, p.default) for p in parameters(function)]
    assert names[:4] == [
        ("a", inspect.Parameter.empty),
        ("window", inspect.Parameter.empty),
        ("min_count", None),
        ("axis", -1),
    ]
    assert names[4:] == ([("ddof", 0)] if name in ("move_var", "move_std") else [])
    for window in (0, 5):
        with pytest.raises(ValueError, match=r"^window: expected 1 to 4, the length of axis -1"):
            function(x, window)
    for least in (0, 3):
        with pytest.raises(ValueError, match=r"^min_count: expected 1 to window = 2"):
            function(x, 2, least)
    for arguments in ((2.0,), (2, "1"), (2, 1, None), (2, 1, "0")):
        with pytest.raises(TypeError, match=r"^(window|min_count|axis): expected an int"):
            function(x, *arguments)
    with pytest.raises(ValueError, match=r"^axis: expected an axis"):
        function(x, 2, axis=2)
    with pytest.raises(ValueError, match=r"^a: expected at least 1 dimension"):
        function(3.0, 1)
    for bad in ("text", x + 1j, np.array(["2020"], "M8[Y]")):
        with pytest.raises(TypeError, match=r"^a: expected"):
            function(bad, 1)
    assert function(np.ones((3, 0)), 2, axis=0).shape == (3, 0)
    for dtype, wanted in (
        (np.float16, np.float32),
        (np.float32, np.float32),
        (BFLOAT16, np.float32),
        (int, np.float64),
        (bool, np.float64),
        (">f8", np.float64),
    ):
        assert function(x.astype(dtype), 2).dtype == wanted


def test_taken_in() -> None:
    """Lists, objects, other byte orders, masked arrays, nullable columns."""
    assert stats.nansum([[1, 2], [3, 4]], 0).tolist() == [4, 6]
    assert stats.nanmean(np.array([1, None, 3.0], object)) == 2
    assert stats.mean(3) == 3
    swapped = np.array([1, np.nan, 5], ">f4")
    assert stats.nanmax(swapped) == 5
    assert stats.nanmean(swapped).dtype == np.dtype("<f4")
    assert stats.nanmean(np.array([1, np.nan, 2], BFLOAT16)) == 1.5
    assert stats.nanargmax(np.array([np.nan, 2, 1], BFLOAT16)) == 1
    masked = np.ma.masked_greater([[1.0, 2.0, 99.0], [4.0, np.nan, 99.0]], 50)
    assert stats.nanmean(masked, 1).tolist() == [1.5, 4]
    assert stats.max(masked, 1)[0] == 2
    assert stats.nanargmax(masked, 1).tolist() == [1, 0]
    assert stats.count(masked) == 3
    assert stats.sum(np.ma.array([1, 2, 3], mask=[0, 1, 0])) == 4
    assert not isinstance(stats.nanmean(masked, 1), np.ma.MaskedArray)
    pandas = pytest.importorskip("pandas")
    assert stats.nanmean(pandas.Series([1, None, 3], dtype="Int64")) == 2
    assert stats.nanstd(pandas.DataFrame({"a": [1.0, 3.0], "b": [2.0, None]}), 0).tolist() == [1, 0]


@pytest.mark.parametrize("name", REDUCTIONS)
def test_out_may_be_the_input(name: str) -> None:
    """Everything is read before anything is written."""
    x = np.array([[1.0, 5.0], [3.0, 2.0]])
    wanted = getattr(stats, name)(x, 0)
    if wanted.dtype == np.float64:
        assert getattr(stats, name)(x, 0, out=x[0]) is not None
        np.testing.assert_array_equal(x[0], wanted)
        assert x[1].tolist() == [3, 2]
