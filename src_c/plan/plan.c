/* plan.c: the coalescing rule. Integers only.
 *
 * Drop axes of size 1; flip axes on which x runs backwards; sort by x-stride, largest first; merge
 * neighbours when outer.stride == inner.stride * inner.n for every operand. A kept and a reduced axis
 * never merge, because the stat operand forbids it. Invariants: same multiset of addresses for each
 * operand; no mergeable neighbours; no loop of size 1 (but one, if all are).
 *
 * Refine, then merge: where the innermost loop is a short reduced run inside a kept loop, and groups have
 * further loops (GroupNorm channels-last: K8 R4096 K32 R10), every position of the run becomes a statistic
 * of its own, stat indices count these, and the two loops are one loop of columns. Where statistics are given there is
 * nothing to merge, and rows with one of their own are faster (batch_norm eval (64, 2048, 7, 7) 3.2 to 1.2 ms, runs of 2
 * to 64 of each dtype 1.4 to 3.0 times, Zen 5). */
#include "plan/plan.h"

#include <stdio.h>

#define ALL ((1u << CN_NOPERANDS) - 1)
/* What moments read. */
#define READ (1u << CN_X | 1u << CN_STAT | 1u << CN_M)

static unsigned what_is_read(const cn_call *call) { return call->moments.weights ? READ | 1u << CN_W : READ; }

/* A run up to this length is refined if at least so many of them make a group. */
#define CN_SHORT_RUN 64

static int mergeable(const cn_loop *outer, const cn_loop *inner, unsigned mask)
{
    for (int o = 0; o < CN_NOPERANDS; o++)
        if ((mask >> o & 1) && outer->stride[o] != inner->stride[o] * inner->n) return 0;
    return 1;
}

void cn_coalesce(cn_loops *loops, unsigned mask)
{
    int k = 0;
    for (int i = 0; i < loops->n; i++) {
        cn_loop inner = loops->loop[i];
        if (inner.n == 1) continue;
        if (k && mergeable(&loops->loop[k - 1], &inner, mask)) {
            inner.n *= loops->loop[k - 1].n;
            k--;
        }
        loops->loop[k++] = inner;
    }
    loops->n = k;
}

/* Broadcast axes (x-stride 0) go outermost: what is contiguous stays inside. */
static int outside(const cn_loop *a, const cn_loop *b)
{
    if (a->stride[CN_X] == 0 || b->stride[CN_X] == 0) return a->stride[CN_X] == 0 && b->stride[CN_X] != 0;
    return a->stride[CN_X] > b->stride[CN_X];
}

static void gather(const cn_call *call, cn_plan *plan)
{
    cn_loops *all = &plan->all;
    all->n = 0;
    for (int o = 0; o < CN_NOPERANDS; o++) plan->start[o] = 0;
    for (int axis = 0; axis < call->ndim; axis++) {
        cn_loop loop = {.n = call->shape[axis]};
        if (loop.n == 1) continue;
        int flip = call->op[CN_X].strides[axis] < 0;
        for (int o = 0; o < CN_NOPERANDS; o++) {
            ptrdiff_t stride = call->op[o].strides[axis];
            if (flip) plan->start[o] += stride * (loop.n - 1);
            loop.stride[o] = flip ? -stride : stride;
        }
        int k = all->n++;
        for (; k > 0 && outside(&loop, &all->loop[k - 1]); k--) all->loop[k] = all->loop[k - 1];
        all->loop[k] = loop;
    }
}

/* Not the whole struct: it has room for CN_MAXDIM loops, 3 KB. */
static void copy_loops(cn_loops *to, const cn_loops *from)
{
    to->n = from->n;
    for (int i = 0; i < from->n; i++) to->loop[i] = from->loop[i];
}

static void keep(cn_loops *to, const cn_loops *from, int n, int reduced)
{
    to->n = 0;
    for (int i = 0; i < n; i++)
        if ((from->loop[i].stride[CN_STAT] == 0) == reduced) to->loop[to->n++] = from->loop[i];
}

/* Is the innermost run of x short, inside neighbouring groups that have many of them? Its size, or 1. */
static ptrdiff_t short_run(const cn_loops *by_x, unsigned read)
{
    if (by_x->n < 3) return 1;
    const cn_loop *run = &by_x->loop[by_x->n - 1], *groups = run - 1;
    ptrdiff_t runs = 1;
    for (int i = 0; i < by_x->n - 2; i++)
        if (by_x->loop[i].stride[CN_STAT] == 0) runs *= by_x->loop[i].n;
    const int fits = run->stride[CN_STAT] == 0 && groups->stride[CN_STAT] == 1 &&
                     mergeable(groups, run, read & ~(1u << CN_STAT));
    return fits && run->n <= CN_SHORT_RUN && runs >= CN_SHORT_RUN ? run->n : 1;
}

/* STAT counts refined statistics: the loops after the last kept one become kept. */
static void refine(cn_loops *loops, ptrdiff_t run)
{
    ptrdiff_t stride = 1;
    for (int i = loops->n - 1; i >= 0; i--)
        if (stride < run)
            loops->loop[i].stride[CN_STAT] = stride, stride *= loops->loop[i].n;
        else
            loops->loop[i].stride[CN_STAT] *= run;
}

/* Merges a group's loops by x alone. What else is read of it may not lie so: it is found by the number of an element. */
static void merge_reduced(cn_plan *plan)
{
    ptrdiff_t stride = 1;
    copy_loops(&plan->counted, &plan->reduced);
    cn_coalesce(&plan->reduced, 1u << CN_X);
    plan->scattered = plan->reduced.n < plan->counted.n;
    for (int i = plan->reduced.n - 1; plan->scattered && i >= 0; i--) {
        plan->reduced.loop[i].stride[CN_M] = plan->reduced.loop[i].stride[CN_W] = stride;
        stride *= plan->reduced.loop[i].n;
    }
}

static void make_plan(const cn_call *call, int refines, cn_plan *plan)
{
    cn_loops *all = &plan->all, by_x;
    const unsigned read = what_is_read(call);
    gather(call, plan);
    copy_loops(&by_x, all);
    cn_coalesce(&by_x, read);
    plan->refined = refines ? short_run(&by_x, read) : 1;
    if (plan->refined > 1) {
        refine(all, plan->refined);
        plan->start[CN_STAT] *= plan->refined;
        copy_loops(&by_x, all);
        cn_coalesce(&by_x, read);
    }
    cn_coalesce(all, ALL);
    plan->cols = all->n && all->loop[all->n - 1].stride[CN_STAT] != 0;
    plan->split_by_affine = plan->cols && all->loop[all->n - 1].n != by_x.loop[by_x.n - 1].n;
    const cn_loops *from = plan->split_by_affine ? &by_x : all;
    keep(&plan->kept, from, from->n, 0);
    plan->columns = plan->kept.n ? plan->kept.loop[--plan->kept.n] : (cn_loop){.n = 1};
    keep(&plan->reduced, &by_x, by_x.n, 1);
    cn_coalesce(&plan->reduced, read);
    merge_reduced(plan);
    keep(&plan->spread, all, all->n, 1);
    cn_coalesce(&plan->spread, ALL);
}

void cn_make_plan(const cn_call *call, cn_plan *plan) { make_plan(call, call->moments.source == CN_OWN, plan); }

/* Rows of a refined group share what is per group; weights along the run are better met by columns. */
int cn_make_written_plan(const cn_call *call, cn_plan *plan)
{
    for (int axis = 0; axis < call->ndim; axis++)
        if (call->op[CN_STAT].strides[axis] == 0 && call->shape[axis] > 1 &&
            (call->op[CN_W].strides[axis] || call->op[CN_B].strides[axis]))
            return 0;
    make_plan(call, 0, plan);
    return 1;
}

void cn_describe(const cn_call *call, char *text, size_t size)
{
    static const ptrdiff_t sizes[CN_NDTYPES] = {[CN_F32] = 4, [CN_F64] = 8, [CN_F16] = 2, [CN_BF16] = 2};
    cn_plan plan;
    size_t at = 0;
    cn_make_plan(call, &plan);
    const cn_loops *all = &plan.all;
    for (int i = 0; i < all->n && at < size; i++) {
        const cn_loop *l = &all->loop[i];
        at += (size_t)snprintf(text + at, size - at, "%c%td%s ", l->stride[CN_STAT] ? 'K' : 'R', l->n,
                               l->stride[CN_W] || l->stride[CN_B] ? "w" : "");
    }
    int apart = all->n && all->loop[all->n - 1].stride[CN_X] != sizes[call->dtype];
    if (at < size)
        snprintf(text + at, size - at, "%s%s%s", plan.cols ? "cols" : "rows", plan.refined > 1 ? " refined" : "",
                 apart ? " packed" : "");
}

ptrdiff_t cn_count(const cn_loops *loops)
{
    ptrdiff_t n = 1;
    for (int i = 0; i < loops->n; i++) n *= loops->loop[i].n;
    return n;
}

void cn_locate(const cn_loops *loops, ptrdiff_t i, ptrdiff_t offset[CN_NOPERANDS])
{
    for (int k = loops->n - 1; k >= 0 && i; k--) {
        const cn_loop *loop = &loops->loop[k];
        const ptrdiff_t at = k ? i % loop->n : i; /* a division takes as long as a short row */
        i = k ? i / loop->n : 0;
        for (int o = 0; o < CN_NOPERANDS; o++) offset[o] += at * loop->stride[o];
    }
}
