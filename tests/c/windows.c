/* windows.c: windows and decaying weights on guarded arrays: kinds, numbers, strides, threads and instruction sets. */
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "check.h"
#include "verbs/windows.h"

enum { MOST = 9 * 700 };

typedef struct {
    const char *name;
    cn_number number;
    ptrdiff_t size, lines, n; /* of x: an element, how many lines of so many */
    int columns;              /* lines are columns */
} table;

static void put(cn_number number, char *to, double v)
{
    const float single = (float)v;
    const int16_t whole = (int16_t)v;
    if (number == CN_NUMBER_DOUBLE) memcpy(to, &v, sizeof v);
    if (number == CN_NUMBER_FLOAT) memcpy(to, &single, sizeof single);
    if (number == CN_NUMBER_I16) memcpy(to, &whole, sizeof whole);
}

/* Small whole numbers, so that sums are exact, and holes. */
static void fill(const table *t, double values[MOST], char *x, uint64_t seed, int holes)
{
    for (ptrdiff_t i = 0; i < t->lines * t->n; i++) {
        const uint64_t bits = random_bits(&seed);
        const int hole = holes && t->number != CN_NUMBER_I16 && bits % 7 == 0;
        values[i] = hole ? NAN : (double)(bits >> 20 & 1023) - 300;
        put(t->number, x + i * t->size, values[i]);
    }
}

static cn_call call_of(const table *t, char *x, char *first, char *second, ptrdiff_t result)
{
    cn_call call;
    cn_clear_call(&call, 2);
    call.dtype = CN_F64;
    call.shape[0] = t->columns ? t->n : t->lines, call.shape[1] = t->columns ? t->lines : t->n;
    const int operands[] = {CN_X, CN_Y, CN_W};
    char *const data[] = {x, first, second};
    for (int i = 0; i < 3; i++) {
        const ptrdiff_t size = i ? result : t->size;
        call.op[operands[i]].data = data[i];
        call.op[operands[i]].strides[0] = data[i] ? size * call.shape[1] : 0;
        call.op[operands[i]].strides[1] = data[i] ? size : 0;
    }
    return call;
}

static int near(double found, double wanted, double tolerance)
{
    return isnan(wanted) ? isnan(found) : fabs(found - wanted) <= tolerance * (fabs(wanted) + 1);
}

/* The result of position i of a line, by itself. */
static int right(const table *t, const cn_window *how, const double *line, ptrdiff_t step, ptrdiff_t i,
                 const double found[2])
{
    double count = 0, sum = 0, least = INFINITY, greatest = -INFINITY, m2 = 0;
    ptrdiff_t begin = i + how->forward - how->window + 1, end = i + how->forward + 1;
    begin = begin < 0 ? 0 : begin, end = end < t->n ? end : t->n;
    for (ptrdiff_t j = begin; j < end; j++) {
        const double v = line[j * step];
        if (isnan(v)) continue;
        count++, sum += v, least = v < least ? v : least, greatest = v > greatest ? v : greatest;
    }
    for (ptrdiff_t j = begin; j < end; j++)
        if (!isnan(line[j * step])) m2 += (line[j * step] - sum / count) * (line[j * step] - sum / count);
    if (count < (double)how->least) return isnan(found[0]) && (how->kind != CN_WINDOW_MOMENTS || isnan(found[1]));
    const double tolerance = how->floats ? 1e-6 : 1e-12,
                 var = count > how->correction ? m2 / (count - how->correction) : NAN;
    switch (how->kind) {
    case CN_WINDOW_SUM: return near(found[0], sum, how->floats ? 1e-6 : 0);
    case CN_WINDOW_LEAST: return found[0] == least;
    case CN_WINDOW_GREATEST: return found[0] == greatest;
    case CN_WINDOW_MEAN: return near(found[0], sum / count, tolerance);
    default: return near(found[0], sum / count, tolerance) && near(found[1], var, tolerance);
    }
}

static double result_of(const char *data, ptrdiff_t i, int floats)
{
    float single;
    double v;
    memcpy(&single, data + i * (floats ? 4 : 8), sizeof single);
    if (floats) return (double)single;
    memcpy(&v, data + i * 8, sizeof v);
    return v;
}

static void one_case(const table *t, const cn_window *how, int at_end, uint64_t seed)
{
    static double values[MOST];
    static char kept[2 * 8 * MOST];
    const char *sets[8];
    const ptrdiff_t n = t->lines * t->n, size = how->floats ? 4 : 8;
    const int n_sets = has_turn() ? available(sets, 8) : 0;
    for (int s = 0; s < 2 * n_sets; s++) {
        char *x = guarded(SLOT_X, (size_t)(n * t->size), at_end);
        char *first = guarded(SLOT_Y, (size_t)(n * size), at_end);
        char *second = how->kind == CN_WINDOW_MOMENTS ? guarded(SLOT_W, (size_t)(n * size), at_end) : NULL;
        fill(t, values, x, seed, (int)(seed % 2));
        const cn_call call = call_of(t, x, first, second, size);
        atomic_store(&cache_bytes, (size_t)(seed / 2 % 2)); /* 1: results go past it */
        cn_init(sets[s / 2]);
        cn_set_num_threads(1 + 2 * (s % 2));
        int good = cn_windows(&call, !t->columns, how) == CN_OK;
        for (ptrdiff_t i = 0; i < n && good; i++) {
            const ptrdiff_t line = t->columns ? i % t->lines : i / t->n, at = t->columns ? i / t->lines : i % t->n;
            const double found[2] = {result_of(first, i, how->floats),
                                     second ? result_of(second, i, how->floats) : 0};
            const double *begin = values + (t->columns ? line : line * t->n);
            good = right(t, how, begin, t->columns ? t->lines : 1, at, found);
        }
        if (s == 0) memcpy(kept, first, (size_t)(n * size));
        good &= memcmp(kept, first, (size_t)(n * size)) == 0;
        check(good, "windows of %td, kind %d, %s, %td lines of %td, columns %d, %s", how->window, (int)how->kind,
              t->name, t->lines, t->n, t->columns, sets[s / 2]);
    }
}

/* Each instruction set gives the same, and a mean of equal values is their own. */
static void decay_case(const table *t, int at_end)
{
    static double values[MOST];
    static char kept[8 * MOST];
    const char *sets[8];
    const ptrdiff_t n = t->lines * t->n;
    const int n_sets = has_turn() ? available(sets, 8) : 0;
    for (int s = 0; s < n_sets; s++) {
        char *x = guarded(SLOT_X, (size_t)(n * t->size), at_end);
        char *mean = guarded(SLOT_Y, (size_t)(n * 8), at_end), *var = guarded(SLOT_W, (size_t)(n * 8), at_end);
        fill(t, values, x, 3, 1);
        const cn_call call = call_of(t, x, mean, var, 8);
        const cn_decay how = {t->number, 0, 1, 0.25, 2};
        cn_init(sets[s]);
        int good = cn_decayed(&call, !t->columns, &how) == CN_OK;
        if (s == 0) memcpy(kept, mean, (size_t)(n * 8));
        good &= memcmp(kept, mean, (size_t)(n * 8)) == 0;
        for (ptrdiff_t i = 0; i < n; i++) good &= !(result_of(var, i, 0) < 0);
        check(good, "decay, %s, %td lines of %td, columns %d, %s", t->name, t->lines, t->n, t->columns, sets[s]);
    }
}

void test_windows(void)
{
    static const ptrdiff_t shapes[][2] = {{1, 1},   {1, 700}, {9, 300}, {8, 128},
                                          {3, 129}, {2, 257}, {7, 40},  {148, 40}};
    static const ptrdiff_t sizes[] = {1, 2, 5, 64, 127, 128, 129, 300, 5000};
    static const cn_number numbers[] = {CN_NUMBER_DOUBLE, CN_NUMBER_FLOAT, CN_NUMBER_I16};
    static const char *const names[] = {"doubles", "floats", "shorts"};
    static const ptrdiff_t bytes[] = {8, 4, 2};
    uint64_t seed = 1;
    for (size_t i = 0; i < 2 * 3 * sizeof shapes / sizeof *shapes; i++) {
        const size_t of = i / 2 % 3, shape = i / 6;
        const table t = {names[of], numbers[of], bytes[of], shapes[shape][0], shapes[shape][1], (int)(i % 2)};
        decay_case(&t, (int)(i % 2));
        for (size_t w = 0; w < sizeof sizes / sizeof *sizes; w++)
            for (int kind = 0; kind <= CN_WINDOW_GREATEST; kind++) {
                const ptrdiff_t most = sizes[w] < t.n ? sizes[w] : t.n, forward = seed % 3 ? (most - 1) / 2 : 0;
                const cn_window how = {.x = t.number,
                                       .floats = seed % 4 == 0,
                                       .kind = (cn_window_kind)kind,
                                       .window = sizes[w],
                                       .forward = forward,
                                       .correction = 1,
                                       .least = seed % 5 ? 1 + most / 2 : sizes[w]};
                one_case(&t, &how, (int)(seed % 2), seed);
                seed++;
            }
    }
    atomic_store(&cache_bytes, 0);
    cn_init(NULL);
    cn_set_num_threads(1);
}

/* Without memory nothing is written. */
void test_windows_memory(void)
{
    const table t = {"doubles", CN_NUMBER_DOUBLE, 8, 2, 300, 0};
    double values[MOST];
    char *x = guarded(SLOT_X, 600 * 8, 1), *y = guarded(SLOT_Y, 600 * 8, 1);
    fill(&t, values, x, 1, 0);
    memset(y, 0x5a, 600 * 8);
    const cn_call call = call_of(&t, x, y, NULL, 8);
    const cn_window how = {.x = t.number, .kind = CN_WINDOW_SUM, .window = 10, .least = 1};
    const int alive = mallocs_alive;
    mallocs_left = 0;
    const cn_status status = cn_windows(&call, 1, &how);
    mallocs_left = -1;
    check(status == CN_NO_MEMORY && all_bytes(y, 600 * 8, 0x5a) && mallocs_alive == alive,
          "windows without memory");
}
