/* products.c: arrays times a double for each channel, norms folded into them, and doubles, rounded once,
 * on guarded arrays, with every instruction set. */
#include <math.h>
#include <string.h>

#include "arrays.h"
#include "verbs/derived.h"
#include "verbs/logs.h"

/* Is y as near to p as both its neighbours, the even one of two as near as each other? y: of 16 bits, finite. */
static int is_nearest(cn_dtype dtype, const char *y, double p)
{
    uint16_t bits;
    memcpy(&bits, y, sizeof bits);
    const double off = fabs(decode(dtype, y) - p);
    for (int step = -1; step <= 1; step += 2) {
        const uint16_t magnitude = bits & 0x7fff;
        if (magnitude == 0 && step < 0) continue;
        const uint16_t beside = (uint16_t)(bits + step);
        const double other = decode(dtype, (const char *)&beside);
        if (!isfinite(other)) continue;
        if (fabs(other - p) < off || (fabs(other - p) == off && (bits & 1))) return 0;
    }
    return 1;
}

static int is_rounded(cn_dtype dtype, const char *y, double p)
{
    const double got = decode(dtype, y);
    if (isnan(p) || isnan(got)) return isnan(p) && isnan(got);
    if (dtype == CN_F64) return got == p && signbit(got) == signbit(p);
    if (dtype == CN_F32) return got == (float)p && signbit(got) == signbit(p);
    if (isinf(got)) return fabs(p) >= (dtype == CN_F16 ? 65520 : 0x1.ffp127) && signbit(got) == signbit(p);
    return signbit(got) == signbit(p) && is_nearest(dtype, y, p);
}

/* Any bits there are: subnormal numbers, infinities and NaN, too. Factors near ties: few bits, or all. */
static void one_shape(cn_dtype dtype, ptrdiff_t outer, ptrdiff_t channels, ptrdiff_t inner, int at_end)
{
    const ptrdiff_t n = outer * channels * inner, size = dtype_size(dtype);
    uint64_t state = (uint64_t)(n * 8 + dtype);
    char *x = guarded(SLOT_X, (size_t)(n * size), at_end), *y = guarded(SLOT_Y, (size_t)(n * size), at_end);
    double *by = (double *)(void *)guarded(SLOT_W, (size_t)channels * sizeof(double), at_end);
    for (ptrdiff_t i = 0; i < n; i++) {
        const uint64_t bits = random_bits(&state);
        memcpy(x + i * size, &bits, (size_t)size);
    }
    for (ptrdiff_t c = 0; c < channels; c++) {
        const uint64_t bits = random_bits(&state);
        by[c] = ldexp((double)(bits >> (c % 2 ? 11 : 55)) + 1, (int)(bits % 40) - 60) * (bits & 64 ? -1 : 1);
    }
    const cn_product of = {dtype, x, y, by, outer, channels, inner};
    cn_multiply(&of);
    int good = 1;
    for (ptrdiff_t i = 0; i < n; i++)
        good &= is_rounded(dtype, y + i * size, decode(dtype, x + i * size) * by[i / inner % channels]);
    check(good, "%s: product of %td x %td x %td", dtype_names[dtype], outer, channels, inner);
}

/* From zero to infinity, as near to ties as there are, and subnormal ones. */
static void round_some(cn_dtype dtype, ptrdiff_t n, int least, int at_end)
{
    const ptrdiff_t size = dtype_size(dtype);
    uint64_t state = (uint64_t)(n * 8 + dtype);
    double *x = (double *)(void *)guarded(SLOT_X, (size_t)n * sizeof(double), at_end);
    char *y = guarded(SLOT_Y, (size_t)(n * size), at_end);
    for (ptrdiff_t i = 0; i < n; i++) {
        const uint64_t bits = random_bits(&state);
        x[i] = ldexp((double)(bits >> (i % 2 ? 11 : 55)) + 1, least + (int)(bits % 150)) * (bits & 256 ? -1 : 1);
        if (i % 5 == 0) x[i] = nextafter(x[i], (double)(bits & 512));
    }
    cn_round_doubles(dtype, x, y, n);
    int good = 1;
    for (ptrdiff_t i = 0; i < n; i++) good &= is_rounded(dtype, y + i * size, x[i]);
    check(good, "%s: %td doubles from 2^%d on", dtype_names[dtype], n, least);
}

static void round_all(cn_dtype dtype)
{
    static const ptrdiff_t counts[] = {1, 3, 64, 65, 700, 9000};
    for (size_t k = 0; k < 4 * sizeof counts / sizeof *counts; k++)
        round_some(dtype, counts[k / 4], k & 2 ? -210 : -60, k & 1);
}

/* Numbers of any size that are no NaN, but for a sign: positive ones if they are variances, some 0. */
static char *channel_numbers(int slot, cn_dtype dtype, ptrdiff_t n, int variances, uint64_t *state)
{
    const ptrdiff_t size = dtype_size(dtype);
    char *to = guarded(slot, (size_t)(n * size), (int)(*state & 1));
    for (ptrdiff_t i = 0; i < n; i++) {
        uint64_t bits = random_bits(state);
        memcpy(to + i * size, &bits, (size_t)size);
        while (!isfinite(decode(dtype, to + i * size))) {
            bits = random_bits(state);
            memcpy(to + i * size, &bits, (size_t)size);
        }
        if (variances) to[(i + 1) * size - 1] &= 0x7f;
        if (variances && i % 7 == 3) memset(to + i * size, 0, (size_t)size);
    }
    return to;
}

/* missing: bits of what is not given; eps 0 where it is odd. */
static void one_absorption(cn_dtype dtype, cn_dtype of_bias, ptrdiff_t outer, ptrdiff_t channels, ptrdiff_t inner,
                           int missing)
{
    const ptrdiff_t n = outer * channels * inner, size = dtype_size(dtype), shift_size = dtype_size(of_bias);
    const double eps = missing & 1 ? 0 : 1e-5;
    uint64_t state = (uint64_t)(n * 8 + missing);
    char *x = guarded(SLOT_X, (size_t)(n * size), missing & 1),
         *y = guarded(SLOT_Y, (size_t)(n * size), missing & 1);
    char *shift = guarded(SLOT_Q, (size_t)(channels * shift_size), missing & 1);
    double *scales = (double *)(void *)guarded(SLOT_R, (size_t)channels * sizeof(double), missing & 1);
    for (ptrdiff_t i = 0; i < n; i++) {
        const uint64_t bits = random_bits(&state);
        memcpy(x + i * size, &bits, (size_t)size);
    }
    const char *mean = channel_numbers(SLOT_FIRST, dtype, channels, 0, &state);
    const char *var = channel_numbers(SLOT_SECOND, dtype, channels, 1, &state);
    const char *weight = missing & 2 ? NULL : channel_numbers(SLOT_W, dtype, channels, 0, &state);
    const char *bias = missing & 4 ? NULL : channel_numbers(SLOT_B, dtype, channels, 0, &state);
    const char *before = missing & 8 ? NULL : channel_numbers(SLOT_H, dtype, channels, 0, &state);
    const cn_absorption of = {
        .norm = {dtype, mean, var, weight, bias, before, eps},
        .weight = {dtype, x, y, NULL, outer, channels, inner},
        .dtype = of_bias,
        .shift = shift,
        .scales = outer > 1 ? scales : NULL,
    };
    cn_absorb(&of);
    int good = 1;
    for (ptrdiff_t c = 0; c < channels; c++) {
        const ptrdiff_t at = c * size;
        const double root = sqrt(decode(dtype, var + at) + eps);
        double scale = root == 0 ? 0 : 1 / root, middle = decode(dtype, mean + at);
        if (weight) scale *= decode(dtype, weight + at);
        if (before) middle -= decode(dtype, before + at);
        double added = -(middle * scale);
        if (bias) added += decode(dtype, bias + at);
        good &= is_rounded(of_bias, shift + c * shift_size, added);
        for (ptrdiff_t i = 0; i < outer * inner; i++) {
            const ptrdiff_t e = ((i / inner * channels + c) * inner + i % inner) * size;
            good &= is_rounded(dtype, y + e, decode(dtype, x + e) * scale);
        }
    }
    check(good, "%s: fold of %td x %td x %td without %d", dtype_names[dtype], outer, channels, inner, missing);
}

static void absorb_all(cn_dtype dtype)
{
    static const ptrdiff_t shapes[][3] = {{1, 1, 1},   {1, 700, 1}, {1, 1100, 3}, {1, 13, 25},
                                          {3, 600, 1}, {7, 5, 1},   {1, 3, 5000}, {1, 64, 576}};
    for (int missing = 0; missing < 16; missing++) {
        const ptrdiff_t *shape = shapes[missing % 8];
        one_absorption(dtype, dtype, shape[0], shape[1], shape[2], missing);
        shape = shapes[(missing + 3) % 8];
        one_absorption(dtype, (cn_dtype)(missing % CN_NDTYPES), shape[0], shape[1], shape[2], missing);
    }
}

void test_products(void)
{
    static const ptrdiff_t shapes[][3] = {{1, 1, 1},    {1, 7, 1},   {3, 5, 1},     {1, 1, 1000}, {1, 300, 9},
                                          {5, 13, 25},  {1, 33, 63}, {2, 3, 64},    {1, 5, 5000}, {600, 20, 1},
                                          {40, 600, 3}, {1, 3, 65},  {1, 1200, 100}};
    const char *sets[8];
    for (int i = 0, n = available(sets, 8); i < n; i++) {
        check(cn_init(sets[i]), "%s: not there", sets[i]);
        for (int dtype = 0; dtype < CN_NDTYPES; dtype++) round_all((cn_dtype)dtype), absorb_all((cn_dtype)dtype);
        for (int dtype = 0; dtype < CN_NDTYPES; dtype++)
            for (size_t k = 0; k < 2 * sizeof shapes / sizeof *shapes; k++) {
                const ptrdiff_t *shape = shapes[k / 2];
                one_shape((cn_dtype)dtype, shape[0], shape[1], shape[2], k % 2);
            }
    }
    cn_init(NULL);
}
