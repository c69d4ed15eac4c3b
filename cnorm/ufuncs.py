"""Generalized ufuncs: what NumPy, Dask and xarray's `apply_ufunc` broadcast by themselves."""

from __future__ import annotations

from cnorm._native.ufuncs import mean_var

__all__ = ["mean_var"]

__test__ = {"mean_var": mean_var.__doc__}  # doctest finds functions alone
