"""What tests of accelerated models share."""

from __future__ import annotations

from typing import Any

import pytest

from cnorm.interop import _sizes


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each call of an accelerated layer: was it cnorm's? Sizes do not matter."""
    _accelerated = pytest.importorskip("cnorm.interop._accelerated")
    monkeypatch.setattr(_sizes, "_CONTIGUOUS", dict.fromkeys(_sizes._CONTIGUOUS, (1, 1, 1, 1)))
    monkeypatch.setattr(_sizes, "_PERMUTED", dict.fromkeys(_sizes._PERMUTED, (1, 1, 1, 1)))
    seen: list[bool] = []
    inner = _accelerated.normalized

    def watched(module: Any, x: Any) -> Any:
        y = inner(module, x)
        seen.append(y is not None)
        return y

    monkeypatch.setattr(_accelerated, "normalized", watched)
    return seen
