# cython: language_level=3, boundscheck=False, wraparound=False
"""From Cython: loops that call cnorm without the GIL."""

from cnorm.c_api cimport CNORM_EPS_INSIDE, CNORM_FLOAT32, CNORM_OK, CNORM_VARIANCE, cnorm_api, import_cnorm

cdef const cnorm_api *cnorm = import_cnorm()


def normalize_rows(const float[:, ::1] x, float[:, ::1] y, double eps=1e-5):
    """y = (x - mean) / sqrt(var + eps) of each row."""
    cdef ptrdiff_t[2] shape
    cdef int status
    shape[0], shape[1] = x.shape[0], x.shape[1]
    with nogil:
        status = cnorm.normalize(CNORM_FLOAT32, 2, shape, &x[0, 0], NULL, &y[0, 0], NULL, 1 << 1, CNORM_VARIANCE, eps,
                                 CNORM_EPS_INSIDE, NULL, NULL, NULL, NULL)
    if status != CNORM_OK:
        raise ValueError(cnorm.message(status).decode())


def loudest(const float[::1] signal, ptrdiff_t width):
    """Which window of so many samples, side by side, has the largest variance."""
    cdef Py_ssize_t i, best = 0
    cdef float mean, var, most = -1
    with nogil:
        for i in range(signal.shape[0] // width):
            cnorm.moments(CNORM_FLOAT32, 1, &width, &signal[i * width], NULL, 1, 0, &mean, &var)
            if var > most:
                best, most = i, var
    return best
