/* quantize.c: rows of y to signed bytes and their scales. */
#include "write/quantize.h"

#include <math.h>
#include <stdlib.h>

#include "threads/threads.h"

/* Elements of a block of rows; longer ones are cut, so that few rows are work for all threads. */
#define PIECE (64 * 1024)
/* Short rows that are taken together. */
#define SOME 256

/* Short rows that become bytes: how long they are; are their lanes doubles, or floats? */
typedef struct {
    const cn_kernels *k;
    ptrdiff_t n;
    int wide;
} short_rows;

/* A number of each. */
typedef union {
    double wide[SOME];
    float narrow[SOME];
} some_lanes;

static void widen(cn_loops *loops, ptrdiff_t size)
{
    for (int i = 0; i < loops->n; i++) loops->loop[i].stride[CN_Y] *= size;
}

void cn_open_rows(cn_job *job)
{
    cn_plan *plan = &job->plan;
    const ptrdiff_t size = job->k->size;
    job->row = cn_count(&plan->reduced) * plan->refined, job->y = NULL;
    widen(&plan->all, size), widen(&plan->kept, size), widen(&plan->spread, size);
    plan->columns.stride[CN_Y] *= size, plan->start[CN_Y] *= size;
}

void cn_open_bundle_rows(cn_job *job)
{
    cn_plan *plan = &job->plan;
    const ptrdiff_t row = job->row * job->k->size / plan->refined;
    plan->start[CN_Y] -= plan->start[CN_STAT] * row; /* axes flipped within a row remain */
    plan->columns.stride[CN_Y] = row;
}

cn_status cn_alloc_rows(cn_job *job)
{
    job->y = cn_job_alloc(job, (size_t)(job->call->n_stats * job->row * job->k->size));
    return job->y ? CN_OK : CN_NO_MEMORY;
}

/* Scales of n rows in the place of their largest magnitudes: given, or made of these. */
#define SCALES_OF(type)                                                                                           \
    static void scales_of_##type(const cn_int8 *to, ptrdiff_t first, ptrdiff_t n, type *lanes)                    \
    {                                                                                                             \
        type *scales = (type *)to->scales + (to->kind == CN_SCALE_GIVEN ? 0 : first);                             \
        const ptrdiff_t step = to->kind == CN_SCALE_GIVEN ? 0 : 1;                                                \
        for (ptrdiff_t r = 0; r < n && to->kind == CN_OF_ROWS; r++) {                                             \
            const type scale = lanes[r] / 127;                                                                    \
            scales[r] = lanes[r] = scale == 0 ? 1 : scale;                                                        \
        }                                                                                                         \
        for (ptrdiff_t r = 0; r < n && to->kind != CN_OF_ROWS; r++) lanes[r] = scales[r * step];                  \
    }
SCALES_OF(double)
SCALES_OF(float)

static void make_scales(const cn_job *job, ptrdiff_t first, ptrdiff_t n, some_lanes *lanes)
{
    if (job->call->dtype == CN_F64)
        scales_of_double(&job->call->bytes, first, n, lanes->wide);
    else
        scales_of_float(&job->call->bytes, first, n, lanes->narrow);
}

/* That of one row. */
static double scale_of(const cn_job *job, ptrdiff_t row, double largest)
{
    double wide = largest;
    float narrow = (float)largest;
    if (job->call->dtype == CN_F64) {
        scales_of_double(&job->call->bytes, row, 1, &wide);
        return wide;
    }
    scales_of_float(&job->call->bytes, row, 1, &narrow);
    return narrow;
}

static void set_lane(const short_rows *of, some_lanes *lanes, ptrdiff_t r, double value)
{
    if (of->wide)
        lanes->wide[r] = value;
    else
        lanes->narrow[r] = (float)value;
}

/* The largest magnitudes of rows one behind the other at y. */
static void find_largest(const short_rows *of, const char *y, ptrdiff_t rows, some_lanes *lanes)
{
    if (of->n <= CN_SHORT_ROW) {
        of->k->largest_of_rows(y, rows, of->n, lanes);
        return;
    }
    for (ptrdiff_t r = 0; r < rows; r++)
        set_lane(of, lanes, r, of->k->largest(y + r * of->n * of->k->size, of->n));
}

/* Rows first, first + 1, ..., one behind the other at y, some at a time. */
static void quantize_short(const cn_job *job, ptrdiff_t first, ptrdiff_t count, const char *y)
{
    const short_rows of = {job->k, job->row, job->call->dtype == CN_F64};
    int8_t *q = (int8_t *)job->call->op[CN_Y].data;
    some_lanes lanes = {.wide = {0}};
    for (ptrdiff_t i = 0, some; i < count; i += some, y += some * of.n * of.k->size) {
        some = count - i < SOME ? count - i : SOME;
        if (job->call->bytes.kind == CN_OF_ROWS) find_largest(&of, y, some, &lanes);
        make_scales(job, first + i, some, &lanes);
        of.k->quantize_rows(y, some, of.n, &lanes, q + (first + i) * of.n);
    }
}

/* Rows first, first + step, ..., one behind the other at y. */
static void quantize_rows(const cn_job *job, ptrdiff_t first, ptrdiff_t step, ptrdiff_t count, const char *y)
{
    const cn_kernels *k = job->k;
    const ptrdiff_t n = job->row;
    int8_t *q = (int8_t *)job->call->op[CN_Y].data;
    if (n <= CN_QUANTIZED_ROW && step == 1 && k->quantize_rows) {
        quantize_short(job, first, count, y);
        return;
    }
    for (ptrdiff_t i = first; count > 0; i += step, count--, y += n * k->size) {
        const double largest = job->call->bytes.kind == CN_OF_ROWS ? k->largest(y, n) : 0;
        k->quantize(y, n, scale_of(job, i, largest), q + i * n);
    }
}

void cn_quantize_bundle(const cn_job *job, const cn_bundle *bundle, const char *y)
{
    const ptrdiff_t refined = job->plan.refined, step = bundle->columns.stride[CN_STAT];
    quantize_rows(job, bundle->offset[CN_STAT] / refined, step, bundle->columns.n / refined, y);
}

/* All rows in blocks. Of rows in pieces: first the largest magnitude of each, then, in the place of the first, the
 * scale of the row. */
typedef struct {
    const cn_job *job;
    cn_tiling tiling;
    double *found; /* by block, or NULL: blocks are whole rows */
} byte_pass;

static void largest_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const byte_pass *pass = context;
    const cn_job *job = pass->job;
    (void)thread;
    for (ptrdiff_t i = begin; i < end; i++) {
        const cn_block block = cn_tiling_block(&pass->tiling, i);
        pass->found[i] = job->k->largest(job->y + block.offset[CN_Y] * job->k->size, block.n);
    }
}

static void bytes_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const byte_pass *pass = context;
    const cn_job *job = pass->job;
    const ptrdiff_t pieces = pass->tiling.pieces;
    (void)thread;
    for (ptrdiff_t i = begin; i < end; i++) {
        const cn_block block = cn_tiling_block(&pass->tiling, i);
        const ptrdiff_t at = block.offset[CN_Y];
        const char *y = job->y + at * job->k->size;
        if (pass->found)
            job->k->quantize(y, block.n, pass->found[i - i % pieces], (int8_t *)job->call->op[CN_Y].data + at);
        else
            quantize_rows(job, block.offset[CN_STAT], 1, block.rows, y);
    }
}

/* Pieces to rows. NaN stays. */
static void merge_pieces(const byte_pass *pass)
{
    const ptrdiff_t pieces = pass->tiling.pieces;
    for (ptrdiff_t first = 0; first < pass->tiling.n_blocks; first += pieces) {
        double largest = 0;
        for (const double *one = pass->found + first; one < pass->found + first + pieces; one++)
            largest = *one > largest || isnan(*one) ? *one : largest;
        pass->found[first] = scale_of(pass->job, first / pieces, largest);
    }
}

cn_status cn_quantize_all(const cn_job *job)
{
    const ptrdiff_t rows = job->call->n_stats, n = job->row;
    cn_loops loops = {.n = 2, .loop = {{rows, {0}}, {n, {0}}}};
    byte_pass pass = {.job = job};
    loops.loop[0].stride[CN_STAT] = 1, loops.loop[0].stride[CN_Y] = n, loops.loop[1].stride[CN_Y] = 1;
    cn_make_tiling(&loops, NULL, 0, PIECE, &pass.tiling);
    if (pass.tiling.pieces > 1) {
        pass.found = malloc((size_t)pass.tiling.n_blocks * sizeof *pass.found);
        if (!pass.found) return CN_NO_MEMORY;
        if (job->call->bytes.kind == CN_OF_ROWS)
            cn_parallel(pass.tiling.n_blocks, job->threads, largest_task, &pass);
        merge_pieces(&pass);
    }
    cn_parallel(pass.tiling.n_blocks, job->threads, bytes_task, &pass);
    free(pass.found);
    return CN_OK;
}
