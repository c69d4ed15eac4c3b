/* open.c: what is decided of a call before its first element is read: bundles, threads, schedule, steps. */
#include "call/open.h"

#include <stdatomic.h>

#include "call/cold.h"
#include "call/watch.h"
#include "dispatch/cpu.h"
#include "dispatch/numbers.h"
#include "job/brief.h"
#include "job/finish.h"
#include "memory/touched.h"
#include "plan/mask.h"
#include "read/block.h"
#include "read/read.h"
#include "read/residual.h"
#include "threads/threads.h"
#include "write/quantize.h"
#include "write/unroll.h"
#include "write/write.h"

/* Short groups taken together: at most so many groups and elements. A bundle costs 90 ns beside its elements;
 * those, read twice, should be in L1 or L2 still (layer_norm (128, 768): 2048 elements 30.4 us, 4096 26.5,
 * 8192 26.0 on Zen 3). */
#define BATCH 128
#define BATCH_ELEMENTS 8192

/* Rows of so many bytes are fetched from the share of the cache on that one thread takes for large, though two find them in it:
 * they take (4096, 4096) in 0.82 of the time. Of columns the next rows are not: batch_norm eval (60000, 300) took 1.4 (Emerald
 * Rapids, 260 MiB of L3). */
#define SLOWLY_CACHED (64 << 20)

/* Groups of one element each whose results follow from it: nothing is kept of them. */
#define ALONE 16384

/* Groups of a whole block, up to so many bytes of x, are taken in pairs: rows of 4096 floats take 0.83 to 0.94 of the time in L2,
 * 0.97 to 1.12 from L3, 1.03 to 1.1 from memory, by shorter registers 1.01 to 1.08 (Emerald Rapids). */
#define PAIRED (1 << 20)

/* So many long groups read one block of the weights they share. */
#define SHARED_WEIGHTS 16

/* A bundle up to this size is normalized while it is in L2 (512 KiB on Zen 3). */
#define FUSE_BYTES (384 * 1024)
/* Where there are bundles for all threads, the last-level cache will do: re-reading 8 MiB from it beats
 * memory. */
#define FUSE_BYTES_SHARED (8 * 1024 * 1024)

/* Of columns that outgrow the cache the row so many bytes ahead is fetched (batch_norm eval (16384, 1024) 1.2 to 1.5 times as fast,
 * scaler (60000, 300) 1.8, channels-last 1.4, Emerald Rapids). */
#define COLUMNS_EARLY (8 * 1024)

/* Are elements, or parameters, of the innermost loop apart? */
static int strided(const cn_job *job)
{
    const cn_loops *all = &job->plan.all;
    if (all->n == 0) return 0;
    const ptrdiff_t *in = all->loop[all->n - 1].stride, size = job->k->param_size;
    return in[CN_X] != job->k->size || (cn_writes(job->call) && in[CN_Y] != job->k->size) ||
           (in[CN_W] && in[CN_W] != size) || (in[CN_B] && in[CN_B] != size) || (in[CN_STAT] && in[CN_STAT] != 1);
}

/* Rows of a group that can be applied as rows of all groups of a bundle (few channels of a GroupNorm): a
 * block for each group would cost more than its elements. */
static ptrdiff_t count_rows_as_groups(const cn_plan *plan, ptrdiff_t width)
{
    if (plan->cols || plan->spread.n < 2 || width < 2) return 1;
    const cn_loop *rows = &plan->spread.loop[0];
    for (int o = 0; o < CN_NOPERANDS; o++)
        if (o != CN_STAT && plan->columns.stride[o] != rows->stride[o] * rows->n) return 1;
    return rows->n;
}

static ptrdiff_t count_joined_rows(const cn_job *job)
{
    const cn_plan *plan = &job->plan;
    const cn_loop *columns = &plan->columns;
    if (!plan->cols || columns->n > CN_NARROW_MOMENTS || plan->reduced.n == 0) return 1;
    if (cn_is_place(&job->call->moments)) return 1;
    const cn_loop *rows = &plan->reduced.loop[plan->reduced.n - 1];
    ptrdiff_t joined_rows = CN_JOINED_ROW / columns->n;
    const ptrdiff_t size = job->call->moments.x ? cn_number_size(job->call->moments.x) : job->k->size;
    int contiguous = columns->stride[CN_X] == size && rows->stride[CN_X] == columns->n * size;
    return contiguous && rows->n >= CN_BLOCK_ROWS * joined_rows ? joined_rows : 1;
}

/* Are groups of so many elements, a block at least, taken in pairs? */
static int is_paired(const cn_job *job, ptrdiff_t group)
{
    const ptrdiff_t bytes = cn_count(&job->plan.kept) * job->plan.columns.n * group * job->k->size;
    return group == CN_BLOCK && bytes <= PAIRED && job->k->register_size == CN_LINE;
}

/* Columns of a bundle, for groups of so many elements. */
static ptrdiff_t bundle_width(const cn_job *job, ptrdiff_t group)
{
    ptrdiff_t most = CN_MAX_GROUPS;
    if (!job->plan.cols && job->call->moments.weights && job->plan.columns.stride[CN_W] == 0 &&
        group >= CN_BLOCK) {
        most = SHARED_WEIGHTS;
    } else if (!job->plan.cols) {
        const ptrdiff_t batch = BATCH_ELEMENTS / group;
        most = batch < 1 || (group >= CN_BLOCK && !is_paired(job, group)) ? 1 : batch < BATCH ? batch : BATCH;
        if (most == 3) most = 2; /* the third would be read for itself and for one beside it */
    }
    most -= most % job->plan.refined;
    return job->plan.columns.n < most ? job->plan.columns.n : most;
}

/* Bundles of so many columns, for groups of so many elements. */
static void set_width(cn_job *job, ptrdiff_t group, ptrdiff_t width)
{
    job->width = width, job->elements = group * width;
    job->tiles = (job->plan.columns.n + width - 1) / width;
    job->bundles = cn_count(&job->plan.kept) * job->tiles;
}

/* Is a bundle small enough to be written while it is in the cache? */
static int is_fused(const cn_job *job)
{
    ptrdiff_t bytes = job->elements * job->k->size;
    return !job->plan.split_by_affine &&
           (bytes <= FUSE_BYTES || (bytes <= FUSE_BYTES_SHARED && job->bundles >= 2 * job->threads));
}

void cn_open_job(cn_job *job, const cn_call *call)
{
    const cn_kernels *k = cn_kernels_of(call->dtype);
    job->call = call, job->k = k, job->stats = call->moments.to;
    job->partials = NULL, job->params_memory = NULL, job->scratch = NULL;
    job->unrolled[0] = job->unrolled[1] = NULL;
    job->memory_used = 0, job->row = 0, job->y = call->op[CN_Y].data;
    cn_make_plan(call, &job->plan);
    if (call->bytes.scales) cn_open_rows(job);
    job->mask = cn_mask_of(call);
    job->each = job->mask || call->moments.omit_nan || call->moments.weights;
    const int powers = cn_sums_powers(&call->moments) && !k->powers_rows;
    const int lacks = job->each ? !k->moments_rows[CN_SHOWN] : !k->moments_rows[CN_ALL] || powers;
    job->reads = k->widen && lacks ? cn_kernels_of(CN_F32) : k;
    job->needs_packing = job->mask || job->reads != k || call->moments.weights || call->moments.x || strided(job);
    const cn_loop *columns = &job->plan.columns;
    const ptrdiff_t group = cn_count(&job->plan.reduced);
    set_width(job, group, bundle_width(job, group));
    job->joined_rows = count_joined_rows(job);
    job->alone = cn_is_alone(job);
    if (job->alone) set_width(job, group, columns->n < ALONE ? columns->n : ALONE);
    job->threads = cn_threads_for(job->bundles * job->elements);
    job->fused = call->moments.source == CN_OWN && cn_writes(call) && is_fused(job);
    if (job->row && job->fused) cn_open_bundle_rows(job);
    job->rows_as_groups = count_rows_as_groups(&job->plan, job->width);
    job->direct = cn_is_direct(job) && cn_unroll(job);
    job->brief = cn_is_brief(job);
    job->reducer = cn_reducer_of(job->reads, &call->moments, job->each);
    job->add = call->add[0] ? cn_add_block : NULL;
    job->read = !job->each ? cn_read_block : job->plan.scattered ? cn_read_scattered : cn_read_counted;
    job->write = job->mask ? cn_write_masked : NULL;
    job->beyond_cache = job->nontemporal = job->nontemporal_sum = 0;
    cn_tiling tiling;
    cn_loop bundle = *columns;
    bundle.n = job->width;
    cn_tile_reading(job, &bundle, &tiling);
    job->segments = cn_count_segments(&tiling);
}

/* A hint for all threads: it costs or saves time, whichever call meets it. */
static atomic_int expected_cold;

void cn_expect_cold(int cold) { atomic_store_explicit(&expected_cold, cold, memory_order_relaxed); }

/* Do all rows of y begin and end at multiples of 16 bytes? */
static int is_aligned(const cn_job *job)
{
    const cn_loops *all = &job->plan.all;
    const ptrdiff_t size = job->k->size;
    size_t odd = (size_t)(job->y + job->plan.start[CN_Y]);
    for (int i = 0; i < all->n; i++) {
        const cn_loop *loop = &all->loop[i];
        odd |= (size_t)(i == all->n - 1 && loop->stride[CN_Y] == size ? loop->n * size : loop->stride[CN_Y]);
    }
    return odd % 16 == 0;
}

/* Rows with parameters of their own, of fewer bytes: their ends share lines, and these wait for each other past the cache
 * (batch_norm eval (32, 2048, 7, 7) 555 us, 452 by ordinary stores, (256, 1024, 4, 4) 1114 and 889; of 8 by 8 536 and
 * 592, of 10 by 10 908 and 1372; Zen 5). */
#define SHORT_NONTEMPORAL 256

static int has_short_rows(const cn_job *job)
{
    const cn_loops *all = &job->plan.all;
    return !job->fused && !job->plan.cols && all->n && all->loop[all->n - 1].n * job->k->size < SHORT_NONTEMPORAL;
}

/* Bytes from a row of columns to the one that is fetched meanwhile. */
static ptrdiff_t row_to_fetch(const cn_job *job)
{
    const cn_loops *spread = &job->plan.spread;
    const ptrdiff_t row = spread->n ? spread->loop[spread->n - 1].stride[CN_X] : 0;
    return row > 0 ? (COLUMNS_EARLY + row - 1) / row * row : 0;
}

/* Does the call outgrow the cache? In place nothing is written past it: the lines are there already. */
void cn_open_output(cn_job *job)
{
    const cn_call *call = job->call;
    const char *x = call->op[CN_X].data, *y = job->y, *a = call->add[0], *b = call->add[1];
    const int apart = y != x && y != a && y != b, summed = a ? (a != x) + (b != x && b != a) : 0;
    const double bundle = (double)job->elements * (double)job->k->size;
    const double all = bundle * (double)job->bundles * (double)call->parts;
    const double bytes = (1 + apart + summed) * all;
    const int past = cn_beyond_cache(bytes, job->threads) || (apart && cn_is_written_past(job));
    const int large = past || (!job->plan.cols && bytes > SLOWLY_CACHED && cn_beyond_cache(bytes, 1));
    const int cold = large || atomic_load_explicit(&expected_cold, memory_order_relaxed);
    const int stream = !has_short_rows(job);
    job->beyond_cache = cold && stream;
    job->nontemporal = y && apart && past && stream && is_aligned(job) &&
                       cn_is_touched(job->y + job->plan.start[CN_Y], (ptrdiff_t)all);
    job->direct &= !(job->nontemporal && cn_curved(call->activation)); /* curves are made in the cache */
    job->prefetch = job->plan.cols ? row_to_fetch(job) : stream * job->width * job->plan.columns.stride[CN_X];
    /* A sum is written past the cache if it outgrows that by itself. */
    job->nontemporal_sum = job->fused && a && bundle <= FUSE_BYTES && cn_beyond_cache(all, job->threads) &&
                           cn_sum_can_be_nontemporal(job) &&
                           cn_is_touched(x + job->plan.start[CN_X], (ptrdiff_t)all);
    job->direct &= !job->nontemporal_sum;
}
