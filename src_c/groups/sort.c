/* sort.c: positions by their labels: a counting sort, stable. */
#include <string.h>

#include "groups/groups.h"

/* ends[g] runs from the start of its group to the end. */
#define SORT(T)                                                                                                   \
    static int count_##T(const T *labels, ptrdiff_t n, ptrdiff_t *starts)                                         \
    {                                                                                                             \
        int sorted = 1;                                                                                           \
        for (ptrdiff_t i = 0; i < n; i++) {                                                                       \
            if (labels[i] >= 0) starts[labels[i] + 1]++;                                                          \
            sorted &= i == 0 || labels[i] >= labels[i - 1];                                                       \
        }                                                                                                         \
        for (; sorted && *starts < n && labels[*starts] < 0;) ++*starts;                                          \
        return sorted;                                                                                            \
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
