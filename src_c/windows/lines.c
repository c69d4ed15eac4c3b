/* lines.c: the lines of a call along an axis, and which of them, or which parts of one, are taken abreast. */
#include "windows/lines.h"

/* Rows of a segment, at least: each reads the block before its first once more. */
#define SEGMENT 1024
/* The same, and in blocks, where lines are columns: neighbours share cache lines, which a segment leaves in L2. */
#define SEGMENT_OF_COLUMNS 512
#define BLOCKS_OF_COLUMNS 4
/* Units for each thread. */
#define SHARES 4

static ptrdiff_t ratio_up(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }
static ptrdiff_t more(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
static ptrdiff_t at_least_one(ptrdiff_t n) { return n < 1 ? 1 : n; }

/* Segments of a line, if so many would be best. */
static void cut(cn_lines *lines, ptrdiff_t wanted, ptrdiff_t least_blocks)
{
    const ptrdiff_t blocks = ratio_up(lines->ends, lines->block);
    lines->blocks = at_least_one(ratio_up(blocks, wanted));
    if (lines->blocks < least_blocks) lines->blocks = least_blocks < blocks ? least_blocks : at_least_one(blocks);
    lines->segments = ratio_up(blocks, lines->blocks);
}

/* Are lines nearer to each other than their elements? */
static int columns(const cn_lines *lines)
{
    const cn_loops *all = &lines->plan.all;
    const ptrdiff_t step = lines->all.step < 0 ? -lines->all.step : lines->all.step;
    return all->n && all->loop[all->n - 1].stride[CN_X] < step;
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
    const ptrdiff_t groups = ratio_up(lines->lines, CN_ROW_LANES), shares = threads > 1 ? SHARES * threads : 1;
    const ptrdiff_t least = ratio_up(SEGMENT, lines->block);
    lines->of_one_line = !whole && lines->lines < CN_ROW_LANES;
    if (whole)
        cut(lines, 1, 1);
    else if (lines->of_one_line)
        cut(lines, CN_ROW_LANES * ratio_up(shares, lines->lines), threads > 1 ? least : 1);
    else if (columns(lines))
        cut(lines, lines->ends, more(ratio_up(SEGMENT_OF_COLUMNS, lines->block), BLOCKS_OF_COLUMNS));
    else
        cut(lines, ratio_up(shares, groups), least);
    lines->strips =
        lines->of_one_line ? lines->lines * ratio_up(lines->segments, CN_ROW_LANES) : groups * lines->segments;
}

void cn_take_abreast(const cn_lines *lines, ptrdiff_t strip, cn_abreast *a)
{
    const ptrdiff_t many = lines->of_one_line ? lines->lines : ratio_up(lines->lines, CN_ROW_LANES);
    const ptrdiff_t line = strip % many * (lines->of_one_line ? 1 : CN_ROW_LANES), part = strip / many;
    const ptrdiff_t left = lines->of_one_line ? lines->segments - part * CN_ROW_LANES : lines->lines - line;
    *a = lines->all;
    a->n = left < CN_ROW_LANES ? (int)left : CN_ROW_LANES;
    for (int l = 0; l < CN_ROW_LANES; l++) {
        const int used = l < a->n ? l : 0;
        const ptrdiff_t segment = lines->of_one_line ? part * CN_ROW_LANES + used : part;
        ptrdiff_t offset[CN_NOPERANDS] = {0};
        cn_locate(&lines->plan.all, lines->of_one_line ? line : line + used, offset);
        a->first[l] = segment * lines->blocks * lines->block;
        a->end[l] = a->first[l] + lines->blocks * lines->block;
        a->end[l] = a->end[l] < lines->ends ? a->end[l] : lines->ends;
        a->x[l] = lines->x + offset[CN_X];
        a->to[0][l] = lines->to[0] + offset[CN_Y];
        a->to[1][l] = lines->to[1] ? lines->to[1] + offset[CN_W] : NULL;
    }
}
