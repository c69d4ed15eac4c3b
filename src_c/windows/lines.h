/* lines.h: the lines of a call along an axis, and which of them, or which parts of one, are taken abreast. */
#ifndef CN_LINES_H
#define CN_LINES_H

#include <stddef.h>
#include <string.h>

#include "plan/plan.h"
#include "windows/abreast.h"

/* Windows end at positions 0 ... ends - 1, in blocks of `block` (the last may be shorter); a segment is so many blocks
 * of a line. Abreast are eight lines or, if there are fewer, eight segments of them; a strip is such an eight, or
 * several of lines that are short, or nearer to each other than their elements. */
typedef struct {
    cn_plan plan;
    cn_abreast all; /* what is the same for all: the rest is set by cn_take_abreast */
    const char *x;
    char *to[2];
    ptrdiff_t lines, run; /* strips end where a run of so many lines does */
    ptrdiff_t ends, block, blocks, segments;
    int by_segments, eights; /* of a strip, at most */
    ptrdiff_t strips;        /* what is taken abreast, counted */
} cn_lines;

/* All is 0 but the plan, which is five times the rest, and written before it is read. */
static inline void cn_clear_lines(cn_lines *lines)
{
    memset(&lines->all, 0, sizeof *lines - offsetof(cn_lines, all));
}

/* threads: how many should find work; whole: a line is one segment. The lines are cleared. */
void cn_make_lines(cn_lines *lines, const cn_call *call, int axis, ptrdiff_t block, ptrdiff_t forward, int threads,
                   int whole);

/* The eights of a strip, and how many they are. */
int cn_take_abreast(const cn_lines *lines, ptrdiff_t strip, cn_abreast *a);

#endif
