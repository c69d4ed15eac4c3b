"""group_norm: statistics over groups of channels of each sample."""

from __future__ import annotations

from cnorm._accept.arrays import Array, Output, as_input
from cnorm._accept.axes import (
    as_number,
    channel_affine,
    check_groups,
    check_more_than_one,
    grouped_shape,
)
from cnorm._accept.hints import Activation, ArrayLike, Given, Out
from cnorm._accept.masks import as_mask, unmasked
from cnorm._accept.options import as_activation, as_eps_mode
from cnorm._native import norms


def group_norm(
    input: ArrayLike,
    num_groups: int,
    weight: Given = None,
    bias: Given = None,
    eps: float = 1e-5,
    *,
    out: Out = None,
    where: Given = None,
    activation: Activation = None,
    eps_mode: str = "inside",
) -> Array:
    r"""Group normalization: statistics over groups of channels of each sample [1]_.

    .. math:: y = \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} \, w_c + b_c

    Parameters
    ----------
    input : array_like of float, shape (N, C, ...)
        Any layout; channels-last views are not copied.
    num_groups : int
        Must divide C.
    weight, bias : array_like of float, C elements, optional
        Scale and shift of each channel.
    eps : float
        Added to the variance.
    out : ndarray, optional
        Where to write; may be `input` itself.
    where : array_like of bool, optional
        Elements that count, broadcast against `input`; the others come out as 0, whatever they hold.
    activation : str or tuple, optional
        Of the rounded result, in float32 (float64 for float64 input), and rounded: "relu", "silu", "gelu",
        "gelu_tanh", "leaky_relu" (slope 0.01; or `("leaky_relu", slope)`), "relu6", "hardswish", "sigmoid",
        "tanh".
    eps_mode : {"inside", "outside", "max"}
        How eps enters what is divided by: sqrt(v + eps), sqrt(v) + eps or max(sqrt(v), eps), v the variance.

    Returns
    -------
    ndarray
        Dtype, shape and memory order of `input`.

    Raises
    ------
    TypeError
        A dtype that is not float, `num_groups` not an int, a mask that is not boolean.
    ValueError
        Fewer than 2 dimensions, groups that do not divide C, wrong sizes, a single value per group,
        no such activation or `eps_mode`.

    See Also
    --------
    instance_norm : Each channel by itself.
    layer_norm : All channels together.
    cnorm.nn.GroupNorm : The layer.

    References
    ----------
    .. [1] Wu & He, "Group Normalization", 2018, arXiv:1803.08494.

    Examples
    --------
    >>> import numpy as np, cnorm.functional as F
    >>> x = np.arange(8.0).reshape(1, 4, 2)
    >>> F.group_norm(x, 2).round(3)
    array([[[-1.342, -0.447],
            [ 0.447,  1.342],
            [-1.342, -0.447],
            [ 0.447,  1.342]]])
    """
    data, where, result = unmasked(input, where)
    x = as_input(data)
    groups = check_groups(x, num_groups)
    w, b = channel_affine(x, weight, bias, out, vector=True)
    # torch counts the values of a group times the batch.
    check_more_than_one(x, x.size // groups if x.size else 0)
    eps = as_number(eps, "eps")
    mask, curve = as_mask(where, x, out), as_activation(activation)
    mode = as_eps_mode(eps_mode)
    target = Output(x, out)
    if x.size:
        shape = grouped_shape(x, groups)
        affine = (1, *shape[1:3], *(1,) * (x.ndim - 2))
        norms.normalize(
            target.x.reshape(shape),
            target.y.reshape(shape),
            tuple(range(2, len(shape))),
            None if w is None else w.reshape(affine),
            None if b is None else b.reshape(affine),
            eps,
            "var",
            mask=None if mask is None else mask.reshape(mask_shape(mask, groups)),
            activation=curve,
            eps_mode=mode,
        )
    return result(target.done())


def mask_shape(mask: Array, groups: int) -> tuple[int, ...]:
    """A mask against (N, C, ...) -> against (N, G, C/G, ...)."""
    return grouped_shape(mask, groups) if mask.shape[1] > 1 else (mask.shape[0], 1, *mask.shape[1:])
