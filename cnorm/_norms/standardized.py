"""weight_standardize: the weights of each output of a layer with mean 0 and variance 1."""

from __future__ import annotations

from cnorm._accept.arrays import Array, Output, as_input, as_parameter
from cnorm._accept.axes import as_eps, check_channels, check_rank
from cnorm._accept.hints import ArrayLike, Given, Out
from cnorm._accept.masks import as_mask, unmasked
from cnorm._native import norms


def weight_standardize(w: ArrayLike, gain: Given = None, eps: float = 1e-6, *, out: Out = None) -> Array:
    r"""Weight standardization: the weights of each output with mean 0 and variance 1 [1]_.

    .. math:: \hat w = \frac{w - \mathrm{E}[w]}{\sqrt{\mathrm{Var}[w] + \epsilon}} \, g

    Parameters
    ----------
    w : array_like of float, shape (O, ...)
        Weight of a convolution or a linear layer; mean and (biased) variance are over all axes but the first.
    gain : array_like of float, O elements, optional
        `g`: what each output is multiplied by, a scale of the fan-in included (normalizer-free networks).
    eps : float
        Added to the variance.
    out : ndarray, optional
        Where to write; may be `w` itself.

    Returns
    -------
    ndarray
        Dtype, shape and memory order of `w`.

    Raises
    ------
    TypeError
        A dtype that is not float.
    ValueError
        Fewer than 2 dimensions, a wrong number of gains, an `eps` below 0 or NaN, an `out` that does not fit.

    See Also
    --------
    weight_norm : Magnitude and direction.
    cnorm.standardize : Over any axes.

    References
    ----------
    .. [1] Qiao et al., "Micro-Batch Training with Batch-Channel Normalization and Weight Standardization",
       2019, arXiv:1903.10520.

    Examples
    --------
    >>> import numpy as np, cnorm.functional as F
    >>> F.weight_standardize(np.array([[1.0, 3.0], [5.0, 1.0]]), np.array([1.0, 2.0]), eps=0.0)
    array([[-1.,  1.],
           [ 2., -2.]])
    """
    data, where, result = unmasked(w)
    x = as_input(data, "w")
    check_rank(x, 2, "w")
    g = as_parameter(gain, "gain", x, out)
    check_channels(g, "gain", len(x))
    eps = as_eps(eps)
    mask = as_mask(where, x, out)
    g = None if g is None else g.reshape(-1, *(1,) * (x.ndim - 1))
    target = Output(x, out)
    norms.normalize(target.x, target.y, tuple(range(1, x.ndim)), g, None, eps, "var", mask=mask)
    return result(target.done())
