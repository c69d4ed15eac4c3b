"""recalibrate: one training call with all data as one, whatever the batches; nothing changed by an error."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from sweep import sweep

import cnorm
import cnorm.nn as nn

Array = np.ndarray[Any, Any]
TRACKED = {"track_running_stats": True}

# Name, arguments, and how to let one call replace the statistics.
LAYERS: list[tuple[str, tuple[int, ...], dict[str, Any], float]] = [
    ("BatchNorm1d", (3,), {}, 1.0),
    ("BatchNorm1d", (3, 7), {"momentum": None}, 1.0),
    ("BatchNorm2d", (3, 4, 5), {"affine": False}, 1.0),
    ("BatchNorm3d", (3, 4, 2, 2), {"dtype": np.float64}, 1.0),
    ("SyncBatchNorm", (3, 6), {}, 1.0),
    ("InstanceNorm1d", (3, 7), TRACKED, 1.0),
    ("InstanceNorm2d", (3, 4, 5), {**TRACKED, "affine": True}, 1.0),
    ("InstanceNorm3d", (3, 4, 2, 2), {**TRACKED, "momentum": None}, 1.0),
    ("SwitchNorm1d", (3,), {}, 0.0),
    ("SwitchNorm2d", (3, 4, 5), {"using_moving_average": False}, 0.0),
    ("SwitchNorm3d", (3, 4, 2, 2), {}, 0.0),
]
by_layer = pytest.mark.parametrize(("name", "sizes", "options", "replaces"), LAYERS)


def statistics(layer: Any) -> dict[str, Array]:
    return {name: np.array(value) for name, value in layer.state_dict().items() if name in layer._buffers}


def everything(layer: Any) -> tuple[type, bool, dict[str, bytes], list[int]]:
    """Class, mode, bytes of the state, and where the arrays are."""
    state = layer.state_dict()
    return (
        type(layer),
        layer.training,
        {k: v.tobytes() for k, v in state.items()},
        [id(v) for v in state.values()],
    )


def expected_of(name: str, options: dict[str, Any], replaces: float, x: Array) -> dict[str, Array]:
    """Buffers after one training call with everything, which leaves nothing of what was there."""
    if name.startswith("Switch"):
        options = {**options, "using_moving_average": True}
    layer = getattr(nn, name)(3, **{**options, "momentum": replaces})
    layer(x)
    return statistics(layer)


@by_layer
@sweep(offset=[0, 1e4], dtype=[np.float32, np.float64], through=["inputs", "forward"])
def test_all_batches_as_one(
    name: str, sizes: tuple[int, ...], options: Any, replaces: float, offset: float, dtype: Any, through: str
) -> None:
    rng = np.random.default_rng(0)
    apart = rng.normal(offset, 2, (40, *(1,) * len(sizes)))  # samples differ
    x = (apart + rng.normal(size=(40, *sizes))).astype(dtype)
    expected = expected_of(name, options, replaces, x.astype(np.float64))
    layer = getattr(nn, name)(3, **options)
    layer(x[:5] * 3)
    layer.eval()
    kept = everything(layer)
    batches = np.split(x[np.random.default_rng(2).permutation(40)], [7, 9, 30])
    nn.recalibrate(layer, iter(batches), None if through == "inputs" else lambda batch: layer(batch))
    for key, value in statistics(layer).items():
        if key == "num_batches_tracked":
            assert value == 4
        else:
            np.testing.assert_allclose(
                value, expected[key], rtol=1e-6 if value.dtype == np.float32 else 1e-12
            )
    assert everything(layer)[:2] == kept[:2]
    assert everything(layer)[3] == kept[3]


def test_single_samples() -> None:
    """Rows of BatchNorm1d one by one; samples of InstanceNorm without a batch axis."""
    x = np.random.default_rng(3).normal(size=(9, 3))
    layer = nn.BatchNorm1d(3, dtype=np.float64)
    nn.recalibrate(layer, x[:, None].tolist())
    np.testing.assert_allclose(layer.running_mean, x.mean(0), rtol=1e-12)
    np.testing.assert_allclose(layer.running_var, x.var(0, ddof=1), rtol=1e-12)
    x = np.random.default_rng(4).normal(size=(5, 3, 8))
    instance = nn.InstanceNorm1d(3, **TRACKED, dtype=np.float64)
    nn.recalibrate(instance, list(x))
    np.testing.assert_allclose(instance.running_mean, x.mean((0, 2)), rtol=1e-12)
    np.testing.assert_allclose(instance.running_var, x.var(2, ddof=1).mean(0), rtol=1e-12)


class Network:
    """Three norms with something between; the second is called twice."""

    def __init__(self) -> None:
        self.first, self.second = nn.BatchNorm2d(3, dtype=np.float64), nn.InstanceNorm2d(3, **TRACKED)
        self.last = nn.BatchNorm1d(3, dtype=np.float64)
        self.layers = {"first": self.first, "second": self.second, "last": self.last}

    def __call__(self, x: Array) -> Array:
        y = np.maximum(self.first(x), 0)
        y = self.second(y) + self.second(y * y)
        return self.last(y.mean((2, 3)))


def test_layers_of_a_network() -> None:
    """Each sees what the others make of the batch in training mode."""
    network, x = Network(), np.random.default_rng(5).normal(2, 3, (24, 3, 5, 4))
    for layer in network.layers.values():
        layer.eval()
    batches = np.split(x, [8, 15])
    nn.recalibrate(network.layers, batches, network)
    mine = {name: statistics(layer) for name, layer in network.layers.items()}
    assert [int(mine[name]["num_batches_tracked"]) for name in network.layers] == [3, 6, 3]
    assert not any(layer.training for layer in network.layers.values())
    np.testing.assert_allclose(mine["first"]["running_mean"], x.mean((0, 2, 3)), rtol=1e-12)
    seen = []
    for batch in batches:
        fresh = Network()
        y = np.maximum(fresh.first(batch), 0)
        seen.append((fresh.second(y) + fresh.second(y * y)).mean((2, 3)))
    last = np.concatenate(seen)
    np.testing.assert_allclose(mine["last"]["running_mean"], last.mean(0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(mine["last"]["running_var"], last.var(0, ddof=1), rtol=1e-9)


def test_one_batch_is_torchs_update() -> None:
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(6).normal(1, 2, (8, 3, 4, 4)).astype(np.float32)
    theirs = torch.nn.Sequential(torch.nn.BatchNorm2d(3), torch.nn.ReLU(), torch.nn.BatchNorm2d(3))
    torch.optim.swa_utils.update_bn([torch.from_numpy(x)], theirs)
    first, second = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
    nn.recalibrate([first, second, first], [x], lambda batch: second(np.maximum(first(batch), 0)))
    for ours, wanted in ((first, theirs[0]), (second, theirs[2])):
        for key, value in wanted.state_dict().items():
            np.testing.assert_allclose(ours.state_dict()[key], value.numpy(), rtol=2e-6, atol=1e-6)


def test_an_input_that_is_overwritten() -> None:
    """The layer looks before it writes."""
    x = np.random.default_rng(7).normal(5, 1, (20, 3)).astype(np.float32)
    layer, kept = nn.BatchNorm1d(3), x.copy()
    nn.recalibrate(layer, [x], lambda batch: layer(batch, out=batch))
    np.testing.assert_allclose(layer.running_mean, kept.mean(0), rtol=1e-6)
    assert abs(x.mean()) < 1e-6


def test_layers_of_ones_own() -> None:
    """Subclasses with a forward or a __call__ of their own are observed, too."""

    class Doubling(nn.BatchNorm1d):
        def forward(self, input: Any, out: Any = None, **fused: Any) -> Array:
            return 2 * super().forward(input, out=out, **fused)

    class Calling(nn.BatchNorm1d):
        def __call__(self, input: Any, out: Any = None, **fused: Any) -> Array:
            return self.forward(np.asarray(input), out=out, **fused)

    x = np.random.default_rng(8).normal(5, 1, (20, 3))
    for kind in (Doubling, Calling):
        layer = kind(3)
        nn.recalibrate(layer, [x[:4], x[4:]], layer)
        np.testing.assert_allclose(layer.running_mean, x.mean(0), rtol=1e-6)
        assert type(layer) is kind


X = np.random.default_rng(9).normal(size=(4, 3, 5)).astype(np.float32)


def failing() -> Iterator[Array]:
    yield X
    raise RuntimeError("no more data")


def read_only() -> Any:
    layer = nn.BatchNorm1d(3)
    assert layer.running_var is not None
    layer.running_var.flags.writeable = False
    return layer


BAD: list[tuple[type[Exception], str, Callable[[Any], Any]]] = [
    (TypeError, "layers: ", lambda layer: nn.recalibrate(3, [X])),
    (TypeError, "layers: ", lambda layer: nn.recalibrate([layer, "b"], [X], layer)),
    (TypeError, "layers: ", lambda layer: nn.recalibrate([layer, nn.LayerNorm(5)], [X], layer)),
    (TypeError, "layers: ", lambda layer: nn.recalibrate(nn.FrozenBatchNorm2d(3), [X])),
    (ValueError, "layers: ", lambda layer: nn.recalibrate([], [X])),
    (TypeError, "layers: ", lambda layer: nn.recalibrate(nn.LazyBatchNorm1d(), [X])),
    (ValueError, "layers: ", lambda layer: nn.recalibrate(nn.InstanceNorm1d(3), [X])),
    (ValueError, "layers: ", lambda layer: nn.recalibrate(nn.SwitchNorm2d(3, using_bn=False), [X])),
    (
        ValueError,
        "layers: running_var: .*writeable",
        lambda layer: nn.recalibrate([layer, read_only()], [X], layer),
    ),
    (ValueError, "layers: .*none came", lambda layer: nn.recalibrate([layer, nn.BatchNorm1d(3)], [X], layer)),
    (ValueError, "forward: ", lambda layer: nn.recalibrate([layer, nn.BatchNorm1d(3)], [X])),
    (TypeError, "forward: ", lambda layer: nn.recalibrate(layer, [X], 3)),  # type: ignore[arg-type]
    (TypeError, "batches: ", lambda layer: nn.recalibrate(layer, X)),
    (TypeError, "batches: ", lambda layer: nn.recalibrate(layer, 3)),
    (TypeError, "batches: ", lambda layer: nn.recalibrate(layer, "abc")),
    (ValueError, "batches: ", lambda layer: nn.recalibrate(layer, [])),
    (ValueError, "batches: ", lambda layer: nn.recalibrate(layer, iter([]), layer)),
    (ValueError, "batches: ", lambda layer: nn.recalibrate(layer, [X[:1, :, :1]])),
    (ValueError, "batches: ", lambda layer: nn.recalibrate(layer, [X[:0]])),
    (ValueError, "input: ", lambda layer: nn.recalibrate(layer, [X, X[:, :2]])),
    (ValueError, "input: ", lambda layer: nn.recalibrate(layer, [X, X[None]])),
    (ValueError, "input: ", lambda layer: nn.recalibrate(layer, [X, X[0, 0]])),
    (TypeError, "input: ", lambda layer: nn.recalibrate(layer, [X, X.astype(int)])),
    (ValueError, "input: ", lambda layer: nn.recalibrate(layer, [X, X[:, :2]], layer)),
    (ValueError, "input: ", lambda layer: nn.recalibrate(nn.InstanceNorm1d(3, **TRACKED), [X, X[..., :1]])),
    (RuntimeError, "no more", lambda layer: nn.recalibrate(layer, failing())),
    (RuntimeError, "no more", lambda layer: nn.recalibrate(layer, failing(), layer)),
    (
        ZeroDivisionError,
        "by zero",
        lambda layer: nn.recalibrate(layer, [X], lambda x: 1 / int(layer(x) is None)),
    ),
]


@pytest.mark.parametrize("i", range(len(BAD)))
@sweep(training=[True, False])
def test_refused(i: int, training: bool) -> None:
    """Class, mode, arrays and numbers are as they were."""
    error, message, call = BAD[i]
    layer = nn.BatchNorm1d(3)
    layer(X * 2 + 1)
    layer.train(training)
    before = everything(layer)
    with pytest.raises(error, match=message):
        call(layer)
    assert everything(layer) == before


@by_layer
@sweep(offset=[0, 1e4], kind=["lengths", "elements", "channels"])
def test_what_layers_are_told_to_leave_out_counts_nowhere(
    name: str, sizes: tuple[int, ...], options: Any, replaces: float, offset: float, kind: str
) -> None:
    """The masks given to the layers in `forward`, whatever lies under them; some batches come without one."""
    rng = np.random.default_rng(10)
    x = rng.normal(offset, 2, (40, *sizes)) + rng.normal(size=(40, *(1,) * len(sizes)))
    shown = rng.random(x.shape) < 0.6
    if kind == "lengths":  # of samples, or of the last axis
        shown = np.broadcast_to(shown[..., :1] if len(sizes) > 1 else shown[:, :1], x.shape).copy()
    elif kind == "channels":  # one that shows nothing, and one that shows a single element
        shown[:, 0] = False
        shown[:, 1] = False
        shown[(3, 1, *(0,) * (x.ndim - 2))] = True
    if kind != "channels":
        shown[30:] = True
    x = np.where(shown, x, np.nan)
    double = {**options, "dtype": np.float64} if "Switch" not in name else options
    layer, start = getattr(nn, name)(3, **double), np.arange(1.0, 4.0)
    for value in (layer.running_mean, layer.running_var):
        value[...] = start.reshape(value.shape)
    expected = copy.deepcopy(layer)
    expected.momentum = replaces
    if name.startswith("Switch"):
        expected.using_moving_average = True
    expected(x, where=shown)

    def forward(part: tuple[Array, Array]) -> None:
        batch, mask = part
        layer(batch) if mask.all() else layer(batch, where=mask)

    cuts = [7, 9, 30]
    nn.recalibrate(layer, list(zip(np.split(x, cuts), np.split(shown, cuts), strict=True)), forward)
    for key in ("running_mean", "running_var"):
        rtol = 1e-6 if name.startswith("Switch") else 1e-11
        np.testing.assert_allclose(getattr(layer, key), getattr(expected, key), rtol=rtol)
    assert not name.startswith("Switch") or not np.isnan(layer.running_var).any()


def test_padding_does_not_reach_the_statistics() -> None:
    """As a loader gives it: lengths, and something huge behind them."""
    x, lengths = np.random.default_rng(11).normal(5, 1, (64, 3, 10)), np.arange(64) % 9 + 2
    mask = cnorm.length_mask(lengths, 10)[:, None]
    x = np.where(mask, x, 1000.0)
    layer = nn.BatchNorm1d(3, dtype=np.float64)
    nn.recalibrate(
        layer,
        [(x[:20], mask[:20]), (x[20:], mask[20:])],
        lambda batch: layer(batch[0], where=batch[1], activation="relu"),
    )
    mean, var = cnorm.moments(x, axis=(0, 2), where=mask, correction=1)
    np.testing.assert_allclose(layer.running_mean, mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_var, var, rtol=1e-12)


def test_what_a_layer_of_ones_own_makes_of_its_input_is_seen() -> None:
    """The statistics are of what it normalizes, by the mask it makes, however it is called."""

    class Padded(nn.BatchNorm1d):
        def forward(self, input: Any, lengths: Any, out: Any = None) -> Array:  # type: ignore[override]
            mask = cnorm.length_mask(lengths, input.shape[2])[:, None]
            return super().forward(2 * input, out, where=mask)

    class Explicit(nn.BatchNorm1d):
        def __call__(self, input: Any, lengths: Any) -> Array:  # type: ignore[override]
            mask = cnorm.length_mask(lengths, input.shape[2])[:, None]
            return nn.BatchNorm1d.__call__(self, 2 * input, where=mask)

    x, lengths = np.random.default_rng(12).normal(5, 1, (8, 3, 6)), np.arange(8) % 6 + 1
    expected = cnorm.moments(2 * x, axis=(0, 2), where=cnorm.length_mask(lengths, 6)[:, None], correction=1)
    for kind in (Padded, Explicit):
        layer = kind(3, dtype=np.float64)
        nn.recalibrate(layer, [slice(0, 3), slice(3, 8)], lambda part, f=layer: f(x[part], lengths[part]))
        np.testing.assert_allclose(layer.running_mean, expected[0], rtol=1e-12)
        np.testing.assert_allclose(layer.running_var, expected[1], rtol=1e-12)
        assert "_norm" not in vars(layer)


@pytest.mark.parametrize("key", ["running_mean", "running_var", "num_batches_tracked"])
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_buffer_that_cannot_be_written_to(key: str, when: str) -> None:
    """One of the second layer's: the first keeps its statistics, too."""
    first, second = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    buffer = getattr(second, key)

    def forward(batch: Array) -> None:
        second(first(batch))
        buffer.flags.writeable = False

    if when == "before":
        buffer.flags.writeable = False
    before = everything(first), everything(second)
    with pytest.raises(ValueError, match=f"layers: {key}: expected a writeable array"):
        nn.recalibrate([first, second], [X], forward)
    assert (everything(first), everything(second)) == before
