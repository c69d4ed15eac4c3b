/* counted.c: moments and sums of what counts on guarded arrays: NaN left out, masks, weights and x of every number type. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "operations.h"

/* What counts: NaN is left out, of what a mask shows, by weights over these axes; what is found. */
typedef struct {
    const char *name;
    int omit, mask, weights;
    cn_kind kind;
} way;

static const way ways[] = {
    {"omit", 1, NONE, NONE, CN_VAR},
    {"omit, sums", 1, NONE, NONE, CN_SUMS},
    {"sums, mask of all", 0, OVER_ALL, NONE, CN_SUMS},
    {"weights of all", 0, NONE, OVER_ALL, CN_VAR},
    {"weights reduced, omit", 1, NONE, OVER_REDUCED, CN_VAR},
    {"weights kept, mask reduced", 0, OVER_REDUCED, OVER_KEPT, CN_VAR},
    {"weights of all, mask of all, omit", 1, OVER_ALL, OVER_ALL, CN_VAR},
    {"sums, weights of all", 0, NONE, OVER_ALL, CN_SUMS},
    {"sums, weights reduced, omit", 1, NONE, OVER_REDUCED, CN_SUMS},
};
#define N_WAYS ((int)(sizeof ways / sizeof *ways))

#define SIZE_OF(NAME, type) [CN_NUMBER_##NAME] = sizeof(type),
static const ptrdiff_t sizes[CN_N_NUMBERS] = {CN_NUMBERS(SIZE_OF)};

static void put_number(cn_number of, double v, char *to)
{
#define PUT_NUMBER(NAME, type)                                                                                    \
    case CN_NUMBER_##NAME: {                                                                                      \
        const type number = (type)v;                                                                              \
        memcpy(to, &number, sizeof number);                                                                       \
        break;                                                                                                    \
    }
    switch (of) {
        CN_NUMBERS(PUT_NUMBER)
    default: break;
    }
}

static double number_at(cn_number of, const char *from)
{
    double v = 0;
#define NUMBER_AT(NAME, type)                                                                                     \
    case CN_NUMBER_##NAME: {                                                                                      \
        type number;                                                                                              \
        memcpy(&number, from, sizeof number);                                                                     \
        v = (double)number;                                                                                       \
        break;                                                                                                    \
    }
    switch (of) {
        CN_NUMBERS(NUMBER_AT)
    default: break;
    }
    return v;
}

static ptrdiff_t elements(const array *a, int over)
{
    return over == NONE ? 0 : over == OVER_ALL ? a->n : over == OVER_KEPT ? a->groups : a->n / a->groups;
}

static ptrdiff_t index_of(const array *a, int over, ptrdiff_t i)
{
    return over == OVER_ALL ? i : over == OVER_KEPT ? a->kept[i] : a->reduced[i];
}

static void stride_over(cn_operand *op, const array *a, int over, ptrdiff_t size, char *data)
{
    op->data = over == NONE ? NULL : data;
    for (int axis = a->how->ndim - 1; axis >= 0 && over != NONE; axis--) {
        const int varies = over == OVER_ALL || over == (a->how->reduced >> axis & 1 ? OVER_REDUCED : OVER_KEPT);
        op->strides[axis] = varies && a->shape[axis] > 1 ? size : 0;
        if (varies) size *= a->shape[axis];
    }
}

/* A case: x of numbers, or of a dtype; weights of numbers. */
typedef struct {
    const array *a;
    const way *how;
    cn_number x_is, weights_are;
    char *x, *mask, *weights;
    cn_partial *to;
} one_call;

static cn_call call_for(const one_call *c)
{
    cn_call call;
    cn_clear_call(&call, c->a->how->ndim);
    call.dtype = c->x_is ? CN_F64 : c->a->dtype, call.n_stats = c->a->groups;
    for (int axis = 0; axis < call.ndim; axis++) {
        call.shape[axis] = c->a->shape[axis];
        call.op[CN_X].strides[axis] = c->a->shape[axis] > 1 ? c->a->strides[axis] : 0;
    }
    call.op[CN_X].data = c->x + c->a->first;
    stride_over(&call.op[CN_STAT], c->a, OVER_KEPT, 1, NULL);
    stride_over(&call.op[CN_M], c->a, c->how->mask, 1, c->mask);
    stride_over(&call.op[CN_W], c->a, c->how->weights, sizes[c->weights_are], c->weights);
    call.moments.kind = c->how->kind, call.moments.to = c->to, call.moments.omit_nan = c->how->omit;
    call.moments.weights = c->how->weights ? c->weights_are : CN_NO_NUMBER, call.moments.x = c->x_is;
    return call;
}

/* The value of element i, and what it counts. */
static double element(const one_call *c, ptrdiff_t i, double *counts)
{
    const array *a = c->a;
    const char *at = c->x + a->at[i];
    const double v = c->x_is ? number_at(c->x_is, at) : decode(a->dtype, at);
    *counts = 1;
    if (c->how->weights)
        *counts = number_at(c->weights_are, c->weights + index_of(a, c->how->weights, i) * sizes[c->weights_are]);
    if (c->how->mask && !c->mask[index_of(a, c->how->mask, i)]) *counts = 0;
    if (c->how->omit && v != v) *counts = 0;
    return v;
}

static int near(double a, double b, double size, double bound)
{
    return fabs(a - b) <= bound * size || (a != a && b != b);
}

/* Is what was found what two plain reads give? */
static int is_right(const one_call *c)
{
    const double bound = c->x_is || c->a->dtype == CN_F64 ? 1e-13 : 2e-6;
    const ptrdiff_t groups = c->a->groups;
    double *n = calloc((size_t)groups * 4, sizeof *n), *sum = n + groups, *size = sum + groups,
           *m2 = size + groups, w;
    int good = 1;
    for (ptrdiff_t i = 0; i < c->a->n; i++) {
        const double v = element(c, i, &w);
        const ptrdiff_t g = c->a->kept[i];
        if (w > 0) n[g] += w, sum[g] += w * v, size[g] += fabs(w * v);
    }
    for (ptrdiff_t i = 0; i < c->a->n; i++) {
        const double v = element(c, i, &w), d = v - sum[c->a->kept[i]] / n[c->a->kept[i]];
        if (w > 0) m2[c->a->kept[i]] += w * d * d;
    }
    for (ptrdiff_t g = 0; g < groups; g++) {
        const cn_partial *p = &c->to[g];
        good &= near(p->count, n[g], n[g], 1e-14) && p->prescale == 1;
        if (n[g] == 0) continue;
        const double found = p->mean + p->mean_lo;
        if (c->how->kind == CN_SUMS)
            good &= near(found, sum[g], size[g], bound);
        else
            good &= near(found, sum[g] / n[g], size[g] / n[g], bound) &&
                    near(p->m2, m2[g], m2[g] + 1e-14 * size[g] * size[g] / n[g], 20 * bound);
    }
    free(n);
    return good;
}

/* Fills x, mask and weights; NaN at every fifth element and in all of the first group, if x is of floats. */
static void fill(const one_call *c, uint64_t seed)
{
    const array *a = c->a;
    if (c->x_is)
        memset(c->x, 0xff, (size_t)a->bytes);
    else
        fill_array(a, c->x, SHIFTED, seed);
    for (ptrdiff_t i = 0; i < a->n; i++) {
        if (c->x_is)
            put_number(c->x_is, (double)(random_bits(&seed) % 100), c->x + a->at[i]);
        else if (c->how->omit && (i % 5 == 0 || a->kept[i] == 0))
            memset(c->x + a->at[i], 0xff, (size_t)dtype_size(a->dtype));
    }
    fill_mask(c->mask, elements(a, c->how->mask), seed);
    for (ptrdiff_t i = 0; i < elements(a, c->how->weights); i++) {
        const double v = (double)(random_bits(&seed) % 6), by = c->weights_are >= CN_NUMBER_FLOAT ? 0.25 : 1;
        put_number(c->weights_are, v * by, c->weights + i * sizes[c->weights_are]);
    }
}

/* One way by every instruction set, by one thread and by three, at both ends of guarded memory: to the same bits. */
static void one_way(const array *a, const way *how, cn_number x_is, cn_number weights_are, uint64_t seed)
{
    const char *sets[8];
    const int n_sets = has_turn() ? available(sets, 8) : 0;
    const size_t bytes = (size_t)a->groups * sizeof(cn_partial);
    cn_partial *before = malloc(bytes);
    for (int i = 0; i < 2 * n_sets; i++) {
        one_call c = {a, how, x_is, weights_are, NULL, NULL, NULL, NULL};
        c.x = guarded(SLOT_X, (size_t)a->bytes, i & 1);
        c.mask = guarded(SLOT_M, (size_t)elements(a, how->mask), i & 1);
        c.weights = guarded(SLOT_W, (size_t)(elements(a, how->weights) * sizes[weights_are]), i & 1);
        c.to = (cn_partial *)guarded(SLOT_FIRST, bytes, i & 1);
        fill(&c, seed);
        memset(c.to, 0, bytes);
        const cn_call call = call_for(&c);
        cn_init(sets[i / 2]);
        cn_set_num_threads(i & 1 ? 3 : 1);
        const int good = cn_run(&call) == CN_OK && is_right(&c);
        check(good, "%s, %s %s, groups %td, n %td, x %d, weights %d, %s", how->name, a->how->name,
              dtype_names[a->dtype], a->groups, a->n / a->groups, (int)x_is, (int)weights_are, sets[i / 2]);
        if (i > 0)
            check(memcmp(before, c.to, bytes) == 0, "%s, %s %s: other bits by %s", how->name, a->how->name,
                  dtype_names[a->dtype], sets[i / 2]);
        memcpy(before, c.to, bytes);
    }
    free(before);
}

/* Bytes instead of elements of two. */
static void halve(array *a)
{
    a->bytes = a->bytes / 2, a->first /= 2;
    for (int axis = 0; axis < a->how->ndim; axis++) a->strides[axis] /= 2;
    for (ptrdiff_t i = 0; i < a->n; i++) a->at[i] /= 2;
}

static void of_floats(const layout *how, ptrdiff_t k, ptrdiff_t n)
{
    for (cn_dtype dtype = 0; dtype < CN_NDTYPES; dtype++) {
        array a = make_array(how, dtype, k, n);
        for (int w = 0; w < N_WAYS; w++)
            one_way(&a, &ways[w], CN_NO_NUMBER, (cn_number)(1 + (w + (int)n + (int)dtype) % (CN_N_NUMBERS - 1)),
                    (uint64_t)(n + k));
        drop_array(&a);
    }
}

static void of_numbers(const layout *how, ptrdiff_t k, ptrdiff_t n)
{
    static const way plain[] = {{"numbers", 0, NONE, NONE, CN_VAR},
                                {"sums of numbers", 0, NONE, NONE, CN_SUMS},
                                {"numbers, mask of all", 0, OVER_ALL, NONE, CN_VAR},
                                {"numbers, weights of all", 0, NONE, OVER_ALL, CN_VAR},
                                {"numbers, weights reduced, mask kept", 0, OVER_KEPT, OVER_REDUCED, CN_VAR}};
    for (cn_number x_is = 1; x_is < CN_N_NUMBERS; x_is++) {
        const ptrdiff_t size = sizes[x_is];
        array a = make_array(how, size == 8 ? CN_F64 : size == 4 ? CN_F32 : CN_F16, k, n);
        if (size == 1) halve(&a);
        for (size_t w = 0; w < sizeof plain / sizeof *plain; w++)
            one_way(&a, &plain[w], x_is, (cn_number)(1 + ((int)x_is + (int)w) % (CN_N_NUMBERS - 1)),
                    (uint64_t)(n + k));
        drop_array(&a);
    }
}

void test_counted(void)
{
    static const ptrdiff_t shapes[][2] = {{3, 4097}, {1030, 9},  {40, 130}, {1, 20001},
                                          {300, 17}, {3, 12001}, {6, 300}};
    for (int i = 0; i < n_layouts; i++) {
        const int thick = layouts[i].ndim == 4;
        for (ptrdiff_t n = 1; n <= 70; n += 1 + n / 4) of_floats(&layouts[i], 3, n);
        for (ptrdiff_t n = 1; n <= 70; n += 1 + n) of_numbers(&layouts[i], 3, n);
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
            const ptrdiff_t k = shapes[s][0], n = thick ? (shapes[s][1] + 3) / 4 : shapes[s][1];
            of_floats(&layouts[i], k, n);
            of_numbers(&layouts[i], k, n);
        }
    }
    cn_init(NULL);
    cn_set_num_threads(1);
}
