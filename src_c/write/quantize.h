/* quantize.h: rows of y to signed bytes and their scales. */
#ifndef CN_QUANTIZE_H
#define CN_QUANTIZE_H

#include "job/job.h"

struct cn_rows {
    const cn_kernels *k;
    cn_int8 to;
    cn_dtype dtype;
    ptrdiff_t n, size; /* elements of a row, bytes of one */
    char *y;           /* all rows, or a bundle for each thread, y_bytes apart */
    ptrdiff_t y_bytes;
};

/* y of a call as C-ordered rows, a group each: `own` is the call with them as its operand Y, data not set. */
cn_rows cn_rows_of(const cn_call *call, cn_call *own);

/* Rows first ... first + count - 1, that lie at y. */
void cn_quantize_rows(const cn_rows *rows, ptrdiff_t first, ptrdiff_t count, const char *y);

/* All rows, on several threads. */
cn_status cn_quantize_all(cn_rows *rows, ptrdiff_t count, int threads);

#endif
