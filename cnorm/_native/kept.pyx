# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Gate to kept.h: new arrays whose memory is kept for the next one when they are gone."""

cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_New
from cpython.ref cimport Py_INCREF
from libc.string cimport memcpy, memset

cnp.import_array()

cdef extern from "memory/kept.h" nogil:
    void *cn_kept_new(size_t size)
    void *cn_kept_resize(void *block, size_t size)
    void cn_kept_free(void *block)
    void cn_kept_set_limit(size_t bytes)
    size_t cn_kept_limit()
    size_t cn_kept_bytes()

cdef extern from "numpy/arrayobject.h":
    object PyArray_NewLikeArray(cnp.ndarray, cnp.NPY_ORDER, cnp.PyArray_Descr *, int)
    cnp.PyObject *PyDataMem_DefaultHandler

# Outputs from this size on live in blocks of ours (kept.h), smaller ones where NumPy puts them: one of 0.4 MB is made 2 us
# sooner there. Of several of a call NumPy's are new pages each time: group_moments of (20, 10007) 1.6 times as fast without.
cdef Py_ssize_t LARGE = 1 << 20
cdef Py_ssize_t AMONG = 1 << 16


cdef void *block_new(void *context, size_t size) noexcept nogil:
    return cn_kept_new(size)


cdef void *block_zeros(void *context, size_t n, size_t item) noexcept nogil:
    cdef void *block = cn_kept_new(n * item) if item == 0 or n <= <size_t>-1 // item else NULL
    if block != NULL:
        memset(block, 0, n * item)
    return block


cdef void *block_resize(void *context, void *block, size_t size) noexcept nogil:
    return cn_kept_resize(block, size)


cdef void block_free(void *context, void *block, size_t size) noexcept nogil:
    cn_kept_free(block)


cdef cnp.PyDataMem_Handler handler
memset(&handler, 0, sizeof(handler))
memcpy(handler.name, b"cnorm", 5)
handler.version = 1
handler.allocator.malloc = block_new
handler.allocator.calloc = block_zeros
handler.allocator.realloc = block_resize
handler.allocator.free = block_free
cdef object our_handler = PyCapsule_New(&handler, b"mem_handler", NULL)


cdef object take_over():
    """From now on arrays live in blocks of ours; what to give back: None where the program has a memory policy of its own."""
    cdef object before = cnp.PyDataMem_SetHandler(our_handler)
    if before is <object>PyDataMem_DefaultHandler:
        return before
    cnp.PyDataMem_SetHandler(before)
    return None


cdef int give_back(object before) except -1:
    if before is not None:
        cnp.PyDataMem_SetHandler(before)
    return 0


cdef object new_large(cnp.ndarray x, cnp.NPY_ORDER order, object dtype):
    """In a block of ours, if it may be."""
    cdef object before = take_over()
    try:
        return new_array(x, order, dtype)
    finally:
        give_back(before)


cdef object new_array(cnp.ndarray x, cnp.NPY_ORDER order, object dtype):
    if dtype is None:
        return PyArray_NewLikeArray(x, order, NULL, 0)
    Py_INCREF(dtype)  # the call takes a reference
    return PyArray_NewLikeArray(x, order, <cnp.PyArray_Descr *>dtype, 0)


cdef object new_like(cnp.ndarray x):
    """An array of x's shape, dtype and order, not initialized."""
    if cnp.PyArray_NBYTES(x) >= LARGE:
        return new_large(x, cnp.NPY_KEEPORDER, None)
    return PyArray_NewLikeArray(x, cnp.NPY_KEEPORDER, NULL, 0)


def empty_like(cnp.ndarray x):
    """An array of x's shape, dtype and order, not initialized."""
    return new_like(x)


cdef object new_as(cnp.ndarray x, cnp.dtype dtype, cnp.NPY_ORDER order=cnp.NPY_CORDER):
    """An array of x's shape without gaps, of another dtype, not initialized."""
    if cnp.PyArray_SIZE(x) * cnp.PyDataType_ELSIZE(dtype) >= LARGE:
        return new_large(x, order, dtype)
    return new_array(x, order, dtype)


cdef object new_among(cnp.ndarray x, cnp.dtype dtype):
    """The same in x's order, one of several of a call: NumPy's blocks would be new pages each time."""
    if cnp.PyArray_SIZE(x) * cnp.PyDataType_ELSIZE(dtype) >= AMONG:
        return new_large(x, cnp.NPY_KEEPORDER, dtype)
    return new_array(x, cnp.NPY_KEEPORDER, dtype)


cdef cnp.ndarray new_of(int ndim, cnp.npy_intp *dims, int num, bint zeros=False):
    """One of several arrays of a call, in C order, of zeros or not initialized."""
    cdef cnp.dtype dtype = cnp.PyArray_DescrFromType(num)
    cdef cnp.npy_intp size = cnp.PyDataType_ELSIZE(dtype)
    cdef object before = None
    cdef int axis
    for axis in range(ndim):
        size *= dims[axis]
    if size >= AMONG:
        before = take_over()
    try:
        return cnp.PyArray_ZEROS(ndim, dims, num, 0) if zeros else cnp.PyArray_EMPTY(ndim, dims, num, 0)
    finally:
        give_back(before)


def empty_as(cnp.ndarray x, cnp.dtype dtype not None):
    """An array of x's shape without gaps, of another dtype, not initialized."""
    return new_as(x, dtype)


def set_limit(size_t limit):
    """Sets how many bytes of freed blocks are kept at most."""
    cn_kept_set_limit(limit)


def get_limit():
    """How many bytes of freed blocks are kept at most."""
    return cn_kept_limit()


def kept():
    """How many bytes of freed blocks are kept now."""
    return cn_kept_bytes()
