/* job.h: a call with everything that is decided before its first element is read.
 *
 * Neighbouring groups of the plan's columns are a bundle, taken together; a bundle's blocks are read in segments. */
#ifndef CN_JOB_H
#define CN_JOB_H

#include <math.h>

#include "job/params.h"
#include "kernels/kernels.h"
#include "plan/tiling.h"

/* Work space inside a job: malloc and free are a tenth of what a call of one short row costs. */
#define CN_JOB_MEMORY (16 * 1024)

#define CN_LINE 64 /* bytes of a line of the cache */

/* Elements of a packed block. */
#define CN_PACKED (CN_BLOCK_ROWS * CN_MAX_GROUPS)

/* A bundle: its columns and the offsets of its first element. */
typedef struct {
    cn_loop columns;
    ptrdiff_t offset[CN_NOPERANDS];
} cn_bundle;

/* What is kept of groups while they are read: moments, sums or extremes. A tile joins it, by rows or columns; two parts
 * of a group are merged. */
typedef struct {
    cn_reduce rows, cols;
    void (*merge)(cn_partial *a, const cn_partial *b);
} cn_reducer;

/* How the blocks of a bundle are read. */
typedef struct {
    const cn_kernels *k; /* of what the reducer takes: packed as lanes if these of x know no holes */
    const cn_kernels *x_is;
    const cn_reducer *reducer;
    const cn_tiling *tiling;
    const cn_loop *columns;  /* of the bundle */
    const cn_loops *counted; /* of the plan */
    ptrdiff_t joined_rows;   /* rows of x that are one row of the tile */
    int cols, centered, pack;
    int numbered; /* elements have numbers: hidden ones, too */
    cn_nan nan;   /* as in cn_tile */
    cn_ends ends;
    double p;       /* of powers */
    cn_number x;    /* CN_NO_NUMBER, or what is packed as doubles */
    cn_holes holes; /* where nothing is hidden */
    uintptr_t to_fetch;
    const char *mask; /* of the bundle's first element, as weights; NULL: none */
    const char *weights;
    cn_number weights_are;
    double weights_by;
    char *
        packed; /* CN_PACKED elements, and as many weights; then the scattered ones and their mask, side by side */
} cn_reading;

/* A parameter over the blocks of a tiling, in bytes; apart: a row of it is gathered first. */
typedef struct {
    ptrdiff_t row, col;
    int per_column, apart;
} cn_param_layout;

/* How blocks are written: what their tiling decides, then what is a bundle's own. */
typedef struct cn_writing cn_writing;
struct cn_writing {
    const cn_kernels *k;
    const cn_tiling *tiling;
    const ptrdiff_t *row, *col; /* strides of the tiling */
    cn_param_layout stat, w, b;
    int pack_x, pack_y; /* y is made in scratch: its elements are apart, or a curve is drawn from it */
    int beyond_cache, nontemporal, fetches_y; /* as in cn_apply_tile; nontemporal: where the rows end up */
    cn_activation activation;
    double slope;
    ptrdiff_t prefetch, joined_rows;
    void (*write)(const cn_writing *how, const cn_block *block); /* a block, if nothing of it is hidden */

    char *base[CN_NOPERANDS]; /* first elements of the operands */
    const cn_params *params;
    char *packed; /* CN_PACKED elements and five rows of parameters */
};

/* Is the norm by p the largest magnitude, or the root of a sum of powers? */
static inline int cn_is_largest(const cn_moments *how) { return how->kind == CN_LP && isinf(how->p); }
static inline int cn_sums_powers(const cn_moments *how) { return how->kind == CN_LP && !isinf(how->p); }

/* Are elements looked for, and so have numbers? */
static inline int cn_is_place(const cn_moments *how) { return how->kind >= CN_LEAST_AT; }

typedef struct cn_job cn_job;
struct cn_job {
    const cn_call *call;
    const cn_kernels *k;
    cn_plan plan;
    int threads, fused; /* fused: a bundle is read and written while it is in the cache */
    const char
        *mask;  /* NULL if nothing is hidden; what is kept is merged as strides of a mask allow all the same */
    int direct; /* fused, and kernel normalize makes y of what it can */
    int brief;  /* kernel few_moments makes results of what it can; with y, of direct bundles */
    int alone;  /* groups are one element each, or of extremes a few, and their results follow from these */
    int each;   /* groups have counts of their own: there may be holes, or weights */
    int needs_packing;             /* blocks, or parameters, are packed */
    ptrdiff_t width, tiles;        /* columns of a bundle; bundles of all of these */
    ptrdiff_t bundles, segments;   /* segments of a bundle */
    ptrdiff_t joined_rows;         /* narrow columns: so many rows are one row of joined_rows * width columns */
    ptrdiff_t rows_as_groups;      /* rows of a group, each with parameters of its own; else 1 */
    ptrdiff_t elements;            /* of a bundle */
    int beyond_cache, nontemporal; /* the data outgrow the cache; y is written past it */
    int nontemporal_sum;           /* x is a sum written past it; what reads it finds a bundle's in scratch */
    ptrdiff_t prefetch;            /* bytes of x from a bundle to the one applied after it */

    cn_reducer reducer;
    const cn_kernels *reads; /* whose reducer it is: k, or of its lanes */

    /* Steps. add: NULL, or makes a block of x, a sum, before it is read; into: a bundle in scratch, or NULL. */
    void (*add)(const cn_job *job, const cn_tiling *tiling, const cn_bundle *bundle, const cn_block *block,
                char *into);
    void (*read)(const cn_reading *how, const cn_block *block, const char *x, cn_moments_view *acc,
                 cn_moments_view *joined);
    void (*write)(const cn_writing *how, const cn_block *block); /* NULL: that of cn_writing */

    char *unrolled[2]; /* weights and biases of all groups, one for each element, or NULL */

    ptrdiff_t row; /* elements of a row of y that becomes bytes, or 0 */
    char *y;       /* the call's, or, where it becomes bytes, memory of the job: all of it, or NULL if fused */

    cn_partial *stats; /* by group, or NULL */
    double *partials;  /* [bundles][segments] of them; two phases only, as are the next ones */
    cn_tiling all;     /* of all of x */
    cn_params params;  /* by stat element */
    char *params_memory;
    char *scratch; /* [threads] of scratch_size */
    size_t scratch_size, memory_used;
    _Alignas(64) char memory[CN_JOB_MEMORY];
};

/* Scratch of a thread: y of a bundle (NULL unless it becomes bytes), partials of a bundle, of a segment and of joined
 * columns, factors and parameters of a bundle, x of a bundle (NULL unless it is a sum written past the cache), packed
 * blocks. */
typedef struct {
    char *y;
    double *bundle, *segment, *joined, *factors;
    char *params, *x, *packed;
    uintptr_t to_fetch; /* as in cn_tile */
    int summed;         /* is x, a sum, made before its bundle is read? */
} cn_scratch;

/* Partials are the moments of one bundle: a count, or one each, then mean, mean_lo, m2 of width columns. */
static inline ptrdiff_t cn_partials_size(int each, ptrdiff_t width) { return 3 * width + (each ? width : 1); }

static inline cn_moments_view cn_open_partials(double *partials, int each, ptrdiff_t width)
{
    double *mean = partials + (each ? width : 1);
    return (cn_moments_view){partials, each, mean, mean + width, mean + 2 * width};
}

/* The same from group g on. */
static inline cn_moments_view cn_groups_from(const cn_moments_view *of, ptrdiff_t g)
{
    return (cn_moments_view){of->count + g * of->each, of->each, of->mean + g, of->mean_lo + g, of->m2 + g};
}

static inline void cn_clear_counts(cn_moments_view *of, ptrdiff_t width)
{
    for (ptrdiff_t c = 0; c < (of->each ? width : 1); c++) of->count[c] = 0;
}

/* Is the activation a curve? Its result is made from packed results: bends are part of apply. */
static inline int cn_curved(cn_activation activation) { return activation >= CN_SILU; }

/* Narrow columns are joined: several rows become one row of about CN_JOINED_ROW. Moments only where a vector
 * would be mostly empty: a joined column is summed in another order, and its bits should not depend on how
 * many columns stand beside it. */
#define CN_NARROW 127
#define CN_NARROW_MOMENTS 15
#define CN_JOINED_ROW 256

/* How many rows of n columns are applied as one: whole vectors of 16, at most CN_MAX_GROUPS elements. */
ptrdiff_t cn_joined_rows_of(ptrdiff_t n);

/* Was x just read for its moments? */
static inline int cn_was_read(const cn_call *call)
{
    return call->moments.source == CN_OWN || call->moments.source == CN_KNOWN;
}

/* Does the call write y, or its bytes? */
static inline int cn_writes(const cn_call *call) { return call->op[CN_Y].data != NULL; }

/* Are statistics wanted, beside y or without it? */
static inline int cn_keeps(const cn_job *job) { return job->call->moments.to || job->call->moments.results; }

/* Memory of the job, at a multiple of 64, from malloc when its own is used up; NULL if there is none. */
void *cn_job_alloc(cn_job *job, size_t bytes);
void cn_job_free(const cn_job *job, void *memory);

/* Scratch for all threads, and one thread's share of it. */
cn_status cn_alloc_scratch(cn_job *job);
cn_scratch cn_open_scratch(const cn_job *job, int thread);

void cn_locate_bundle(const cn_job *job, ptrdiff_t u, cn_bundle *bundle);

/* The first groups of a bundle, so many at most. */
static inline cn_bundle cn_first_groups(const cn_bundle *bundle, ptrdiff_t most)
{
    cn_bundle some = *bundle;
    if (some.columns.n > most) some.columns.n = most;
    return some;
}

/* A bundle without its first n groups. */
static inline void cn_skip_groups(cn_bundle *bundle, ptrdiff_t n)
{
    for (int o = 0; o < CN_NOPERANDS; o++) bundle->offset[o] += n * bundle->columns.stride[o];
    bundle->columns.n -= n;
}

/* How a bundle's moments are cut into blocks; and what is written of it (parameters side by side, from STAT offset 0),
 * or, without columns, of all of x (statistics in the caller's order). */
void cn_tile_reading(const cn_job *job, const cn_loop *columns, cn_tiling *tiling);
void cn_tile_writing(const cn_job *job, const cn_loop *columns, cn_tiling *tiling);

#endif
