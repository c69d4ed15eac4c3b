/* read.c: the moments of a bundle, block by block.
 *
 * Blocks are merged in order within segments of SEGMENT blocks, the segments in order into the bundle: this tree
 * depends on the shape of a group alone, never on threads, schedule or how many groups there are. */
#include "read/read.h"

#include "job/finish.h"

#define SEGMENT 16

ptrdiff_t cn_count_segments(const cn_tiling *tiling) { return (tiling->n_blocks + SEGMENT - 1) / SEGMENT; }

/* Which ends of a range are asked for. */
static cn_ends ends_of(const cn_moments *of)
{
    const cn_results *to = of->results;
    if (of->kind != CN_EXTREMES || !to || to->reach || to->flags) return CN_BOTH_ENDS;
    return to->first && to->second ? CN_BOTH_ENDS : to->first ? CN_LEAST_END : CN_GREATEST_END;
}

static cn_reading open_reading(const cn_job *job, const cn_tiling *tiling, const cn_bundle *bundle, char *packed)
{
    const cn_call *call = job->call;
    const cn_moments *of = &call->moments;
    cn_reading how = {.k = job->reads, .x_is = job->k, .reducer = &job->reducer, .tiling = tiling};
    how.columns = &bundle->columns, how.counted = &job->plan.counted;
    how.joined_rows = job->joined_rows, how.cols = job->plan.cols, how.packed = packed, how.x = of->x,
    how.p = of->p;
    how.centered = of->kind == CN_VAR ? CN_CENTERED : of->kind == CN_SUMS ? CN_SUMMED : CN_NOT_CENTERED;
    how.numbered = cn_is_place(of);
    how.nan = !of->results ? CN_NAN_PLACED : of->results->omit ? CN_NAN_TOLD : CN_NAN_STOPS;
    how.ends = ends_of(of);
    how.pack = how.x || how.k != how.x_is || (tiling->col.n > 1 && tiling->col.stride[CN_X] != job->k->size);
    how.holes = of->omit_nan ? CN_NAN_HOLES : CN_NO_HOLES;
    if (job->mask) how.mask = job->mask + bundle->offset[CN_M];
    if (of->weights) how.weights = call->op[CN_W].data + bundle->offset[CN_W];
    how.weights_are = of->weights, how.weights_by = of->weights_by;
    return how;
}

void cn_read_segment(const cn_job *job, const cn_tiling *tiling, const cn_bundle *bundle, ptrdiff_t segment,
                     double *partials, const cn_scratch *s)
{
    ptrdiff_t from = segment * SEGMENT, to = from + SEGMENT < tiling->n_blocks ? from + SEGMENT : tiling->n_blocks;
    cn_reading how = open_reading(job, tiling, bundle, s->packed);
    how.to_fetch = s->to_fetch;
    const char *x = s->x ? s->x : job->call->op[CN_X].data + bundle->offset[CN_X];
    const ptrdiff_t joined_width = job->joined_rows * job->width;
    cn_moments_view acc = cn_open_partials(partials, job->each, job->width);
    cn_moments_view joined = cn_open_partials(s->joined, job->each, joined_width);
    cn_clear_counts(&acc, job->width);
    if (job->joined_rows > 1) cn_clear_counts(&joined, joined_width);
    for (ptrdiff_t i = from; i < to; i++) {
        cn_block block = cn_tiling_block(tiling, i);
        if (job->add && !s->summed) job->add(job, tiling, bundle, &block, s->x);
        job->read(&how, &block, x, &acc, &joined);
    }
    if (job->joined_rows > 1) cn_merge_joined(job, &acc, &joined);
}

void cn_read_bundle(const cn_job *job, const cn_tiling *tiling, const cn_bundle *bundle, const cn_scratch *s)
{
    cn_read_segment(job, tiling, bundle, 0, s->bundle, s);
    for (ptrdiff_t i = 1; i < job->segments; i++) {
        cn_read_segment(job, tiling, bundle, i, s->segment, s);
        cn_merge_partials(job, s->bundle, s->segment);
    }
}
