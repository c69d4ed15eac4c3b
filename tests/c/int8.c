/* int8.c: y to signed bytes on guarded arrays: the two steps, with every instruction set; failing malloc. */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operations.h"

#define UNTOUCHED 0x5a
#define ENOUGH ((size_t)32 << 20)
#define MOST_MALLOCS 10

typedef struct {
    const operation *op;
    const array *a;
    const char *input;
    cn_scales_kind kind;
    char *q, *scales; /* expected */
} trial;

static ptrdiff_t scales_of(const trial *t) { return t->kind == CN_SCALE_GIVEN ? 1 : t->a->groups; }

static void put_scale(const trial *t, char *scales, ptrdiff_t i, double value)
{
    float narrow = (float)value;
    if (t->a->dtype == CN_F64)
        ((double *)scales)[i] = value;
    else
        ((float *)scales)[i] = narrow;
}

static double scale_at(const trial *t, const char *scales, ptrdiff_t i)
{
    return t->a->dtype == CN_F64 ? ((const double *)scales)[i] : ((const float *)scales)[i];
}

/* Some that saturate. */
static void give_scales(const trial *t, char *scales)
{
    for (ptrdiff_t i = 0; i < scales_of(t); i++) put_scale(t, scales, i, 0.01 + 0.003 * (double)(i % 11));
}

static operands open_operands(const trial *t, int at_end)
{
    operands o = {.a = t->a};
    o.x = guarded(SLOT_X, (size_t)t->a->bytes, at_end), o.y = guarded(SLOT_Y, (size_t)t->a->bytes, at_end);
    o.w = guarded(SLOT_W, (size_t)w_bytes(t->op, t->a), at_end);
    o.b = guarded(SLOT_B, (size_t)b_bytes(t->op, t->a), at_end);
    o.first = guarded(SLOT_FIRST, (size_t)first_bytes(t->op, t->a), at_end);
    o.mask = guarded(SLOT_M, (size_t)mask_bytes(t->op, t->a), at_end);
    memcpy(o.x, t->input, (size_t)t->a->bytes);
    fill_inputs(t->op, &o);
    return o;
}

/* What normalize and a plain quantization make, in the order of the groups. */
static void expect(const trial *t)
{
    const array *a = t->a;
    const operands o = open_operands(t, 1);
    const ptrdiff_t n = a->n / a->groups;
    double *largest = calloc((size_t)a->groups, sizeof *largest);
    check(run(t->op, &o) == CN_OK, "int8: normalize failed");
    for (ptrdiff_t i = 0; i < a->n; i++) {
        double *most = &largest[a->kept[i]], size = fabs(decode(a->dtype, o.y + a->at[i]));
        if (!isnan(*most) && !(size <= *most)) *most = size;
    }
    if (t->kind != CN_OF_ROWS) give_scales(t, t->scales);
    for (ptrdiff_t g = 0; g < a->groups && t->kind == CN_OF_ROWS; g++) {
        double scale = a->dtype == CN_F64 ? largest[g] / 127 : (double)((float)largest[g] / 127);
        put_scale(t, t->scales, g, scale == 0 ? 1 : scale);
    }
    for (ptrdiff_t i = 0; i < a->n; i++) {
        double y = decode(a->dtype, o.y + a->at[i]);
        double scale = scale_at(t, t->scales, t->kind == CN_SCALE_GIVEN ? 0 : a->kept[i]);
        double u = a->dtype == CN_F64 ? y / scale : (double)((float)y / (float)scale);
        t->q[a->kept[i] * n + a->reduced[i]] = (char)(isnan(u) ? 0 : (int)rint(fmax(-128, fmin(127, u))));
    }
    free(largest);
}

static cn_status quantized(const trial *t, const operands *o, char *q, char *scales)
{
    cn_call call = call_of(t->op, o);
    ptrdiff_t *y = call.op[CN_Y].strides, n = 1;
    call.op[CN_Y].data = q, call.moments.to = NULL;
    for (int axis = call.ndim - 1; axis >= 0; axis--)
        if (!call.op[CN_STAT].strides[axis]) y[axis] = n, n *= call.shape[axis];
    for (int axis = 0; axis < call.ndim; axis++)
        if (call.op[CN_STAT].strides[axis]) y[axis] = call.op[CN_STAT].strides[axis] * n;
    call.bytes = (cn_int8){scales, t->kind};
    if (t->kind != CN_OF_ROWS) give_scales(t, scales);
    return cn_run(&call);
}

static int same_scales(const trial *t, const char *scales)
{
    int same = 1;
    for (ptrdiff_t i = 0; i < scales_of(t); i++) {
        double a = scale_at(t, scales, i), b = scale_at(t, t->scales, i);
        same &= a == b || (isnan(a) && isnan(b));
    }
    return same;
}

static void all_ways(const trial *t)
{
    const size_t scale_bytes = (size_t)(scales_of(t) * param_size(t->a->dtype));
    const char *sets[8];
    const int n_sets = available(sets, 8);
    for (int i = 0; i < 4 * n_sets; i++) {
        const int at_end = i & 1;
        atomic_store(&cache_bytes, i & 2 ? 1 : ENOUGH);
        cn_init(sets[i / 4]);
        cn_set_num_threads(i & 2 ? 3 : 1);
        operands o = open_operands(t, at_end);
        char *q = guarded(SLOT_Q, (size_t)t->a->n, at_end), *scales = guarded(SLOT_SECOND, scale_bytes, at_end);
        memset(q, UNTOUCHED, (size_t)t->a->n);
        int good = quantized(t, &o, q, scales) == CN_OK && memcmp(q, t->q, (size_t)t->a->n) == 0;
        good &= same_scales(t, scales) && memcmp(o.x, t->input, (size_t)t->a->bytes) == 0;
        check(good, "int8: %s, %s %s, groups %td, n %td, kind %d, %s, variant %d", t->op->name, t->a->how->name,
              dtype_names[t->a->dtype], t->a->groups, t->a->n, (int)t->kind, sets[i / 4], i % 4);
    }
}

static void one_case(const layout *how, cn_dtype dtype, ptrdiff_t k, ptrdiff_t n, int turn)
{
    array a = make_array(how, dtype, k, n);
    char *memory = malloc((size_t)(a.bytes + a.n + a.groups * param_size(dtype)) + 8);
    trial t = {.a = &a, .input = memory, .scales = memory + (a.bytes + 7) / 8 * 8, .kind = turn % 3};
    t.q = t.scales + a.groups * param_size(dtype);
    fill_array(&a, memory, turn % 5 == 4 ? WILD : PLAIN, (uint64_t)(n * 1000 + k));
    if (turn % 4 == 3) memset(memory + a.at[0], 0xff, (size_t)dtype_size(dtype)); /* NaN */
    for (int i = 0; i < n_operations; i++) {
        t.op = &operations[i];
        if (t.op->verb != NORMALIZE || t.op->summed || (i + turn) % 4 || !has_turn()) continue; /* time */
        expect(&t);
        hash(t.q, (size_t)a.n);
        all_ways(&t);
    }
    free(memory);
    drop_array(&a);
}

/* Each malloc fails in turn; bytes and scales are then as they were. */
static void failing_mallocs(const layout *how, ptrdiff_t k, ptrdiff_t n)
{
    array a = make_array(how, CN_F32, k, n);
    char *memory = malloc((size_t)a.bytes), *q = malloc((size_t)a.n), *scales = malloc((size_t)a.groups * 4);
    const trial t = {.op = &operations[2], .a = &a, .input = memory, .kind = CN_OF_ROWS};
    cn_status status = CN_NO_MEMORY;
    fill_array(&a, memory, PLAIN, 1);
    operands o = open_operands(&t, 1);
    for (int left = 0; left < MOST_MALLOCS && status != CN_OK; left++) {
        memset(q, UNTOUCHED, (size_t)a.n);
        memset(scales, UNTOUCHED, (size_t)a.groups * 4);
        const int before = atomic_load(&mallocs_alive);
        atomic_store(&mallocs_left, left);
        status = quantized(&t, &o, q, scales);
        atomic_store(&mallocs_left, -1);
        check(atomic_load(&mallocs_alive) == before, "int8, %s: malloc %d failed, leaked", how->name, left);
        if (status == CN_OK) continue;
        check(all_bytes(q, a.n, UNTOUCHED) && all_bytes(scales, a.groups * 4, UNTOUCHED),
              "int8, %s: malloc %d failed, written", how->name, left);
    }
    check(status == CN_OK, "int8, %s: never succeeds", how->name);
    free(memory), free(q), free(scales);
    drop_array(&a);
}

/* By one at most, as sums in another order may round otherwise. */
static int nearly_same(const char *a, const char *b, ptrdiff_t n)
{
    int same = 1;
    for (ptrdiff_t i = 0; i < n; i++) same &= abs((signed char)a[i] - (signed char)b[i]) <= 1;
    return same;
}

/* Rows of two axes, run through backwards in each of the eight ways: the bytes are those of the first. */
static void backwards(ptrdiff_t k, ptrdiff_t m, ptrdiff_t n)
{
    const ptrdiff_t shape[3] = {k, m, n}, step[3] = {m * n, n, 1}, all = k * m * n;
    float *x = malloc((size_t)all * sizeof *x), *plain = malloc((size_t)all * sizeof *plain);
    float *scales = malloc((size_t)k * sizeof *scales);
    char *wanted = malloc((size_t)all);
    for (ptrdiff_t i = 0; i < all; i++) plain[i] = (float)(i * 7919 % 31) - 15;
    for (int flips = 0; flips < 8; flips++) {
        cn_call call = {.ndim = 3, .shape = {k, m, n}, .dtype = CN_F32, .n_stats = k};
        char *q = guarded(SLOT_Q, (size_t)all, flips & 1);
        for (ptrdiff_t i = 0, at = 0; i < all; i++, at = 0) {
            const ptrdiff_t index[3] = {i / step[0], i / n % m, i % n};
            for (int a = 0; a < 3; a++) at += (flips >> a & 1 ? shape[a] - 1 - index[a] : index[a]) * step[a];
            x[at] = plain[i];
        }
        call.op[CN_X].data = (char *)x, call.op[CN_Y].data = q, call.bytes.scales = (char *)scales;
        for (int a = 0; a < 3; a++) {
            const ptrdiff_t size = sizeof *x, flip = flips >> a & 1;
            call.op[CN_X].strides[a] = (flip ? -step[a] : step[a]) * size, call.op[CN_Y].strides[a] = step[a];
            if (flip) call.op[CN_X].data += (shape[a] - 1) * step[a] * size;
        }
        call.op[CN_STAT].strides[0] = 1, call.moments.eps = 1e-5;
        const int done = cn_run(&call) == CN_OK;
        if (flips == 0) memcpy(wanted, q, (size_t)all);
        check(done && nearly_same(q, wanted, all), "int8: %td rows of %td by %td, backwards %d", k, m, n, flips);
    }
    free(x), free(plain), free(scales), free(wanted);
}

void test_int8(void)
{
    static const ptrdiff_t sizes[][2] = {{2, 4097}, {1030, 9}, {40, 130}, {1, 300001}, {300, 768}, {9, 30000}};
    int turn = 0;
    for (cn_dtype dtype = 0; dtype < CN_NDTYPES; dtype++)
        for (int i = 0; i < n_layouts; i++) {
            const int thick = layouts[i].ndim == 4;
            for (ptrdiff_t n = 1; n <= 130; n += 1 + n % 2) one_case(&layouts[i], dtype, 3, n, turn++);
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
                one_case(&layouts[i], dtype, sizes[s][0], thick ? (sizes[s][1] + 3) / 4 : sizes[s][1], turn++);
        }
    for (ptrdiff_t n = 1; n <= 9; n++)
        for (ptrdiff_t m = 1; m <= 40; m += m < 8 ? 1 : 15)
            backwards(1, m, n), backwards(4, m, n), backwards(70, m, n);
    cn_set_num_threads(3);
    failing_mallocs(&layouts[0], 3, 20);
    failing_mallocs(&layouts[0], 2, 300001);
    failing_mallocs(&layouts[0], 2000, 300);
    failing_mallocs(&layouts[1], 2000, 300);
    atomic_store(&cache_bytes, 0);
    cn_init(NULL);
    cn_set_num_threads(1);
}
