/* read.c: the moments of a bundle, block by block.
 *
 * Blocks are merged in order within segments of SEGMENT blocks, the segments in order into the bundle: this tree
 * depends on the shape of a group alone, never on threads, schedule or how many groups there are. */
#include "read/read.h"

#include <string.h>

#include "job/finish.h"

#define SEGMENT 16

ptrdiff_t cn_count_segments(const cn_tiling *tiling) { return (tiling->n_blocks + SEGMENT - 1) / SEGMENT; }

static cn_reading open_reading(const cn_job *job, const cn_tiling *tiling, const cn_loop *columns, char *packed)
{
    const int pack = tiling->col.n > 1 && tiling->col.stride[CN_X] != job->k->size;
    const int centered = job->call->moments.kind == CN_VAR;
    return (cn_reading){job->k,         &job->reducer, tiling, columns, job->joined_rows,
                        job->plan.cols, centered,      pack,   packed};
}

/* Blocks of groups with masks of their own: all groups of a block, so that columns find theirs in the cache. */
static void read_each(const cn_job *job, const cn_reading *how, const cn_bundle *bundle, const cn_block *block,
                      const char *x, cn_partial *partials)
{
    const cn_loop *columns = &bundle->columns;
    for (ptrdiff_t c = 0; c < columns->n; c++) {
        const char *mask = job->mask;
        if (mask) mask += bundle->offset[CN_M] + c * columns->stride[CN_M];
        cn_partial *p = &partials[c];
        cn_moments_view acc = {p->count, &p->mean, &p->mean_lo, &p->m2};
        job->read(how, mask, block, x + c * columns->stride[CN_X], &acc, NULL);
        p->count = acc.count;
    }
}

void cn_read_segment(const cn_job *job, const cn_tiling *tiling, const cn_bundle *bundle, ptrdiff_t segment,
                     double *partials, const cn_scratch *s)
{
    static const cn_loop one = {.n = 1};
    const int each = job->mask_per_group;
    ptrdiff_t from = segment * SEGMENT, to = from + SEGMENT < tiling->n_blocks ? from + SEGMENT : tiling->n_blocks;
    cn_reading how = open_reading(job, tiling, each ? &one : &bundle->columns, s->packed);
    if (each)
        how.joined_rows = 1, how.cols = 0, memset(partials, 0, (size_t)bundle->columns.n * sizeof(cn_partial));
    const char *x = s->x ? s->x : job->call->op[CN_X].data + bundle->offset[CN_X];
    const char *mask = job->mask ? job->mask + bundle->offset[CN_M] : NULL;
    cn_moments_view acc = {0}, joined = {0};
    if (!each) {
        partials[0] = 0;
        acc = cn_open_partials(partials, job->width);
        joined = cn_open_partials(s->joined, job->joined_rows * job->width);
        joined.count = 0;
    }
    for (ptrdiff_t i = from; i < to; i++) {
        cn_block block = cn_tiling_block(tiling, i);
        if (job->add) job->add(job, tiling, bundle, &block, s->x);
        if (each)
            read_each(job, &how, bundle, &block, x, (cn_partial *)partials);
        else
            job->read(&how, mask, &block, x, &acc, &joined);
    }
    if (each) return;
    if (job->joined_rows > 1) cn_merge_joined(job, &acc, &joined);
    partials[0] = acc.count;
}

void cn_read_bundle(const cn_job *job, const cn_tiling *tiling, const cn_bundle *bundle, const cn_scratch *s)
{
    cn_read_segment(job, tiling, bundle, 0, s->bundle, s);
    for (ptrdiff_t i = 1; i < job->segments; i++) {
        cn_read_segment(job, tiling, bundle, i, s->segment, s);
        cn_merge_partials(job, s->bundle, s->segment);
    }
}
