"""GlobalResponseNorm, the norm of ConvNeXt V2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cnorm import functional as F
from cnorm._accept.arrays import Array
from cnorm._accept.hints import ArrayLike, Dtype, Out
from cnorm.nn._module import Module, new_array, parameter_dtype

# What ConvNeXt V2's own code calls them, of shape (1, 1, 1, C).
_OTHER_NAMES = {"gamma": "weight", "beta": "bias"}


class GlobalResponseNorm(Module):
    r"""Global response normalization of (N, H, W, C) input, as in ConvNeXt V2 [1]_.

    .. math:: y = x + w_c \, x \, n_c + b_c, \qquad
        n_c = \frac{g_c}{\frac{1}{C} \sum_{c'} g_{c'} + \epsilon}, \qquad g_c = \lVert x_c \rVert_2

    Parameters
    ----------
    dim : int
        Channels C.
    eps : float
        Added to the mean of the norms.
    device : None or "cpu"
        Accepted for torch's sake.
    dtype : dtype, optional
        Of the parameters; float32 if None.

    Raises
    ------
    ValueError
        On a call: input that is not (N, H, W, C).

    See Also
    --------
    cnorm.functional.global_response_norm : The function.

    Notes
    -----
    The state_dict is timm's (`weight` and `bias` of C elements); `load_state_dict` also takes that of
    ConvNeXt V2's own code (`gamma` and `beta` of shape (1, 1, 1, C)).

    References
    ----------
    .. [1] Woo et al., "ConvNeXt V2: Co-designing and Scaling ConvNets with Masked Autoencoders", 2023,
       arXiv:2301.00808.

    Examples
    --------
    >>> import numpy as np, cnorm.nn as nn
    >>> layer, x = nn.GlobalResponseNorm(2), np.ones((1, 1, 1, 2))
    >>> layer(x).ravel()
    array([1., 1.])
    >>> layer.weight[...] = 1
    >>> layer(x).ravel().round(3)
    array([2., 2.])
    """

    weight: Array
    bias: Array

    def __init__(self, dim: int, eps: float = 1e-6, device: Any = None, dtype: Dtype = None) -> None:
        super().__init__()
        kind = parameter_dtype(device, dtype)
        self.dim = dim
        self.eps = eps
        self.register_parameter("weight", new_array(dim, kind, "dim"))
        self.register_parameter("bias", new_array(dim, kind, "dim"))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight and bias 0: nothing changes."""
        self._fill({"weight": 0, "bias": 0})

    def _own_keys(self, state_dict: Mapping[str, Any]) -> Mapping[str, Any]:
        state_dict = super()._own_keys(state_dict)
        if not set(_OTHER_NAMES) & set(state_dict):
            return state_dict
        renamed = {}
        for key, value in state_dict.items():
            vector = key in _OTHER_NAMES and np.shape(value)[:-1] == (1, 1, 1)
            renamed[_OTHER_NAMES.get(key, key)] = value.reshape(-1) if vector else value
        return renamed

    def forward(self, input: ArrayLike, out: Out = None, **fused: Any) -> Array:
        return F.global_response_norm(input, self.weight, self.bias, self.eps, out=out, **fused)

    def extra_repr(self) -> str:
        return f"{self.dim}, eps={self.eps}"
