"""zscore: masked arrays as in SciPy, too few elements, and a warning that is an error has changed nothing."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from reference import DTYPES
from strategies import fill
from sweep import sweep

from cnorm.preprocessing import zscore

F64 = np.dtype(np.float64)
POLICIES = ["propagate", "omit", "raise"]


def same(a: Any, b: Any) -> None:
    """Equal, NaN too (which bfloat16 arrays are not to NumPy)."""
    assert a.dtype.name == b.dtype.name
    np.testing.assert_array_equal(a.astype(float), b.astype(float))


def masked_table(dtype: np.dtype[Any] = F64) -> Any:
    """A column each: plain, with a masked element, with a NaN, with both, constant but for what is masked."""
    x = np.array(fill((6, 5), dtype, 1), copy=True)
    x[2, 1] = x[4, 3] = x[1, 4] = 1e4
    x[0, 2] = x[0, 3] = np.nan
    x[:, 4] = np.where(np.arange(6) == 1, x[:, 4], 3)
    hidden = np.zeros(x.shape, bool)
    hidden[2, 1] = hidden[4, 3] = hidden[1, 4] = True
    return np.ma.array(x, mask=hidden)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("out", [False, True])
def test_masked_and_nan_are_two_things(dtype: np.dtype[Any], out: bool) -> None:
    x = masked_table(dtype)[:, :4]
    before = x.copy()
    with pytest.raises(ValueError, match="contains nan values"):
        zscore(x, nan_policy="raise")
    clean = x[:, :2]
    for policy in POLICIES:
        z = zscore(clean, nan_policy=policy, out=np.empty_like(clean.data) if out else None)
        assert isinstance(z, np.ma.MaskedArray)
        assert z.dtype == dtype
        np.testing.assert_array_equal(z.mask, clean.mask)
        seen = np.delete(clean.data[:, 1], 2)
        eps = np.finfo(np.float32 if dtype.itemsize < 8 else np.float64).eps
        np.testing.assert_allclose(np.delete(z.data[:, 1], 2), zscore(seen), rtol=4 * eps, atol=eps)
    propagated, omitted = zscore(x), zscore(x, nan_policy="omit")
    assert np.isnan(propagated.data[~x.mask[:, 2], 2]).all()
    assert np.ma.getmaskarray(propagated)[:, 2:].all()  # SciPy masks what is not finite
    np.testing.assert_array_equal(np.ma.getmaskarray(omitted), x.mask | np.isnan(x.data))
    some = np.array([1, 2, 3, 5])
    np.testing.assert_allclose(
        omitted.data[some, 3].astype(float), zscore(x.data[some, 3].astype(float)), rtol=1e-2
    )
    same(x.data, before.data)
    np.testing.assert_array_equal(x.mask, before.mask)


@pytest.mark.parametrize("policy", POLICIES)
@sweep(axis=[0, 1, None], ddof=[0, 1, 4], nan=[False, True])
def test_masked_as_in_scipy(axis: Any, ddof: int, policy: str, nan: bool) -> None:
    """But where SciPy 1.17 counts what is masked: beside NaN left out, and where ddof is taken off."""
    stats = pytest.importorskip("scipy.stats")

    def reference(x: Any) -> Any:
        if ddof == 0:
            return stats.zscore(x, axis)
        return (x - x.mean(axis, keepdims=True)) / x.std(axis, ddof=ddof, keepdims=True)

    x = np.ma.array(fill((6, 5), F64, 2), mask=fill((6, 5), F64, 3) > 1)
    if nan:
        x.data[1, 1] = np.nan
        x.mask[1, 1] = False
    if nan and policy == "omit":
        without = np.ma.array(x.data, mask=x.mask | np.isnan(x.data))
        theirs = reference(without)
    elif nan and policy == "raise":
        for function in (stats.zscore, zscore):
            with pytest.raises(ValueError, match="contains nan values"):
                function(x, axis, ddof, policy)
        return
    else:
        theirs = reference(x)
    ours = zscore(x, axis, ddof, policy)
    assert type(ours) is type(theirs)
    np.testing.assert_array_equal(np.ma.getmaskarray(ours), np.ma.getmaskarray(theirs))
    np.testing.assert_allclose(ours.filled(0), theirs.filled(0), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("nan_policy", ["propagate", "omit"])
@pytest.mark.parametrize("shape", [(40, 3), (40, 100), (900, 100)])
def test_groups_that_are_hidden_wholly(dtype: Any, nan_policy: str, shape: tuple[int, int]) -> None:
    """They become zeros, and change nothing of the others; with NaN and constants among these, too."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=shape).astype(dtype)
    shown = rng.random((shape[0], 1)) < 0.5
    for odd in (False, True):
        if odd:
            x[5], x[7, 1], x[9, :] = 3, np.nan, np.nan
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y = zscore(x, 1, nan_policy=nan_policy, where=shown)
            out = zscore(x, 1, nan_policy=nan_policy, where=shown, out=np.empty_like(x))
            alone = zscore(x[shown[:, 0]], 1, nan_policy=nan_policy)
        np.testing.assert_array_equal(y[shown[:, 0]], alone)
        np.testing.assert_array_equal(y, out)
        assert not np.any(y[~shown[:, 0]])
        assert not np.signbit(y[~shown[:, 0]]).any()


def test_masked_and_where() -> None:
    x = np.ma.array([1.0, 2.0, 3.0, 1e6, 1e9], mask=[0, 0, 0, 1, 0])
    z = zscore(x, where=np.array([True, True, True, True, False]))
    np.testing.assert_array_equal(z.mask, x.mask)
    np.testing.assert_array_equal(z.data[:3], zscore([1.0, 2.0, 3.0]))
    assert z.data[4] == 0
    plain = zscore(np.ma.array([1, 2, 3]))
    assert isinstance(plain, np.ma.MaskedArray)
    np.testing.assert_array_equal(plain, zscore([1.0, 2.0, 3.0]))
    with pytest.warns(RuntimeWarning, match="Precision loss"):
        constant = zscore(masked_table()[:, 4:])
    assert np.isnan(constant.data[~constant.mask]).all()
    assert constant.mask.sum() == 1
    assert zscore(np.ma.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("ddof", [2, 2.5, 100])
def test_no_more_elements_than_ddof(dtype: np.dtype[Any], ddof: float) -> None:
    """NaN, as SciPy, without a warning: for all groups, for what NaN or a mask leaves of some, in place."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(zscore(np.array([5, 6], dtype), ddof=ddof)).all()
        x = np.array([[5, 6, np.nan], [1, 2, 4]], dtype)
        expected = np.isnan(x) | (np.array([[2], [3]]) <= ddof)
        np.testing.assert_array_equal(np.isnan(zscore(x, 1, ddof, "omit")), expected)
        y = x.copy()
        np.testing.assert_array_equal(np.isnan(zscore(y, 1, ddof, "omit", out=y)), expected)
        shown = ~np.isnan(x)
        hidden = np.isnan(zscore(np.nan_to_num(x), 1, ddof, where=shown))
        np.testing.assert_array_equal(hidden, expected & shown)
        masked = zscore(np.ma.masked_invalid(x), 1, ddof)
        np.testing.assert_array_equal(np.ma.getmaskarray(masked), expected)


@pytest.mark.parametrize("negative", [-1, -0.5])
def test_negative_ddof_is_a_larger_divisor(negative: float) -> None:
    x = fill((7,), F64, 4)
    expected = (x - x.mean()) / np.sqrt(((x - x.mean()) ** 2).sum() / (7 - negative))
    np.testing.assert_allclose(zscore(x, ddof=negative), expected, rtol=1e-13)


@pytest.mark.parametrize("how", ["out", "in place", "shifted", "masked"])
def test_a_warning_that_is_an_error_has_changed_nothing(how: str) -> None:
    x = np.stack([np.arange(5.0), np.ones(5), [1, 2, np.nan, 4, 5]], 1)
    memory = np.concatenate([x, x])
    a = memory[:5]
    out = {"in place": a, "shifted": memory[1:6]}.get(how, np.full_like(x, 7))
    before, kept = out.copy(), memory.copy()
    given: Any = np.ma.array(a, mask=a == 4) if how == "masked" else a
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="Precision loss"):
            zscore(given, nan_policy="omit", out=out)
    np.testing.assert_array_equal(out, before)
    np.testing.assert_array_equal(memory, kept)
    with pytest.raises(ValueError, match="contains nan"):
        zscore(given, nan_policy="raise", out=out)
    np.testing.assert_array_equal(out, before)


@pytest.mark.parametrize("policy", ["propagate", "omit"])
@sweep(axis=[0, 1, None, (0, 2)], dtype=DTYPES)
def test_every_way_gives_the_same_bits(policy: str, axis: Any, dtype: np.dtype[Any]) -> None:
    """A new array, one given, in place, overlapping, byte-swapped."""
    x = np.array(fill((12, 6, 5), dtype, 5), copy=True)
    x[2, 1, 1] = np.nan
    x[:, 3] += 1
    expected = zscore(x, axis, 1, policy)
    out = np.empty_like(x)
    same(zscore(x, axis, 1, policy, out=out), expected)
    memory = np.concatenate([x, x])
    same(zscore(memory[:12], axis, 1, policy, out=memory[1:13]), expected)
    if dtype.name != "bfloat16":
        same(zscore(x.astype(dtype.newbyteorder("S")), axis, 1, policy), expected)
    same(zscore(x, axis, 1, policy, out=x), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("axis", [0, 1, (0, 2), None])
@pytest.mark.parametrize("ddof", [0, 1])
def test_out_has_the_same_bits(dtype: Any, axis: Any, ddof: int) -> None:
    """The moments are read first then, and the scores made of them."""
    r = np.random.default_rng(0)
    for scale, offset in ((1, 0), (0.5, 10), (1e200 if dtype == np.float64 else 1, 0)):
        x = (r.standard_normal((40, 7, 33)) * scale + offset).astype(dtype)
        wanted = zscore(x, axis, ddof)
        out = np.empty_like(x)
        assert zscore(x, axis, ddof, out=out) is out
        assert out.tobytes() == wanted.tobytes()
        assert zscore(x, axis, ddof, out=x) is x
        assert x.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("axis", [0, -1])
def test_few_elements_less_degrees_of_freedom(dtype: Any, axis: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = (3 + np.random.default_rng(0).standard_normal((5, 7))).astype(dtype)
    given = [(x, 1), (x.T, 1.5), (x, 4), (x[:, ::-1], 0.5)]
    quick = [zscore(a, axis, ddof).tobytes() for a, ddof in given]
    monkeypatch.setattr("cnorm.preprocessing._zscore.scores_at_once", lambda *_: None)
    assert quick == [zscore(a, axis, ddof).tobytes() for a, ddof in given]
