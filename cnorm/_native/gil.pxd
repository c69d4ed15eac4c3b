"""When other threads run meanwhile."""

cdef extern from "Python.h":
    ctypedef struct PyThreadState
    PyThreadState *PyEval_SaveThread()
    void PyEval_RestoreThread(PyThreadState *released)

# Below this many elements (about 10 us) releasing the GIL costs more than it gives others.
cdef enum: RELEASE = 32768


cdef inline PyThreadState *release(Py_ssize_t size) noexcept:
    """Lets other threads run until `resume`, if so many elements are worth it."""
    return PyEval_SaveThread() if size >= RELEASE else NULL


cdef inline void resume(PyThreadState *released) noexcept:
    if released != NULL:
        PyEval_RestoreThread(released)
