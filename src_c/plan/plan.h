/* plan.h: axes of six strided operands -> few loops. */
#ifndef CN_PLAN_H
#define CN_PLAN_H

#include "cnorm.h"

typedef struct {
    ptrdiff_t n;
    ptrdiff_t stride[CN_NOPERANDS]; /* bytes; CN_STAT in elements, 0 = reduced */
} cn_loop;

/* Outermost first. */
typedef struct {
    int n;
    cn_loop loop[CN_MAXDIM];
} cn_loops;

typedef struct {
    ptrdiff_t start[CN_NOPERANDS]; /* offsets of the first element (axes may be flipped) */
    cn_loops all;                  /* every loop, x in memory order: what apply reads */
    cn_loop columns;               /* the innermost kept loop: neighbouring groups, taken several at a time */
    cn_loops kept;                 /* the other kept loops */
    cn_loops reduced;              /* a group's loops, merged by x alone: what moments read, so the order of sums
                                           depends on no other operand */
    cn_loops counted;              /* the same loops, merged by mask and weights, too */
    int scattered;                 /* these are more: strides of M and W in reduced count elements then */
    cn_loops spread;               /* a group's loops, merged by all operands: fused apply */
    int cols;                      /* columns is the innermost loop of all */
    ptrdiff_t refined;             /* so many neighbouring columns are one group, else 1 (see plan.c) */
    int split_by_affine;           /* kept and columns hold for what moments read, not for weight, bias or y */
} cn_plan;

void cn_make_plan(const cn_call *call, cn_plan *plan);

/* Of a call whose plan is refined: how y is written once all statistics are there. 0 if that is better refined, too. */
int cn_make_written_plan(const cn_call *call, cn_plan *plan);

/* Drops loops of size 1 and merges neighbours that all operands in mask allow. */
void cn_coalesce(cn_loops *loops, unsigned mask);

ptrdiff_t cn_count(const cn_loops *loops);

/* The i-th element of the loops: adds its offsets. */
void cn_locate(const cn_loops *loops, ptrdiff_t i, ptrdiff_t offset[CN_NOPERANDS]);

#endif
