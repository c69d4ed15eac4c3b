/* matrices.c: sparse matrices on guarded arrays: types, orders and duplicates of indices, threads, failing malloc. */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "arrays.h"
#include "verbs/matrices.h"

#define MOST 4096 /* elements */

typedef struct {
    cn_number number;
    int wide, full, shuffled, across, at_end;
    ptrdiff_t rows, width, n;
    double values[MOST];
    int64_t columns[MOST], starts[MOST];
} matrix;

static void make(matrix *m, uint64_t seed)
{
    m->n = 0, m->starts[0] = 0;
    for (ptrdiff_t row = 0; row < m->rows; row++) {
        for (ptrdiff_t i = 0; i < m->width; i++) {
            const uint64_t bits = random_bits(&seed);
            if (!m->full && bits % 3) continue;
            m->columns[m->n] = m->shuffled ? m->width - 1 - i : i;
            m->values[m->n++] = (double)(bits >> 32 & 63) + 1;
        }
        m->starts[row + 1] = m->n;
    }
}

static ptrdiff_t size_of(cn_number number)
{
    return number == CN_NUMBER_I8 ? 1 : number == CN_NUMBER_FLOAT ? 4 : 8;
}

/* The matrix in guarded memory. */
static cn_sparse put(const matrix *m)
{
    const ptrdiff_t size = size_of(m->number), index = m->wide ? 8 : 4;
    char *data = guarded(SLOT_X, (size_t)(m->n * size), m->at_end);
    char *indices = guarded(SLOT_Y, (size_t)(m->n * index), m->at_end);
    char *starts = guarded(SLOT_W, (size_t)(m->rows + 1) * 8, m->at_end);
    for (ptrdiff_t i = 0; i < m->n; i++) {
        const int8_t byte = (int8_t)m->values[i];
        const float narrow = (float)m->values[i];
        const int32_t column = (int32_t)m->columns[i];
        memcpy(data + i * size,
               size == 1   ? (const void *)&byte
               : size == 4 ? (const void *)&narrow
                           : &m->values[i],
               (size_t)size);
        memcpy(indices + i * index, m->wide ? (const void *)&m->columns[i] : &column, (size_t)index);
    }
    memcpy(starts, m->starts, (size_t)(m->rows + 1) * 8);
    return (cn_sparse){data, m->number, indices, m->wide, (const int64_t *)starts, m->rows, m->width};
}

static int near(double a, double b) { return fabs(a - b) <= 1e-12 * (1 + fabs(b)); }

static int as_reference(const matrix *m, const double *weights, const cn_partial *moments, const cn_partial *ends)
{
    const ptrdiff_t groups = m->across ? m->width : m->rows, positions = m->across ? m->rows : m->width;
    double total = 0;
    int good = 1;
    for (ptrdiff_t i = 0; i < positions; i++) total += weights[i];
    for (ptrdiff_t g = 0; g < groups; g++) {
        double s1 = 0, m2 = 0, least = INFINITY, greatest = -INFINITY, stored = 0, filled = 0;
        for (int pass = 0; pass < 2; pass++)
            for (ptrdiff_t row = 0; row < m->rows; row++)
                for (ptrdiff_t i = m->starts[row]; i < m->starts[row + 1]; i++) {
                    if ((m->across ? m->columns[i] : row) != g) continue;
                    const double v = m->values[i], w = weights[m->across ? row : m->columns[i]];
                    if (pass) {
                        m2 += w * (v - s1 / total) * (v - s1 / total);
                    } else {
                        s1 += w * v, filled += w, stored++;
                        least = v < least ? v : least, greatest = v > greatest ? v : greatest;
                    }
                }
        m2 += (total - filled) * (s1 / total) * (s1 / total);
        if (stored < (double)positions) least = least < 0 ? least : 0, greatest = greatest > 0 ? greatest : 0;
        good &= moments[g].count == total && near(moments[g].mean + moments[g].mean_lo, s1 / total);
        good &= near(moments[g].m2, m2) && ends[g].mean == least && ends[g].mean_lo == greatest;
    }
    return good;
}

static void one_case(matrix *m)
{
    make(m, (uint64_t)(m->rows * 71 + m->width));
    const ptrdiff_t groups = m->across ? m->width : m->rows, positions = m->across ? m->rows : m->width;
    const cn_sparse s = put(m);
    cn_partial *moments = (cn_partial *)guarded(SLOT_FIRST, (size_t)groups * sizeof(cn_partial), m->at_end);
    cn_partial *ends = (cn_partial *)guarded(SLOT_SECOND, (size_t)groups * sizeof(cn_partial), m->at_end);
    double *weights = (double *)guarded(SLOT_B, (size_t)positions * sizeof(double), m->at_end);
    for (int weighted = 0; weighted < 2; weighted++) {
        cn_order first = CN_OUTSIDE, second = CN_OUTSIDE;
        for (ptrdiff_t i = 0; i < positions; i++) weights[i] = weighted ? (double)(i % 3 + 1) / 2 : 1;
        int good = cn_sparse_moments(&s, m->across, weighted ? weights : NULL, 0, moments, &first) == CN_OK;
        good &= cn_sparse_extremes(&s, m->across, ends, &second) == CN_OK;
        good &= first == second && first == cn_sparse_order(&s) && first != CN_OUTSIDE;
        check(good && as_reference(m, weights, moments, ends),
              "matrix %td x %td, type %d, wide %d, full %d, shuffled %d, across %d, weighted %d", m->rows,
              m->width, m->number, m->wide, m->full, m->shuffled, m->across, weighted);
    }
}

/* An index outside is told of and never used. */
static void outside(matrix *m)
{
    static const int64_t bad[] = {-1, INT64_MIN / 2, 1 << 30, 7};
    cn_partial to[8];
    for (int i = 0; i < 4; i++)
        for (int across = 0; across < 2; across++) {
            *m = (matrix){
                .number = CN_NUMBER_DOUBLE, .wide = i == 1, .full = 1, .rows = 5, .width = 7, .at_end = 1};
            make(m, 1);
            m->columns[m->n - 1 - (i & 1) * 3] = bad[i];
            const cn_sparse s = put(m);
            cn_order first, second;
            cn_sparse_moments(&s, across, NULL, 0, to, &first);
            cn_sparse_extremes(&s, across, to, &second);
            check(first == CN_OUTSIDE && second == CN_OUTSIDE, "matrices: index %d outside", i);
        }
}

static void failing_mallocs(matrix *m)
{
    *m = (matrix){.number = CN_NUMBER_DOUBLE, .full = 1, .rows = 50, .width = 20, .across = 1};
    make(m, 1);
    for (ptrdiff_t i = 0; i < m->n; i++) m->values[i] += 1e9; /* all columns are doubted */
    const cn_sparse s = put(m);
    cn_partial to[20];
    cn_order order;
    const int before = atomic_load(&mallocs_alive);
    int n = 0;
    for (cn_status status = CN_NO_MEMORY; status != CN_OK; n++) {
        atomic_store(&mallocs_left, n);
        status = cn_sparse_moments(&s, 1, NULL, 0, to, &order);
        atomic_store(&mallocs_left, -1);
        check(atomic_load(&mallocs_alive) == before, "matrices: leaked after %d", n);
    }
    check(n == 6, "matrices: %d mallocs", n - 1);
    int repeats;
    atomic_store(&mallocs_left, 0);
    check(cn_sparse_extremes(&s, 1, to, &order) == CN_NO_MEMORY, "matrices: extremes without memory");
    check(cn_sparse_repeats(&s, &repeats) == CN_NO_MEMORY, "matrices: repeats without memory");
    atomic_store(&mallocs_left, -1);
}

static void repeated(matrix *m)
{
    *m = (matrix){.number = CN_NUMBER_DOUBLE, .full = 1, .rows = 9, .width = 11, .at_end = 1};
    make(m, 3);
    cn_sparse s = put(m);
    int repeats = 1;
    check(cn_sparse_repeats(&s, &repeats) == CN_OK && !repeats, "matrices: repeats without any");
    for (ptrdiff_t i = 0; i < m->n; i++) m->columns[i] = m->columns[i] * 5 % 4;
    s = put(m);
    check(cn_sparse_repeats(&s, &repeats) == CN_OK && repeats, "matrices: no repeats");
    double data[MOST], sum = 0;
    int32_t indices[MOST];
    int64_t starts[MOST];
    cn_sparse_add_repeats(&s, (char *)data, (char *)indices, starts);
    for (ptrdiff_t i = 0; i < starts[9]; i++) sum += data[i];
    for (ptrdiff_t i = 0; i < m->n; i++) sum -= m->values[i];
    check(starts[9] == 36 && sum == 0, "matrices: repeats are not added");
}

void test_matrices(void)
{
    static const ptrdiff_t shapes[][2] = {{1, 1}, {3, 5}, {40, 7}, {7, 40}, {300, 9}, {2, 700}, {64, 64}};
    static const cn_number numbers[] = {CN_NUMBER_FLOAT, CN_NUMBER_DOUBLE, CN_NUMBER_I8};
    matrix *m = malloc(sizeof *m);
    for (int i = 0; i < 7 * 3 * 32; i++) {
        *m = (matrix){.number = numbers[i / 7 % 3], .rows = shapes[i % 7][0], .width = shapes[i % 7][1]};
        const int how = i / 21;
        m->wide = how & 1, m->full = how >> 1 & 1, m->shuffled = how >> 2 & 1, m->across = how >> 3 & 1;
        m->at_end = how >> 4 & 1;
        cn_set_num_threads(1 + i % 3);
        if (has_turn()) one_case(m);
    }
    cn_set_num_threads(1);
    outside(m);
    repeated(m);
    failing_mallocs(m);
    free(m);
}
