# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Gate to mixture.h: averages of instances' statistics, and several kinds of statistics mixed."""

cimport numpy as cnp

from cnorm._native.core cimport cn_partial, verbs
from cnorm._native.layout cimport is_vector
from cnorm._native.states cimport are_states

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
        void (*stats_of)(const cn_partial *states, ptrdiff_t n, cn_stat *to) noexcept nogil
        void (*join_stats)(const cn_stat *of, ptrdiff_t step, ptrdiff_t n, int counted, int in_rows, cn_stat *to, double *work) noexcept nogil
        void (*lower_logits)(const double *logits, ptrdiff_t n, double *to) noexcept nogil
        void (*shares_of)(const double *powers, ptrdiff_t n, double *to) noexcept nogil
        void (*mix)(const cn_mixture *m, double *center, double *scale, double *lacks) noexcept nogil
        int (*average_states)(const cn_partial *states, ptrdiff_t samples, ptrdiff_t n, double *mean, double *var, double *work) noexcept nogil

# The table of the C core, which the extension `core` holds.
cdef const cn_verbs *C = <const cn_verbs *>verbs()


cdef bint of_instances(cnp.ndarray state) noexcept:
    """States (N, C, ..., 5), one at least?"""
    return are_states(state) and cnp.PyArray_NDIM(state) > 2 and cnp.PyArray_SIZE(state) > 0


cdef const cn_partial *data_of(cnp.ndarray state) noexcept:
    return <const cn_partial *>cnp.PyArray_DATA(state)


cdef cnp.ndarray vector(cnp.npy_intp n):
    return cnp.PyArray_EMPTY(1, &n, cnp.NPY_FLOAT64, 0)


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


def lowered(cnp.ndarray a not None, cnp.ndarray b not None):
    """Two vectors of as many doubles, each less its largest, one behind the other."""
    cdef cnp.npy_intp n = cnp.PyArray_SIZE(a)
    cdef cnp.ndarray to = vector(2 * n)
    if n == 0 or not is_vector(a, cnp.NPY_FLOAT64, n) or not is_vector(b, cnp.NPY_FLOAT64, n):
        raise ValueError(f"a, b: expected vectors of as many doubles, got {n} and {cnp.PyArray_SIZE(b)}")
    C.lower_logits(<const double *>cnp.PyArray_DATA(a), n, <double *>cnp.PyArray_DATA(to))
    C.lower_logits(<const double *>cnp.PyArray_DATA(b), n, <double *>cnp.PyArray_DATA(to) + n)
    return to


def mix(cnp.ndarray state not None, object batch, cnp.ndarray powers not None, double eps, bint counted):
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
    center = cnp.PyArray_EMPTY(2, dims, cnp.NPY_FLOAT64, 0)
    scale = cnp.PyArray_EMPTY(2, dims, cnp.NPY_FLOAT64, 0)
    lacks = cnp.PyArray_EMPTY(2, dims, cnp.NPY_FLOAT64, 0)
    space = vector(4 * n + 5 * (m.samples + m.channels))
    put_together(&m, state, batch, counted, <cn_stat *>cnp.PyArray_DATA(space))
    C.mix(&m, <double *>cnp.PyArray_DATA(center), <double *>cnp.PyArray_DATA(scale), <double *>cnp.PyArray_DATA(lacks))
    return center, scale, lacks, None if batch is None else batch_of(m.of[m.kinds - 1], m.channels)
