/* job.h: a job and its bundles: neighbouring groups of the plan's columns, taken together. */
#ifndef CN_UNIT_H
#define CN_UNIT_H

#include "kernels/kernels.h"
#include "call/params.h"
#include "plan/plan.h"
#include "call/quantize.h"

/* Work space inside a job: malloc and free are a tenth of what a call of one short row costs. */
#define CN_JOB_MEMORY (16 * 1024)

typedef struct {
    const cn_call *call;
    const cn_kernels *k;
    cn_plan plan;
    cn_kind kind;
    double eps;
    const char *mask;   /* NULL if nothing is hidden; the plan heeds the strides of a mask all the same */
    int mask_per_group; /* every group has a mask of its own */
    int needs_packing;  /* blocks, or parameters, are packed */
    ptrdiff_t width, bundles, segments; /* columns of a bundle; segments of a bundle */
    ptrdiff_t joined_rows;    /* narrow columns: so many rows are one row of joined_rows * width columns */
    ptrdiff_t rows_as_groups; /* rows of a group, each with parameters of its own; else 1 */
    ptrdiff_t elements;       /* of a bundle */
    cn_tiling apply;          /* two phases: over all of x */
    cn_partial *stats;        /* by group, or NULL */
    const cn_rows *rows;      /* NULL, or y of each bundle becomes bytes */
    double *partials;         /* [bundles][segments] of them, two phases only */
    char *params_memory;
    cn_params params;              /* by stat element; two phases only */
    ptrdiff_t prefetch;            /* bytes of x from a bundle to the one applied after it */
    int beyond_cache, nontemporal; /* the data outgrow the cache; y is written past it */
    int nontemporal_sum;           /* x is a sum written past it; what reads it finds a bundle's in scratch */
    char *scratch;                 /* [threads] of scratch_size */
    size_t scratch_size;
    size_t memory_used;
    _Alignas(64) char memory[CN_JOB_MEMORY];
} cn_job;

/* Scratch of a thread: partials of a bundle, of a segment and of joined columns, factors and parameters of a
 * bundle, x of a bundle (NULL unless it is a sum written past the cache), packed blocks. */
typedef struct {
    double *bundle, *segment, *joined, *factors;
    char *params, *x, *packed;
} cn_scratch;

/* Partials are the moments of one bundle: count, then mean, mean_lo, m2 of width columns; with masks of their own
 * a cn_partial for each. */
static inline ptrdiff_t cn_partials_size(const cn_job *job)
{
    return (job->mask_per_group ? 4 : 3) * job->width + 1;
}

/* Plan, bundles and segments of a call; nothing is allocated yet. */
void cn_open_job(cn_job *job, const cn_call *call, const cn_kernels *k, cn_kind kind, double eps,
                 cn_partial *stats);

/* Bytes of scratch a thread needs, and one thread's share of job->scratch. */
size_t cn_scratch_size(const cn_job *job);
cn_scratch cn_open_scratch(const cn_job *job, int thread);

/* A bundle: its columns and the offsets of its first element. */
typedef struct {
    cn_loop columns;
    ptrdiff_t offset[CN_NOPERANDS];
} cn_bundle;

void cn_locate_bundle(const cn_job *job, ptrdiff_t u, cn_bundle *bundle);

/* How a bundle's moments are cut into blocks, and its apply (parameters side by side, from STAT offset 0). */
void cn_tiling_of_moments(const cn_job *job, const cn_loop *columns, cn_tiling *tiling);
void cn_tiling_of_apply(const cn_job *job, const cn_loop *columns, cn_tiling *tiling);

/* How apply over all of x is cut into blocks, statistics in the caller's order. */
void cn_tiling_of_all(const cn_job *job, cn_tiling *tiling);

/* Moments of one segment of a bundle into partials, and of a whole bundle into s->bundle. */
void cn_segment_moments(const cn_job *job, const cn_tiling *tiling, const cn_bundle *bundle, ptrdiff_t segment,
                        double *partials, const cn_scratch *s);
void cn_bundle_moments(const cn_job *job, const cn_tiling *tiling, const cn_bundle *bundle, const cn_scratch *s);
void cn_merge_partials(const cn_job *job, double *to, const double *from);

/* Writes a finished bundle to stats and, if given, to params (of the bundle alone). Refined groups are merged
 * first; partials are theirs then. */
void cn_finish_bundle(const cn_job *job, double *partials, const cn_bundle *bundle, double *factors,
                      cn_params *params);

#endif
