"""Where a name is that was looked for in the wrong module."""

from __future__ import annotations

from importlib import import_module

__all__ = ["no_attribute"]

PUBLIC = ("cnorm", "cnorm.functional", "cnorm.nn", "cnorm.preprocessing", "cnorm.stats", "cnorm.sparse")
# What other libraries, and papers, call what has another name here; as `plain` writes it.
ELSEWHERE = {
    "adain": "cnorm.standardize",
    "adalayernorm": "cnorm.standardize",
    "ewm": "cnorm.ewm_moments",
    "fuseconvbneval": "cnorm.functional.fold_batch_norm",
    "fuseconvbnweights": "cnorm.functional.fold_batch_norm",
    "groupby": "cnorm.group_moments",
    "meanvarianceaxis": "cnorm.sparse.moments",
    "nn.functional": "cnorm.functional",
    "rolling": "cnorm.rolling_moments",
    "runningmeanstd": "cnorm.RunningMoments",
    "sequencemask": "cnorm.length_mask",
    "totensor": "cnorm.image_normalize",
    "updatebn": "cnorm.nn.recalibrate",
    "varmean": "cnorm.moments",
    "vecnormalize": "cnorm.RunningMoments",
    "welford": "cnorm.RunningMoments",
}


def plain(name: str) -> str:
    """layer_norm, LayerNorm and layernorm are one word; BatchNorm2d is BatchNorm."""
    word = name.replace("_", "").lower()
    return word[:-2] if word[-2:] in ("1d", "2d", "3d") else word


def places(module: str, name: str) -> list[str]:
    """Where that name is public; if nowhere, where one that is written otherwise is."""
    public = [(where, known) for where in PUBLIC for known in import_module(where).__all__ if where != module]
    exact = [f"{where}.{known}" for where, known in public if known == name]
    if exact:
        return exact
    own = [(module, known) for known in import_module(module).__all__]
    found = [f"{where}.{known}" for where, known in (*own, *public) if plain(known) == plain(name)]
    named = ELSEWHERE.get(plain(name)) or ELSEWHERE.get(f"{module.removeprefix('cnorm.')}.{name}")
    return found or ([named] if named else [])


def no_attribute(module: str, name: str) -> AttributeError:
    """The error of a module's `__getattr__`, with the right place if there is one."""
    message = f"module {module!r} has no attribute {name!r}"
    hint = "" if name.startswith("_") else ", ".join(places(module, name))
    return AttributeError(f"{message}; there is {hint}" if hint else message)
