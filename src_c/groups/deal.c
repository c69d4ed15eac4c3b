/* deal.c: rows of shuffled groups, read as they lie: where each is is noted with its group, and those of a group that wait are
 * read together while they are in the cache. Sums are those of the same blocks where groups are sorted: to the same bits.
 *
 * It is a single thread that deals, even where there are two and rows are narrow: of several each would see nearly every
 * cache line. */
#include <string.h>

#include "groups/groups.h"

/* Sums of all groups, and their rows that wait: more is not safe in the last cache, where others are, too. */
#define MOST_BYTES ((ptrdiff_t)6 << 20)
/* So much of it is in L2 anyway (10 groups of rows of 80 and 160 bytes: 4 to 7 % less time without). */
#define NEAR ((ptrdiff_t)256 << 10)
/* Rows whose group is fetched before they come, and bytes of rows fetched before they are noted: of rows in turns the
 * hardware sees no stream ((1000000, 20) doubles in 10 groups, Zen 5: 25 ms without, 7.2 by 4096, 6.8 by 8192, 7.3 by 32768). */
#define EARLY 8
#define EARLY_BYTES 8192
#define LINE 64
/* Rows of a group that are read at a time: eight, or of narrow rows more, up to so many bytes of one group, and of all. ms
 * for 80 MB by 8, 16, 32, 64 (and copied into blocks of 64), Zen 5: rows of 40 bytes, 10 groups 10.2, 8.8, 8.0, 7.6 (9.3),
 * 1000 12.3, 11.8, 11.7, 12.4 (11.2); of 80 bytes 5.5, 5.1, 5.0, 5.3 (6.2), and 7.6, 8.4, 9.9, 9.4 (12.8); of 160 bytes 3.4,
 * 3.6, 5.2, 5.3 (4.6), and 5.4, 6.8, 8.6, 9.2. */
#define LEAST_WAITING 8
#define WAITING_BYTES 1280
#define ALL_WAITING_BYTES ((ptrdiff_t)1 << 20)
#define PIECE (CN_PIECE_BLOCKS * CN_GROUP_ROWS)
/* Bytes of rows that two threads put in order no faster than one deals them, in groups of two blocks or more (Zen 3, two
 * threads, ms in order and dealt: (1000000, 20) floats in 10 groups 19.5, 16.0, in 1000 26.4, 20.6, (1000000, 5) 23.2, 13.7;
 * rows of 160 bytes alike, of 400 0.93, 1.14; in groups of 100 rows (100000, 20) 2.3, 2.7). */
#define NARROW 128

typedef struct {
    const cn_group_job *job;
    cn_group_tile tile;
    const char *x;
    ptrdiff_t row;      /* bytes */
    ptrdiff_t *entries; /* of each group, so far */
    /* Of each group `own` bytes, side by side: where the rows of the block that it is at are, its sums, the
     * moments of the piece that it is at. */
    char *groups;
    ptrdiff_t own, sums, moments; /* bytes to the last two */
    ptrdiff_t room;               /* lanes of each kind of sums */
    ptrdiff_t waiting;            /* rows that are read at a time: some of a block, or, unless it joins, all */
    int joins;
    cn_group_scratch s;
} dealer;

static ptrdiff_t in_lines(ptrdiff_t bytes) { return (bytes + LINE - 1) / LINE * LINE; }

/* Bytes of where rows are, of the sums of a block, of the moments of a piece. */
#define ROWS_SIZE (CN_GROUP_ROWS * (ptrdiff_t)sizeof(char *))
static ptrdiff_t sums_size(const cn_group_job *job) { return 3 * in_lines(job->width * job->k->param_size); }
static ptrdiff_t moments_size(const cn_group_job *job)
{
    return in_lines(4 * job->width * (ptrdiff_t)sizeof(double));
}
static ptrdiff_t own_size(const cn_group_job *job) { return ROWS_SIZE + sums_size(job) + moments_size(job); }

size_t cn_dealt_size(const cn_group_job *job)
{
    return (size_t)(job->groups->n * (own_size(job) + (ptrdiff_t)sizeof(ptrdiff_t))) + LINE;
}

/* Are rows read before their block is complete? */
static int is_joined(const cn_group_job *job)
{
    return job->reducer.cols == job->k->moments_cols[CN_ALL] && job->centered == CN_CENTERED;
}

/* Rows of a group that wait for each other. */
static ptrdiff_t waiting_of(const cn_group_job *job)
{
    const ptrdiff_t row = job->width * job->k->size, most = ALL_WAITING_BYTES / job->groups->n;
    ptrdiff_t n = CN_GROUP_ROWS;
    while (is_joined(job) && n > LEAST_WAITING && (n * row > WAITING_BYTES || n * row > most)) n /= 2;
    return n;
}

/* Bytes of a group in the cache: its own and those of its rows that wait. */
static ptrdiff_t bytes_near(const cn_group_job *job)
{
    return own_size(job) + waiting_of(job) * job->width * job->k->size;
}

int cn_groups_are_dealt(const cn_group_job *job)
{
    const cn_groups *groups = job->groups;
    if (groups->n == 0 || !groups->labels.at || !job->cols || job->each || job->per_position != 1) return 0;
    if (job->threads > (job->width * job->k->size <= NARROW ? 2 : 1)) return 0;
    if (groups->n * job->threads > groups->starts[groups->n] / CN_GROUP_ROWS) return 0;
    if (job->k != job->x_is || job->call->moments.x || job->columns.stride[CN_X] != job->k->size) return 0;
    return groups->n <= MOST_BYTES / bytes_near(job);
}

static const char **rows_of(const dealer *d, ptrdiff_t g)
{
    return (const char **)(void *)(d->groups + g * d->own);
}

static cn_moments_view view(const dealer *d, ptrdiff_t g)
{
    return cn_open_partials((double *)(void *)(d->groups + g * d->own + d->moments), 0, d->tile.n);
}

static cn_dealt_tile block_of(const dealer *d, ptrdiff_t g)
{
    return (cn_dealt_tile){rows_of(d, g), d->tile.n, d->room, d->groups + g * d->own + d->sums};
}

/* The block that a group is at, as a tile. */
static void read_block(const dealer *d, const cn_dealt_tile *t, ptrdiff_t rows, cn_moments_view *acc)
{
    const cn_group_job *job = d->job;
    const cn_tile own = {.x = d->s.x, .x_row = d->row, .groups = 1, .rows = rows, .n = t->n, .holes = CN_NO_HOLES};
    for (ptrdiff_t i = 0; i < rows; i++) memcpy(d->s.x + i * d->row, t->row[i], (size_t)d->row);
    job->reducer.cols(&own, job->centered, acc);
}

/* Of the block that a group is at all rows have joined: its moments, and those of the piece if that is complete. */
static void finish_block(const dealer *d, ptrdiff_t g)
{
    const cn_group_job *job = d->job;
    const ptrdiff_t seen = d->entries[g], rows = (seen - 1) % CN_GROUP_ROWS + 1;
    const cn_dealt_tile t = block_of(d, g);
    cn_moments_view acc = view(d, g);
    if (!d->joins || !job->k->merge_dealt(&t, rows, &acc)) read_block(d, &t, rows, &acc);
    if (cn_pieces_of(job, g) > 1 && (seen % PIECE == 0 || seen == cn_group_entries(job, g))) {
        cn_put_piece(job, &d->tile, (cn_group_piece){g, (seen - 1) / PIECE}, &acc, &d->s);
        cn_clear_counts(&acc, d->tile.n);
    } else if (d->joins) {
        job->k->aim_dealt(&t, 0, &acc);
    }
}

/* The first rows of a piece wait for their pilot. */
static inline int have_pilot(size_t seen) { return (seen - 1) % PIECE + 1 >= CN_PILOT; }

/* The rows of a group that wait join. */
static void join_rows(const dealer *d, ptrdiff_t g)
{
    const size_t seen = (size_t)d->entries[g] - 1, waiting = (size_t)d->waiting;
    const ptrdiff_t rows = seen % CN_GROUP_ROWS + 1;
    const cn_dealt_tile t = block_of(d, g);
    ptrdiff_t from = seen % CN_GROUP_ROWS & ~(waiting - 1);
    if (seen % PIECE < (waiting > CN_PILOT ? waiting : CN_PILOT)) {
        const cn_moments_view acc = view(d, g);
        d->job->k->aim_dealt(&t, rows < CN_PILOT ? rows : CN_PILOT, &acc), from = 0;
    }
    d->job->k->join_dealt(&t, from, rows);
}

/* The cache lines of n bytes: those they begin and end in, too. */
static inline void fetch(const char *at, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i += LINE) __builtin_prefetch(at + i, 0, 3);
    __builtin_prefetch(at + n - 1, 0, 3);
}

/* Where a row will be noted; if others have waited for it these, and what they join. */
static inline void fetch_next(const dealer *d, ptrdiff_t g)
{
    const ptrdiff_t seen = d->entries[g] % CN_GROUP_ROWS, after = d->waiting - 1;
    const char **rows = rows_of(d, g);
    __builtin_prefetch(rows + seen, 1, 3);
    if ((seen & after) != after) return;
    for (ptrdiff_t i = seen - after; i < seen && d->joins; i++) fetch(rows[i], d->row);
    fetch((const char *)rows + d->sums, (seen == CN_GROUP_ROWS - 1 ? d->own : d->moments) - d->sums);
}

static ptrdiff_t rows_early(ptrdiff_t along) { return along ? EARLY_BYTES / (along < 0 ? -along : along) + 1 : 0; }

/* Everything is at hand in `d`, a copy. */
#define DEAL(T)                                                                                                   \
    static void deal_##T(const dealer d, const T *labels)                                                         \
    {                                                                                                             \
        const ptrdiff_t n = d.job->along.n, along = d.job->along.stride[CN_X];                                    \
        const ptrdiff_t last = d.job->groups->n * bytes_near(d.job) > NEAR ? n : 0;                               \
        const char *x = d.x;                                                                                      \
        const size_t after = (size_t)d.waiting - 1;                                                               \
        const ptrdiff_t prefetch = rows_early(along) * along;                                                     \
        for (ptrdiff_t i = 0; i < n; i++, x += along) {                                                           \
            const ptrdiff_t g = labels[i], next = i + EARLY < last ? labels[i + EARLY] : -1;                      \
            if (next >= 0) fetch_next(&d, next);                                                                  \
            if (g < 0) continue;                                                                                  \
            for (ptrdiff_t b = 0; b < d.row; b += LINE) __builtin_prefetch(x + prefetch + b, 0, 3);               \
            const size_t seen = (size_t)d.entries[g]++;                                                           \
            rows_of(&d, g)[seen % CN_GROUP_ROWS] = x;                                                             \
            if ((seen & after) != after) continue;                                                                \
            if (d.joins && have_pilot(seen + 1)) join_rows(&d, g);                                                \
            if (seen % CN_GROUP_ROWS == CN_GROUP_ROWS - 1) finish_block(&d, g);                                   \
        }                                                                                                         \
    }
DEAL(int32_t)
DEAL(ptrdiff_t)

static void deal_tile(dealer *d, ptrdiff_t i)
{
    const cn_group_job *job = d->job;
    const cn_labels labels = job->groups->labels;
    const ptrdiff_t n = job->groups->n;
    d->tile = cn_locate_group_tile(job, i);
    d->x = job->call->op[CN_X].data + d->tile.offset[CN_X];
    d->row = d->tile.n * job->k->size;
    memset(d->entries, 0, (size_t)n * sizeof *d->entries);
    for (ptrdiff_t g = 0; g < n; g++) *view(d, g).count = 0;
    if (labels.narrow)
        deal_int32_t(*d, labels.at);
    else
        deal_ptrdiff_t(*d, labels.at);
    for (ptrdiff_t g = 0; g < n; g++) {
        cn_moments_view acc = view(d, g);
        const ptrdiff_t seen = d->entries[g];
        if (d->joins && seen && (seen % d->waiting || !have_pilot((size_t)seen))) join_rows(d, g);
        if (seen % CN_GROUP_ROWS) finish_block(d, g);
        if (cn_pieces_of(job, g) == 1) cn_finish_groups(job, &d->tile, g, 0, &acc, d->tile.n, &d->s);
    }
}

void cn_deal_groups(const cn_group_job *job)
{
    const ptrdiff_t n = job->groups->n;
    dealer d = {.job = job, .own = own_size(job), .sums = ROWS_SIZE, .moments = ROWS_SIZE + sums_size(job)};
    d.room = sums_size(job) / 3 / job->k->param_size;
    d.joins = is_joined(job), d.waiting = waiting_of(job);
    d.s = cn_open_group_scratch(job, 0);
    d.groups = job->blocks + (-(uintptr_t)job->blocks) % LINE;
    d.entries = (ptrdiff_t *)(void *)(d.groups + n * d.own);
    for (ptrdiff_t i = 0; i < job->tiles; i++) deal_tile(&d, i);
}
