/* arrays.c: arrays of every dtype and layout, and their numbers. */
#include "arrays.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const dtype_names[CN_NDTYPES] = {"f32", "f64", "f16", "bf16"};

typedef struct {
    int size, exponent, mantissa; /* bytes, bits, bits */
} format;
static const format formats[CN_NDTYPES] = {{4, 8, 23}, {8, 11, 52}, {2, 5, 10}, {2, 8, 7}};

ptrdiff_t dtype_size(cn_dtype dtype) { return formats[dtype].size; }
ptrdiff_t param_size(cn_dtype dtype) { return dtype == CN_F64 ? 8 : 4; }

double decode(cn_dtype dtype, const char *element)
{
    const format f = formats[dtype];
    double v;
    float narrow;
    if (dtype == CN_F64) return memcpy(&v, element, sizeof v), v;
    if (dtype == CN_F32) return memcpy(&narrow, element, sizeof narrow), narrow;
    uint16_t bits;
    memcpy(&bits, element, sizeof bits);
    int bias = (1 << (f.exponent - 1)) - 1, e = (int)(bits >> f.mantissa) & ((1 << f.exponent) - 1);
    const uint64_t m = bits & ((1u << f.mantissa) - 1), sign = (uint64_t)(bits >> 15) << 63;
    if (e == 2 * bias + 1) return m ? NAN : sign ? -INFINITY : INFINITY;
    if (e == 0) return (sign ? -1 : 1) * ldexp((double)m, 1 - bias - f.mantissa);
    const uint64_t wide = sign | (uint64_t)(e - bias + 1023) << 52 | m << (52 - f.mantissa);
    return memcpy(&v, &wide, sizeof v), v;
}

const layout layouts[] = {
    {"rows", 2, {K, N}, {0, 1}, 1, 2},
    {"columns", 2, {N, K}, {0, 1}, 1, 1},
    {"strided rows", 2, {K, N}, {0, 1}, 2, 2},
    {"strided columns", 2, {N, K}, {0, 1}, 3, 1},
    {"reversed rows", 2, {K, N}, {0, 1}, -1, 2},
    {"reversed strided columns", 2, {N, K}, {0, 1}, -2, 1},
    {"channels first", 3, {2, K, N}, {0, 1, 2}, 1, 5},
    {"channels last", 3, {2, K, N}, {0, 2, 1}, 1, 5},
    {"groups, channels last", 4, {2, 2, K, N}, {0, 3, 1, 2}, 1, 12},
    {"groups, strided channels last", 4, {2, 2, K, N}, {0, 3, 1, 2}, 2, 12},
};
const int n_layouts = sizeof layouts / sizeof *layouts;

static void locate(array *a, ptrdiff_t i)
{
    ptrdiff_t rest = i, index[4] = {0}, at = a->first, kept = 0, reduced = 0;
    for (int axis = a->how->ndim - 1; axis >= 0; axis--)
        index[axis] = rest % a->shape[axis], rest /= a->shape[axis];
    for (int axis = 0; axis < a->how->ndim; axis++) {
        ptrdiff_t *count = a->how->reduced >> axis & 1 ? &reduced : &kept;
        *count = *count * a->shape[axis] + index[axis];
        at += index[axis] * a->strides[axis];
    }
    a->at[i] = at, a->kept[i] = kept, a->reduced[i] = reduced;
}

array make_array(const layout *how, cn_dtype dtype, ptrdiff_t k, ptrdiff_t n)
{
    const ptrdiff_t size = dtype_size(dtype);
    array a = {.how = how, .dtype = dtype, .n = 1, .groups = 1, .bytes = size};
    ptrdiff_t stride = size * abs(how->step);
    for (int axis = 0; axis < how->ndim; axis++) {
        a.shape[axis] = how->sizes[axis] == K ? k : how->sizes[axis] == N ? n : how->sizes[axis];
        a.n *= a.shape[axis];
        if (!(how->reduced >> axis & 1)) a.groups *= a.shape[axis];
    }
    for (int i = how->ndim - 1; i >= 0; i--) {
        int axis = how->order[i];
        a.strides[axis] = how->step < 0 ? -stride : stride;
        a.bytes += (a.shape[axis] - 1) * stride;
        stride *= a.shape[axis];
    }
    a.first = how->step < 0 ? a.bytes - size : 0;
    a.at = malloc((size_t)a.n * 3 * sizeof *a.at);
    if (!a.at) exit(2);
    a.kept = a.at + a.n, a.reduced = a.kept + a.n;
    for (ptrdiff_t i = 0; i < a.n; i++) locate(&a, i);
    return a;
}

void drop_array(array *a) { free(a->at); }

void fill_array(const array *a, char *memory, int data, uint64_t seed)
{
    const format f = formats[a->dtype];
    const unsigned bias = (1u << (f.exponent - 1)) - 1;
    memset(memory, 0xff, (size_t)a->bytes);
    for (ptrdiff_t i = 0; i < a->n; i++) {
        uint64_t bits = random_bits(&seed), choice = random_bits(&seed);
        uint64_t sign = data == SHIFTED ? 0 : choice & 1;
        uint64_t e = data == WILD ? (choice >> 8) % (2 * bias + 1) : bias - 1 + (choice >> 8) % 4;
        bits &= ((uint64_t)1 << f.mantissa) - 1;
        bits |= e << f.mantissa | sign << (8 * f.size - 1);
        memcpy(memory + a->at[i], &bits, (size_t)f.size);
    }
}

void fill_params(char *memory, ptrdiff_t size, ptrdiff_t n, uint64_t seed)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        double v = 0.5 + (double)(random_bits(&seed) >> 40) * 0x1.8p-24;
        float narrow = (float)v;
        memcpy(memory + i * size, size == 8 ? (const void *)&v : &narrow, (size_t)size);
    }
}

void fill_mask(char *memory, ptrdiff_t n, uint64_t seed)
{
    int is_shown = 1;
    for (ptrdiff_t i = 0; i < n; i++) {
        uint64_t bits = random_bits(&seed);
        if (bits % (i / 200 % 2 ? 60 : 4) == 0) is_shown = !is_shown;
        memory[i] = (char)(is_shown ? 1 + (bits >> 8) % 255 : 0);
    }
}
