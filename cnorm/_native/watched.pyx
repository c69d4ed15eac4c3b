# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""A layer of torch whose norm is computed here, as long as it is what it was: told at a glance, for each call.

No rule is written here: what is not sure is None, and the careful way asks again. In a model each call follows
products, which empty the caches: the same questions asked from Python, 3 us in a loop of their own, then take 100.
"""

cimport numpy as cnp
from cpython.dict cimport PyDict_GetItem
from cpython.object cimport PyObject
from libc.string cimport memcmp, memset

from cnorm._native.core cimport expect_cold, known_dtype
from cnorm._native.dlpack cimport DLDataType, DLTensor
from cnorm._native.tensors cimport array_of, look_at, needs_gradient, tensor_of

cnp.import_array()

cdef enum: MOST = 4  # dimensions of a parameter
cdef enum: DTYPES = 4


# Where a parameter was: all zeros of one that is absent.
cdef struct Memory:
    void *data
    DLDataType dtype
    int ndim
    cnp.npy_intp shape[MOST]
    cnp.npy_intp strides[MOST]


cdef bint remember(object tensor, Memory *m):
    """What tells a parameter's memory, if it is plain."""
    cdef DLTensor t
    cdef int i
    memset(m, 0, sizeof(Memory))
    if tensor is None:
        return True
    if not look_at(tensor, &t) or t.ndim > MOST:
        return False
    m.data, m.dtype, m.ndim = <char *>t.data + t.byte_offset, t.dtype, t.ndim
    for i in range(t.ndim):
        m.shape[i], m.strides[i] = t.shape[i], t.strides[i]
    return True


cdef class _Watched:
    cdef object compute
    cdef tuple names, values, modes, stores, keys
    cdef Py_ssize_t number
    cdef bytes memory  # of each parameter, one after the other
    cdef cnp.npy_intp least[DTYPES]
    cdef unsigned long ranks

    cdef bint is_unchanged(self, dict attributes):
        """Has the module the attributes and the parameters it had?"""
        cdef Memory now
        cdef PyObject *value
        cdef Py_ssize_t i
        cdef const char *then = self.memory
        if self.number and len(attributes) != self.number:
            return False
        for i in range(len(self.names)):
            value = PyDict_GetItem(attributes, self.names[i])
            if value == NULL or (value != <PyObject *>self.values[i] and <object>value != self.values[i]):
                return False
        for i in range(len(self.keys)):
            value = PyDict_GetItem(<dict>self.stores[i], self.keys[i])
            if value == NULL or not remember(<object>value, &now):
                return False
            if memcmp(&now, then + i * sizeof(Memory), sizeof(Memory)):
                return False
        return True

    cdef bint has_gradients(self, object x):
        """Does the tensor or a parameter need one?"""
        cdef Py_ssize_t i
        if needs_gradient(x):
            return True
        for i in range(len(self.keys)):
            tensor = (<dict>self.stores[i])[self.keys[i]]
            if tensor is not None and needs_gradient(tensor):
                return True
        return False

    def of(self, x, dict attributes not None):
        """The norm of a tensor by the module that has these attributes; None where it is not sure to be ours."""
        cdef int dtype
        a = array_of(x, False)
        if a is None or not cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>a) or not self.ranks >> cnp.PyArray_NDIM(a) & 1:
            return None
        dtype = known_dtype(<cnp.ndarray>a)
        if dtype < 0 or dtype >= DTYPES or cnp.PyArray_SIZE(<cnp.ndarray>a) < self.least[dtype]:
            return None
        if attributes.get("training") is not False:
            return None
        for ask in self.modes:
            if ask():
                return None
        if not self.is_unchanged(attributes) or self.has_gradients(x):
            return None
        expect_cold(True)
        try:
            y = self.compute(a)
        except (RuntimeError, TypeError, ValueError):
            return None
        finally:
            expect_cold(False)
        return tensor_of(<cnp.ndarray>y) if cnp.PyArray_CheckExact(y) else None


def watched(compute, dict attributes not None, Py_ssize_t number, parameters, modes, least, ranks):
    """A glance at a module; None if it has parameters that are not plain.

    compute: the norm of an array. attributes: those it depends on; number: how many the module has, if all count.
    parameters: (dictionary, name) of each. modes: functions that say what must be off. least: elements by dtype, in the order float32, float64, float16, bfloat16. ranks: a bit for each.
    """
    cdef _Watched made = _Watched.__new__(_Watched)
    cdef Memory m
    cdef list memory = []
    made.compute, made.number, made.ranks = compute, number, ranks
    made.names, made.values, made.modes = tuple(attributes), tuple(attributes.values()), tuple(modes)
    made.stores, made.keys = tuple([store for store, _ in parameters]), tuple([name for _, name in parameters])
    for store, name in parameters:
        if not remember(store[name], &m):
            return None
        memory.append((<char *>&m)[:sizeof(Memory)])
    made.memory = b"".join(memory)
    for i in range(DTYPES):
        made.least[i] = least[i]
    return made
