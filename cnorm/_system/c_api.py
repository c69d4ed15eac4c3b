"""What compiled modules of others need: where the header is, and the table it describes."""

from __future__ import annotations

import os

from cnorm._native.core import C_API

__all__ = ["C_API", "get_include"]


def get_include() -> str:
    """The folder of ``cnorm_api.h``, for compilers of modules that call cnorm from C or Cython.

    Returns
    -------
    str
        A path, as that of `numpy.get_include`.

    See Also
    --------
    cnorm.ufuncs.mean_var : Mean and variance as a generalized ufunc.

    Examples
    --------
    >>> import os, cnorm
    >>> os.listdir(cnorm.get_include())
    ['cnorm_api.h']
    """
    return os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "include")
