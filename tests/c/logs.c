/* logs.c: logarithms near exact ones, with the same bits by every instruction set, on guarded arrays. */
#include "verbs/logs.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "arrays.h"

#define MOST 5000

/* Units in the last place of the true value by which y may miss it: of doubles, of floats. */
#define BOUND 0.7
#define BOUND_OF_FLOATS 2.5

static int is_near(cn_dtype dtype, double x, double y)
{
    if (isnan(x) || x < 0) return isnan(y);
    if (x == 0) return y == -INFINITY;
    if (isinf(x)) return y == INFINITY;
    const long double exact = logl((long double)x);
    const double near = (double)fabsl(exact);
    const long double unit = nextafter(near, INFINITY) - near;
    return fabsl((long double)y - exact) <= (dtype == CN_F64 ? BOUND : BOUND_OF_FLOATS) * unit;
}

/* Any bits there are, or numbers in a binade or two, or near 1. */
static double number(uint64_t *state, int kind)
{
    const uint64_t bits = random_bits(state);
    const double part = (double)(bits >> 11) * 0x1p-53;
    double any;
    memcpy(&any, &bits, sizeof any);
    return kind == 0 ? any : kind == 1 ? 0.5 + 2 * part : kind == 2 ? 1 + (part - 0.5) * 0x1p-8 : part * 0x1p-1030;
}

/* Of 16 bits any there are. */
static void put_number(cn_dtype dtype, uint64_t *state, int kind, char *to)
{
    const double v = number(state, kind);
    const float f = fabs(v) <= FLT_MAX ? (float)v : 1;
    if (dtype == CN_F64) memcpy(to, &v, sizeof v);
    if (dtype == CN_F32) memcpy(to, &f, sizeof f);
    if (dtype == CN_F64 || dtype == CN_F32) return;
    const uint16_t bits = (uint16_t)random_bits(state);
    memcpy(to, &bits, sizeof bits);
}

static void logs_of(cn_dtype dtype, ptrdiff_t n, int kind, int at_end, double *expected)
{
    const ptrdiff_t size = dtype_size(dtype);
    uint64_t state = (uint64_t)(n * 64 + kind * 8 + (int)dtype);
    char *x = guarded(SLOT_X, (size_t)(n * size), at_end);
    double *y = (double *)(void *)guarded(SLOT_Y, (size_t)n * sizeof(double), at_end);
    int good = 1, seen = 0, first = expected[0] == -1;
    for (ptrdiff_t i = 0; i < n; i++) put_number(dtype, &state, kind, x + i * size);
    const int told = cn_logs(dtype, x, y, n);
    for (ptrdiff_t i = 0; i < n; i++) {
        const double v = decode(dtype, x + i * size);
        seen |= (v == 0 ? CN_LOG_OF_ZERO : 0) | (v < 0 ? CN_LOG_OF_NEGATIVE : 0);
        good &= is_near(dtype, v, y[i]);
        if (isnan(y[i])) y[i] = NAN;
    }
    check(good, "%s: %td logarithms of kind %d", dtype_names[dtype], n, kind);
    check(told == seen, "%s: %td logarithms of kind %d: told %d, seen %d", dtype_names[dtype], n, kind, told,
          seen);
    if (first) memcpy(expected, y, (size_t)n * sizeof *y);
    check(memcmp(expected, y, (size_t)n * sizeof *y) == 0, "%s: other bits of kind %d", dtype_names[dtype], kind);
}

void test_logs(void)
{
    static const ptrdiff_t counts[] = {1, 7, 16, 31, 100, 513, MOST};
    static double expected[CN_NDTYPES][4][sizeof counts / sizeof *counts][MOST];
    const char *sets[8];
    for (int i = 0, n = available(sets, 8); i < n; i++) {
        check(cn_init(sets[i]), "%s: not there", sets[i]);
        for (int dtype = 0; dtype < CN_NDTYPES; dtype++)
            for (int kind = 0; kind < 4; kind++)
                for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
                    if (i == 0) expected[dtype][kind][k][0] = -1; /* nothing to compare with yet */
                    logs_of((cn_dtype)dtype, counts[k], kind, k % 2, expected[dtype][kind][k]);
                }
    }
    cn_init(NULL);
}
