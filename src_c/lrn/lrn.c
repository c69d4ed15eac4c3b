/* lrn.c: local response normalization: which tiles of positions and channels meet the kernel.
 *
 * Positions in memory order; a tile is a piece of their innermost loop with all channels. Rows of a tile
 * run along whatever is contiguous, positions or channels; else (and in place, as windows read what is
 * overwritten) x or y of the tile is packed. */
#include <stdlib.h>
#include <string.h>

#include "dispatch/cpu.h"
#include "memory/turn.h"
#include "plan/plan.h"
#include "threads/threads.h"

/* Compute elements of a tile: its squares, x and y stay in L2 (512 KiB on Zen 3). */
#define TILE (16 * 1024)
/* Positions: so few that L1 holds a window of rows, so many that rows are worth fetching. */
#define MOST_POSITIONS 512
#define LEAST_POSITIONS 32

/* What lies across shorter rows is packed to be rows (64 channels of 3 positions 1640 us to 280, 3 channels last 660 to 140,
 * rows of 8 alike, of 16 twice as slow; Zen 3). */
#define SHORT_ROW 8

typedef struct {
    const cn_call *call;
    const cn_lrn_window *how;
    const cn_kernels *k;
    cn_plan plan;
    cn_loops outer;
    cn_loop inner, channel;
    int across, pack_x, pack_y;
    ptrdiff_t piece, pieces;    /* positions of a tile; tiles of the inner loop */
    ptrdiff_t row, squares_row; /* compute elements */
    size_t squares_bytes, packed_bytes, scratch_size;
    char *scratch;
} lrn_job;

static ptrdiff_t round_up(ptrdiff_t n) { return (n + 15) / 16 * 16; }

static void lay_out(lrn_job *job, const cn_call *call, int axis)
{
    static const cn_loop one = {.n = 1};
    const ptrdiff_t size = job->k->size, pad = job->how->below + job->how->above;
    cn_call positions = *call;
    positions.shape[axis] = 1;
    cn_make_plan(&positions, &job->plan);
    job->outer = job->plan.all;
    job->inner = job->outer.n ? job->outer.loop[--job->outer.n] : one;
    job->channel = (cn_loop){.n = call->shape[axis]};
    for (int o = CN_X; o <= CN_Y; o++) job->channel.stride[o] = call->op[o].strides[axis];
    job->across = job->inner.stride[CN_X] != size && job->channel.stride[CN_X] == size;
    const cn_loop *row = job->across ? &job->channel : &job->inner;
    const cn_loop *other = job->across ? &job->inner : &job->channel;
    if (row->n < SHORT_ROW && other->n > row->n) job->across = !job->across, row = other;
    job->pack_x = row->stride[CN_X] != size || call->op[CN_X].data == call->op[CN_Y].data;
    job->pack_y = row->stride[CN_Y] != size;

    ptrdiff_t c = job->channel.n, n = TILE / (c + pad);
    n = n < LEAST_POSITIONS ? LEAST_POSITIONS : n > MOST_POSITIONS ? MOST_POSITIONS : n / 16 * 16;
    job->piece = n = n < job->inner.n ? n : job->inner.n;
    job->pieces = (job->inner.n + n - 1) / n;
    job->row = round_up(job->across ? c : n);
    job->squares_row = job->across ? round_up(c) + round_up(pad) : job->row;
    job->squares_bytes = (size_t)((job->across ? n : c + pad) * job->squares_row * job->k->param_size);
    job->packed_bytes = (size_t)(round_up(n * c) * size);
    job->scratch_size = (size_t)(job->row * job->k->param_size) + job->squares_bytes +
                        (size_t)(job->pack_x + job->pack_y) * job->packed_bytes;
    job->scratch_size = (job->scratch_size + 63) / 64 * 64;
}

static void lrn_tile(const lrn_job *job, ptrdiff_t i, char *scratch)
{
    ptrdiff_t offset[CN_NOPERANDS], first = i % job->pieces * job->piece, n = job->inner.n - first;
    const ptrdiff_t size = job->k->size, line = job->row * job->k->param_size;
    memcpy(offset, job->plan.start, sizeof offset);
    cn_locate(&job->outer, i / job->pieces, offset);
    n = n < job->piece ? n : job->piece;
    const cn_loop *row = job->across ? &job->inner : &job->channel,
                  *col = job->across ? &job->channel : &job->inner;
    cn_matrix m[2];
    for (int o = CN_X; o <= CN_Y; o++)
        m[o] = (cn_matrix){job->call->op[o].data + offset[o] + first * job->inner.stride[o], row->stride[o],
                           col->stride[o]};
    cn_lrn_tile t = {.across = job->across, .how = job->how, .squares_row = job->squares_row};
    t.x.rows = job->across ? n : job->channel.n, t.x.n = job->across ? job->channel.n : n;
    t.anchor = scratch, t.squares = scratch + line;
    cn_matrix packed = {t.squares + job->squares_bytes, t.x.n * size, size}, y = m[CN_Y];
    if (job->pack_x) {
        cn_copy_block(packed, m[CN_X], t.x.rows, t.x.n, size);
        m[CN_X] = packed;
        packed.data += job->packed_bytes;
    }
    if (job->pack_y) m[CN_Y] = packed;
    t.x.x = m[CN_X].data, t.x.x_row = m[CN_X].row, t.y = m[CN_Y].data, t.y_row = m[CN_Y].row;
    job->k->lrn(&t);
    if (job->pack_y) cn_copy_block(y, packed, t.x.rows, t.x.n, size);
}

static void lrn_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const lrn_job *job = context;
    for (ptrdiff_t i = begin; i < end; i++) lrn_tile(job, i, job->scratch + (size_t)thread * job->scratch_size);
}

cn_status cn_lrn(const cn_call *call, int axis, const cn_lrn_window *how)
{
    lrn_job job = {.call = call, .how = how, .k = cn_kernels_of(call->dtype)};
    lay_out(&job, call, axis);
    ptrdiff_t tiles = cn_count(&job.outer) * job.pieces;
    int threads = cn_threads_for(cn_count(&job.plan.all) * job.channel.n);
    job.scratch = malloc(job.scratch_size * (size_t)threads);
    if (!job.scratch) return CN_NO_MEMORY;
    cn_parallel(tiles, threads, lrn_task, &job);
    free(job.scratch);
    return CN_OK;
}
