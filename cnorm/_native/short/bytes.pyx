# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: binding=True, annotation_typing=False, freethreading_compatible=True
"""The short ways of the norms to signed bytes: layer_norm_int8 and rms_norm_int8."""

cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.unicode cimport PyUnicode_CheckExact
from libc.float cimport FLT_MAX, FLT_MIN

from cnorm._native.core cimport (
    CN_F64, CN_MAXDIM, CN_OF_ROWS, CN_RMS, CN_SCALE_GIVEN, CN_VAR, CN_X, CN_Y, cn_call, cn_kind, run, set_operand,
)
from cnorm._native.glance cimport apart, in_lanes, same_sizes
from cnorm._native.kept cimport new_as
from cnorm._native.layout cimport float_of
from cnorm._native.short.rows cimport offset_weight, open_rows
from cnorm._native.short.taken cimport intp

from typing import Any

import numpy as np

from cnorm._accept.arrays import Array
from cnorm._norms import rows_int8

cnp.import_array()

cdef object NO_OFFSET = 0.0  # a default is known by its identity
cdef object INSIDE = "inside"
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


cdef bint takes_bytes(object out, cnp.ndarray x) noexcept:
    """Is out an array of bytes, without gaps, as x is one of floats, and apart from it?"""
    if not cnp.PyArray_CheckExact(out) or not cnp.PyArray_ISCARRAY(<cnp.ndarray>out):
        return False
    return cnp.PyArray_TYPE(<cnp.ndarray>out) == cnp.NPY_INT8 and same_sizes(<cnp.ndarray>out, x) and apart(<cnp.ndarray>out, x)


cdef cnp.ndarray set_scales(cn_call *call, cnp.ndarray x, unsigned long long reduced, object scale, double given):
    """The array for one scale, which it holds, or without one for each row over the axes whose bits are set."""
    cdef intp dims[CN_MAXDIM]
    cdef int ndim = cnp.PyArray_NDIM(x), num = float_of(call.dtype == CN_F64), i
    cdef cnp.ndarray scales
    for i in range(ndim):
        dims[i] = 1 if reduced >> i & 1 else cnp.PyArray_DIM(x, i)
    scales = cnp.PyArray_EMPTY(ndim if scale is None else 0, dims, num, 0)
    call.bytes.scales = <char *>cnp.PyArray_DATA(scales)
    call.bytes.kind = CN_OF_ROWS if scale is None else CN_SCALE_GIVEN
    if scale is not None:
        if call.dtype == CN_F64:
            (<double *>call.bytes.scales)[0] = given
        else:
            (<float *>call.bytes.scales)[0] = <float>given
    return scales


cdef bint are_last(unsigned long long reduced, int ndim) noexcept:
    """Are the axes whose bits are set the last ones?"""
    return reduced + (reduced & -reduced) == 1ULL << ndim


cdef cnp.ndarray new_bytes(cnp.ndarray x, unsigned long long reduced):
    """An array of x's shape that holds rows over the axes whose bits are set without gaps."""
    cdef intp order[CN_MAXDIM]
    cdef intp back[CN_MAXDIM]
    cdef cnp.PyArray_Dims there, here
    cdef int i, n = 0
    if are_last(reduced, cnp.PyArray_NDIM(x)):
        return new_as(x, INT8)
    for i in range(2 * cnp.PyArray_NDIM(x)):  # what is kept, then what is reduced
        if <bint>(reduced >> (i % cnp.PyArray_NDIM(x)) & 1) == (i >= cnp.PyArray_NDIM(x)):
            order[n], back[i % cnp.PyArray_NDIM(x)] = i % cnp.PyArray_NDIM(x), n
            n += 1
    there.ptr, there.len, here.ptr, here.len = order, n, back, n
    return cnp.PyArray_Transpose(new_as(cnp.PyArray_Transpose(x, &there), INT8), &here)


cdef object taken(object input, object shape, object weight, object bias, object eps, object granularity, object scale,
                  object out, object axis, object weight_offset, object where, cn_kind kind):
    """The result of layer_norm_int8 or rms_norm_int8, or None where care is needed."""
    cdef cn_call call
    cdef double given
    cdef unsigned long long reduced
    if not PyUnicode_CheckExact(granularity) or granularity != "row":
        return None
    w, b = in_lanes(weight, input), in_lanes(bias, input)
    if weight_offset is not NO_OFFSET:
        w = offset_weight(w, weight_offset)
    reduced = open_rows(&call, input, shape, w, b, eps, INSIDE, out, axis, where, None, kind)
    if reduced == 0 or not call.moments.eps >= 0 or not take_scale(scale, call.dtype, &given):
        return None
    if out is not None and not (are_last(reduced, call.ndim) and takes_bytes(out, input)):
        return None
    q = new_bytes(input, reduced) if out is None else out
    scales = set_scales(&call, input, reduced, scale, given)
    set_operand(&call, CN_X, input)
    set_operand(&call, CN_Y, q)
    run(&call, cnp.PyArray_SIZE(<cnp.ndarray>input))
    return q, scales


def layer_norm_int8(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None,
                    eps: float = 1e-5, *, granularity: str = "row", scale: Any = None, out: Any = None,
                    axis: Any = None, weight_offset: Any = NO_OFFSET, where: Any = None) -> tuple[Array, Array]:
    made = taken(input, normalized_shape, weight, bias, eps, granularity, scale, out, axis, weight_offset, where, CN_VAR)
    return made if made is not None else rows_int8.layer_norm_int8(
        input, normalized_shape, weight, bias, eps, granularity=granularity, scale=scale, out=out, axis=axis,
        weight_offset=weight_offset, where=where)


def rms_norm_int8(input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None,
                  *, granularity: str = "row", scale: Any = None, out: Any = None, axis: Any = None,
                  weight_offset: Any = NO_OFFSET) -> tuple[Array, Array]:
    made = taken(input, normalized_shape, weight, None, eps, granularity, scale, out, axis, weight_offset, None, CN_RMS)
    return made if made is not None else rows_int8.rms_norm_int8(
        input, normalized_shape, weight, eps, granularity=granularity, scale=scale, out=out, axis=axis,
        weight_offset=weight_offset)


layer_norm_int8.__doc__, layer_norm_int8.__annotations__ = rows_int8.layer_norm_int8.__doc__, rows_int8.layer_norm_int8.__annotations__
rms_norm_int8.__doc__, rms_norm_int8.__annotations__ = rows_int8.rms_norm_int8.__doc__, rows_int8.rms_norm_int8.__annotations__
