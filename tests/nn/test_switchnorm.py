"""SwitchNorm against its formulas in float64: results and running statistics of every step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnorm.nn as nn

Array = np.ndarray[Any, Any]
SHAPES = {"SwitchNorm1d": (6, 4), "SwitchNorm2d": (3, 4, 5, 6), "SwitchNorm3d": (3, 4, 2, 3, 4)}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"using_moving_average": False},
    {"momentum": 0.5, "eps": 1e-2},
    {"using_bn": False},
]
CASES = [(n, o) for n in SHAPES for o in OPTIONS if n != "SwitchNorm1d" or "using_bn" not in o]


def softmax(w: Array) -> Array:
    e = np.exp(w.astype(np.float64))
    return np.asarray(e / e.sum())


def statistics(x: Array) -> tuple[list[tuple[Array, Array]], tuple[Array, Array]]:
    """(mean, variance) a sample takes of itself, and those of the batch, against [N, C, positions]."""
    if x.shape[2] == 1:
        layer = x.mean(1, keepdims=True), x.var(1, keepdims=True, ddof=1)
        return [layer], (x.mean(0, keepdims=True), x.var(0, keepdims=True, ddof=1))
    mean, var = x.mean(2, keepdims=True), x.var(2, keepdims=True, ddof=1)

    def pooled(axis: int) -> tuple[Array, Array]:
        center = mean.mean(axis, keepdims=True)
        return center, (var + mean**2).mean(axis, keepdims=True) - center**2

    return [(mean, var), pooled(1)], pooled(0)


class Expected:
    """The formulas, with a state of their own."""

    def __init__(self, layer: Any, channels: int) -> None:
        self.layer = layer
        self.mean, self.var = np.zeros((1, channels, 1)), np.zeros((1, channels, 1))

    def __call__(self, x: Array, training: bool) -> Array:
        layer, flat = self.layer, x.reshape(*x.shape[:2], -1)
        parts, batch = statistics(flat)
        if layer.using_bn:
            if training:
                self.update(*batch)
            parts.append(batch if training else (self.mean, self.var))
        a, b = softmax(layer.mean_weight), softmax(layer.var_weight)
        mean = sum(share * part[0] for share, part in zip(a, parts, strict=True))
        var = sum(share * part[1] for share, part in zip(b, parts, strict=True))
        y = ((flat - mean) / np.sqrt(var + layer.eps)).reshape(x.shape)
        return np.asarray(y * layer.weight + layer.bias)

    def update(self, mean: Array, var: Array) -> None:
        if self.layer.using_moving_average:
            keep = self.layer.momentum
            self.mean, self.var = keep * self.mean + (1 - keep) * mean, keep * self.var + (1 - keep) * var
        else:
            self.mean, self.var = self.mean + mean, self.var + mean**2 + var


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_steps(name: str, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    layer = getattr(nn, name)(4, **options)
    for key in ("weight", "bias", "mean_weight", "var_weight"):
        value = getattr(layer, key)
        value[...] = rng.normal(size=value.shape)
    expected = Expected(layer, 4)
    for step in range(5):
        x = rng.normal(1, 2, SHAPES[name])
        layer.train(step < 3)
        np.testing.assert_allclose(layer(x), expected(x, step < 3), rtol=1e-5, atol=1e-6)
        if layer.using_bn:
            np.testing.assert_allclose(
                layer.running_mean.ravel(), expected.mean.ravel(), rtol=1e-5, atol=1e-6
            )
            np.testing.assert_allclose(layer.running_var.ravel(), expected.var.ravel(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", SHAPES)
def test_layouts_agree(name: str) -> None:
    x = np.random.default_rng(0).normal(1, 2, SHAPES[name]).astype(np.float32)
    other = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    layer, twin = getattr(nn, name)(4), getattr(nn, name)(4)
    y = twin(other)
    np.testing.assert_allclose(layer(x), y, rtol=2e-6, atol=2e-6)
    np.testing.assert_allclose(layer.running_var, twin.running_var, rtol=2e-6)
    if other.ndim > 2:
        assert y.strides == other.strides


@pytest.mark.parametrize("name", SHAPES)
def test_a_failing_call_changes_nothing(name: str) -> None:
    x = np.random.default_rng(0).normal(size=SHAPES[name])
    layer = getattr(nn, name)(4)
    before = {k: v.copy() for k, v in layer.state_dict().items()}
    bad_out = np.empty((*x.shape[:-1], 2))
    for bad, out in ((x[..., None], None), (x[:, :3], None), (x.astype(int), None), (x, bad_out)):
        with pytest.raises((ValueError, TypeError)):
            layer(bad, out=out)
    assert all(np.array_equal(v, before[k]) for k, v in layer.state_dict().items())


def test_a_wrong_number_of_features_is_named() -> None:
    for bad in (-1, 2.5, "4"):
        with pytest.raises((ValueError, TypeError), match="num_features"):
            nn.SwitchNorm2d(bad)  # type: ignore[arg-type]
