# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Gate to the C core, which is linked with this module alone: ndarrays to operands, calls, status to exception; settings."""

import os

cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_New
from libc.string cimport memset

from cnorm._native.gil cimport PyThreadState, release, resume
from cnorm._native.kept cimport new_as, new_of
from cnorm._native.layout cimport has_gaps, is_block

cnp.import_array()

cdef extern from "call/cold.h" nogil:
    void cn_expect_cold(int cold)

cdef extern from "api/verbs.h" nogil:
    const void *cn_all_verbs()

cdef extern from "verbs/logs.h" nogil:
    void cn_round_doubles(cn_dtype dtype, const double *x, char *y, ptrdiff_t n)

cdef extern from "cnorm.h" nogil:
    cn_status cn_run(const cn_call *call)
    cn_status cn_run_gated(const cn_call *call, const cn_gating *of, ptrdiff_t n, int norm_first)
    void cn_widen(cn_dtype dtype, const char *x, ptrdiff_t n, float *to)
    void cn_round(cn_dtype dtype, const float *x, ptrdiff_t n, char *to)
    void cn_describe(const cn_call *call, char *text, size_t size)
    int cn_init(const char *cap)
    const char *cn_isa_name()
    int cn_isa_count()
    const char *cn_isa_describe(int i, int *available)
    void cn_isa_missing(int i, char *text, size_t size)
    enum: CN_N_ACTIVATIONS
    const char *cn_activation_name(cn_activation activation)
    const char *cn_compiler()
    const void *cn_table()
    void cn_set_num_threads(int n)
    int cn_get_num_threads()
    const char *cn_team_name()


# The type number of ml_dtypes' bfloat16, once an array of it has been seen; every thread finds the same.
cdef extern from *:
    """
    static _Atomic int bfloat16_num = -2;
    """
    int bfloat16_num


cdef int known_dtype(cnp.ndarray x) noexcept:
    """The kernel row of x, or -1: none, or a bfloat16 not met before."""
    cdef int num = cnp.PyArray_TYPE(x)
    if num == cnp.NPY_FLOAT32:
        return CN_F32
    if num == cnp.NPY_FLOAT64:
        return CN_F64
    if num == cnp.NPY_FLOAT16:
        return CN_F16
    return CN_BF16 if num == bfloat16_num else -1


cdef int dtype_of(cnp.ndarray x) except -1:
    global bfloat16_num
    cdef int dtype = known_dtype(x)
    if dtype >= 0:
        return dtype
    if x.dtype.name != "bfloat16":
        raise TypeError(f"no kernel for dtype {x.dtype}")
    bfloat16_num = cnp.PyArray_TYPE(x)
    return CN_BF16


cdef cn_number number_of(cnp.ndarray a) noexcept:
    """What an array of numbers has, or CN_NO_NUMBER."""
    cdef int num = cnp.PyArray_TYPE(a)
    cdef bint signed = cnp.PyTypeNum_ISSIGNED(num)
    if num == cnp.NPY_FLOAT32:
        return CN_NUMBER_FLOAT
    if num == cnp.NPY_FLOAT64:
        return CN_NUMBER_DOUBLE
    if not cnp.PyTypeNum_ISINTEGER(num) and num != cnp.NPY_BOOL:
        return CN_NO_NUMBER
    size = cnp.PyArray_ITEMSIZE(a)
    if size == 1:
        return CN_NUMBER_I8 if signed else CN_NUMBER_U8
    if size == 2:
        return CN_NUMBER_I16 if signed else CN_NUMBER_U16
    if size == 4:
        return CN_NUMBER_I32 if signed else CN_NUMBER_U32
    return CN_NUMBER_I64 if signed else CN_NUMBER_U64


cdef void set_operand(cn_call *call, int which, cnp.ndarray a):
    """Strides of a, 0 where it is broadcast against the call's shape, as NumPy has it: of axes it lacks in front, too."""
    cdef cn_operand *op = &call.op[which]
    cdef int axis, lacking = call.ndim - cnp.PyArray_NDIM(a)
    op.data = <char *>cnp.PyArray_DATA(a)
    for axis in range(call.ndim):
        if axis < lacking or cnp.PyArray_DIM(a, axis - lacking) == 1:
            op.strides[axis] = 0
        else:
            op.strides[axis] = cnp.PyArray_STRIDE(a, axis - lacking)


cdef void set_x(cn_call *call, cnp.ndarray x, int dtype):
    cdef int axis
    cn_clear_call(call, cnp.PyArray_NDIM(x))
    call.dtype = <cn_dtype>dtype
    for axis in range(call.ndim):
        call.shape[axis] = cnp.PyArray_DIM(x, axis)
    set_operand(call, CN_X, x)


cdef void set_stats(cn_call *call, const cnp.npy_intp *dims):
    """C-ordered statistics of shape dims, counted in elements."""
    cdef int axis
    cdef ptrdiff_t stride = 1
    for axis in range(call.ndim - 1, -1, -1):
        call.op[CN_STAT].strides[axis] = 0 if dims[axis] == 1 else stride
        stride *= dims[axis]
    call.n_stats = stride


cdef void set_reduced(cn_call *call, tuple axes):
    """One statistic for each index of the axes that are not reduced."""
    cdef cnp.npy_intp dims[64]
    cdef int axis
    for axis in range(call.ndim):
        dims[axis] = call.shape[axis]
    for axis in axes:
        dims[axis] = 1
    set_stats(call, dims)


cdef cnp.ndarray new_state(cnp.ndarray x, tuple axes):
    """Zeros of x's shape with axes reduced to 1, and five numbers for each group."""
    cdef cnp.npy_intp dims[65]
    cdef int ndim = cnp.PyArray_NDIM(x), axis
    for axis in range(ndim):
        dims[axis] = cnp.PyArray_DIM(x, axis)
    for axis in axes:
        dims[axis] = 1
    dims[ndim] = 5
    return new_of(ndim + 1, dims, cnp.NPY_FLOAT64, True)


cdef void set_affine(cn_call *call, cnp.ndarray weight, cnp.ndarray bias, cnp.ndarray mask):
    """What may be None."""
    if weight is not None:
        set_operand(call, CN_W, weight)
    if bias is not None:
        set_operand(call, CN_B, bias)
    if mask is not None:
        set_operand(call, CN_M, mask)


cdef int set_weights(cn_call *call, cnp.ndarray weights, double by) except -1:
    """What elements count, times a power of two; None: 1."""
    if weights is None:
        return 0
    set_operand(call, CN_W, weights)
    call.moments.weights, call.moments.weights_by = number_of(weights), by
    if call.moments.weights == CN_NO_NUMBER:
        raise TypeError(f"weights: expected real numbers the core takes, got {weights.dtype}")
    return 0


cdef int check_against(cnp.ndarray x, cnp.ndarray p, str name) except -1:
    """Has p the dimensions of x, each as long or 1? What it has not would be read beyond its end."""
    cdef int axis, fits = p is None or cnp.PyArray_NDIM(p) == cnp.PyArray_NDIM(x)
    if p is None:
        return 0
    for axis in range(cnp.PyArray_NDIM(x) if fits else 0):
        fits &= cnp.PyArray_DIM(p, axis) in (1, cnp.PyArray_DIM(x, axis))
    if not fits:
        raise ValueError(f"{name}: expected a shape that broadcasts to {(<object>x).shape}, got {(<object>p).shape}")
    return 0


cdef int set_real(cn_call *call, cnp.ndarray x, tuple axes, cn_kind kind, cnp.ndarray state,
                  bint wide=False) except -1:
    """A call for statistics of x, of any real dtype, to a state or None: integers, and float32 if wide, count as float64."""
    cdef int num = cnp.PyArray_TYPE(x)
    cdef bint floats = not (cnp.PyTypeNum_ISINTEGER(num) or num == cnp.NPY_BOOL or (wide and num == cnp.NPY_FLOAT32))
    set_x(call, x, dtype_of(x) if floats else CN_F64)
    set_reduced(call, axes)
    if not floats:
        call.moments.x = number_of(x)
    call.moments.kind = kind
    if state is not None:
        call.moments.to = <cn_partial *>cnp.PyArray_DATA(state)
    return 0


cdef void open_results(cn_results *to, cnp.ndarray first, cnp.ndarray second, bint wide) noexcept:
    """Where results go: an array each, or None."""
    memset(to, 0, sizeof(to[0]))
    to.first = NULL if first is None else cnp.PyArray_DATA(first)
    to.second = NULL if second is None else cnp.PyArray_DATA(second)
    to.wide = wide


cdef int check(cn_status status) except -1:
    if status != CN_OK:
        raise MemoryError("cnorm: no memory for the work space")
    return 0


cdef int run(const cn_call *call, Py_ssize_t size) except -1:
    cdef PyThreadState *released = release(size)
    cdef cn_status status = cn_run(call)
    resume(released)
    return check(status)


cdef int run_gated(const cn_call *call, const cn_gating *of, ptrdiff_t n, bint norm_first) except -1:
    cdef PyThreadState *released = release(of.n)
    cdef cn_status status = cn_run_gated(call, of, n, norm_first)
    resume(released)
    return check(status)


cdef void expect_cold(bint cold) noexcept:
    cn_expect_cold(cold)


cdef const void *verbs() noexcept:
    """The cn_verbs of api/verbs.h."""
    return cn_all_verbs()


cdef cnp.ndarray widened(cnp.ndarray p):
    """A parameter of 16-bit floats, without gaps, as float32."""
    cdef cnp.ndarray to = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(p), cnp.PyArray_DIMS(p), cnp.NPY_FLOAT32, 0)
    cn_widen(<cn_dtype>known_dtype(p), <const char *>cnp.PyArray_DATA(p), cnp.PyArray_SIZE(p),
             <float *>cnp.PyArray_DATA(to))
    return to


def widen(cnp.ndarray x not None):
    """Floats of 16 bits without gaps as float32, laid out alike; else None."""
    cdef int dtype
    cdef cnp.ndarray to
    if cnp.PyArray_ITEMSIZE(x) != 2 or not is_block(x):
        return None
    dtype = dtype_of(x)
    to = new_as(x, cnp.PyArray_DescrFromType(cnp.NPY_FLOAT32), cnp.NPY_KEEPORDER)
    cn_widen(<cn_dtype>dtype, <const char *>cnp.PyArray_DATA(x), cnp.PyArray_SIZE(x), <float *>cnp.PyArray_DATA(to))
    return to


def round_into(cnp.ndarray x not None, cnp.ndarray to not None):
    """float32 to floats of 16 bits laid out alike, both without gaps."""
    if cnp.PyArray_TYPE(x) != cnp.NPY_FLOAT32 or cnp.PyArray_ITEMSIZE(to) != 2 or not (is_block(x) and is_block(to)):
        raise ValueError("x, to: expected float32 and 16-bit floats without gaps")
    if cnp.PyArray_SIZE(x) != cnp.PyArray_SIZE(to):
        raise ValueError(f"to: expected {x.size} elements, got {to.size}")
    cn_round(<cn_dtype><int>dtype_of(to), <const float *>cnp.PyArray_DATA(x), cnp.PyArray_SIZE(x),
              <char *>cnp.PyArray_DATA(to))


cdef int put_rounded(cnp.ndarray x, cnp.ndarray y) except -1:
    """Doubles without gaps into floats in the same order, rounded once."""
    cdef int dtype = dtype_of(y)
    cdef Py_ssize_t n = cnp.PyArray_SIZE(x)
    cdef PyThreadState *released = release(n)
    cn_round_doubles(<cn_dtype>dtype, <const double *>cnp.PyArray_DATA(x), <char *>cnp.PyArray_DATA(y), n)
    resume(released)
    return 0


cpdef cnp.ndarray rounded_doubles(cnp.ndarray x, cnp.dtype dtype):
    """Native doubles in a native dtype of floats, rounded once, in their order; what is beyond it becomes infinite."""
    cdef cnp.ndarray y, source = x
    if cnp.PyArray_TYPE(x) != cnp.NPY_FLOAT64 or not cnp.PyArray_ISBEHAVED_RO(x):
        raise ValueError(f"x: expected native float64, got {x.dtype}")
    if has_gaps(x):
        source = new_as(x, x.dtype, cnp.NPY_KEEPORDER)
        cnp.PyArray_CopyInto(source, x)
    y = new_as(source, dtype, cnp.NPY_KEEPORDER)
    put_rounded(source, y)
    return y


def plan(cnp.ndarray x not None, tuple axes not None, cnp.ndarray weight=None):
    """The loops the core makes of a call, in words: "K8 R280 K6w cols"."""
    cdef cn_call call
    cdef char text[2048]
    set_x(&call, x, dtype_of(x))
    if weight is not None:
        set_operand(&call, CN_W, weight)
    set_reduced(&call, axes)
    cn_describe(&call, text, sizeof(text))
    return text.decode()


def set_num_threads(int n):
    """Sets how many threads a call may use at most."""
    cn_set_num_threads(n)


def get_num_threads():
    """How many threads a call may use at most."""
    return cn_get_num_threads()


def activations():
    """The names of the activations, by their numbers from 1 on."""
    return [cn_activation_name(<cn_activation>i).decode() for i in range(1, CN_N_ACTIVATIONS)]


def info():
    """Facts about the build and this CPU."""
    cdef int i, available
    cdef char missing[512]
    isas = []
    for i in range(cn_isa_count()):
        name = cn_isa_describe(i, &available)
        cn_isa_missing(i, missing, sizeof(missing))
        isas.append({"name": name.decode(), "available": bool(available), "missing": missing.decode().split()})
    facts = {"isa": cn_isa_name().decode(), "isas": isas}
    return {**facts, "team": cn_team_name().decode(), "compiler": cn_compiler().decode()}


cdef start():
    """Chooses the instruction set once, capped by CNORM_CPU."""
    cdef bytes cap
    cdef int available
    name = os.environ.get("CNORM_CPU", "")
    cap = name.encode()
    if cn_init(<const char *>cap if name else NULL):
        return
    known = [cn_isa_describe(i, &available).decode() for i in range(cn_isa_count())]
    if name in known:
        raise ImportError(f"CNORM_CPU={name!r}: this CPU or operating system does not support it")
    raise ImportError(f"CNORM_CPU={name!r}: expected one of {', '.join(known)}")


start()
# The table of functions for other compiled modules: what import_cnorm of cnorm_api.h finds as cnorm._C_API.
C_API = PyCapsule_New(<void *>cn_table(), "cnorm._C_API", NULL)
