/* decayed.c: exponentially weighted moments along an axis: the rows of lines abreast, in order, to the kernel.
 *
 * As long as no lane has a hole all have the same weights, and the shares of a row are found once; an eight that had one
 * has weights of its own to the end of its lines. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dispatch/cpu.h"
#include "threads/threads.h"
#include "windows/lines.h"

/* Rows of a tile of one eight, and of all eights of a strip: they stay in L1. */
#define TILE 256

typedef struct {
    cn_lines lines;
    const cn_decay *how;
    const cn_kernels *k;
    ptrdiff_t most; /* rows of a tile */
    size_t scratch_size;
    char *scratch;
} decay_job;

/* What a thread works with. */
typedef struct {
    cn_abreast abreast[CN_MOST_EIGHTS];
    _Alignas(64) cn_decay_state state[CN_MOST_EIGHTS];
    double shares[TILE], rests[TILE], few[TILE];
    double weight, count; /* of all lanes that had no hole */
    int eights, holed[CN_MOST_EIGHTS];
    double *rows[3];
} work;

static void begin_lines(work *w)
{
    memset(w->state, 0, sizeof w->state), memset(w->holed, 0, sizeof w->holed);
    w->weight = w->count = 0;
}

/* By the operations of lanes with holes. */
static void find_shares(const decay_job *job, work *w, ptrdiff_t rows)
{
    const double factor = 1 - job->how->alpha, own = job->how->adjust ? 1 : job->how->alpha;
    for (ptrdiff_t j = 0; j < rows; j++) {
        const double old = w->weight * factor, total = old + own;
        w->shares[j] = own / total, w->rests[j] = old / total;
        w->weight = job->how->adjust ? total : 1;
        w->count += 1;
        w->few[j] = w->count < (double)job->how->least ? NAN : 0;
    }
}

/* Which eights have holes from now on; weights of lanes that had none so far. */
static void look(const decay_job *job, work *w, ptrdiff_t rows, ptrdiff_t apart)
{
    if (!job->k->look(w->rows[0], rows, w->eights, apart)) return;
    for (int e = 0; e < w->eights; e++) {
        if (w->holed[e] || !job->k->look(w->rows[0] + e * apart, rows, 1, 0)) continue;
        w->holed[e] = 1;
        for (int l = 0; l < CN_ROW_LANES; l++) w->state[e].weight[l] = w->weight, w->state[e].count[l] = w->count;
    }
}

static void decay_rows(const decay_job *job, work *w, ptrdiff_t row, ptrdiff_t rows)
{
    const ptrdiff_t apart = job->most * CN_ROW_LANES;
    cn_decay_tile t = {.rows = rows, .apart = apart, .alpha = job->how->alpha, .adjust = job->how->adjust};
    t.least = (double)job->how->least;
    t.shares = w->shares, t.rests = w->rests, t.few = w->few;
    cn_pack_rows(w->abreast, w->eights, row, rows, 1, w->rows[0], apart);
    look(job, w, rows, apart);
    find_shares(job, w, rows);
    for (int e = 0; e < w->eights; e += t.eights) {
        t.holes = w->holed[e], t.state = w->state + e;
        t.x = w->rows[0] + e * apart, t.mean = w->rows[1] + e * apart, t.var = w->rows[2] + e * apart;
        for (t.eights = 1; e + t.eights < w->eights && w->holed[e + t.eights] == t.holes;) t.eights++;
        job->k->decay(&t);
    }
    for (int i = 0; i < 2; i++) cn_unpack_rows(w->abreast, w->eights, i, row, rows, 0, 1, w->rows[i + 1], apart);
}

static void decay_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const decay_job *job = context;
    work *w = (work *)(void *)(job->scratch + (size_t)thread * job->scratch_size);
    const ptrdiff_t length = job->lines.all.length;
    for (int i = 0; i < 3; i++) w->rows[i] = (double *)(w + 1) + i * job->lines.eights * job->most * CN_ROW_LANES;
    for (ptrdiff_t strip = begin; strip < end; strip++) {
        w->eights = cn_take_abreast(&job->lines, strip, w->abreast);
        begin_lines(w);
        for (ptrdiff_t row = 0; row < length; row += job->most)
            decay_rows(job, w, row, job->most < length - row ? job->most : length - row);
    }
}

cn_status cn_decayed(const cn_call *call, int axis, const cn_decay *how)
{
    decay_job job;
    cn_clear_lines(&job.lines);
    job.how = how, job.k = cn_kernels_of(CN_F64);
    ptrdiff_t size = 1;
    for (int i = 0; i < call->ndim; i++) size *= call->shape[i];
    const int threads = cn_threads_for(size);
    cn_make_lines(&job.lines, call, axis, call->shape[axis], 0, threads, 1);
    job.lines.all.k = job.k, job.lines.all.of = how->x, job.lines.all.floats = how->floats;
    job.most = TILE / job.lines.eights < call->shape[axis] ? TILE / job.lines.eights : call->shape[axis];
    const size_t doubles = (size_t)(3 * job.lines.eights * job.most * CN_ROW_LANES);
    job.scratch_size = (sizeof(work) + doubles * sizeof(double) + 63) / 64 * 64;
    char *scratch = malloc(job.scratch_size * (size_t)threads + 63);
    if (!scratch) return CN_NO_MEMORY;
    job.scratch = scratch + (64 - (uintptr_t)scratch % 64) % 64;
    cn_parallel(job.lines.strips, threads, decay_task, &job);
    free(scratch);
    return CN_OK;
}
