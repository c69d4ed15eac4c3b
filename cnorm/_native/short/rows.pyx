# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: binding=True, annotation_typing=False, freethreading_compatible=True
"""The short ways of layer_norm and rms_norm."""

cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.list cimport PyList_CheckExact
from cpython.tuple cimport PyTuple_CheckExact, PyTuple_GET_ITEM, PyTuple_GET_SIZE
from cython cimport floating
from libc.float cimport DBL_EPSILON, FLT_EPSILON

from cnorm._native.core cimport (
    CN_B, CN_F64, CN_M, CN_MAXDIM, CN_RMS, CN_VAR, CN_W, CN_X, CN_Y, cn_call, cn_gating, cn_kind, run, run_gated, set_operand, set_stats,
)
from cnorm._native.glance cimport (
    alike, apart, axes, fits, in_lanes, in_place_or_apart, is_plain, mask, output, parameter, same_sizes,
)
from cnorm._native.kept cimport new_like
from cnorm._native.short.taken cimport add_axis, intp, open_call, positive, take_activation, take_affine, take_eps, take_out

from typing import Any

from cnorm._norms import rows

cnp.import_array()

cdef object NO_OFFSET = 0.0  # a default is known by its identity
cdef object F32_EPS = FLT_EPSILON, F64_EPS = DBL_EPSILON
cdef object INSIDE = "inside"
cdef object SILU = "silu"
cdef enum: FEW = 1 << 16  # elements that are copied sooner than they are looked at one by one


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


cdef bint take_kind(cn_call *call, cn_kind kind, object eps, object mode) noexcept:
    """The statistics, and an eps that may be None where rms_norm has one of its own."""
    if eps is None and kind == CN_RMS:
        eps = F64_EPS if call.dtype == CN_F64 else F32_EPS
    call.moments.kind = kind
    return take_eps(call, eps, mode)


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
    return axes if take_kind(call, kind, eps, eps_mode) else 0


cdef object take_sum(cn_call *call, cnp.ndarray x, object residual, object residual_out, cnp.ndarray y,
                     object weight, object bias):
    """The array for x + residual, for which the call has both; None if one of them needs care, or lies otherwise than x."""
    cdef cnp.ndarray r, h
    if not cnp.PyArray_CheckExact(residual) or not cnp.PyArray_ISBEHAVED_RO(<cnp.ndarray>residual):
        return None
    r = <cnp.ndarray>residual
    if not alike(r, x) or not in_place_or_apart(y, r):
        return None
    if residual_out is None:
        h = new_like(x)
    elif not fits(residual_out, x):
        return None
    else:
        h = <cnp.ndarray>residual_out
        if not in_place_or_apart(h, r) or not (apart(h, y) and apart(h, weight) and apart(h, bias)):
            return None
    if not alike(h, x):
        return None
    call.add[0] = <const char *>cnp.PyArray_DATA(x)
    call.add[1] = <const char *>cnp.PyArray_DATA(r)
    return h


cdef inline void add_groups(cn_call *call, intp size, intp n, intp group, intp width) noexcept:
    """Rows of n elements, width bytes each, of size in all; `group` elements to a statistic."""
    add_axis(call, size // n, n * width, n // group, 0)
    add_axis(call, n // group, group * width, 1, group)
    add_axis(call, group, width, 0, 1)


cdef object gate_of(cnp.ndarray x, object gate):
    """A gate of the sizes and dtype of x, without gaps: itself, or a copy of what is small; None where care is needed."""
    if not is_plain(gate) or cnp.PyArray_TYPE(<cnp.ndarray>gate) != cnp.PyArray_TYPE(x) or not same_sizes(<cnp.ndarray>gate, x):
        return None
    if cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>gate):
        return gate
    return cnp.PyArray_GETCONTIGUOUS(<cnp.ndarray>gate) if cnp.PyArray_SIZE(x) <= FEW else None


cdef object gated(object input, object normalized_shape, object weight, object eps, object eps_mode, object out,
                  object activation, object gate, object gate_activation, object norm_first, object group_size):
    """The result of rms_norm with a gate, groups or both, or None where care is needed."""
    cdef cn_call call
    cdef cn_gating of
    cdef cnp.ndarray x
    cdef intp n, size, group
    cdef int axes = open_trailing(&call, input, normalized_shape, weight, None, eps, eps_mode, activation, CN_RMS, &n)
    if axes == 0 or (gate is None and not (gate_activation is SILU and norm_first is True)):
        return None
    group = n if group_size is None else positive(group_size)
    if group <= 0 or n % group or (axes > 1 and group_size is not None):
        return None
    x = <cnp.ndarray>input
    size = cnp.PyArray_SIZE(x)
    of.slope = call.slope
    if gate is not None:
        gate = gate_of(x, gate)
        if gate is None or not take_activation(gate_activation, &of.activation, &of.slope):
            return None
        if norm_first is not True and norm_first is not False:
            return None
    y = take_out(&call, x, weight, None, out)
    if y is None or not apart(<cnp.ndarray>y, gate):
        return None
    add_groups(&call, size, n, group, cnp.PyArray_ITEMSIZE(x))
    if gate is None:
        run(&call, size)
        return y
    of.dtype, of.n, of.gate = call.dtype, size, <const char *>cnp.PyArray_DATA(<cnp.ndarray>gate)
    of.x, of.y = call.op[CN_X].data, call.op[CN_Y].data
    run_gated(&call, &of, n, norm_first is True)
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


cdef unsigned long long axes_of(cnp.ndarray x, object shape, object axis):
    """The axes that have these sizes, in ascending order, as bits; none where care is needed."""
    cdef int i, n, ndim = cnp.PyArray_NDIM(x)
    cdef intp elements
    cdef unsigned long long bits = 0
    if axis is None:
        n = count_trailing(x, shape, &elements)
        return ((1ULL << n) - 1) << (ndim - n)
    over = axes(axis, ndim, True)
    if over is None or not PyTuple_CheckExact(shape) or PyTuple_GET_SIZE(shape) != len(over):
        return 0
    for i in range(<int>len(over)):
        if positive(<object>PyTuple_GET_ITEM(shape, i)) != cnp.PyArray_DIM(x, <int>over[i]):
            return 0
        bits |= 1ULL << <int>over[i]
    return bits


cdef void set_rows(cn_call *call, cnp.ndarray x, unsigned long long reduced) noexcept:
    """A call that `open_call` has opened, on x's axes, those reduced that have a bit; without other operands."""
    cdef intp dims[CN_MAXDIM]
    cdef int axis
    call.ndim = cnp.PyArray_NDIM(x)
    for axis in range(call.ndim):
        call.shape[axis] = cnp.PyArray_DIM(x, axis)
        dims[axis] = 1 if reduced >> axis & 1 else call.shape[axis]
        call.op[CN_W].strides[axis] = call.op[CN_B].strides[axis] = call.op[CN_M].strides[axis] = 0
    set_stats(call, dims)


cdef bint set_along(cn_call *call, int which, object p, cnp.ndarray x, unsigned long long reduced, object out):
    """Is p None, or a parameter of the sizes of these axes, apart from `out`?"""
    cdef int axis, i = 0
    if p is None:
        return True
    if not parameter(p, x, out):
        return False
    for axis in range(cnp.PyArray_NDIM(x)):
        if not reduced >> axis & 1:
            continue
        if i == cnp.PyArray_NDIM(<cnp.ndarray>p) or cnp.PyArray_DIM(<cnp.ndarray>p, i) != cnp.PyArray_DIM(x, axis):
            return False
        call.op[which].strides[axis] = cnp.PyArray_STRIDE(<cnp.ndarray>p, i)
        i += 1
    call.op[which].data = <char *>cnp.PyArray_DATA(<cnp.ndarray>p)
    return i == cnp.PyArray_NDIM(<cnp.ndarray>p)


cdef unsigned long long open_rows(cn_call *call, object input, object shape, object weight, object bias, object eps, object eps_mode,
                                  object out, object axis, object where, object activation, cn_kind kind):
    """The axes of a call on x of any layout that has all operands but x and y; none where care is needed."""
    cdef unsigned long long reduced
    if not open_call(call, input, activation) or cnp.PyArray_NDIM(<cnp.ndarray>input) >= CN_MAXDIM:
        return 0
    reduced = axes_of(<cnp.ndarray>input, shape, axis)
    if reduced == 0 or not take_kind(call, kind, eps, eps_mode):
        return 0
    set_rows(call, <cnp.ndarray>input, reduced)
    if not (set_along(call, CN_W, weight, input, reduced, out) and set_along(call, CN_B, bias, input, reduced, out)):
        return 0
    if where is not None:
        if not mask(where, input, out):
            return 0
        set_operand(call, CN_M, where)
    return reduced


cdef object normalized(object input, object shape, object weight, object bias, object eps, object eps_mode, object out,
                       object residual, object residual_out, object axis, object where, object activation, cn_kind kind):
    """The result, or results, of layer_norm or rms_norm, or None where care is needed."""
    cdef cn_call call
    cdef object h = None
    if not open_rows(&call, input, shape, weight, bias, eps, eps_mode, out, axis, where, activation, kind):
        return None
    y = output(input, out)
    if y is None:
        return None
    if residual is not None or residual_out is not None:
        h = take_sum(&call, input, residual, residual_out, y, weight, bias)
        if h is None or not apart(<cnp.ndarray>h, where):
            return None
    set_operand(&call, CN_X, input if h is None else h)
    set_operand(&call, CN_Y, y)
    run(&call, cnp.PyArray_SIZE(<cnp.ndarray>input))
    return y if h is None else (y, h)


def layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None,
               eps: float = 1e-5, *, out: Any = None, axis: Any = None, weight_offset: Any = NO_OFFSET,
               where: Any = None, residual: Any = None, residual_out: Any = None,
               activation: Any = None, eps_mode: str = INSIDE) -> Any:
    w, b = in_lanes(weight, input), in_lanes(bias, input)
    if weight_offset is not NO_OFFSET:
        w = offset_weight(w, weight_offset)
    sizes = tuple(normalized_shape) if PyList_CheckExact(normalized_shape) else normalized_shape
    y = normalized(input, sizes, w, b, eps, eps_mode, out, residual, residual_out, axis, where, activation, CN_VAR)
    return y if y is not None else rows.layer_norm(
        input, normalized_shape, weight, bias, eps, out=out, axis=axis, weight_offset=weight_offset, where=where,
        residual=residual, residual_out=residual_out, activation=activation, eps_mode=eps_mode)


def rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None,
             *, out: Any = None, axis: Any = None, weight_offset: Any = NO_OFFSET, residual: Any = None,
             residual_out: Any = None, activation: Any = None, eps_mode: str = INSIDE, gate: Any = None,
             gate_activation: Any = SILU, norm_before_gate: bool = True, group_size: int | None = None) -> Any:
    y, w = None, in_lanes(weight, input)
    if weight_offset is not NO_OFFSET:
        w = offset_weight(w, weight_offset)
    sizes = tuple(normalized_shape) if PyList_CheckExact(normalized_shape) else normalized_shape
    if gate is None and group_size is None and gate_activation is SILU and norm_before_gate is True:
        y = normalized(input, sizes, w, None, eps, eps_mode, out, residual, residual_out, axis, None, activation, CN_RMS)
    elif axis is None and residual is None and residual_out is None:
        y = gated(input, sizes, w, eps, eps_mode, out, activation, gate, gate_activation, norm_before_gate, group_size)
    return y if y is not None else rows.rms_norm(
        input, normalized_shape, weight, eps, axis=axis, weight_offset=weight_offset, out=out,
        residual=residual, residual_out=residual_out, activation=activation, eps_mode=eps_mode, gate=gate,
        gate_activation=gate_activation, norm_before_gate=norm_before_gate, group_size=group_size)


layer_norm.__doc__, layer_norm.__annotations__ = rows.layer_norm.__doc__, rows.layer_norm.__annotations__
rms_norm.__doc__, rms_norm.__annotations__ = rows.rms_norm.__doc__, rows.rms_norm.__annotations__
