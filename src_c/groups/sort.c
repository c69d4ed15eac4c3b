/* sort.c: positions by their labels: a counting sort, stable. */
#include <string.h>

#include "cnorm.h"

/* starts[g] runs to the end of its group, the start of the next: it is put back a group at a time. */
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
    static void order_##T(const T *labels, ptrdiff_t n, ptrdiff_t *starts, ptrdiff_t *order)                      \
    {                                                                                                             \
        for (ptrdiff_t i = 0; i < n; i++)                                                                         \
            if (labels[i] >= 0) order[starts[labels[i]]++] = i;                                                   \
    }
SORT(int32_t)
SORT(ptrdiff_t)

int cn_sort_labels(cn_labels labels, ptrdiff_t n, ptrdiff_t n_groups, ptrdiff_t *starts, ptrdiff_t *order)
{
    memset(starts, 0, (size_t)(n_groups + 1) * sizeof *starts);
    const int sorted = labels.narrow ? count_int32_t(labels.at, n, starts) : count_ptrdiff_t(labels.at, n, starts);
    for (ptrdiff_t g = 0; g < n_groups; g++) starts[g + 1] += starts[g];
    if (sorted) return 0;
    if (labels.narrow)
        order_int32_t(labels.at, n, starts, order);
    else
        order_ptrdiff_t(labels.at, n, starts, order);
    memmove(starts + 1, starts, (size_t)n_groups * sizeof *starts);
    starts[0] = 0;
    return 1;
}
