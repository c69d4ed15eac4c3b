/* multiply.c: an array times a number for each channel: rows, many short ones as one, to threads. */
#include "dispatch/cpu.h"
#include "threads/threads.h"
#include "verbs/derived.h"

/* Elements of a piece: a page of memory at least. */
#define PIECE 4096
/* Rows of fewer elements are taken together, up to so many elements, each by a number of its own. */
#define SHORT_ROW 64
#define AT_ONCE 512

/* Some rows from `first` on, below `last`, as one; how many. */
static ptrdiff_t multiply_some(const cn_product *of, const cn_kernels *k, ptrdiff_t first, ptrdiff_t last)
{
    double memory[AT_ONCE];
    const ptrdiff_t n = of->inner, at = first * n * k->size;
    ptrdiff_t c = first % of->channels, most = n == 1 ? of->channels - c : n < SHORT_ROW ? AT_ONCE / n : 1;
    const ptrdiff_t rows = last - first < most ? last - first : most;
    const int repeated = n > 1 && n < SHORT_ROW;
    const double *by = repeated ? memory : of->by + c;
    for (ptrdiff_t r = 0; r < rows && repeated; r++, c = c + 1 < of->channels ? c + 1 : 0)
        for (ptrdiff_t j = 0; j < n; j++) memory[r * n + j] = of->by[c];
    k->multiply(of->x + at, by, n < SHORT_ROW, of->y + at, rows * n);
    return rows;
}

static ptrdiff_t rows_of_piece(const cn_product *of) { return of->inner < PIECE ? PIECE / of->inner : 1; }

static void multiply_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cn_product *of = context;
    const cn_kernels *k = cn_kernels_of(of->dtype);
    const ptrdiff_t piece = rows_of_piece(of), all = of->outer * of->channels;
    const ptrdiff_t last = end * piece < all ? end * piece : all;
    for (ptrdiff_t r = begin * piece; r < last;) r += multiply_some(of, k, r, last);
    (void)thread;
}

void cn_multiply_here(const cn_product *of)
{
    const cn_kernels *k = cn_kernels_of(of->dtype);
    const ptrdiff_t rows = of->outer * of->channels;
    for (ptrdiff_t r = 0; r < rows;) r += multiply_some(of, k, r, rows);
}

void cn_multiply(const cn_product *of)
{
    const ptrdiff_t rows = of->outer * of->channels, piece = rows_of_piece(of);
    cn_parallel((rows + piece - 1) / piece, cn_threads_for(rows * of->inner), multiply_task, (void *)of);
}
