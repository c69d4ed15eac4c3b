/* sweep.c: every verb, dtype, layout and size, with every instruction set: right, the same bits, within its arrays. */
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "operations.h"

#define MOST_SETS 8
#define UNTOUCHED 0xa5
#define ENOUGH ((size_t)32 << 20)

/* How a case may be run; the bits must be those of the first. The first four (CI) have a bit of everything. */
typedef struct {
    int at_end, in_place, small_cache, threads;
} variant;
static const variant variants[] = {{0, 0, 0, 1}, {1, 0, 1, 1}, {1, 1, 0, 1}, {1, 0, 1, 3},
                                   {1, 0, 0, 1}, {0, 1, 0, 1}, {0, 0, 0, 3}};
#define N_VARIANTS (int)(sizeof variants / sizeof *variants)

/* So many elements are worth two threads (threads.c). */
#define PARALLEL (256 * 1024)
#define LARGE (32 * 1024)

static const char *sets[MOST_SETS];
static int n_sets, n_variants;
static char current[200];

/* What a fault was about. */
static void tell_fault(int signal)
{
    static const char text[] = "FAILED: outside of an array, or worse: ";
    if (write(1, text, sizeof text - 1) < 0 || write(1, current, strlen(current)) < 0 || write(1, "\n", 1) < 0) {}
    _exit(128 + signal);
}

typedef struct {
    const operation *op;
    const array *a;
    const char *input; /* x as it was */
    char *result, *expected;
    ptrdiff_t result_bytes;
} trial;

static ptrdiff_t y_bytes(const trial *t) { return t->op->verb == MOMENTS ? 0 : t->a->n * dtype_size(t->a->dtype); }

/* y in logical order, NaNs alike; y is wiped. */
#define COLLECT(T, infinite)                                                                                      \
    for (ptrdiff_t i = 0; i < t->a->n; i++) {                                                                     \
        T v;                                                                                                      \
        memcpy(&v, y + t->a->at[i], sizeof v);                                                                    \
        if ((T)(v << 1) > (T)((T)(infinite) << 1)) v = (T) - 1;                                                   \
        memcpy(t->result + i * (ptrdiff_t)sizeof v, &v, sizeof v);                                                \
        memset(y + t->a->at[i], UNTOUCHED, sizeof v);                                                             \
    }

static void collect(const trial *t, char *y)
{
    switch (t->a->dtype) {
    case CN_F16: COLLECT(uint16_t, 0x7c00) break;
    case CN_BF16: COLLECT(uint16_t, 0x7f80) break;
    case CN_F32: COLLECT(uint32_t, 0x7f800000) break;
    default: COLLECT(uint64_t, 0x7ff0000000000000) break;
    }
}

/* The moments, behind y. */
static void collect_moments(const trial *t, const char *moments)
{
    char *to = t->result + y_bytes(t);
    ptrdiff_t bytes = first_bytes(t->op, t->a);
    memcpy(to, moments, (size_t)bytes);
    for (ptrdiff_t i = 0; i < bytes; i += 8)
        if (isnan(decode(CN_F64, to + i))) memset(to + i, 0xff, 8);
}

/* What is added is the input once more, elements in another order; in place the sum is written over it. */
static void open_sum(const trial *t, const variant *v, operands *o)
{
    const array *a = t->a;
    const size_t bytes = (size_t)a->bytes, size = (size_t)dtype_size(a->dtype);
    o->r = guarded(SLOT_R, bytes, v->at_end);
    o->sum = v->in_place ? o->r : guarded(SLOT_H, bytes, v->at_end);
    memcpy(o->r, t->input, bytes);
    for (ptrdiff_t i = 0; i < a->n; i++) memcpy(o->r + a->at[i], t->input + a->at[a->n - 1 - i], size);
    if (!v->in_place) memset(o->sum, UNTOUCHED, bytes);
}

static int close_sum(const trial *t, const variant *v, operands *o, int wanted)
{
    const array *a = t->a;
    const size_t size = (size_t)dtype_size(a->dtype);
    int good = 1;
    if (v->in_place) return good;
    for (ptrdiff_t i = 0; i < a->n; i++)
        good &= memcmp(o->r + a->at[i], t->input + a->at[a->n - 1 - i], size) == 0;
    if (wanted) good &= sum_as_expected(o, t->input, o->r);
    for (ptrdiff_t i = 0; i < a->n; i++) memset(o->sum + a->at[i], UNTOUCHED, size);
    return good && all_bytes(o->sum, a->bytes, UNTOUCHED);
}

/* One call in one way; its result is the trial's. */
static int attempt(const trial *t, const variant *v, int wanted)
{
    const array *a = t->a;
    operands o = {.a = a};
    o.x = guarded(SLOT_X, (size_t)a->bytes, v->at_end);
    o.y = v->in_place ? o.x : guarded(SLOT_Y, (size_t)a->bytes, v->at_end);
    o.w = guarded(SLOT_W, (size_t)w_bytes(t->op, a), v->at_end);
    o.b = guarded(SLOT_B, (size_t)b_bytes(t->op, a), v->at_end);
    o.first = guarded(SLOT_FIRST, (size_t)first_bytes(t->op, a), v->at_end);
    o.second = guarded(SLOT_SECOND, (size_t)second_bytes(t->op, a), v->at_end);
    o.mask = guarded(SLOT_M, (size_t)mask_bytes(t->op, a), v->at_end);
    if (!v->in_place) memset(o.y, UNTOUCHED, (size_t)a->bytes);
    memcpy(o.x, t->input, (size_t)a->bytes);
    fill_inputs(t->op, &o);
    if (t->op->summed) open_sum(t, v, &o);
    int good = run(t->op, &o) == CN_OK;
    if (wanted) good &= as_expected(t->op, &o, t->op->summed ? o.sum : t->input);
    if (t->op->summed) good &= close_sum(t, v, &o, wanted);
    if (t->op->verb != MOMENTS) collect(t, o.y);
    if (t->op->verb <= NORMALIZE) collect_moments(t, o.first);
    if (v->in_place) return good;
    return good && all_bytes(o.y, a->bytes, UNTOUCHED) && memcmp(o.x, t->input, (size_t)a->bytes) == 0;
}

static void all_ways(const trial *t, const char *set, int data)
{
    for (int i = 0; i < n_variants; i++) {
        const variant *v = &variants[i];
        const int first = set == sets[0] && i == 0;
        if ((v->threads > 1) != (t->a->n >= PARALLEL) && !first) continue;
        if (t->a->n >= LARGE && v->threads == 1 && !v->at_end && !first) continue;
        if (v->in_place && t->op->verb == MOMENTS) continue;
        atomic_store(&cache_bytes, v->small_cache ? 1 : ENOUGH);
        cn_init(set);
        cn_set_num_threads(v->threads);
        int good = attempt(t, v, first && data != WILD);
        if (first) {
            memcpy(t->expected, t->result, (size_t)t->result_bytes);
            hash(t->result, (size_t)t->result_bytes);
        }
        good &= memcmp(t->expected, t->result, (size_t)t->result_bytes) == 0;
        check(good, "%s, %s, variant %d", current, set, i);
    }
}

static void one_case(const layout *how, cn_dtype dtype, ptrdiff_t k, ptrdiff_t n, int data)
{
    array a = make_array(how, dtype, k, n);
    char *input = malloc((size_t)a.bytes);
    fill_array(&a, input, data, (uint64_t)(n * 1000 + k));
    for (int i = 0; i < n_operations; i++) {
        trial t = {&operations[i], &a, input, NULL, NULL, 0};
        if (a.n >= PARALLEL && (i + (int)dtype + (int)(how - layouts)) % 6) continue; /* time */
        if (!applies(t.op, how) || (data == WILD && t.op->verb == RESPOND) || !has_turn()) continue;
        snprintf(current, sizeof current, "%s: %s %s, k %td, n %td, data %d", t.op->name, how->name,
                 dtype_names[dtype], k, n, data);
        t.result_bytes = y_bytes(&t) + (t.op->verb <= NORMALIZE ? first_bytes(t.op, &a) : 0);
        t.result = malloc(2 * (size_t)t.result_bytes), t.expected = t.result + t.result_bytes;
        for (int set = 0; set < n_sets; set++) all_ways(&t, sets[set], data);
        free(t.result);
    }
    free(input);
    drop_array(&a);
}

/* Beyond 130: the ends of runs and blocks, groups for two phases, enough for several threads. */
static const struct {
    ptrdiff_t k, n;
} sizes[] = {{5, 255},  {3, 1000}, {2, 4095},  {2, 4097},   {1, 9000}, {300, 17},
             {1030, 9}, {40, 130}, {1, 40001}, {2, 131077}, {4099, 64}};

void test_sweep(void)
{
    signal(SIGSEGV, tell_fault);
    signal(SIGBUS, tell_fault);
    n_sets = available(sets, MOST_SETS), n_variants = ways_tried(N_VARIANTS);
    for (cn_dtype dtype = 0; dtype < CN_NDTYPES; dtype++)
        for (int i = 0; i < n_layouts; i++) {
            const int thick = layouts[i].ndim == 4; /* four times the elements */
            for (ptrdiff_t n = 1; n <= 130; n++) {
                one_case(&layouts[i], dtype, thick ? 2 : 3 + n % 3, n, n % 2 ? PLAIN : SHIFTED);
                if (n % 9 == 1) one_case(&layouts[i], dtype, 3, n, WILD);
            }
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
                one_case(&layouts[i], dtype, sizes[s].k, thick ? (sizes[s].n + 3) / 4 : sizes[s].n, SHIFTED);
        }
    atomic_store(&cache_bytes, 0);
    cn_init(NULL);
}
