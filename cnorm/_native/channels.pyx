# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Channels: running statistics folded into weights, mixtures of statistics, norms by their mean."""

cimport numpy as cnp

from cnorm._native.core cimport cn_dtype, dtype_of, known_dtype, verbs
from cnorm._native.gil cimport PyThreadState, release, resume
from cnorm._native.glance cimport apart, as_double, axes, in_lanes, mask, output, parameter
from cnorm._native.kept cimport new_like, new_of
from cnorm._native.layout cimport is_block, is_packed, is_wide, same_shape
from cnorm._native.maps cimport check_size, doubles, full, numbers
from cnorm._native.norms cimport run_given
from cnorm._native.states cimport mix

from cnorm._native.reductions import moments

cnp.import_array()

cdef extern from "api/verbs.h" nogil:
    ctypedef struct cn_product:
        cn_dtype dtype
        const char *x
        char *y
        const double *by
        ptrdiff_t outer, channels, inner
    ctypedef struct cn_channels:
        cn_dtype dtype
        const char *mean
        const char *var
        const char *weight
        const char *bias
        const char *before
        double eps
    ctypedef struct cn_absorption:
        cn_channels norm
        cn_product weight
        cn_dtype dtype
        char *shift
        double *scales
    ctypedef struct cn_verbs:
        void (*affine_form)(const cn_channels *of, ptrdiff_t n, double *scale, double *shift) noexcept nogil
        void (*compare_norms)(const double *norms, ptrdiff_t samples, ptrdiff_t n, const double *eps, const double *weight,
                              double *scale) noexcept nogil
        void (*multiply)(const cn_product *of) noexcept nogil
        void (*absorb)(const cn_absorption *of) noexcept nogil

# The table of the C core, which the extension `core` holds.
cdef const cn_verbs *C = <const cn_verbs *>verbs()


cdef const char *bytes_of(cnp.ndarray a) noexcept:
    if a is None:
        return NULL
    return <const char *>cnp.PyArray_DATA(a)


cdef tuple open_channels(cn_channels *to, tuple given, double eps):
    """Mean, var, weight, bias, before: as they are if all are of one dtype, else as doubles. What they are in must be kept."""
    cdef int dtype = dtype_of(<cnp.ndarray>given[0])
    cdef cnp.ndarray mean, var, weight, bias, before
    for p in given:
        if p is not None and (known_dtype(<cnp.ndarray>p) != dtype or not cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>p)):
            return open_channels(to, tuple([doubles(a) for a in given]), eps)
    mean, var, weight, bias, before = given
    to.dtype, to.eps = <cn_dtype>dtype, eps
    to.mean, to.var, to.weight, to.bias, to.before = (
        bytes_of(mean), bytes_of(var), bytes_of(weight), bytes_of(bias), bytes_of(before))
    return given


def affine_form(cnp.ndarray mean not None, cnp.ndarray var not None, cnp.ndarray weight, cnp.ndarray bias,
                cnp.ndarray before, double eps, /):
    """Scale and shift in float64 of running statistics, as `cn_affine_form` has them."""
    cdef cn_channels of
    cdef Py_ssize_t n = cnp.PyArray_SIZE(mean)
    cdef cnp.ndarray scale = same_shape(mean, cnp.NPY_FLOAT64), shift = same_shape(mean, cnp.NPY_FLOAT64)
    check_size(var, n, "var")
    check_size(weight, n, "weight")
    check_size(bias, n, "bias")
    check_size(before, n, "before")
    kept = open_channels(&of, (mean, var, weight, bias, before), eps)
    C.affine_form(&of, n, numbers(scale), numbers(shift))
    return scale, shift


def product(cnp.ndarray x not None, cnp.ndarray by not None, int axis, cnp.ndarray out not None):
    """out = x * by, in float64, rounded once; by: float64, of the shape of x from `axis` on.

    False, and nothing is written, unless all are native and in C order, without gaps. x and out: of one dtype.
    """
    cdef cn_product of
    cdef PyThreadState *released
    cdef int i, last = axis + cnp.PyArray_NDIM(by), dtype = dtype_of(x)
    cdef cnp.npy_intp size = cnp.PyArray_SIZE(x)
    if not cnp.PyArray_ISCARRAY_RO(x) or not cnp.PyArray_ISCARRAY(out) or not cnp.PyArray_ISCARRAY_RO(by):
        return False
    of.dtype, of.x, of.y, of.by = <cn_dtype>dtype, cnp.PyArray_BYTES(x), cnp.PyArray_BYTES(out), numbers(by)
    of.outer, of.channels, of.inner = 1, cnp.PyArray_SIZE(by), 1
    for i in range(axis):
        of.outer *= cnp.PyArray_DIM(x, i)
    for i in range(last, cnp.PyArray_NDIM(x)):
        of.inner *= cnp.PyArray_DIM(x, i)
    if size > 0:
        released = release(size)
        C.multiply(&of)
        resume(released)
    return True


cdef bint are_vectors(tuple given, Py_ssize_t n) noexcept:
    """Is each None, or a vector of so many floats without gaps?"""
    for p in given:
        if p is None:
            continue
        if not cnp.PyArray_CheckExact(p) or cnp.PyArray_NDIM(<cnp.ndarray>p) != 1 or known_dtype(<cnp.ndarray>p) < 0:
            return False
        if cnp.PyArray_SIZE(<cnp.ndarray>p) != n or not cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>p):
            return False
    return True


cdef cnp.ndarray to_fold(cnp.ndarray w, cnp.ndarray folded):
    """Where the weight is read: itself, or its copy there, in the order that has; None if that is neither C's nor Fortran's."""
    if not cnp.PyArray_IS_C_CONTIGUOUS(folded) and not cnp.PyArray_IS_F_CONTIGUOUS(folded):
        return None
    if is_block(w):
        return w
    cnp.PyArray_CopyInto(folded, w)
    return folded


def fold_at_once(object weight, object bias, object mean, object var, object by, object to, object eps, /):
    """Weight and bias with a channel of each row folded in, as `affine_form` has them; None where care is needed.

    by, to: what the norm multiplies with and adds, or None.
    """
    cdef cn_absorption of
    cdef PyThreadState *released
    cdef cnp.ndarray w, folded, source, shift, like, scales = None
    cdef double least
    cdef Py_ssize_t size
    cdef cnp.npy_intp n
    if not cnp.PyArray_CheckExact(weight) or known_dtype(<cnp.ndarray>weight) < 0 or mean is None or var is None:
        return None
    w, size = <cnp.ndarray>weight, cnp.PyArray_SIZE(<cnp.ndarray>weight)
    if not cnp.PyArray_ISNOTSWAPPED(w) or cnp.PyArray_NDIM(w) < 2 or size == 0:
        return None
    n = cnp.PyArray_DIM(w, 0)
    if not are_vectors((bias, mean, var, by, to), n) or not as_double(eps, &least) or least < 0:
        return None
    folded = new_like(w)
    source = to_fold(w, folded)
    if source is None:
        return None
    like = w if bias is None else <cnp.ndarray>bias
    shift = cnp.PyArray_EMPTY(1, &n, cnp.PyArray_TYPE(like), 0)
    of.weight.outer, of.weight.channels, of.weight.inner = 1, n, size // n
    if not cnp.PyArray_IS_C_CONTIGUOUS(folded):
        of.weight.outer, of.weight.inner = size // n, 1
        scales = cnp.PyArray_EMPTY(1, &n, cnp.NPY_FLOAT64, 0)
    kept = open_channels(&of.norm, (mean, var, by, to, bias), least)
    of.weight.dtype, of.weight.x, of.weight.y = <cn_dtype>known_dtype(w), cnp.PyArray_BYTES(source), cnp.PyArray_BYTES(folded)
    of.dtype, of.shift, of.scales = <cn_dtype>known_dtype(like), cnp.PyArray_BYTES(shift), numbers(scales)
    released = release(size)
    C.absorb(&of)
    resume(released)
    return folded, shift


def compare_norms(cnp.ndarray norms not None, object eps not None, cnp.ndarray weight not None, /):
    """Of norms (N, ..., C) by the mean of each sample's: 1 + weight * norm / (mean + eps) (`cn_compare_norms`).

    eps: of each sample, or a float.
    """
    cdef cnp.ndarray a = doubles(norms), w = doubles(weight), e
    cdef cnp.ndarray scale = same_shape(a, cnp.NPY_FLOAT64)
    cdef cnp.npy_intp n = cnp.PyArray_SIZE(w), samples = cnp.PyArray_DIM(a, 0), i
    if cnp.PyArray_CheckExact(eps):
        e = doubles(eps)
    else:
        e = cnp.PyArray_EMPTY(1, &samples, cnp.NPY_FLOAT64, 0)
        for i in range(samples):
            numbers(e)[i] = eps
    check_size(a, n * samples, "norms")
    check_size(e, samples, "eps")
    if n:
        C.compare_norms(numbers(a), samples, n, numbers(e), numbers(w), numbers(scale))
    return scale


cdef void only(int ndim, int axis, cnp.npy_intp n, cnp.npy_intp *dims) noexcept:
    """The sizes of what varies along one axis."""
    cdef int a
    for a in range(ndim):
        dims[a] = n if a == axis else 1


cdef bint fits_channels(object p, cnp.ndarray x, int axis, object out):
    """Is it None, or a parameter with a number for each channel?"""
    return p is None or (parameter(p, x, out) and cnp.PyArray_SIZE(<cnp.ndarray>p) == cnp.PyArray_DIM(x, axis))


cdef cnp.ndarray against(object p, cnp.ndarray x, int axis):
    """Such a parameter, shaped against x."""
    cdef cnp.npy_intp[64] dims
    cdef cnp.PyArray_Dims shape
    if p is None:
        return None
    only(cnp.PyArray_NDIM(x), axis, cnp.PyArray_DIM(x, axis), dims)
    shape.ptr, shape.len = dims, cnp.PyArray_NDIM(x)
    return <cnp.ndarray>cnp.PyArray_Newshape(<cnp.ndarray>p, &shape, cnp.NPY_CORDER)


cdef bint takes_running(object p, cnp.npy_intp channels, bint moved) noexcept:
    """Is it of as many floats without gaps, to be written to if moved?"""
    return (cnp.PyArray_CheckExact(p) and is_packed(<cnp.ndarray>p) and cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>p)
            and cnp.PyArray_SIZE(<cnp.ndarray>p) == channels and (not moved or cnp.PyArray_ISWRITEABLE(<cnp.ndarray>p)))


cdef bint take_running(object mean, object var, cnp.npy_intp channels, bint needed, bint moved) noexcept:
    """Are there both, or none that is needed?"""
    if mean is None or var is None:
        return mean is var and (moved or not needed)
    return (takes_running(mean, channels, moved) and takes_running(var, channels, moved)
            and (not moved or apart(<cnp.ndarray>mean, var)))


cdef double at_channel(cnp.ndarray p, cnp.npy_intp c) noexcept:
    return (<double *>(cnp.PyArray_BYTES(p) + c * cnp.PyArray_STRIDE(p, 1)))[0]


cdef cnp.ndarray with_below(cnp.ndarray x, cnp.ndarray lacks, cnp.ndarray weight, cnp.ndarray bias):
    """A bias for each instance, with what one float64 does not hold of its center."""
    cdef cnp.npy_intp[64] dims
    cdef cnp.npy_intp i, channels = cnp.PyArray_DIM(x, 1)
    cdef cnp.ndarray to
    cdef double below
    only(cnp.PyArray_NDIM(x), 1, channels, dims)
    dims[0] = cnp.PyArray_DIM(x, 0)
    to = new_of(cnp.PyArray_NDIM(x), dims, cnp.NPY_FLOAT64)
    for i in range(cnp.PyArray_SIZE(to)):
        below = numbers(lacks)[i] * (1 if weight is None else at_channel(weight, i % channels))
        numbers(to)[i] = below if bias is None else at_channel(bias, i % channels) + below
    return to


cdef cnp.ndarray states_of(cnp.ndarray x, tuple axes, object where):
    return <cnp.ndarray>moments(x, axes, where)


cdef object batch_of(cnp.ndarray x, object mean, object var, bint mixed, bint training, object where):
    """What `mix` takes for that."""
    if not mixed:
        return None
    if not training:
        return doubles(<cnp.ndarray>mean), doubles(<cnp.ndarray>var)
    return states_of(x, (0,), where) if cnp.PyArray_NDIM(x) == 2 else True


def switch_at_once(object x, cnp.ndarray powers not None, object mean, object var, object weight, object bias, double eps,
                   bint training, object where, object out, /):
    """Of (N, C, ...) by the mixture of `mix`, and the moments of a batch that is mixed in; None where care is needed."""
    cdef cnp.npy_intp[64] dims
    cdef cnp.npy_intp samples, channels
    cdef cnp.ndarray a, w, b
    cdef tuple every, mixed
    cdef bint matrix, batch
    y = output(x, out)
    if y is None or cnp.PyArray_SIZE(<cnp.ndarray>x) == 0 or not (where is None or mask(where, <cnp.ndarray>x, out)):
        return None
    a = <cnp.ndarray>x
    every, matrix = axes(None, cnp.PyArray_NDIM(a)), cnp.PyArray_NDIM(a) == 2
    if every is None or cnp.PyArray_NDIM(a) < 2 or (matrix and cnp.PyArray_SIZE(powers) != 4):
        return None
    samples, channels, batch = cnp.PyArray_DIM(a, 0), cnp.PyArray_DIM(a, 1), matrix or cnp.PyArray_SIZE(powers) == 6
    if (channels == 1 or (training and samples == 1)) if matrix else cnp.PyArray_SIZE(a) == samples * channels:
        return None
    weight, bias = in_lanes(weight, a), in_lanes(bias, a)
    if not fits_channels(weight, a, 1, out) or not fits_channels(bias, a, 1, out):
        return None
    if not take_running(mean, var, channels, batch, training and batch):
        return None
    mixed = mix(states_of(a, every[1 if matrix else 2:], where), batch_of(a, mean, var, batch, training, where), powers, eps,
                where is not None)
    w, b = against(weight, a, 1), against(bias, a, 1)
    if is_wide(a):
        b = with_below(a, <cnp.ndarray>mixed[2], w, b)
    only(cnp.PyArray_NDIM(a), 1, channels, dims)
    dims[0] = samples
    run_given(a, <cnp.ndarray>y, dims, <cnp.ndarray>mixed[0], <cnp.ndarray>mixed[1], w, b, where, None)
    return y, mixed[3]


def response_output(object x, object weight, object bias, object eps, object out, /):
    """What `respond_to` writes of (N, H, W, C): a new array, or `out`; None where care is needed."""
    cdef double least
    y = output(x, out)
    if y is None or cnp.PyArray_NDIM(<cnp.ndarray>x) != 4 or cnp.PyArray_SIZE(<cnp.ndarray>x) == 0:
        return None
    if not as_double(eps, &least) or least < 0 or weight is None or bias is None:
        return None
    return y if fits_channels(weight, <cnp.ndarray>x, 3, out) and fits_channels(bias, <cnp.ndarray>x, 3, out) else None


def respond_to(cnp.ndarray roots not None, cnp.ndarray x not None, cnp.ndarray y not None, cnp.ndarray weight not None,
               object bias, object eps, /):
    """y = x times what `compare_norms` makes of norms (N, 1, 1, C), plus the bias."""
    cdef cnp.ndarray scale = compare_norms(roots, eps, weight)
    run_given(x, y, cnp.PyArray_DIMS(scale), full(scale, True, 0), scale, None, against(bias, x, 3), None, None)
