/* deal.c: rows of shuffled groups, read as they lie: each is dealt to the block that its group fills, which is read when it
 * is full. Blocks hold what they hold where groups are sorted: to the same bits.
 *
 * It is a single thread that deals: of several each would see nearly every cache line. */
#include <string.h>

#include "groups/groups.h"

/* Bytes of a row: wider ones are as fast in the order of their groups. ms for 160 MB of doubles in 100 groups, Zen 5, in
 * order and dealt: rows of 16 bytes 28.1 and 17.4 (of 64 MB), 160 15.8 and 11.6, 800 12.6 and 9.6, 2048 14.8 and 13.9. */
#define MOST_ROW 1024
/* All blocks and moments: more is not safe in the last cache, where others are, too. 1000 groups of 160 bytes, 11 MB, took
 * 13 to 25 ms, in order 17; of 80 bytes, 6 MB, 8 to 12, and 11. */
#define MOST_BYTES ((ptrdiff_t)6 << 20)
/* Blocks up to this size are in L2 anyway (10 groups of rows of 80 and 160 bytes: 4 to 7 % less time without). */
#define NEAR ((ptrdiff_t)256 << 10)
/* Rows whose place in a block is fetched before they come, and bytes of rows fetched before they are read (4096: 10.8 ms
 * instead of 9.6 for 10 groups). */
#define EARLY 8
#define AHEAD 16384
#define LINE 64

typedef struct {
    const cn_group_job *job;
    cn_group_tile tile;
    const char *x;
    ptrdiff_t row, block; /* bytes */
    char *blocks;         /* of all groups */
    ptrdiff_t *entries;   /* of each group, so far */
    double *moments;      /* of the piece that a group is at */
    ptrdiff_t n_moments;
    cn_group_scratch s;
} dealer;

static ptrdiff_t moments_of(const cn_group_job *job) { return 4 * job->width; }

/* Bytes that each group needs. */
static ptrdiff_t bytes_of_group(const cn_group_job *job)
{
    return CN_GROUP_ROWS * job->width * job->k->size + (ptrdiff_t)sizeof(ptrdiff_t) +
           moments_of(job) * (ptrdiff_t)sizeof(double);
}

size_t cn_dealt_size(const cn_group_job *job) { return (size_t)(job->groups->n * bytes_of_group(job)); }

int cn_groups_are_dealt(const cn_group_job *job)
{
    const cn_groups *groups = job->groups;
    if (!groups->labels.at || job->threads > 1 || !job->cols || job->each || job->per_position != 1) return 0;
    if (job->k != job->x_is || job->call->moments.x || job->columns.stride[CN_X] != job->k->size) return 0;
    if (job->width * job->k->size > MOST_ROW) return 0;
    return groups->n <= groups->starts[groups->n] / CN_GROUP_ROWS && groups->n <= MOST_BYTES / bytes_of_group(job);
}

static cn_moments_view view(const dealer *d, ptrdiff_t g)
{
    return cn_open_partials(d->moments + g * d->n_moments, 0, d->tile.n);
}

/* The rows of a group that wait are read. */
static void join_block(const dealer *d, ptrdiff_t g)
{
    const cn_group_job *job = d->job;
    const ptrdiff_t seen = d->entries[g], piece = CN_PIECE_BLOCKS * CN_GROUP_ROWS, at = (seen - 1) / piece;
    const cn_tile t = {.x = d->blocks + g * d->block,
                       .x_row = d->row,
                       .groups = 1,
                       .rows = (seen - 1) % CN_GROUP_ROWS + 1,
                       .n = d->tile.n,
                       .holes = CN_NO_HOLES};
    cn_moments_view acc = view(d, g);
    job->reducer.cols(&t, job->centered, &acc);
    if (cn_pieces_of(job, g) == 1 || (seen % piece && seen < cn_group_entries(job, g))) return;
    cn_put_piece(job, &d->tile, (cn_group_piece){g, at}, &acc, &d->s);
    cn_clear_counts(&acc, d->tile.n);
}

/* Where the next row of a group goes. */
static inline char *place(const dealer *d, ptrdiff_t g)
{
    return d->blocks + g * d->block + (d->entries[g] & (CN_GROUP_ROWS - 1)) * d->row;
}

/* The cache lines of n bytes: those they begin and end in, too. */
static inline void fetch(const char *at, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i += LINE) __builtin_prefetch(at + i, 1, 3);
    __builtin_prefetch(at + n - 1, 1, 3);
}

/* Where a row will go; of the last one of a block the moments it joins. */
static inline void fetch_next(const dealer *d, ptrdiff_t g)
{
    fetch(place(d, g), d->row);
    if (d->entries[g] % CN_GROUP_ROWS == CN_GROUP_ROWS - 1)
        fetch((const char *)(d->moments + g * d->n_moments), d->n_moments * (ptrdiff_t)sizeof(double));
}

/* Everything is at hand in `d`, a copy. */
#define DEAL(T)                                                                                                   \
    static void deal_##T(const dealer d, const T *labels)                                                         \
    {                                                                                                             \
        const ptrdiff_t n = d.job->along.n, along = d.job->along.stride[CN_X];                                    \
        const ptrdiff_t last = d.job->groups->n * bytes_of_group(d.job) > NEAR ? n : 0;                           \
        const char *x = d.x;                                                                                      \
        for (ptrdiff_t i = 0; i < n; i++, x += along) {                                                           \
            const ptrdiff_t g = labels[i], next = i + EARLY < last ? labels[i + EARLY] : -1;                      \
            if (next >= 0) fetch_next(&d, next);                                                                  \
            if (g < 0) continue;                                                                                  \
            for (ptrdiff_t b = 0; b < d.row; b += LINE) __builtin_prefetch(x + AHEAD + b, 0, 3);                  \
            memcpy(place(&d, g), x, (size_t)d.row);                                                               \
            if (++d.entries[g] % CN_GROUP_ROWS == 0) join_block(&d, g);                                           \
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
        if (d->entries[g] % CN_GROUP_ROWS) join_block(d, g);
        if (cn_pieces_of(job, g) == 1) cn_finish_groups(job, &d->tile, g, 0, &acc, d->tile.n, &d->s);
    }
}

void cn_deal_groups(const cn_group_job *job)
{
    const ptrdiff_t n = job->groups->n;
    dealer d = {.job = job, .n_moments = moments_of(job), .block = CN_GROUP_ROWS * job->width * job->k->size};
    d.s = cn_open_group_scratch(job, 0);
    d.moments = (double *)(job->blocks + n * d.block);
    d.entries = (ptrdiff_t *)(d.moments + n * moments_of(job));
    d.blocks = job->blocks;
    for (ptrdiff_t i = 0; i < job->tiles; i++) deal_tile(&d, i);
}
