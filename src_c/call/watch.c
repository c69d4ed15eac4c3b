/* watch.c: whether a call is cold, by what its first steps took, and what is fetched early then. */
#include "call/watch.h"

#include "dispatch/cpu.h"

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
/* x and y of a group of so many bytes are near enough together for y to be fetched while x is read. Time with over without, from
 * L3 where x and y are in no L2 / from memory, Emerald Rapids: groups of 16 KB 1 / 0.86 to 0.9, by shorter registers 0.7 to 0.95 /
 * 0.8 to 1, of 64 to 160 KB 0.7 to 0.85 / 0.7 to 0.85; of 256 KB 1 to 1.15. From L3 where they fit L2, and by shorter registers
 * then from memory in L1, up to 1.1. */
#define FETCHED (192 * 1024)
#define IN_L1 (32 * 1024)
/* Of so many bytes x and y, and what x is the sum of, are in no L2. Where groups are summed and written one after the other y goes
 * past the cache if they are larger than FETCHED, and from the second size on if not, but not those of few bytes by registers of
 * a whole line. Of the time take, from L3, then with one that reads y behind it, then both from memory (Emerald Rapids): instance_norm
 * (4, 3, 512, 512) 0.7, 1.1, 0.85; layer_norm (4, 1000000) 0.83, 1, 0.95, (100, 65536) 0.6, 0.8, 0.83, (2048, 4096) 0.75, 0.95,
 * 0.93, by shorter registers 0.55, 0.72, 0.75; rms_norm of a sum (1024, 4096) 0.74. */
#define SPREAD (24 << 20)
#define ALL_SPREAD (48 << 20)
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

static ptrdiff_t group_bytes(const cn_job *job) { return job->elements / job->width * job->k->size; }

/* Has a register a whole line, and a group few of them? */
static int has_few_bytes(const cn_job *job)
{
    return job->k->register_size == CN_LINE && group_bytes(job) <= FEW_BYTES;
}

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
    const ptrdiff_t size = job->k->size;
    const int quick = has_few_bytes(job);
    const uint64_t whole = quick ? COLD_LINE_OF_FEW : COLD_LINE;
    const uint64_t one = size < job->k->param_size ? COLD_LINE_OF_HALVES : whole;
    const uint64_t line = job->call->add[0] ? 2 * one : one; /* a sum is of two, and written: 13 to 18 in L2 */
    return ticks > line * (uint64_t)(job->elements * size / CN_LINE);
}

/* x, y and what x is the sum of. */
static ptrdiff_t moved_bytes(const cn_job *job) { return (job->call->add[0] ? 4 : 2) * bytes_of(job); }

int cn_is_written_past(const cn_job *job)
{
    const int all = moved_bytes(job) >= ALL_SPREAD && !has_few_bytes(job);
    if (job->row) return 0; /* y is read again */
    if (!job->fused) return cn_goes_past((double)moved_bytes(job) * (double)job->call->parts, job->threads);
    return !job->plan.cols && moved_bytes(job) >= SPREAD && (all || group_bytes(job) > FETCHED);
}

uintptr_t cn_from_x_to_y(const cn_job *job, int cold)
{
    const ptrdiff_t bundle = job->elements * job->k->size;
    const int near = !job->plan.cols && !job->call->add[0] && bundle <= FETCHED;
    const int gains = moved_bytes(job) >= SPREAD || (cold && (bundle > IN_L1 || job->k->register_size == CN_LINE));
    const char *x = job->call->op[CN_X].data + job->plan.start[CN_X];
    if (!near || !gains || job->row || job->nontemporal || !lie_alike(job)) return 0;
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
