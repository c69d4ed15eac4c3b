/* mask.h: what a mask shows: runs, extents, everything. */
#ifndef CN_MASK_H
#define CN_MASK_H

#include "plan/plan.h"

/* From the first shown element to the last; full: nothing is hidden in between. */
typedef struct {
    ptrdiff_t from, to;
    int full;
} cn_extent;

/* The call's mask, NULL if there is none or it hides nothing. */
const char *cn_mask_of(const cn_call *call);

/* How many of n > 0 elements are alike, from the first on. */
ptrdiff_t cn_alike(const char *mask, ptrdiff_t stride, ptrdiff_t n);

/* The same, where runs of fewer than `least` are joined by what follows them, *mixed then, until there is a longer one. */
ptrdiff_t cn_mixed_run(const char *mask, ptrdiff_t stride, ptrdiff_t n, ptrdiff_t least, int *mixed);

/* How many of n elements are left without the hidden ones at the end. */
ptrdiff_t cn_shown_end(const char *mask, ptrdiff_t stride, ptrdiff_t n);

cn_extent cn_look(const char *mask, ptrdiff_t stride, ptrdiff_t n);

/* Is all of [rows, n] shown? */
int cn_all_shown(const char *mask, ptrdiff_t row, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t n);

/* A byte for each of n elements of groups that have one; CN_REPEATED more may be written. */
#define CN_REPEATED 8
void cn_repeat_mask(const char *mask, ptrdiff_t stride, ptrdiff_t groups, ptrdiff_t n, char *to);

/* Groups of so few elements are taken together whatever a mask hides of them: to look for what is alike takes longer. */
#define CN_FEW_MASKED 4

#endif
