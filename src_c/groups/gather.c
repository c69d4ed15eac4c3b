/* gather.c: the entries of a group become a tile: where they lie, or packed side by side. */
#include <stdint.h>

#include "dispatch/cpu.h"
#include "dispatch/numbers.h"
#include "groups/groups.h"
#include "memory/copy.h"
#include "memory/turn.h"
#include "read/block.h"

/* Bytes of rows to come that are fetched while one is packed, and so many rows at least. Rows of 160 bytes of 1000 groups
 * in no order, ms for (1000000, 20): 16 rows 17.6, 32 15.1, 64 19.4, 128 22.2; of 80 bytes 13.1, 10.2, 8.2, 10.0. */
#define FETCHED 5120
#define LEAST_FETCHED 8
#define LINE 64
/* Bytes of a short group of direct rows up to which as many behind it are fetched while it is read: (1000000, 20) in groups
 * of 16 take 19 ms without, 9.6 with it (float64); fetching no more than to L2, 10. Whole blocks are streams the hardware
 * sees: fetched as well, groups of 1000 take 7.0 ms instead of 5.7. What is narrow the kernel fetches itself, so far that
 * least groups need no more: (1000000, 20) in 16 9.3 ms with both, 8.7 without this; 6.4 KiB of 50 doubles 4.8 and 5.1. */
#define FETCHED_BYTES 131072
#define LEAST_FETCHED_BYTES 4096

/* Bytes of rows that are put side by side before they are converted. */
#define CONVERTED 4096

/* What is packed of an operand. */
typedef struct {
    int operand;
    ptrdiff_t size; /* of a packed element */
    void (*put)(const cn_group_job *job, const char *from, ptrdiff_t step, ptrdiff_t n, char *to);
} packing;

static void put_x(const cn_group_job *job, const char *from, ptrdiff_t step, ptrdiff_t n, char *to)
{
    cn_pack_elements(job->k, job->x_is, job->call->moments.x, from, step, n, to);
}

static void put_mask(const cn_group_job *job, const char *from, ptrdiff_t step, ptrdiff_t n, char *to)
{
    (void)job;
    cn_copy_row(to, 1, from, step, n, 1);
}

static void put_weights(const cn_group_job *job, const char *from, ptrdiff_t step, ptrdiff_t n, char *to)
{
    const cn_moments *of = &job->call->moments;
    cn_to_doubles(of->weights, from, step, n, of->weights_by, (double *)to);
}

static ptrdiff_t position(const cn_group_job *job, ptrdiff_t i) { return job->order ? job->order[i] : i; }

/* The offset of an outer or inner index. */
static ptrdiff_t offset_of(const cn_loops *loops, ptrdiff_t i, int operand)
{
    ptrdiff_t offset[CN_NOPERANDS] = {0};
    if (i) cn_locate(loops, i, offset);
    return offset[operand];
}

static void fetch_row(const char *row, ptrdiff_t bytes)
{
    for (ptrdiff_t at = 0; at < bytes; at += LINE) __builtin_prefetch(row + at, 0, 3);
    __builtin_prefetch(row + bytes - 1, 0, 3);
}

/* Is x copied as it lies? */
static int is_copied(const cn_group_job *job, const packing *p)
{
    return p->put == put_x && job->k == job->x_is && !job->call->moments.x;
}

/* Rows of so few bytes that one move, or two, copies them. */
#define COPY_SHORT(bytes)                                                                                         \
    case bytes:                                                                                                   \
        for (ptrdiff_t i = 0; i < n; i++, packed += (bytes)) {                                                    \
            __builtin_prefetch(first + order[i < fetched ? i + early : i] * along, 0, 3);                         \
            memcpy(packed, first + order[i] * along, (bytes));                                                    \
        }                                                                                                         \
        return 1;
static int copy_short_rows(const char *first, ptrdiff_t along, ptrdiff_t bytes, const ptrdiff_t *order,
                           ptrdiff_t n, ptrdiff_t early, ptrdiff_t fetched, char *packed)
{
    switch (bytes) {
        COPY_SHORT(2)
        COPY_SHORT(4)
        COPY_SHORT(6)
        COPY_SHORT(8)
        COPY_SHORT(12)
        COPY_SHORT(16)
    default: return 0;
    }
}

/* Rows of `bytes` bytes at n positions. */
static void copy_rows(const cn_group_job *job, const char *first, ptrdiff_t bytes, ptrdiff_t at, ptrdiff_t n,
                      char *packed)
{
    const ptrdiff_t along = job->along.stride[CN_X], *order = job->order + at;
    const ptrdiff_t left = job->groups->starts[job->groups->n] - at;
    const ptrdiff_t early = FETCHED / bytes > LEAST_FETCHED ? FETCHED / bytes : LEAST_FETCHED;
    const ptrdiff_t fetched = left - early < n ? left - early : n;
    ptrdiff_t i = 0;
    if (copy_short_rows(first, along, bytes, order, n, early, fetched, packed)) return;
    for (; i < fetched; i++, packed += bytes) {
        fetch_row(first + order[i + early] * along, bytes);
        cn_copy_bytes(packed, first + order[i] * along, bytes);
    }
    for (; i < n; i++, packed += bytes) cn_copy_bytes(packed, first + order[i] * along, bytes);
}

/* Rows without gaps at n positions from one on are converted many at a time: a call for each costs as much as 20 elements. */
static void convert_rows(const cn_group_job *job, const packing *p, const char *first, ptrdiff_t columns,
                         ptrdiff_t from, ptrdiff_t n, char *packed)
{
    _Alignas(64) char raw[CONVERTED];
    const ptrdiff_t size = cn_size_of_x(job), row = columns * size, along = job->along.stride[CN_X];
    const ptrdiff_t most = CONVERTED / row;
    for (ptrdiff_t i = 0, some; i < n; i += some, packed += some * columns * p->size) {
        const char *x = job->order ? raw : first + (from + i) * along;
        some = n - i < most ? n - i : most;
        if (job->order) copy_rows(job, first, row, from + i, some, raw);
        p->put(job, x, size, some * columns, packed);
    }
}

/* Are rows of x converted, and lie as that needs it? */
static int is_converted(const cn_group_job *job, const packing *p, ptrdiff_t columns)
{
    const ptrdiff_t size = cn_size_of_x(job), row = columns * size;
    if (p->put != put_x || job->per_position != 1 || job->columns.stride[CN_X] != size) return 0;
    return row <= CONVERTED && (job->order || job->along.stride[CN_X] == row);
}

/* Rows of columns. */
static void pack_rows(const cn_group_job *job, const packing *p, const char *first, ptrdiff_t n, ptrdiff_t g,
                      ptrdiff_t from, ptrdiff_t to, char *packed)
{
    const int o = p->operand;
    const ptrdiff_t start = cn_group_start(job, g), len = job->groups->starts[g + 1] - start;
    const ptrdiff_t along = job->along.stride[o], step = job->columns.stride[o], inner = job->per_inner;
    const int plain = job->per_position == 1;
    if (plain && job->order && step == p->size && is_copied(job, p)) {
        copy_rows(job, first, n * step, start + from, to - from, packed);
        return;
    }
    if (is_converted(job, p, n)) {
        convert_rows(job, p, first, n, start + from, to - from, packed);
        return;
    }
    if (job->apart && is_copied(job, p)) {
        const cn_matrix x = {(char *)(uintptr_t)(first + (start + from) * along), step, along};
        cn_turn((cn_matrix){packed, p->size, n * p->size}, x, n, to - from, p->size);
        return;
    }
    for (ptrdiff_t e = from; e < to; e++, packed += n * p->size) {
        const ptrdiff_t at = plain ? e : e / inner % len;
        const char *row = first + position(job, start + at) * along;
        if (!plain) row += offset_of(&job->outer, e / inner / len, o) + offset_of(&job->inner, e % inner, o);
        p->put(job, row, step, n, packed);
    }
}

#define GATHER(type)                                                                                              \
    for (ptrdiff_t i = 0; i < n; i++) memcpy(to + i * (ptrdiff_t)sizeof(type), x + order[i] * along, sizeof(type))

/* Elements at n positions. */
static void gather(const cn_group_job *job, const packing *p, const char *x, const ptrdiff_t *order, ptrdiff_t n,
                   char *to)
{
    const ptrdiff_t along = job->along.stride[p->operand];
    const int copied = is_copied(job, p);
    if (copied && p->size == 8)
        GATHER(double);
    else if (copied && p->size == 4)
        GATHER(float);
    else
        for (ptrdiff_t i = 0; i < n; i++) p->put(job, x + order[i] * along, 0, 1, to + i * p->size);
}

/* Elements, in runs along the innermost loop. */
static void pack_elements(const cn_group_job *job, const packing *p, const char *first, ptrdiff_t g,
                          ptrdiff_t from, ptrdiff_t to, char *packed)
{
    const int o = p->operand;
    const ptrdiff_t start = cn_group_start(job, g), len = job->groups->starts[g + 1] - start,
                    inner = job->per_inner;
    const ptrdiff_t along = job->along.stride[o];
    const cn_loop *in = job->inner.n ? &job->inner.loop[job->inner.n - 1] : NULL;
    if (job->per_position == 1) {
        if (job->order)
            gather(job, p, first, job->order + start + from, to - from, packed);
        else
            p->put(job, first + (start + from) * along, along, to - from, packed);
        return;
    }
    for (ptrdiff_t e = from, run; e < to; e += run, packed += run * p->size) {
        const ptrdiff_t at = e / inner % len, rest = e % inner;
        const char *x = first + (job->outer.n ? offset_of(&job->outer, e / inner / len, o) : 0);
        run = in ? in->n - rest % in->n : len - at;
        run = run < to - e ? run : to - e;
        if (in)
            p->put(job, x + position(job, start + at) * along + offset_of(&job->inner, rest, o), in->stride[o],
                   run, packed);
        else if (job->order)
            gather(job, p, x, job->order + start + at, run, packed);
        else
            p->put(job, x + (start + at) * along, along, run, packed);
    }
}

static void pack(const cn_group_job *job, const packing *p, const cn_group_tile *tile, ptrdiff_t g, ptrdiff_t from,
                 ptrdiff_t to, char *packed)
{
    const char *first = job->call->op[p->operand].data + tile->offset[p->operand];
    if (job->cols)
        pack_rows(job, p, first, tile->n, g, from, to, packed);
    else
        pack_elements(job, p, first, g, from, to, packed);
}

/* Weights of n elements, as doubles from `to` on: as the lanes are, too. */
static const char *weights_of(const cn_group_job *job, ptrdiff_t n, const cn_group_scratch *s)
{
    if (job->k->param_size == sizeof(double)) return (const char *)s->exact;
    for (ptrdiff_t i = 0; i < n; i++) s->floats[i] = (float)s->exact[i];
    return (const char *)s->floats;
}

/* The first element of a group that is not packed. */
static const char *direct_x(const cn_group_job *job, const cn_group_tile *tile, ptrdiff_t g)
{
    return job->call->op[CN_X].data + tile->offset[CN_X] + cn_group_start(job, g) * job->along.stride[CN_X];
}

/* As many direct rows as are about to be read, behind them. */
static void fetch_next(const cn_group_job *job, const char *x, ptrdiff_t position, ptrdiff_t n)
{
    const ptrdiff_t row = job->along.stride[CN_X], left = job->along.n - position - n, next = left < n ? left : n;
    if (next > 0 && next * row > LEAST_FETCHED_BYTES && next * row <= FETCHED_BYTES)
        fetch_row(x + n * row, next * row);
}

static packing packing_of_x(const cn_group_job *job) { return (packing){CN_X, job->k->size, put_x}; }
static const packing packing_of_mask = {CN_M, 1, put_mask};
static const packing packing_of_weights = {CN_W, sizeof(double), put_weights};

cn_tile cn_group_tile_of(const cn_group_job *job, const cn_group_tile *tile, ptrdiff_t g, ptrdiff_t from,
                         ptrdiff_t to, const cn_group_scratch *s)
{
    const ptrdiff_t entries = to - from, n = entries * (job->cols ? tile->n : 1), size = job->k->size;
    const packing x = packing_of_x(job);
    cn_tile t = {
        .groups = 1, .rows = job->cols ? entries : 1, .n = job->cols ? tile->n : entries, .holes = job->holes};
    if (job->direct) {
        t.x = direct_x(job, tile, g);
        t.x_row = job->cols ? job->along.stride[CN_X] : 0;
        t.x += from * (job->cols ? t.x_row : size);
        if (job->cols && entries < job->block) fetch_next(job, t.x, cn_group_start(job, g) + from, entries);
        return t;
    }
    pack(job, &x, tile, g, from, to, s->x);
    t.x = s->x, t.x_row = t.n * size;
    if (job->mask) {
        pack(job, &packing_of_mask, tile, g, from, to, s->mask);
        job->k->mark(s->x, s->mask, s->x, n);
        if (t.holes == CN_NO_HOLES) t.holes = CN_MARKED_HOLES;
    }
    if (job->call->moments.weights) {
        pack(job, &packing_of_weights, tile, g, from, to, (char *)s->exact);
        t.weights = weights_of(job, n, s), t.exact = s->exact;
        t.per_column = 1, t.weights_row = t.n * job->k->param_size;
    }
    return t;
}

void cn_fetch_group(const cn_group_job *job, const cn_group_tile *tile, ptrdiff_t g)
{
    if (job->direct) fetch_row(direct_x(job, tile, g), cn_group_entries(job, g) * job->k->size);
}

cn_tile cn_equal_groups(const cn_group_job *job, const cn_group_tile *tile, const ptrdiff_t *groups, ptrdiff_t n,
                        ptrdiff_t entries, const cn_group_scratch *s)
{
    const ptrdiff_t bytes = entries * job->k->size;
    const packing x = packing_of_x(job);
    for (ptrdiff_t i = 0; i < n; i++)
        if (job->direct)
            cn_copy_bytes(s->x + i * bytes, direct_x(job, tile, groups[i]), bytes);
        else
            pack(job, &x, tile, groups[i], 0, entries, s->x + i * bytes);
    return (cn_tile){.x = s->x, .x_group = bytes, .groups = n, .rows = 1, .n = entries, .holes = CN_NO_HOLES};
}

cn_tile cn_padded_groups(const cn_group_job *job, const cn_group_tile *tile, const ptrdiff_t *groups, ptrdiff_t n,
                         ptrdiff_t longest, const cn_group_scratch *s)
{
    const ptrdiff_t size = job->k->size;
    const packing x = packing_of_x(job);
    cn_tile t = {.x = s->x, .x_group = longest * size, .groups = n, .rows = 1, .n = longest};
    t.holes = job->holes == CN_NO_HOLES ? CN_MARKED_HOLES : job->holes;
    if (!job->mask) memset(s->mask, 1, (size_t)(n * longest));
    for (ptrdiff_t i = 0; i < n; i++) {
        const ptrdiff_t entries = cn_group_entries(job, groups[i]), at = i * longest;
        if (job->direct)
            cn_copy_bytes(s->x + at * size, direct_x(job, tile, groups[i]), entries * size);
        else
            pack(job, &x, tile, groups[i], 0, entries, s->x + at * size);
        memset(s->x + (at + entries) * size, 0, (size_t)((longest - entries) * size));
        if (job->mask) pack(job, &packing_of_mask, tile, groups[i], 0, entries, s->mask + at);
        memset(s->mask + at + entries, 0, (size_t)(longest - entries));
        if (!job->call->moments.weights) continue;
        pack(job, &packing_of_weights, tile, groups[i], 0, entries, (char *)(s->exact + at));
        memset(s->exact + at + entries, 0, (size_t)(longest - entries) * sizeof *s->exact);
    }
    job->k->mark(s->x, s->mask, s->x, n * longest);
    if (job->call->moments.weights) {
        t.weights = weights_of(job, n * longest, s), t.exact = s->exact;
        t.per_column = 1, t.weights_group = longest * job->k->param_size;
    }
    return t;
}
