# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Images, as they are or as rows of patches, and exact sums of their pixels."""

cimport numpy as cnp

from cnorm._native.core cimport (
    CN_PIXEL_SUMS, CN_Y, check, cn_call, cn_partial, cn_status, dtype_of, new_state, run, set_operand, set_reduced, set_x, verbs,
)
from cnorm._native.gil cimport PyThreadState, release, resume

cnp.import_array()

cdef extern from "api/verbs.h" nogil:
    enum: CN_U8, CN_U16
    ctypedef struct cn_patches:
        ptrdiff_t side, merge, temporal
    ctypedef struct cn_verbs:
        cn_status (*image)(const cn_call *call, int pixels, int axis, const double *center, const double *scale,
                           const double *clip, int wide) noexcept nogil
        cn_status (*image_patches)(const cn_call *call, int pixels, const double *center, const double *scale,
                                   const double *clip, const cn_patches *patches) noexcept nogil

# The table of the C core, which the extension `core` holds.
cdef const cn_verbs *C = <const cn_verbs *>verbs()


cdef int pixels_of(cnp.ndarray image) except -1:
    """The kernel row of a picture."""
    cdef int num = cnp.PyArray_TYPE(image)
    return CN_U8 if num == cnp.NPY_UINT8 else CN_U16 if num == cnp.NPY_UINT16 else dtype_of(image)


def picture(cnp.ndarray image not None, cnp.ndarray out not None, int axis, cnp.ndarray center not None,
            cnp.ndarray scale not None, tuple clip=None, bint wide=False):
    """out = (image - center) * scale, both of one shape; center and scale: contiguous float64 along axis.

    clip: the least and the greatest there is. wide: in float64, rounded once to float32 or float64.
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
    status = C.image(&call, pixels, axis, mid, factor, NULL if clip is None else ends, wide)
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
