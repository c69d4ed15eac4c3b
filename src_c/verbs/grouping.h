/* grouping.h: calls whose groups are positions of an axis, by label or by offset. */
#ifndef CN_GROUPING_H
#define CN_GROUPING_H

#include "cnorm.h"

/* The group of each position, negative in none: int32_t if narrow, else ptrdiff_t. */
typedef struct {
    const void *at;
    int narrow;
} cn_labels;

/* Groups of positions along an axis, sorted by label: group i has those from starts[i] up to starts[i + 1]. Labels in order
 * are left out. STAT's stride leads from a group to the next. `space`, with labels, has the bytes cn_group_space says. */
typedef struct {
    int axis;
    ptrdiff_t n;
    const ptrdiff_t *starts;
    cn_labels labels;
    void *space;
    size_t space_size;
} cn_groups;

/* Where groups begin (n_groups + 1) once n positions are sorted by labels, but negative ones. Are they out of order? */
int cn_count_labels(cn_labels labels, ptrdiff_t n, ptrdiff_t n_groups, ptrdiff_t *starts);
size_t cn_group_space(const cn_call *call, const cn_groups *groups);

/* Moments of groups to params, as CN_READY has them, or, where that is NULL, to the results or the states the call wants; reads
 * operands as cn_run does. */
cn_status cn_group_moments(const cn_call *call, const cn_groups *groups, void *params);

/* y of parameters that are ready, where positions have those of their groups, and 0 in none. The statistics of a group are
 * together. */
cn_status cn_group_apply(const cn_call *call, const cn_groups *groups);

#endif
