/* cnorm_api.h: cnorm's functions for C, Cython and numba, a versioned table of pointers; C99 and C++, needs no NumPy.
 *
 * No function of the table takes or makes a Python object: each may be called without the GIL, from any thread. What comes
 * out has the bits of the Python function named beside it. A status other than CNORM_OK means that nothing was written.
 *
 * In an extension module, after Python.h:
 *
 *     #include <cnorm_api.h>                    the folder is cnorm.get_include()
 *     static const cnorm_api *cnorm;
 *     cnorm = import_cnorm();                   once, with the GIL; NULL with an exception set
 *     cnorm->moments(CNORM_FLOAT32, 2, shape, x, NULL, 2, 0, mean, var);
 */
#ifndef CNORM_API_H
#define CNORM_API_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The layout of the table. A table of the same version has all that this one has, in the same places, and may be longer. */
#define CNORM_API_VERSION 1
#define CNORM_API_CAPSULE "cnorm._C_API"

/* Elements. Moments take all of them; results of normalize and apply, and what they read, are floats. */
enum {
    CNORM_FLOAT32 = 0,
    CNORM_FLOAT64 = 1,
    CNORM_FLOAT16 = 2,
    CNORM_BFLOAT16 = 3,
    CNORM_INT8 = 4,
    CNORM_UINT8 = 5,
    CNORM_INT16 = 6,
    CNORM_UINT16 = 7,
    CNORM_INT32 = 8,
    CNORM_UINT32 = 9,
    CNORM_INT64 = 10,
    CNORM_UINT64 = 11,
    CNORM_BOOL = 12
};

/* What a function returns. */
enum {
    CNORM_OK = 0,
    CNORM_NO_MEMORY = 1,
    CNORM_BAD_DTYPE = 2,   /* no such element, or not one of this function */
    CNORM_BAD_SHAPE = 3,   /* not 0 to 64 dimensions, a negative size, axes there are none of */
    CNORM_BAD_POINTER = 4, /* NULL, or a pointer or stride that is no multiple of an element's size */
    CNORM_BAD_OPTION = 5,  /* no such kind or eps_mode; an eps below 0; NaN */
    CNORM_OUT_OF_RANGE = 6 /* merge: of states whose squares leave the range of doubles */
};

/* What normalize divides by: the deviation from the mean, the root of the mean square, the Euclidean norm. */
enum { CNORM_VARIANCE = 0, CNORM_MEAN_SQUARE = 1, CNORM_NORM = 2 };

/* How eps enters the divisor: sqrt(v + eps), sqrt(v) + eps, max(sqrt(v), eps); of CNORM_NORM always max(norm, eps). */
enum { CNORM_EPS_INSIDE = 0, CNORM_EPS_OUTSIDE = 1, CNORM_EPS_MAX = 2 };

/* Arrays are a pointer and strides in bytes, one for each of ndim axes, of either sign; 0 broadcasts. Strides that are NULL
 * mean C order without gaps. axes: bit i is set where axis i is reduced. A statistic belongs to each index of the others,
 * the statistics lie in C order without gaps: their count is the product of these sizes. */
typedef struct cnorm_api {
    uint32_t version; /* CNORM_API_VERSION */
    uint32_t size;    /* bytes of the table */

    /* A status in words. */
    const char *(*message)(int status);

    /* Mean and variance, m2 / (count - correction), as cnorm.moments: double of CNORM_FLOAT64 and of integers, else float. */
    int (*moments)(int dtype, int ndim, const ptrdiff_t *shape, const void *x, const ptrdiff_t *strides,
                   uint64_t axes, double correction, void *mean, void *var);

    /* Moments that merge, as those of cnorm.RunningMoments: five doubles for each statistic, count, mean, what the mean
     * lacks, sum of squares about it, and a power of two that x was multiplied with, 1 for all but extreme doubles. */
    int (*states)(int dtype, int ndim, const ptrdiff_t *shape, const void *x, const ptrdiff_t *strides,
                  uint64_t axes, double *to);

    /* to[i] = the states a[i] and b[i] together, n of them, as cnorm.RunningMoments.merge; to may be a. */
    int (*merge)(ptrdiff_t n, const double *a, const double *b, double *to);

    /* Mean and variance of n states: doubles if wide, else floats. */
    int (*values)(ptrdiff_t n, const double *states, double correction, int wide, void *mean, void *var);

    /* y = (x - mean) / divisor * weight + bias, as cnorm.standardize, rms_norm and normalize of cnorm.functional. y is x
     * itself or lies apart from it. weight, bias: NULL, or floats, doubles for CNORM_FLOAT64, with strides along x. */
    int (*normalize)(int dtype, int ndim, const ptrdiff_t *shape, const void *x, const ptrdiff_t *x_strides,
                     void *y, const ptrdiff_t *y_strides, uint64_t axes, int kind, double eps, int eps_mode,
                     const void *weight, const ptrdiff_t *weight_strides, const void *bias,
                     const ptrdiff_t *bias_strides);

    /* y = (x - center) * scale * weight + bias, by doubles of each statistic, as batch_norm of cnorm.functional by running
     * ones of float64. */
    int (*apply)(int dtype, int ndim, const ptrdiff_t *shape, const void *x, const ptrdiff_t *x_strides, void *y,
                 const ptrdiff_t *y_strides, uint64_t axes, const double *center, const double *scale,
                 const void *weight, const ptrdiff_t *weight_strides, const void *bias,
                 const ptrdiff_t *bias_strides);
    /* New ones go here: nothing above is ever moved. */
} cnorm_api;

/* The table of the cnorm that is installed, which is never freed; NULL with an exception set if there is none, or one whose
 * table is another or shorter than this header's. */
#ifdef Py_PYTHON_H
static inline const cnorm_api *import_cnorm(void)
{
    const cnorm_api *table = (const cnorm_api *)PyCapsule_Import(CNORM_API_CAPSULE, 0);
    if (table == NULL) return NULL;
    if (table->version != CNORM_API_VERSION || table->size < sizeof(cnorm_api)) {
        PyErr_Format(PyExc_ImportError,
                     "compiled with version %d of cnorm's table (%d bytes); cnorm has version %d (%d bytes)",
                     CNORM_API_VERSION, (int)sizeof(cnorm_api), (int)table->version, (int)table->size);
        return NULL;
    }
    return table;
}
#endif

#ifdef __cplusplus
}
#endif
#endif
