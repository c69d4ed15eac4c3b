# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: binding=True, annotation_typing=False, freethreading_compatible=True
"""The short ways of the norms of channels: group_norm, instance_norm, and batch_norm."""

cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact

from cnorm._native.core cimport CN_M, CN_MAXDIM, CN_RUNNING, CN_RUNNING_WIDE, CN_Y, cn_call, cn_partial, run
from cnorm._native.glance cimport apart, in_lanes, is_plain, mask, output
from cnorm._native.kept cimport new_of
from cnorm._native.maps cimport doubles
from cnorm._native.short.taken cimport add_axis_of, intp, open_call, positive, split_axis, take_affine, take_eps, take_parameter

from typing import Any

from cnorm._accept.arrays import Array
from cnorm._native.states import move, values
from cnorm._norms import batch, group
from cnorm._norms.averages import Running

cnp.import_array()

cdef object INSIDE = "inside"


cdef object open_channels(cn_call *call, object input, object weight, object bias, object out, object where, object activation):
    """The array to write for a call on (N, C, ...) of any layout, or None where care is needed."""
    cdef intp channels
    if not open_call(call, input, activation) or not 2 <= cnp.PyArray_NDIM(<cnp.ndarray>input) < CN_MAXDIM:
        return None
    channels = cnp.PyArray_DIM(<cnp.ndarray>input, 1)
    if not take_affine(call, weight, bias, 1, &channels) or not (where is None or mask(where, <cnp.ndarray>input, out)):
        return None
    y = output(input, out)
    if y is None or (out is not None and not (apart(<cnp.ndarray>out, weight) and apart(<cnp.ndarray>out, bias))):
        return None
    call.op[CN_Y].data = <char *>cnp.PyArray_DATA(<cnp.ndarray>y)
    if where is not None:
        call.op[CN_M].data = <char *>cnp.PyArray_DATA(<cnp.ndarray>where)
    return y


cdef void add_channels(cn_call *call, cnp.ndarray x, cnp.ndarray y, object where, intp sample, intp channel, intp members):
    """The axes; how far the statistics of two samples, and of two channels or groups of so many members, are apart."""
    cdef int axis
    add_axis_of(call, x, y, where, 0, sample, 0)
    add_axis_of(call, x, y, where, 1, channel, 1)
    if members:
        split_axis(call, members)
    for axis in range(2, cnp.PyArray_NDIM(x)):
        add_axis_of(call, x, y, where, axis, 0, 0)


cdef object by_group(object input, intp groups, object weight, object bias, object eps, object eps_mode, object out,
                     object where, object activation):
    """Groups of channels of each sample by their own statistics, or None where care is needed."""
    cdef cn_call call
    cdef intp channels
    if groups < 0:
        return None
    w, b = in_lanes(weight, input), in_lanes(bias, input)
    y = open_channels(&call, input, w, b, out, where, activation)
    if y is None or not take_eps(&call, eps, eps_mode):
        return None
    channels = cnp.PyArray_DIM(<cnp.ndarray>input, 1)
    if channels % groups or cnp.PyArray_SIZE(<cnp.ndarray>input) == groups:
        return None
    add_channels(&call, input, y, where, groups, 0, channels // groups)
    run(&call, cnp.PyArray_SIZE(<cnp.ndarray>input))
    return y


cdef object in_doubles(object p, intp channels):
    """A vector of floats, one for each channel, in float64; None where care is needed."""
    if not is_plain(p) or cnp.PyArray_NDIM(<cnp.ndarray>p) != 1 or cnp.PyArray_DIM(<cnp.ndarray>p, 0) != channels:
        return None
    return doubles(<cnp.ndarray>p) if cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>p) else None


cdef object by_running(object input, object mean, object var, object weight, object bias, object eps,
                       object eps_mode, object out, object where, object activation):
    """Each channel by its running statistics, or None where care is needed."""
    cdef cn_call call
    cdef intp channels
    cdef char *center
    cdef char *spread
    if mean is None or var is None or not PyFloat_CheckExact(eps) or PyFloat_AS_DOUBLE(eps) < 0:
        return None
    w, b = in_lanes(weight, input), in_lanes(bias, input)
    y = open_channels(&call, input, w, b, out, where, activation)
    if y is None or not take_eps(&call, eps, eps_mode):
        return None
    channels = cnp.PyArray_DIM(<cnp.ndarray>input, 1)
    call.moments.source = CN_RUNNING
    if not (take_parameter(&call, mean, 1, &channels, &center) and take_parameter(&call, var, 1, &channels, &spread)):
        call.moments.source = CN_RUNNING_WIDE
        mean, var = in_doubles(mean, channels), in_doubles(var, channels)
        if mean is None or var is None:
            return None
        center, spread = <char *>cnp.PyArray_DATA(<cnp.ndarray>mean), <char *>cnp.PyArray_DATA(<cnp.ndarray>var)
    add_channels(&call, input, y, where, 0, 1, 0)
    call.moments.center, call.moments.scale = center, spread
    run(&call, cnp.PyArray_SIZE(<cnp.ndarray>input))
    return y


cdef bint takes_average(object p, object out, intp channels) noexcept:
    """Is it a vector of floats to be written to, one for each channel, apart from `out`?"""
    if not is_plain(p) or not cnp.PyArray_ISCARRAY(<cnp.ndarray>p):
        return False
    return (cnp.PyArray_NDIM(<cnp.ndarray>p) == 1 and cnp.PyArray_DIM(<cnp.ndarray>p, 0) == channels
            and (out is None or apart(<cnp.ndarray>out, p)))


cdef bint take_averages(object mean, object var, object out, intp channels) noexcept:
    """Are both None, or apart from each other and to be written to?"""
    if mean is None or var is None:
        return mean is var
    return takes_average(mean, out, channels) and takes_average(var, out, channels) and apart(<cnp.ndarray>mean, var)


cdef bint all_several(cnp.ndarray state) noexcept:
    """Has each group of these states more than one element?"""
    cdef const cn_partial *of = <const cn_partial *>cnp.PyArray_DATA(state)
    cdef intp i
    for i in range(cnp.PyArray_SIZE(state) // 5):
        if not of[i].count > 1:
            return False
    return True


cdef object move_averages(cnp.ndarray state, bint each, bint masked, object mean, object var, object momentum):
    """Moves running statistics by states of the batch, or of each sample; a mask may leave nothing of them."""
    if masked and (each or not all_several(state)):
        to = batch.means_of_shown(state) if each else values(state, 1, True)
        least = state[..., 0].max(axis=0) if each else state[..., 0]
        Running(mean, var, None).move(*to, 1 - momentum, momentum, least)
        return
    to_mean, to_var = batch.means_of_instances(state) if each else values(state, 1, True)
    move(mean, var, to_mean, to_var, momentum)


cdef object by_own(object input, bint each, object mean, object var, object weight, object bias, object momentum,
                   object eps, object eps_mode, object out, object where, object activation):
    """Each channel, of all samples or of each, by its own statistics, which the running ones move towards, or None where
    care is needed."""
    cdef cn_call call
    cdef cnp.ndarray state = None
    cdef intp dims[3]
    cdef intp size, groups
    w, b = in_lanes(weight, input), in_lanes(bias, input)
    y = open_channels(&call, input, w, b, out, where, activation)
    if y is None or not take_eps(&call, eps, eps_mode):
        return None
    dims[0] = cnp.PyArray_DIM(<cnp.ndarray>input, 0) if each else 1
    dims[1], dims[2] = cnp.PyArray_DIM(<cnp.ndarray>input, 1), 5
    size, groups = cnp.PyArray_SIZE(<cnp.ndarray>input), dims[0] * dims[1]
    if size == groups or not take_averages(mean, var, out, dims[1]):
        return None
    if mean is not None:
        state = new_of(3, dims, cnp.NPY_FLOAT64, True)
        call.moments.to = <cn_partial *>cnp.PyArray_DATA(state)
    add_channels(&call, input, y, where, dims[1] if each else 0, 1, 0)
    run(&call, size)
    if mean is not None:
        move_averages(state, each, where is not None, mean, var, momentum)
    return y


def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None,
               eps: float = 1e-5, *, out: Any = None, where: Any = None, activation: Any = None,
               eps_mode: str = INSIDE) -> Array:
    y = by_group(input, positive(num_groups), weight, bias, eps, eps_mode, out, where, activation)
    return y if y is not None else group.group_norm(
        input, num_groups, weight, bias, eps, out=out, where=where,
        activation=activation, eps_mode=eps_mode)


def batch_norm(input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
               training: bool = False, momentum: float = 0.1, eps: float = 1e-5, *, out: Any = None,
               where: Any = None, activation: Any = None) -> Array:
    y = None
    if PyFloat_CheckExact(momentum):
        if training is False:
            y = by_running(input, running_mean, running_var, weight, bias, eps, INSIDE, out, where, activation)
        elif training is True and PyFloat_CheckExact(eps) and PyFloat_AS_DOUBLE(eps) > 0:
            y = by_own(input, False, running_mean, running_var, weight, bias, momentum, eps, INSIDE, out, where, activation)
    return y if y is not None else batch.batch_norm(
        input, running_mean, running_var, weight, bias, training, momentum, eps, out=out, where=where,
        activation=activation)


def instance_norm(input: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None,
                  bias: Any = None, use_input_stats: bool = True, momentum: float = 0.1,
                  eps: float = 1e-5, *, out: Any = None, where: Any = None, activation: Any = None,
                  eps_mode: str = INSIDE) -> Array:
    y = None
    if PyFloat_CheckExact(momentum):
        if use_input_stats is False:
            y = by_running(input, running_mean, running_var, weight, bias, eps, eps_mode, out, where, activation)
        elif use_input_stats is True:
            y = by_own(input, True, running_mean, running_var, weight, bias, momentum, eps, eps_mode, out, where, activation)
    return y if y is not None else batch.instance_norm(
        input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps, out=out, where=where,
        activation=activation, eps_mode=eps_mode)


for _careful in (group.group_norm, batch.batch_norm, batch.instance_norm):
    globals()[_careful.__name__].__doc__, globals()[_careful.__name__].__annotations__ = _careful.__doc__, _careful.__annotations__
