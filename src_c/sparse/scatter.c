/* scatter.c: rows of a sparse matrix into tables by column, or into sums of their own, their indices checked before. */
#include <string.h>

#include "dispatch/cpu.h"
#include "memory/numbers.h"
#include "sparse/sparse.h"

/* Elements of a row that are added in one run: more lose digits. */
#define RUN 8192

static cn_order worse(cn_order a, cn_order b) { return a > b ? a : b; }

/* Ascending indices need a look at both ends alone. */
#define ORDER_OF(I)                                                                                               \
    static cn_order order_##I(const I *index, ptrdiff_t n, ptrdiff_t width)                                       \
    {                                                                                                             \
        I ascending = 1, outside = 0;                                                                             \
        if (n == 0) return CN_IN_ORDER;                                                                           \
        for (ptrdiff_t i = 1; i < n; i++) ascending &= index[i - 1] < index[i];                                   \
        if (ascending) return index[0] >= 0 && index[n - 1] < width ? CN_IN_ORDER : CN_OUTSIDE;                   \
        for (ptrdiff_t i = 0; i < n; i++) outside |= (index[i] < 0) | (index[i] >= width);                        \
        return outside ? CN_OUTSIDE : CN_OUT_OF_ORDER;                                                            \
    }
ORDER_OF(int32_t)
ORDER_OF(int64_t)

cn_order cn_order_of(const cn_sparse *m, ptrdiff_t row)
{
    const ptrdiff_t from = m->starts[row], n = m->starts[row + 1] - from;
    if (m->wide) return order_int64_t((const int64_t *)m->indices + from, n, m->width);
    return order_int32_t((const int32_t *)m->indices + from, n, m->width);
}

void cn_take_values(const cn_sparse *m, ptrdiff_t from, ptrdiff_t n, double *to)
{
    const ptrdiff_t size = cn_number_size(m->number);
    cn_to_doubles(m->number, m->data + from * size, size, n, 1, to);
}

void cn_take_indices(const cn_sparse *m, ptrdiff_t from, ptrdiff_t n, ptrdiff_t *to)
{
    for (ptrdiff_t i = 0; i < n && m->wide; i++) to[i] = (ptrdiff_t)((const int64_t *)m->indices)[from + i];
    for (ptrdiff_t i = 0; i < n && !m->wide; i++) to[i] = ((const int32_t *)m->indices)[from + i];
}

/* What a column has lies side by side, so that vectors have it. */
typedef double pair __attribute__((vector_size(2 * sizeof(double))));

static inline pair get(const void *from)
{
    pair p;
    memcpy(&p, from, sizeof p);
    return p;
}

static inline void put(void *to, pair p) { memcpy(to, &p, sizeof p); }

static inline pair with_square(double v) { return (pair){v, v * v}; }

/* Two elements and their squares, each beside its own. */
static inline void with_squares(pair v, pair *first, pair *second)
{
    const pair squares = v * v;
    *first = __builtin_shufflevector(v, squares, 0, 2), *second = __builtin_shufflevector(v, squares, 1, 3);
}

/* NaN is no end: a comparison with it is false. */
static inline pair lesser(pair a, pair b)
{
    typedef __typeof__(a < b) bits;
    const bits less = a < b;
    return (pair)((less & (bits)a) | (~less & (bits)b));
}

static inline void move_ends(cn_column_ends *ends, double v)
{
    put(ends, lesser((pair){v, -v}, get(ends)));
    ends->stored++;
}

/* Ascending: no two of the indices are one, so that four columns are read before they are written. (Sums of 100000 columns
 * fetched 16 elements early take 15.1 ms instead of 11.) */
#define ADD(T, I)                                                                                                 \
    static void add_##T##_##I(const T *x, const I *index, ptrdiff_t n, int ascending, double w,                   \
                              cn_column_sums *to)                                                                 \
    {                                                                                                             \
        ptrdiff_t i = 0;                                                                                          \
        for (; i + 4 <= n && ascending && w == 1; i += 4) {                                                       \
            cn_column_sums *c0 = to + index[i], *c1 = to + index[i + 1], *c2 = to + index[i + 2],                 \
                           *c3 = to + index[i + 3];                                                               \
            pair p0, p1, p2, p3;                                                                                  \
            with_squares((pair){x[i], x[i + 1]}, &p0, &p1), with_squares((pair){x[i + 2], x[i + 3]}, &p2, &p3);   \
            p0 += get(c0), p1 += get(c1), p2 += get(c2), p3 += get(c3);                                           \
            put(c0, p0), put(c1, p1), put(c2, p2), put(c3, p3);                                                   \
        }                                                                                                         \
        for (; i < n; i++) put(&to[index[i]], get(&to[index[i]]) + (pair){w, w} * with_square(x[i]));             \
    }                                                                                                             \
    static void bound_##T##_##I(const T *x, const I *index, ptrdiff_t n, cn_column_ends *to)                      \
    {                                                                                                             \
        for (ptrdiff_t i = 0; i < n; i++) move_ends(&to[index[i]], x[i]);                                         \
    }
ADD(float, int32_t)
ADD(float, int64_t)
ADD(double, int32_t)
ADD(double, int64_t)

/* A row's elements, as they are or converted piece by piece, to a function of their type. */
#define EACH_PIECE(FUNCTION, ...)                                                                                 \
    do {                                                                                                          \
        if (m->number == CN_NUMBER_FLOAT && m->wide)                                                              \
            FUNCTION##_float_int64_t((const float *)m->data + from, (const int64_t *)m->indices + from,           \
                                     end - from, __VA_ARGS__);                                                    \
        else if (m->number == CN_NUMBER_FLOAT)                                                                    \
            FUNCTION##_float_int32_t((const float *)m->data + from, (const int32_t *)m->indices + from,           \
                                     end - from, __VA_ARGS__);                                                    \
        else if (m->number == CN_NUMBER_DOUBLE && m->wide)                                                        \
            FUNCTION##_double_int64_t((const double *)m->data + from, (const int64_t *)m->indices + from,         \
                                      end - from, __VA_ARGS__);                                                   \
        else if (m->number == CN_NUMBER_DOUBLE)                                                                   \
            FUNCTION##_double_int32_t((const double *)m->data + from, (const int32_t *)m->indices + from,         \
                                      end - from, __VA_ARGS__);                                                   \
        else                                                                                                      \
            for (double values[CN_PIECE]; from < end; from += CN_PIECE) {                                         \
                const ptrdiff_t n = end - from < CN_PIECE ? end - from : CN_PIECE;                                \
                cn_take_values(m, from, n, values);                                                               \
                if (m->wide)                                                                                      \
                    FUNCTION##_double_int64_t(values, (const int64_t *)m->indices + from, n, __VA_ARGS__);        \
                else                                                                                              \
                    FUNCTION##_double_int32_t(values, (const int32_t *)m->indices + from, n, __VA_ARGS__);        \
            }                                                                                                     \
    } while (0)

cn_order cn_scatter_sums(const cn_reading *r, cn_rows rows, cn_column_sums *to)
{
    const cn_sparse *m = r->m;
    cn_order order = CN_IN_ORDER;
    for (ptrdiff_t row = rows.begin; row < rows.end; row++) {
        ptrdiff_t from = m->starts[row], end = m->starts[row + 1];
        const cn_order own = cn_order_of(m, row);
        order = worse(order, own);
        if (own != CN_OUTSIDE) EACH_PIECE(add, own == CN_IN_ORDER, r->weights ? r->weights[row] : 1, to);
    }
    return order;
}

cn_order cn_scatter_ends(const cn_reading *r, cn_rows rows, cn_column_ends *to)
{
    const cn_sparse *m = r->m;
    cn_order order = CN_IN_ORDER;
    for (ptrdiff_t row = rows.begin; row < rows.end; row++) {
        ptrdiff_t from = m->starts[row], end = m->starts[row + 1];
        const cn_order own = cn_order_of(m, row);
        order = worse(order, own);
        if (own != CN_OUTSIDE) EACH_PIECE(bound, to);
    }
    return order;
}

/* The kernels of stored elements: of floats, or of doubles, which others are made first. */
static const cn_kernels *kernels_of(const cn_sparse *m)
{
    return cn_kernels_of(m->number == CN_NUMBER_FLOAT ? CN_F32 : CN_F64);
}

static int are_lanes(const cn_sparse *m) { return m->number == CN_NUMBER_FLOAT || m->number == CN_NUMBER_DOUBLE; }

/* By the weights of their indices. */
static void weighted_sums(const cn_reading *r, ptrdiff_t from, ptrdiff_t n, double sums[2])
{
    double values[CN_PIECE];
    ptrdiff_t index[CN_PIECE];
    double s1 = 0, s2 = 0;
    cn_take_values(r->m, from, n, values);
    cn_take_indices(r->m, from, n, index);
    for (ptrdiff_t i = 0; i < n; i++) {
        const double v = values[i], w = r->weights[index[i]];
        s1 += w * v, s2 += w * (v * v);
    }
    sums[0] += s1, sums[1] += s2;
}

cn_order cn_sums_of_row(const cn_reading *r, ptrdiff_t row, cn_column_sums *to)
{
    const cn_sparse *m = r->m;
    const cn_kernels *k = kernels_of(m);
    const int lanes = are_lanes(m);
    const ptrdiff_t end = m->starts[row + 1], most = !r->weights && lanes ? RUN : CN_PIECE;
    const cn_order order = cn_order_of(m, row);
    double sums[2] = {to->s1, to->s2};
    if (order == CN_OUTSIDE) return order;
    for (ptrdiff_t from = m->starts[row]; from < end; from += most) {
        const ptrdiff_t n = end - from < most ? end - from : most;
        double values[CN_PIECE];
        if (r->weights) {
            weighted_sums(r, from, n, sums);
        } else if (lanes) {
            k->stored_sums(m->data + from * k->size, n, sums);
        } else {
            cn_take_values(m, from, n, values);
            k->stored_sums((const char *)values, n, sums);
        }
    }
    to->s1 = sums[0], to->s2 = sums[1];
    return order;
}

cn_order cn_ends_of_row(const cn_reading *r, ptrdiff_t row, cn_column_ends *to)
{
    const cn_sparse *m = r->m;
    const cn_kernels *k = kernels_of(m);
    const ptrdiff_t begin = m->starts[row], end = m->starts[row + 1], most = are_lanes(m) ? end - begin : CN_PIECE;
    const cn_order order = cn_order_of(m, row);
    double ends[2] = {to->least, to->least_negated};
    if (order == CN_OUTSIDE) return order;
    for (ptrdiff_t from = begin; from < end; from += most) {
        const ptrdiff_t n = end - from < most ? end - from : most;
        double values[CN_PIECE];
        if (!are_lanes(m)) cn_take_values(m, from, n, values);
        k->stored_ends(are_lanes(m) ? m->data + from * k->size : (const char *)values, n, ends);
    }
    to->least = ends[0], to->least_negated = ends[1], to->stored += (double)(end - begin);
    return order;
}
