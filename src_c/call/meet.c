/* meet.c: weights a few floats from the quotient with which a map takes given elements to a given result exactly. */
#include <math.h>

#include "cnorm.h"

/* The float so many steps above, or below. */
static double stepped(double value, int steps, int wide)
{
    const double to = steps > 0 ? INFINITY : -INFINITY;
    for (int left = steps > 0 ? steps : -steps; left > 0; left--)
        value = wide ? nextafter(value, to) : nextafterf((float)value, (float)to);
    return value;
}

/* Of n elements x and what becomes of them without weight and bias: weights, by the quotient where that is right; then, of what
 * is missed, the best of the floats beside it. Plain C in the dtype of the call: its products and sums are those of apply. */
#define CN_DEFINE_MEET(T)                                                                                         \
    static ptrdiff_t take_quotients_##T(cn_meeting *how, ptrdiff_t n, const T *restrict x, const T *restrict y,   \
                                        T *restrict w, T b)                                                       \
    {                                                                                                             \
        const T wanted = (T)how->wanted, width = (T)how->width;                                                   \
        const unsigned char *restrict regular = how->regular;                                                     \
        unsigned char *restrict missed = how->missed;                                                             \
        ptrdiff_t n_missed = 0;                                                                                   \
        for (ptrdiff_t i = 0; i < n; i++) {                                                                       \
            const int known = (x[i] - x[i] == 0) & (y[i] > 0);                                                    \
            w[i] = known ? width / y[i] : width;                                                                  \
            missed[i] = (unsigned char)(known & !(y[i] * w[i] + b == wanted));                                    \
        }                                                                                                         \
        for (ptrdiff_t i = 0; i < n && regular; i++)                                                              \
            if (!regular[i]) w[i] = width, missed[i] = 0;                                                         \
        for (ptrdiff_t i = 0; i < n; i++) n_missed += missed[i];                                                  \
        return n_missed;                                                                                          \
    }                                                                                                             \
    static int is_missed_##T(T y, T *w, T b, T wanted)                                                            \
    {                                                                                                             \
        static const int STEPS[] = {0, 1, -1, 2, -2, 3, -3, -4};                                                  \
        T best = -(T)INFINITY, first = *w;                                                                        \
        for (size_t k = 0; k < sizeof(STEPS) / sizeof(*STEPS) && best != wanted; k++) {                           \
            const T trial = (T)stepped(first, STEPS[k], sizeof(T) == sizeof(double)), found = y * trial + b;      \
            if (found <= wanted && found > best) best = found, *w = trial;                                        \
        }                                                                                                         \
        return best != wanted;                                                                                    \
    }                                                                                                             \
    static void meet_##T(const cn_call *call, cn_meeting *how)                                                    \
    {                                                                                                             \
        const ptrdiff_t n = call->shape[0];                                                                       \
        const T *x = (const T *)call->op[CN_X].data, *y = (const T *)call->op[CN_Y].data;                         \
        T *w = (T *)call->op[CN_W].data, bias = (T)how->bias;                                                     \
        how->n_missed = take_quotients_##T(how, n, x, y, w, bias), how->n_other = 0;                              \
        for (ptrdiff_t i = 0; i < n && how->n_missed; i++)                                                        \
            if (how->missed[i] && !is_missed_##T(y[i], &w[i], bias, (T)how->wanted))                              \
                how->missed[i] = 0, how->n_missed--;                                                              \
        for (ptrdiff_t i = 0; i < n; i++) how->n_other += w[i] != 1;                                              \
    }

CN_DEFINE_MEET(float)
CN_DEFINE_MEET(double)

cn_status cn_meet(const cn_call *call, cn_meeting *how)
{
    cn_call bare = *call;
    bare.op[CN_W].data = NULL;
    const cn_status status = cn_run(&bare);
    if (status == CN_OK) (call->dtype == CN_F64 ? meet_double : meet_float)(call, how);
    return status;
}
