/* roots.c: factors that become floats are the floats of a root and a division, by every instruction set. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "arrays.h"
#include "dispatch/cpu.h"
#include "kernels/moments.h"

#define MANY 4096
#define ROUNDS 64

/* Any positive double; one whose inverse root is as near as can be to the middle of two floats, or a few units beside that; one of
 * the range in which spreads are. */
static double number(uint64_t *state, int kind)
{
    const uint64_t bits = random_bits(state) >> 1;
    double any;
    memcpy(&any, &bits, sizeof any);
    if (kind == 0) return isnan(any) ? INFINITY : any;
    if (kind == 2) return ldexp(1 + (double)(bits >> 11) * 0x1p-52, (int)(random_bits(state) % 80) - 40);
    const float f = ldexpf(1 + (float)(bits >> 40) * 0x1p-23f, (int)(random_bits(state) % 240) - 120);
    const double middle = (double)f + ((double)nextafterf(f, INFINITY) - (double)f) / 2;
    double v = 1 / (middle * middle);
    for (uint64_t units = random_bits(state) % 4; units; units--) v = nextafter(v, bits & 1 ? INFINITY : 0);
    return v;
}

static int is_float_of(double made, double m2, double count, const cn_moments *how)
{
    double expected;
    cn_scales(&expected, &m2, 1, count > 0 ? count : 1, how, how->eps);
    const float a = (float)made, b = count > 0 ? (float)expected : 0;
    return memcmp(&a, &b, sizeof a) == 0;
}

static void factors_of(const cn_moments *how, int each, int kind, uint64_t seed)
{
    static double m2[MANY], count[MANY], made[MANY];
    uint64_t state = seed;
    int good = 1;
    for (int i = 0; i < MANY; i++) {
        m2[i] = i % 1001 == 1000 ? 0 : number(&state, kind);
        count[i] = kind == 1 ? 1 : (double)(random_bits(&state) % (each ? 5 : 1) + (each ? 0 : 3));
    }
    const cn_moments_view of = {count, each, m2, m2, m2};
    cn_kernels_of(CN_F64)->factors(how, &of, MANY - (ptrdiff_t)(seed % 9), 1, made);
    for (int i = 0; i < MANY - (int)(seed % 9); i++) {
        if (!(m2[i] >= 0)) continue;
        good &= is_float_of(made[i], m2[i], count[each ? i : 0], how);
    }
    check(good, "factors of kind %d, eps %g, %d: other floats than those of a root", (int)how->kind, how->eps,
          kind);
}

void test_roots(void)
{
    static const cn_kind kinds[] = {CN_VAR, CN_RMS, CN_L2};
    static const cn_eps_mode modes[] = {CN_EPS_INSIDE, CN_EPS_OUTSIDE, CN_EPS_MAX};
    static const double eps[] = {0, 1e-5, 1e-12, 0.5};
    const char *sets[8];
    for (int i = 0, n = available(sets, 8); i < n; i++) {
        check(cn_init(sets[i]), "%s: not there", sets[i]);
        for (int c = 0; c < 36; c++)
            for (uint64_t round = 0; round < ROUNDS; round++) {
                cn_moments how;
                memset(&how, 0, sizeof how);
                how.kind = kinds[c % 3], how.eps_mode = modes[c / 3 % 3], how.eps = round % 3 ? 0 : eps[c / 9];
                factors_of(&how, c % 2, (int)(round % 3), round * 36 + (uint64_t)c);
            }
    }
    cn_init(NULL);
}
