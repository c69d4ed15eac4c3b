/* extremes.c: least and greatest of groups on guarded arrays: every dtype, layout and instruction set, masks, NaN. */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "operations.h"

/* NaN at every fifth element, and all of the first group. */
static void plant(const array *a, char *x)
{
    for (ptrdiff_t i = 0; i < a->n; i++)
        if (i % 5 == 0 || a->kept[i] == 0) memset(x + a->at[i], 0xff, (size_t)dtype_size(a->dtype));
}

static int as_reference(const operation *op, const operands *o, const cn_partial *found)
{
    const array *a = o->a;
    int good = 1;
    double *low = malloc((size_t)a->groups * 3 * sizeof *low), *high = low + a->groups, *count = high + a->groups;
    for (ptrdiff_t g = 0; g < a->groups; g++) low[g] = INFINITY, high[g] = -INFINITY, count[g] = 0;
    for (ptrdiff_t i = 0; i < a->n; i++) {
        const ptrdiff_t g = a->kept[i];
        const double v = decode(a->dtype, o->x + a->at[i]);
        if (op->mask && !o->mask[op->mask == OVER_ALL ? i : a->reduced[i]]) continue;
        low[g] = v < low[g] ? v : low[g], high[g] = v > high[g] ? v : high[g], count[g]++;
    }
    for (ptrdiff_t g = 0; g < a->groups; g++) {
        good &= found[g].count == count[g];
        if (count[g] > 0) good &= found[g].mean == low[g] && found[g].mean_lo == high[g];
    }
    free(low);
    return good;
}

static void one_case(const layout *how, cn_dtype dtype, ptrdiff_t k, ptrdiff_t n, int nans)
{
    static const operation ops[] = {{.name = "extremes", .verb = MOMENTS},
                                    {.name = "extremes, mask reduced", .verb = MOMENTS, .mask = OVER_REDUCED},
                                    {.name = "extremes, mask of all", .verb = MOMENTS, .mask = OVER_ALL}};
    const char *sets[8];
    const int n_sets = has_turn() ? available(sets, 8) : 0;
    array a = make_array(how, dtype, k, n);
    for (int i = 0; i < 6 * n_sets; i++) {
        const operation *op = &ops[i % 3];
        operands o = {.a = &a};
        o.x = guarded(SLOT_X, (size_t)a.bytes, i & 1);
        o.first = guarded(SLOT_FIRST, (size_t)first_bytes(op, &a), i & 1);
        o.mask = guarded(SLOT_M, (size_t)mask_bytes(op, &a), i & 1);
        fill_array(&a, o.x, SHIFTED + (int)(n % 2), (uint64_t)(n + k));
        if (nans) plant(&a, o.x);
        fill_inputs(op, &o);
        cn_call call = call_of(op, &o);
        call.moments.kind = CN_EXTREMES;
        cn_init(sets[i / 6]);
        cn_set_num_threads(1 + (i / 3) % 2 * 2);
        const int good = cn_run(&call) == CN_OK && as_reference(op, &o, (cn_partial *)o.first);
        check(good, "%s, %s %s, k %td, n %td, %s", op->name, how->name, dtype_names[dtype], k, n, sets[i / 6]);
    }
    drop_array(&a);
}

void test_extremes(void)
{
    static const ptrdiff_t sizes[][2] = {{3, 4097}, {1030, 9}, {40, 130}, {1, 300001}, {300, 17}, {7, 40001}};
    for (cn_dtype dtype = 0; dtype < CN_NDTYPES; dtype++)
        for (int i = 0; i < n_layouts; i++) {
            const int thick = layouts[i].ndim == 4;
            for (ptrdiff_t n = 1; n <= 130; n += 1 + n % 3) one_case(&layouts[i], dtype, 3, n, n % 4 == 1);
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
                one_case(&layouts[i], dtype, sizes[s][0], thick ? (sizes[s][1] + 3) / 4 : sizes[s][1], (int)s % 2);
        }
    cn_init(NULL);
    cn_set_num_threads(1);
}
