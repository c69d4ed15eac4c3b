# Pictures: part of _core.pyx.


cdef int pixels_of(cnp.ndarray image) except -1:
    """The kernel row of a picture."""
    cdef int num = cnp.PyArray_TYPE(image)
    return CN_U8 if num == cnp.NPY_UINT8 else CN_U16 if num == cnp.NPY_UINT16 else dtype_of(image)


def picture(cnp.ndarray image not None, cnp.ndarray out not None, int axis, cnp.ndarray center not None,
            cnp.ndarray scale not None):
    """out = (image - center) * scale, both of one shape; center and scale: contiguous float64 along axis."""
    cdef cn_call call
    cdef cn_status status
    cdef int pixels = pixels_of(image)
    cdef const double *mid = <const double *>cnp.PyArray_DATA(center)
    cdef const double *factor = <const double *>cnp.PyArray_DATA(scale)
    if cnp.PyArray_SIZE(image) == 0:
        return
    set_x(&call, image, dtype_of(out))
    set_operand(&call, CN_Y, out)
    if cnp.PyArray_SIZE(image) < RELEASE:
        status = cn_image(&call, pixels, axis, mid, factor)
    else:
        with nogil:
            status = cn_image(&call, pixels, axis, mid, factor)
    check(status)


def picture_sums(cnp.ndarray image not None, int axis):
    """[channel, (sum, sum of squares)] of a picture of integers, exact."""
    cdef cn_call call
    cdef cn_status status
    cdef int pixels = pixels_of(image)
    cdef cnp.npy_intp dims[2]
    dims[0], dims[1] = cnp.PyArray_DIM(image, axis), 2
    cdef cnp.ndarray sums = cnp.PyArray_ZEROS(2, dims, cnp.NPY_UINT64, 0)
    if cnp.PyArray_SIZE(image) == 0:
        return sums
    set_x(&call, image, CN_F32)
    with nogil:
        status = cn_image_sums(&call, pixels, axis, <uint64_t *>cnp.PyArray_DATA(sums))
    check(status)
    return sums
