"""BatchNorm1d/2d/3d, SyncBatchNorm for one process, FrozenBatchNorm2d."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from cnorm import functional as F
from cnorm._accept.arrays import Array, rounded, to_ndarray
from cnorm._accept.hints import ArrayLike, Dtype, Out
from cnorm._accept.masks import unmasked
from cnorm._norms.fold import affine_form
from cnorm.nn._module import Module, Norm, check_rank, check_writeable, new_array, parameter_dtype
from cnorm.nn._norm_base import NormBase

_DOC = r"""Batch normalization of {shapes} input [1]_.

    .. math:: y = \frac{{x - \mu_c}}{{\sqrt{{\sigma_c^2 + \epsilon}}}} \, w_c + b_c

    In training mode the statistics are those of the batch (biased variance), and the running ones are
    updated (unbiased variance); in evaluation mode the running ones are used.

    Parameters
    ----------
    num_features : int
        Channels, C.
    eps : float
        Added to the variance.
    momentum : float or None
        Share of a batch in the running statistics; None for the cumulative average.
    affine : bool
        Learnable weight (and bias).
    track_running_stats : bool
        Keep running statistics; without them batch statistics serve in evaluation, too.
    device : None or "cpu"
        Accepted for torch's sake.
    dtype : dtype, optional
        Of the parameters and running statistics; float32 if None.
    bias : bool
        With False there is a weight only.

    Raises
    ------
    ValueError
        On a call: a wrong rank or number of channels, one value per channel in training.

    See Also
    --------
    cnorm.functional.batch_norm : The function.
    recalibrate : Running statistics of other data.
    FrozenBatchNorm2d : Statistics that stay.

    References
    ----------
    .. [1] Ioffe & Szegedy, "Batch Normalization", 2015, arXiv:1502.03167.

    Examples
    --------
    >>> import numpy as np, cnorm.nn as nn
    >>> layer = nn.{name}(3)
    >>> x = np.random.default_rng(0).normal(size={size}).astype(np.float32)
    >>> y = layer(x)
    >>> y.shape, int(layer.num_batches_tracked)
    ({size}, 1)
    """


_TO_AFFINE = """Evaluation mode as one multiplication and addition: (scale, shift), one of each per channel.

        Parameters
        ----------
        dtype : dtype
            Of the result, which is computed in float64 and rounded once.

        Returns
        -------
        scale, shift : ndarray, shape (num_features,)
            ``weight / sqrt(running_var + eps)`` and ``bias - running_mean * scale``.

        Raises
        ------
        TypeError
            `dtype` is not float.
        ValueError
            The layer has no running statistics.

        Examples
        --------
        >>> import cnorm.nn as nn
        >>> scale, shift = nn.{name}(2, eps=0.0).to_affine()
        >>> scale, shift
        (array([1., 1.]), array([0., 0.]))
        """


def _to_affine(layer: Any, dtype: Any) -> tuple[Array, Array]:
    """Scale and shift of a layer with running statistics."""
    wanted = parameter_dtype(None, dtype)
    mean, var = layer.running_mean, layer.running_var
    if not isinstance(mean, np.ndarray) or not isinstance(var, np.ndarray):
        raise ValueError("running_mean: expected running statistics, but the layer tracks none")
    scale, shift = affine_form(mean, var, layer.weight, layer.bias, layer.eps)
    return rounded(scale, wanted), rounded(shift, wanted)


class _BatchNorm(NormBase):
    _ranks: tuple[int, ...] = ()
    _norm = staticmethod(F.batch_norm)

    def _check_input(self, input: Any) -> None:
        check_rank(input, self._ranks)

    def forward(self, input: ArrayLike, out: Out = None, **fused: Any) -> Array:
        self._check_input(input)
        count = self.num_batches_tracked if self.training and self.track_running_stats else None
        momentum = 0.0 if self.momentum is None else self.momentum
        if count is not None:
            check_writeable({"num_batches_tracked": count})
            if self.momentum is None:
                momentum = 1 / (int(count) + 1)
        mean, var = self.running_mean, self.running_var
        training = self.training or (mean is None and var is None)
        if self.training and not self.track_running_stats:
            mean = var = None
        norm: Norm = partial(self._norm, **fused) if fused else self._norm
        y = norm(input, mean, var, self.weight, self.bias, training, momentum, self.eps, out=out)
        where = fused.get("where")
        if count is not None and (
            where is None or np.any(to_ndarray(where, "where"))
        ):  # else nothing has moved
            count += 1
        return y

    def to_affine(self, dtype: Dtype = np.float64) -> tuple[Array, Array]:
        return _to_affine(self, dtype)

    to_affine.__doc__ = _TO_AFFINE.format(name="BatchNorm1d")


class BatchNorm1d(_BatchNorm):
    __doc__ = _DOC.format(shapes="(N, C) or (N, C, L)", name="BatchNorm1d", size=(4, 3))
    _ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    __doc__ = _DOC.format(shapes="(N, C, H, W)", name="BatchNorm2d", size=(2, 3, 4, 4))
    _ranks = (4,)


class BatchNorm3d(_BatchNorm):
    __doc__ = _DOC.format(shapes="(N, C, D, H, W)", name="BatchNorm3d", size=(2, 3, 4, 4, 2))
    _ranks = (5,)


class SyncBatchNorm(_BatchNorm):
    __doc__ = _DOC.format(shapes="(N, C, ...)", name="SyncBatchNorm", size=(4, 3))

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: Dtype = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input(self, input: Any) -> None:
        shape = to_ndarray(unmasked(input)[0], "input").shape
        if len(shape) < 2:
            raise ValueError(f"input: expected at least 2D input, got {len(shape)}D input")
        if shape[1] == 0:
            raise ValueError(f"input: expected at least one channel, got shape {shape}")


class FrozenBatchNorm2d(Module):
    r"""Batch normalization with statistics and parameters that never change (torchvision's).

    .. math:: y = \frac{x - \mu_c}{\sqrt{\sigma_c^2 + \epsilon}} \, w_c + b_c

    Parameters
    ----------
    num_features : int
        Channels, C.
    eps : float
        Added to the variance.

    Raises
    ------
    ValueError
        On a call: input that is not (N, C, H, W) with C = num_features.

    See Also
    --------
    BatchNorm2d : Statistics that are updated.
    cnorm.functional.fold_batch_norm : Into the convolution before.

    Notes
    -----
    A `num_batches_tracked` in a `state_dict` is passed over: those of BatchNorm2d load.

    Examples
    --------
    >>> import numpy as np, cnorm.nn as nn
    >>> nn.FrozenBatchNorm2d(3)(np.ones((1, 3, 2, 2), np.float32)).shape
    (1, 3, 2, 2)
    """

    weight: Array
    bias: Array
    running_mean: Array
    running_var: Array

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        for name, value in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1)):
            self.register_buffer(name, new_array(num_features, np.dtype(np.float32), "num_features"))
            getattr(self, name)[...] = value

    def _optional_keys(self, version: int | None) -> set[str]:
        return {"num_batches_tracked"}

    def forward(self, input: ArrayLike, out: Out = None, **fused: Any) -> Array:
        check_rank(input, (4,))
        mean, var = self.running_mean, self.running_var
        norm: Norm = partial(F.batch_norm, **fused) if fused else F.batch_norm
        return norm(input, mean, var, self.weight, self.bias, eps=self.eps, out=out)

    def to_affine(self, dtype: Dtype = np.float64) -> tuple[Array, Array]:
        return _to_affine(self, dtype)

    to_affine.__doc__ = _TO_AFFINE.format(name="FrozenBatchNorm2d")

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]}, eps={self.eps}"
