/* quantize.c: rows of y to signed bytes and their scales. */
#include "write/quantize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dispatch/cpu.h"
#include "threads/threads.h"

/* Rows longer than two of them are cut into pieces where they are too few for the threads. */
#define PIECE (64 * 1024)

/* Not the whole struct: it has room for CN_MAXDIM axes, 4 KB. */
static void copy_call(cn_call *to, const cn_call *from)
{
    const size_t bytes = (size_t)from->ndim * sizeof(ptrdiff_t);
    to->ndim = from->ndim, to->dtype = from->dtype, to->n_stats = from->n_stats;
    memcpy(to->shape, from->shape, bytes);
    for (int o = 0; o < CN_NOPERANDS; o++) {
        to->op[o].data = from->op[o].data;
        memcpy(to->op[o].strides, from->op[o].strides, bytes);
    }
    to->moments = from->moments, to->activation = from->activation, to->bytes = from->bytes;
    to->add[0] = from->add[0], to->add[1] = from->add[1];
}

cn_rows cn_rows_of(const cn_call *call, cn_call *own)
{
    const cn_kernels *k = cn_kernels_of(call->dtype);
    cn_rows rows = {k, call->bytes, call->dtype, 1, k->size, NULL, 0};
    copy_call(own, call);
    ptrdiff_t *y = own->op[CN_Y].strides;
    const ptrdiff_t *stat = call->op[CN_STAT].strides;
    for (int axis = call->ndim - 1; axis >= 0; axis--) {
        if (stat[axis]) continue;
        y[axis] = rows.n * rows.size;
        rows.n *= call->shape[axis];
    }
    for (int axis = 0; axis < call->ndim; axis++)
        if (stat[axis]) y[axis] = stat[axis] * rows.n * rows.size;
    return rows;
}

/* The scale of a row: given, or made of its largest magnitude. */
static double scale_of(const cn_rows *rows, ptrdiff_t row, double largest)
{
    if (rows->to.kind == CN_SCALE_GIVEN) row = 0;
    double *wide = (double *)rows->to.scales + row;
    float *narrow = (float *)rows->to.scales + row;
    if (rows->to.kind == CN_OF_ROWS && rows->dtype == CN_F64)
        *wide = largest / 127 == 0 ? 1 : largest / 127;
    else if (rows->to.kind == CN_OF_ROWS)
        *narrow = (float)largest / 127 == 0 ? 1 : (float)largest / 127;
    return rows->dtype == CN_F64 ? *wide : *narrow;
}

void cn_quantize_rows(const cn_rows *rows, ptrdiff_t first, ptrdiff_t count, const char *y)
{
    for (ptrdiff_t i = first; i < first + count; i++, y += rows->n * rows->size) {
        double largest = rows->to.kind == CN_OF_ROWS ? rows->k->largest(y, rows->n) : 0;
        rows->k->quantize(y, rows->n, scale_of(rows, i, largest), rows->to.q + i * rows->n);
    }
}

static void rows_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cn_rows *rows = context;
    (void)thread;
    cn_quantize_rows(rows, begin, end - begin, rows->y + begin * rows->n * rows->size);
}

/* Long rows: piece i of all. */
typedef struct {
    const cn_rows *rows;
    ptrdiff_t pieces;
    double *largest, *scale;
} cut_rows;

static ptrdiff_t piece_of(const cut_rows *cut, ptrdiff_t i, ptrdiff_t *first)
{
    const ptrdiff_t n = cut->rows->n, start = i % cut->pieces * PIECE;
    *first = i / cut->pieces * n + start;
    return n - start < PIECE ? n - start : PIECE;
}

static void largest_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cut_rows *cut = context;
    ptrdiff_t first;
    (void)thread;
    for (ptrdiff_t i = begin; i < end; i++) {
        ptrdiff_t n = piece_of(cut, i, &first);
        cut->largest[i] = cut->rows->k->largest(cut->rows->y + first * cut->rows->size, n);
    }
}

static void pieces_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cut_rows *cut = context;
    ptrdiff_t first;
    (void)thread;
    for (ptrdiff_t i = begin; i < end; i++) {
        ptrdiff_t n = piece_of(cut, i, &first);
        const char *y = cut->rows->y + first * cut->rows->size;
        cut->rows->k->quantize(y, n, cut->scale[i / cut->pieces], cut->rows->to.q + first);
    }
}

cn_status cn_quantize_all(cn_rows *rows, ptrdiff_t count, int threads)
{
    if (rows->n <= 2 * PIECE || count >= 2 * threads) {
        cn_parallel(count, threads, rows_task, rows);
        return CN_OK;
    }
    cut_rows cut = {rows, (rows->n + PIECE - 1) / PIECE, NULL, NULL};
    const ptrdiff_t all = count * cut.pieces;
    cut.largest = malloc((size_t)(all + count) * sizeof *cut.largest);
    if (!cut.largest) return CN_NO_MEMORY;
    cut.scale = cut.largest + all;
    if (rows->to.kind == CN_OF_ROWS) cn_parallel(all, threads, largest_task, &cut);
    for (ptrdiff_t r = 0; r < count; r++) {
        double largest = 0;
        for (ptrdiff_t i = r * cut.pieces; i < (r + 1) * cut.pieces && rows->to.kind == CN_OF_ROWS; i++)
            largest = cut.largest[i] > largest || isnan(cut.largest[i]) ? cut.largest[i] : largest;
        cut.scale[r] = scale_of(rows, r, largest);
    }
    cn_parallel(all, threads, pieces_task, &cut);
    free(cut.largest);
    return CN_OK;
}
