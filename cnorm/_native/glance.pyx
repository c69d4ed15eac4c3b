# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""What needs no care, told at a glance: arrays, axes and outputs that the kernels take as they are.

No rule is written here: a look that is not sure says no, and the careful function asks and complains. NumPy's own
questions (`dtype.isnative`, `may_share_memory`, `np.errstate`) take 0.05 to 2 us each from Python, a look 0.04.
"""

cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.long cimport PyLong_AsLongAndOverflow, PyLong_CheckExact
from cpython.tuple cimport PyTuple_CheckExact, PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcmp, memcpy, memset

from cnorm._native.core cimport CN_BF16, CN_F16, known_dtype, widened
from cnorm._native.gil cimport PyThreadState, release, resume
from cnorm._native.kept cimport new_like
from cnorm._native.layout cimport float_of

cnp.import_array()

ctypedef cnp.npy_intp intp
cdef enum: MOST = 8  # axes of what is looked at
cdef enum: SOME = 1 << 16  # sequences, and positions, whose mask is made at once
cdef enum: SHORT = 64  # positions of a row that are written so many at a time
cdef enum: AT_ONCE = 16
# The axes of arrays of so many dimensions, all of them or one.
cdef tuple ALL = tuple(tuple(range(ndim)) for ndim in range(MOST + 1))
cdef tuple ONE = tuple((axis,) for axis in range(MOST))


cdef void find_bounds(cnp.ndarray a, const char **first, const char **end) noexcept:
    """The bytes between which all elements lie, as NumPy's `byte_bounds` has them."""
    cdef int axis
    cdef intp reach
    first[0] = <const char *>cnp.PyArray_DATA(a)
    end[0] = first[0] + cnp.PyArray_NBYTES(a)
    if cnp.PyArray_IS_C_CONTIGUOUS(a) or cnp.PyArray_SIZE(a) == 0:
        return
    end[0] = first[0] + cnp.PyArray_ITEMSIZE(a)
    for axis in range(cnp.PyArray_NDIM(a)):
        reach = (cnp.PyArray_DIM(a, axis) - 1) * cnp.PyArray_STRIDE(a, axis)
        if reach < 0:
            first[0] += reach
        else:
            end[0] += reach


cdef bint apart(cnp.ndarray y, object a) noexcept:
    """Does the memory of a, which may be None, lie outside of y's?"""
    cdef const char *y_first
    cdef const char *y_end
    cdef const char *a_first
    cdef const char *a_end
    if a is None:
        return True
    find_bounds(y, &y_first, &y_end)
    find_bounds(<cnp.ndarray>a, &a_first, &a_end)
    return a_end <= y_first or y_end <= a_first


cdef bint same_sizes(cnp.ndarray y, cnp.ndarray x) noexcept:
    return (cnp.PyArray_NDIM(y) == cnp.PyArray_NDIM(x)
            and memcmp(cnp.PyArray_DIMS(y), cnp.PyArray_DIMS(x), cnp.PyArray_NDIM(x) * sizeof(intp)) == 0)


cdef bint alike(cnp.ndarray y, cnp.ndarray x) noexcept:
    """Are x and y of one type, shape and strides?"""
    return (cnp.PyArray_TYPE(y) == cnp.PyArray_TYPE(x) and same_sizes(y, x)
            and memcmp(cnp.PyArray_STRIDES(y), cnp.PyArray_STRIDES(x), cnp.PyArray_NDIM(x) * sizeof(intp)) == 0)


cdef bint in_place_or_apart(cnp.ndarray y, cnp.ndarray x) noexcept:
    """Of two of one shape: is their memory the same, element by element, or apart?"""
    return (cnp.PyArray_DATA(y) == cnp.PyArray_DATA(x) and alike(y, x)) or apart(y, x)


cdef bint is_written(object y) noexcept:
    """An exact ndarray to write to, aligned and native, that has no element twice along an axis?"""
    cdef int axis
    if not cnp.PyArray_CheckExact(y) or not cnp.PyArray_ISBEHAVED(<cnp.ndarray>y):
        return False
    for axis in range(cnp.PyArray_NDIM(<cnp.ndarray>y)):
        if cnp.PyArray_STRIDE(<cnp.ndarray>y, axis) == 0 and cnp.PyArray_DIM(<cnp.ndarray>y, axis) != 1:
            return False
    return True


cdef bint fits(object y, cnp.ndarray x) noexcept:
    """Can y be written, of x's type and shape, while x is read?"""
    return (is_written(y) and cnp.PyArray_TYPE(<cnp.ndarray>y) == cnp.PyArray_TYPE(x) and same_sizes(<cnp.ndarray>y, x)
            and in_place_or_apart(<cnp.ndarray>y, x))


cdef bint is_plain(object x) noexcept:
    """An exact ndarray, aligned and native, of a float dtype met before?"""
    return (cnp.PyArray_CheckExact(x) and cnp.PyArray_ISBEHAVED_RO(<cnp.ndarray>x)
            and known_dtype(<cnp.ndarray>x) >= 0)


cdef bint is_table(object x) noexcept:
    """A matrix that the kernels take as it is, not empty?"""
    return is_plain(x) and cnp.PyArray_NDIM(<cnp.ndarray>x) == 2 and cnp.PyArray_SIZE(<cnp.ndarray>x) > 0


cdef bint is_number_table(object x) noexcept:
    """The same, or of integers or booleans that lie in the order in which they are copied to floats?"""
    return is_table(x) or (number(x) and cnp.PyArray_NDIM(<cnp.ndarray>x) == 2 and cnp.PyArray_SIZE(<cnp.ndarray>x) > 0
                           and cnp.PyArray_STRIDE(<cnp.ndarray>x, 0) > 0 and cnp.PyArray_STRIDE(<cnp.ndarray>x, 1) > 0)


def plain(object x):
    """Is x an exact ndarray of floats that the kernels take as it is?"""
    return is_plain(x)


cpdef bint number(object x) noexcept:
    """The same, or of integers or booleans?"""
    return is_plain(x) or (cnp.PyArray_CheckExact(x) and cnp.PyArray_ISBEHAVED_RO(<cnp.ndarray>x)
                           and cnp.PyArray_TYPE(<cnp.ndarray>x) <= cnp.NPY_ULONGLONG)


cdef bint as_double(object value, double *to) noexcept:
    """Is it an int or a finite float?"""
    cdef int overflow
    if PyFloat_CheckExact(value):
        to[0] = PyFloat_AS_DOUBLE(value)
        return to[0] - to[0] == 0
    if not PyLong_CheckExact(value):
        return False
    to[0] = <double>PyLong_AsLongAndOverflow(value, &overflow)
    return overflow == 0


cdef bint as_size(object value, Py_ssize_t *to) noexcept:
    """Is it an int that memory may have for a size or an axis?"""
    cdef int overflow
    if not PyLong_CheckExact(value):
        return False
    to[0] = PyLong_AsLongAndOverflow(value, &overflow)
    return overflow == 0


cdef int line_axis(object axis, cnp.ndarray x) noexcept:
    """An axis of x given by an int; -1 where that is not all there is to say."""
    cdef Py_ssize_t a
    cdef int ndim = cnp.PyArray_NDIM(x)
    if not as_size(axis, &a) or not -ndim <= a < ndim:
        return -1
    return <int>(a + ndim if a < 0 else a)


cdef bint take_range(object target, double *first, double *last) noexcept:
    """Is it a pair of plain numbers, the second larger by a finite distance?"""
    if not isinstance(target, tuple) or len(<tuple>target) != 2:
        return False
    if not as_double((<tuple>target)[0], first) or not as_double((<tuple>target)[1], last):
        return False
    return first[0] < last[0] and last[0] - first[0] - (last[0] - first[0]) == 0


cdef bint are_plain_weights(double least, double most) noexcept:
    """Is none negative, and the largest of a size as numbers are multiplied with?"""
    return 0 <= least and 2.0 ** -61 <= most < 2.0 ** 60


cpdef tuple axes(object axis, int ndim, bint ordered=False):
    """Sorted axes, none negative, of None, an int or a tuple of ints; None where that is not all there is to say.

    ordered: also where they are not given in ascending order.
    """
    cdef int overflow, i, j, n
    cdef long a
    cdef unsigned int seen = 0
    cdef list found
    if ndim > MOST:
        return None
    if axis is None:
        return ALL[ndim]
    if PyLong_CheckExact(axis):
        a = PyLong_AsLongAndOverflow(axis, &overflow)
        a = a + ndim if a < 0 else a
        return ONE[a] if 0 <= a < ndim and not overflow else None
    if not PyTuple_CheckExact(axis):
        return None
    n = <int>PyTuple_GET_SIZE(axis)
    for i in range(n):
        item = <object>PyTuple_GET_ITEM(axis, i)
        a = PyLong_AsLongAndOverflow(item, &overflow) if PyLong_CheckExact(item) else ndim
        a = a + ndim if a < 0 else a
        if not 0 <= a < ndim or seen >> a & 1 or overflow or (ordered and seen >> a):
            return None
        seen |= 1u << a
    if seen == (1u << ndim) - 1:
        return ALL[ndim]
    if n == 1:
        return ONE[a]
    return tuple([j for j in range(ndim) if seen >> j & 1])


cpdef object spread(object p, tuple shape):
    """p with as many dimensions as this shape, each 1 or as long; None where it does not broadcast."""
    cdef intp[64] dims
    cdef cnp.PyArray_Dims to
    cdef int axis, lead, n = <int>PyTuple_GET_SIZE(shape)
    lead = n - cnp.PyArray_NDIM(<cnp.ndarray>p) if cnp.PyArray_CheckExact(p) and n <= 64 else -1
    if lead < 0:
        return None
    for axis in range(n):
        dims[axis] = 1 if axis < lead else cnp.PyArray_DIM(<cnp.ndarray>p, axis - lead)
        if dims[axis] != 1 and dims[axis] != <intp>shape[axis]:
            return None
    if lead == 0:
        return p
    to.ptr, to.len = dims, n
    return cnp.PyArray_Newshape(<cnp.ndarray>p, &to, cnp.NPY_CORDER)


def sizes(object shape):
    """Is it a tuple of ints?"""
    cdef int i
    if not PyTuple_CheckExact(shape):
        return False
    for i in range(<int>PyTuple_GET_SIZE(shape)):
        if not PyLong_CheckExact(<object>PyTuple_GET_ITEM(shape, i)):
            return False
    return True


cpdef object output(object x, object out):
    """What is written for x: a new array without `out`, or `out` itself; None where one of them needs care."""
    if not is_plain(x):
        return None
    if out is None:
        return new_like(<cnp.ndarray>x)
    return out if fits(out, <cnp.ndarray>x) else None


cpdef object in_lanes(object p, object x):
    """A parameter of floats in the dtype that kernels take beside x; any other as it is."""
    cdef int dtype, wanted
    if not is_plain(p) or not is_plain(x):
        return p
    wanted = float_of(cnp.PyArray_ITEMSIZE(<cnp.ndarray>x) == 8)
    if cnp.PyArray_TYPE(<cnp.ndarray>p) == wanted:
        return p
    dtype = known_dtype(<cnp.ndarray>p)
    if (dtype == CN_F16 or dtype == CN_BF16) and wanted == cnp.NPY_FLOAT32 and cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>p):
        return widened(<cnp.ndarray>p)
    return cnp.PyArray_Cast(<cnp.ndarray>p, wanted)


cpdef bint parameter(object p, cnp.ndarray x, object out):
    """Is p ready for the kernels beside floats x, and apart from `out`, None or an array?"""
    cdef int wanted = float_of(cnp.PyArray_ITEMSIZE(x) == 8)
    if not cnp.PyArray_CheckExact(p) or not cnp.PyArray_ISBEHAVED_RO(<cnp.ndarray>p):
        return False
    return cnp.PyArray_TYPE(<cnp.ndarray>p) == wanted and is_apart(p, out)


cdef bint is_apart(object p, object out) noexcept:
    return out is None or (cnp.PyArray_CheckExact(out) and apart(<cnp.ndarray>out, p))


ctypedef fused Length:
    int32_t
    int64_t


cdef unsigned char STEP[2 * AT_ONCE]  # ones, then zeros
memset(STEP, 1, AT_ONCE)
memset(STEP + AT_ONCE, 0, AT_ONCE)


cdef bint show_short(const Length *lengths, intp n, intp most, unsigned char *to) noexcept nogil:
    """The same of short rows: AT_ONCE positions at a time, and on into the next row, which is written later."""
    cdef intp i, part, at, length, shown, whole = n - 1 - AT_ONCE // most, parts = (most + AT_ONCE - 1) // AT_ONCE
    cdef bint inside, fine = True
    for i in range(max(whole, 0)):
        length = lengths[i]
        inside = 0 <= length <= most
        fine &= inside
        length = length if inside else 0
        for part in range(parts):
            at = part * AT_ONCE
            shown = max(0, min(length - at, AT_ONCE))
            memcpy(to + i * most + at, STEP + AT_ONCE - shown, AT_ONCE)
    return fine and show_long(lengths, max(whole, 0), n, most, to)


cdef bint show_long(const Length *lengths, intp first, intp n, intp most, unsigned char *to) noexcept nogil:
    """True at the first positions of each row of `most`, from a row on; False where one has more, or less than none."""
    cdef intp i, length
    for i in range(first, n):
        length = lengths[i]
        if not 0 <= length <= most:
            return False
        memset(to + i * most, 1, length)
        memset(to + i * most + length, 0, most - length)
    return True


cdef bint show_single(const Length *lengths, intp n, unsigned char *to) noexcept nogil:
    """The same of rows of one; four at a time, as no vectors are made of this."""
    cdef intp i
    cdef Length seen = 0
    for i in range(n // 4):
        seen |= lengths[4 * i] | lengths[4 * i + 1] | lengths[4 * i + 2] | lengths[4 * i + 3]
        to[4 * i] = <unsigned char>(lengths[4 * i] & 1)
        to[4 * i + 1] = <unsigned char>(lengths[4 * i + 1] & 1)
        to[4 * i + 2] = <unsigned char>(lengths[4 * i + 2] & 1)
        to[4 * i + 3] = <unsigned char>(lengths[4 * i + 3] & 1)
    for i in range(n // 4 * 4, n):
        seen |= lengths[i]
        to[i] = <unsigned char>(lengths[i] & 1)
    return seen & ~<Length>1 == 0


cdef bint show(const Length *lengths, intp n, intp most, unsigned char *to) noexcept nogil:
    if most == 1:
        return show_single(lengths, n, to)
    return show_short(lengths, n, most, to) if 1 < most <= SHORT else show_long(lengths, 0, n, most, to)


def show_lengths(object lengths, object max_length, /):
    """The mask of sequences of these lengths; None where care is needed."""
    cdef intp dims[2]
    cdef Py_ssize_t most
    cdef bint fine = False
    cdef PyThreadState *released
    cdef cnp.ndarray shown, of
    cdef unsigned char *to
    cdef void *data
    if not cnp.PyArray_CheckExact(lengths) or not cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>lengths):
        return None
    of = <cnp.ndarray>lengths
    if cnp.PyArray_NDIM(of) != 1 or not as_size(max_length, &most) or not 0 <= most <= SOME:
        return None
    dims[0], dims[1] = cnp.PyArray_SIZE(of), most
    if dims[0] > SOME or not cnp.PyTypeNum_ISSIGNED(cnp.PyArray_TYPE(of)) or not cnp.PyTypeNum_ISINTEGER(cnp.PyArray_TYPE(of)):
        return None
    shown = cnp.PyArray_EMPTY(2, dims, cnp.NPY_BOOL, 0)
    to, data = <unsigned char *>cnp.PyArray_DATA(shown), cnp.PyArray_DATA(of)
    released = release(cnp.PyArray_SIZE(shown))
    if cnp.PyArray_ITEMSIZE(of) == 8:
        fine = show(<const int64_t *>data, dims[0], most, to)
    elif cnp.PyArray_ITEMSIZE(of) == 4:
        fine = show(<const int32_t *>data, dims[0], most, to)
    resume(released)
    return shown if fine else None


cpdef bint mask(object p, cnp.ndarray x, object out):
    """Is p of booleans, of as many dimensions as x, each as long or 1, and apart from `out`?"""
    cdef int axis
    if not cnp.PyArray_CheckExact(p) or cnp.PyArray_TYPE(<cnp.ndarray>p) != cnp.NPY_BOOL:
        return False
    if cnp.PyArray_NDIM(<cnp.ndarray>p) != cnp.PyArray_NDIM(x):
        return False
    for axis in range(cnp.PyArray_NDIM(x)):
        if cnp.PyArray_DIM(<cnp.ndarray>p, axis) not in (1, cnp.PyArray_DIM(x, axis)):
            return False
    return is_apart(p, out)
