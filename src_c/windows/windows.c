/* windows.c: windows along an axis: which rows of which lines meet the kernel, block by block.
 *
 * A block is as long as a window, which is then a suffix of the block before and a prefix of its own (van Herk). A short
 * block is one of many that a tile holds; of a long one the states behind each tile are found first, from its end, and then
 * the suffixes of a tile once more beside its prefixes: what is stored stays in the cache however wide a window is.
 *
 * Infinite elements, and those whose differences may be, spoil no window but their own: where there are any, all is done
 * once more with what is infinite set to 0, x times 1/4, and the sums of the infinite beside it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dispatch/cpu.h"
#include "threads/threads.h"
#include "windows/lines.h"

/* Rows of a tile: what is stored of it stays in L2, the rows themselves in L1. */
#define TILE 128
#define ROWS (TILE * CN_ROW_LANES)

typedef struct {
    cn_lines lines;
    const cn_window *how;
    const cn_kernels *k;
    cn_window_kind kind; /* the kernel's */
    int careful;
    size_t scratch_size;
    char *scratch;
} window_job;

/* What a thread works with: doubles, then a state behind each tile of a block and, beside it, of the sums of infinities. */
typedef struct {
    int seen_large;
    cn_abreast abreast;
    cn_window_tile tile, infinite;
    cn_window_state before[2], scanned[2];
    double rows[2 * ROWS], spare[2 * ROWS]; /* spare: infinities; 0 elsewhere */
    double behind[4][ROWS], results[3][ROWS], tables[2][6 * TILE];
    cn_window_state checkpoints[][2];
} work;

static ptrdiff_t tiles_of(const window_job *job) { return (job->lines.block + TILE - 1) / TILE; }

static void open_tile(const window_job *job, work *w, cn_window_tile *t, int i)
{
    *t = (cn_window_tile){
        .window = job->lines.block, .blocks = 1, .tables_of = -1, .least = (double)job->how->least};
    t->kind = i ? CN_WINDOW_SUM : job->kind;
    t->correction = job->how->correction, t->eps = job->how->eps, t->spread = job->how->spread;
    t->tables = w->tables[i], t->scanned = &w->scanned[i], t->before = &w->before[i];
    t->count = w->behind[0], t->mean = w->behind[i ? 3 : 1], t->m2 = w->behind[2];
    t->results = w->results[i ? 2 : 0], t->second = w->results[1];
}

/* Have all lanes the elements that a tile without holes begins with? */
static int complete(const cn_window_tile *t)
{
    const ptrdiff_t behind = t->window - t->first - t->rows;
    int good = 1;
    for (int l = 0; l < CN_ROW_LANES; l++) {
        good &= !behind || t->behind->count[l] == (double)behind;
        good &= !t->x || !t->first || t->before->count[l] == (double)t->first;
    }
    return good;
}

/* Infinities of packed rows to the spare ones. */
static void set_apart(work *w, const double *rows, ptrdiff_t n)
{
    double *x = w->rows + (rows - w->rows), *spare = w->spare + (rows - w->rows);
    for (ptrdiff_t i = 0; i < n; i++) {
        const int apart = isinf(x[i]);
        spare[i] = apart ? x[i] : 0;
        x[i] = apart ? 0 : x[i];
    }
}

static void pack(const window_job *job, work *w, ptrdiff_t row, ptrdiff_t rows, double *to)
{
    const double sign = job->how->kind == CN_WINDOW_GREATEST ? -1 : 1;
    cn_pack_rows(&w->abreast, row, rows, job->careful ? 0.25 : sign, to);
    if (job->careful) set_apart(w, to, rows * CN_ROW_LANES);
}

/* The kernel over rows that are packed, and their infinities. */
static void run_tile(const window_job *job, work *w, ptrdiff_t earlier_rows)
{
    cn_window_tile *t = &w->tile;
    int seen = t->earlier ? job->k->look(t->earlier, earlier_rows) : 0;
    if (t->x) seen |= job->k->look(t->x, t->rows * t->blocks);
    const int pivoted = t->kind == CN_WINDOW_MEAN || t->kind == CN_WINDOW_MOMENTS;
    if (pivoted && (seen & CN_SEEN_LARGE) && !job->careful) w->seen_large = 1;
    t->holes = !t->earlier || (seen & CN_SEEN_NAN) || !complete(t);
    job->k->window(t);
    if (!job->careful) return;
    cn_window_tile *i = &w->infinite;
    i->earlier = t->earlier ? w->spare + (t->earlier - w->rows) : NULL;
    i->holes = !t->earlier;
    i->x = t->x ? w->spare + (t->x - w->rows) : NULL;
    i->rows = t->rows, i->blocks = t->blocks, i->first = t->first;
    i->behind = t->behind ? t->behind + 1 : NULL;
    job->k->window(i);
    for (ptrdiff_t j = 0; t->x && j < t->rows * t->blocks * CN_ROW_LANES; j++)
        if (i->results[j] != 0 && !isnan(t->results[j])) t->results[j] = i->results[j], t->second[j] = NAN;
}

static void unpack(const window_job *job, work *w, ptrdiff_t row, ptrdiff_t rows)
{
    const double sign = job->how->kind == CN_WINDOW_GREATEST ? -1 : 1;
    cn_unpack_rows(&w->abreast, 0, row, rows, job->how->forward, job->careful ? 4 : sign, w->tile.results);
    if (job->kind != CN_WINDOW_MOMENTS) return;
    const double by[] = {[CN_SPREAD_VAR] = 16, [CN_SPREAD_STD] = 4, [CN_SPREAD_SCALE] = 0.25};
    cn_unpack_rows(&w->abreast, 1, row, rows, job->how->forward, job->careful ? by[job->how->spread] : 1,
                   w->tile.second);
}

/* Blocks of which a tile holds several. */
static void short_blocks(const window_job *job, work *w)
{
    cn_window_tile *t = &w->tile;
    const ptrdiff_t rows = job->lines.block, most = TILE / rows;
    t->rows = rows, t->first = 0, t->earlier = w->rows, t->x = w->rows + rows * CN_ROW_LANES;
    pack(job, w, -rows, rows, w->rows);
    for (ptrdiff_t b = 0; b < job->lines.blocks; b += most) {
        t->blocks = most < job->lines.blocks - b ? most : job->lines.blocks - b;
        pack(job, w, b * rows, t->blocks * rows, w->rows + rows * CN_ROW_LANES);
        run_tile(job, w, rows);
        unpack(job, w, b * rows, t->blocks * rows);
        const ptrdiff_t from = t->blocks * rows * CN_ROW_LANES;
        memmove(w->rows, w->rows + from, (size_t)(rows * CN_ROW_LANES) * sizeof(double));
        if (job->careful) memmove(w->spare, w->spare + from, (size_t)(rows * CN_ROW_LANES) * sizeof(double));
    }
}

/* A block of several tiles, of which row `row` is the first. */
static void long_block(const window_job *job, work *w, ptrdiff_t row)
{
    cn_window_tile *t = &w->tile;
    const ptrdiff_t block = job->lines.block, tiles = tiles_of(job);
    int begins = row == 0;
    for (int l = 0; l < CN_ROW_LANES; l++) begins &= w->abreast.first[l] == 0;
    t->earlier = begins ? NULL : w->rows;
    for (ptrdiff_t i = tiles - 1; i >= 0 && !begins; i--) {
        t->first = i * TILE, t->rows = TILE < block - t->first ? TILE : block - t->first;
        t->x = NULL, t->behind = w->checkpoints[i];
        if (i == 0) break;
        pack(job, w, row - block + t->first, t->rows, w->rows);
        run_tile(job, w, t->rows);
        memcpy(w->checkpoints[i - 1], w->scanned, sizeof w->scanned);
    }
    for (ptrdiff_t i = 0; i < tiles; i++) {
        t->first = i * TILE, t->rows = TILE < block - t->first ? TILE : block - t->first;
        t->x = w->rows + ROWS, t->behind = w->checkpoints[i];
        if (!begins) pack(job, w, row - block + t->first, t->rows, w->rows);
        pack(job, w, row + t->first, t->rows, w->rows + ROWS);
        run_tile(job, w, t->rows);
        unpack(job, w, row + t->first, t->rows);
    }
}

static void window_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const window_job *job = context;
    work *w = (work *)(void *)(job->scratch + (size_t)thread * job->scratch_size);
    for (ptrdiff_t strip = begin; strip < end && !w->seen_large; strip++) {
        cn_take_abreast(&job->lines, strip, &w->abreast);
        open_tile(job, w, &w->tile, 0);
        open_tile(job, w, &w->infinite, 1);
        if (job->lines.block <= TILE)
            short_blocks(job, w);
        else
            for (ptrdiff_t b = 0; b < job->lines.blocks; b++) long_block(job, w, b * job->lines.block);
    }
}

static int run_all(window_job *job, int threads)
{
    int seen = 0;
    for (int i = 0; i < threads; i++)
        ((work *)(void *)(job->scratch + (size_t)i * job->scratch_size))->seen_large = 0;
    cn_parallel(job->lines.strips, threads, window_task, job);
    for (int i = 0; i < threads; i++)
        seen |= ((work *)(void *)(job->scratch + (size_t)i * job->scratch_size))->seen_large;
    return seen;
}

cn_status cn_windows(const cn_call *call, int axis, const cn_window *how)
{
    window_job job = {.how = how, .k = cn_kernels_of(CN_F64)};
    ptrdiff_t size = 1;
    for (int i = 0; i < call->ndim; i++) size *= call->shape[i];
    int threads = cn_threads_for(size);
    cn_make_lines(&job.lines, call, axis, how->window, how->forward, threads, 0);
    job.lines.all.of = how->x, job.lines.all.floats = how->floats;
    job.kind = how->kind == CN_WINDOW_GREATEST ? CN_WINDOW_LEAST : how->kind;
    job.scratch_size = (sizeof(work) + (size_t)tiles_of(&job) * sizeof(cn_window_state[2]) + 63) / 64 * 64;
    job.scratch = malloc(job.scratch_size * (size_t)threads);
    if (!job.scratch) return CN_NO_MEMORY;
    if (run_all(&job, threads)) job.careful = 1, run_all(&job, threads);
    free(job.scratch);
    return CN_OK;
}
