# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""A function of arrays that takes tensors of torch, too, and gives tensors for a tensor.

The function itself sees arrays alone. Python's protocol of calls (PEP 590) hands arguments on as they lie: a tuple and
a dictionary for them, as decorators in Python make, would take five times what looking at them takes.
"""

cimport cython
cimport numpy as cnp
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_Check, PyTuple_CheckExact, PyTuple_GET_ITEM, PyTuple_GET_SIZE

from cnorm._native.tensors cimport array_of, is_tensor, tensor_of

cnp.import_array()

cdef extern from "Python.h":
    ctypedef object (*vectorcallfunc)(object, PyObject *const *, size_t, PyObject *)
    ctypedef struct PyTypeObject:
        pass
    PyTypeObject PyFloat_Type, PyLong_Type, PyBool_Type, PyTuple_Type, PyUnicode_Type
    PyTypeObject *Py_TYPE(PyObject *) noexcept
    PyObject *Py_None
    object PyMethod_New(object, object)
    object PyObject_Vectorcall(object, PyObject *const *, size_t, PyObject *)
    object PyVectorcall_Call(object, object, object)
    Py_ssize_t PyVectorcall_NARGS(size_t) noexcept

cdef extern from "numpy/arrayobject.h":
    PyTypeObject PyArray_Type
    object PyArray_FromScalar(object, cnp.PyArray_Descr *)
    bint PyArray_CheckScalar(object) noexcept

cdef extern from *:
    """
    static void take_vectorcall(PyObject *kind, Py_ssize_t offset) {
        PyTypeObject *type = (PyTypeObject *)kind;
        type->tp_vectorcall_offset = offset;
        type->tp_call = PyVectorcall_Call;
        type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
        PyType_Modified(type);
    }
    """
    void take_vectorcall(object, Py_ssize_t) noexcept

cdef enum: MOST = 32  # arguments of what is taken
cdef tuple WRITTEN = ("out", "residual_out")


@cython.final
cdef class _Routed:
    """A function of arrays, and what takes and gives tensors that need care."""

    cdef vectorcallfunc vectorcall
    cdef readonly object __wrapped__
    cdef object careful_array, careful_tensor
    cdef tuple names
    cdef dict __dict__
    cdef object __weakref__

    def __call__(self, *args, **keywords):  # seen as an attribute; a call takes the slot filled below
        return PyVectorcall_Call(self, args, keywords)

    def __get__(self, instance, owner):
        return self if instance is None else PyMethod_New(self, instance)

    def __repr__(self):
        return f"<function {self.__module__}.{self.__qualname__}>"

    def __reduce__(self):
        return self.__qualname__

    cdef object name(self, Py_ssize_t i, Py_ssize_t positional, PyObject *keywords):
        """Of the i-th argument of a call."""
        if i >= positional:
            return <object>PyTuple_GET_ITEM(<object>keywords, i - positional)
        return self.names[i] if i < PyTuple_GET_SIZE(self.names) else "input"

    cdef object given(self, cnp.ndarray a):
        """The tensor over an array's memory."""
        t = tensor_of(a)
        return t if t is not None else self.careful_tensor(a)


cdef bint has_tensor(PyObject *const *values, Py_ssize_t n) noexcept:
    cdef Py_ssize_t i
    cdef PyTypeObject *kind
    for i in range(n):
        kind = Py_TYPE(values[i])
        if (kind == &PyArray_Type or values[i] == Py_None or kind == &PyFloat_Type or kind == &PyLong_Type
                or kind == &PyTuple_Type or kind == &PyUnicode_Type or kind == &PyBool_Type):
            continue
        if is_tensor(<object>values[i]):
            return True
    return False


cdef object enter(object self, PyObject *const *args, size_t flags, PyObject *keywords):
    cdef Py_ssize_t positional = PyVectorcall_NARGS(flags), n = positional
    if keywords != NULL:
        n += PyTuple_GET_SIZE(<object>keywords)
    if n > MOST or not has_tensor(args, n):
        return PyObject_Vectorcall((<_Routed>self).__wrapped__, args, flags, keywords)
    return with_tensors(<_Routed>self, args, positional, n, keywords)


# Arguments as the function sees them, and what stands for each outside.
cdef struct Arguments:
    PyObject *inside[MOST]
    PyObject *outside[MOST]
    Py_ssize_t n


cdef object with_tensors(_Routed self, PyObject *const *args, Py_ssize_t positional, Py_ssize_t n, PyObject *keywords):
    """The call with arrays in the place of tensors; where the first argument is one, so are all results."""
    cdef Arguments all
    cdef Py_ssize_t i
    cdef bint wanted = False, written
    cdef list kept = []  # what has no other owner
    all.n = n
    for i in range(n):
        wanted |= (i == 0 if positional else self.name(i, 0, keywords) == self.names[0]) and is_tensor(<object>args[i])
    for i in range(n):
        all.inside[i] = all.outside[i] = args[i]
        value = <object>args[i]
        written = i >= positional and self.name(i, positional, keywords) in WRITTEN
        if is_tensor(value):
            array = array_of(value, wanted or written)
            if array is None:
                array = self.careful_array(value, self.name(i, positional, keywords), wanted or written)
            all.inside[i] = <PyObject *>array
            kept.append(array)
        elif wanted and written and cnp.PyArray_CheckExact(value):
            tensor = self.given(<cnp.ndarray>value)
            all.outside[i] = <PyObject *>tensor
            kept.append(tensor)
        elif PyTuple_Check(value) and not PyTuple_CheckExact(value):  # torch.Size
            array = tuple(value)
            all.inside[i] = <PyObject *>array
            kept.append(array)
    return results(self, PyObject_Vectorcall(self.__wrapped__, all.inside, positional, keywords), &all, wanted)


cdef object results(_Routed self, object y, const Arguments *all, bint wanted):
    """What a call returns: an argument as it is outside; if tensors are wanted, of other arrays new ones."""
    cdef Py_ssize_t i
    if PyTuple_CheckExact(y):
        return tuple([results(self, part, all, wanted) for part in <tuple>y])
    for i in range(all.n):
        if <PyObject *>y == all.inside[i]:
            return <object>all.outside[i]
    if not wanted:
        return y
    if not cnp.PyArray_Check(y):
        if not PyArray_CheckScalar(y):
            return y
        y = PyArray_FromScalar(y, NULL)
    return self.given(<cnp.ndarray>y)


cdef _Routed one = _Routed.__new__(_Routed)
take_vectorcall(_Routed, <char *>&one.vectorcall - <char *><PyObject *>one)


def routed(function, careful_array, careful_tensor):
    """A function of arrays as one that takes tensors, too.

    careful_array: of a tensor that is not plain, its name, and whether its values are what is taken; careful_tensor:
    of an array.
    """
    cdef _Routed made = _Routed.__new__(_Routed)
    made.vectorcall = enter
    made.__wrapped__, made.careful_array, made.careful_tensor = function, careful_array, careful_tensor
    code = function.__code__
    made.names = code.co_varnames[:code.co_argcount + code.co_kwonlyargcount]
    return made
