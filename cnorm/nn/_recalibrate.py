"""Running statistics taken anew over a data set: inputs are observed, results written when all went well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, as_input, rounded
from cnorm._accept.masks import as_mask
from cnorm._stats.running import RunningMoments
from cnorm.nn._module import Module, check_writeable
from cnorm.nn.batchnorm import _BatchNorm
from cnorm.nn.instancenorm import _InstanceNorm
from cnorm.nn.switchnorm import _SwitchNorm

__all__ = ["recalibrate"]

# Mean, variance, and how many elements of each channel they are of.
_Values = tuple[Array, Array, Any, Any]


class _Pooled:
    """All elements of a channel together: mean and unbiased variance."""

    def __init__(self, channels: int) -> None:
        self.moments = RunningMoments(channels)

    def take(self, x: Array, mask: Array | None) -> None:
        self.moments.update(x, (0, *range(2, x.ndim)), where=mask)

    def values(self) -> _Values:
        return self.moments.mean, self.moments.var(correction=1), self.moments.count, self.moments.count


class _PerInstance:
    """Averages over samples of their mean and unbiased variance; of those that show one, or two, elements."""

    def __init__(self, channels: int) -> None:
        self.means, self.variances = RunningMoments(channels), RunningMoments(channels)

    def take(self, x: Array, mask: Array | None) -> None:
        mean, var, count = _of_each(x, mask)
        self.means.update(mean, where=count > 0)
        self.variances.update(var, where=count > 1)

    def values(self) -> _Values:
        return self.means.mean, self.variances.mean, self.means.count, np.multiply(self.variances.count, 2)


class _Mixed:
    """Samples by their shares of elements: the variance within, averaged, plus that between their means."""

    def __init__(self, channels: int) -> None:
        self.means, self.within = RunningMoments(channels), RunningMoments(channels)

    def take(self, x: Array, mask: Array | None) -> None:
        mean, var, count = _of_each(x, mask)
        self.means.update(mean, weights=count, where=count > 0)
        self.within.update(np.where(count == 1, 0, var), weights=count, where=count > 0)

    def values(self) -> _Values:
        return self.means.mean, self.within.mean + self.means.var(), self.means.count, self.means.count


def _of_each(x: Array, mask: Array | None) -> tuple[Array, Array, Array]:
    """Mean, unbiased variance and number of elements that count of each channel of each sample."""
    if x[:1, :1].size == 1:
        raise ValueError(f"input: expected more than 1 spatial element, got shape {x.shape}")
    each = RunningMoments(x.shape[:2]).update(x, tuple(range(2, x.ndim)), where=mask)
    return each.mean, each.var(correction=1), np.broadcast_to(each.count, x.shape[:2])


class _Observer:
    """What one layer was called with."""

    layer: Any

    def __init__(self, layer: Any) -> None:
        if not isinstance(layer, (_BatchNorm, _InstanceNorm, _SwitchNorm)):
            raise TypeError(f"layers: expected norms with running statistics, got {type(layer).__name__}")
        mean, var = getattr(layer, "running_mean", None), getattr(layer, "running_var", None)
        if not isinstance(mean, np.ndarray) or not isinstance(var, np.ndarray):
            raise ValueError(f"layers: expected running statistics, but {layer!r} has none")
        self.layer, self.channels, self.calls, self.masked = layer, mean.size, 0, False
        self.check_writeable()
        mixed = isinstance(layer, _SwitchNorm) and layer._rank > 2
        each = _Mixed if mixed else _PerInstance if isinstance(layer, _InstanceNorm) else _Pooled
        self.kind = each(mean.size)

    def check_writeable(self) -> None:
        """Of all that `write` writes to."""
        names = ("running_mean", "running_var", "num_batches_tracked")
        there = {name: getattr(self.layer, name) for name in names if name in self.layer._buffers}
        try:
            check_writeable({name: value for name, value in there.items() if value is not None})
        except (TypeError, ValueError) as error:
            raise type(error)(f"layers: {error}, in {self.layer!r}") from None

    def take(self, input: Any, where: Any = None) -> None:
        """Looks at an input, which the layer could be called with, and at the mask it is called with."""
        x = as_input(input)
        if isinstance(self.layer, _InstanceNorm) and x.ndim == self.layer._unbatched:
            x = x[None]
        if x.ndim > 1 and x.shape[1] != self.channels:
            raise ValueError(f"input: expected {self.channels} channels, got shape {x.shape}")
        self.layer._check_input(x)
        self.kind.take(x, as_mask(where, x))
        self.calls += 1
        self.masked |= where is not None

    def values(self) -> tuple[Array, Array]:
        """Mean and variance in the shape and dtype of the buffers."""
        if not self.calls:
            raise ValueError(f"layers: expected calls of each, but none came to {self.layer!r}")
        self.check_writeable()
        mean, var, elements, of_var = self.kind.values()
        if np.isnan(mean).all() and mean.size:
            raise ValueError("batches: expected values, got empty batches or NaN alone")
        if not self.masked and np.any(np.equal(elements, 1)) and isinstance(self.kind, _Pooled):
            raise ValueError("batches: expected more than 1 value per channel, got 1")
        return (
            _known(mean, np.greater(elements, 0), self.layer.running_mean),
            _known(var, np.greater(of_var, 1), self.layer.running_var),
        )

    def write(self, mean: Array, var: Array) -> None:
        """Into the layer's buffers."""
        self.layer.running_mean[...], self.layer.running_var[...] = mean, var
        if "num_batches_tracked" in self.layer._buffers:
            self.layer.num_batches_tracked[...] = self.calls


def _known(new: Array, known: Array, old: Array) -> Array:
    """In the shape and dtype of the buffer, what is known of its channels, and what it has of the others."""
    known = np.broadcast_to(known, new.shape).reshape(old.shape)
    return np.where(known, rounded(new.reshape(old.shape), old.dtype), old)


def _observed_norm(observer: _Observer) -> Callable[..., Array]:
    """The function a layer hands its calls to, which the observer sees first: what it normalizes, by what."""
    norm = observer.layer._norm

    def observed(input: Any, *arguments: Any, where: Any = None, **keywords: Any) -> Array:
        observer.take(input, where)
        return norm(input, *arguments, where=where, **keywords)  # type: ignore[no-any-return]

    return observed


@contextmanager
def _observing(observers: list[_Observer]) -> Iterator[None]:
    """Layers in training mode that report their inputs and update copies; as they were afterwards."""
    before = [(o.layer, dict(o.layer.__dict__)) for o in observers]
    try:
        for observer in observers:
            layer = observer.layer
            for name in layer._buffers:
                value = getattr(layer, name)
                setattr(layer, name, value.copy() if isinstance(value, np.ndarray) else value)
            layer.training, layer._norm = True, _observed_norm(observer)
        yield
    finally:
        for layer, attributes in before:
            layer.__dict__.clear()
            layer.__dict__.update(attributes)


def recalibrate(layers: Any, batches: Any, forward: Callable[[Any], Any] | None = None) -> None:
    """Takes the running statistics of layers anew, exactly, over a data set, in one pass.

    A layer gets what it would have after one training call with all batches as one, and nothing of what it
    had before: no moving average, so neither the order of the batches nor their sizes matter.

    Parameters
    ----------
    layers : layer, or iterable or mapping of layers
        BatchNorm, InstanceNorm and SwitchNorm of any rank, with running statistics.
    batches : iterable
        Of what `forward` takes; without it, of inputs to the one layer. May be a generator.
    forward : callable, optional
        Runs the network on a batch, and in it the layers, which are in training mode meanwhile: each passes
        on what it makes of the batch by the statistics of that batch. What it returns is dropped.

    Raises
    ------
    TypeError
        Layers of another kind, batches that are no iterable (an array is one batch: put it into a list), a
        `forward` that cannot be called.
    ValueError
        No layer, no batch, a layer without running statistics, or one that was never called; several layers
        without `forward`; inputs the layer refuses; one value per channel in all.

    See Also
    --------
    BatchNorm2d : What is recalibrated.
    cnorm.RunningMoments : Moments of data in parts.

    Notes
    -----
    BatchNorm gets the mean and the unbiased variance of all elements of a channel; InstanceNorm the averages
    over all samples of their mean and unbiased variance; SwitchNorm its batch statistics. What a layer is
    told to leave out by `where=` counts nowhere: a channel that shows nothing in any batch keeps its mean,
    one that shows a single element keeps its variance.
    `num_batches_tracked` is the number of calls. Modes come back, after an error, too, and then no
    statistic has changed.

    Statistics of parts of a data set, from several processes, say, can be had as `RunningMoments` and merged.

    Examples
    --------
    >>> import numpy as np, cnorm.nn as nn
    >>> layer = nn.BatchNorm1d(2)
    >>> x = np.array([[1.0, 10.0], [2.0, 20.0], [6.0, 60.0]])
    >>> nn.recalibrate(layer, [x[:1], x[1:]])
    >>> layer.running_mean, layer.running_var
    (array([ 3., 30.], dtype=float32), array([  7., 700.], dtype=float32))

    A network, whose layers are all observed at once:

    >>> first, second = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    >>> nn.recalibrate([first, second], [x, 2 * x], lambda batch: second(np.exp(first(batch))))
    >>> int(second.num_batches_tracked)
    2
    """
    observers = [_Observer(layer) for layer in _distinct(layers)]
    if forward is not None and not callable(forward):
        raise TypeError(f"forward: expected a function, got {type(forward).__name__}")
    if forward is None and len(observers) > 1:
        raise ValueError(f"forward: expected a function that runs the {len(observers)} layers, got None")
    if (
        not isinstance(batches, Iterable)
        or hasattr(batches, "__array__")
        or isinstance(batches, (str, Mapping))
    ):
        raise TypeError(f"batches: expected an iterable of batches, got {type(batches).__name__}")
    empty = True
    with _observing(observers if forward else []):
        for batch in batches:
            empty = False
            if forward:
                forward(batch)
            else:
                observers[0].take(batch)
    if empty:
        raise ValueError("batches: expected at least one batch, got none")
    for observer, values in [(observer, observer.values()) for observer in observers]:
        observer.write(*values)


def _distinct(layers: Any) -> list[Any]:
    """The layers in a list, each once."""
    if isinstance(layers, Mapping):
        layers = layers.values()
    if not isinstance(layers, Module) and not isinstance(layers, Iterable):
        raise TypeError(f"layers: expected a layer or several, got {type(layers).__name__}")
    listed = [layers] if isinstance(layers, Module) else list(layers)
    if not listed:
        raise ValueError("layers: expected at least one layer, got none")
    return list({id(layer): layer for layer in listed}.values())
