# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""What tables are multiplied with: centers and factors by statistics, weights that meet a wanted end; and clipped."""

cimport numpy as cnp
from cython cimport floating

from cnorm._native.core cimport (
    CN_F32, CN_F64, CN_GIVEN, CN_STAT, CN_W, CN_X, CN_Y, check, cn_call, cn_clear_call, cn_partial,
    cn_status, known_dtype, run, set_affine, set_operand, set_reduced, set_x, verbs,
)
from cnorm._native.gil cimport PyThreadState, release, resume
from cnorm._native.kept cimport new_of
from cnorm._native.layout cimport float_of, is_packed, is_vector, is_wide, same_shape
from cnorm._native.states cimport are_states, of_states

cnp.import_array()

cdef extern from "api/verbs.h" nogil:
    ctypedef enum cn_factors: CN_FACTORS_NONE, CN_FACTORS_SHIFTED
    ctypedef struct cn_meeting:
        double wanted, width, bias
        const unsigned char *regular
        unsigned char *missed
        ptrdiff_t n_missed, n_other
    ctypedef struct cn_verbs:
        int (*moderate)(const double *values, ptrdiff_t n) noexcept nogil
        cn_factors (*factors_of)(const cn_partial *states, ptrdiff_t n, const double *std, double *center, double *factor,
                                 double *shift) noexcept nogil
        int (*inverse_ranges)(const double *low, const double *high, ptrdiff_t n, double tiny, double *factor) noexcept nogil
        int (*largest)(const double *low, const double *high, ptrdiff_t n, double *largest, double *factor) noexcept nogil
        cn_status (*meet)(const cn_call *call, cn_meeting *how) noexcept nogil

# The table of the C core, which the extension `core` holds.
cdef const cn_verbs *C = <const cn_verbs *>verbs()
cdef enum: FEW = 1 << 10  # numbers that are clipped sooner here than by NumPy


cdef double *numbers(cnp.ndarray a) noexcept:
    return NULL if a is None else <double *>cnp.PyArray_DATA(a)


cdef const cn_partial *states_in(cnp.ndarray state) noexcept:
    return <const cn_partial *>cnp.PyArray_DATA(state)


def moderate(cnp.ndarray values not None):
    """Is each of these doubles without gaps far from the ends of float32?"""
    cdef Py_ssize_t n = cnp.PyArray_SIZE(values)
    return is_vector(values, cnp.NPY_FLOAT64, n) and bool(C.moderate(numbers(values), n))


cdef bint take_shares(const floating *x, Py_ssize_t n, double *share, double *most) noexcept:
    """Sizes over the largest; False where one is not finite or all are 0."""
    cdef Py_ssize_t i
    cdef bint fine = True
    most[0] = 0
    for i in range(n):
        share[i] = x[i] if x[i] > 0 else 0 - x[i]
        fine &= share[i] - share[i] == 0
        most[0] = share[i] if share[i] > most[0] else most[0]
    for i in range(n if fine and most[0] > 0 else 0):
        share[i] = share[i] / most[0]
    return fine and most[0] > 0


def shares_of_largest(cnp.ndarray x not None, tuple over not None):
    """|x| over the largest of each group, and these, moderate doubles; None where care is needed.

    Taken at once: packed rows of the last axes.
    """
    cdef cnp.npy_intp[64] dims
    cdef cnp.ndarray shares, most
    cdef Py_ssize_t n = 1, i
    cdef int axis, first = over[0] if over else 0, ndim = cnp.PyArray_NDIM(x)
    if not is_packed(x) or not cnp.PyArray_IS_C_CONTIGUOUS(x) or cnp.PyArray_SIZE(x) == 0 or len(over) != ndim - first:
        return None
    for axis in range(ndim):
        dims[axis] = cnp.PyArray_DIM(x, axis) if axis < first else 1
        n *= 1 if axis < first else cnp.PyArray_DIM(x, axis)
    shares, most = same_shape(x, cnp.NPY_FLOAT64), new_of(ndim, dims, cnp.NPY_FLOAT64)
    for i in range(cnp.PyArray_SIZE(most)):
        if is_wide(x):
            fine = take_shares(numbers(x) + i * n, n, numbers(shares) + i * n, numbers(most) + i)
        else:
            fine = take_shares(<const float *>cnp.PyArray_DATA(x) + i * n, n, numbers(shares) + i * n, numbers(most) + i)
        if not fine:
            return None
    return (shares, most) if C.moderate(numbers(most), cnp.PyArray_SIZE(most)) else None


def factors(cnp.ndarray state not None, cnp.ndarray std not None):
    """Center, factor and shift, which may be None, of (x - mean) / std; None where care is needed."""
    cdef cnp.ndarray center, factor, shift
    cdef cn_factors found
    if (not are_states(state) or cnp.PyArray_TYPE(std) != cnp.NPY_FLOAT64 or not cnp.PyArray_ISCARRAY_RO(std)
            or cnp.PyArray_SIZE(std) * 5 != cnp.PyArray_SIZE(state)):
        return None
    center, factor, shift = of_states(state, True), of_states(state, True), of_states(state, True)
    found = C.factors_of(states_in(state), cnp.PyArray_SIZE(std),
                          numbers(std), numbers(center), numbers(factor),
                         numbers(shift))
    if found == CN_FACTORS_NONE:
        return None
    return center, factor, shift if found == CN_FACTORS_SHIFTED else None


def inverse_ranges(cnp.ndarray low not None, cnp.ndarray high not None, double tiny, /):
    """1 / (high - low); None where care is needed (`cn_inverse_ranges`)."""
    cdef Py_ssize_t n = cnp.PyArray_SIZE(low)
    cdef cnp.ndarray factor
    if not is_vector(low, cnp.NPY_FLOAT64, n) or not is_vector(high, cnp.NPY_FLOAT64, n):
        return None
    factor = same_shape(low, cnp.NPY_FLOAT64)
    if not C.inverse_ranges(numbers(low), numbers(high), n, tiny, numbers(factor)):
        return None
    return factor


cdef cnp.ndarray doubles(cnp.ndarray a):
    """As doubles in C order: itself, or a copy; None is no array."""
    if a is None:
        return None
    return cnp.PyArray_FROMANY(a, cnp.NPY_FLOAT64, 0, 0, cnp.NPY_ARRAY_CARRAY_RO)


cdef int check_size(cnp.ndarray a, Py_ssize_t n, str name) except -1:
    if a is not None and cnp.PyArray_SIZE(a) != n:
        raise ValueError(f"{name}: expected {n} numbers, got shape {(<object>a).shape}")
    return 0


def largest(cnp.ndarray low not None, cnp.ndarray high not None):
    """The larger magnitude of both ends, 1 in place of 0, and 1 / that; None where care is needed (`cn_largest`)."""
    cdef cnp.ndarray a = doubles(low), b = doubles(high)
    cdef cnp.ndarray most = same_shape(a, cnp.NPY_FLOAT64), factor = same_shape(a, cnp.NPY_FLOAT64)
    check_size(b, cnp.PyArray_SIZE(a), "high")
    if not C.largest(numbers(a), numbers(b), cnp.PyArray_SIZE(a), numbers(most), numbers(factor)):
        return None
    return most, factor


cdef void set_vector(cn_call *call, int which, cnp.ndarray a):
    if a is not None:
        call.op[which].data = <char *>cnp.PyArray_DATA(a)
        call.op[which].strides[0] = cnp.PyArray_ITEMSIZE(a)


cdef void fill(floating *to, Py_ssize_t n, floating value) noexcept:
    cdef Py_ssize_t i
    for i in range(n):
        to[i] = value


cdef cnp.ndarray full(cnp.ndarray x, bint wide, double value):
    """An array of x's shape, of one value in float64 or float32."""
    cdef cnp.ndarray y = same_shape(x, float_of(wide))
    if wide:
        fill(numbers(y), cnp.PyArray_SIZE(x), value)
    else:
        fill(<float *>cnp.PyArray_DATA(y), cnp.PyArray_SIZE(x), <float>value)
    return y


cdef void round_all(const double *x, float *to, Py_ssize_t n) noexcept:
    cdef Py_ssize_t i
    for i in range(n):
        to[i] = <float>x[i]


cdef cnp.ndarray rounded(cnp.ndarray x, bint wide):
    """Doubles without gaps, in float32 unless wide."""
    cdef cnp.ndarray y
    if wide:
        return x
    y = same_shape(x, cnp.NPY_FLOAT32)
    round_all(numbers(x), <float *>cnp.PyArray_DATA(y), cnp.PyArray_SIZE(x))
    return y


cpdef tuple meet(cnp.ndarray x, cnp.ndarray center, cnp.ndarray factor, cnp.ndarray regular, double first, double last,
                 bint wide):
    """Weight and bias that take x to `last`, or just below, center to `first`, and where that is missed.

    Of (x - center) * factor * weight + bias in float32, or float64 if wide. x, center, factor: float64; regular: bool, or
    None for all. None for weights of 1, a bias of 0 and nowhere; alone where the arrays are not so, or have gaps.
    """
    cdef cn_call call
    cdef cn_meeting how
    cdef cn_status status
    cdef PyThreadState *released
    cdef Py_ssize_t n = cnp.PyArray_SIZE(x)
    cdef cnp.ndarray top, weight, y, missed, bias
    if (n == 0 or not is_vector(x, cnp.NPY_FLOAT64, n) or not is_vector(center, cnp.NPY_FLOAT64, n)
            or not is_vector(factor, cnp.NPY_FLOAT64, n)
            or not (regular is None or is_vector(regular, cnp.NPY_BOOL, n))):
        return None
    top, bias = rounded(x, wide), full(x, wide, first) if first != 0 else None
    weight, y, missed = same_shape(x, float_of(wide)), same_shape(x, float_of(wide)), same_shape(x, cnp.NPY_BOOL)
    cn_clear_call(&call, 1)
    call.dtype, call.shape[0], call.n_stats = CN_F64 if wide else CN_F32, n, n
    call.op[<int>CN_STAT].strides[0] = 1
    set_vector(&call, CN_X, top)
    set_vector(&call, CN_Y, y)
    set_vector(&call, CN_W, weight)
    call.moments.source = CN_GIVEN
    call.moments.center, call.moments.scale = cnp.PyArray_DATA(center), cnp.PyArray_DATA(factor)
    how.wanted, how.width, how.bias = last, last - first, first if first != 0 else -0.0
    how.regular = NULL
    if regular is not None:
        how.regular = <const unsigned char *>cnp.PyArray_DATA(regular)
    how.missed = <unsigned char *>cnp.PyArray_DATA(missed)
    released = release(n)
    status = C.meet(&call, &how)
    resume(released)
    check(status)
    return weight if how.n_other else None, bias, missed if how.n_missed else None


cdef void open_map(cn_call *call, cnp.ndarray x, cnp.ndarray y, cnp.ndarray center, cnp.ndarray factor, cnp.ndarray weight,
                   cnp.ndarray bias):
    """y = (x - center) * factor * weight + bias, but for the axes that these have one of each for."""
    set_x(call, x, known_dtype(x))
    set_operand(call, CN_Y, y)
    set_affine(call, weight, bias, None)
    call.moments.source = CN_GIVEN
    call.moments.center, call.moments.scale = cnp.PyArray_DATA(center), cnp.PyArray_DATA(factor)


cdef int run_map(cnp.ndarray x, cnp.ndarray y, tuple over, cnp.ndarray center, cnp.ndarray factor, cnp.ndarray weight,
                 cnp.ndarray bias, Py_ssize_t parts=1) except -1:
    """The map of groups over these axes, of a part of an array of so many."""
    cdef cn_call call
    open_map(&call, x, y, center, factor, weight, bias)
    call.parts = parts
    set_reduced(&call, over)
    return run(&call, cnp.PyArray_SIZE(x))


cdef void hold(floating *y, Py_ssize_t n, floating most) noexcept:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = -most if y[i] < -most else most if y[i] > most else y[i]


def clip(cnp.ndarray y not None, double most, /):
    """What lies beyond -most and most, in place becomes these, and NaN stays; False where that is left to NumPy."""
    if cnp.PyArray_SIZE(y) > FEW or not is_packed(y) or not cnp.PyArray_ISWRITEABLE(y):
        return False
    if is_wide(y):
        hold(numbers(y), cnp.PyArray_SIZE(y), most)
    else:
        hold(<float *>cnp.PyArray_DATA(y), cnp.PyArray_SIZE(y), <float>most)
    return True
