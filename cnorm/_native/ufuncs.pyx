# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""NumPy's loops of gufuncs: a whole outer loop is one call of the table of cnorm_api.h."""

cimport numpy as cnp
from libc.stdlib cimport free, malloc

from cnorm.c_api cimport (CNORM_BOOL, CNORM_FLOAT16, CNORM_FLOAT32, CNORM_FLOAT64, CNORM_INT8, CNORM_INT16, CNORM_INT32,
                          CNORM_INT64, CNORM_NO_MEMORY, CNORM_OK, CNORM_UINT8, CNORM_UINT16, CNORM_UINT32, CNORM_UINT64,
                          cnorm_api, import_cnorm)

cnp.import_array()
cnp.import_ufunc()

cdef extern from "<fenv.h>" nogil:
    ctypedef struct fexcept_t:
        pass
    int FE_ALL_EXCEPT
    int fegetexceptflag(fexcept_t *flags, int which)
    int fesetexceptflag(const fexcept_t *flags, int which)

cdef extern from "Python.h":
    void PyErr_SetString(object kind, const char *words)

cdef const cnorm_api *table = import_cnorm()


cdef void spread(const char *given, Py_ssize_t n, Py_ssize_t size, char *to, Py_ssize_t step) noexcept nogil:
    """n results of 4 or 8 bytes to where NumPy wants them."""
    cdef Py_ssize_t i
    for i in range(n):
        if size == 8:
            (<double *>(to + i * step))[0] = (<const double *>given)[i]
        else:
            (<float *>(to + i * step))[0] = (<const float *>given)[i]


cdef int take(int dtype, char **arrays, const cnp.npy_intp *sizes, const cnp.npy_intp *steps) noexcept nogil:
    """Mean and variance of sizes[0] groups of sizes[1] elements."""
    cdef ptrdiff_t[2] shape, strides
    cdef ptrdiff_t size = 4 if dtype == CNORM_FLOAT32 or dtype == CNORM_FLOAT16 else 8
    cdef char *results
    cdef int status
    shape[0], shape[1], strides[0], strides[1] = sizes[0], sizes[1], steps[0], steps[3]
    if sizes[0] < 2 or (steps[1] == size and steps[2] == size):
        return table.moments(dtype, 2, shape, arrays[0], strides, 2, 0, arrays[1], arrays[2])
    results = <char *>malloc(2 * sizes[0] * size)
    if results == NULL:
        return CNORM_NO_MEMORY
    status = table.moments(dtype, 2, shape, arrays[0], strides, 2, 0, results, results + sizes[0] * size)
    if status == CNORM_OK:
        spread(results, sizes[0], size, arrays[1], steps[1])
        spread(results + sizes[0] * size, sizes[0], size, arrays[2], steps[2])
    free(results)
    return status


cdef void raise_later(int status) noexcept:
    """Sets the exception, as loops of NumPy's own linear algebra do."""
    PyErr_SetString(MemoryError if status == CNORM_NO_MEMORY else ValueError, table.message(status))


cdef void mean_var_loop(char **arrays, const cnp.npy_intp *sizes, const cnp.npy_intp *steps, void *dtype) noexcept nogil:
    """The caller's floating point flags stay: NumPy warns of those a loop leaves, and moments does not warn."""
    cdef fexcept_t flags
    cdef int status
    fegetexceptflag(&flags, FE_ALL_EXCEPT)
    status = take((<const int *>dtype)[0], arrays, sizes, steps)
    fesetexceptflag(&flags, FE_ALL_EXCEPT)
    if status != CNORM_OK:
        with gil:
            raise_later(status)


# A loop for each type, in the order NumPy tries them: what has none goes to the first it is safe to cast to.
cdef int N_TYPES = 14
cdef cnp.PyUFuncGenericFunction loops[14]
cdef int dtypes[14]
cdef void *data[14]
cdef char types[42]


cdef int integer_of(int num) noexcept:
    """The code of an integer of C, whose size depends on the platform."""
    cdef Py_ssize_t size = cnp.PyArray_DescrFromType(num).itemsize
    cdef bint signed = cnp.PyTypeNum_ISSIGNED(num)
    if size == 1:
        return CNORM_INT8 if signed else CNORM_UINT8
    if size == 2:
        return CNORM_INT16 if signed else CNORM_UINT16
    if size == 4:
        return CNORM_INT32 if signed else CNORM_UINT32
    return CNORM_INT64 if signed else CNORM_UINT64


# NumPy keeps the pointer.
cdef bytes MEAN_VAR = b"""\
Mean and variance of the last axis, in one pass: a generalized ufunc, (n)->(),().

.. math:: \\mu = \\frac{1}{n}\\sum x, \\qquad \\sigma^2 = \\frac{1}{n}\\sum (x - \\mu)^2

Parameters
----------
x : array_like, shape (..., n)
    Real numbers: bool, integers, float16, float32 or float64.
out : tuple of ndarray or None, optional
    Where mean and variance go.
axis, axes, keepdims, casting, order, dtype, subok, signature
    As for every generalized ufunc of NumPy; ``axis=`` is that of `x`.

Returns
-------
mean, var : ndarray or scalar, shape (...)
    float32 of float16 and float32, else float64; NaN where n is 0.

Raises
------
TypeError
    `x` is of a dtype that is not safely cast to one of these, as longdouble and complex.

See Also
--------
cnorm.moments : any axes, a correction, masks, weights and NaN left out.

Notes
-----
The bits of ``cnorm.moments(x, axis=-1)``, and as many threads: a call of a large batch uses those of
`cnorm.set_num_threads`, without the GIL. There are no warnings.

Examples
--------
>>> import numpy as np
>>> from cnorm.ufuncs import mean_var
>>> mean_var([[1, 3], [2, 6]])
(array([2., 4.]), array([1., 4.]))
>>> mean, var = mean_var(np.ones((4, 5, 6), np.float32), axis=1, keepdims=True)
>>> mean.shape, mean.dtype
((4, 1, 6), dtype('float32'))
"""


cdef object make_mean_var():
    cdef int i, num
    nums = [cnp.NPY_BOOL, cnp.NPY_BYTE, cnp.NPY_UBYTE, cnp.NPY_SHORT, cnp.NPY_USHORT, cnp.NPY_INT, cnp.NPY_UINT, cnp.NPY_LONG,
            cnp.NPY_ULONG, cnp.NPY_LONGLONG, cnp.NPY_ULONGLONG, cnp.NPY_FLOAT16, cnp.NPY_FLOAT, cnp.NPY_DOUBLE]
    floats = {cnp.NPY_FLOAT16: CNORM_FLOAT16, cnp.NPY_FLOAT: CNORM_FLOAT32, cnp.NPY_DOUBLE: CNORM_FLOAT64,
              cnp.NPY_BOOL: CNORM_BOOL}
    for i in range(N_TYPES):
        num = nums[i]
        loops[i] = <cnp.PyUFuncGenericFunction>mean_var_loop
        dtypes[i] = floats[num] if num in floats else integer_of(num)
        data[i] = &dtypes[i]
        types[3 * i] = num
        types[3 * i + 1] = types[3 * i + 2] = (
            cnp.NPY_FLOAT if num == cnp.NPY_FLOAT16 or num == cnp.NPY_FLOAT else cnp.NPY_DOUBLE)
    return cnp.PyUFunc_FromFuncAndDataAndSignature(loops, data, types, N_TYPES, 1, 2, cnp.PyUFunc_None, b"mean_var", MEAN_VAR, 0,
                                                   b"(n)->(),()")


mean_var = make_mean_var()
