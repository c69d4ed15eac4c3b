/* decayed.c: exponentially weighted moments along an axis: the rows of eight lines after each other to the kernel. */
#include <stdlib.h>
#include <string.h>

#include "dispatch/cpu.h"
#include "threads/threads.h"
#include "windows/lines.h"

#define TILE 128

typedef struct {
    cn_lines lines;
    const cn_decay *how;
    const cn_kernels *k;
} decay_job;

static void decay_eight(const decay_job *job, const cn_abreast *a)
{
    double rows[3][TILE * CN_ROW_LANES];
    cn_decay_tile t = {.x = rows[0], .mean = rows[1], .var = rows[2], .alpha = job->how->alpha};
    t.adjust = job->how->adjust, t.least = (double)job->how->least;
    for (ptrdiff_t row = 0; row < a->length; row += t.rows) {
        t.rows = TILE < a->length - row ? TILE : a->length - row;
        cn_pack_rows(a, 1, row, t.rows, 1, rows[0], 0);
        job->k->decay(&t);
        for (int i = 0; i < 2; i++) cn_unpack_rows(a, 1, i, row, t.rows, 0, 1, rows[i + 1], 0);
    }
}

static void decay_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const decay_job *job = context;
    (void)thread;
    for (ptrdiff_t strip = begin; strip < end; strip++) {
        cn_abreast a[CN_MOST_EIGHTS];
        const int eights = cn_take_abreast(&job->lines, strip, a);
        for (int e = 0; e < eights; e++) decay_eight(job, &a[e]);
    }
}

cn_status cn_decayed(const cn_call *call, int axis, const cn_decay *how)
{
    decay_job job = {.how = how, .k = cn_kernels_of(CN_F64)};
    ptrdiff_t size = 1;
    for (int i = 0; i < call->ndim; i++) size *= call->shape[i];
    const int threads = cn_threads_for(size);
    cn_make_lines(&job.lines, call, axis, call->shape[axis], 0, threads, 1);
    job.lines.all.of = how->x, job.lines.all.floats = how->floats;
    cn_parallel(job.lines.strips, threads, decay_task, &job);
    return CN_OK;
}
