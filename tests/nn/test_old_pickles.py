"""Layers pickled before one of their attributes existed: they load, and a call gives the same."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from sweep import sweep

import cnorm.nn as nn

SHAPES = {1: (4, 6, 5), 2: (4, 6, 5, 3), 3: (2, 6, 3, 2, 2)}
ARGUMENTS = {"GroupNorm": (2, 6), "LayerNorm": (5,), "RMSNorm": (5,)}
# By the names of attributes: what a layer without it can't know, and so takes from its constructor.
LAYERS = [name for name in nn.__all__ if isinstance(getattr(nn, name), type)]


def new(name: str) -> tuple[Any, Any]:
    """A layer and an input to it."""
    first = () if name.startswith("Lazy") else ARGUMENTS.get(name, (6,))
    rank = int(name[-2]) if name[-1] == "d" else 2 if "LRN" in name else 1
    shape = SHAPES[rank][:2] if name == "SwitchNorm1d" else SHAPES[rank]
    shape = (2, 3, 3, 6) if name == "GlobalResponseNorm" else shape
    return getattr(nn, name)(*first), np.random.default_rng(0).normal(3, 2, shape)


def names_with_defaults(layer: Any) -> set[str]:
    """The attributes that a constructor of the layer sets to its defaults."""
    found = {"training"}
    for kind in type(layer).__mro__:
        code = getattr(vars(kind).get("__init__"), "__code__", None)
        if code is not None:
            found |= {*code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]}
            found |= {"_dtype"} if "dtype" in code.co_varnames else set()
    return found & set(layer.__dict__) - {
        "num_features",
        "num_groups",
        "dim",
        "num_channels",
        "normalized_shape",
        "size",
    }


@pytest.mark.parametrize("name", LAYERS)
@sweep(protocol=range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_attribute_is_missing(name: str, protocol: int) -> None:
    layer, x = new(name)
    missing = names_with_defaults(layer)
    assert len(missing) > 1
    expected = copy.deepcopy(layer)(x)
    for attribute in missing:
        old = copy.deepcopy(layer)
        had = old.__dict__.pop(attribute)
        loaded = pickle.loads(pickle.dumps(old, protocol))
        assert type(loaded) is type(layer)
        if attribute != "bias":
            assert getattr(loaded, attribute) == had
        assert repr(loaded).startswith(name)
        # A bias of 0 and none are the same, and so is the statistics' mode without statistics.
        np.testing.assert_array_equal(loaded(x), expected)
        assert loaded.eval()(x).shape == expected.shape
        loaded.load_state_dict(loaded.state_dict())
        loaded.reset_parameters() if hasattr(loaded, "reset_parameters") else None


def test_every_default_at_once() -> None:
    for name in LAYERS:
        layer, x = new(name)
        expected = copy.deepcopy(layer)(x)
        for attribute in names_with_defaults(layer):
            del layer.__dict__[attribute]
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(layer))(x), expected)


class Named(nn.LayerNorm):
    """With defaults of its own, one of them no attribute, and a slot."""

    __slots__ = ("tag",)
    color = "red"

    def __init__(self, size: int = 4, color: Any = None, eps: float = 0.5) -> None:
        super().__init__(size, eps)
        self.tag = "kept"


def test_classes_of_ones_own_keep_what_is_theirs() -> None:
    for twin in (pickle.loads(pickle.dumps(Named())), copy.copy(Named()), copy.deepcopy(Named())):
        assert (twin.color, twin.tag, twin.eps) == ("red", "kept", 0.5)
        assert "size" not in vars(twin)
        assert "color" not in vars(twin)
        assert twin(np.arange(8.0).reshape(2, 4)).shape == (2, 4)


def test_what_was_pickled_wins() -> None:
    layer = nn.BatchNorm1d(3, eps=0.5, momentum=None, dtype=np.float64, bias=False).eval()
    twin = pickle.loads(pickle.dumps(layer))
    assert vars(twin).keys() == vars(layer).keys()
    assert (twin.eps, twin.momentum, twin._dtype, twin.bias, twin.training) == (
        0.5,
        None,
        np.float64,
        None,
        False,
    )
