# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: binding=True, annotation_typing=False, freethreading_compatible=True
"""Arguments taken into a call of the core, or refused: what the short ways share."""

cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.long cimport PyLong_AsLongAndOverflow, PyLong_CheckExact
from cpython.tuple cimport PyTuple_CheckExact, PyTuple_GET_ITEM, PyTuple_GET_SIZE
from cpython.unicode cimport PyUnicode_CheckExact
from libc.string cimport memcmp

from cnorm._native.core cimport (
    CN_B, CN_F64, CN_LEAKY_RELU, CN_M, CN_STAT, CN_W, CN_X, CN_Y, cn_activation, cn_call, cn_clear_call, cn_dtype, cn_eps_mode,
    known_dtype,
)
from cnorm._native.glance cimport alike, apart, fits, is_plain
from cnorm._native.kept cimport new_like
from cnorm._native.layout cimport float_of

from cnorm._accept.options import ACTIVATIONS, EPS_MODES

cnp.import_array()

cdef dict KNOWN = ACTIVATIONS
cdef dict MODES = EPS_MODES
cdef object INSIDE = "inside"


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
    cn_clear_call(call, 0)
    if activation is not None and not take_activation(activation, &call.activation, &call.slope):
        return False
    if not is_plain(input) or cnp.PyArray_SIZE(<cnp.ndarray>input) == 0:
        return False
    call.dtype = <cn_dtype>known_dtype(<cnp.ndarray>input)
    call.op[CN_X].data = <char *>cnp.PyArray_DATA(<cnp.ndarray>input)
    return True


cdef bint take_parameter(const cn_call *call, object p, int ndim, const intp *dims, char **data) noexcept:
    """Is p None (data is NULL then) or an array of these sizes, ready for the kernels?"""
    cdef int wanted = float_of(call.dtype == CN_F64)
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


cdef object take_out(cn_call *call, cnp.ndarray x, object weight, object bias, object out):
    """The array to write as x lies, a new one without `out`; None if `out` needs care."""
    if out is None:
        out = new_like(x)
    elif not fits(out, x) or not alike(<cnp.ndarray>out, x):
        return None
    elif not apart(<cnp.ndarray>out, weight) or not apart(<cnp.ndarray>out, bias):
        return None
    call.op[CN_Y].data = <char *>cnp.PyArray_DATA(<cnp.ndarray>out)
    return out


cdef void add_axis(cn_call *call, intp n, intp stride, intp stat, intp parameter) noexcept:
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


cdef void add_axis_of(cn_call *call, cnp.ndarray x, cnp.ndarray y, object where, int axis, intp stat, intp parameter) noexcept:
    """An axis as it lies in x, in y and in a mask; statistics and parameters as above."""
    cdef int at = call.ndim
    add_axis(call, cnp.PyArray_DIM(x, axis), cnp.PyArray_STRIDE(x, axis), stat, parameter)
    call.op[CN_Y].strides[at] = cnp.PyArray_STRIDE(y, axis)
    if where is not None and cnp.PyArray_DIM(<cnp.ndarray>where, axis) != 1:
        call.op[CN_M].strides[at] = cnp.PyArray_STRIDE(<cnp.ndarray>where, axis)


cdef void split_axis(cn_call *call, intp members) noexcept:
    """The last axis, of parameters alone, as groups, which have statistics, and their members."""
    cdef int which, at = call.ndim - 1
    for which in (CN_X, CN_Y, CN_W, CN_B, CN_M):
        call.op[which].strides[at + 1] = call.op[which].strides[at]
        call.op[which].strides[at] *= members
    call.op[CN_STAT].strides[at], call.op[CN_STAT].strides[at + 1] = 1, 0
    call.shape[at], call.shape[at + 1] = call.shape[at] // members, members
    call.n_stats *= call.shape[at]
    call.ndim += 1


cdef intp positive(object n) noexcept:
    """An int above 0, or -1."""
    cdef int overflow
    cdef long value = PyLong_AsLongAndOverflow(n, &overflow) if PyLong_CheckExact(n) else -1
    return value if value > 0 else -1
