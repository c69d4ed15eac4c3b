/* channels.c: an array times a number for each channel: rows, many short ones as one, to threads; and norms of running statistics,
 * made those numbers and what is added, a piece of the channels at a time, and folded into a layer's weight and bias. */
#include "dispatch/cpu.h"
#include "threads/threads.h"
#include "verbs/derived.h"

/* Elements of a piece: a page of memory at least. */
#define PIECE 4096
/* Rows of fewer elements are taken together, up to so many elements, each by a number of its own; and channels of a piece: their
 * numbers stay in L1. */
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
    double *to = memory;
    for (ptrdiff_t r = 0; r < rows && repeated; r++, c = c + 1 < of->channels ? c + 1 : 0) {
        const double one = of->by[c]; /* as far as the compiler knows a store may change it */
        for (const double *end = to + n; to < end; to++) *to = one;
    }
    k->multiply(of->x + at, by, n < SHORT_ROW, of->y + at, rows * n);
    return rows;
}

static ptrdiff_t rows_of_piece(const cn_product *of) { return of->inner < PIECE ? PIECE / of->inner : 1; }

static void multiply_rows(const cn_product *of, ptrdiff_t first, ptrdiff_t last)
{
    const cn_kernels *k = cn_kernels_of(of->dtype);
    while (first < last) first += multiply_some(of, k, first, last);
}

static void multiply_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cn_product *of = context;
    const ptrdiff_t piece = rows_of_piece(of), all = of->outer * of->channels;
    multiply_rows(of, begin * piece, end * piece < all ? end * piece : all);
    (void)thread;
}

void cn_multiply(const cn_product *of)
{
    const ptrdiff_t rows = of->outer * of->channels, piece = rows_of_piece(of);
    cn_parallel((rows + piece - 1) / piece, cn_threads_for(rows * of->inner), multiply_task, (void *)of);
}

typedef struct {
    float mean[AT_ONCE], var[AT_ONCE], weight[AT_ONCE], bias[AT_ONCE], before[AT_ONCE];
} lanes;

/* A parameter from a channel on, as lanes: where it is, or there. */
static const char *as_lanes(const char *data, const cn_kernels *k, ptrdiff_t first, ptrdiff_t n, float *there)
{
    if (!data) return NULL;
    if (k->size == k->param_size) return data + first * k->size;
    k->widen(data + first * k->size, (char *)there, n);
    return (const char *)there;
}

/* Scale and shift of at most AT_ONCE channels. */
static void find_form(const cn_channels *of, ptrdiff_t first, ptrdiff_t n, double *scale, double *shift)
{
    const cn_kernels *k = cn_kernels_of(of->dtype);
    lanes there;
    const cn_channels some = {
        .dtype = of->dtype == CN_F64 ? CN_F64 : CN_F32,
        .mean = as_lanes(of->mean, k, first, n, there.mean),
        .var = as_lanes(of->var, k, first, n, there.var),
        .weight = as_lanes(of->weight, k, first, n, there.weight),
        .bias = as_lanes(of->bias, k, first, n, there.bias),
        .before = as_lanes(of->before, k, first, n, there.before),
        .eps = of->eps,
    };
    cn_kernels_of(some.dtype)->affine_form(&some, n, scale, shift);
}

void cn_affine_form(const cn_channels *of, ptrdiff_t n, double *scale, double *shift)
{
    for (ptrdiff_t first = 0; first < n; first += AT_ONCE)
        find_form(of, first, n - first < AT_ONCE ? n - first : AT_ONCE, scale + first, shift + first);
}

/* The shift of some channels, and their scale. */
static void put_shift(const cn_absorption *of, ptrdiff_t first, ptrdiff_t n, double *scale)
{
    const cn_kernels *k = cn_kernels_of(of->dtype);
    double shift[AT_ONCE];
    find_form(&of->norm, first, n, scale, shift);
    k->round_doubles(shift, of->shift + first * k->size, n);
}

static ptrdiff_t channels_of_piece(const cn_absorption *of)
{
    const ptrdiff_t n = rows_of_piece(&of->weight);
    return n < AT_ONCE ? n : AT_ONCE;
}

/* Channels that are rows of the weight. */
static void absorb_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cn_absorption *of = context;
    const ptrdiff_t piece = channels_of_piece(of), row = of->weight.inner * cn_kernels_of(of->weight.dtype)->size;
    const ptrdiff_t last = end * piece < of->weight.channels ? end * piece : of->weight.channels;
    for (ptrdiff_t first = begin * piece, n; first < last; first += n) {
        double scale[AT_ONCE];
        cn_product some = of->weight;
        n = last - first < piece ? last - first : piece;
        put_shift(of, first, n, scale);
        some.x += first * row, some.y += first * row, some.by = scale, some.channels = n;
        multiply_rows(&some, 0, n);
    }
    (void)thread;
}

void cn_absorb(const cn_absorption *of)
{
    const ptrdiff_t n = of->weight.channels, piece = channels_of_piece(of);
    if (of->weight.outer == 1) {
        cn_parallel((n + piece - 1) / piece, cn_threads_for(n * of->weight.inner), absorb_task, (void *)of);
        return;
    }
    cn_product all = of->weight;
    all.by = of->scales;
    for (ptrdiff_t first = 0; first < n; first += AT_ONCE)
        put_shift(of, first, n - first < AT_ONCE ? n - first : AT_ONCE, of->scales + first);
    cn_multiply(&all);
}
