# Signed bytes: part of _core.pyx.


def normalize_int8(cnp.ndarray x not None, cnp.ndarray q not None, cnp.ndarray scales not None,
                   tuple axes not None, cnp.ndarray weight, cnp.ndarray bias, double eps, str kind not None,
                   bint given, cnp.ndarray mask=None):
    """q = y / scale, rounded, for the y of normalize; scales of the rows are written or, if given, read.

    q: contiguous, the axes reduced are its last. scales: contiguous, one for each row, or one if given.
    """
    cdef cn_call call
    if cnp.PyArray_SIZE(x) == 0:
        return
    set_x(&call, x, dtype_of(x))
    set_affine(&call, weight, bias, mask)
    set_reduced(&call, axes)
    call.moments.kind, call.moments.eps = kind_of(kind), eps
    call.bytes.q = <signed char *>cnp.PyArray_DATA(q)
    call.bytes.scales = <char *>cnp.PyArray_DATA(scales)
    if given:
        call.bytes.kind = CN_SCALE_GIVEN if cnp.PyArray_SIZE(scales) == 1 else CN_SCALES_GIVEN
    run(&call, cnp.PyArray_SIZE(x))
