/* scatter.c: rows of a sparse matrix, whose indices are within the width, into tables by column, or into sums of their own. */
#include <string.h>

#include "dispatch/cpu.h"
#include "dispatch/numbers.h"
#include "sparse/sparse.h"

/* Elements of a row that are added in one run: more lose digits. */
#define RUN 8192

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

/* Blocks that are read in turns: the elements of each, and how many all have. */
typedef struct {
    ptrdiff_t blocks, width, shortest, from[CN_BLOCKS_IN_TURNS], n[CN_BLOCKS_IN_TURNS];
} turns;

/* Calls ONE(k, i) for element i of each block k: all of a column wait for each other only in the block they are in. */
#define IN_TURNS(ONE)                                                                                             \
    ptrdiff_t i = 0;                                                                                              \
    for (; i < t->shortest && t->blocks == CN_BLOCKS_IN_TURNS; i++)                                               \
        for (int k = 0; k < CN_BLOCKS_IN_TURNS; k++) ONE(k, i);                                                   \
    for (ptrdiff_t k = 0; k < t->blocks; k++)                                                                     \
        for (ptrdiff_t j = i; j < t->n[k]; j++) ONE(k, j);

/* Where element i of block k goes. */
#define CELL(k, i) (to + (k) * t->width + index[t->from[k] + (i)])
#define ADD_ONE(k, i) put(CELL(k, i), get(CELL(k, i)) + with_square(x[t->from[k] + (i)]))
#define BOUND_ONE(k, i) move_ends(CELL(k, i), x[t->from[k] + (i)])

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
    }                                                                                                             \
    static void add_turns_##T##_##I(const T *x, const I *index, const turns *t, cn_column_sums *to)               \
    {                                                                                                             \
        IN_TURNS(ADD_ONE)                                                                                         \
    }                                                                                                             \
    static void bound_turns_##T##_##I(const T *x, const I *index, const turns *t, cn_column_ends *to)             \
    {                                                                                                             \
        IN_TURNS(BOUND_ONE)                                                                                       \
    }
ADD(float, int32_t)
ADD(float, int64_t)
ADD(double, int32_t)
ADD(double, int64_t)

static int are_lanes(const cn_sparse *m) { return m->number == CN_NUMBER_FLOAT || m->number == CN_NUMBER_DOUBLE; }

/* Elements from one on, as they are, and their indices, to a function of their types. */
#define AS_THEY_ARE(FUNCTION, from, ...)                                                                          \
    do {                                                                                                          \
        const float *singles = (const float *)m->data + from;                                                     \
        const double *doubles = (const double *)m->data + from;                                                   \
        const int32_t *narrow = (const int32_t *)m->indices + from;                                               \
        const int64_t *wide = (const int64_t *)m->indices + from;                                                 \
        if (m->number == CN_NUMBER_FLOAT && m->wide)                                                              \
            FUNCTION##_float_int64_t(singles, wide, __VA_ARGS__);                                                 \
        else if (m->number == CN_NUMBER_FLOAT)                                                                    \
            FUNCTION##_float_int32_t(singles, narrow, __VA_ARGS__);                                               \
        else if (m->wide)                                                                                         \
            FUNCTION##_double_int64_t(doubles, wide, __VA_ARGS__);                                                \
        else                                                                                                      \
            FUNCTION##_double_int32_t(doubles, narrow, __VA_ARGS__);                                              \
    } while (0)

/* The same; numbers of other types are converted piece by piece. */
#define EACH_PIECE(FUNCTION, ...)                                                                                 \
    do {                                                                                                          \
        if (are_lanes(m)) {                                                                                       \
            AS_THEY_ARE(FUNCTION, from, end - from, __VA_ARGS__);                                                 \
            break;                                                                                                \
        }                                                                                                         \
        for (double values[CN_PIECE]; from < end; from += CN_PIECE) {                                             \
            const ptrdiff_t n = end - from < CN_PIECE ? end - from : CN_PIECE;                                    \
            cn_take_values(m, from, n, values);                                                                   \
            if (m->wide)                                                                                          \
                FUNCTION##_double_int64_t(values, (const int64_t *)m->indices + from, n, __VA_ARGS__);            \
            else                                                                                                  \
                FUNCTION##_double_int32_t(values, (const int32_t *)m->indices + from, n, __VA_ARGS__);            \
        }                                                                                                         \
    } while (0)

/* Rows of fewer elements, on an average, are not taken one by one: sums of columns take 0.52 of the time for one element each, 0.76
 * for ten; rows of 76 in turns 1.05 (Emerald Rapids). */
#define SHORT 16

ptrdiff_t cn_blocks_in_turns(const cn_reading *r)
{
    const int flat = !r->weights && are_lanes(r->m) && r->m->starts[r->m->rows] < SHORT * r->m->rows;
    return flat ? CN_BLOCKS_IN_TURNS : 1;
}

static turns turns_of(const cn_reading *r, ptrdiff_t block, ptrdiff_t n)
{
    turns t = {.blocks = n, .width = r->groups};
    for (ptrdiff_t k = 0; k < n; k++) {
        const cn_rows rows = cn_rows_of(r, block + k);
        t.from[k] = r->m->starts[rows.begin], t.n[k] = r->m->starts[rows.end] - t.from[k];
        if (k == 0 || t.n[k] < t.shortest) t.shortest = t.n[k];
    }
    return t;
}

void cn_add_in_turns(const cn_reading *r, ptrdiff_t block, ptrdiff_t n, cn_column_sums *to)
{
    const cn_sparse *m = r->m;
    const turns t = turns_of(r, block, n);
    AS_THEY_ARE(add_turns, 0, &t, to);
}

void cn_bound_in_turns(const cn_reading *r, ptrdiff_t block, ptrdiff_t n, cn_column_ends *to)
{
    const cn_sparse *m = r->m;
    const turns t = turns_of(r, block, n);
    AS_THEY_ARE(bound_turns, 0, &t, to);
}

void cn_add_row(const cn_reading *r, ptrdiff_t row, int ascending, cn_column_sums *to)
{
    const cn_sparse *m = r->m;
    ptrdiff_t from = m->starts[row], end = m->starts[row + 1];
    EACH_PIECE(add, ascending, r->weights ? r->weights[row] : 1, to);
}

void cn_bound_row(const cn_reading *r, ptrdiff_t row, cn_column_ends *to)
{
    const cn_sparse *m = r->m;
    ptrdiff_t from = m->starts[row], end = m->starts[row + 1];
    EACH_PIECE(bound, to);
}

/* The kernels of stored elements: of floats, or of doubles, which others are made first. */
static const cn_kernels *kernels_of(const cn_sparse *m)
{
    return cn_kernels_of(m->number == CN_NUMBER_FLOAT ? CN_F32 : CN_F64);
}

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

void cn_sums_of_row(const cn_reading *r, ptrdiff_t row, cn_column_sums *to)
{
    const cn_sparse *m = r->m;
    const cn_kernels *k = kernels_of(m);
    const int lanes = are_lanes(m);
    const ptrdiff_t end = m->starts[row + 1], most = !r->weights && lanes ? RUN : CN_PIECE;
    double sums[2] = {to->s1, to->s2};
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
}

void cn_ends_of_row(const cn_reading *r, ptrdiff_t row, cn_column_ends *to)
{
    const cn_sparse *m = r->m;
    const cn_kernels *k = kernels_of(m);
    const ptrdiff_t begin = m->starts[row], end = m->starts[row + 1], most = are_lanes(m) ? end - begin : CN_PIECE;
    double ends[2] = {to->least, to->least_negated};
    for (ptrdiff_t from = begin; from < end; from += most) {
        const ptrdiff_t n = end - from < most ? end - from : most;
        double values[CN_PIECE];
        if (!are_lanes(m)) cn_take_values(m, from, n, values);
        k->stored_ends(are_lanes(m) ? m->data + from * k->size : (const char *)values, n, ends);
    }
    to->least = ends[0], to->least_negated = ends[1], to->stored += (double)(end - begin);
}
