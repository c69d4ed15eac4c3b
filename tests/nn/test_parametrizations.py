"""state_dicts of torch's weight_norm and spectral_norm, new and old keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cnorm.nn as nn
from cnorm.nn._parametrizations import without_parametrizations

torch = pytest.importorskip("torch")
P = torch.nn.utils.parametrizations
T = torch.nn

MADE: dict[str, Callable[[], Any]] = {
    "weight": lambda: P.weight_norm(T.Linear(5, 3)),
    "weight, one output": lambda: P.weight_norm(T.Linear(5, 1)),
    "weight, dim 1": lambda: P.weight_norm(T.Conv2d(4, 6, 3), dim=1),
    "weight, no dim": lambda: P.weight_norm(T.Conv2d(4, 6, 3), dim=None),
    "weight of a norm": lambda: P.weight_norm(T.LayerNorm(5)),
    "old weight": lambda: torch.nn.utils.weight_norm(T.Linear(5, 3)),
    "spectral": lambda: P.spectral_norm(T.Linear(5, 3)),
    "spectral, transposed": lambda: P.spectral_norm(T.ConvTranspose2d(4, 6, 3)),
    "spectral of a norm": lambda: P.spectral_norm(T.LayerNorm(5)),
    "old spectral": lambda: torch.nn.utils.spectral_norm(T.Conv2d(5, 3, 2)),
}


@pytest.fixture(params=MADE)
def module(request: pytest.FixtureRequest) -> Any:
    with torch.no_grad():
        made = MADE[request.param]()
        for p in made.parameters():
            p.uniform_(0.5, 2)
        shape = {2: (2, made.weight.shape[-1]), 1: (2, 5)}.get(made.weight.dim())
        channels = made.weight.shape[0 if isinstance(made, T.ConvTranspose2d) else 1] if shape is None else 0
        for mode in (True, False):  # power iterations, then the weight of evaluation
            made.train(mode)(torch.ones(shape or (1, channels, 6, 6)))
    return made


@pytest.mark.filterwarnings("ignore:.*deprecated")
@pytest.mark.parametrize("prefix", ["", "body.0."])
def test_whole_again(module: Any, prefix: str) -> None:
    state = {prefix + key: value for key, value in module.state_dict().items()} | {"other": torch.ones(1)}
    plain = without_parametrizations(state)
    assert set(plain) == {prefix + "weight", prefix + "bias", "other"}
    weight = module.weight.detach().numpy()
    assert np.allclose(plain[prefix + "weight"], weight, rtol=1e-5, atol=1e-6)


def test_a_layer_takes_them() -> None:
    for wrap in (P.weight_norm, P.spectral_norm):
        theirs, ours = wrap(T.LayerNorm(5)).eval(), nn.LayerNorm(5)
        with torch.no_grad():
            for p in theirs.parameters():
                p.uniform_(0.5, 2)
        found = ours.load_state_dict(theirs.state_dict())
        assert found == ([], [])
        assert np.allclose(ours.weight, theirs.weight.detach(), rtol=1e-6)
        x = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
        assert np.allclose(ours(x), theirs(torch.from_numpy(x)).detach(), rtol=1e-5, atol=1e-6)


def test_what_is_not_complete_stays() -> None:
    state = {"weight_v": np.ones(3), "parametrizations.weight.original0": np.ones(3)}
    assert without_parametrizations(state) == state
    layer = nn.LayerNorm(3)
    with pytest.raises(ValueError, match=r"unexpected keys"):
        layer.load_state_dict(state)


def test_parts_that_do_not_fit() -> None:
    layer = nn.LayerNorm(3)
    key = "parametrizations.weight."
    with pytest.raises(ValueError, match=r"^state_dict: weight:"):
        layer.load_state_dict(
            {key + "original0": np.ones(2), key + "original1": np.ones(3), "bias": np.ones(3)}
        )
    vectors = {key + "0._u": np.ones(4), key + "0._v": np.ones(1)}
    with pytest.raises(ValueError, match=r"^state_dict: weight:"):
        layer.load_state_dict({key + "original": np.ones(3), **vectors, "bias": np.ones(3)})
    assert (layer.weight == 1).all()
