"""Types of the compiled short way in."""

from typing import Any, overload

from cnorm._accept.arrays import Array

@overload
def layer_norm(
    input: Any,
    normalized_shape: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    *,
    out: Any = None,
    axis: Any = None,
    weight_offset: Any = 0.0,
    where: Any = None,
    residual: None = None,
    residual_out: None = None,
    activation: Any = None,
) -> Array: ...
@overload
def layer_norm(
    input: Any,
    normalized_shape: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    *,
    out: Any = None,
    axis: Any = None,
    weight_offset: Any = 0.0,
    where: Any = None,
    residual: Any,
    residual_out: Any = None,
    activation: Any = None,
) -> tuple[Array, Array]: ...
@overload
def rms_norm(
    input: Any,
    normalized_shape: Any,
    weight: Any = None,
    eps: float | None = None,
    *,
    out: Any = None,
    axis: Any = None,
    weight_offset: Any = 0.0,
    residual: None = None,
    residual_out: None = None,
    activation: Any = None,
) -> Array: ...
@overload
def rms_norm(
    input: Any,
    normalized_shape: Any,
    weight: Any = None,
    eps: float | None = None,
    *,
    out: Any = None,
    axis: Any = None,
    weight_offset: Any = 0.0,
    residual: Any,
    residual_out: Any = None,
    activation: Any = None,
) -> tuple[Array, Array]: ...
def group_norm(
    input: Any,
    num_groups: int,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    *,
    out: Any = None,
    where: Any = None,
    activation: Any = None,
) -> Array: ...
def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *,
    out: Any = None,
    where: Any = None,
    activation: Any = None,
) -> Array: ...
def instance_norm(
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *,
    out: Any = None,
    where: Any = None,
    activation: Any = None,
) -> Array: ...
def layer_norm_int8(
    input: Any,
    normalized_shape: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    *,
    granularity: str = "row",
    scale: Any = None,
    out: Any = None,
    axis: Any = None,
    weight_offset: Any = 0.0,
    where: Any = None,
) -> tuple[Array, Array]: ...
def rms_norm_int8(
    input: Any,
    normalized_shape: Any,
    weight: Any = None,
    eps: float | None = None,
    *,
    granularity: str = "row",
    scale: Any = None,
    out: Any = None,
    axis: Any = None,
    weight_offset: Any = 0.0,
) -> tuple[Array, Array]: ...
