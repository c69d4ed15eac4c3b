/* watch.c: whether a call is cold, by what its first steps took, and what is fetched early then. */
#include "call/watch.h"

/* A call of at least so many bytes is cold if its first bundle took more ticks for a line of x: what comes next is fetched
 * from then on. layer_norm of rows of 768 takes 6 in L2, 24 from memory (TSC of 2.6 GHz). Fetched, 32 to 1024 rows take 0.62
 * to 0.86 of the time where they are cold, 1.01 to 1.12 where they are not; (4096, 64) 0.47 and 1.05 (Zen 5). */
#define WATCHED (64 * 1024)
#define COLD_LINE 16
/* By registers of a whole line groups of lanes as wide as elements and few bytes take less, and gain where they come from another
 * cache, too: 7 in L2, 14 from L3, where (2048, 768) then takes 0.85, groups of 8 KiB 1.1 (Emerald Rapids, TSC of 2.3 GHz). */
#define COLD_LINE_OF_FEW 11
#define FEW_BYTES 4096
/* Elements of 16 bits are twice as many: 16 in L2. */
#define COLD_LINE_OF_HALVES 24
/* x and y of a bundle of so many bytes are near enough together for y to be fetched while x is read: rows of 2500 to 4096 floats from
 * memory take 0.86 to 0.9 of the time, from L3 0.95 to 1 (Emerald Rapids). */
#define FETCHED (32 * 1024)
/* Where y is all that is to do, its second block is timed: 12 ticks a line from L3, 27 from memory. From there x and y are fetched
 * early: batch_norm eval (4096, 1024) 3.1 to 2.4 ms, (32, 64, 56, 56) 4.7 to 3.5, channels-last 4.3 to 3.7; from L3 0.9 to 1.15 of
 * the time (Emerald Rapids). */
#define WRITE_WATCHED (4 << 20)
#define COLD_LINE_WRITTEN 18

/* Of a larger x that is only read, what comes so many bytes later is fetched, of columns the next rows: the hardware stops at every
 * page. (4096, 4096) floats from memory, one thread, Emerald Rapids, time without over with: moments of rows 1.6, of all 1.8,
 * nanmean 1.8, nanmin 1.4 to 1.6, of columns 1.15 to 1.2; 6 MB from L3 1.06 of rows, 0.86 of columns. */
#define STREAMED (16 << 20)
#define STREAM_EARLY 4096

static ptrdiff_t bytes_of(const cn_job *job) { return job->bundles * job->elements * job->k->size; }

static int lie_alike(const cn_job *job)
{
    const cn_loops *all = &job->plan.all;
    int alike = 1;
    for (int i = 0; i < all->n; i++) alike &= all->loop[i].stride[CN_X] == all->loop[i].stride[CN_Y];
    return alike;
}

int cn_is_watched(const cn_job *job, ptrdiff_t n)
{
    return !job->beyond_cache && !job->plan.cols && job->prefetch && n > 1 &&
           n * job->elements * job->k->size >= WATCHED;
}

int cn_took_long(const cn_job *job, uint64_t ticks)
{
    const ptrdiff_t size = job->k->size, group = job->elements / job->width * size;
    const int quick = job->k->register_size == CN_LINE && group <= FEW_BYTES;
    const uint64_t whole = quick ? COLD_LINE_OF_FEW : COLD_LINE;
    const uint64_t one = size < job->k->param_size ? COLD_LINE_OF_HALVES : whole;
    const uint64_t line = job->call->add[0] ? 2 * one : one; /* a sum is of two, and written: 13 to 18 in L2 */
    return ticks > line * (uint64_t)(job->elements * size / CN_LINE);
}

uintptr_t cn_from_x_to_y(const cn_job *job)
{
    const int near = !job->plan.cols && !job->call->add[0] && job->elements * job->k->size <= FETCHED;
    const char *x = job->call->op[CN_X].data + job->plan.start[CN_X];
    if (!near || job->row || job->k->register_size < CN_LINE || job->nontemporal || !lie_alike(job)) return 0;
    return (uintptr_t)(job->y + job->plan.start[CN_Y]) - (uintptr_t)x;
}

uintptr_t cn_stream_early(const cn_job *job) { return bytes_of(job) >= STREAMED ? STREAM_EARLY : 0; }

int cn_is_write_watched(const cn_job *job, ptrdiff_t n)
{
    return !job->beyond_cache && !job->mask && job->prefetch && n > 2 && bytes_of(job) >= WRITE_WATCHED &&
           lie_alike(job);
}

int cn_is_cold_block(const cn_job *job, ptrdiff_t i, uint64_t ticks)
{
    const cn_block block = cn_tiling_block(&job->all, i);
    return ticks > COLD_LINE_WRITTEN * (uint64_t)(block.rows * block.n * job->k->size / CN_LINE);
}
