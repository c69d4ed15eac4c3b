/* windows.c: windows along an axis: which rows of which lines meet the kernel, block by block.
 *
 * A block is as long as a window, which is then a suffix of the block before and a prefix of its own (van Herk). A
 * short block is one of many that a tile holds. Of a long one what stands behind each tile is joined, from its end, of
 * what the tiles hold, which is found while they are read as prefixes; then the suffixes of a tile are scanned beside
 * the prefixes of the next block: what is stored stays in the cache however wide a window is.
 *
 * Infinite elements, and those whose differences may be, spoil no window but their own: where there are any, all is
 * done once more with what is infinite set to 0, x times 1/4, and the sums of the infinite beside it. */
#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dispatch/cpu.h"
#include "threads/threads.h"
#include "windows/join.h"
#include "windows/lines.h"

/* Rows of a tile, at most: what is stored of the eights of a strip stays in L2, the rows of one in L1. */
#define TILE 128
#define ROWS (TILE * CN_ROW_LANES)
/* Doubles beside the rows of an eight, which would lie whole pages apart else. */
#define BESIDE CN_ROW_LANES

typedef struct {
    cn_lines lines;
    const cn_window *how;
    const cn_kernels *k;
    cn_window_kind kind; /* the kernel's */
    int careful;
    ptrdiff_t kept, most, apart; /* rows of the block before, rows of a tile, doubles from an eight to the next */
    size_t scratch_size;
    char *scratch;
} window_job;

/* What a tile of an eight holds, or what stands behind one; beside it, of the sums of infinities. */
typedef cn_window_state held[2];

/* What a thread works with. */
typedef struct {
    int seen_large, eights;
    cn_abreast *abreast;
    cn_window_tile tile, infinite, total;
    held *before, scanned; /* before: of eights */
    double *behind[4], *tables[3];
    double *rows, *spare; /* of eights: those of the block before, then of a tile; infinities, 0 elsewhere */
    double *results[2], *of_spare; /* of eights, of one */
    double *elements;              /* of eights: what is standardized */
    held
        *checkpoints; /* of each tile of a block, of each eight: first what it holds, then what stands behind it */
} work;

static ptrdiff_t tiles_of(const window_job *job) { return (job->lines.block + TILE - 1) / TILE; }

static held *checkpoint(const window_job *job, const work *w, ptrdiff_t tile, int e)
{
    return &w->checkpoints[tile * job->lines.eights + e];
}

static void open_tile(const window_job *job, work *w, cn_window_tile *t, int i)
{
    *t = (cn_window_tile){
        .window = job->lines.block, .blocks = 1, .eights = 1, .tables_of = -1, .least = (double)job->how->least};
    t->kind = i ? CN_WINDOW_SUM : job->kind;
    t->correction = job->how->correction, t->spread = job->how->spread, t->eps_mode = job->how->eps_mode;
    const double by = t->eps_mode == CN_EPS_INSIDE ? 0.0625 : 0.25; /* variances are times 1/16, deviations 1/4 */
    t->eps = job->how->eps * (job->careful ? by : 1);
    const int scaled = t->spread == CN_SPREAD_SCALE && t->eps_mode != CN_EPS_OUTSIDE;
    t->near = job->how->floats && !job->careful && (scaled || t->spread == CN_SPREAD_STD);
    t->apart = job->apart, t->tables = w->tables[i], t->scanned = &w->scanned[i];
    t->count = w->behind[0], t->mean = w->behind[i ? 3 : 1], t->m2 = w->behind[2];
}

/* What a tile holds is the suffix of a window of its own. */
static void open_total(const window_job *job, work *w)
{
    w->total =
        (cn_window_tile){.blocks = 1, .eights = 1, .kind = job->kind, .tables_of = -1, .tables = w->tables[2]};
}

/* Have all lanes the elements that a tile without holes begins with? */
static int complete(const cn_window_tile *t)
{
    const ptrdiff_t behind = t->begins ? 0 : t->window - t->first - t->rows;
    int good = 1;
    for (int l = 0; l < CN_ROW_LANES; l++) {
        good &= !behind || t->behind->count[l] == (double)behind;
        good &= !t->first || t->before->count[l] == (double)t->first;
    }
    return good;
}

/* Infinities of packed rows to the spare ones. */
static void set_apart(double *x, double *spare, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        const int apart = isinf(x[i]);
        spare[i] = apart ? x[i] : 0;
        x[i] = apart ? 0 : x[i];
    }
}

/* Rows of all eights, put `at` so many of theirs; which of them hold NaN is seen. */
static void pack(const window_job *job, work *w, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t at, int nan[])
{
    const cn_window_kind asked = job->how->kind;
    const double sign = asked == CN_WINDOW_GREATEST || asked == CN_WINDOW_GREATEST_AT ? -1 : 1;
    const int pivoted = job->kind == CN_WINDOW_MEAN || job->kind == CN_WINDOW_MOMENTS;
    at *= CN_ROW_LANES;
    cn_pack_rows(w->abreast, w->eights, row, rows, job->careful ? 0.25 : sign, w->rows + at, job->apart);
    for (int e = 0; e < w->eights && job->careful; e++)
        set_apart(w->rows + at + e * job->apart, w->spare + at + e * job->apart, rows * CN_ROW_LANES);
    const int all = job->k->look(w->rows + at, rows, w->eights, job->apart);
    if (pivoted && (all & CN_SEEN_LARGE) && !job->careful) w->seen_large = 1;
    for (int e = 0; e < w->eights; e++, at += job->apart)
        nan[e] = all & CN_SEEN_NAN && (w->eights == 1 || job->k->look(w->rows + at, rows, 1, 0) & CN_SEEN_NAN);
}

/* The infinities of a tile: the windows that hold any are what they sum up to. */
static void run_infinite(work *w, const cn_kernels *k, int e)
{
    const cn_window_tile *t = &w->tile;
    cn_window_tile *i = &w->infinite;
    i->earlier = w->spare + (t->earlier - w->rows), i->x = w->spare + (t->x - w->rows);
    i->results = w->of_spare, i->begins = t->begins;
    i->rows = t->rows, i->blocks = t->blocks, i->first = t->first;
    i->behind = t->behind ? t->behind + 1 : NULL, i->before = &w->before[e][1];
    k->window(i);
    for (ptrdiff_t j = 0; j < t->rows * t->blocks * CN_ROW_LANES; j++)
        if (i->results[j] != 0 && !isnan(t->results[j])) t->results[j] = i->results[j], t->second[j] = NAN;
}

/* The kernel over rows of eights from e on that are packed, behind rows of the block before. */
static void run_tile(const window_job *job, work *w, int e, int eights, int nan)
{
    cn_window_tile *t = &w->tile;
    const ptrdiff_t at = e * job->apart;
    t->eights = eights;
    t->earlier = w->rows + at, t->x = w->rows + at + job->kept * CN_ROW_LANES;
    t->results = w->results[0] + at, t->second = w->results[1] + at;
    t->before = &w->before[e][0];
    t->holes = nan || !complete(t);
    job->k->window(t);
    if (job->careful) run_infinite(w, job->k, e);
}

/* What a power of two makes of a spread when all is done with x times 1/4. */
static double by_of(const window_job *job)
{
    static const double by[] = {[CN_SPREAD_VAR] = 16, [CN_SPREAD_STD] = 4, [CN_SPREAD_SCALE] = 0.25};
    return job->careful ? by[job->how->spread] : 1;
}

/* The elements whose windows end at these rows, in place of the means; they are packed again where they do not stand in the
 * tile as they are. */
static void standardize(const window_job *job, work *w, ptrdiff_t row, ptrdiff_t rows)
{
    const ptrdiff_t back = job->how->forward;
    cn_standard_rows s = {.rows = rows, .floats = job->how->floats, .by_scale = by_of(job)};
    s.by_mean = job->careful ? 4 : 1;
    if (back || job->careful) cn_pack_rows(w->abreast, w->eights, row - back, rows, 1, w->elements, job->apart);
    const double *x = back || job->careful ? w->elements : w->rows + job->kept * CN_ROW_LANES;
    for (ptrdiff_t at = 0; at < w->eights * job->apart; at += job->apart) {
        s.x = x + at, s.mean = w->results[0] + at, s.scale = w->results[1] + at;
        s.y = w->results[0] + at;
        job->k->standardize(&s);
    }
}

static void unpack(const window_job *job, work *w, ptrdiff_t row, ptrdiff_t rows)
{
    const cn_window_kind asked = job->how->kind;
    const double sign = asked == CN_WINDOW_GREATEST ? -1 : 1;
    const double by[] = {job->careful && asked != CN_WINDOW_STANDARD ? 4 : sign, by_of(job)};
    for (int i = 0; i < (asked == CN_WINDOW_MOMENTS ? 2 : 1); i++)
        cn_unpack_rows(w->abreast, w->eights, i, row, rows, job->how->forward, by[i], w->results[i], job->apart);
}

/* The last `rows` of so many become the first: before results are written, as it would wait for stores past the cache. */
static void keep_last(const window_job *job, work *w, ptrdiff_t last, ptrdiff_t rows)
{
    const size_t size = (size_t)(rows * CN_ROW_LANES) * sizeof(double);
    for (int e = 0; e < w->eights; e++) {
        double *to = w->rows + e * job->apart, *spare = w->spare + e * job->apart;
        memmove(to, to + last * CN_ROW_LANES, size);
        if (job->careful) memmove(spare, spare + last * CN_ROW_LANES, size);
    }
}

/* Do all lanes begin where their lines do? */
static int begin(const cn_abreast *a)
{
    int at_begin = 1;
    for (int l = 0; l < (a->at_one_row ? 1 : CN_ROW_LANES); l++) at_begin &= a->first[l] == 0;
    return at_begin;
}

/* Rows of lanes up to the end of the longest. */
static ptrdiff_t rows_of(const cn_abreast *a)
{
    ptrdiff_t most = a->end[0] - a->first[0];
    for (int l = 1; l < (a->at_one_row ? 1 : a->n); l++)
        if (a->end[l] - a->first[l] > most) most = a->end[l] - a->first[l];
    return most;
}

/* Blocks of which a tile holds several. */
static void short_blocks(const window_job *job, work *w)
{
    cn_window_tile *t = &w->tile;
    const ptrdiff_t rows = job->lines.block, most = job->most / rows;
    int before[CN_MOST_EIGHTS] = {0}, nan[CN_MOST_EIGHTS];
    t->rows = rows, t->first = 0, t->begins = begin(w->abreast);
    if (!t->begins) pack(job, w, -rows, rows, 0, before);
    for (ptrdiff_t b = 0; b < job->lines.blocks; b += most, t->begins = 0) {
        t->blocks = most < job->lines.blocks - b ? most : job->lines.blocks - b;
        pack(job, w, b * rows, t->blocks * rows, rows, nan);
        for (int e = 0, n; e < w->eights; e += n) {
            const int holes = before[e] | nan[e];
            for (n = 1; !job->careful && e + n < w->eights && (before[e + n] | nan[e + n]) == holes;) n++;
            run_tile(job, w, e, n, holes);
        }
        if (job->how->kind == CN_WINDOW_STANDARD) standardize(job, w, b * rows, t->blocks * rows);
        if (b + most < job->lines.blocks) keep_last(job, w, t->blocks * rows, rows);
        unpack(job, w, b * rows, t->blocks * rows);
        memcpy(before, nan, sizeof before);
    }
}

/* What tiles hold becomes what stands behind them. */
static void join_all(const window_job *job, work *w)
{
    for (int e = 0; e < w->eights; e++) {
        held behind;
        memset(behind, 0, sizeof behind);
        for (int l = 0; l < CN_ROW_LANES && job->kind >= CN_WINDOW_LEAST; l++) behind[0].sum[l] = INFINITY;
        for (ptrdiff_t i = tiles_of(job) - 1; i >= 0; i--) {
            held tile;
            memcpy(tile, checkpoint(job, w, i, e), sizeof tile);
            memcpy(checkpoint(job, w, i, e), behind, sizeof behind);
            cn_join(job->kind, &tile[0], &behind[0]);
            if (job->careful) cn_join(CN_WINDOW_SUM, &tile[1], &behind[1]);
        }
    }
}

/* What rows hold that were packed behind those of the block before. */
static void hold(const window_job *job, work *w, ptrdiff_t tile, ptrdiff_t rows, const int nan[])
{
    cn_window_tile *t = &w->total;
    if (t->rows != rows) t->tables_of = -1;
    t->first = job->kind == CN_WINDOW_LEAST_AT ? tile * TILE : 0; /* places are rows of the block */
    t->rows = rows, t->window = t->first + rows;
    for (int e = 0; e < w->eights; e++) {
        t->earlier = w->rows + e * job->apart + ROWS, t->holes = nan[e], t->kind = job->kind;
        t->scanned = &(*checkpoint(job, w, tile, e))[0];
        job->k->window(t);
        if (!job->careful) continue;
        t->earlier = w->spare + e * job->apart + ROWS, t->holes = 0, t->kind = CN_WINDOW_SUM;
        t->scanned = &(*checkpoint(job, w, tile, e))[1];
        job->k->window(t);
    }
}

/* Blocks of several tiles. */
static void long_blocks(const window_job *job, work *w)
{
    cn_window_tile *t = &w->tile;
    const ptrdiff_t block = job->lines.block, tiles = tiles_of(job), blocks = job->lines.blocks;
    const ptrdiff_t all = rows_of(w->abreast);
    int nan[CN_MOST_EIGHTS], before[CN_MOST_EIGHTS] = {0};
    t->begins = begin(w->abreast);
    for (ptrdiff_t b = t->begins ? 0 : -1; b < blocks; b++) {
        for (ptrdiff_t i = 0; i < tiles; i++) {
            const ptrdiff_t first = i * TILE, rows = TILE < block - first ? TILE : block - first;
            const ptrdiff_t row = b * block + first;
            if (row >= all) break;
            pack(job, w, row, rows, TILE, nan);
            if (b >= 0) {
                if (!t->begins) pack(job, w, row - block, rows, 0, before);
                t->first = w->infinite.first = first, t->rows = rows;
                for (int e = 0; e < w->eights; e++) {
                    t->behind = *checkpoint(job, w, i, e);
                    run_tile(job, w, e, 1, nan[e] | before[e]);
                }
                if (job->how->kind == CN_WINDOW_STANDARD) standardize(job, w, row, rows);
                unpack(job, w, row, rows);
            }
            if (b + 1 < blocks) hold(job, w, i, rows, nan);
        }
        if (b + 1 < blocks) join_all(job, w);
        if (b >= 0) t->begins = 0;
    }
}

/* Room for n of them behind what is taken of a thread's memory: a cache line begins with it. */
static void *room(char *memory, size_t *taken, size_t n, size_t size)
{
    char *at = memory ? memory + *taken : NULL;
    *taken += (n * size + 63) / 64 * 64;
    return at;
}

/* What a thread works with in its memory, or without one how much that is. */
static size_t lay_out(const window_job *job, work *w, char *memory)
{
    const size_t eights = (size_t)job->lines.eights, kept = (size_t)job->kept, apart = (size_t)job->apart;
    const size_t tiles = job->lines.block <= TILE ? 0 : (size_t)tiles_of(job);
    size_t taken = (sizeof(work) + 63) / 64 * 64;
    w->abreast = room(memory, &taken, eights, sizeof *w->abreast);
    w->before = room(memory, &taken, eights, sizeof(held));
    w->checkpoints = room(memory, &taken, tiles * eights, sizeof(held));
    for (int i = 0; i < 3; i++) w->tables[i] = room(memory, &taken, 6 * kept, sizeof(double));
    for (int i = 0; i < 4; i++) w->behind[i] = room(memory, &taken, kept * CN_ROW_LANES, sizeof(double));
    w->rows = room(memory, &taken, eights * apart, sizeof(double));
    for (int i = 0; i < 2; i++) w->results[i] = room(memory, &taken, eights * apart, sizeof(double));
    w->spare = room(memory, &taken, eights * apart, sizeof(double));
    w->of_spare = room(memory, &taken, apart, sizeof(double));
    const int standard = job->how->kind == CN_WINDOW_STANDARD;
    w->elements = room(memory, &taken, standard ? eights * apart : 0, sizeof(double));
    return taken;
}

static void window_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const window_job *job = context;
    char *memory = job->scratch + (size_t)thread * job->scratch_size;
    work *w = (work *)(void *)memory;
    lay_out(job, w, memory);
    open_tile(job, w, &w->tile, 0);
    open_tile(job, w, &w->infinite, 1);
    open_total(job, w);
    for (ptrdiff_t strip = begin; strip < end && !w->seen_large; strip++) {
        w->eights = cn_take_abreast(&job->lines, strip, w->abreast);
        if (job->lines.block <= TILE)
            short_blocks(job, w);
        else
            long_blocks(job, w);
    }
    if (job->lines.all.nontemporal) atomic_thread_fence(memory_order_seq_cst);
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

static void open_job(window_job *job, const cn_call *call, int axis, ptrdiff_t size, int threads)
{
    const cn_window *how = job->how;
    const double bytes = how->floats ? sizeof(float) : sizeof(double);
    const int results = how->kind == CN_WINDOW_MOMENTS ? 2 : 1;
    cn_lines *lines = &job->lines;
    cn_make_lines(lines, call, axis, how->window, how->forward, threads, 0);
    lines->all.k = job->k, lines->all.of = how->x, lines->all.floats = how->floats;
    lines->all.beyond = how->forward ? NAN : 0; /* no window reaches there */
    lines->all.nontemporal = cn_beyond_cache((double)size * bytes * (1 + results), threads);
    job->kind = how->kind; /* the greatest is the least of what is negated */
    if (how->kind == CN_WINDOW_GREATEST) job->kind = CN_WINDOW_LEAST;
    if (how->kind == CN_WINDOW_GREATEST_AT) job->kind = CN_WINDOW_LEAST_AT;
    if (how->kind == CN_WINDOW_STANDARD) job->kind = CN_WINDOW_MOMENTS;
    const ptrdiff_t fit = lines->block < TILE ? TILE / lines->block : 1;
    job->kept = lines->block < TILE ? lines->block : TILE;
    job->most = job->kept * (fit < lines->blocks ? fit : lines->blocks);
    job->apart = (job->kept + job->most) * CN_ROW_LANES + BESIDE;
    work measured;
    job->scratch_size = lay_out(job, &measured, NULL);
}

cn_status cn_windows(const cn_call *call, int axis, const cn_window *how)
{
    cn_window alone = *how; /* an element without neighbours is a window of one, along whichever axis */
    if (call->shape[axis] == 1) alone.window = 1, how = &alone;
    window_job job;
    cn_clear_lines(&job.lines);
    job.how = how, job.k = cn_kernels_of(CN_F64), job.careful = 0;
    ptrdiff_t size = 1;
    for (int i = 0; i < call->ndim; i++) {
        size *= call->shape[i];
        if (how == &alone && call->shape[i] > call->shape[axis]) axis = i;
    }
    const int threads = cn_threads_for(size);
    open_job(&job, call, axis, size, threads);
    char *scratch = malloc(job.scratch_size * (size_t)threads + 63);
    if (!scratch) return CN_NO_MEMORY;
    job.scratch = scratch + (64 - (uintptr_t)scratch % 64) % 64;
    if (run_all(&job, threads)) job.careful = 1, run_all(&job, threads);
    free(scratch);
    return CN_OK;
}
