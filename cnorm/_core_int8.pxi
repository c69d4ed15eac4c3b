# Signed bytes: part of _core.pyx.


cdef int run_normalize_int8(cn_call *call, Py_ssize_t size, cn_kind kind, double eps, const cn_int8 *to) except -1:
    cdef cn_status status
    if size < RELEASE:
        return check(cn_normalize_int8(call, kind, eps, to))
    with nogil:
        status = cn_normalize_int8(call, kind, eps, to)
    return check(status)


def normalize_int8(cnp.ndarray x not None, cnp.ndarray q not None, cnp.ndarray scales not None,
                   tuple axes not None, cnp.ndarray weight, cnp.ndarray bias, double eps, str kind not None,
                   bint given, cnp.ndarray mask=None):
    """q = y / scale, rounded, for the y of normalize; scales of the rows are written or, if given, read.

    q: contiguous, the axes reduced are its last. scales: contiguous, one for each row, or one if given.
    """
    cdef cn_call call
    cdef cn_int8 to
    if cnp.PyArray_SIZE(x) == 0:
        return
    set_x(&call, x, dtype_of(x))
    if weight is not None:
        set_operand(&call, CN_W, weight)
    if bias is not None:
        set_operand(&call, CN_B, bias)
    if mask is not None:
        set_operand(&call, CN_M, mask)
    set_reduced(&call, axes)
    to.q = <signed char *>cnp.PyArray_DATA(q)
    to.scales = <char *>cnp.PyArray_DATA(scales)
    to.kind = CN_OF_ROWS if not given else CN_GIVEN_ONE if cnp.PyArray_SIZE(scales) == 1 else CN_GIVEN
    run_normalize_int8(&call, cnp.PyArray_SIZE(x), CN_VAR if kind == "var" else CN_RMS, eps, &to)
