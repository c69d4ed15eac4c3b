/* meet.c: weights a few floats from the quotient with which a map takes given elements to a given result exactly. */
#include <math.h>

#include "cnorm.h"

static double get(const void *a, cn_dtype dtype, ptrdiff_t i)
{
    return dtype == CN_F64 ? ((const double *)a)[i] : ((const float *)a)[i];
}

static void set(void *a, cn_dtype dtype, ptrdiff_t i, double value)
{
    if (dtype == CN_F64)
        ((double *)a)[i] = value;
    else
        ((float *)a)[i] = (float)value;
}

/* The float so many steps above, or below. */
static double stepped(double value, int steps, cn_dtype dtype)
{
    const double to = steps > 0 ? INFINITY : -INFINITY;
    for (int left = steps > 0 ? steps : -steps; left > 0; left--)
        value = dtype == CN_F64 ? nextafter(value, to) : nextafterf((float)value, (float)to);
    return value;
}

static double quotient(double a, double b, cn_dtype dtype)
{
    return dtype == CN_F64 ? a / b : (double)((float)a / (float)b);
}

/* In the dtype of the call. Without `volatile` GCC 12 leaves out the rounding of two numbers side by side (-O3). */
static double rounded(double value, cn_dtype dtype)
{
    const volatile float narrow = (float)value;
    return dtype == CN_F64 ? value : narrow;
}

cn_status cn_meet(const cn_call *call, cn_meeting *how)
{
    static const int STEPS[] = {0, 1, -1, 2, -2, 3, -3, -4};
    const ptrdiff_t n = call->shape[0];
    const cn_dtype dtype = call->dtype;
    const char *x = call->op[CN_X].data, *y = call->op[CN_Y].data;
    char *w = call->op[CN_W].data;
    const double wanted = rounded(how->wanted, dtype), width = rounded(how->width, dtype);
    cn_call bare = *call;
    bare.op[CN_W].data = bare.op[CN_B].data = NULL;
    if (cn_run(&bare) != CN_OK) return CN_NO_MEMORY;
    ptrdiff_t left = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const double top = get(x, dtype, i), plain = get(y, dtype, i);
        const int known = (how->regular == NULL || how->regular[i]) && top - top == 0 && plain > 0;
        how->first[i] = known ? quotient(width, plain, dtype) : width;
        how->best[i] = -INFINITY, how->chosen[i] = how->first[i], how->missed[i] = (unsigned char)known;
        left += known;
    }
    for (size_t k = 0; left && k < sizeof(STEPS) / sizeof(*STEPS); k++) {
        for (ptrdiff_t i = 0; i < n; i++)
            set(w, dtype, i, how->missed[i] ? stepped(how->first[i], STEPS[k], dtype) : how->first[i]);
        if (cn_run(call) != CN_OK) return CN_NO_MEMORY;
        for (ptrdiff_t i = 0; i < n; i++) {
            const double found = get(y, dtype, i);
            if (!how->missed[i] || !(found <= wanted) || !(found > how->best[i])) continue;
            how->best[i] = found, how->chosen[i] = get(w, dtype, i);
            if (found == wanted) how->missed[i] = 0, left--;
        }
    }
    how->n_missed = left, how->n_other = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        set(w, dtype, i, how->chosen[i]);
        how->n_other += how->chosen[i] != 1;
    }
    return CN_OK;
}
