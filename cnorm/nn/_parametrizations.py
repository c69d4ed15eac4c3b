"""state_dicts of torch's weight_norm and spectral_norm: parameters in parts put together again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, rounded, to_ndarray
from cnorm._accept.axes import as_int
from cnorm.functional import normalize, weight_norm

_MARK = "parametrizations."
# Parts of weight_norm (magnitude, direction), spectral_norm (weight, singular vectors): new keys, old ones.
_WEIGHT_NORM = (("original0", "original1"), ("_g", "_v"))
_SPECTRAL_NORM = (("original", "0._u", "0._v"), ("_orig", "_u", "_v"))


def without_parametrizations(state_dict: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same with the parameters themselves, as they are in evaluation, in the place of their parts.

    Keys of a whole model do, too. What is not complete stays as it is.
    """
    names = _names(state_dict)
    if not names:
        return state_dict
    made: dict[str, Any] = {}
    taken: set[str] = set()
    for name, (parts, put_together) in names.items():
        made[name] = put_together(name, *(state_dict[key] for key in parts))
        taken.update(parts)
    first = {parts[0]: name for name, (parts, _) in names.items()}
    state: dict[str, Any] = {}
    for key, value in state_dict.items():
        if key in first:
            state[first[key]] = made[first[key]]
        elif key not in taken:
            state[key] = value
    return state


def _names(state_dict: Mapping[str, Any]) -> dict[str, tuple[tuple[str, ...], Any]]:
    """Of each parameter in parts its keys, and what puts them together."""
    found: dict[str, tuple[tuple[str, ...], Any]] = {}
    for key in state_dict:
        if not isinstance(key, str):
            continue
        for parts, put_together in ((_WEIGHT_NORM, _of_magnitude), (_SPECTRAL_NORM, _of_spectrum)):
            for ends in parts:
                stem = _stem(key, ends[0])
                if stem is None:
                    continue
                keys = tuple(stem + end for end in ends)
                name = stem.rstrip(".").replace(_MARK, "", 1) if _MARK in stem else stem
                if all(other in state_dict for other in keys):
                    found[name] = keys, put_together
                elif keys[0].endswith(".original") and _is_vector(state_dict[key]):
                    found[name] = keys[:1], _of_length
    return found


def _stem(key: str, end: str) -> str | None:
    """What is before the end of a key: "parametrizations.weight." or "weight"."""
    stem = key[: -len(end)]
    if not key.endswith(end) or not stem:
        return None
    if end[0] == "_":
        return None if _MARK in stem else stem
    return stem if stem.endswith(".") and _MARK in stem else None


def _is_vector(value: Any) -> bool:
    return np.ndim(value) == 1


def _array(value: Any, name: str) -> Array:
    return to_ndarray(value, f"state_dict: {name}")


def _of_magnitude(name: str, g: Any, v: Any) -> Array:
    """g * v / |v|, the norm over all axes but those along which g varies."""
    magnitude, direction = _array(g, name), _array(v, name)
    if magnitude.ndim == direction.ndim:
        kept = [a for a, n in enumerate(magnitude.shape) if n > 1] or [0]
    else:
        kept = []
    if len(kept) > 1 or magnitude.size not in (1, *(direction.shape[a] for a in kept)):
        raise ValueError(
            f"state_dict: {name}: expected a magnitude for each index of an axis, got {magnitude.shape}"
            f" for {direction.shape}"
        )
    one = not kept or (magnitude.size == 1 and direction.shape[kept[0]] != 1)
    return weight_norm(direction, magnitude, None if one else as_int(kept[0], "dim"))


def _of_spectrum(name: str, weight: Any, u: Any, v: Any) -> Array:
    """weight / sigma, sigma = u W v, W the weight as a matrix of the axis that u belongs to."""
    w, left, right = (_array(part, name).astype(np.float64) for part in (weight, u, v))
    for axis in range(w.ndim):
        rows = np.moveaxis(w, axis, 0).reshape(w.shape[axis], -1)
        if rows.shape == (left.size, right.size):
            sigma = float(left @ rows @ right)
            return rounded(w / sigma, _array(weight, name).dtype)
    raise ValueError(
        f"state_dict: {name}: expected vectors of a weight {w.shape}, got {left.shape}, {right.shape}"
    )


def _of_length(name: str, weight: Any) -> Array:
    """A vector has one singular value, its norm: torch keeps no vectors for it."""
    return normalize(_array(weight, name), dim=0)
