# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""States [..., 5]: merged, averaged and mixed, and the numbers they are wanted as."""

cimport numpy as cnp

from cnorm._native.core cimport (
    CN_EXTREMES, CN_SUMS, CN_VAR, cn_kind, cn_partial, cn_results, known_dtype, open_results, put_rounded, verbs,
)
from cnorm._native.gil cimport PyThreadState, release, resume
from cnorm._native.glance cimport apart
from cnorm._native.kept cimport new_of
from cnorm._native.layout cimport float_of, is_block, is_packed, is_vector, is_wide

cnp.import_array()

cdef extern from "api/verbs.h" nogil:
    ctypedef struct cn_stat:
        double mean, mean_lo, var, count
    ctypedef struct cn_mixture:
        ptrdiff_t samples, channels
        int kinds
        const cn_stat *of[3]
        ptrdiff_t sample[3]
        ptrdiff_t channel[3]
        double mean_share[3]
        double var_share[3]
        double eps
    ctypedef struct cn_verbs:
        int (*merge_states)(cn_partial *to, const cn_partial *a, const double *b, ptrdiff_t step, ptrdiff_t n, int omit_nan) noexcept nogil
        void (*results_of)(const cn_partial *states, ptrdiff_t n, cn_kind kind, const cn_results *to) noexcept nogil
        int (*divisors)(const cn_partial *states, ptrdiff_t n, double count, double *mean, double *var, double *std) noexcept nogil
        int (*spreads)(const cn_partial *states, ptrdiff_t n, double count, double *mean, double *var, double *std) noexcept nogil
        void (*move)(void *running, int wide, const double *to, ptrdiff_t n, double share) noexcept nogil
        void (*stats_of)(const cn_partial *states, ptrdiff_t n, cn_stat *to) noexcept nogil
        void (*join_stats)(const cn_stat *of, ptrdiff_t step, ptrdiff_t n, int counted, int in_rows, cn_stat *to, double *work) noexcept nogil
        void (*lower_logits)(const double *logits, ptrdiff_t n, double *to) noexcept nogil
        void (*shares_of)(const double *powers, ptrdiff_t n, double *to) noexcept nogil
        void (*mix)(const cn_mixture *m, double *center, double *scale, double *lacks) noexcept nogil
        int (*average_states)(const cn_partial *states, ptrdiff_t samples, ptrdiff_t n, double *mean, double *var, double *work) noexcept nogil

# The table of the C core, which the extension `core` holds.
cdef const cn_verbs *C = <const cn_verbs *>verbs()


def merge(cnp.ndarray state not None, cnp.ndarray other not None, bint omit=False):
    """The state [..., 5], in C order, and as many values (omit: but NaN) or states together.

    None where care is needed: units, huge or tiny numbers; `other` not float64 in C order.
    """
    cdef ptrdiff_t n = cnp.PyArray_SIZE(state) // 5
    cdef ptrdiff_t step = cnp.PyArray_SIZE(other) // n if n else 0
    cdef const cn_partial *a = <const cn_partial *>cnp.PyArray_DATA(state)
    cdef const double *b = <const double *>cnp.PyArray_DATA(other)
    cdef cnp.ndarray merged
    cdef cn_partial *to
    cdef int done
    cdef PyThreadState *released
    if (cnp.PyArray_TYPE(other) != cnp.NPY_FLOAT64 or not cnp.PyArray_ISCARRAY_RO(other)
            or not cnp.PyArray_ISCARRAY_RO(state) or step not in (1, 5) or step * n != cnp.PyArray_SIZE(other)):
        return None
    merged = new_of(cnp.PyArray_NDIM(state), cnp.PyArray_DIMS(state), cnp.NPY_FLOAT64)
    to = <cn_partial *>cnp.PyArray_DATA(merged)
    released = release(n)
    done = C.merge_states(to, a, b, step, n, omit)
    resume(released)
    return merged if done else None


cdef cnp.ndarray of_states(cnp.ndarray state, bint wide):
    """A new array of a number for each state [..., 5]."""
    cdef int dtype = float_of(wide)
    return new_of(cnp.PyArray_NDIM(state) - 1, cnp.PyArray_DIMS(state), dtype)


cdef bint are_states(cnp.ndarray state) noexcept:
    """Doubles in C order, five for each group?"""
    return (cnp.PyArray_TYPE(state) == cnp.NPY_FLOAT64 and cnp.PyArray_ISCARRAY_RO(state)
            and cnp.PyArray_NDIM(state) > 0 and cnp.PyArray_DIM(state, cnp.PyArray_NDIM(state) - 1) == 5)


cdef int of_all(cnp.ndarray state, cn_kind kind, const cn_results *to) except -1:
    """Results of states [..., 5] in C order."""
    cdef ptrdiff_t n = cnp.PyArray_SIZE(state) // 5
    cdef PyThreadState *released = release(n)
    C.results_of(<const cn_partial *>cnp.PyArray_DATA(state), n, kind, to)
    resume(released)
    return 0


def values(cnp.ndarray state not None, double correction, bint wide, bint few=False, bint root=False):
    """Mean and variance, or its root, of states [..., 5]: float64 if wide, else float32.

    Where count is no more than the correction the variance is NaN or inf, if few, NaN.
    """
    state = cnp.PyArray_GETCONTIGUOUS(state)
    cdef cnp.ndarray mean = of_states(state, wide), var = of_states(state, wide)
    cdef cn_results to
    open_results(&to, mean, var, wide)
    to.correction, to.omit, to.root = correction, few, root
    of_all(state, CN_VAR, &to)
    return mean, var


def totals(cnp.ndarray state not None, bint wide):
    """The sums of states of `sums` [..., 5] in C order."""
    cdef cnp.ndarray total = of_states(state, wide)
    cdef cn_results to
    open_results(&to, total, None, wide)
    of_all(state, CN_SUMS, &to)
    return total


def ends(cnp.ndarray state not None, bint omit, bint wide, /):
    """Least and greatest of states of `extremes`: NaN where there was nothing else or, unless omitted, NaN."""
    cdef cnp.ndarray least = of_states(state, wide), greatest = of_states(state, wide)
    cdef cn_results to
    open_results(&to, least, greatest, wide)
    to.omit = omit
    of_all(state, CN_EXTREMES, &to)
    return least, greatest


def spreads(cnp.ndarray state not None, double count=0):
    """Mean, variance and deviation of states; None where they are not ordinary, or of another count (`spreads`)."""
    cdef cnp.ndarray mean, var, std
    if not are_states(state):
        return None
    mean, var, std = of_states(state, True), of_states(state, True), of_states(state, True)
    if not C.spreads(<const cn_partial *>cnp.PyArray_DATA(state), cnp.PyArray_SIZE(mean), count,
                      <double *>cnp.PyArray_DATA(mean), <double *>cnp.PyArray_DATA(var),
                      <double *>cnp.PyArray_DATA(std)):
        return None
    return mean, var, std


cdef bint find_divisors(const cn_partial *of, Py_ssize_t n, double count, double *mean, double *var, double *std) noexcept:
    """`spreads` of each column, 1 as the deviation of equal elements, NaN without one; False where care is needed."""
    return C.divisors(of, n, count, mean, var, std)


cdef enum: SOME = 64  # groups that are looked at together


cdef bint has_spreads(cnp.ndarray state, double count, bint lost, bint *found) noexcept:
    """Is each group ordinary (`spreads`), or, where that is allowed, lost to what is not finite? Finds out if one is."""
    cdef const cn_partial *of = <const cn_partial *>cnp.PyArray_DATA(state)
    cdef Py_ssize_t n = cnp.PyArray_SIZE(state) // 5, first, i
    cdef double mean[SOME]
    cdef double var[SOME]
    cdef double std[SOME]
    found[0] = False
    for first in range(0, n, SOME):
        if C.spreads(of + first, min(SOME, n - first), count, mean, var, std):
            continue
        for i in range(first, min(first + SOME, n)):
            if of[i].m2 != of[i].m2 and lost:
                found[0] = True
            elif not C.spreads(of + i, 1, count, mean, var, std):
                return False
    return True


cdef bint may_move(cnp.ndarray running, cnp.ndarray to) noexcept:
    return (known_dtype(running) >= 0 and is_block(running) and cnp.PyArray_ISWRITEABLE(running)
            and is_vector(to, cnp.NPY_FLOAT64, cnp.PyArray_SIZE(running)))


cdef cnp.ndarray as_moved(cnp.ndarray running):
    """Itself, or doubles in place of 16 bits."""
    return running if is_packed(running) else cnp.PyArray_Cast(running, cnp.NPY_FLOAT64)


cdef int move_one(cnp.ndarray running, cnp.ndarray at, cnp.ndarray to, double share) except -1:
    C.move(cnp.PyArray_DATA(at), is_wide(at), <const double *>cnp.PyArray_DATA(to), cnp.PyArray_SIZE(to), share)
    return 0 if at is running else put_rounded(at, running)


def move(cnp.ndarray mean not None, cnp.ndarray var not None, cnp.ndarray to_mean not None, cnp.ndarray to_var not None,
         double share, /):
    """running = (1 - share) * running + share * to, rounded once, of both; False where care is needed, and nothing done."""
    if not may_move(mean, to_mean) or not may_move(var, to_var) or not apart(mean, var):
        return False
    of_mean, of_var = as_moved(mean), as_moved(var)
    move_one(mean, of_mean, to_mean, share)
    move_one(var, of_var, to_var, share)
    return True


cdef bint of_instances(cnp.ndarray state) noexcept:
    """States (N, C, ..., 5), one at least?"""
    return are_states(state) and cnp.PyArray_NDIM(state) > 2 and cnp.PyArray_SIZE(state) > 0


cdef const cn_partial *data_of(cnp.ndarray state) noexcept:
    return <const cn_partial *>cnp.PyArray_DATA(state)


cdef cnp.ndarray vector(cnp.npy_intp n):
    return new_of(1, &n, cnp.NPY_FLOAT64)


def average(cnp.ndarray state not None):
    """Of states (N, C, ..., 5) the means over N of mean and unbiased variance; None where care is needed."""
    cdef cnp.npy_intp samples, n
    cdef cnp.ndarray mean, var, work
    if not of_instances(state):
        return None
    samples = cnp.PyArray_DIM(state, 0)
    n = cnp.PyArray_SIZE(state) // (5 * samples)
    mean, var, work = vector(n), vector(n), vector(samples * n)
    if not C.average_states(data_of(state), samples, n, <double *>cnp.PyArray_DATA(mean), <double *>cnp.PyArray_DATA(var),
                            <double *>cnp.PyArray_DATA(work)):
        return None
    return mean, var


cdef void take_given(tuple given, cn_stat *to) noexcept:
    """Means and variances, doubles in vectors."""
    cdef cnp.ndarray mean = <cnp.ndarray>given[0], var = <cnp.ndarray>given[1]
    cdef cnp.npy_intp i
    for i in range(cnp.PyArray_SIZE(mean)):
        to[i].mean, to[i].mean_lo = (<const double *>cnp.PyArray_DATA(mean))[i], 0
        to[i].var, to[i].count = (<const double *>cnp.PyArray_DATA(var))[i], 0


cdef tuple batch_of(const cn_stat *of, cnp.npy_intp n):
    """Mean in one word, variance and count."""
    cdef cnp.ndarray mean = vector(n), var = vector(n), count = vector(n)
    cdef cnp.npy_intp i
    for i in range(n):
        (<double *>cnp.PyArray_DATA(mean))[i] = of[i].mean + of[i].mean_lo
        (<double *>cnp.PyArray_DATA(var))[i] = of[i].var
        (<double *>cnp.PyArray_DATA(count))[i] = of[i].count
    return mean, var, count


cdef void add_kind(cn_mixture *m, const cn_stat *of, cnp.npy_intp sample, cnp.npy_intp channel) noexcept:
    m.of[m.kinds], m.sample[m.kinds], m.channel[m.kinds] = of, sample, channel
    m.kinds += 1


cdef cnp.npy_intp channels_of(cnp.ndarray state, object batch) noexcept:
    """Of states of instances, or of the rows of a matrix, whose batch says how many columns there are."""
    if cnp.PyArray_NDIM(state) > 3:
        return cnp.PyArray_SIZE(state) // (5 * cnp.PyArray_DIM(state, 0))
    return cnp.PyArray_SIZE(<cnp.ndarray>(<tuple>batch)[0]) if isinstance(batch, tuple) else cnp.PyArray_SIZE(
        <cnp.ndarray>batch) // 5


cdef void put_together(cn_mixture *m, cnp.ndarray state, object batch, bint counted, cn_stat *space) noexcept:
    """The kinds of statistics: of instances, of layers, of the batch; of a matrix those of rows and columns."""
    cdef cnp.npy_intp n = cnp.PyArray_SIZE(state) // 5, i
    cdef bint matrix = cnp.PyArray_NDIM(state) == 3
    cdef cn_stat *layers = space + n
    cdef cn_stat *columns = layers + m.samples
    cdef double *work = <double *>(columns + m.channels)
    C.stats_of(data_of(state), n, space)
    add_kind(m, space, 1 if matrix else m.channels, 0 if matrix else 1)
    if not matrix:
        for i in range(m.samples):
            C.join_stats(space + i * m.channels, 1, m.channels, counted, True, layers + i, work)
        add_kind(m, layers, 1, 0)
    if batch is None:
        return
    if batch is True:
        for i in range(m.channels):
            C.join_stats(space + i, m.channels, m.samples, counted, m.channels == 1, columns + i, work)
    elif isinstance(batch, tuple):
        take_given(<tuple>batch, columns)
    else:
        C.stats_of(data_of(<cnp.ndarray>batch), m.channels, columns)
    add_kind(m, columns, 0, 1)


cdef cnp.ndarray logits(object a):
    """A vector of two or three floats as doubles; None where care is needed."""
    if not cnp.PyArray_CheckExact(a) or not is_packed(<cnp.ndarray>a) or cnp.PyArray_NDIM(<cnp.ndarray>a) != 1:
        return None
    if cnp.PyArray_SIZE(<cnp.ndarray>a) not in (2, 3):
        return None
    return cnp.PyArray_FROMANY(a, cnp.NPY_FLOAT64, 0, 0, cnp.NPY_ARRAY_CARRAY_RO)


def lowered_at_once(object a, object b, /):
    """`lowered` of plain logits; None where care is needed."""
    cdef cnp.ndarray of_mean = logits(a), of_var = logits(b)
    if of_mean is None or of_var is None or cnp.PyArray_SIZE(of_mean) != cnp.PyArray_SIZE(of_var):
        return None
    return lowered(of_mean, of_var)


cpdef cnp.ndarray lowered(cnp.ndarray a, cnp.ndarray b):
    """Two vectors of as many doubles, each less its largest, one behind the other."""
    cdef cnp.npy_intp n = cnp.PyArray_SIZE(a)
    cdef cnp.ndarray to = vector(2 * n)
    if n == 0 or not is_vector(a, cnp.NPY_FLOAT64, n) or not is_vector(b, cnp.NPY_FLOAT64, n):
        raise ValueError(f"a, b: expected vectors of as many doubles, got {n} and {cnp.PyArray_SIZE(b)}")
    C.lower_logits(<const double *>cnp.PyArray_DATA(a), n, <double *>cnp.PyArray_DATA(to))
    C.lower_logits(<const double *>cnp.PyArray_DATA(b), n, <double *>cnp.PyArray_DATA(to) + n)
    return to


cpdef tuple mix(cnp.ndarray state, object batch, cnp.ndarray powers, double eps, bint counted):
    """Center and scale (N, C) of a mixture, what the center lacks, times -scale, and mean, variance and count of the batch.

    state: of instances (N, C, ..., 5), or of the rows (N, 1, 5) of a matrix. batch: None if it is not mixed in, True for
    that of the instances, of a matrix the state of its columns, or means and variances (doubles in vectors). powers: how
    much each kind of statistics has of the mean, then of the variance, by their sum.
    """
    cdef cn_mixture m
    cdef cnp.npy_intp dims[2]
    cdef cnp.npy_intp n = cnp.PyArray_SIZE(state) // 5
    cdef int kinds = <int>cnp.PyArray_SIZE(powers) // 2
    cdef cnp.ndarray center, scale, lacks, space
    if (not of_instances(state) or not is_vector(powers, cnp.NPY_FLOAT64, 2 * kinds)
            or kinds != (1 if batch is None else 2) + (cnp.PyArray_NDIM(state) > 3)):
        raise ValueError(f"state: expected states of {kinds} kinds, got shape {(<object>state).shape}")
    m.samples, m.channels, m.kinds, m.eps = cnp.PyArray_DIM(state, 0), channels_of(state, batch), 0, eps
    C.shares_of(<const double *>cnp.PyArray_DATA(powers), kinds, m.mean_share)
    C.shares_of(<const double *>cnp.PyArray_DATA(powers) + kinds, kinds, m.var_share)
    dims[0], dims[1] = m.samples, m.channels
    center = new_of(2, dims, cnp.NPY_FLOAT64)
    scale = new_of(2, dims, cnp.NPY_FLOAT64)
    lacks = new_of(2, dims, cnp.NPY_FLOAT64)
    space = vector(4 * n + 5 * (m.samples + m.channels))
    put_together(&m, state, batch, counted, <cn_stat *>cnp.PyArray_DATA(space))
    C.mix(&m, <double *>cnp.PyArray_DATA(center), <double *>cnp.PyArray_DATA(scale), <double *>cnp.PyArray_DATA(lacks))
    return center, scale, lacks, None if batch is None else batch_of(m.of[m.kinds - 1], m.channels)
