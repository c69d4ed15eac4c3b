/* job.h: a job and its units: neighbouring groups of the plan's columns, taken together. */
#ifndef CN_UNIT_H
#define CN_UNIT_H

#include "kernels/kernels.h"
#include "call/params.h"
#include "plan/plan.h"
#include "call/quantize.h"

/* Work space inside a job: malloc and free are a tenth of what a call of one short row costs. */
#define CN_SMALL (16 * 1024)

typedef struct {
    const cn_call *call;
    const cn_kernels *k;
    cn_plan plan;
    cn_kind kind;
    double eps;
    const char *mask; /* NULL if nothing is hidden; the plan heeds the strides of a mask all the same */
    int each;         /* every group has a mask of its own */
    int packs;        /* blocks, or parameters, are packed */
    ptrdiff_t width, units, spans; /* columns of a unit; spans of a unit */
    ptrdiff_t fold;                /* narrow columns: so many rows are one row of fold * width columns */
    ptrdiff_t repeat;              /* rows of a group, each with parameters of its own; else 1 */
    ptrdiff_t elements;            /* of a unit */
    cn_walk apply;                 /* two phases: over all of x */
    cn_partial *stats;             /* by group, or NULL */
    const cn_rows *rows;           /* NULL, or y of each unit becomes bytes */
    double *slots;                 /* [units][spans] slots, two phases only */
    char *params_memory;
    cn_params params; /* by stat element; two phases only */
    ptrdiff_t ahead;  /* bytes of x from a unit to the one applied after it */
    int far, stream;  /* the data outgrow the cache; y is written past it */
    int passing;      /* x is a sum written past it; what reads it finds a unit's in scratch */
    char *scratch;    /* [threads] of scratch_size */
    size_t scratch_size;
    size_t small_used;
    _Alignas(64) char small[CN_SMALL];
} cn_job;

/* Scratch of a thread: two slots, a folded one, factors and parameters of a unit, x of a unit (NULL unless
 * it is passing), packed blocks. */
typedef struct {
    double *unit, *span, *folded, *factors;
    char *params, *x, *packed;
} cn_scratch;

/* A slot holds moments of one unit: count, then mean, mean_lo, m2 of width columns; with masks of their own
 * a cn_partial for each. */
static inline ptrdiff_t cn_slot_size(const cn_job *job) { return (job->each ? 4 : 3) * job->width + 1; }

/* Plan, units and spans of a call; nothing is allocated yet. */
void cn_open_job(cn_job *job, const cn_call *call, const cn_kernels *k, cn_kind kind, double eps,
                 cn_partial *stats);

/* Bytes of scratch a thread needs, and one thread's share of job->scratch. */
size_t cn_scratch_size(const cn_job *job);
cn_scratch cn_open_scratch(const cn_job *job, int thread);

/* A unit: its columns and the offsets of its first element. */
typedef struct {
    cn_loop columns;
    ptrdiff_t offset[CN_NOPERANDS];
} cn_unit;

void cn_locate_unit(const cn_job *job, ptrdiff_t u, cn_unit *unit);

/* The walks of a unit's moments, and of its apply (parameters side by side, from STAT offset 0). */
void cn_walk_moments(const cn_job *job, const cn_loop *columns, cn_walk *walk);
void cn_walk_apply(const cn_job *job, const cn_loop *columns, cn_walk *walk);

/* The walk of apply over all of x, statistics in the caller's order. */
void cn_walk_all(const cn_job *job, cn_walk *walk);

/* Moments of one span of a unit into slot, and of a whole unit into s->unit. */
void cn_span_moments(const cn_job *job, const cn_walk *walk, const cn_unit *unit, ptrdiff_t span, double *slot,
                     const cn_scratch *s);
void cn_unit_moments(const cn_job *job, const cn_walk *walk, const cn_unit *unit, const cn_scratch *s);
void cn_merge_slot(const cn_job *job, double *to, const double *from);

/* Writes a finished unit to stats and, if given, to params (of the unit alone). Refined groups are merged
 * first; slot is theirs then. */
void cn_finish_unit(const cn_job *job, double *slot, const cn_unit *unit, double *factors, cn_params *params);

#endif
