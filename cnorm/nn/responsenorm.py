"""LocalResponseNorm and CrossMapLRN2d."""

from __future__ import annotations

from typing import Any

from cnorm import functional as F
from cnorm._accept.arrays import Array
from cnorm._accept.hints import ArrayLike, Out
from cnorm.nn._module import Module, check_rank


class _ResponseNorm(Module):
    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class LocalResponseNorm(_ResponseNorm):
    r"""Local response normalization across channels of (N, C, ...) input [1]_.

    .. math:: y_c = x_c \left(k + \frac{\alpha}{n} \sum_{c'} x_{c'}^2 \right)^{-\beta}

    Parameters
    ----------
    size : int
        Channels in the window, `n`.
    alpha, beta, k : float
        Factor, exponent and additive constant.

    Raises
    ------
    ValueError
        On a call: fewer than 3 dimensions, a `size` below 1.

    See Also
    --------
    cnorm.functional.local_response_norm : The function.
    CrossMapLRN2d : The sum over channels, not their mean.

    References
    ----------
    .. [1] Krizhevsky, Sutskever & Hinton, "ImageNet Classification with Deep CNNs", 2012.

    Examples
    --------
    >>> import numpy as np, cnorm.nn as nn
    >>> nn.LocalResponseNorm(2)(np.ones((1, 4, 2))).shape
    (1, 4, 2)
    """

    def forward(self, input: ArrayLike, out: Out = None, **fused: Any) -> Array:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k, out=out, **fused)


class CrossMapLRN2d(_ResponseNorm):
    r"""Local response normalization of (N, C, H, W) input with torch's older window [1]_.

    .. math:: y_c = x_c \left(k + \frac{\alpha}{n} \sum_{c'} x_{c'}^2 \right)^{-\beta}

    The window reaches ``int((size + 1) / 2) - 1`` channels to both sides and, from the channel that first
    lies beyond, still holds channel 0: torch's implementation does so, and results are compared with it.

    Parameters
    ----------
    size : int
        Channels in the window.
    alpha, beta, k : float
        Factor, exponent and additive constant.

    Raises
    ------
    ValueError
        On a call: input that is not 4D, a `size` below 1.

    See Also
    --------
    cnorm.functional.cross_map_lrn2d : The function.
    LocalResponseNorm : Padded as torch pads.

    References
    ----------
    .. [1] Krizhevsky, Sutskever & Hinton, "ImageNet Classification with Deep CNNs", 2012.

    Examples
    --------
    >>> import numpy as np, cnorm.nn as nn
    >>> nn.CrossMapLRN2d(3)(np.ones((1, 4, 2, 2))).shape
    (1, 4, 2, 2)
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__(size, alpha, beta, k)

    def forward(self, input: ArrayLike, out: Out = None, **fused: Any) -> Array:
        check_rank(input, (4,))
        return F.cross_map_lrn2d(input, self.size, self.alpha, self.beta, self.k, out=out, **fused)
