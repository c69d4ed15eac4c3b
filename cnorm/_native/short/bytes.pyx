# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: binding=True, annotation_typing=False, freethreading_compatible=True
"""The short ways of the norms to signed bytes: layer_norm_int8 and rms_norm_int8."""

cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from libc.float cimport FLT_MAX, FLT_MIN
from libc.string cimport memcmp

from cnorm._native.core cimport (
    CN_F64, CN_M, CN_MAXDIM, CN_OF_ROWS, CN_RMS, CN_SCALE_GIVEN, CN_VAR, CN_Y, cn_call, cn_kind, run,
)
from cnorm._native.glance cimport apart
from cnorm._native.kept cimport new_as
from cnorm._native.short.rows cimport add_trailing, offset_weight, open_trailing
from cnorm._native.short.taken cimport find_step, in_lanes, intp, take_mask

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
                          object scale, object out, object where, cn_kind kind):
    """The result of layer_norm_int8 or rms_norm_int8, or None where care is needed."""
    cdef cn_call call
    cdef cnp.ndarray x, scales
    cdef intp n, size
    cdef intp masks[2]
    cdef double given
    cdef int axes = open_trailing(&call, input, normalized_shape, weight, bias, eps, INSIDE, None, kind, &n)
    if axes == 0 or not call.moments.eps >= 0 or not take_scale(scale, call.dtype, &given):
        return None
    x = <cnp.ndarray>input
    if out is not None and not (takes_bytes(out, x, weight, bias) and apart(<cnp.ndarray>out, where)):
        return None
    if not (take_mask(&call, where, x, out) and find_step(where, x, 0, cnp.PyArray_NDIM(x) - axes, &masks[0])
            and find_step(where, x, cnp.PyArray_NDIM(x) - axes, cnp.PyArray_NDIM(x), &masks[1])):
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
    call.op[CN_M].strides[0], call.op[CN_M].strides[1] = masks[0], masks[1]
    run(&call, size)
    return q, scales


def layer_norm_int8(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None,
                    eps: float = 1e-5, *, granularity: str = "row", scale: Any = None, out: Any = None,
                    axis: Any = None, weight_offset: Any = NO_OFFSET, where: Any = None) -> tuple[Array, Array]:
    made = None
    if axis is None and granularity == "row":
        w = in_lanes(weight, input)
        if weight_offset is not NO_OFFSET:
            w = offset_weight(w, weight_offset)
        made = trailing_int8(input, normalized_shape, w, in_lanes(bias, input), eps, scale, out, where, CN_VAR)
    return made if made is not None else rows_int8.layer_norm_int8(
        input, normalized_shape, weight, bias, eps, granularity=granularity, scale=scale, out=out, axis=axis,
        weight_offset=weight_offset, where=where)


def rms_norm_int8(input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None,
                  *, granularity: str = "row", scale: Any = None, out: Any = None, axis: Any = None,
                  weight_offset: Any = NO_OFFSET) -> tuple[Array, Array]:
    made = None
    if axis is None and granularity == "row":
        w = in_lanes(weight, input)
        if weight_offset is not NO_OFFSET:
            w = offset_weight(w, weight_offset)
        made = trailing_int8(input, normalized_shape, w, None, eps, scale, out, None, CN_RMS)
    return made if made is not None else rows_int8.rms_norm_int8(
        input, normalized_shape, weight, eps, granularity=granularity, scale=scale, out=out, axis=axis,
        weight_offset=weight_offset)


layer_norm_int8.__doc__, layer_norm_int8.__annotations__ = rows_int8.layer_norm_int8.__doc__, rows_int8.layer_norm_int8.__annotations__
rms_norm_int8.__doc__, rms_norm_int8.__annotations__ = rows_int8.rms_norm_int8.__doc__, rows_int8.rms_norm_int8.__annotations__
