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
#include "memory/touched.h"
#include "plan/tiling.h"
#include "threads/threads.h"
#include "verbs/images.h"

/* Pixels of a piece: those of all channels stay in L1 while each is written in a run long enough for the
 * write-combining buffers; in scratch; where x has no other channels between. */
#define PIECE 2048
#define SCRATCH_PIECE 512
#define PLANE_PIECE 16384

typedef struct {
    const cn_call *call;
    cn_loop channel;
    cn_tiling tiling; /* of positions: one row to a block */
    ptrdiff_t start[CN_NOPERANDS], positions;
    void (*kernel)(const cn_pixel_run *p);
    void (*patch_kernel)(const cn_patch_run *p);
    ptrdiff_t size, param_size;
    int wide, interleaved, direct, nontemporal; /* interleaved: runs of all channels; direct: without scratch */
    const double *clip;
    const cn_patches *patches; /* or NULL */
    char *params, *scratch;
    ptrdiff_t n_params, scratch_size;
} image_job;

static void swap(ptrdiff_t stride[CN_NOPERANDS])
{
    const ptrdiff_t x = stride[CN_X];
    stride[CN_X] = stride[CN_Y], stride[CN_Y] = x;
}

/* Positions in memory order of y: a plan sorts by its operand x, so it is made with the two changed over. */
static void lay_out(const cn_call *call, int axis, cn_plan *plan)
{
    cn_call positions = {.ndim = call->ndim, .n_stats = 1};
    memcpy(positions.shape, call->shape, sizeof call->shape);
    positions.shape[axis] = 1;
    positions.op[CN_X] = call->op[CN_Y], positions.op[CN_Y] = call->op[CN_X];
    cn_make_plan(&positions, plan);
    swap(plan->start);
    for (int i = 0; i < plan->all.n; i++) swap(plan->all.loop[i].stride);
}

/* Too large or small for float32: computed in float64. */
static int out_of_range(double v) { return v != 0 && !(fabs(v) < 0x1p100 && fabs(v) > 0x1p-100); }

static int needs_wide(const image_job *job, int pixels, const double *center, const double *scale)
{
    int wide = job->call->dtype == CN_F64 || pixels == CN_F64;
    for (ptrdiff_t c = 0; c < job->channel.n; c++) wide |= out_of_range(center[c]) | out_of_range(scale[c]);
    return wide;
}

/* Are all lines of y whole multiples of 16 bytes apart? */
static int rows_are_aligned(const image_job *job, const cn_loops *all)
{
    uintptr_t odd = (uintptr_t)(job->call->op[CN_Y].data + job->start[CN_Y]);
    for (int i = 0; i < all->n - 1; i++) odd |= (uintptr_t)all->loop[i].stride[CN_Y];
    return (odd | (uintptr_t)(job->channel.n > 1 ? job->channel.stride[CN_Y] : 0)) % 16 == 0;
}

static void choose(image_job *job, int pixels, const double *center, const double *scale, const cn_loops *all,
                   int threads)
{
    static const cn_loop one = {.n = 1};
    const cn_call *call = job->call;
    const cn_kernels *k = cn_kernels_of(pixels);
    const cn_loop *channel = &job->channel, *inner = all->n ? &all->loop[all->n - 1] : &one;
    const ptrdiff_t size = cn_kernels_of(call->dtype)->size, channels = channel->n;
    const ptrdiff_t x_step = inner->stride[CN_X], y_step = inner->stride[CN_Y];
    job->size = size;
    job->wide = needs_wide(job, pixels, center, scale);
    job->kernel = job->wide ? k->image_wide : k->image;
    job->param_size = job->wide ? sizeof(double) : sizeof(float);
    job->interleaved = channels > 1 && channel->stride[CN_X] == k->size && x_step == k->size * channels &&
                       channel->stride[CN_Y] == size && y_step == size * channels;
    int dense = job->interleaved || y_step == size || inner->n == 1;
    job->direct = dense && job->param_size == size;
    double bytes = (double)job->positions * (double)channels * (double)(size + k->size);
    job->nontemporal =
        job->direct && size == 4 && call->op[CN_X].data != call->op[CN_Y].data && cn_goes_past(bytes, threads) &&
        (job->interleaved ? (uintptr_t)call->op[CN_Y].data % 16 == 0 : rows_are_aligned(job, all)) &&
        cn_is_touched(call->op[CN_Y].data + job->start[CN_Y], job->positions * channels * size);
    ptrdiff_t piece = !job->direct ? SCRATCH_PIECE : x_step == k->size ? PLANE_PIECE : PIECE;
    if (job->interleaved) piece = piece / channels / 16 * 16 + 16;
    cn_make_tiling(all, NULL, 1, piece, &job->tiling);
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
        ptrdiff_t c = i % job->channel.n;
        double hi = job->wide ? center[c] : first_word(center[c], pixels);
        put_param(job, i, hi, center[c] - hi, scale[c]);
    }
}

static void narrow(const double *restrict from, float *restrict y, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) y[i] = (float)from[i];
}

/* n normalized elements to those of y, in place. */
static void convert(const image_job *job, char *from, ptrdiff_t n)
{
    const cn_dtype dtype = job->call->dtype;
    if (job->wide && dtype != CN_F64)
        for (ptrdiff_t i = 0; i < n; i++) {
            double v;
            memcpy(&v, from + i * (ptrdiff_t)sizeof v, sizeof v);
            float rounded = (float)v;
            memcpy(from + i * (ptrdiff_t)sizeof rounded, &rounded, sizeof rounded);
        }
    if (job->size < (ptrdiff_t)sizeof(float)) cn_kernels_of(dtype)->round((const float *)from, from, n);
}

/* n normalized elements to y, y_step bytes apart. */
static void finish(const image_job *job, char *from, char *y, ptrdiff_t y_step, ptrdiff_t n)
{
    if (job->wide && job->call->dtype == CN_F32 && y_step == (ptrdiff_t)sizeof(float)) {
        narrow((const double *)from, (float *)y, n);
        return;
    }
    convert(job, from, n);
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
    const cn_loop *inner = &job->tiling.col, *channel = &job->channel;
    const cn_operand *x = &job->call->op[CN_X], *y = &job->call->op[CN_Y];
    char *scratch = job->scratch + thread * job->scratch_size;
    for (ptrdiff_t i = begin; i < end; i++) {
        const cn_block block = cn_tiling_block(&job->tiling, i);
        cn_pixel_run p = {.step = inner->stride[CN_X], .n = block.n, .period = 1, .clip = job->clip};
        p.x = x->data + job->start[CN_X] + block.offset[CN_X], p.nontemporal = job->nontemporal;
        p.y = y->data + job->start[CN_Y] + block.offset[CN_Y];
        if (job->interleaved) {
            p.n *= channel->n, p.period = channel->n, p.step /= channel->n;
            one_run(job, p, job->size, 0, scratch);
            continue;
        }
        for (ptrdiff_t c = 0; c < channel->n; c++) {
            one_run(job, p, inner->stride[CN_Y], c, scratch);
            p.x += channel->stride[CN_X], p.y += channel->stride[CN_Y];
        }
    }
    if (job->nontemporal) atomic_thread_fence(memory_order_seq_cst);
}

cn_status cn_image(const cn_call *call, int pixels, int axis, const double *center, const double *scale,
                   const double *clip)
{
    image_job job = {.call = call, .channel = {.n = call->shape[axis]}, .clip = clip};
    cn_plan plan;
    lay_out(call, axis, &plan);
    memcpy(job.start, plan.start, sizeof job.start);
    for (int o = CN_X; o <= CN_Y; o++) job.channel.stride[o] = call->op[o].strides[axis];
    job.positions = cn_count(&plan.all);
    int threads = cn_threads_for(job.positions * job.channel.n);
    choose(&job, pixels, center, scale, &plan.all, threads);
    size_t params = (size_t)(3 * job.n_params * job.param_size + 63) / 64 * 64;
    job.params = malloc(params + (size_t)(job.scratch_size * threads));
    if (!job.params) return CN_NO_MEMORY;
    job.scratch = job.params + params;
    set_params(&job, pixels, center, scale);
    cn_parallel(job.tiling.n_blocks, threads, image_task, &job);
    free(job.params);
    return CN_OK;
}

/* Bytes of scratch for patches that are made before they are written: of L1, about (half and twice of it: within 5 %). */
#define PATCHES_SCRATCH 24576

/* Elements of y that a square of patches is, of all channels and frames of a group. */
static ptrdiff_t square_of(const cn_call *call, const cn_patches *how)
{
    const ptrdiff_t across = how->side * how->merge;
    return call->shape[1] * how->temporal * across * across;
}

/* Of a group of frames, in a row of squares, n from the first one on. */
static void put_squares(const image_job *job, ptrdiff_t group, ptrdiff_t row, ptrdiff_t first, ptrdiff_t n,
                        char *scratch)
{
    const cn_patches *how = job->patches;
    const ptrdiff_t *shape = job->call->shape, *stride = job->call->op[CN_X].strides;
    const ptrdiff_t across = how->side * how->merge, frame = group * how->temporal, left = shape[0] - frame;
    const ptrdiff_t before = (group * (shape[2] / across) + row) * (shape[3] / across) + first;
    const ptrdiff_t square = square_of(job->call, how);
    char *y = job->call->op[CN_Y].data + before * square * job->size;
    cn_patch_run p = {.n = n * how->merge * how->merge, .merge = how->merge, .side = how->side, .clip = job->clip};
    p.x = job->call->op[CN_X].data + frame * stride[0] + row * across * stride[2] + first * across * stride[3];
    p.step = stride[3], p.line = stride[2], p.channel = stride[1], p.frame = stride[0];
    p.room = shape[3] - first * across, p.channels = shape[1];
    p.frames = left < how->temporal ? left : how->temporal, p.lacking = how->temporal - p.frames;
    p.hi = job->params, p.lo = p.hi + job->n_params * job->param_size;
    p.scale = p.lo + job->n_params * job->param_size;
    p.y = job->direct && !job->nontemporal ? y : scratch, p.past = job->nontemporal ? y : NULL;
    job->patch_kernel(&p);
    if (!job->direct) finish(job, scratch, y, job->size, n * square);
}

static void patches_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const image_job *job = context;
    const ptrdiff_t across = job->patches->side * job->patches->merge, rows = job->call->shape[2] / across;
    const ptrdiff_t squares = job->call->shape[3] / across;
    const ptrdiff_t at_once = job->scratch_size / (square_of(job->call, job->patches) * job->param_size);
    for (ptrdiff_t i = begin; i < end; i++)
        for (ptrdiff_t first = 0; first < squares; first += at_once) {
            const ptrdiff_t n = squares - first < at_once ? squares - first : at_once;
            put_squares(job, i / rows, i % rows, first, n, job->scratch + thread * job->scratch_size);
        }
    if (job->nontemporal) atomic_thread_fence(memory_order_seq_cst);
}

/* A plane is a multiple of 16 bytes, as y is, where it goes past the cache. */
static int go_past(const image_job *job, const cn_kernels *k, ptrdiff_t elements, int threads)
{
    const ptrdiff_t plane = job->patches->side * job->patches->side * job->size;
    const uintptr_t odd = (uintptr_t)job->call->op[CN_Y].data | (uintptr_t)plane;
    return job->direct && odd % 16 == 0 &&
           cn_goes_past((double)elements * (double)(job->size + k->size), threads) &&
           cn_is_touched(job->call->op[CN_Y].data, elements * job->size);
}

cn_status cn_image_patches(const cn_call *call, int pixels, const double *center, const double *scale,
                           const double *clip, const cn_patches *patches)
{
    const cn_kernels *k = cn_kernels_of(pixels);
    const ptrdiff_t *shape = call->shape, across = patches->side * patches->merge;
    const ptrdiff_t groups = (shape[0] + patches->temporal - 1) / patches->temporal, rows = shape[2] / across;
    const ptrdiff_t square = square_of(call, patches), elements = groups * rows * (shape[3] / across) * square;
    image_job job = {.call = call, .channel = {.n = shape[1]}, .clip = clip, .patches = patches};
    const int threads = cn_threads_for(elements);
    job.wide = needs_wide(&job, pixels, center, scale), job.size = cn_kernels_of(call->dtype)->size;
    job.patch_kernel = job.wide ? k->patches_wide : k->patches;
    job.param_size = job.wide ? sizeof(double) : sizeof(float), job.n_params = shape[1];
    job.direct = job.param_size == job.size, job.nontemporal = go_past(&job, k, elements, threads);
    const ptrdiff_t bytes = square * job.param_size;
    job.scratch_size = ((bytes > PATCHES_SCRATCH ? bytes : PATCHES_SCRATCH) + 63) / 64 * 64;
    const size_t params = (size_t)(3 * job.n_params * job.param_size + 63) / 64 * 64;
    job.params = malloc(params + (size_t)(job.scratch_size * threads) + 63);
    if (!job.params) return CN_NO_MEMORY;
    job.scratch = job.params + params; /* of whole lines of the cache */
    job.scratch += -(uintptr_t)job.scratch % 64;
    set_params(&job, pixels, center, scale);
    cn_parallel(groups * rows, threads, patches_task, &job);
    free(job.params);
    return CN_OK;
}
