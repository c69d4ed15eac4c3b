# Rows, their residual and the offset of their weight: part of _entry.pyx.


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
                       object activation, cn_kind kind, intp *n) noexcept:
    """How many axes rows of n elements span; 0 where care is needed."""
    cdef cnp.ndarray x
    cdef int axes
    if not open_call(call, input, activation) or not cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>input):
        return 0
    x = <cnp.ndarray>input
    axes = count_trailing(x, shape, n)
    if axes == 0 or not take_affine(call, weight, bias, axes, cnp.PyArray_DIMS(x) + cnp.PyArray_NDIM(x) - axes):
        return 0
    if PyFloat_CheckExact(eps):
        call.moments.eps = PyFloat_AS_DOUBLE(eps)
    elif eps is None and kind == CN_RMS:
        call.moments.eps = DBL_EPSILON if call.dtype == CN_F64 else FLT_EPSILON
    else:
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
                     object out, object residual, object residual_out, object activation, cn_kind kind):
    """The result, or results, of layer_norm or rms_norm, or None where care is needed."""
    cdef cn_call call
    cdef cnp.ndarray x
    cdef object h = None
    cdef intp n, size
    if not open_trailing(&call, input, normalized_shape, weight, bias, eps, activation, kind, &n):
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
