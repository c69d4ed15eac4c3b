"""layer_norm and rms_norm: statistics over the last dimensions, or those of `axis`."""

from __future__ import annotations

from typing import Any, overload

from cnorm._accept.arrays import Array
from cnorm._accept.hints import Activation, ArrayLike, Axes, Given, Out, Sizes
from cnorm._accept.options import Options
from cnorm._norms.careful_rows import normalized


@overload
def layer_norm(
    input: ArrayLike, normalized_shape: Sizes, weight: Given = ..., bias: Given = ..., eps: float = ..., *,
    out: Out = ..., axis: Axes = ..., weight_offset: float = ..., where: Given = ..., residual: None = ...,
    residual_out: None = ..., activation: Activation = ..., eps_mode: str = ...,
) -> Array: ...  # fmt: skip
@overload
def layer_norm(
    input: ArrayLike, normalized_shape: Sizes, weight: Given = ..., bias: Given = ..., eps: float = ..., *,
    out: Out = ..., axis: Axes = ..., weight_offset: float = ..., where: Given = ..., residual: ArrayLike,
    residual_out: Out = ..., activation: Activation = ..., eps_mode: str = ...,
) -> tuple[Array, Array]: ...  # fmt: skip
def layer_norm(
    input: ArrayLike,
    normalized_shape: Sizes,
    weight: Given = None,
    bias: Given = None,
    eps: float = 1e-5,
    *,
    out: Out = None,
    axis: Axes = None,
    weight_offset: float = 0.0,
    where: Given = None,
    residual: Given = None,
    residual_out: Out = None,
    activation: Activation = None,
    eps_mode: str = "inside",
) -> Any:
    r"""Layer normalization over the last dimensions [1]_.

    .. math:: y = \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} \, w + b

    Parameters
    ----------
    input : array_like of float, shape ``(..., *normalized_shape)``
        Any layout.
    normalized_shape : tuple of int
        Sizes of the trailing dimensions each mean and (biased) variance is taken over; of the axes in
        `axis`, if that is given.
    weight, bias : array_like of float, shape normalized_shape, optional
        Scale and shift of each element.
    eps : float
        Added to the variance.
    out : ndarray, optional
        Where to write; may be `input` itself.
    axis : int or tuple of int, optional
        The axes to normalize over, in the order of `normalized_shape` and of the dimensions of `weight`
        and `bias`. No copy is made. None: the trailing ones.
    weight_offset : float
        Added to `weight` in float32, or float64 for float64 input: 1.0 for the `1 + weight` of Gemma.
    where : array_like of bool, optional
        Elements that count, broadcast against `input`; the others come out as 0, whatever they hold.
    residual : array_like of float, optional
        Shape and dtype of `input`. ``h = input + residual`` is normalized instead, and returned, too.
    residual_out : ndarray, optional
        Where to write h; may be `input` or `residual` itself, not `out`.
    activation : str or tuple, optional
        Of the rounded result, in float32 (float64 for float64 input), and rounded: "relu", "silu", "gelu",
        "gelu_tanh", "leaky_relu" (slope 0.01; or `("leaky_relu", slope)`), "relu6", "hardswish", "sigmoid",
        "tanh".
    eps_mode : {"inside", "outside", "max"}
        How eps enters what is divided by: sqrt(v + eps), sqrt(v) + eps or max(sqrt(v), eps), v the variance.

    Returns
    -------
    ndarray
        Dtype, shape and memory order of `input`. With `residual` the tuple ``(y, h)`` of two of them.

    Raises
    ------
    TypeError
        `input` or a parameter is not float, `where` not boolean; `normalized_shape` is not a tuple of ints;
        `residual` has another dtype than `input`.
    ValueError
        Shapes do not agree, `out` does not fit, or there is no such activation or `eps_mode`.

    See Also
    --------
    rms_norm : Without the mean.
    layer_norm_int8 : To signed bytes.
    cnorm.standardize : Over any axes.
    cnorm.nn.LayerNorm : The layer.

    References
    ----------
    .. [1] Ba, Kiros & Hinton, "Layer Normalization", 2016, arXiv:1607.06450.

    Examples
    --------
    >>> import numpy as np, cnorm.functional as F
    >>> F.layer_norm(np.array([[1.0, 2.0, 3.0], [4.0, 4.0, 7.0]]), (3,)).round(3)
    array([[-1.225,  0.   ,  1.225],
           [-0.707, -0.707,  1.414]])
    >>> F.layer_norm(np.array([[1.0, 2.0], [3.0, 6.0]]), (2,), axis=0).round(3)
    array([[-1., -1.],
           [ 1.,  1.]])
    >>> y, h = F.layer_norm(np.array([[1.0, 2.0]]), (2,), residual=np.array([[0.0, 1.0]]), activation="relu")
    >>> y.round(3), h
    (array([[0., 1.]]), array([[1., 3.]]))
    """
    how = Options(
        axis=axis,
        weight_offset=weight_offset,
        where=where,
        residual=residual,
        residual_out=residual_out,
        activation=activation,
        eps_mode=eps_mode,
        out=out,
    )
    return normalized(input, normalized_shape, weight, bias, eps, how, "var")


@overload
def rms_norm(
    input: ArrayLike, normalized_shape: Sizes, weight: Given = ..., eps: float | None = ..., *,
    out: Out = ..., axis: Axes = ..., weight_offset: float = ..., residual: None = ...,
    residual_out: None = ..., activation: Activation = ..., eps_mode: str = ..., gate: Given = ...,
    gate_activation: Activation = ..., norm_before_gate: bool = ..., group_size: int | None = ...,
) -> Array: ...  # fmt: skip
@overload
def rms_norm(
    input: ArrayLike, normalized_shape: Sizes, weight: Given = ..., eps: float | None = ..., *,
    out: Out = ..., axis: Axes = ..., weight_offset: float = ..., residual: ArrayLike,
    residual_out: Out = ..., activation: Activation = ..., eps_mode: str = ..., gate: Given = ...,
    gate_activation: Activation = ..., norm_before_gate: bool = ..., group_size: int | None = ...,
) -> tuple[Array, Array]: ...  # fmt: skip
def rms_norm(
    input: ArrayLike,
    normalized_shape: Sizes,
    weight: Given = None,
    eps: float | None = None,
    *,
    out: Out = None,
    axis: Axes = None,
    weight_offset: float = 0.0,
    residual: Given = None,
    residual_out: Out = None,
    activation: Activation = None,
    eps_mode: str = "inside",
    gate: Given = None,
    gate_activation: Activation = "silu",
    norm_before_gate: bool = True,
    group_size: int | None = None,
) -> Any:
    r"""Root-mean-square normalization over the last dimensions [1]_.

    .. math:: y = \frac{x}{\sqrt{\frac{1}{n} \sum x^2 + \epsilon}} \, w

    Parameters
    ----------
    input : array_like of float, shape ``(..., *normalized_shape)``
        Any layout.
    normalized_shape : tuple of int
        Sizes of the trailing dimensions; of the axes in `axis`, if that is given.
    weight : array_like of float, shape normalized_shape, optional
        Scale of each element.
    eps : float, optional
        Added to the mean square; None takes the machine epsilon torch takes: that of float64 for
        float64 input, else of float32.
    axis : int or tuple of int, optional
        The axes to normalize over, in the order of `normalized_shape` and of the dimensions of `weight`. No
        copy is made. None: the trailing ones.
    weight_offset : float
        Added to `weight` in float32, or float64 for float64 input: 1.0 for the `1 + weight` of Gemma.
    out : ndarray, optional
        Where to write; may be `input` itself.
    residual : array_like of float, optional
        Shape and dtype of `input`. ``h = input + residual`` is normalized instead, and returned, too.
    residual_out : ndarray, optional
        Where to write h; may be `input` or `residual` itself, not `out`.
    activation : str or tuple, optional
        Of the rounded result, in float32 (float64 for float64 input), and rounded: "relu", "silu", "gelu",
        "gelu_tanh", "leaky_relu" (slope 0.01; or `("leaky_relu", slope)`), "relu6", "hardswish", "sigmoid",
        "tanh".
    eps_mode : {"inside", "outside", "max"}
        How eps enters what is divided by: sqrt(v + eps), sqrt(v) + eps or max(sqrt(v), eps), v the mean
        square.
    gate : array_like of float, optional
        Shape and dtype of `input`: y is multiplied by its activation, as in Mamba-2 and Qwen3-Next.
    gate_activation : str, tuple or None
        That of the gate, one of the names above; None: the gate itself.
    norm_before_gate : bool
        With False what is normalized is the product, `input` times the activation of `gate`.
    group_size : int, optional
        Statistics over so many neighbouring elements of the one axis that is normalized; a divisor of its
        size.

    Returns
    -------
    ndarray
        Dtype, shape and memory order of `input`. With `residual` the tuple ``(y, h)`` of two of them.

    Raises
    ------
    TypeError
        `input` or `weight` is not float; `normalized_shape` is not a tuple of ints; `residual` or `gate` has
        another dtype than `input`.
    ValueError
        Shapes do not agree, `out` does not fit, or there is no such activation or `eps_mode`.

    See Also
    --------
    layer_norm : With the mean.
    rms_norm_int8 : To signed bytes.
    normalize : By the norm itself.
    cnorm.nn.RMSNorm : The layer.

    References
    ----------
    .. [1] Zhang & Sennrich, "Root Mean Square Layer Normalization", 2019, arXiv:1910.07467.

    Examples
    --------
    >>> import numpy as np, cnorm.functional as F
    >>> F.rms_norm(np.array([[3.0, 4.0]]), (2,)).round(4)
    array([[0.8485, 1.1314]])
    >>> F.rms_norm(np.array([[3.0, 4.0]]), (2,), np.zeros(2), weight_offset=1.0).round(4)
    array([[0.8485, 1.1314]])
    >>> y, h = F.rms_norm(np.array([[2.0, 3.0]]), (2,), residual=np.ones((1, 2)))
    >>> y.round(4), h
    (array([[0.8485, 1.1314]]), array([[3., 4.]]))
    >>> F.rms_norm(np.array([[3.0, 4.0]]), (2,), gate=np.array([[0.0, 1.0]]), gate_activation="relu").round(4)
    array([[0.    , 1.1314]])
    """
    how = Options(
        axis=axis,
        weight_offset=weight_offset,
        residual=residual,
        residual_out=residual_out,
        activation=activation,
        eps_mode=eps_mode,
        out=out,
        gate=gate,
        gate_activation=gate_activation,
        norm_before_gate=norm_before_gate,
        group_size=group_size,
    )
    return normalized(input, normalized_shape, weight, None, eps, how, "rms")
