/* sort.c: positions by their labels: a counting sort, stable. */
#include <string.h>

#include "cnorm.h"

int cn_sort_labels(const ptrdiff_t *labels, ptrdiff_t n, ptrdiff_t n_groups, ptrdiff_t *starts, ptrdiff_t *order)
{
    ptrdiff_t first = 0;
    int sorted = 1;
    memset(starts, 0, (size_t)(n_groups + 1) * sizeof *starts);
    for (ptrdiff_t i = 0; i < n; i++) {
        if (labels[i] >= 0) starts[labels[i] + 1]++;
        sorted &= i == 0 || labels[i] >= labels[i - 1];
    }
    for (; sorted && first < n && labels[first] < 0;) first++;
    starts[0] = first;
    for (ptrdiff_t g = 0; g < n_groups; g++) starts[g + 1] += starts[g];
    if (sorted) return 0;
    /* starts[g] runs to the end of its group, the start of the next: it is put back a group at a time. */
    for (ptrdiff_t i = 0; i < n; i++)
        if (labels[i] >= 0) order[starts[labels[i]]++] = i;
    memmove(starts + 1, starts, (size_t)n_groups * sizeof *starts);
    starts[0] = 0;
    return 1;
}
