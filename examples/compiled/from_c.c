/* from_c.c: from C, without NumPy: mean and variance of any object with a buffer of doubles. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cnorm_api.h>

static const cnorm_api *cnorm;

static PyObject *moments(PyObject *module, PyObject *object)
{
    Py_buffer view;
    double mean, var;
    int status;
    (void)module;
    if (PyObject_GetBuffer(object, &view, PyBUF_STRIDED_RO | PyBUF_FORMAT) < 0) return NULL;
    if (view.format[0] != 'd' || view.format[1]) {
        PyBuffer_Release(&view);
        PyErr_SetString(PyExc_TypeError, "expected doubles");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    status = cnorm->moments(CNORM_FLOAT64, view.ndim, view.shape, view.buf, view.strides,
                            ((uint64_t)1 << view.ndim) - 1, 0, &mean, &var);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&view);
    if (status != CNORM_OK) return PyErr_Format(PyExc_ValueError, "%s", cnorm->message(status));
    return Py_BuildValue("dd", mean, var);
}

static PyMethodDef methods[] = {{"moments", moments, METH_O, "Mean and variance."}, {NULL, NULL, 0, NULL}};
static PyModuleDef definition = {PyModuleDef_HEAD_INIT, "from_c", "cnorm from C.", -1, methods,
                                 NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_from_c(void)
{
    cnorm = import_cnorm();
    return cnorm ? PyModule_Create(&definition) : NULL;
}
