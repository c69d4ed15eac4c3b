/* lines.c: the lines of a call along an axis, and which of them, or which parts of one, are taken abreast. */
#include "windows/lines.h"

/* Rows of a segment, at least: each reads the block before its first once more. */
#define SEGMENT 1024
/* Units for each thread. */
#define SHARES 4
/* Elements of lines that share a strip, in a lane: what is packed of them stays in L1. */
#define SHORT 256
/* Eights of lines that are nearer to each other than their elements: what is packed of them stays in L2. */
#define NEAR 16
/* Eights of long lines that take turns. */
#define TURNS 4

static ptrdiff_t ratio_up(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }
static ptrdiff_t at_least_one(ptrdiff_t n) { return n < 1 ? 1 : n; }

/* Segments of a line, if so many would be best. */
static void cut(cn_lines *lines, ptrdiff_t wanted, ptrdiff_t least_blocks)
{
    const ptrdiff_t blocks = ratio_up(lines->ends, lines->block);
    lines->blocks = at_least_one(ratio_up(blocks, wanted));
    if (lines->blocks < least_blocks) lines->blocks = least_blocks < blocks ? least_blocks : at_least_one(blocks);
    lines->segments = ratio_up(blocks, lines->blocks);
}

/* Into how many segments lines are best cut where eight of these are taken abreast: rows of all eights; a segment that does not
 * begin its line reads the block before it as well (6 lines of 10007 by windows of 2501: two eights of 2 segments each take
 * twice as long as one of whole lines). */
static ptrdiff_t best_segments(const cn_lines *lines)
{
    if (lines->lines == 1) return CN_ROW_LANES; /* without divisions, which small calls would feel */
    const ptrdiff_t blocks = ratio_up(lines->ends, lines->block);
    ptrdiff_t best = 1, least = 0;
    for (ptrdiff_t n = 1; n <= CN_ROW_LANES && n <= blocks; n++) {
        const ptrdiff_t each = ratio_up(blocks, n),
                        eights = ratio_up(lines->lines * ratio_up(blocks, each), CN_ROW_LANES);
        const ptrdiff_t rows = n > 1 ? (each + 1) * lines->block : lines->ends;
        if (n == 1 || eights * rows < least) best = n, least = eights * rows;
    }
    return best;
}

/* Eights of a strip: many where lines are nearer to each other than their elements, or where they are short. */
static int eights_of(const cn_lines *lines, int whole)
{
    const cn_loops *all = &lines->plan.all;
    const ptrdiff_t step = lines->all.step < 0 ? -lines->all.step : lines->all.step;
    const ptrdiff_t fit = all->n && all->loop[all->n - 1].stride[CN_X] < step ? NEAR : SHORT / lines->ends;
    const ptrdiff_t least = whole ? TURNS : 1, there = ratio_up(lines->run, CN_ROW_LANES);
    const ptrdiff_t most = there < CN_MOST_EIGHTS ? there : CN_MOST_EIGHTS;
    return (int)(fit < least && least < most ? least : fit < most ? at_least_one(fit) : most);
}

/* Lines that are evenly apart, if they fill an eight: then strips end where they do; else all lines. */
static ptrdiff_t run_of(cn_lines *lines)
{
    static const int operands[2] = {CN_Y, CN_W};
    const cn_loops *all = &lines->plan.all;
    const cn_loop *last = &all->loop[all->n ? all->n - 1 : 0];
    lines->all.even = !lines->by_segments && all->n && last->n >= CN_ROW_LANES;
    for (int l = 0; l < CN_ROW_LANES && lines->all.even; l++) {
        lines->all.lane[l] = l * last->stride[CN_X];
        for (int i = 0; i < 2; i++) lines->all.to_lane[i][l] = l * last->stride[operands[i]];
    }
    return lines->all.even ? last->n : lines->lines;
}

void cn_make_lines(cn_lines *lines, const cn_call *call, int axis, ptrdiff_t block, ptrdiff_t forward, int threads,
                   int whole)
{
    static const int operands[2] = {CN_Y, CN_W};
    cn_call positions = *call;
    positions.shape[axis] = 1;
    cn_make_plan(&positions, &lines->plan);
    lines->lines = cn_count(&lines->plan.all);
    lines->all.length = call->shape[axis], lines->all.step = call->op[CN_X].strides[axis];
    lines->x = call->op[CN_X].data + lines->plan.start[CN_X];
    for (int i = 0; i < 2; i++) {
        const int o = operands[i];
        lines->to[i] = call->op[o].data ? call->op[o].data + lines->plan.start[o] : NULL;
        lines->all.to_step[i] = call->op[o].strides[axis];
    }
    lines->ends = call->shape[axis] + forward;
    lines->block = block < lines->ends ? block : lines->ends;
    lines->by_segments = !whole && lines->lines < CN_ROW_LANES, lines->all.at_one_row = !lines->by_segments;
    lines->run = run_of(lines);
    const ptrdiff_t all = ratio_up(lines->run, CN_ROW_LANES), shares = threads > 1 ? SHARES * threads : 1;
    const ptrdiff_t least = ratio_up(SEGMENT, lines->block), runs = lines->lines / lines->run;
    lines->eights = eights_of(lines, whole);
    if (whole)
        cut(lines, 1, 1);
    else if (lines->by_segments && threads > 1)
        cut(lines, ratio_up(CN_ROW_LANES * shares, lines->lines), least);
    else if (lines->by_segments)
        cut(lines, best_segments(lines), 1);
    else
        cut(lines, ratio_up(shares, ratio_up(all, lines->eights) * runs), least);
    lines->strips = lines->by_segments ? ratio_up(lines->lines * lines->segments, CN_ROW_LANES)
                                       : ratio_up(all, lines->eights) * runs * lines->segments;
}

/* Lanes are lines from the first on, or segments of all lines, one line's behind the other's; the last eight of several
 * lines is full: some of it are those of the eight before as well. */
static void take_eight(const cn_lines *lines, ptrdiff_t first, ptrdiff_t segment, cn_abreast *a)
{
    const ptrdiff_t left = lines->lines * (lines->by_segments ? lines->segments : 1) - first;
    *a = lines->all;
    a->n = left < CN_ROW_LANES ? (int)left : CN_ROW_LANES;
    if (!lines->by_segments && first && a->n < CN_ROW_LANES) {
        a->from = CN_ROW_LANES - a->n, a->n = CN_ROW_LANES;
        first -= a->from;
    }
    for (int l = 0; l < CN_ROW_LANES; l++) {
        const ptrdiff_t lane = first + (l < a->n ? l : 0);
        const ptrdiff_t part = lines->by_segments ? lane % lines->segments : segment;
        ptrdiff_t offset[CN_NOPERANDS] = {0};
        cn_locate(&lines->plan.all, lines->by_segments ? lane / lines->segments : lane, offset);
        a->first[l] = part * lines->blocks * lines->block;
        a->end[l] = a->first[l] + lines->blocks * lines->block;
        a->end[l] = a->end[l] < lines->ends ? a->end[l] : lines->ends;
        a->x[l] = lines->x + offset[CN_X];
        a->to[0][l] = lines->to[0] + offset[CN_Y];
        a->to[1][l] = lines->to[1] ? lines->to[1] + offset[CN_W] : NULL;
    }
}

/* Eights of one run, from lane `first` on. */
static void take_even(const cn_lines *lines, ptrdiff_t run, ptrdiff_t first, int eights, ptrdiff_t segment,
                      cn_abreast *a)
{
    ptrdiff_t offset[CN_NOPERANDS] = {0};
    const ptrdiff_t behind = first + eights * CN_ROW_LANES - lines->run, end = lines->ends;
    cn_locate(&lines->plan.all, run * lines->run + first, offset);
    *a = lines->all;
    a->n = CN_ROW_LANES, a->from = behind > 0 ? (int)behind : 0;
    a->first[0] = segment * lines->blocks * lines->block;
    a->end[0] = a->first[0] + lines->blocks * lines->block;
    a->end[0] = a->end[0] < end ? a->end[0] : end;
    a->x[0] = lines->x + offset[CN_X], a->to[0][0] = lines->to[0] + offset[CN_Y];
    a->to[1][0] = lines->to[1] ? lines->to[1] + offset[CN_W] : NULL;
}

int cn_take_abreast(const cn_lines *lines, ptrdiff_t strip, cn_abreast *a)
{
    if (lines->by_segments) {
        take_eight(lines, strip * CN_ROW_LANES, 0, a);
        return 1;
    }
    const ptrdiff_t all = ratio_up(lines->run, CN_ROW_LANES), many = ratio_up(all, lines->eights);
    const ptrdiff_t strips = many * (lines->lines / lines->run), segment = strip / strips;
    const ptrdiff_t in_run = strip % strips % many, first = in_run * lines->eights;
    const int n = all - first < lines->eights ? (int)(all - first) : lines->eights;
    if (lines->all.even)
        take_even(lines, strip % strips / many, first * CN_ROW_LANES, n, segment, a);
    else
        for (int i = 0; i < n; i++) take_eight(lines, (first + i) * CN_ROW_LANES, segment, a + i);
    return n;
}
