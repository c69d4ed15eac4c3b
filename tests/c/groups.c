/* groups.c: groups by labels on guarded arrays: every dtype, layout and instruction set, masks, in order and mixed. */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "operations.h"
#include "verbs/grouping.h"

#define EPS 1e-3
#define GROUPS 5

/* A case: groups along the first reduced axis; labels, and where groups begin. */
typedef struct {
    const array *a;
    int axis, masked;
    ptrdiff_t n, kept;
    char *x, *mask, *values, *params, *y;
    ptrdiff_t *labels, *starts;
    int32_t *narrow; /* the same labels, or NULL */
    int mixed;
} grouped;

static ptrdiff_t position(const array *a, int axis, ptrdiff_t i)
{
    for (int after = a->how->ndim - 1; after > axis; after--) i /= a->shape[after];
    return i % a->shape[axis];
}

static cn_labels labels_of(const grouped *c)
{
    return c->narrow ? (cn_labels){c->narrow, 1} : (cn_labels){c->labels, 0};
}

static void fill_labels(grouped *c, int in_order, uint64_t seed)
{
    for (ptrdiff_t i = 0; i < c->n; i++)
        c->labels[i] =
            in_order ? (i + 2) * GROUPS / (c->n + 2) - 1 : (ptrdiff_t)(random_bits(&seed) % (GROUPS + 1)) - 1;
    for (ptrdiff_t i = 0; i < c->n && c->narrow; i++) c->narrow[i] = (int32_t)c->labels[i];
    c->mixed = cn_count_labels(labels_of(c), c->n, GROUPS, c->starts);
}

/* x and mask; statistics by group, then by what is kept. */
static cn_call call_of_groups(const grouped *c)
{
    const operation op = {.name = "groups", .verb = NORMALIZE, .mask = c->masked ? OVER_ALL : NONE};
    const operands o = {.a = c->a, .x = c->x, .y = c->y, .mask = c->mask};
    cn_call call = call_of(&op, &o);
    call.op[CN_Y].data = NULL, call.moments.to = NULL, call.moments.eps = EPS;
    for (int axis = 0; axis < call.ndim; axis++) call.op[CN_Y].strides[axis] = 0;
    call.op[CN_STAT].strides[c->axis] = c->kept, call.n_stats = GROUPS * c->kept;
    return call;
}

/* Moments of all groups in doubles: by two reads. */
static void refer(const grouped *c, double *count, double *mean, double *m2)
{
    const array *a = c->a;
    memset(count, 0, (size_t)(3 * GROUPS * c->kept) * sizeof *count);
    for (int pass = 0; pass < 2; pass++) {
        for (ptrdiff_t i = 0; i < a->n; i++) {
            const ptrdiff_t g = c->labels[position(a, c->axis, i)], s = g * c->kept + a->kept[i];
            if (g < 0 || (c->masked && !c->mask[i])) continue;
            const double v = decode(a->dtype, c->x + a->at[i]);
            if (pass == 0)
                count[s]++, mean[s] += v;
            else
                m2[s] += (v - mean[s]) * (v - mean[s]);
        }
        for (ptrdiff_t s = 0; s < GROUPS * c->kept && pass == 0; s++) mean[s] /= count[s] > 0 ? count[s] : 1;
    }
}

static int near(double value, double expected, double bound)
{
    return fabs(value - expected) <= bound * (1 + fabs(expected));
}

static int as_reference(const grouped *c)
{
    static const double tolerance[CN_NDTYPES] = {4e-6, 1e-13, 0x1.1p-10, 0x1.1p-7};
    const array *a = c->a;
    const int wide = a->dtype == CN_F64;
    const double bound = wide ? 1e-13 : 4e-6;
    double *count = malloc((size_t)(3 * GROUPS * c->kept) * sizeof *count);
    double *mean = count + GROUPS * c->kept, *m2 = mean + GROUPS * c->kept;
    int good = 1;
    refer(c, count, mean, m2);
    for (ptrdiff_t s = 0, n = GROUPS * c->kept; s < n; s++) {
        const double found = wide ? ((double *)c->values)[s] : ((float *)c->values)[s];
        const double var = wide ? ((double *)c->values)[n + s] : ((float *)c->values)[n + s];
        if (count[s] > 0)
            good &= near(found, mean[s], bound) && near(var, m2[s] / count[s], 10 * bound);
        else
            good &= isnan(found) && isnan(var);
    }
    for (ptrdiff_t i = 0; i < a->n; i++) {
        const ptrdiff_t g = c->labels[position(a, c->axis, i)], s = g * c->kept + a->kept[i];
        const double y = decode(a->dtype, c->y + a->at[i]), v = decode(a->dtype, c->x + a->at[i]);
        if (g < 0 || (c->masked && !c->mask[i]))
            good &= y == 0;
        else
            good &= near(y, (v - mean[s]) / sqrt(m2[s] / count[s] + EPS), 4 * tolerance[a->dtype]);
    }
    free(count);
    return good;
}

static int run_groups(const grouped *c)
{
    cn_call call = call_of_groups(c);
    const ptrdiff_t size = param_size(c->a->dtype);
    cn_groups groups = {.axis = c->axis, .n = GROUPS, .starts = c->starts};
    if (c->mixed) groups.labels = labels_of(c);
    groups.space_size = cn_group_space(&call, &groups), groups.space = guarded(SLOT_B, groups.space_size, 1);
    const cn_results values = {.first = c->values, .second = c->values + call.n_stats * size, .wide = size == 8};
    call.moments.results = &values;
    int good = cn_group_moments(&call, &groups, NULL) == CN_OK;
    call.moments.results = NULL;
    good &= cn_group_moments(&call, &groups, c->params) == CN_OK;
    call.op[CN_Y].data = c->y + c->a->first;
    for (int axis = 0; axis < call.ndim; axis++) call.op[CN_Y].strides[axis] = c->a->strides[axis];
    call.moments.source = CN_READY, call.moments.center = c->params;
    return good && cn_group_apply(&call, &groups) == CN_OK;
}

static void one_case(const layout *how, cn_dtype dtype, ptrdiff_t k, ptrdiff_t n, int in_order, int masked)
{
    const char *sets[8];
    const int n_sets = has_turn() ? available(sets, 8) : 0;
    array a = make_array(how, dtype, k, n);
    grouped c = {.a = &a, .masked = masked, .kept = a.groups};
    char *first = malloc((size_t)a.bytes);
    while (!(how->reduced >> c.axis & 1)) c.axis++;
    c.n = a.shape[c.axis];
    const size_t statistics = (size_t)(GROUPS * c.kept * param_size(dtype)), index = sizeof(ptrdiff_t);
    for (int i = 0; i < 4 * n_sets; i++) {
        c.x = guarded(SLOT_X, (size_t)a.bytes, i & 1), c.y = guarded(SLOT_Y, (size_t)a.bytes, i & 1);
        c.mask = guarded(SLOT_M, (size_t)a.n, i & 1);
        c.values = guarded(SLOT_FIRST, 2 * statistics, i & 1),
        c.params = guarded(SLOT_SECOND, 4 * statistics, i & 1);
        c.labels = (ptrdiff_t *)guarded(SLOT_W, (size_t)c.n * index, i & 1);
        c.narrow = i & 1 ? (int32_t *)guarded(SLOT_Q, (size_t)c.n * sizeof *c.narrow, i & 1) : NULL;
        c.starts = (ptrdiff_t *)guarded(SLOT_R, (GROUPS + 1) * index, i & 1);
        fill_array(&a, c.x, PLAIN, (uint64_t)(n + k));
        fill_mask(c.mask, a.n, 5);
        fill_labels(&c, in_order, (uint64_t)n);
        memset(c.y, 1, (size_t)a.bytes);
        cn_init(sets[i / 4]);
        cn_set_num_threads(1 + i / 2 % 2 * 2);
        check(run_groups(&c) && as_reference(&c), "groups of %s %s, k %td, n %td, %s%s%s", how->name,
              dtype_names[dtype], k, n, in_order ? "in order, " : "", masked ? "mask, " : "", sets[i / 4]);
        if (i == 0) memcpy(first, c.y, (size_t)a.bytes);
        check(memcmp(first, c.y, (size_t)a.bytes) == 0, "other bits of groups of %s %s, k %td, n %td, %s",
              how->name, dtype_names[dtype], k, n, sets[i / 4]);
    }
    free(first);
    drop_array(&a);
}

/* An error, and nothing kept, whichever allocation fails. */
static void without_memory(void)
{
    array a = make_array(&layouts[0], CN_F32, 3, 9000);
    grouped c = {.a = &a, .kept = a.groups};
    while (!(layouts[0].reduced >> c.axis & 1)) c.axis++;
    c.n = a.shape[c.axis];
    c.x = malloc((size_t)a.bytes), c.y = malloc((size_t)a.bytes);
    c.values = malloc((size_t)(2 * GROUPS * c.kept) * sizeof(double));
    c.params = malloc((size_t)(4 * GROUPS * c.kept) * sizeof(double));
    c.labels = malloc(2 * (size_t)(c.n + GROUPS) * sizeof *c.labels);
    c.starts = c.labels + c.n;
    fill_array(&a, c.x, PLAIN, 1);
    fill_labels(&c, 0, 1);
    const int before = atomic_load(&mallocs_alive);
    int worked = 0;
    for (int n = 0; n < 400 && !worked; n++) {
        atomic_store(&mallocs_left, n);
        worked = run_groups(&c);
        atomic_store(&mallocs_left, -1);
        check(atomic_load(&mallocs_alive) == before, "memory is kept when allocation %d fails", n);
    }
    check(worked, "groups do not end with all their memory");
    free(c.x), free(c.y), free(c.values), free(c.params), free(c.labels);
    drop_array(&a);
}

void test_groups(void)
{
    static const ptrdiff_t sizes[][2] = {{3, 4097}, {1030, 40}, {40, 130}, {1, 30001}, {20, 9000}};
    for (cn_dtype dtype = 0; dtype < CN_NDTYPES; dtype++)
        for (int i = 0; i < n_layouts; i++) {
            const int thick = layouts[i].ndim == 4;
            if (!layouts[i].reduced) continue;
            for (ptrdiff_t n = 1; n <= 130; n += 3 + n % 7) one_case(&layouts[i], dtype, 3, n, n % 2, n % 3 == 1);
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
                for (int way = 0; way < 4; way++)
                    one_case(&layouts[i], dtype, sizes[s][0], thick ? (sizes[s][1] + 3) / 4 : sizes[s][1], way & 1,
                             way >> 1);
        }
    cn_init(NULL);
    cn_set_num_threads(1);
    without_memory();
}
