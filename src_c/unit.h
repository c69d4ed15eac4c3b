/* unit.h: a job and its units: one group (rows), or up to CN_MAX_COLS neighbouring groups (cols). */
#ifndef CN_UNIT_H
#define CN_UNIT_H

#include "kernels.h"
#include "params.h"
#include "plan.h"

typedef struct {
    const cn_call *call;
    const cn_kernels *k;
    cn_plan plan;
    cn_walk spread; /* of apply: over one unit's loops (fused) or over all */
    cn_kind kind;
    double eps;
    ptrdiff_t width, units, spans; /* columns of a unit (1 for rows); spans of a unit */
    ptrdiff_t batch;               /* groups that are one block of one run: so many at once; else 0 */
    ptrdiff_t elements;            /* of a unit */
    cn_partial *stats;             /* by stat element, or NULL */
    double *slots;                 /* [units][spans] slots, two phases only */
    char *params_memory;
    cn_params params; /* by stat element; two phases only */
    char *scratch;    /* [threads] of scratch_size */
    size_t scratch_size;
} cn_job;

/* Scratch of a thread: two slots, parameters of a unit, packed blocks. */
typedef struct {
    double *unit, *span;
    char *params, *packed;
} cn_scratch;

/* A slot holds moments of one unit: count, then mean, mean_lo, m2 of width columns (cn_partial if 1). */
static inline ptrdiff_t cn_slot_size(const cn_job *job) { return 1 + 3 * job->width; }

/* Plan, units and spans of a call; nothing is allocated yet. */
void cn_open_job(cn_job *job, const cn_call *call, const cn_kernels *k, cn_kind kind, double eps,
                 cn_partial *stats);

/* Bytes of scratch a thread needs, and one thread's share of job->scratch. */
size_t cn_scratch_size(const cn_job *job);
cn_scratch cn_open_scratch(const cn_job *job, int thread);

/* Unit u: its first element and its columns. */
cn_loop cn_locate_unit(const cn_job *job, ptrdiff_t u, ptrdiff_t offset[CN_NOPERANDS]);
void cn_walk_unit(const cn_job *job, const cn_loop *columns, cn_walk *walk);

/* Moments of one span of a unit, and of a whole unit (into s->unit). x: the unit's first element. */
void cn_span_moments(const cn_job *job, const cn_walk *walk, const char *x, ptrdiff_t span, double *slot,
                     char *packed);
void cn_unit_moments(const cn_job *job, const cn_walk *walk, const char *x, const cn_scratch *s);
void cn_merge_slot(const cn_job *job, double *to, const double *from);

/* Writes a finished unit to stats and, if given, to params (of the unit alone). */
void cn_finish_unit(const cn_job *job, const double *slot, const cn_loop *columns, ptrdiff_t stat,
                    cn_params *params);

#endif
