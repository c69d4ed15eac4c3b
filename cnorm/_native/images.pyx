# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Images, as they are or as rows of patches, and exact sums of their pixels."""

cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.list cimport PyList_CheckExact, PyList_GET_ITEM, PyList_GET_SIZE
from cpython.tuple cimport PyTuple_CheckExact, PyTuple_GET_ITEM, PyTuple_GET_SIZE

from cnorm._native.core cimport (
    CN_PIXEL_SUMS, CN_Y, check, cn_call, cn_partial, cn_status, dtype_of, new_state, run, set_operand, set_reduced, set_x, verbs,
)
from cnorm._native.gil cimport PyThreadState, release, resume
from cnorm._native.layout cimport is_packed, is_wide, same_shape
from cnorm._native.states cimport of_states

cnp.import_array()

cdef extern from "api/verbs.h" nogil:
    enum: CN_U8, CN_U16
    ctypedef struct cn_patches:
        ptrdiff_t side, merge, temporal
    ctypedef struct cn_verbs:
        cn_status (*image)(const cn_call *call, int pixels, int axis, const double *center, const double *scale,
                           const double *clip) noexcept nogil
        cn_status (*image_patches)(const cn_call *call, int pixels, const double *center, const double *scale,
                                   const double *clip, const cn_patches *patches) noexcept nogil

# The table of the C core, which the extension `core` holds.
cdef const cn_verbs *C = <const cn_verbs *>verbs()


cdef int pixels_of(cnp.ndarray image) except -1:
    """The kernel row of a picture."""
    cdef int num = cnp.PyArray_TYPE(image)
    return CN_U8 if num == cnp.NPY_UINT8 else CN_U16 if num == cnp.NPY_UINT16 else dtype_of(image)


cdef bint take_each(object p, Py_ssize_t channels, double *to) noexcept:
    """Is p one finite float, or one for each channel: alone, in an array, a tuple or a list?"""
    cdef Py_ssize_t i, n = 1
    cdef const char *data = NULL
    cdef bint wide = False
    if cnp.PyArray_CheckExact(p):
        if not is_packed(<cnp.ndarray>p) or cnp.PyArray_NDIM(<cnp.ndarray>p) > 1:
            return False
        n, data, wide = cnp.PyArray_SIZE(<cnp.ndarray>p), cnp.PyArray_BYTES(<cnp.ndarray>p), is_wide(<cnp.ndarray>p)
    elif PyTuple_CheckExact(p):
        n = PyTuple_GET_SIZE(p)
    elif PyList_CheckExact(p):
        n = PyList_GET_SIZE(p)
    if n != channels and n != 1:
        return False
    for i in range(channels):
        if data != NULL:
            to[i] = (<const double *>data)[i if n > 1 else 0] if wide else (<const float *>data)[i if n > 1 else 0]
        else:
            value = p
            if PyTuple_CheckExact(p):
                value = <object>PyTuple_GET_ITEM(p, i if n > 1 else 0)
            elif PyList_CheckExact(p):
                value = <object>PyList_GET_ITEM(p, i if n > 1 else 0)
            if not PyFloat_CheckExact(value):
                return False
            to[i] = PyFloat_AS_DOUBLE(value)
        if to[i] - to[i] != 0:
            return False
    return True


def quotients(object mean, object std, Py_ssize_t channels, double scale, /):
    """mean / scale and scale / std of each channel; None where care is needed."""
    cdef cnp.npy_intp i, n = channels
    cdef cnp.ndarray center = cnp.PyArray_EMPTY(1, &n, cnp.NPY_FLOAT64, 0)
    cdef cnp.ndarray factor = cnp.PyArray_EMPTY(1, &n, cnp.NPY_FLOAT64, 0)
    cdef double *c = <double *>cnp.PyArray_DATA(center)
    cdef double *f = <double *>cnp.PyArray_DATA(factor)
    if not take_each(mean, channels, c) or not take_each(std, channels, f):
        return None
    for i in range(channels):
        c[i], f[i] = c[i] / scale, scale / f[i]
        if c[i] - c[i] != 0 or f[i] - f[i] != 0:
            return None
    return center, factor


def picture(cnp.ndarray image not None, cnp.ndarray out not None, int axis, cnp.ndarray center not None,
            cnp.ndarray scale not None, tuple clip=None):
    """out = (image - center) * scale, both of one shape; center and scale: contiguous float64 along axis.

    clip: the least and the greatest there is.
    """
    cdef cn_call call
    cdef cn_status status
    cdef int pixels = pixels_of(image)
    cdef PyThreadState *released
    cdef const double *mid = <const double *>cnp.PyArray_DATA(center)
    cdef const double *factor = <const double *>cnp.PyArray_DATA(scale)
    cdef double[2] ends
    if cnp.PyArray_SIZE(image) == 0:
        return
    set_x(&call, image, dtype_of(out))
    set_operand(&call, CN_Y, out)
    if clip is not None:
        ends[0], ends[1] = clip
    released = release(cnp.PyArray_SIZE(image))
    status = C.image(&call, pixels, axis, mid, factor, NULL if clip is None else ends)
    resume(released)
    check(status)


def patches(cnp.ndarray image not None, cnp.ndarray out not None, cnp.ndarray center not None,
            cnp.ndarray scale not None, tuple sizes not None, tuple clip=None):
    """Rows of patches of frames (T, C, H, W): out without gaps; sizes: (side, merge, temporal), which divide."""
    cdef cn_call call
    cdef cn_status status
    cdef cn_patches how
    cdef int pixels = pixels_of(image)
    cdef PyThreadState *released
    cdef const double *mid = <const double *>cnp.PyArray_DATA(center)
    cdef const double *factor = <const double *>cnp.PyArray_DATA(scale)
    cdef double[2] ends
    how.side, how.merge, how.temporal = sizes
    if cnp.PyArray_SIZE(image) == 0:
        return
    set_x(&call, image, dtype_of(out))
    call.op[CN_Y].data = <char *>cnp.PyArray_DATA(out)
    if clip is not None:
        ends[0], ends[1] = clip
    released = release(cnp.PyArray_SIZE(image))
    status = C.image_patches(&call, pixels, mid, factor, NULL if clip is None else ends, &how)
    resume(released)
    check(status)


def pixel_sums(cnp.ndarray x not None, tuple axes not None):
    """State [..., (count, sum, squares, above)] of integers over axes (kept with size 1), exact.

    The sum of x^2 is squares + 65536 * above.
    """
    cdef cn_call call
    cdef cnp.ndarray state = new_state(x, axes)
    if cnp.PyArray_SIZE(x) == 0:
        return state
    set_x(&call, x, pixels_of(x))
    set_reduced(&call, axes)
    call.moments.kind, call.moments.to = CN_PIXEL_SUMS, <cn_partial *>cnp.PyArray_DATA(state)
    run(&call, cnp.PyArray_SIZE(x))
    return state


def means_and_variances(cnp.ndarray state not None, double n):
    """Of sums by `pixel_sums` of n elements each, whose products float64 holds: one rounding."""
    cdef cnp.ndarray mean = of_states(state, True), var = of_states(state, True)
    cdef const cn_partial *of = <const cn_partial *>cnp.PyArray_DATA(state)
    cdef double total
    cdef Py_ssize_t i
    for i in range(cnp.PyArray_SIZE(mean)):
        total = of[i].mean
        (<double *>cnp.PyArray_DATA(mean))[i] = total / n
        (<double *>cnp.PyArray_DATA(var))[i] = (n * (of[i].mean_lo + of[i].m2 * 65536) - total * total) / (n * n)
    return mean, var


def inverses(cnp.ndarray std not None, double one):
    """`one` over each double, and 0 over 0."""
    cdef cnp.ndarray inverse = same_shape(std, cnp.NPY_FLOAT64)
    cdef double *to = <double *>cnp.PyArray_DATA(inverse)
    cdef Py_ssize_t i
    std = cnp.PyArray_GETCONTIGUOUS(std)
    for i in range(cnp.PyArray_SIZE(std)):
        to[i] = (<const double *>cnp.PyArray_DATA(std))[i]
        to[i] = one / to[i] if to[i] != 0 else 0
    return inverse
