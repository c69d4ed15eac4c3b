/* unit.c: how a call falls into units, blocks and spans, and the moments of a unit.
 *
 * Blocks are merged in order within spans of CN_SPAN blocks, the spans in order into the unit: this tree
 * depends on the shape of a group alone, never on threads, schedule or how many groups there are. */
#include "unit.h"

#include <string.h>

#include "moments.h"
#include "tile.h"

#define CN_SPAN 16

/* Short groups normalized at once. */
#define CN_MAX_BATCH 64

static cn_columns open_slot(const cn_job *job, double *slot)
{
    ptrdiff_t w = job->width;
    return (cn_columns){slot[0], slot + 1, slot + 1 + w, slot + 1 + 2 * w};
}

void cn_merge_slot(const cn_job *job, double *to, const double *from)
{
    ptrdiff_t w = job->width;
    double count = to[0];
    for (ptrdiff_t c = 0; c < w; c++) {
        cn_partial a = {count, to[1 + c], to[1 + w + c], to[1 + 2 * w + c]};
        cn_partial b = {from[0], from[1 + c], from[1 + w + c], from[1 + 2 * w + c]};
        cn_merge(&a, &b);
        to[0] = a.count, to[1 + c] = a.mean, to[1 + w + c] = a.mean_lo, to[1 + 2 * w + c] = a.m2;
    }
}

static ptrdiff_t n_params(const cn_job *job) { return job->batch > job->width ? job->batch : job->width; }

cn_scratch cn_open_scratch(const cn_job *job, int thread)
{
    char *p = job->scratch + (size_t)thread * job->scratch_size;
    double *slot = (double *)p;
    ptrdiff_t size = cn_slot_size(job);
    char *params = (char *)(slot + 2 * size);
    return (cn_scratch){slot, slot + size, params,
                        params + CN_N_PARAMS * n_params(job) * (ptrdiff_t)sizeof(double)};
}

cn_loop cn_locate_unit(const cn_job *job, ptrdiff_t u, ptrdiff_t offset[CN_NOPERANDS])
{
    cn_loop columns = job->plan.columns;
    memcpy(offset, job->plan.start, sizeof job->plan.start);
    if (!job->plan.cols) {
        cn_locate(&job->plan.kept, u, offset);
        return columns;
    }
    ptrdiff_t tiles = (columns.n + job->width - 1) / job->width, first = u % tiles * job->width;
    cn_locate(&job->plan.kept, u / tiles, offset);
    for (int o = 0; o < CN_NOPERANDS; o++) offset[o] += first * columns.stride[o];
    columns.n = columns.n - first < job->width ? columns.n - first : job->width;
    return columns;
}

void cn_walk_unit(const cn_job *job, const cn_loop *columns, cn_walk *walk)
{
    if (job->plan.cols)
        cn_make_walk(&job->plan.reduced, columns, CN_BLOCK_ROWS, CN_MAX_COLS, walk);
    else
        cn_make_walk(&job->plan.reduced, NULL, 0, CN_BLOCK, walk);
}

void cn_span_moments(const cn_job *job, const cn_walk *walk, const char *x, ptrdiff_t span, double *slot,
                     char *packed)
{
    ptrdiff_t from = span * CN_SPAN, to = from + CN_SPAN < walk->n_blocks ? from + CN_SPAN : walk->n_blocks;
    memset(slot, 0, (size_t)cn_slot_size(job) * sizeof *slot);
    cn_columns acc = open_slot(job, slot);
    for (ptrdiff_t i = from; i < to; i++) {
        cn_block block = cn_walk_block(walk, i);
        cn_tile_moments(job->k, walk, &block, x, job->plan.cols, job->kind == CN_VAR, &acc, packed);
    }
    slot[0] = acc.count;
}

void cn_unit_moments(const cn_job *job, const cn_walk *walk, const char *x, const cn_scratch *s)
{
    cn_span_moments(job, walk, x, 0, s->unit, s->packed);
    for (ptrdiff_t i = 1; i < job->spans; i++) {
        cn_span_moments(job, walk, x, i, s->span, s->packed);
        cn_merge_slot(job, s->unit, s->span);
    }
}

void cn_finish_unit(const cn_job *job, const double *slot, const cn_loop *columns, ptrdiff_t stat,
                    cn_params *params)
{
    ptrdiff_t w = job->width, n = job->plan.cols ? columns->n : 1;
    for (ptrdiff_t c = 0; c < n; c++) {
        cn_partial p = {slot[0], slot[1 + c], slot[1 + w + c], slot[1 + 2 * w + c]};
        if (job->stats) job->stats[stat + c * columns->stride[CN_STAT]] = p;
        if (params)
            cn_put_params(params, job->k->param_size, c, p.mean, p.mean_lo, cn_scale(&p, job->kind, job->eps));
    }
}

static int strided(const cn_job *job)
{
    const cn_loops *all = &job->plan.all;
    if (all->n == 0) return 0;
    const ptrdiff_t *in = all->loop[all->n - 1].stride, size = job->k->param_size;
    return in[CN_X] != job->k->size || (job->call->op[CN_Y].data && in[CN_Y] != job->k->size) ||
           (in[CN_W] && in[CN_W] != size) || (in[CN_B] && in[CN_B] != size) || (in[CN_STAT] && in[CN_STAT] != 1);
}

size_t cn_scratch_size(const cn_job *job)
{
    size_t packed = strided(job) ? (size_t)CN_PACKED * sizeof(double) * 2 : 0;
    size_t bytes = (size_t)(2 * cn_slot_size(job) + CN_N_PARAMS * n_params(job)) * sizeof(double) + packed;
    return (bytes + 63) / 64 * 64 + 64; /* no cache line is shared */
}

void cn_open_job(cn_job *job, const cn_call *call, const cn_kernels *k, cn_kind kind, double eps,
                 cn_partial *stats)
{
    job->call = call, job->k = k, job->kind = kind, job->eps = eps, job->stats = stats;
    job->slots = NULL, job->params_memory = NULL, job->scratch = NULL;
    cn_make_plan(call, &job->plan);
    cn_walk walk;
    cn_loop columns = job->plan.columns;
    job->width = 1, job->units = cn_count(&job->plan.kept);
    if (job->plan.cols) {
        job->width = columns.n < CN_MAX_COLS ? columns.n : CN_MAX_COLS;
        job->units *= (columns.n + job->width - 1) / job->width;
        columns.n = job->width;
    } else {
        memset(&job->plan.columns, 0, sizeof job->plan.columns);
    }
    cn_walk_unit(job, &columns, &walk);
    job->spans = (walk.n_blocks + CN_SPAN - 1) / CN_SPAN;
    job->elements = cn_count(&job->plan.reduced) * job->width;
    int one_run = !job->plan.cols && walk.n_blocks == 1 && job->plan.reduced.n <= 1 && job->plan.spread.n <= 1;
    ptrdiff_t batch = CN_BLOCK / job->elements;
    job->batch = !one_run ? 0 : batch > CN_MAX_BATCH ? CN_MAX_BATCH : batch;
}
