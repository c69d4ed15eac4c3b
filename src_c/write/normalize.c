/* normalize.c: bundles of contiguous rows, or of columns of few, meet kernel normalize. */
#include "write/unroll.h"
#include "write/write.h"

/* Does a parameter lie along the row, or is there one for a group? */
static int is_of_row(const cn_job *job, const cn_loop *row, int o)
{
    return job->call->op[o].data == NULL || row->stride[o] == 0 || row->stride[o] == job->k->param_size;
}

/* One for each group and element. */
static int is_of_both(const cn_job *job, const cn_loop *row, int o)
{
    return row->stride[o] != 0 && job->plan.columns.stride[o] != 0;
}

/* Rows of fewer bytes lose by registers of half a line: GroupNorm of (1, 1280, 4, 4) takes 1.14 of the time. */
#define SHORT_PART (2 * CN_LINE)

/* May the kernel take rows of a group as groups, each with parameters of its own? */
static int has_rows_as_groups(const cn_job *job)
{
    const cn_loop *rows = &job->plan.spread.loop[0], *row = rows + 1;
    const int short_part = job->k->register_size < CN_LINE && row->n * job->k->size <= SHORT_PART;
    return job->rows_as_groups > 1 && rows->n <= CN_ROWS_AS_GROUPS && !short_part;
}

/* Are the two loops of a group rows without gaps that are one row but for their parameters? */
static int is_row_of_rows(const cn_job *job)
{
    const cn_loop *rows = &job->plan.spread.loop[0], *row = rows + 1;
    if (job->plan.spread.n != 2 || job->each || job->row || job->call->add[0]) return 0;
    for (int o = CN_X; o <= CN_Y; o++)
        if (rows->stride[o] != row->n * row->stride[o]) return 0;
    return cn_can_unroll(job) || has_rows_as_groups(job);
}

/* Are groups columns of few rows, side by side? */
static int is_of_columns(const cn_job *job)
{
    const cn_plan *plan = &job->plan;
    const ptrdiff_t size = job->k->size, *next = plan->columns.stride;
    if (!job->k->normalizes_columns || plan->spread.n != 1 || job->each || job->row ||
        cn_curved(job->call->activation))
        return 0;
    const cn_loop *row = &plan->spread.loop[0];
    return row->n <= CN_FEW_ROWS && row->stride[CN_X] > 0 && next[CN_X] == size && next[CN_Y] == size;
}

/* The one loop of a group, or, of groups of one element side by side, none; of rows that are one but for their parameters all of
 * them. 0: more than that. */
static int only_loop(const cn_job *job, cn_loop *row)
{
    const cn_plan *plan = &job->plan;
    const cn_loops *spread = &plan->spread;
    const ptrdiff_t size = job->k->size, *next = plan->columns.stride;
    *row = spread->n ? spread->loop[spread->n - 1] : (cn_loop){.n = 1};
    if (plan->refined > 1 || plan->reduced.n > 1) return 0;
    if (spread->n == 0) return plan->reduced.n == 0 && next[CN_X] == size && next[CN_Y] == size;
    if (plan->cols) return is_of_columns(job);
    if (plan->reduced.n == 0) return 0;
    if (spread->n > 1 && !is_row_of_rows(job)) return 0;
    if (spread->n > 1) row->n = cn_count(spread);
    return row->stride[CN_X] == size && row->stride[CN_Y] == size;
}

/* Does everything count, or all of a short group alike? What is hidden is 0, a curve of it, too. */
static int counts_by_group(const cn_job *job, const cn_loop *row)
{
    const cn_moments *how = &job->call->moments;
    if (!job->each) return job->reads == job->k;
    if (job->call->activation == CN_SIGMOID) return 0;
    return job->mask && !how->omit_nan && !how->weights && row->stride[CN_M] == 0 && row->n <= CN_SHORT_ROW;
}

/* Elements of a row that kernel normalize takes: longer ones gain nothing. By registers of a whole line rows of 2500 to 4000 floats
 * take 0.8 to 0.98 of the time, from L2, L3 and memory; doubles of 24 KiB by shorter ones 1.06 (Emerald Rapids). */
#define NORMALIZED 2048
#define NORMALIZED_BYTES (16 * 1024)

static ptrdiff_t most_normalized(const cn_kernels *k)
{
    const ptrdiff_t most = NORMALIZED_BYTES / k->size;
    return k->register_size < CN_LINE ? NORMALIZED : most < CN_BLOCK ? most : CN_BLOCK;
}

/* Elements of a row of which each has a parameter of its own, also from group to group, or of several rows, at least: of 8 and 16
 * (256, 256) and (256, 512) in 32 groups take 0.85 of the time, by AVX2 1 (Emerald Rapids). */
#define MANY_PARAMETERS 8

int cn_is_direct(const cn_job *job)
{
    const cn_call *call = job->call;
    if (!job->fused || !job->k->normalize || call->moments.kind > CN_L2) return 0;
    cn_loop row;
    if (!only_loop(job, &row) || row.n > most_normalized(job->k) || !counts_by_group(job, &row)) return 0;
    if (cn_keeps(job) && (row.n > CN_SHORT_ROW || job->row)) return 0; /* read twice: short ones in less time */
    if (call->add[0] && (job->row || row.n <= CN_SHORT_ROW)) return 0;
    if (row.n == CN_BLOCK && job->width < 2) return 0; /* one would be read for itself and for one beside it */
    const int many = job->plan.spread.n > 1 || is_of_both(job, &row, CN_W) || is_of_both(job, &row, CN_B);
    if (many && (job->mask || job->plan.cols || row.n < MANY_PARAMETERS)) return 0;
    return is_of_row(job, &row, CN_W) && is_of_row(job, &row, CN_B);
}

/* Of a group, that are taken as groups: one, unless they have parameters that are not unrolled. */
static ptrdiff_t rows_as_groups(const cn_job *job)
{
    return job->plan.spread.n == 2 && !job->unrolled[0] && !job->unrolled[1] ? job->plan.spread.loop[0].n : 1;
}

static cn_param param_of(const cn_job *job, const cn_bundle *bundle, int o)
{
    const char *data = job->call->op[o].data;
    const cn_loops *spread = &job->plan.spread;
    const ptrdiff_t next = bundle->columns.stride[o];
    if (!data) return (cn_param){NULL, 0, 0};
    if (job->unrolled[o == CN_B]) return cn_unrolled_param(job, bundle, o);
    return (cn_param){data + bundle->offset[o], rows_as_groups(job) > 1 ? spread->loop[0].stride[o] : next,
                      spread->n && spread->loop[spread->n - 1].stride[o] != 0};
}

/* The curve of groups that are made, where they lie. */
static void activate_made(const cn_job *job, const cn_normalize_tile *t, ptrdiff_t groups)
{
    const ptrdiff_t row = t->n * job->k->size, dense = t->y_group == row;
    for (ptrdiff_t g = 0; g < (dense ? groups > 0 : groups); g++) {
        char *y = t->y + g * t->y_group;
        job->k->activate(job->call->activation, 0, y, NULL, y, dense ? groups * t->n : t->n, 0);
    }
}

ptrdiff_t cn_normalize_bundle(const cn_job *job, cn_bundle *bundle, char *y, int beyond_cache)
{
    const cn_call *call = job->call;
    const int curved = cn_curved(call->activation);
    const cn_loops *spread = &job->plan.spread;
    const ptrdiff_t *row = job->plan.cols && spread->n ? spread->loop[0].stride : NULL;
    const cn_normalize_tile t = {
        .x = (const char *)call->op[CN_X].data + bundle->offset[CN_X],
        .x_group = bundle->columns.stride[CN_X],
        .x_row = row ? row[CN_X] : 0,
        .groups = bundle->columns.n,
        .n = cn_count(spread),
        .rows = rows_as_groups(job),
        .y = y,
        .y_group = bundle->columns.stride[CN_Y],
        .y_row = row ? row[CN_Y] : 0,
        .how = &call->moments,
        .w = param_of(job, bundle, CN_W),
        .b = param_of(job, bundle, CN_B),
        .mask = job->mask ? job->mask + bundle->offset[CN_M] : NULL,
        .mask_group = bundle->columns.stride[CN_M],
        .beyond_cache = beyond_cache,
        .nontemporal = job->nontemporal,
        .bend = curved ? CN_NONE : call->activation,
        .slope = call->slope,
    };
    if (t.groups == 0) return 0;
    const ptrdiff_t made = job->k->normalize(&t);
    if (curved) activate_made(job, &t, made);
    cn_skip_groups(bundle, made);
    return bundle->columns.n;
}
