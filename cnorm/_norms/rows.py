"""layer_norm and rms_norm: statistics over the last dimensions, or those of `axis`."""

from __future__ import annotations

from functools import partial
from typing import Any, overload

import numpy as np

from cnorm._accept.arrays import Array, Output, as_input, as_parameter, check_out
from cnorm._accept.axes import against_axes, as_number, check_affine, normalized_axes
from cnorm._accept.hints import Activation, ArrayLike, Axes, Given, Out, Sizes
from cnorm._accept.masks import as_mask, unmasked
from cnorm._accept.options import Curve, Options, Sum, as_activation, as_eps_mode, as_sum
from cnorm._native import core
from cnorm._norms.gated import as_gate, as_group_size, by_blocks


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
    return _normalized(input, normalized_shape, weight, bias, eps, how, "var")


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
    return _normalized(input, normalized_shape, weight, None, eps, how, "rms")


def _normalized(
    input: Any,
    normalized_shape: Any,
    weight: Any,
    bias: Any,
    eps: float | None,
    how: Options,
    kind: str,
) -> Any:
    """Parameters have exactly the shape of the axes."""
    call, out = Rows(input, normalized_shape, weight, bias, eps, how, kind), how.out
    x, curve, mode = call.x, as_activation(how.activation), as_eps_mode(how.eps_mode)
    if out is not None:
        check_out(x.shape, x.dtype, out)
    gate = as_gate(how.gate, how.gate_activation, how.norm_before_gate, x, out)
    total = as_sum(x, how.residual, how.residual_out, out)
    parts = None
    if total is not None:
        call.keep_apart(total)
        gate = None if gate is None else gate.apart_from(total.h)
        total.add(now=gate is not None)
        if total.parts is not None:
            parts = call.split(total.parts[0]), call.split(total.parts[1])
    target = Output(x if total is None else total.h, out)
    norm = partial(_norm, call, kind, curve, mode, parts)
    if gate is None:
        norm(call.split(target.x), call.split(target.y))
    else:
        by_blocks(norm, call.split(target.x), call.split(target.y), gate, call.row_axes)
        if call.mask is not None:
            np.copyto(call.split(target.y), 0, where=~call.mask, casting="unsafe")
    y = call.result(target.done())
    return y if total is None else (y, call.result(total.h))


def _norm(call: Rows, kind: str, curve: Curve, mode: int, parts: Any, x: Array, y: Array) -> None:
    """Of all of x, or of rows."""
    (w, b), axes, more = call.affine, call.axes, call.ndim - x.ndim
    if more:
        axes, w, b = tuple(a - more for a in axes), _last(w, x), _last(b, x)
    core.normalize(x, y, axes, w, b, call.eps, kind, False, call.mask, curve, parts, eps_mode=mode)


def _last(p: Array | None, x: Array) -> Array | None:
    """A parameter against the last dimensions, those of x."""
    return None if p is None else p.reshape(p.shape[p.ndim - x.ndim :])


class Rows:
    """The checked arguments of `_normalized`; what masks a result.

    Axes, parameters and mask are those of `split(x)`: a group size makes the axis two, groups first.
    """

    __slots__ = ("affine", "axes", "eps", "grouped", "mask", "ndim", "result", "split", "x")

    def __init__(
        self,
        input: Any,
        normalized_shape: Any,
        weight: Any,
        bias: Any,
        eps: float | None,
        how: Options,
        kind: str,
    ) -> None:
        data, where, self.result = unmasked(input, how.where)
        out = how.out
        self.x = x = as_input(data)
        self.axes, shape = normalized_axes(x, normalized_shape, how.axis)
        w, b = as_parameter(weight, "weight", x, out), as_parameter(bias, "bias", x, out)
        check_affine(w, "weight", shape)
        check_affine(b, "bias", shape)
        w = _with_offset(w, as_number(how.weight_offset, "weight_offset"))
        if eps is None and kind == "rms":
            eps = float(np.finfo(np.float64 if x.dtype.itemsize == 8 else np.float32).eps)
        self.eps = as_number(eps, "eps")
        self.mask = as_mask(where, x, out)
        self.affine = against_axes(w, self.axes, x.ndim), against_axes(b, self.axes, x.ndim)
        self.split, self.ndim = _itself, x.ndim
        size = as_group_size(how.group_size, shape)
        self.grouped = size is not None
        if size is not None:
            self._make_groups(size)

    @property
    def row_axes(self) -> int:
        """How many of the last dimensions are rows; 0: not these are normalized over, or not all of them."""
        n = len(self.axes)
        trailing = sorted(self.axes) == list(range(self.ndim - n, self.ndim)) and self.mask is None
        return n + self.grouped if trailing else 0

    def keep_apart(self, total: Sum) -> None:
        """Parameters and mask from the memory of a sum."""
        w, b = self.affine
        self.affine, self.mask = (total.spare(w), total.spare(b)), total.spare(self.mask)

    def _make_groups(self, size: int) -> None:
        (axis,) = self.axes

        def split(a: Array) -> Array:
            groups = (-1, size) if a.size else (a.shape[axis] // size, size)
            sizes = groups if a.shape[axis] > 1 or size == 1 else (1, 1)
            return a.reshape(*a.shape[:axis], *sizes, *a.shape[axis + 1 :])

        w, b = self.affine
        self.affine = None if w is None else split(w), None if b is None else split(b)
        self.mask = None if self.mask is None else split(self.mask)
        self.split, self.axes, self.ndim = split, (axis + 1,), self.ndim + 1


def _itself(a: Array) -> Array:
    return a


def _with_offset(weight: Array | None, offset: float) -> Array | None:
    """The weight with its offset, added in the compute dtype."""
    if offset == 0:
        return weight
    if weight is None:
        raise ValueError("weight_offset: expected a weight to add it to, got None")
    with np.errstate(all="ignore"):
        return np.add(weight, offset, dtype=weight.dtype)
