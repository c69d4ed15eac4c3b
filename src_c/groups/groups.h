/* groups.h: the groups of a call: which elements each has, in which order, and where their moments go.
 *
 * A group's elements are its entries, in order: outer loops, its positions along the axis, inner loops. An entry is a row
 * of columns, each of a group of its own (cols), or one element. Order and blocks depend on how many positions a group
 * has and on the other axes alone. */
#ifndef CN_GROUPS_H
#define CN_GROUPS_H

#include "job/job.h"
#include "verbs/grouping.h"

/* Entries of a piece of a group, which one thread reads: so many blocks. */
#define CN_PIECE_BLOCKS 16
/* Entries of a block of columns. Rows are dealt to blocks of all groups at once: larger ones leave the cache with fewer
 * groups, smaller ones are merged more often (segments of 80-byte rows: 32 take 4.7 ms, 64 3.5, 128 3.5). */
#define CN_GROUP_ROWS 64
/* Bytes of a row of a strip: columns that lie apart are read, and written, a cache line of rows at a time. */
#define CN_STRIP_BYTES 64
/* Pieces that are read in turns, at most. */
#define CN_MOST_TURNS 32
/* Groups of one tile of short rows, at most CN_LISTED. */
#define CN_BATCH 128

typedef struct {
    ptrdiff_t group, number;
} cn_group_piece;

typedef struct {
    const cn_call *call;
    const cn_groups *groups;
    void *params;               /* NULL, or where moments go as parameters */
    const cn_kernels *k, *x_is; /* what reads; what x is: packed as lanes if its kernels know no holes */
    cn_reducer reducer, padded; /* padded: of rows that end in holes */
    const char *mask;
    int each, centered, cols;
    int direct; /* entries of positions that follow each other are as a tile has them */
    int apart;  /* columns lie apart, positions of one of them closer to each other */
    cn_holes holes;
    cn_loops kept, outer, inner;       /* kept: but for columns */
    cn_loop along, columns;            /* STAT: from a group to the next */
    ptrdiff_t width, tiles;            /* columns at once; tiles of kept loops and columns */
    ptrdiff_t first;                   /* of the call's statistics, the first of this job's */
    ptrdiff_t per_position, per_inner; /* entries of a position, those of one outer index */
    ptrdiff_t block, pieces;           /* entries of a block; pieces of all groups of a tile */
    ptrdiff_t turns;                   /* pieces that are read in turns, a block of each */
    cn_group_piece *list;              /* of them; NULL if each is a group */
    ptrdiff_t *part_before;            /* parts of groups before */
    cn_partial *parts;                 /* of pieces of groups that have several */
    char *scratch;
    size_t scratch_size;
    ptrdiff_t *order,
        *ends;   /* positions by group, and their sort's work space; NULL if they are their own order */
    int *sorted; /* not before the order is needed; shared by the jobs of a call's strips */
    int threads, dealt;
    char *blocks; /* of dealt rows, and what goes with them */
} cn_group_job;

/* Some columns of a kept index: the offsets of the first, and its number among all statistics of a group. */
typedef struct {
    ptrdiff_t offset[CN_NOPERANDS], n, number;
} cn_group_tile;

/* Scratch of a thread: x, packed; weights as doubles and as floats; mask; moments. */
typedef struct {
    char *x;
    double *exact;
    float *floats;
    char *mask;
    double *moments;
} cn_group_scratch;

static inline ptrdiff_t cn_group_start(const cn_group_job *job, ptrdiff_t g) { return job->groups->starts[g]; }

/* Entries of a group. */
static inline ptrdiff_t cn_group_entries(const cn_group_job *job, ptrdiff_t g)
{
    return (job->groups->starts[g + 1] - job->groups->starts[g]) * job->per_position;
}

static inline ptrdiff_t cn_pieces_of(const cn_group_job *job, ptrdiff_t g)
{
    const ptrdiff_t entries = cn_group_entries(job, g), piece = CN_PIECE_BLOCKS * job->block;
    return entries <= piece ? 1 : (entries + piece - 1) / piece;
}

/* The group of each of n positions from the first on; negative: in none. */
void cn_groups_at(const cn_groups *groups, ptrdiff_t first, ptrdiff_t n, ptrdiff_t *to);

/* Are n positions in one group? */
static inline int cn_are_alike(const ptrdiff_t *groups, ptrdiff_t n)
{
    ptrdiff_t differ = 0;
    for (ptrdiff_t i = 1; i < n; i++) differ |= groups[i] ^ groups[0];
    return !differ;
}

/* All loops but that of the groups: outside it, and inside. */
void cn_group_loops(const cn_call *call, int axis, cn_loops *outer, cn_loops *inner);

/* y of parameters without a prescale where positions lie as the kernel takes them; 0: they don't. */
int cn_apply_direct(const cn_call *call, const cn_groups *groups);

/* Puts positions in order, once. */
void cn_sort_groups(const cn_group_job *job);

/* Rows as they lie: is that possible, in how many bytes; the moments of all groups and pieces by it. */
int cn_groups_are_dealt(const cn_group_job *job);
size_t cn_dealt_size(const cn_group_job *job);
void cn_deal_groups(const cn_group_job *job);

/* A group of one piece is finished, the piece of another is kept. */
void cn_put_piece(const cn_group_job *job, const cn_group_tile *tile, cn_group_piece piece,
                  const cn_moments_view *acc, const cn_group_scratch *s);

/* So many of these columns are turned at a time: as even strips as squares of four allow. */
ptrdiff_t cn_strip_width(ptrdiff_t columns, ptrdiff_t size);

/* Bytes of an element as it lies. */
ptrdiff_t cn_size_of_x(const cn_group_job *job);

/* Are columns copied as rows, strip by strip, and each strip read by a job of its own? The call of tile i, its x at `x`. */
int cn_has_strips(const cn_group_job *job);
cn_call cn_strip_of(const cn_group_job *job, ptrdiff_t i, const char *x);
cn_status cn_read_strips(const cn_group_job *job);

/* What reads the groups of a call; `first` as in the job. */
cn_status cn_read_groups(const cn_call *call, const cn_groups *groups, void *params, ptrdiff_t first, int *sorted);

/* Loops, blocks and pieces of a call. */
void cn_lay_out_groups(cn_group_job *job);
cn_status cn_open_pieces(cn_group_job *job);
cn_group_tile cn_locate_group_tile(const cn_group_job *job, ptrdiff_t i);

size_t cn_group_scratch_size(const cn_group_job *job);
cn_group_scratch cn_open_group_scratch(const cn_group_job *job, int thread);

/* Entries from ... to of group g: [1, to - from, n] of columns, or [1, 1, to - from]; packed unless direct. */
cn_tile cn_group_tile_of(const cn_group_job *job, const cn_group_tile *tile, ptrdiff_t g, ptrdiff_t from,
                         ptrdiff_t to, const cn_group_scratch *s);

/* A direct group that is read soon. */
void cn_fetch_group(const cn_group_job *job, const cn_group_tile *tile, ptrdiff_t g);

/* n groups of as many entries, packed side by side; none has holes. */
cn_tile cn_equal_groups(const cn_group_job *job, const cn_group_tile *tile, const ptrdiff_t *groups, ptrdiff_t n,
                        ptrdiff_t entries, const cn_group_scratch *s);

/* n groups of at most `longest` entries each as rows that end in holes. */
cn_tile cn_padded_groups(const cn_group_job *job, const cn_group_tile *tile, const ptrdiff_t *groups, ptrdiff_t n,
                         ptrdiff_t longest, const cn_group_scratch *s);

/* The finished moments of n columns of group g or, if they are `apart`, of n groups from g on. */
void cn_finish_groups(const cn_group_job *job, const cn_group_tile *tile, ptrdiff_t g, int apart,
                      const cn_moments_view *acc, ptrdiff_t n, const cn_group_scratch *s);

/* The same of n groups of a list. */
void cn_finish_listed(const cn_group_job *job, const cn_group_tile *tile, const ptrdiff_t *groups,
                      const cn_moments_view *acc, ptrdiff_t n, const cn_group_scratch *s);

/* The finished moments of group g and column c of the tile go where the call wants them. */
void cn_finish_group(const cn_group_job *job, const cn_group_tile *tile, ptrdiff_t g, ptrdiff_t c, cn_partial p,
                     const cn_group_scratch *s);

#endif
