# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: binding=True, annotation_typing=False, freethreading_compatible=True
"""The short ways of the norms of channels: group_norm, instance_norm, and batch_norm."""

cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact

from cnorm._native.core cimport CN_M, CN_RUNNING, cn_call, cn_partial, run
from cnorm._native.glance cimport apart
from cnorm._native.kept cimport new_of
from cnorm._native.short.taken cimport (
    add_axis, find_step, in_lanes, intp, open_call, positive, take_affine, take_eps, take_mask, take_out, take_parameter,
)

from typing import Any

from cnorm._accept.arrays import Array
from cnorm._native.states import move, values
from cnorm._norms import batch, group
from cnorm._norms.averages import Running

cnp.import_array()

cdef object INSIDE = "inside"

# Any (N, C, ...) array as (samples, channels, positions), and the bytes between two of each, of a mask as well.
cdef struct Channels:
    intp samples, channels, positions
    intp sample, channel, position
    intp masks[3]


cdef bint find_channels(cnp.ndarray x, Channels *c) noexcept:
    """Is x (N, C, ...) and C-contiguous or channels-last?"""
    cdef int ndim = cnp.PyArray_NDIM(x), axis
    cdef intp width = cnp.PyArray_ITEMSIZE(x), stride
    if ndim < 2:
        return False
    c.samples, c.channels = cnp.PyArray_DIM(x, 0), cnp.PyArray_DIM(x, 1)
    c.positions = cnp.PyArray_SIZE(x) // (c.samples * c.channels)
    c.sample = c.channels * c.positions * width
    if cnp.PyArray_IS_C_CONTIGUOUS(x):
        c.channel, c.position = c.positions * width, width
        return True
    c.channel, c.position = width, c.channels * width
    stride = c.position
    for axis in range(ndim - 1, 1, -1):
        if cnp.PyArray_STRIDE(x, axis) != stride:
            return False
        stride *= cnp.PyArray_DIM(x, axis)
    return cnp.PyArray_STRIDE(x, 1) == c.channel and cnp.PyArray_STRIDE(x, 0) == c.sample


cdef bint find_mask(cn_call *call, Channels *c, object where, cnp.ndarray x, object out) noexcept:
    """Is it None, or a mask that lies as (samples, channels, positions)?"""
    return (take_mask(call, where, x, out) and find_step(where, x, 0, 1, &c.masks[0]) and find_step(where, x, 1, 2, &c.masks[1])
            and find_step(where, x, 2, cnp.PyArray_NDIM(x), &c.masks[2]))


cdef object open_channels(cn_call *call, Channels *c, object input, object weight, object bias, object out, object where,
                          object activation):
    """The array to write for a call on (N, C, ...), or None where care is needed."""
    if not open_call(call, input, activation) or not find_channels(<cnp.ndarray>input, c):
        return None
    if not take_affine(call, weight, bias, 1, &c.channels) or not find_mask(call, c, where, <cnp.ndarray>input, out):
        return None
    return take_out(call, <cnp.ndarray>input, weight, bias, out)


cdef void add_channels(cn_call *call, const Channels *c, intp sample, intp channel):
    """The three axes; how far the statistics of two samples, and of two channels, are apart."""
    cdef int axis
    add_axis(call, c.samples, c.sample, sample, 0)
    add_axis(call, c.channels, c.channel, channel, 1)
    add_axis(call, c.positions, c.position, 0, 0)
    for axis in range(3):
        call.op[CN_M].strides[axis] = c.masks[axis]


cdef object by_group(object input, intp groups, object weight, object bias, object eps, object eps_mode, object out,
                     object where, object activation):
    """Groups of channels of each sample by their own statistics, or None where care is needed."""
    cdef cn_call call
    cdef Channels c
    cdef intp members
    if groups < 0:
        return None
    w, b = in_lanes(weight, input), in_lanes(bias, input)
    y = open_channels(&call, &c, input, w, b, out, where, activation)
    if y is None or not take_eps(&call, eps, eps_mode):
        return None
    if c.channels % groups or cnp.PyArray_SIZE(<cnp.ndarray>input) == groups:
        return None
    members = c.channels // groups
    add_axis(&call, c.samples, c.sample, groups, 0)
    add_axis(&call, groups, members * c.channel, 1, members)
    add_axis(&call, members, c.channel, 0, 1)
    add_axis(&call, c.positions, c.position, 0, 0)
    call.op[<int>CN_M].strides[0], call.op[<int>CN_M].strides[1] = c.masks[0], members * c.masks[1]
    call.op[<int>CN_M].strides[2], call.op[<int>CN_M].strides[3] = c.masks[1], c.masks[2]
    run(&call, cnp.PyArray_SIZE(<cnp.ndarray>input))
    return y


cdef object by_running(object input, object mean, object var, object weight, object bias, object eps,
                       object eps_mode, object out, object where, object activation):
    """Each channel by its running statistics, or None where care is needed."""
    cdef cn_call call
    cdef Channels c
    cdef char *center
    cdef char *spread
    if mean is None or var is None or not PyFloat_CheckExact(eps) or PyFloat_AS_DOUBLE(eps) < 0:
        return None
    w, b = in_lanes(weight, input), in_lanes(bias, input)
    y = open_channels(&call, &c, input, w, b, out, where, activation)
    if y is None or not take_eps(&call, eps, eps_mode):
        return None
    of_mean, of_var = in_lanes(mean, input), in_lanes(var, input)
    if not (take_parameter(&call, of_mean, 1, &c.channels, &center)
            and take_parameter(&call, of_var, 1, &c.channels, &spread)):
        return None
    add_channels(&call, &c, 0, 1)
    call.moments.source = CN_RUNNING
    call.moments.center, call.moments.scale = center, spread
    run(&call, cnp.PyArray_SIZE(<cnp.ndarray>input))
    return y


cdef bint takes_average(object p, object out, intp channels) noexcept:
    """Is it a vector of floats to be written to, one for each channel, apart from `out`?"""
    cdef cnp.ndarray a
    if not cnp.PyArray_CheckExact(p) or not cnp.PyArray_ISCARRAY(<cnp.ndarray>p):
        return False
    a = <cnp.ndarray>p
    return (cnp.PyArray_TYPE(a) in (cnp.NPY_FLOAT32, cnp.NPY_FLOAT64) and cnp.PyArray_NDIM(a) == 1
            and cnp.PyArray_DIM(a, 0) == channels and (out is None or apart(<cnp.ndarray>out, p)))


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
    cdef Channels c
    cdef cnp.ndarray state = None
    cdef intp dims[3]
    cdef intp size
    w, b = in_lanes(weight, input), in_lanes(bias, input)
    y = open_channels(&call, &c, input, w, b, out, where, activation)
    if y is None or not take_eps(&call, eps, eps_mode) or not take_averages(mean, var, out, c.channels):
        return None
    size = cnp.PyArray_SIZE(<cnp.ndarray>input)
    if c.positions == 1 if each else size == c.channels:
        return None
    if mean is not None:
        dims[0], dims[1], dims[2] = c.samples if each else 1, c.channels, 5
        state = new_of(3, dims, cnp.NPY_FLOAT64, True)
        call.moments.to = <cn_partial *>cnp.PyArray_DATA(state)
    add_channels(&call, &c, c.channels if each else 0, 1)
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
