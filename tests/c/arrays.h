/* arrays.h: arrays of every dtype and layout, and their numbers. */
#ifndef ARRAYS_H
#define ARRAYS_H

#include "check.h"

extern const char *const dtype_names[CN_NDTYPES];
ptrdiff_t dtype_size(cn_dtype dtype);
ptrdiff_t param_size(cn_dtype dtype); /* of weight, bias, running statistics */
double decode(cn_dtype dtype, const char *element);

/* Sizes of axes: as they are, or one of the two that vary. */
enum { K = -1, N = -2 };

typedef struct {
    const char *name;
    int ndim, sizes[4], order[4]; /* order: axes from the slowest in memory */
    int step;                     /* elements from one to its neighbour; negative: every axis runs backwards */
    unsigned reduced;             /* bits of axes */
} layout;

extern const layout layouts[];
extern const int n_layouts;

/* n elements; element i, in logical order, is byte at[i] of `bytes`, of group kept[i], and number
 * reduced[i] in it. */
typedef struct {
    const layout *how;
    cn_dtype dtype;
    ptrdiff_t shape[4], strides[4], first, bytes, n, groups;
    ptrdiff_t *at, *kept, *reduced;
} array;

array make_array(const layout *how, cn_dtype dtype, ptrdiff_t k, ptrdiff_t n);
void drop_array(array *a);

/* PLAIN: a spread of 16 about zero; SHIFTED: positive; WILD: any finite number. What lies between the
 * elements is NaN. */
enum { PLAIN, SHIFTED, WILD };
void fill_array(const array *a, char *memory, int data, uint64_t seed);

/* Weights and the like, between 1/2 and 2. */
void fill_params(char *memory, ptrdiff_t size, ptrdiff_t n, uint64_t seed);

/* Runs of 0 and of other bytes, long and short. */
void fill_mask(char *memory, ptrdiff_t n, uint64_t seed);

#endif
