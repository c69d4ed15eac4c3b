/* stored.c: what is stored: elements stored twice found and added, elements divided by what their group has. */
#include <stdlib.h>
#include <string.h>

#include "dispatch/numbers.h"
#include "sparse/sparse.h"
#include "threads/threads.h"

static ptrdiff_t index_of(const cn_sparse *m, ptrdiff_t i)
{
    return m->wide ? (ptrdiff_t)((const int64_t *)m->indices)[i] : ((const int32_t *)m->indices)[i];
}

/* For each column the last element written of it, -1 without one. */
static ptrdiff_t *new_marks(const cn_sparse *m)
{
    ptrdiff_t *marks = malloc((size_t)(m->width + 1) * sizeof *marks);
    for (ptrdiff_t c = 0; marks && c < m->width; c++) marks[c] = -1;
    return marks;
}

cn_status cn_sparse_repeats(const cn_sparse *m, int *repeats)
{
    ptrdiff_t *marks = new_marks(m);
    *repeats = 0;
    if (!marks) return CN_NO_MEMORY;
    for (ptrdiff_t row = 0; row < m->rows && !*repeats; row++)
        for (ptrdiff_t i = m->starts[row]; i < m->starts[row + 1]; i++) {
            ptrdiff_t *mark = &marks[index_of(m, i)];
            *repeats |= *mark >= m->starts[row];
            *mark = i;
        }
    free(marks);
    return CN_OK;
}

/* to += from, in their own type. */
static void add(cn_number number, char *to, const char *from)
{
#define CN_ADD_OF(NAME, type)                                                                                     \
    case CN_NUMBER_##NAME: {                                                                                      \
        type a, b;                                                                                                \
        memcpy(&a, to, sizeof a), memcpy(&b, from, sizeof b);                                                     \
        a = (type)(a + b);                                                                                        \
        memcpy(to, &a, sizeof a);                                                                                 \
        break;                                                                                                    \
    }
    switch (number) {
        CN_NUMBERS(CN_ADD_OF)
    default: break;
    }
}

cn_status cn_sparse_add_repeats(const cn_sparse *m, char *data, char *indices, int64_t *starts)
{
    const ptrdiff_t size = cn_number_size(m->number), index_size = m->wide ? 8 : 4;
    ptrdiff_t *marks = new_marks(m), n = 0;
    if (!marks) return CN_NO_MEMORY;
    starts[0] = 0;
    for (ptrdiff_t row = 0; row < m->rows; row++) {
        for (ptrdiff_t i = m->starts[row]; i < m->starts[row + 1]; i++) {
            ptrdiff_t *mark = &marks[index_of(m, i)];
            if (*mark >= starts[row]) {
                add(m->number, data + *mark * size, m->data + i * size);
                continue;
            }
            memcpy(data + n * size, m->data + i * size, (size_t)size);
            memcpy(indices + n * index_size, m->indices + i * index_size, (size_t)index_size);
            *mark = n++;
        }
        starts[row + 1] = n;
    }
    free(marks);
    return CN_OK;
}

typedef struct {
    cn_reading r;
    const double *by;
    double most;
    char *y;
} division;

/* Of NaN the clip leaves NaN. */
#define DIVIDE(T, DIVISOR)                                                                                        \
    do {                                                                                                          \
        const T *x = (const T *)m->data;                                                                          \
        T *y = (T *)d->y;                                                                                         \
        for (; i < end; i++) {                                                                                    \
            const double v = x[i] / d->by[DIVISOR];                                                               \
            y[i] = (T)(v > d->most ? d->most : v);                                                                \
        }                                                                                                         \
    } while (0)

/* Elements from one on. */
static void divide(const division *d, ptrdiff_t i, ptrdiff_t end, ptrdiff_t row)
{
    const cn_sparse *m = d->r.m;
    const int floats = m->number == CN_NUMBER_FLOAT;
    if (d->r.across && m->wide && floats)
        DIVIDE(float, ((const int64_t *)m->indices)[i]);
    else if (d->r.across && m->wide)
        DIVIDE(double, ((const int64_t *)m->indices)[i]);
    else if (d->r.across && floats)
        DIVIDE(float, ((const int32_t *)m->indices)[i]);
    else if (d->r.across)
        DIVIDE(double, ((const int32_t *)m->indices)[i]);
    else if (floats)
        DIVIDE(float, row);
    else
        DIVIDE(double, row);
}

static void divide_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const division *d = context;
    const int64_t *starts = d->r.m->starts;
    const ptrdiff_t first = cn_rows_of(&d->r, begin).begin, last = cn_rows_of(&d->r, end - 1).end;
    (void)thread;
    if (d->r.across) divide(d, starts[first], starts[last], 0);
    for (ptrdiff_t row = first; row < last && !d->r.across; row++) divide(d, starts[row], starts[row + 1], row);
}

void cn_sparse_divide(const cn_sparse *m, int across, const double *by, double most, char *y)
{
    const ptrdiff_t elements = (ptrdiff_t)m->starts[m->rows];
    division d = {.r = {.m = m, .across = across, .blocks = m->rows < 64 ? m->rows : 64}, by, most, y};
    if (m->rows > 0) cn_parallel(d.r.blocks, cn_threads_for(elements), divide_task, &d);
}
