# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: binding=True, annotation_typing=False, freethreading_compatible=True
"""The short way in: ndarrays that need no care go straight to the core, all else to the careful functions.

No rule is written here. A call is taken where all of them hold at a glance: exact ndarrays of a dtype with
kernels, aligned, native, not empty, C-contiguous (channel norms: or channels-last); parameters contiguous in
the compute dtype; `out` in x's own memory or apart from all that is read. Refusing is always right: the
careful function of the same name has the errors, the conversions and the docstring. These checks take
0.05 of the 0.6 us of layer_norm on (1, 768); written in Python they took 6 (Zen 3).
"""

cimport numpy as cnp
from cython cimport floating
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.long cimport PyLong_AsLongAndOverflow, PyLong_CheckExact
from cpython.unicode cimport PyUnicode_CheckExact
from cpython.tuple cimport PyTuple_CheckExact, PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.float cimport DBL_EPSILON, FLT_EPSILON, FLT_MAX, FLT_MIN
from libc.string cimport memcmp

from cnorm._native.kept cimport new_as, new_like
from cnorm._native.core cimport (
    CN_B, CN_F64, CN_LEAKY_RELU, CN_M, CN_MAXDIM, CN_OF_ROWS, CN_RMS, CN_RUNNING, CN_SCALE_GIVEN, CN_STAT, CN_VAR, CN_W, CN_X, CN_Y,
    cn_activation, cn_call, cn_clear_call, cn_gating, cn_dtype, cn_eps_mode, cn_kind, known_dtype, run, run_gate,
)

from typing import Any

import numpy as np

from cnorm._norms import batch, group, rows, rows_int8
from cnorm._accept.arrays import Array
from cnorm._accept.options import ACTIVATIONS, EPS_MODES

cnp.import_array()

ctypedef cnp.npy_intp intp
cdef enum: EVERY_CHANNEL = 0
cdef enum: GATED = 131072  # elements: more are taken block by block
cdef dict KNOWN = ACTIVATIONS
cdef dict MODES = EPS_MODES
cdef object NO_OFFSET = 0.0  # a default is known by its identity
cdef object F32_EPS = FLT_EPSILON, F64_EPS = DBL_EPSILON
cdef object INSIDE = "inside"
cdef object SILU = "silu"

# Any (N, C, ...) array as (samples, channels, positions), and the bytes between two of each.
cdef struct Channels:
    intp samples, channels, positions
    intp sample, channel, position


cdef bint take_activation(object activation, cn_activation *number, double *slope) noexcept:
    """Is it the name of one, or the leaky one and its slope?"""
    cdef object name = activation, leak
    if PyTuple_CheckExact(activation) and PyTuple_GET_SIZE(activation) == 2:
        name, leak = <object>PyTuple_GET_ITEM(activation, 0), <object>PyTuple_GET_ITEM(activation, 1)
        if not PyFloat_CheckExact(leak) or PyFloat_AS_DOUBLE(leak) - PyFloat_AS_DOUBLE(leak) != 0:
            return False
        slope[0] = PyFloat_AS_DOUBLE(leak)
    if not PyUnicode_CheckExact(name) or name not in KNOWN:
        return False
    number[0] = <cn_activation><int>KNOWN[name]
    return name is activation or number[0] == CN_LEAKY_RELU


cdef bint take_eps(cn_call *call, object eps, object mode) noexcept:
    """Is it a float, and the mode one of them?"""
    if not PyFloat_CheckExact(eps):
        return False
    call.moments.eps = PyFloat_AS_DOUBLE(eps)
    if mode is not INSIDE:
        if not PyUnicode_CheckExact(mode) or mode not in MODES:
            return False
        call.moments.eps_mode = <cn_eps_mode><int>MODES[mode]
    return True


cdef bint open_call(cn_call *call, object input, object activation) noexcept:
    """A call without axes, if there are kernels for the input and such an activation."""
    cdef int dtype
    cn_clear_call(call, 0)
    if activation is not None and not take_activation(activation, &call.activation, &call.slope):
        return False
    if not cnp.PyArray_CheckExact(input) or not cnp.PyArray_ISBEHAVED_RO(<cnp.ndarray>input):
        return False
    dtype = known_dtype(<cnp.ndarray>input)
    if dtype < 0 or cnp.PyArray_SIZE(<cnp.ndarray>input) == 0:
        return False
    call.dtype = <cn_dtype>dtype
    call.op[CN_X].data = <char *>cnp.PyArray_DATA(<cnp.ndarray>input)
    return True


cdef bint take_parameter(const cn_call *call, object p, int ndim, const intp *dims, char **data) noexcept:
    """Is p None (data is NULL then) or an array of these sizes, ready for the kernels?"""
    cdef int wanted = cnp.NPY_FLOAT64 if call.dtype == CN_F64 else cnp.NPY_FLOAT32
    data[0] = NULL
    if p is None:
        return True
    if not cnp.PyArray_CheckExact(p) or not cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>p):
        return False
    if cnp.PyArray_TYPE(<cnp.ndarray>p) != wanted or cnp.PyArray_NDIM(<cnp.ndarray>p) != ndim:
        return False
    if memcmp(cnp.PyArray_DIMS(<cnp.ndarray>p), dims, ndim * sizeof(intp)):
        return False
    data[0] = <char *>cnp.PyArray_DATA(<cnp.ndarray>p)
    return True


cdef bint take_affine(cn_call *call, object weight, object bias, int ndim, const intp *dims) noexcept:
    """Are both None or of these sizes?"""
    return (take_parameter(call, weight, ndim, dims, &call.op[CN_W].data)
            and take_parameter(call, bias, ndim, dims, &call.op[CN_B].data))


cdef inline bint apart(cnp.ndarray y, object a) noexcept:
    """Does the memory of a lie outside of y's? Both without gaps, a maybe None."""
    if a is None:
        return True
    cdef const char *y_start = <const char *>cnp.PyArray_DATA(y)
    cdef const char *a_start = <const char *>cnp.PyArray_DATA(<cnp.ndarray>a)
    return (a_start + cnp.PyArray_NBYTES(<cnp.ndarray>a) <= y_start
            or y_start + cnp.PyArray_NBYTES(y) <= a_start)


cdef bint alike(cnp.ndarray y, cnp.ndarray x) noexcept:
    """Are x and y of one type, shape and strides?"""
    cdef size_t bytes = cnp.PyArray_NDIM(x) * sizeof(intp)
    return (cnp.PyArray_TYPE(y) == cnp.PyArray_TYPE(x) and cnp.PyArray_NDIM(y) == cnp.PyArray_NDIM(x)
            and memcmp(cnp.PyArray_DIMS(y), cnp.PyArray_DIMS(x), bytes) == 0
            and memcmp(cnp.PyArray_STRIDES(y), cnp.PyArray_STRIDES(x), bytes) == 0)


cdef inline bint in_place_or_apart(cnp.ndarray y, cnp.ndarray x) noexcept:
    """Of two that are alike: is their memory the same, or apart?"""
    return cnp.PyArray_DATA(y) == cnp.PyArray_DATA(x) or apart(y, x)


cdef bint fits(cnp.ndarray y, cnp.ndarray x) noexcept:
    """Can y be written while x is read?"""
    return cnp.PyArray_ISBEHAVED(y) and alike(y, x) and in_place_or_apart(y, x)


cdef object take_out(cn_call *call, cnp.ndarray x, object weight, object bias, object out):
    """The array to write, a new one without `out`; None if `out` needs care."""
    if out is None:
        out = new_like(x)
    elif not cnp.PyArray_CheckExact(out) or not fits(<cnp.ndarray>out, x):
        return None
    elif not apart(<cnp.ndarray>out, weight) or not apart(<cnp.ndarray>out, bias):
        return None
    call.op[CN_Y].data = <char *>cnp.PyArray_DATA(<cnp.ndarray>out)
    return out


cdef inline void add_axis(cn_call *call, intp n, intp stride, intp stat, intp parameter) noexcept:
    """An axis of n; stride of x and y in bytes, of statistics and parameters in elements."""
    cdef int axis = call.ndim
    cdef intp bytes = parameter * (8 if call.dtype == CN_F64 else 4)
    call.shape[axis] = n
    call.op[CN_X].strides[axis] = stride
    call.op[CN_Y].strides[axis] = stride
    call.op[CN_STAT].strides[axis] = stat
    call.op[CN_W].strides[axis] = bytes if call.op[CN_W].data != NULL else 0
    call.op[CN_B].strides[axis] = bytes if call.op[CN_B].data != NULL else 0
    call.op[CN_M].strides[axis] = 0
    if stat:
        call.n_stats *= n
    call.ndim = axis + 1


cdef intp positive(object n) noexcept:
    """An int above 0, or -1."""
    cdef int overflow
    cdef long value = PyLong_AsLongAndOverflow(n, &overflow) if PyLong_CheckExact(n) else -1
    return value if value > 0 else -1


cdef int count_trailing(cnp.ndarray x, object shape, intp *elements) noexcept:
    """How many sizes `shape` has, and their product, if it is a tuple of ints that x's ends in; else 0."""
    cdef int i, n, first
    if not PyTuple_CheckExact(shape) or PyTuple_GET_SIZE(shape) > cnp.PyArray_NDIM(x):
        return 0
    n = <int>PyTuple_GET_SIZE(shape)
    first = cnp.PyArray_NDIM(x) - n
    elements[0] = 1
    for i in range(n):
        if positive(<object>PyTuple_GET_ITEM(shape, i)) != cnp.PyArray_DIM(x, first + i):
            return 0
        elements[0] *= cnp.PyArray_DIM(x, first + i)
    return n


cdef int open_trailing(cn_call *call, object input, object shape, object weight, object bias, object eps,
                       object eps_mode, object activation, cn_kind kind, intp *n) noexcept:
    """How many axes rows of n elements span; 0 where care is needed."""
    cdef cnp.ndarray x
    cdef int axes
    if not open_call(call, input, activation) or not cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>input):
        return 0
    x = <cnp.ndarray>input
    axes = count_trailing(x, shape, n)
    if axes == 0 or not take_affine(call, weight, bias, axes, cnp.PyArray_DIMS(x) + cnp.PyArray_NDIM(x) - axes):
        return 0
    if eps is None and kind == CN_RMS:
        eps = F64_EPS if call.dtype == CN_F64 else F32_EPS
    if not take_eps(call, eps, eps_mode):
        return 0
    call.moments.kind = kind
    return axes


cdef inline void add_trailing(cn_call *call, intp size, intp n, intp width) noexcept:
    """Rows of n elements, width bytes each, of size in all."""
    add_axis(call, size // n, n * width, 1, 0)
    add_axis(call, n, width, 0, 1)


cdef object take_sum(cn_call *call, cnp.ndarray x, object residual, object residual_out, cnp.ndarray y,
                     object weight, object bias):
    """The array for x + residual, of which the call is then; None if one of them needs care."""
    cdef cnp.ndarray r, h
    if not cnp.PyArray_CheckExact(residual) or not cnp.PyArray_ISBEHAVED_RO(<cnp.ndarray>residual):
        return None
    r = <cnp.ndarray>residual
    if not cnp.PyArray_IS_C_CONTIGUOUS(r) or not alike(r, x) or not in_place_or_apart(y, r):
        return None
    if residual_out is None:
        h = new_like(x)
    elif not cnp.PyArray_CheckExact(residual_out) or not fits(<cnp.ndarray>residual_out, x):
        return None
    else:
        h = <cnp.ndarray>residual_out
        if not in_place_or_apart(h, r) or not (apart(h, y) and apart(h, weight) and apart(h, bias)):
            return None
    call.add[0] = <const char *>cnp.PyArray_DATA(x)
    call.add[1] = <const char *>cnp.PyArray_DATA(r)
    call.op[CN_X].data = <char *>cnp.PyArray_DATA(h)
    return h


cdef object trailing(object input, object normalized_shape, object weight, object bias, object eps,
                     object eps_mode, object out, object residual, object residual_out, object activation,
                     cn_kind kind):
    """The result, or results, of layer_norm or rms_norm, or None where care is needed."""
    cdef cn_call call
    cdef cnp.ndarray x
    cdef object h = None
    cdef intp n, size
    if not open_trailing(&call, input, normalized_shape, weight, bias, eps, eps_mode, activation, kind, &n):
        return None
    x = <cnp.ndarray>input
    y = take_out(&call, x, weight, bias, out)
    if y is None:
        return None
    if residual is not None or residual_out is not None:
        h = take_sum(&call, x, residual, residual_out, <cnp.ndarray>y, weight, bias)
        if h is None:
            return None
    size = cnp.PyArray_SIZE(x)
    add_trailing(&call, size, n, cnp.PyArray_ITEMSIZE(x))
    run(&call, size)
    return y if h is None else (y, h)


cdef inline void add_groups(cn_call *call, intp size, intp n, intp group, intp width) noexcept:
    """The same, `group` elements to a statistic."""
    add_axis(call, size // n, n * width, n // group, 0)
    add_axis(call, n // group, group * width, 1, group)
    add_axis(call, group, width, 0, 1)


cdef object gated(object input, object normalized_shape, object weight, object eps, object eps_mode, object out,
                  object activation, object gate, object gate_activation, object norm_first, object group_size):
    """The result of rms_norm with a gate, groups or both, or None where care is needed."""
    cdef cn_call call
    cdef cn_gating of
    cdef cnp.ndarray x
    cdef intp n, size, group
    cdef int axes = open_trailing(&call, input, normalized_shape, weight, None, eps, eps_mode, activation, CN_RMS, &n)
    group = n if group_size is None else positive(group_size)
    if gate is None and not (gate_activation is SILU and norm_first is True):
        return None
    if axes == 0 or group <= 0 or n % group or (axes > 1 and group_size is not None):
        return None
    x = <cnp.ndarray>input
    size = cnp.PyArray_SIZE(x)
    of.slope = call.slope
    if gate is not None and (size > GATED or not take_activation(gate_activation, &of.activation, &of.slope)
                             or not cnp.PyArray_CheckExact(gate) or not cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>gate)
                             or not alike(<cnp.ndarray>gate, x)
                             or (norm_first is not True and norm_first is not False)):
        return None
    y = take_out(&call, x, weight, None, out)
    if y is None or not apart(<cnp.ndarray>y, gate):
        return None
    add_groups(&call, size, n, group, cnp.PyArray_ITEMSIZE(x))
    if gate is None:
        run(&call, size)
        return y
    of.dtype, of.n, of.gate, of.y = call.dtype, size, <const char *>cnp.PyArray_DATA(<cnp.ndarray>gate), call.op[CN_Y].data
    of.x = call.op[CN_X].data if norm_first is False else of.y
    if norm_first is False:
        run_gate(&of)
        call.op[CN_X].data = of.y
    run(&call, size)
    if norm_first is True:
        run_gate(&of)
    return y


cdef void add_offset(const floating *weight, floating offset, floating *to, intp n) noexcept:
    cdef intp i
    for i in range(n):
        to[i] = weight[i] + offset


cdef object offset_weight(object weight, object offset):
    """The weight with its offset, if both are plain; where care is needed False, which is no weight."""
    cdef cnp.ndarray w, shifted
    cdef double value
    if not PyFloat_CheckExact(offset):
        return False
    value = PyFloat_AS_DOUBLE(offset)
    if value == 0:
        return weight
    if not cnp.PyArray_CheckExact(weight) or not cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>weight):
        return False
    w = <cnp.ndarray>weight
    if cnp.PyArray_TYPE(w) not in (cnp.NPY_FLOAT32, cnp.NPY_FLOAT64):
        return False
    shifted = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(w), cnp.PyArray_DIMS(w), cnp.PyArray_TYPE(w), 0)
    if cnp.PyArray_TYPE(w) == cnp.NPY_FLOAT32:
        add_offset(<const float *>cnp.PyArray_DATA(w), <float>value, <float *>cnp.PyArray_DATA(shifted),
                   cnp.PyArray_SIZE(w))
    else:
        add_offset(<const double *>cnp.PyArray_DATA(w), value, <double *>cnp.PyArray_DATA(shifted),
                   cnp.PyArray_SIZE(w))
    return shifted


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


cdef object open_channels(cn_call *call, Channels *c, object input, object weight, object bias, object out,
                          object activation):
    """The array to write for a call on (N, C, ...), or None where care is needed."""
    if not open_call(call, input, activation) or not find_channels(<cnp.ndarray>input, c):
        return None
    if not take_affine(call, weight, bias, 1, &c.channels):
        return None
    return take_out(call, <cnp.ndarray>input, weight, bias, out)


cdef object by_group(object input, intp groups, object weight, object bias, object eps, object eps_mode, object out,
                     object activation):
    """Groups of channels of each sample by their own statistics, or None where care is needed."""
    cdef cn_call call
    cdef Channels c
    cdef intp members
    if groups < 0:
        return None
    y = open_channels(&call, &c, input, weight, bias, out, activation)
    if y is None or not take_eps(&call, eps, eps_mode):
        return None
    if groups == EVERY_CHANNEL:
        groups = c.channels
        if c.positions == 1:
            return None
    if c.channels % groups or cnp.PyArray_SIZE(<cnp.ndarray>input) == groups:
        return None
    members = c.channels // groups
    add_axis(&call, c.samples, c.sample, groups, 0)
    add_axis(&call, groups, members * c.channel, 1, members)
    add_axis(&call, members, c.channel, 0, 1)
    add_axis(&call, c.positions, c.position, 0, 0)
    run(&call, cnp.PyArray_SIZE(<cnp.ndarray>input))
    return y


cdef object by_running(object input, object mean, object var, object weight, object bias, object eps,
                       object eps_mode, object out, object activation):
    """Each channel by its running statistics, or None where care is needed."""
    cdef cn_call call
    cdef Channels c
    cdef char *center
    cdef char *spread
    if mean is None or var is None or not PyFloat_CheckExact(eps) or PyFloat_AS_DOUBLE(eps) < 0:
        return None
    y = open_channels(&call, &c, input, weight, bias, out, activation)
    if y is None or not take_eps(&call, eps, eps_mode):
        return None
    if not (take_parameter(&call, mean, 1, &c.channels, &center)
            and take_parameter(&call, var, 1, &c.channels, &spread)):
        return None
    add_axis(&call, c.samples, c.sample, 0, 0)
    add_axis(&call, c.channels, c.channel, 1, 1)
    add_axis(&call, c.positions, c.position, 0, 0)
    call.moments.source = CN_RUNNING
    call.moments.center, call.moments.scale = center, spread
    run(&call, cnp.PyArray_SIZE(<cnp.ndarray>input))
    return y


def layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None,
               eps: float = 1e-5, *, out: Any = None, axis: Any = None, weight_offset: Any = NO_OFFSET,
               where: Any = None, residual: Any = None, residual_out: Any = None,
               activation: Any = None, eps_mode: str = INSIDE) -> Any:
    y = None
    if axis is None and where is None:
        w = weight if weight_offset is NO_OFFSET else offset_weight(weight, weight_offset)
        y = trailing(input, normalized_shape, w, bias, eps, eps_mode, out, residual, residual_out, activation, CN_VAR)
    return y if y is not None else rows.layer_norm(
        input, normalized_shape, weight, bias, eps, out=out, axis=axis, weight_offset=weight_offset, where=where,
        residual=residual, residual_out=residual_out, activation=activation, eps_mode=eps_mode)


def rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None,
             *, out: Any = None, axis: Any = None, weight_offset: Any = NO_OFFSET, residual: Any = None,
             residual_out: Any = None, activation: Any = None, eps_mode: str = INSIDE, gate: Any = None,
             gate_activation: Any = SILU, norm_before_gate: bool = True, group_size: int | None = None) -> Any:
    y = None
    if axis is None:
        w = weight if weight_offset is NO_OFFSET else offset_weight(weight, weight_offset)
        if gate is None and group_size is None and gate_activation is SILU and norm_before_gate is True:
            y = trailing(input, normalized_shape, w, None, eps, eps_mode, out, residual, residual_out, activation,
                         CN_RMS)
        elif residual is None and residual_out is None:
            y = gated(input, normalized_shape, w, eps, eps_mode, out, activation, gate, gate_activation,
                      norm_before_gate, group_size)
    return y if y is not None else rows.rms_norm(
        input, normalized_shape, weight, eps, axis=axis, weight_offset=weight_offset, out=out,
        residual=residual, residual_out=residual_out, activation=activation, eps_mode=eps_mode, gate=gate,
        gate_activation=gate_activation, norm_before_gate=norm_before_gate, group_size=group_size)


def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None,
               eps: float = 1e-5, *, out: Any = None, where: Any = None, activation: Any = None,
               eps_mode: str = INSIDE) -> Array:
    y = None
    if where is None:
        y = by_group(input, positive(num_groups), weight, bias, eps, eps_mode, out, activation)
    return y if y is not None else group.group_norm(
        input, num_groups, weight, bias, eps, out=out, where=where,
        activation=activation, eps_mode=eps_mode)


def batch_norm(input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
               training: bool = False, momentum: float = 0.1, eps: float = 1e-5, *, out: Any = None,
               where: Any = None, activation: Any = None) -> Array:
    y = None
    if where is None and training is False and PyFloat_CheckExact(momentum):
        y = by_running(input, running_mean, running_var, weight, bias, eps, INSIDE, out, activation)
    return y if y is not None else batch.batch_norm(
        input, running_mean, running_var, weight, bias, training, momentum, eps, out=out, where=where,
        activation=activation)


def instance_norm(input: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None,
                  bias: Any = None, use_input_stats: bool = True, momentum: float = 0.1,
                  eps: float = 1e-5, *, out: Any = None, where: Any = None, activation: Any = None,
                  eps_mode: str = INSIDE) -> Array:
    y = None
    if where is None and PyFloat_CheckExact(momentum):
        if use_input_stats is False:
            y = by_running(input, running_mean, running_var, weight, bias, eps, eps_mode, out, activation)
        elif use_input_stats is True and running_mean is None and running_var is None:
            y = by_group(input, EVERY_CHANNEL, weight, bias, eps, eps_mode, out, activation)
    return y if y is not None else batch.instance_norm(
        input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps, out=out, where=where,
        activation=activation, eps_mode=eps_mode)


cdef cnp.dtype INT8 = np.dtype(np.int8)


cdef bint take_scale(object scale, int dtype, double *value) noexcept:
    """Is it None (0 then) or a float that every dtype of scales holds?"""
    value[0] = 0
    if scale is None:
        return True
    if not PyFloat_CheckExact(scale):
        return False
    value[0] = PyFloat_AS_DOUBLE(scale)
    return FLT_MIN <= value[0] <= FLT_MAX


cdef bint takes_bytes(object out, cnp.ndarray x, object weight, object bias) noexcept:
    """Is out an array of bytes as x is one of floats, apart from all that is read?"""
    cdef cnp.ndarray q
    if not cnp.PyArray_CheckExact(out) or not cnp.PyArray_ISCARRAY(<cnp.ndarray>out):
        return False
    q = <cnp.ndarray>out
    return (cnp.PyArray_TYPE(q) == cnp.NPY_INT8 and cnp.PyArray_NDIM(q) == cnp.PyArray_NDIM(x)
            and memcmp(cnp.PyArray_DIMS(q), cnp.PyArray_DIMS(x), cnp.PyArray_NDIM(x) * sizeof(intp)) == 0
            and apart(q, x) and apart(q, weight) and apart(q, bias))


cdef cnp.ndarray new_scales(cnp.ndarray x, int axes, int dtype, bint one):
    """An array for one scale, or one for each row over the last axes."""
    cdef intp dims[CN_MAXDIM]
    cdef int ndim = cnp.PyArray_NDIM(x), i
    for i in range(ndim):
        dims[i] = cnp.PyArray_DIM(x, i) if i < ndim - axes else 1
    return cnp.PyArray_EMPTY(0 if one else ndim, dims, cnp.NPY_FLOAT64 if dtype == CN_F64 else cnp.NPY_FLOAT32, 0)


cdef object trailing_int8(object input, object normalized_shape, object weight, object bias, object eps,
                          object scale, object out, cn_kind kind):
    """The result of layer_norm_int8 or rms_norm_int8, or None where care is needed."""
    cdef cn_call call
    cdef cnp.ndarray x, scales
    cdef intp n, size
    cdef double given
    cdef int axes = open_trailing(&call, input, normalized_shape, weight, bias, eps, INSIDE, None, kind, &n)
    if axes == 0 or not call.moments.eps >= 0 or not take_scale(scale, call.dtype, &given):
        return None
    x = <cnp.ndarray>input
    if out is not None and not takes_bytes(out, x, weight, bias):
        return None
    q = new_as(x, INT8) if out is None else out
    scales = new_scales(x, axes, call.dtype, scale is not None)
    call.op[CN_Y].data = <char *>cnp.PyArray_DATA(<cnp.ndarray>q)
    call.bytes.scales = <char *>cnp.PyArray_DATA(scales)
    call.bytes.kind = CN_OF_ROWS if scale is None else CN_SCALE_GIVEN
    if scale is not None:
        if call.dtype == CN_F64:
            (<double *>call.bytes.scales)[0] = given
        else:
            (<float *>call.bytes.scales)[0] = <float>given
    size = cnp.PyArray_SIZE(x)
    add_trailing(&call, size, n, cnp.PyArray_ITEMSIZE(x))
    call.op[CN_Y].strides[0], call.op[CN_Y].strides[1] = n, 1
    run(&call, size)
    return q, scales


def layer_norm_int8(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None,
                    eps: float = 1e-5, *, granularity: str = "row", scale: Any = None, out: Any = None,
                    axis: Any = None, weight_offset: Any = NO_OFFSET, where: Any = None) -> tuple[Array, Array]:
    made = None
    if axis is None and where is None and granularity == "row":
        w = weight if weight_offset is NO_OFFSET else offset_weight(weight, weight_offset)
        made = trailing_int8(input, normalized_shape, w, bias, eps, scale, out, CN_VAR)
    return made if made is not None else rows_int8.layer_norm_int8(
        input, normalized_shape, weight, bias, eps, granularity=granularity, scale=scale, out=out, axis=axis,
        weight_offset=weight_offset, where=where)


def rms_norm_int8(input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None,
                  *, granularity: str = "row", scale: Any = None, out: Any = None, axis: Any = None,
                  weight_offset: Any = NO_OFFSET) -> tuple[Array, Array]:
    made = None
    if axis is None and granularity == "row":
        w = weight if weight_offset is NO_OFFSET else offset_weight(weight, weight_offset)
        made = trailing_int8(input, normalized_shape, w, None, eps, scale, out, CN_RMS)
    return made if made is not None else rows_int8.rms_norm_int8(
        input, normalized_shape, weight, eps, granularity=granularity, scale=scale, out=out, axis=axis,
        weight_offset=weight_offset)


for _careful in (rows.layer_norm, rows.rms_norm, group.group_norm, batch.batch_norm,
                 batch.instance_norm, rows_int8.layer_norm_int8, rows_int8.rms_norm_int8):
    globals()[_careful.__name__].__doc__ = _careful.__doc__
