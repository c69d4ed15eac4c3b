# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Tensors of torch as arrays over their memory, and arrays as tensors, by the functions torch's type offers.

No rule is written here: what is not plain (a subclass, no memory of its own, a dtype NumPy has not, an older torch)
is None, and the careful functions of _accept ask and complain. From Python, `numpy()` and `from_numpy` take 0.5 us
each, and 20 times that between two products, which empty the caches; this takes a fifth.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_Clear
from cpython.object cimport PyObject
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_IsValid
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc

from cnorm._native.dlpack cimport (
    CODE_BFLOAT, CODE_BOOL, CODE_FLOAT, CODE_INT, CODE_UINT, CPU, MAJOR,
    DLDataType, DLManagedTensorVersioned, DLPackExchangeAPI, DLTensor,
)

import sys

cnp.import_array()

cdef extern from "Python.h":
    int Py_IsInitialized() noexcept nogil
    ctypedef struct PyTypeObject:
        pass
    PyTypeObject *Py_TYPE(PyObject *) noexcept
    int PyType_IsSubtype(PyTypeObject *, PyTypeObject *) noexcept

cdef extern from *:
    """
    /* What a method without arguments, or an attribute, of a type gives for x; a look-up by name takes as long again. */
    static PyObject *ask_method(PyObject *method, PyObject *x) {
        if (Py_IS_TYPE(method, &PyMethodDescr_Type)) {
            PyMethodDef *called = ((PyMethodDescrObject *)method)->d_method;
            if (called->ml_flags == METH_NOARGS) return called->ml_meth(x, NULL);
        }
        return PyObject_CallOneArg(method, x);
    }
    static PyObject *ask_attribute(PyObject *attribute, PyObject *x) {
        return Py_TYPE(attribute)->tp_descr_get(attribute, x, (PyObject *)Py_TYPE(x));
    }
    """
    object ask_method(object, object)
    object ask_attribute(object, object)

cdef extern from "numpy/arrayobject.h":
    object PyArray_NewFromDescr(PyTypeObject *, cnp.PyArray_Descr *, int, cnp.npy_intp *, cnp.npy_intp *, void *,
                                int, object)
    PyTypeObject PyArray_Type
    int PyArray_SetBaseObject(cnp.ndarray, object) except -1

cdef enum: MOST = 32  # dimensions of what is taken
cdef const char *CAPSULE = "dlpack_exchange_api"

# Once torch is imported: its types, and the table of functions they share, if they have one.
cdef object tensor_type = None
cdef object parameter_type = None
cdef const DLPackExchangeAPI *table = NULL
cdef cnp.dtype bfloat16 = None
cdef object is_neg = None
cdef object requires_grad = None
cdef object is_grad_enabled = None


cdef const DLPackExchangeAPI *table_of(object kind):
    """The functions of a type, of a version we know; NULL if there are none."""
    cdef const DLPackExchangeAPI *found
    capsule = getattr(kind, "__dlpack_c_exchange_api__", None)
    if not PyCapsule_IsValid(capsule, CAPSULE):
        return NULL
    found = <const DLPackExchangeAPI *>PyCapsule_GetPointer(capsule, CAPSULE)
    while found != NULL and found.version.major > MAJOR:
        found = found.prev_api
    if found == NULL or found.version.major != MAJOR or found.dltensor_from_py_object_no_sync == NULL:
        return NULL
    return found


cdef bint find_torch():
    """Is torch there by now? It is never imported."""
    global tensor_type, parameter_type, table, is_neg, requires_grad, is_grad_enabled
    torch = sys.modules.get("torch")
    kind = getattr(torch, "Tensor", None)
    own = getattr(getattr(torch, "nn", None), "Parameter", None)
    if not isinstance(kind, type) or not isinstance(own, type):
        return False  # none, or half imported
    is_neg, requires_grad, is_grad_enabled = kind.is_neg, kind.requires_grad, torch.is_grad_enabled
    table, parameter_type, tensor_type = table_of(kind), own, kind
    return True


cdef bint is_tensor(object x) noexcept:
    """A tensor of torch, or of a subclass?"""
    if tensor_type is None and not find_torch():
        return False
    return type(x) is tensor_type or PyType_IsSubtype(Py_TYPE(<PyObject *>x), <PyTypeObject *><PyObject *>tensor_type)


cdef int number_of(DLDataType dtype) noexcept:
    """NumPy's number of a dtype; -1 of one it has not, or that needs another package."""
    cdef int bits = dtype.bits
    if dtype.lanes != 1:
        return -1
    if dtype.code == CODE_FLOAT:
        return (cnp.NPY_FLOAT32 if bits == 32 else cnp.NPY_FLOAT64 if bits == 64 else cnp.NPY_FLOAT16 if bits == 16
                else -1)
    if dtype.code == CODE_BFLOAT:
        return -1 if bfloat16 is None else bfloat16.num
    if dtype.code == CODE_BOOL:
        return cnp.NPY_BOOL if bits == 8 else -1
    if dtype.code == CODE_INT:
        return (cnp.NPY_INT64 if bits == 64 else cnp.NPY_INT32 if bits == 32 else cnp.NPY_INT16 if bits == 16
                else cnp.NPY_INT8 if bits == 8 else -1)
    if dtype.code == CODE_UINT:
        return (cnp.NPY_UINT64 if bits == 64 else cnp.NPY_UINT32 if bits == 32 else cnp.NPY_UINT16 if bits == 16
                else cnp.NPY_UINT8 if bits == 8 else -1)
    return -1


cdef bint dtype_of(cnp.ndarray a, DLDataType *dtype) noexcept:
    """DLPack's name of an array's dtype, if torch has it."""
    cdef int number = cnp.PyArray_TYPE(a)
    dtype.lanes, dtype.bits = 1, <int>(8 * cnp.PyArray_ITEMSIZE(a))
    if bfloat16 is not None and number == bfloat16.num:
        dtype.code = CODE_BFLOAT
    elif number in (cnp.NPY_FLOAT16, cnp.NPY_FLOAT32, cnp.NPY_FLOAT64):
        dtype.code = CODE_FLOAT
    elif number == cnp.NPY_BOOL:
        dtype.code = CODE_BOOL
    elif cnp.PyArray_ISINTEGER(a):
        dtype.code = CODE_INT if cnp.PyArray_ISSIGNED(a) else CODE_UINT
    else:
        return False
    return cnp.PyArray_ISNOTSWAPPED(a)


cdef object over(const DLTensor *t, int number, object owner):
    """An array over a tensor's memory, which keeps its owner."""
    cdef cnp.npy_intp dims[MOST]
    cdef cnp.npy_intp strides[MOST]
    cdef cnp.dtype dtype = cnp.PyArray_DescrFromType(number)
    cdef int i
    cdef cnp.npy_intp width = t.dtype.bits // 8, size = 1
    for i in range(t.ndim):
        dims[i], strides[i] = t.shape[i], t.strides[i] * width
        size *= dims[i]
    if size and t.data == NULL:
        return None
    Py_INCREF(dtype)  # the call takes a reference
    array = PyArray_NewFromDescr(&PyArray_Type, <cnp.PyArray_Descr *>dtype, t.ndim, dims, strides,
                                 <char *>t.data + t.byte_offset, cnp.NPY_ARRAY_WRITEABLE, None) if size else (
        PyArray_NewFromDescr(&PyArray_Type, <cnp.PyArray_Descr *>dtype, t.ndim, dims, NULL, NULL, 0, None))
    Py_INCREF(owner)  # so does this
    PyArray_SetBaseObject(array, owner)
    return array


cdef bint needs_gradient(object x):
    """Does the tensor require one, and are they on?"""
    return ask_attribute(requires_grad, x) is not False and is_grad_enabled() is not False


cdef bint look_at(object x, DLTensor *t):
    """Is it a plain tensor on the CPU? What t points to lasts as long as x."""
    if (type(x) is not tensor_type and type(x) is not parameter_type) or table == NULL:
        return False
    if table.dltensor_from_py_object_no_sync(<void *><PyObject *>x, t):
        PyErr_Clear()  # the careful function asks again
        return False
    return (t.device.device_type == CPU and t.ndim <= MOST and (t.ndim == 0 or t.strides != NULL)
            and ask_method(is_neg, x) is False)  # else the memory holds the negatives


cdef object array_of(object x, bint values=True):
    """The array over the memory of a plain tensor on the CPU; None where care is needed.

    values: of one that needs no gradient.
    """
    cdef DLTensor t
    cdef int number
    if not look_at(x, &t) or (values and needs_gradient(x)):
        return None
    number = number_of(t.dtype)
    return over(&t, number, x) if number >= 0 else None


cdef void let_go(DLManagedTensorVersioned *m) noexcept with gil:
    Py_DECREF(<object><PyObject *>m.manager_ctx)


cdef void release(DLManagedTensorVersioned *m) noexcept nogil:
    """Called by the last owner of the memory, in any thread; an interpreter that is gone has no objects left."""
    if Py_IsInitialized():
        let_go(m)
    free(m)


cdef object tensor_of(cnp.ndarray a):
    """The tensor over the memory of an array; None where care is needed."""
    cdef DLManagedTensorVersioned *m
    cdef DLDataType dtype
    cdef void *made = NULL
    cdef int64_t *sizes
    cdef int i, n = cnp.PyArray_NDIM(a)
    cdef cnp.npy_intp width = cnp.PyArray_ITEMSIZE(a)
    if table == NULL or not dtype_of(a, &dtype) or not cnp.PyArray_ISWRITEABLE(a):
        return None
    for i in range(n):
        if cnp.PyArray_STRIDE(a, i) < 0 or cnp.PyArray_STRIDE(a, i) % width:
            return None
    m = <DLManagedTensorVersioned *>malloc(sizeof(DLManagedTensorVersioned) + 2 * n * sizeof(int64_t))
    if m == NULL:
        return None
    sizes = <int64_t *>(m + 1)
    for i in range(n):
        sizes[i], sizes[n + i] = cnp.PyArray_DIM(a, i), cnp.PyArray_STRIDE(a, i) // width
    m.version.major, m.version.minor, m.flags = MAJOR, 0, 0
    m.dl_tensor.data, m.dl_tensor.byte_offset = cnp.PyArray_DATA(a), 0
    m.dl_tensor.device.device_type, m.dl_tensor.device.device_id = CPU, 0
    m.dl_tensor.ndim, m.dl_tensor.dtype = n, dtype
    m.dl_tensor.shape, m.dl_tensor.strides = sizes, sizes + n
    Py_INCREF(a)
    m.manager_ctx, m.deleter = <void *><PyObject *>a, release
    if table.managed_tensor_to_py_object_no_sync(m, &made):  # which has taken m
        PyErr_Clear()
        return None
    tensor = <object><PyObject *>made
    Py_DECREF(tensor)  # the call gave a reference, and this name is another
    return tensor


def is_of_torch(x):
    """A tensor of torch, or of a subclass?"""
    return is_tensor(x)


def as_array(x, bint values=True):
    """The array over the memory of a plain tensor on the CPU; None where care is needed.

    values: of one that needs no gradient.
    """
    return array_of(x, values)


def as_tensor(a not None):
    """The tensor over the memory of an array; None where care is needed."""
    return tensor_of(a) if cnp.PyArray_Check(a) else None


def learn_bfloat16(cnp.dtype dtype not None):
    """What bfloat16 memory is, once a package brings the dtype."""
    global bfloat16
    bfloat16 = dtype
