/* order.c: are the indices of a sparse matrix ascending in every row, and within its width? */
#include "sparse/sparse.h"

/* Indices that are compared in one run: falls are counted in numbers as wide as they are. */
#define RUN (1 << 16)

/* An index is a fall if the one before it is not less: where a row begins that is in order. Ascending rows need a look at both ends
 * alone. */
#define ORDER_OF(I)                                                                                               \
    static ptrdiff_t falls_##I(const I *index, ptrdiff_t n)                                                       \
    {                                                                                                             \
        ptrdiff_t falls = 0, i = 1, stop;                                                                         \
        while (i < n) {                                                                                           \
            I some = 0;                                                                                           \
            for (stop = n - i < RUN ? n : i + RUN; i < stop; i++) some += index[i] <= index[i - 1];               \
            falls += some;                                                                                        \
        }                                                                                                         \
        return falls;                                                                                             \
    }                                                                                                             \
    static cn_order order_##I(const I *index, const int64_t *starts, ptrdiff_t rows, ptrdiff_t width)             \
    {                                                                                                             \
        const ptrdiff_t begin = starts[0], end = starts[rows];                                                    \
        ptrdiff_t falls = falls_##I(index + begin, end - begin);                                                  \
        ptrdiff_t outside = (index[begin] < 0) | (index[end - 1] >= width), row = 1;                              \
        for (; row < rows && starts[row] == begin;) row++; /* those before are empty */                           \
        for (; row < rows && starts[row] < end; row++) {                                                          \
            const ptrdiff_t i = starts[row], some = i < starts[row + 1];                                          \
            falls -= some & (index[i] <= index[i - 1]);                                                           \
            outside |= (index[i] < 0) | (index[i - 1] >= width);                                                  \
        }                                                                                                         \
        for (ptrdiff_t i = begin; i < end && falls; i++) outside |= (index[i] < 0) | (index[i] >= width);         \
        return outside ? CN_OUTSIDE : falls ? CN_OUT_OF_ORDER : CN_IN_ORDER;                                      \
    }
ORDER_OF(int32_t)
ORDER_OF(int64_t)

cn_order cn_order_of(const cn_sparse *m, cn_rows rows)
{
    const int64_t *starts = m->starts + rows.begin;
    const ptrdiff_t n = rows.end - rows.begin;
    if (starts[0] == starts[n]) return CN_IN_ORDER;
    if (m->wide) return order_int64_t((const int64_t *)m->indices, starts, n, m->width);
    return order_int32_t((const int32_t *)m->indices, starts, n, m->width);
}

cn_order cn_sparse_order(const cn_sparse *m) { return cn_order_of(m, (cn_rows){0, m->rows}); }
