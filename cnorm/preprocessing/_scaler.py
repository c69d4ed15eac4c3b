"""What scalers do alike: take input, apply the fitted map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, empty_like, is_plain, is_whole
from cnorm._accept.axes import as_axes
from cnorm._stats.passes import by_fitted, check_no_inf, unchanged
from cnorm.preprocessing._alone import fits
from cnorm.preprocessing._fitting import machinery
from cnorm.preprocessing._maps import Map

__all__ = ["BACK", "THERE", "Scaler"]

THERE, BACK = 0, 1
_valid: dict[tuple[type, ...], bool] = {}


@dataclass(slots=True, eq=False)
class Ready:
    """Maps by dtype, there and back, made on first use; `short`: arrays of those with nothing else to do.

    They hold as long as the statistics have these bytes. fitted: fit has made them, nobody else.
    """

    features: int
    fitted: bool
    statistics: Array
    bytes: bytes
    maps: tuple[dict[np.dtype[Any], Map], dict[np.dtype[Any], Map]]
    short: tuple[dict[np.dtype[Any], tuple[Any, ...]], dict[np.dtype[Any], tuple[Any, ...]]]


class Scaler(machinery.Estimator):
    """Base of the scalers: axis and copy are arguments of both.

    `_ready` is there for transform after fit, and dropped when any attribute is set.
    """

    axis: Any
    copy: bool
    n_samples_seen_: Any
    # The attributes fit makes, and those of them whose bytes tell of changes, what maps are made of first.
    _fitted: tuple[str, ...] = ()
    _watched: tuple[str, ...] = ()
    _takes_weights = False
    _ready: Ready | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__.pop("_ready", None)
        super().__setattr__(name, value)

    def _replace(self, **values: Any) -> None:
        """Sets attributes together."""
        self.__dict__.pop("_ready", None)
        self.__dict__.update(values)

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in super().__getstate__().items() if k != "_ready"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._prepare(fitted=False)

    def _map(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Map:
        """The map for elements of a dtype; its arrays are of a shape that broadcasts."""
        raise NotImplementedError

    def _map_back(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Map:
        """The same of the inverse."""
        raise NotImplementedError

    def _is_valid(self) -> bool:
        """Are the constructor's arguments of types that are allowed? Of a derived class that is not known."""
        names = self._parameter_constraints
        key = (type(self), *map(type, map(self.__dict__.get, names)))
        known = _valid.get(key)
        if known is None:
            if type(self).__module__.partition(".")[0] != "cnorm":
                return False
            given = [(self.__dict__.get(name), kinds) for name, kinds in names.items()]
            known = _valid[key] = all(any(fits(value, kind) for kind in kinds) for value, kinds in given)
        return known

    def _forget(self) -> None:
        """Drops what was fitted; the constructor's arguments stay."""
        for name in (*self._fitted, "n_samples_seen_", "_state", "_eps"):
            self.__dict__.pop(name, None)
        self.__dict__.pop("_ready", None)

    def _check_fitted(self) -> None:
        if not any(name in self.__dict__ for name in self._fitted):
            raise machinery.NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet. "
                "Call 'fit' with appropriate arguments before using this estimator."
            )

    def _is_table(self) -> bool:
        """Statistics of columns, as scikit-learn has them?"""
        return isinstance(self.axis, (int, np.integer)) and self.axis == 0

    def _is_plain(self, X: Any) -> bool:
        """A matrix that the kernels take as it is, with nothing to convert or to complain about?"""
        return is_plain(X) and X.ndim == 2 and X.size > 0 and self._is_table()

    def _is_whole(self, X: Any) -> bool:
        """A matrix of integers or booleans that lies so?"""
        return is_whole(X) and X.ndim == 2 and X.size > 0 and self._is_table()

    def _take(self, X: Any, reset: bool | None, accept_sparse: Any = False) -> Any:
        """X as a float ndarray (or sparse matrix) that fits what was fitted; it may hold infinity."""
        if self._is_plain(X):
            if reset:
                self.__dict__.pop("feature_names_in_", None)
                self.n_features_in_ = X.shape[1]
                return X
            named = reset is False and "feature_names_in_" in self.__dict__
            if not named and X.shape[1] == self.__dict__.get("n_features_in_"):
                return X
        table = self._is_table()
        x = machinery.validate(self, X, reset=reset, table=table, accept_sparse=accept_sparse)
        if not machinery.is_sparse(x) and not x.size:
            raise ValueError(f"X: expected at least one value, got shape {x.shape}")
        if reset and not table and not machinery.is_sparse(x):
            self.n_features_in_ = x.shape[1] if x.ndim > 1 else 1
        return x

    def _axes(self, x: Array) -> tuple[int, ...]:
        return as_axes(self.axis, x.ndim)

    def _shape(self, x: Array) -> tuple[int, ...]:
        """Of the statistics against x."""
        axes = self._axes(x)
        return tuple(1 if a in axes else n for a, n in enumerate(x.shape))

    def _check_kept(self, x: Array, fitted: tuple[int, ...]) -> None:
        """Raises unless the axes without statistics of their own are those of the fitted data."""
        axes = self._axes(x)
        kept = tuple(n for a, n in enumerate(x.shape) if a not in axes)
        if kept != fitted:
            raise ValueError(
                f"X: expected sizes {fitted} in the axes other than {self.axis!r}, got shape {x.shape}"
            )

    def _check_statistics(self, x: Array) -> None:
        ready = self._ready
        if ready is not None and x.ndim == 2 and x.shape[1] == ready.features and self._is_table():
            return
        for statistic in self._statistics()[:1]:
            self._check_kept(x, np.shape(statistic))

    def _as_fitted(self) -> bool:
        """Has surely nobody set an attribute, or written to statistics, since fit?"""
        ready = self._ready
        return ready is not None and ready.fitted and unchanged(ready.statistics, ready.bytes)

    def _statistics(self) -> list[Any]:
        values = (self.__dict__.get(name) for name in self._watched)
        return [v for v in values if v is not None]

    def _target(self, x: Array, copy: bool | None) -> Array:
        """Where the result for x goes."""
        copy = self.copy if copy is None else copy
        return empty_like(x) if copy or not x.flags.writeable else x

    def _scaled(self, x: Array, copy: bool | None = None) -> Array:
        """The fitted map of finite x."""
        self._check_statistics(x)
        out = self._target(x, copy)
        self._map_for(x).run(x, out)
        return out

    def _scaled_back(self, x: Array, copy: bool | None = None) -> Array:
        """The inverse of it."""
        check_no_inf(x)
        self._check_statistics(x)
        out = self._target(x, copy)
        self._map_for(x, BACK).run(x, out)
        return out

    def _map_for(self, x: Array, way: int = THERE) -> Map:
        """The map for x, kept where it may serve again."""
        make = self._map_back if way else self._map
        shape, ready = self._shape(x), self._ready
        if ready is None or shape != (1, ready.features) or not unchanged(ready.statistics, ready.bytes):
            return make(x.dtype, shape)
        known = ready.maps[way].get(x.dtype)
        if known is None:
            known = ready.maps[way][x.dtype] = make(x.dtype, shape)
            if known.direct and self._may_be_short(way):
                ready.short[way][x.dtype] = known.ready(x)[:4]
        return known

    def _prepare(self, *, fitted: bool = True) -> None:
        """Makes room for maps: at the end of fit and when unpickled."""
        arrays = [self.__dict__.get(name) for name in self._watched]
        found = [a for a in arrays if isinstance(a, np.ndarray)]
        if not found or not self._is_table() or found[0].ndim != 1:
            return
        # Rows of one array, so that a single look tells whether someone has written to them.
        together = np.array(found)
        names = [name for name, a in zip(self._watched, arrays, strict=True) if isinstance(a, np.ndarray)]
        self.__dict__.update(zip(names, together, strict=True))
        self.__dict__["_ready"] = Ready(
            together.shape[1], fitted, together, together.tobytes(), ({}, {}), ({}, {})
        )

    def _fit_at_once(self, X: Array, anew: bool, *args: Any, **kwargs: Any) -> bool:
        """Fits to a plain matrix, or one of integers; where it needs care does nothing.

        anew: what was fitted is forgotten.
        """
        known, weights = self.__dict__, None
        if args or kwargs:
            if len(args) + len(kwargs) > 1 or not (
                self._takes_weights and (args or "sample_weight" in kwargs)
            ):
                return False
            weights = args[0] if args else kwargs["sample_weight"]
        if anew or "n_samples_seen_" not in known:
            return self._take_at_once(X, True, weights)
        alike = X.shape[1] == known.get("n_features_in_") and "feature_names_in_" not in known
        return alike and self._as_fitted() and self._take_at_once(X, False, weights)

    def _take_at_once(self, X: Array, first: bool, weights: Any) -> bool:
        """Takes in a plain matrix, the first or one as those before."""
        return False

    def _hold(self, X: Array, first: bool, watched: Array, **values: Any) -> bool:
        """Sets what `_take_at_once` has found. watched: attributes that are, in rows."""
        if first:
            values["n_features_in_"] = X.shape[1]
            self.__dict__.pop("feature_names_in_", None)
        values["_ready"] = Ready(X.shape[1], True, watched, watched.tobytes(), ({}, {}), ({}, {}))
        self.__dict__.update(values)
        return True

    def _may_be_short(self, way: int) -> bool:
        """Is there nothing to do but a call of the core?"""
        known = self.__dict__
        named = "feature_names_in_" in known or "_sklearn_output_config" in known
        return bool(self.copy) and (way == BACK or not named)

    def fit(self, X: Any, y: Any = None) -> Any:
        """See the scalers."""
        raise NotImplementedError

    def transform(self, X: Any) -> Any:
        """See the scalers."""
        raise NotImplementedError

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Fits, then transforms the same data.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Float, integer or boolean; n-D with `axis`.
        y : None
            Ignored.
        **fit_params
            What `fit` takes.

        Returns
        -------
        ndarray of the shape of `X`
        """
        fitted = self.fit(X, y, **fit_params)
        if self._is_plain(X) and hasattr(type(self).transform, "careful"):
            return self._scaled(X)
        return fitted.transform(X)

    def _at_once(self, X: Any, way: int) -> Array | None:
        """What transform, or its inverse, gives of a plain finite matrix; None where care is needed."""
        ready = self._ready
        return None if ready is None else by_fitted(X, ready.short[way], ready.statistics, ready.bytes)

    def _by_own(self, X: Array) -> Array | None:
        """What transform gives of what was just fitted; None where care is needed."""
        return None

    def _fit_and_scale(self, X: Array) -> Array | None:
        """Fits to a plain matrix, or one of integers, and scales it; None, and nothing done, of others."""
        X = X.astype(np.float64) if self._is_whole(X) else X
        plain = self._is_plain(X) and self._is_valid() and not machinery.has_callbacks(self)
        if not (plain and self._may_be_short(THERE) and self._fit_at_once(X, True)):
            return None
        y = self._by_own(X)
        return self._scaled(X) if y is None else y
