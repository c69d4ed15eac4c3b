"""torch's normalization layers: as layers of cnorm, and computed by cnorm inside of a torch model."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from cnorm.interop._accelerated import Accelerated, accelerated
from cnorm.interop._models import HELD, offset_of, rms_layer
from cnorm.interop._operators import define
from cnorm.interop._torch_layers import STATE, check_model, layer_of, original_of, torch
from cnorm.interop._torch_threads import share_threads
from cnorm.nn._module import Module

__all__ = ["accelerate", "from_torch", "ops", "restore"]

Model = TypeVar("Model")


def from_torch(module: Any) -> Module:
    """The `cnorm.nn` layer that computes what a torch layer does.

    Parameters
    ----------
    module : torch.nn.Module
        A BatchNorm, InstanceNorm (lazy ones, too), LayerNorm, RMSNorm, GroupNorm, LocalResponseNorm,
        CrossMapLRN2d or SyncBatchNorm of torch, torchvision's FrozenBatchNorm2d, or a subclass with the same
        `forward`; a model's own RMSNorm; accelerated or not.

    Returns
    -------
    cnorm.nn.Module
        In the module's mode, with copies of its parameters and running statistics, in their dtypes: what is
        done to one of the two is not seen by the other.

    Raises
    ------
    TypeError
        Any other module; a dtype NumPy cannot have.

    See Also
    --------
    accelerate : In place, in a torch model.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from cnorm.interop.torch import from_torch
    >>> layer = from_torch(torch.nn.LayerNorm(3, eps=0.5).eval())
    >>> layer
    LayerNorm((3,), eps=0.5, elementwise_affine=True, bias=True)
    >>> layer(np.array([[1.0, 2.0, 3.0]])).round(3)
    array([[-0.926,  0.   ,  0.926]])
    """
    original = original_of(module)
    offset = offset_of(module) if original is None and isinstance(module, torch.nn.Module) else None
    if original is not None:
        layer = layer_of(module, original)
    elif offset is not None:
        layer = rms_layer(module, offset)
    else:
        raise TypeError(f"module: expected a normalization layer of torch, got {type(module).__name__}")
    for name in STATE:
        value = getattr(layer, name, None)
        if isinstance(value, np.ndarray):
            setattr(layer, name, value.copy())
    return layer


def accelerate(model: Model) -> Model:
    """Lets cnorm compute the normalization layers of a torch model, in place.

    Layers of exactly torch's classes change their class to a subclass that is equal to it: parameters,
    buffers, keys of the state_dict, hooks, `isinstance` and tables by class stay as they are. So do a
    model's own RMSNorm classes (LlamaRMSNorm, T5LayerNorm, GemmaRMSNorm ...): modules with norm in the name,
    one vector `weight`, a float `variance_epsilon`, `eps` or `epsilon`, and only constants beside, whose
    `forward`, run on rows of many kinds, gives what RMSNorm does.

    In evaluation mode, on CPU tensors of float32, float64, float16 or bfloat16, cnorm reads the tensors'
    memory and nothing is copied. Everything else is torch's as before: training mode, gradients, other
    devices and dtypes, sparse tensors, autocast, and models that are compiled, exported, traced or scripted.
    Attributes and parameters may change between calls.

    Parameters
    ----------
    model : torch.nn.Module
        Of any kind; a single layer, too.

    Returns
    -------
    torch.nn.Module
        `model`.

    Raises
    ------
    TypeError
        `model` is no torch.nn.Module.

    See Also
    --------
    restore : Undoes it.

    Examples
    --------
    >>> import torch
    >>> from cnorm.interop.torch import accelerate
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.LayerNorm(3)).eval()
    >>> accelerate(model)[1]
    CnormLayerNorm((3,), eps=1e-05, elementwise_affine=True, bias=True)
    >>> with torch.inference_mode():
    ...     model(torch.ones(2, 4)).shape
    torch.Size([2, 3])
    """
    check_model(model)
    share_threads()
    for module in model.modules():  # type: ignore[attr-defined]
        faster = accelerated(module)
        if faster is not None:
            module.__class__ = faster
    return model


def restore(model: Model) -> Model:
    """Gives a model its own normalization layers back, in place.

    Parameters
    ----------
    model : torch.nn.Module
        Accelerated, or not.

    Returns
    -------
    torch.nn.Module
        `model`.

    Raises
    ------
    TypeError
        `model` is no torch.nn.Module.

    See Also
    --------
    accelerate : What is undone.

    Examples
    --------
    >>> import torch
    >>> from cnorm.interop.torch import accelerate, restore
    >>> restore(accelerate(torch.nn.GroupNorm(1, 2)))
    GroupNorm(1, 2, eps=1e-05, affine=True, bias=True)
    """
    check_model(model)
    for module in model.modules():  # type: ignore[attr-defined]
        if isinstance(module, Accelerated):
            module.__dict__.pop(HELD, None)
            module.__class__ = module._original
    return model


def ops() -> Any:
    r"""Norms as operators of torch, for models that are compiled, exported or trained.

    .. code-block:: text

        cnorm::layer_norm(Tensor input, SymInt[] normalized_shape,
                          Tensor? weight=None, Tensor? bias=None, float eps=1e-05) -> Tensor
        cnorm::rms_norm(Tensor input, SymInt[] normalized_shape,
                        Tensor? weight=None, float? eps=None) -> Tensor
        cnorm::group_norm(Tensor input, int num_groups,
                          Tensor? weight=None, Tensor? bias=None, float eps=1e-05) -> Tensor
        cnorm::instance_norm(Tensor input, Tensor? weight=None, Tensor? bias=None, float eps=1e-05) -> Tensor

    They are registered by the first call, for the CPU, with shapes and strides for tracers (those of torch's
    results) and gradients of any order by torch's formulas. From then on `torch.compile` and `torch.export`
    see them in the place of the LayerNorm, RMSNorm, GroupNorm and InstanceNorm layers of accelerated models;
    before, torch's own.

    Returns
    -------
    namespace
        `torch.ops.cnorm`; each function of it takes tensors and gives a tensor in the dtype of `input`.

    Raises
    ------
    TypeError
        On a call: a dtype that is not float.
    ValueError
        On a call: what `cnorm.functional`'s function of the name refuses.

    See Also
    --------
    accelerate : Puts cnorm's layers into a model.
    cnorm.functional.layer_norm : The function behind the operator, which takes tensors, too.

    Examples
    --------
    >>> import torch
    >>> from cnorm.interop.torch import ops
    >>> x = torch.tensor([[1.0, 2.0, 4.0]], requires_grad=True)
    >>> y = ops().rms_norm(x, [3])
    >>> y.detach()
    tensor([[0.3780, 0.7559, 1.5119]])
    >>> y.sum().backward()
    >>> x.grad
    tensor([[ 0.2520,  0.1260, -0.1260]])
    """
    return define()
