/* direct.c: y by the parameters of groups, straight to the kernel, where positions lie as it takes them.
 *
 * Columns: a position is a row, each element of which has parameters of its own; the kernel takes a list of where those of
 * each row are. Those that lie apart, in x or in y, are turned to rows without gaps, and back, some at a time. Rows: its
 * elements share their parameters, one of each kind. Elements: it is few of them, or one, and the next position lies behind
 * it; their parameters are put side by side. */
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "dispatch/cpu.h"
#include "groups/groups.h"
#include "job/params.h"
#include "memory/turn.h"
#include "threads/threads.h"

/* Positions, or elements, of a chunk, multiples of 16: parameters that were put stay in L1. */
#define POSITIONS 256
#define ELEMENTS 1024
/* Elements of a position from which on it is a row. */
#define ROW 32
/* Columns that lie apart, fewer than these, are written one by one ((100000, 2) floats, Zen 3: 1.5 ms, turned 2.4). */
#define FEW 4
/* Columns whose parameters outgrow the cache next to this one fetch those of so many positions at once. */
#define NEAR ((ptrdiff_t)1 << 19)
#define FETCHED 8
#define LINE 64

typedef enum { COLUMNS, ROWS, ALONE } position_kind;

typedef struct {
    const cn_call *call;
    const cn_groups *groups;
    const cn_kernels *k;
    position_kind kind;
    cn_loops outer;
    cn_loop along, row;
    cn_params params;
    ptrdiff_t positions, chunks; /* of a chunk; of one outer index */
    int turned;                  /* columns lie apart */
    int beyond_cache, nontemporal;
} direct_job;

/* What a chunk puts; its first position: a chunk of the next outer index may have the same groups. */
typedef struct {
    ptrdiff_t first, groups[ELEMENTS], at[POSITIONS];
    _Alignas(64) char params[3][ELEMENTS * sizeof(double)];
    _Alignas(64) char x[POSITIONS * CN_STRIP_BYTES], y[POSITIONS * CN_STRIP_BYTES]; /* turned */
} chunk_memory;

/* One loop, or none, of neighbours; columns may be turned. */
static int is_row(const direct_job *job)
{
    const ptrdiff_t size = job->k->size, param = job->k->param_size, *stride = job->row.stride;
    if (job->row.n == 1) return 1;
    return (job->turned || (stride[CN_X] == size && stride[CN_Y] == size)) &&
           (stride[CN_STAT] == 0 || stride[CN_STAT] == 1) && (stride[CN_W] == 0 || stride[CN_W] == param) &&
           (stride[CN_B] == 0 || stride[CN_B] == param);
}

/* A group's statistics side by side are columns, wherever x has them. */
static void take_columns(direct_job *job, cn_loops *inner)
{
    cn_loops *from = inner->n ? inner : &job->outer;
    job->row = (cn_loop){.n = 1};
    const cn_loop *last = from->n ? &from->loop[from->n - 1] : NULL;
    if (!last || (inner->n == 0 && (last->stride[CN_STAT] != 1 || last->n < FEW))) return;
    from->n--, job->row = *last;
    job->turned = job->row.stride[CN_STAT] == 1 &&
                  (job->row.stride[CN_X] != job->k->size || job->row.stride[CN_Y] != job->k->size);
}

/* Do positions lie one behind the other? */
static int are_adjacent(const direct_job *job)
{
    const ptrdiff_t n = job->row.n, size = job->k->size, param = job->k->param_size, *along = job->along.stride;
    const int operands[2] = {CN_W, CN_B};
    if (along[CN_X] != n * size || along[CN_Y] != n * size) return 0;
    for (int i = 0; i < 2; i++) {
        const ptrdiff_t in = n == 1 ? (along[operands[i]] ? param : 0) : job->row.stride[operands[i]];
        if (along[operands[i]] != n * in) return 0;
    }
    return 1;
}

/* Do y's chunks begin and end at multiples of 16 bytes? */
static int is_aligned(const direct_job *job)
{
    size_t odd = (size_t)(uintptr_t)job->call->op[CN_Y].data;
    for (int i = 0; i < job->outer.n; i++) odd |= (size_t)job->outer.loop[i].stride[CN_Y];
    if (job->kind == ALONE)
        odd |= (size_t)(job->along.n * job->row.n * job->k->size);
    else
        odd |= (size_t)job->along.stride[CN_Y] | (size_t)(job->row.n * job->k->size);
    return odd % 16 == 0;
}

/* How positions lie; 0: otherwise. */
static int open_direct(direct_job *job)
{
    const cn_call *call = job->call;
    const unsigned all = 1u << CN_X | 1u << CN_Y | 1u << CN_STAT | 1u << CN_W | 1u << CN_B;
    cn_loops inner;
    if (call->op[CN_M].data) return 0;
    job->k = cn_kernels_of(call->dtype);
    job->along.n = call->shape[job->groups->axis];
    for (int o = 0; o < CN_NOPERANDS; o++) job->along.stride[o] = call->op[o].strides[job->groups->axis];
    cn_group_loops(call, job->groups->axis, &job->outer, &inner);
    cn_coalesce(&job->outer, all), cn_coalesce(&inner, all);
    if (inner.n > 1) return 0;
    take_columns(job, &inner);
    if (!is_row(job)) return 0;
    job->kind = job->row.stride[CN_STAT] ? COLUMNS : job->row.n >= ROW ? ROWS : ALONE;
    /* Of segments a chunk of positions has one group, or few: in a call of its own (85, 768) in 16 takes 51 us, so 165, and
     * (1000, 2000) in 100 3.4 ms, so 5.5 (Zen 5). */
    if (job->kind == ALONE && !(job->groups->labels.at && are_adjacent(job))) return 0;
    job->params = cn_params_in((char *)call->moments.center, call->n_stats, job->k->param_size);
    job->positions = job->kind == ALONE ? ELEMENTS / job->row.n / 16 * 16 : POSITIONS;
    job->chunks = (job->along.n + job->positions - 1) / job->positions;
    const double elements = (double)job->along.n * (double)job->row.n * (double)cn_count(&job->outer);
    const int apart = call->op[CN_Y].data != call->op[CN_X].data;
    job->beyond_cache =
        cn_goes_past((1 + apart) * elements * (double)job->k->size, cn_threads_for((ptrdiff_t)elements));
    job->beyond_cache &= !job->turned;
    job->nontemporal = job->beyond_cache && apart && is_aligned(job);
    return 1;
}

static cn_param param_of(const direct_job *job, int operand, ptrdiff_t offset)
{
    const char *data = job->call->op[operand].data;
    const ptrdiff_t in = job->kind == ALONE ? job->along.stride[operand] : job->row.stride[operand];
    return (cn_param){data ? data + offset : NULL, job->along.stride[operand], in != 0};
}

static void skip_positions(const direct_job *job, cn_apply_tile *t, ptrdiff_t n)
{
    t->x += n * t->x_row, t->y += n * t->y_row;
    if (t->w.data) t->w.data += n * job->along.stride[CN_W];
    if (t->b.data) t->b.data += n * job->along.stride[CN_B];
}

/* The parameters of rows from i on. */
static void fetch_params(const direct_job *job, const cn_apply_tile *t, ptrdiff_t i, ptrdiff_t n)
{
    const char *const of[3] = {t->hi.data, t->lo.data, t->scale.data};
    const ptrdiff_t bytes = t->n * job->k->param_size;
    for (ptrdiff_t end = i + n; i < end; i++)
        for (int p = 0; p < 3; p++) {
            for (ptrdiff_t b = 0; b < bytes; b += LINE) __builtin_prefetch(of[p] + t->at[i] + b);
            __builtin_prefetch(of[p] + t->at[i] + bytes - 1);
        }
}

/* n positions in some group; x, y, w and b of t are theirs. */
static void write_columns(const direct_job *job, const cn_apply_tile *t, const ptrdiff_t *groups, ptrdiff_t n,
                          chunk_memory *m)
{
    const ptrdiff_t group = job->along.stride[CN_STAT] * job->k->param_size;
    const ptrdiff_t some = job->call->n_stats * 3 * job->k->param_size > NEAR ? FETCHED : n;
    cn_apply_tile own = *t;
    for (ptrdiff_t i = 0; i < n; i++) m->at[i] = groups[i] * group;
    own.at = m->at;
    if (some < n) fetch_params(job, &own, 0, some);
    for (ptrdiff_t i = 0; i < n; i += some, own.at += some) {
        const ptrdiff_t next = n - i - some < some ? n - i - some : some;
        own.rows = n - i < some ? n - i : some;
        if (next > 0) fetch_params(job, &own, some, next);
        job->k->apply_cols(&own);
        skip_positions(job, &own, own.rows);
    }
}

#define PUT(type, times)                                                                                          \
    for (ptrdiff_t i = 0; i < n; i++) {                                                                           \
        type v;                                                                                                   \
        memcpy(&v, from + groups[i] * group, sizeof v);                                                           \
        for (ptrdiff_t j = 0; j < (times); j++) ((type *)(void *)to)[i * (times) + j] = v;                        \
    }

/* A parameter of each of n positions, so many times. */
static void put_param(const direct_job *job, const char *from, const ptrdiff_t *groups, ptrdiff_t n,
                      ptrdiff_t times, char *to)
{
    const ptrdiff_t group = job->along.stride[CN_STAT] * job->k->param_size;
    if (job->k->param_size == sizeof(double) && times == 1)
        PUT(double, 1)
    else if (times == 1)
        PUT(float, 1)
    else if (job->k->param_size == sizeof(double))
        PUT(double, times)
    else
        PUT(float, times)
}

static void write_shared(const direct_job *job, const cn_apply_tile *t, const ptrdiff_t *groups, ptrdiff_t n,
                         chunk_memory *m)
{
    const cn_param *const from[3] = {&t->hi, &t->lo, &t->scale};
    const int alone = job->kind == ALONE, alike = cn_are_alike(groups, n);
    const ptrdiff_t times = alone && !alike ? job->row.n : 1;
    cn_apply_tile own = *t;
    cn_param *const put[3] = {&own.hi, &own.lo, &own.scale};
    for (int p = 0; p < 3; p++) {
        put_param(job, from[p]->data, groups, alike ? 1 : n, times, m->params[p]);
        *put[p] = (cn_param){m->params[p], alike ? 0 : job->k->param_size, alone && !alike};
    }
    own.rows = alone ? 1 : n, own.n = alone ? n * job->row.n : t->n;
    (alone && !alike ? job->k->apply_cols : job->k->apply_rows)(&own);
}

/* Positions from one on that are in groups, or in none, as it is. */
static ptrdiff_t count_run(const ptrdiff_t *groups, ptrdiff_t n)
{
    ptrdiff_t i = 1;
    while (i < n && (groups[i] < 0) == (groups[0] < 0)) i++;
    return i;
}

static void clear(const direct_job *job, const cn_apply_tile *t, ptrdiff_t n)
{
    const size_t bytes = (size_t)(t->n * job->k->size);
    for (ptrdiff_t i = 0; i < n; i++) memset(t->y + i * t->y_row, 0, bytes);
}

/* n positions, run by run. */
static void write_runs(const direct_job *job, const cn_apply_tile *of, ptrdiff_t n, chunk_memory *m)
{
    cn_apply_tile t = *of;
    for (ptrdiff_t from = 0, run; from < n; from += run) {
        const ptrdiff_t *groups = m->groups + from;
        run = count_run(groups, n - from);
        if (job->kind == ALONE && run < n) t.nontemporal = 0;
        if (*groups < 0)
            clear(job, &t, run);
        else
            (job->kind == COLUMNS ? write_columns : write_shared)(job, &t, groups, run, m);
        skip_positions(job, &t, run);
    }
}

static void skip_columns(cn_apply_tile *t, ptrdiff_t bytes)
{
    cn_param *const of[] = {&t->hi, &t->lo, &t->scale, &t->w, &t->b};
    for (int i = 0; i < 5; i++) of[i]->data += of[i]->data && of[i]->per_column ? bytes : 0;
}

static void write_turned(const direct_job *job, const cn_apply_tile *t, ptrdiff_t n, chunk_memory *m)
{
    const ptrdiff_t size = job->k->size, *column = job->row.stride, *along = job->along.stride;
    const ptrdiff_t most = cn_strip_width(job->row.n, size);
    cn_apply_tile own = *t;
    own.x = m->x, own.y = m->y;
    for (ptrdiff_t c = 0; c < job->row.n; c += most, skip_columns(&own, most * job->k->param_size)) {
        const cn_matrix x = {(char *)(uintptr_t)(t->x + c * column[CN_X]), column[CN_X], along[CN_X]};
        const cn_matrix y = {t->y + c * column[CN_Y], column[CN_Y], along[CN_Y]};
        own.n = job->row.n - c < most ? job->row.n - c : most, own.x_row = own.y_row = own.n * size;
        cn_turn((cn_matrix){m->x, size, own.x_row}, x, own.n, n, size);
        write_runs(job, &own, n, m);
        cn_turn(y, (cn_matrix){m->y, size, own.y_row}, own.n, n, size);
    }
}

static void write_chunk(const direct_job *job, ptrdiff_t i, chunk_memory *m)
{
    const ptrdiff_t first = i % job->chunks * job->positions, rest = job->along.n - first;
    const ptrdiff_t n = rest < job->positions ? rest : job->positions, size = job->k->param_size;
    ptrdiff_t at[CN_NOPERANDS] = {0};
    cn_locate(&job->outer, i / job->chunks, at);
    for (int o = 0; o < CN_NOPERANDS; o++)
        if (o != CN_STAT) at[o] += first * job->along.stride[o];
    cn_apply_tile t = {
        .x = job->call->op[CN_X].data + at[CN_X], .x_row = job->along.stride[CN_X], .n = job->row.n};
    t.y = job->call->op[CN_Y].data + at[CN_Y], t.y_row = job->along.stride[CN_Y];
    t.hi = (cn_param){job->params.hi + at[CN_STAT] * size, 0, 1};
    t.lo = (cn_param){job->params.lo + at[CN_STAT] * size, 0, 1};
    t.scale = (cn_param){job->params.scale + at[CN_STAT] * size, 0, 1};
    t.w = param_of(job, CN_W, at[CN_W]), t.b = param_of(job, CN_B, at[CN_B]);
    t.beyond_cache = job->beyond_cache, t.nontemporal = job->nontemporal;
    if (first != m->first) cn_groups_at(job->groups, first, n, m->groups), m->first = first;
    (job->turned ? write_turned : write_runs)(job, &t, n, m);
}

static void direct_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const direct_job *job = context;
    chunk_memory m;
    m.first = -1;
    (void)thread;
    for (ptrdiff_t i = begin; i < end; i++) write_chunk(job, i, &m);
    if (job->nontemporal) atomic_thread_fence(memory_order_seq_cst);
}

int cn_apply_direct(const cn_call *call, const cn_groups *groups)
{
    direct_job job = {.call = call, .groups = groups};
    if (!open_direct(&job)) return 0;
    const ptrdiff_t all = cn_count(&job.outer) * job.chunks;
    cn_parallel(all, cn_threads_for(all * job.positions * job.row.n), direct_task, &job);
    return 1;
}
