/* sort.c: positions by their groups, a counting sort, stable; and the groups of positions. */
#include <string.h>

#include "groups/groups.h"

/* ends[g] runs from the start of its group to the end. */
#define SORT(T)                                                                                                   \
    static int count_##T(const T *labels, ptrdiff_t n, ptrdiff_t *starts)                                         \
    {                                                                                                             \
        ptrdiff_t sorted = 1; /* so many of the first ones are */                                                 \
        for (; sorted < n && labels[sorted] >= labels[sorted - 1];) sorted++;                                     \
        for (ptrdiff_t i = 0; i < n; i++)                                                                         \
            if (labels[i] >= 0) starts[labels[i] + 1]++;                                                          \
        for (; sorted >= n && *starts < n && labels[*starts] < 0;) ++*starts;                                     \
        return sorted >= n;                                                                                       \
    }                                                                                                             \
    static void order_##T(const T *labels, ptrdiff_t n, ptrdiff_t *ends, ptrdiff_t *order)                        \
    {                                                                                                             \
        for (ptrdiff_t i = 0; i < n; i++)                                                                         \
            if (labels[i] >= 0) order[ends[labels[i]]++] = i;                                                     \
    }
SORT(int32_t)
SORT(ptrdiff_t)

int cn_count_labels(cn_labels labels, ptrdiff_t n, ptrdiff_t n_groups, ptrdiff_t *starts)
{
    memset(starts, 0, (size_t)(n_groups + 1) * sizeof *starts);
    const int sorted = labels.narrow ? count_int32_t(labels.at, n, starts) : count_ptrdiff_t(labels.at, n, starts);
    for (ptrdiff_t g = 0; g < n_groups; g++) starts[g + 1] += starts[g];
    return !sorted;
}

void cn_sort_groups(const cn_group_job *job)
{
    const cn_groups *groups = job->groups;
    if (*job->sorted) return;
    memcpy(job->ends, groups->starts, (size_t)groups->n * sizeof *job->ends);
    if (groups->labels.narrow)
        order_int32_t(groups->labels.at, job->along.n, job->ends, job->order);
    else
        order_ptrdiff_t(groups->labels.at, job->along.n, job->ends, job->order);
    *job->sorted = 1;
}

/* The segment that a position is in; -1: none. */
static ptrdiff_t segment_at(const cn_groups *groups, ptrdiff_t position)
{
    ptrdiff_t low = 0, high = groups->n; /* starts[low] <= position < starts[high] */
    if (position < groups->starts[0] || position >= groups->starts[high]) return -1;
    while (high - low > 1) {
        const ptrdiff_t middle = low + (high - low) / 2;
        if (groups->starts[middle] <= position)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void cn_groups_at(const cn_groups *groups, ptrdiff_t first, ptrdiff_t n, ptrdiff_t *to)
{
    const ptrdiff_t *starts = groups->starts, end = first + n;
    if (groups->labels.at) {
        for (ptrdiff_t i = 0; i < n && groups->labels.narrow; i++)
            to[i] = ((const int32_t *)groups->labels.at)[first + i];
        if (!groups->labels.narrow)
            memcpy(to, (const ptrdiff_t *)groups->labels.at + first, (size_t)n * sizeof *to);
        return;
    }
    ptrdiff_t at = first;
    for (; at < end && at < starts[0]; at++) *to++ = -1;
    for (ptrdiff_t g = at < end ? segment_at(groups, at) : -1; g >= 0 && g < groups->n && at < end; g++)
        for (; at < end && at < starts[g + 1]; at++) *to++ = g;
    for (; at < end; at++) *to++ = -1;
}
