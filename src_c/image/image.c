/* image.c: pixels to normalized floats: which runs of pixels meet the kernel, in the memory order of y.
 *
 * A run lies along the pixels of one channel, whatever their distance in x, or along all channels where both x
 * and y have them side by side. What y can't take at once (strides, 16 bits) goes through scratch. */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "dispatch/cpu.h"
#include "memory/copy.h"
#include "plan/plan.h"
#include "threads/threads.h"

/* Pixels of a piece: those of all channels stay in L1 while each is written in a run long enough for the
 * write-combining buffers; in scratch; where x has no other channels between. */
#define PIECE 2048
#define SCRATCH_PIECE 512
#define PLANE_PIECE 16384

typedef struct {
    const cn_call *call;
    cn_plan plan;
    cn_loops outer;
    cn_loop inner, channel;
    int main, other; /* operands: the plan is in memory order of main */
    ptrdiff_t piece, pieces, positions;
} image_tiling;

typedef struct {
    image_tiling at;
    void (*kernel)(const cn_pixel_run *p);
    ptrdiff_t size, param_size;
    int wide, interleaved, direct, nontemporal; /* interleaved: runs of all channels; direct: without scratch */
    char *params, *scratch;
    ptrdiff_t n_params, scratch_size;
} image_job;

/* The strides (or offsets) of x and y, which the plan had as `main` and `other`. */
static void restore(const image_tiling *at, ptrdiff_t stride[CN_NOPERANDS])
{
    const ptrdiff_t main = stride[CN_X], other = stride[CN_Y];
    stride[at->main] = main, stride[at->other] = other;
}

/* Positions in memory order of `main`: of y, or of x where nothing is written. The plan sorts by its operand x. */
static void lay_out(image_tiling *at, const cn_call *call, int axis)
{
    static const cn_loop one = {.n = 1};
    cn_call positions = {.ndim = call->ndim, .n_stats = 1};
    at->main = call->op[CN_Y].data ? CN_Y : CN_X, at->other = call->op[CN_Y].data ? CN_X : CN_Y;
    memcpy(positions.shape, call->shape, sizeof call->shape);
    positions.shape[axis] = 1;
    positions.op[CN_X] = call->op[at->main], positions.op[CN_Y] = call->op[at->other];
    cn_make_plan(&positions, &at->plan);
    at->call = call;
    at->positions = cn_count(&at->plan.all);
    restore(at, at->plan.start);
    for (int i = 0; i < at->plan.all.n; i++) restore(at, at->plan.all.loop[i].stride);
    at->outer = at->plan.all;
    at->inner = at->outer.n ? at->outer.loop[--at->outer.n] : one;
    at->channel = (cn_loop){.n = call->shape[axis]};
    for (int o = CN_X; o <= CN_Y; o++) at->channel.stride[o] = call->op[o].strides[axis];
}

static void cut(image_tiling *at, ptrdiff_t piece)
{
    at->piece = piece;
    at->pieces = (at->inner.n + piece - 1) / piece;
}

/* x and y of a piece, and how many pixels it has. */
static ptrdiff_t locate(const image_tiling *at, ptrdiff_t i, const char **x, char **y)
{
    ptrdiff_t offset[CN_NOPERANDS], first = i % at->pieces * at->piece, n = at->inner.n - first;
    memcpy(offset, at->plan.start, sizeof offset);
    cn_locate(&at->outer, i / at->pieces, offset);
    *x = at->call->op[CN_X].data + offset[CN_X] + first * at->inner.stride[CN_X];
    if (y) *y = at->call->op[CN_Y].data + offset[CN_Y] + first * at->inner.stride[CN_Y];
    return n < at->piece ? n : at->piece;
}

/* Too large or small for float32: computed in float64. */
static int out_of_range(double v) { return v != 0 && !(fabs(v) < 0x1p100 && fabs(v) > 0x1p-100); }

static int needs_wide(const image_job *job, int pixels, const double *center, const double *scale)
{
    int wide = job->at.call->dtype == CN_F64 || pixels == CN_F64;
    for (ptrdiff_t c = 0; c < job->at.channel.n; c++) wide |= out_of_range(center[c]) | out_of_range(scale[c]);
    return wide;
}

/* Are all lines of y whole multiples of 16 bytes apart? */
static int rows_are_aligned(const image_tiling *at)
{
    uintptr_t all = (uintptr_t)(at->call->op[CN_Y].data + at->plan.start[CN_Y]);
    for (int i = 0; i < at->outer.n; i++) all |= (uintptr_t)at->outer.loop[i].stride[CN_Y];
    return (all | (uintptr_t)(at->channel.n > 1 ? at->channel.stride[CN_Y] : 0)) % 16 == 0;
}

static void choose(image_job *job, int pixels, const double *center, const double *scale, int threads)
{
    image_tiling *at = &job->at;
    const cn_kernels *k = cn_kernels_of(pixels);
    const ptrdiff_t size = cn_kernels_of(at->call->dtype)->size, channels = at->channel.n;
    const ptrdiff_t x_step = at->inner.stride[CN_X], y_step = at->inner.stride[CN_Y];
    job->size = size;
    job->wide = needs_wide(job, pixels, center, scale);
    job->kernel = job->wide ? k->image_wide : k->image;
    job->param_size = job->wide ? sizeof(double) : sizeof(float);
    job->interleaved = channels > 1 && at->channel.stride[CN_X] == k->size && x_step == k->size * channels &&
                       at->channel.stride[CN_Y] == size && y_step == size * channels;
    int dense = job->interleaved || y_step == size || at->inner.n == 1;
    job->direct = dense && job->param_size == size;
    double bytes = (double)at->positions * (double)channels * (double)(size + k->size);
    job->nontemporal = job->direct && size == 4 && at->call->op[CN_X].data != at->call->op[CN_Y].data &&
                       cn_beyond_cache(bytes, threads) &&
                       (job->interleaved ? (uintptr_t)at->call->op[CN_Y].data % 16 == 0 : rows_are_aligned(at));
    ptrdiff_t piece = !job->direct ? SCRATCH_PIECE : x_step == k->size ? PLANE_PIECE : PIECE;
    if (job->interleaved) piece = piece / channels / 16 * 16 + 16;
    cut(at, piece);
    job->n_params = job->interleaved ? 16 * channels : channels;
    job->scratch_size = job->direct ? 0 : piece * (job->interleaved ? channels : 1) * (ptrdiff_t)sizeof(double);
}

/* An integer minus hi is exact then: hi has as many bits behind the point as x leaves it. */
static double first_word(double center, int pixels)
{
    double parts = pixels == CN_U8 ? 0x1p14 : 0x1p6;
    int integer = pixels == CN_U8 || pixels == CN_U16;
    return (float)(integer && fabs(center) < 0x1p20 ? nearbyint(center * parts) / parts : center);
}

static void put_param(const image_job *job, ptrdiff_t i, double hi, double lo, double scale)
{
    const double words[3] = {hi, lo, scale};
    for (int w = 0; w < 3; w++)
        if (job->wide)
            ((double *)job->params)[w * job->n_params + i] = words[w];
        else
            ((float *)job->params)[w * job->n_params + i] = (float)words[w];
}

static void set_params(image_job *job, int pixels, const double *center, const double *scale)
{
    for (ptrdiff_t i = 0; i < job->n_params; i++) {
        ptrdiff_t c = i % job->at.channel.n;
        double hi = job->wide ? center[c] : first_word(center[c], pixels);
        put_param(job, i, hi, center[c] - hi, scale[c]);
    }
}

/* n normalized elements to y, y_step bytes apart. */
static void finish(const image_job *job, char *from, char *y, ptrdiff_t y_step, ptrdiff_t n)
{
    const cn_dtype dtype = job->at.call->dtype;
    if (job->wide && dtype != CN_F64)
        for (ptrdiff_t i = 0; i < n; i++) {
            double v;
            memcpy(&v, from + i * (ptrdiff_t)sizeof v, sizeof v);
            float rounded = (float)v;
            memcpy(from + i * (ptrdiff_t)sizeof rounded, &rounded, sizeof rounded);
        }
    if (job->size < (ptrdiff_t)sizeof(float)) cn_kernels_of(dtype)->round((const float *)from, from, n);
    cn_copy((cn_matrix){y, 0, y_step}, (cn_matrix){from, 0, job->size}, 1, n, job->size);
}

/* A run from channel c on. */
static void one_run(const image_job *job, cn_pixel_run p, ptrdiff_t y_step, ptrdiff_t c, char *scratch)
{
    char *y = p.y;
    const char *params = job->params + c * job->param_size;
    p.hi = params, p.lo = params + job->n_params * job->param_size;
    p.scale = params + 2 * job->n_params * job->param_size;
    p.y = job->direct ? y : scratch;
    job->kernel(&p);
    if (!job->direct) finish(job, scratch, y, y_step, p.n);
}

static void image_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const image_job *job = context;
    const image_tiling *at = &job->at;
    char *scratch = job->scratch + thread * job->scratch_size;
    const ptrdiff_t step = at->inner.stride[CN_X], channels = at->channel.n;
    for (ptrdiff_t i = begin; i < end; i++) {
        cn_pixel_run p = {.step = step, .period = 1, .nontemporal = job->nontemporal};
        p.n = locate(at, i, &p.x, &p.y);
        if (job->interleaved) {
            p.n *= channels, p.period = channels, p.step = step / channels;
            one_run(job, p, job->size, 0, scratch);
            continue;
        }
        for (ptrdiff_t c = 0; c < channels; c++) {
            one_run(job, p, at->inner.stride[CN_Y], c, scratch);
            p.x += at->channel.stride[CN_X], p.y += at->channel.stride[CN_Y];
        }
    }
    if (job->nontemporal) atomic_thread_fence(memory_order_seq_cst);
}

cn_status cn_image(const cn_call *call, int pixels, int axis, const double *center, const double *scale)
{
    image_job job = {0};
    lay_out(&job.at, call, axis);
    int threads = cn_threads_for(job.at.positions * job.at.channel.n);
    choose(&job, pixels, center, scale, threads);
    size_t params = (size_t)(3 * job.n_params * job.param_size + 63) / 64 * 64;
    job.params = malloc(params + (size_t)(job.scratch_size * threads));
    if (!job.params) return CN_NO_MEMORY;
    job.scratch = job.params + params;
    set_params(&job, pixels, center, scale);
    cn_parallel(cn_count(&job.at.outer) * job.at.pieces, threads, image_task, &job);
    free(job.params);
    return CN_OK;
}

typedef struct {
    image_tiling at;
    const cn_kernels *k;
    uint64_t *sums; /* 2 * channels of each thread */
} sums_job;

static void sums_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const sums_job *job = context;
    const ptrdiff_t channels = job->at.channel.n;
    uint64_t *sums = job->sums + thread * 2 * channels;
    for (ptrdiff_t i = begin; i < end; i++) {
        cn_pixel_run p = {.step = job->at.inner.stride[CN_X]};
        p.n = locate(&job->at, i, &p.x, NULL);
        for (ptrdiff_t c = 0; c < channels; c++, p.x += job->at.channel.stride[CN_X])
            job->k->image_sums(&p, &sums[2 * c], &sums[2 * c + 1]);
    }
}

cn_status cn_image_sums(const cn_call *call, int pixels, int axis, uint64_t *sums)
{
    sums_job job = {.k = cn_kernels_of(pixels)};
    lay_out(&job.at, call, axis);
    cut(&job.at, PLANE_PIECE);
    const ptrdiff_t n = 2 * job.at.channel.n;
    int threads = cn_threads_for(job.at.positions * job.at.channel.n);
    job.sums = calloc((size_t)(n * threads), sizeof *sums);
    if (!job.sums) return CN_NO_MEMORY;
    cn_parallel(cn_count(&job.at.outer) * job.at.pieces, threads, sums_task, &job);
    memset(sums, 0, (size_t)n * sizeof *sums);
    for (ptrdiff_t i = 0; i < n * threads; i++) sums[i % n] += job.sums[i];
    free(job.sums);
    return CN_OK;
}
