"""cnorm's functions for Cython: `from cnorm.c_api cimport cnorm_api, import_cnorm`.

cnorm_api.h says what they take; the compiler finds it in cnorm.get_include().
"""

from libc.stdint cimport uint32_t, uint64_t


cdef extern from "cnorm_api.h":
    enum:
        CNORM_API_VERSION

    enum:
        CNORM_FLOAT32, CNORM_FLOAT64, CNORM_FLOAT16, CNORM_BFLOAT16, CNORM_INT8, CNORM_UINT8, CNORM_INT16, CNORM_UINT16
        CNORM_INT32, CNORM_UINT32, CNORM_INT64, CNORM_UINT64, CNORM_BOOL

    enum:
        CNORM_OK, CNORM_NO_MEMORY, CNORM_BAD_DTYPE, CNORM_BAD_SHAPE, CNORM_BAD_POINTER, CNORM_BAD_OPTION
        CNORM_OUT_OF_RANGE

    enum:
        CNORM_VARIANCE, CNORM_MEAN_SQUARE, CNORM_NORM

    enum:
        CNORM_EPS_INSIDE, CNORM_EPS_OUTSIDE, CNORM_EPS_MAX

    ctypedef struct cnorm_api:
        uint32_t version, size
        const char *(*message)(int status) noexcept nogil
        int (*moments)(int dtype, int ndim, const ptrdiff_t *shape, const void *x, const ptrdiff_t *strides,
                       uint64_t axes, double correction, void *mean, void *var) noexcept nogil
        int (*states)(int dtype, int ndim, const ptrdiff_t *shape, const void *x, const ptrdiff_t *strides,
                      uint64_t axes, double *to) noexcept nogil
        int (*merge)(ptrdiff_t n, const double *a, const double *b, double *to) noexcept nogil
        int (*values)(ptrdiff_t n, const double *states, double correction, int wide, void *mean,
                      void *var) noexcept nogil
        int (*normalize)(int dtype, int ndim, const ptrdiff_t *shape, const void *x, const ptrdiff_t *x_strides,
                         void *y, const ptrdiff_t *y_strides, uint64_t axes, int kind, double eps, int eps_mode,
                         const void *weight, const ptrdiff_t *weight_strides, const void *bias,
                         const ptrdiff_t *bias_strides) noexcept nogil
        int (*apply)(int dtype, int ndim, const ptrdiff_t *shape, const void *x, const ptrdiff_t *x_strides,
                     void *y, const ptrdiff_t *y_strides, uint64_t axes, const double *center, const double *scale,
                     const void *weight, const ptrdiff_t *weight_strides, const void *bias,
                     const ptrdiff_t *bias_strides) noexcept nogil

    const cnorm_api *import_cnorm() except NULL
