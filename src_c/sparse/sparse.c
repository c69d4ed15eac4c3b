/* sparse.c: moments and extremes of the rows or columns of a sparse matrix.
 *
 * Sums about zero keep their digits where zeros are many or the mean is not: m2 = s2 - s1^2 / n, n with all zeros, and s2
 * is at most 32 times as large. Other groups are read again. */
#include <math.h>
#include <stdlib.h>

#include "kernels/moments.h"
#include "sparse/sparse.h"
#include "threads/threads.h"

/* Blocks are as many as have so many elements for each column, but not more than pays. */
#define LEAST_FOR_COLUMN 16
#define MOST_BLOCKS 64

static const cn_column_ends NO_ENDS = {INFINITY, INFINITY, 0};

/* A read with what its threads write to. */
typedef struct {
    cn_reading r;
    cn_column_sums *sums; /* [blocks, groups], or NULL */
    cn_column_ends *ends; /* the same */
    cn_order order[MOST_BLOCKS];
    ptrdiff_t *doubted; /* a column's number among the doubted ones, or -1 */
} job_of_matrix;

static ptrdiff_t nnz(const cn_sparse *m) { return (ptrdiff_t)m->starts[m->rows]; }

static ptrdiff_t first_row(const cn_reading *r, ptrdiff_t block)
{
    const double share = (double)nnz(r->m) / (double)r->blocks;
    const ptrdiff_t wanted = (ptrdiff_t)(share * (double)block);
    ptrdiff_t low = 0, high = r->m->rows;
    if (block == 0) return 0;
    if (block == r->blocks) return high;
    while (low < high) {
        const ptrdiff_t mid = low + (high - low) / 2;
        if (r->m->starts[mid] < wanted)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

cn_rows cn_rows_of(const cn_reading *r, ptrdiff_t block)
{
    return (cn_rows){first_row(r, block), first_row(r, block + 1)};
}

static void weigh(cn_reading *r, ptrdiff_t positions)
{
    r->positions = r->total = (double)positions;
    if (!r->weights) return;
    r->positions = r->total = 0;
    for (ptrdiff_t i = 0; i < positions; i++) {
        r->positions += r->weights[i] > 0;
        cn_add_sums(&r->total, &r->total_lo, r->weights[i], 0);
    }
}

static void open_reading(cn_reading *r, const cn_sparse *m, int across)
{
    const ptrdiff_t elements = nnz(m), most = across ? elements / (LEAST_FOR_COLUMN * (m->width + 1)) : m->rows;
    r->m = m, r->across = across;
    r->groups = across ? m->width : m->rows;
    r->blocks = most < 1 ? 1 : most < MOST_BLOCKS ? most : MOST_BLOCKS;
    r->threads = cn_threads_for(elements);
    weigh(r, across ? m->rows : m->width);
}

/* Moments by sums about zero; 0 if they do not tell. */
static int from_zero(const cn_reading *r, cn_column_sums sums, cn_partial *to)
{
    const double mean = sums.s1 / r->total, m2 = sums.s2 - sums.s1 * mean;
    if (!(sums.s2 >= 0x1p-900 && sums.s2 <= 0x1p900 && m2 >= sums.s2 * CN_LEAST_SPREAD)) return 0;
    *to = (cn_partial){r->total, mean, 0, m2, 1};
    return 1;
}

/* What indices of these rows of a block are. */
static cn_order look_at(job_of_matrix *job, ptrdiff_t block, cn_rows rows)
{
    const cn_order order = cn_order_of(job->r.m, rows);
    if (order > job->order[block]) job->order[block] = order;
    return order;
}

static cn_order look_at_row(job_of_matrix *job, ptrdiff_t block, ptrdiff_t row)
{
    return look_at(job, block, (cn_rows){row, row + 1});
}

/* Are all indices of n blocks from one on within the width? */
static int are_within(job_of_matrix *job, ptrdiff_t block, ptrdiff_t n)
{
    int within = 1;
    for (ptrdiff_t b = block; b < block + n; b++) within &= look_at(job, b, cn_rows_of(&job->r, b)) != CN_OUTSIDE;
    return within;
}

static void rows_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    job_of_matrix *job = context;
    const cn_reading *r = &job->r;
    (void)thread;
    for (ptrdiff_t b = begin; b < end; b++)
        for (ptrdiff_t row = cn_rows_of(r, b).begin, last = cn_rows_of(r, b).end; row < last; row++) {
            cn_column_sums sums = {0, 0};
            if (look_at_row(job, b, row) == CN_OUTSIDE) continue;
            cn_sums_of_row(r, row, &sums);
            if (r->m->starts[row] == r->m->starts[row + 1])
                r->to[row] = (cn_partial){r->total, 0, 0, 0, 1};
            else if (!from_zero(r, sums, &r->to[row]))
                cn_read_row_again(r, row);
        }
}

/* Tables of n blocks from one on, of sums or of ends, before anything joins them. */
static void clear_tables(job_of_matrix *job, ptrdiff_t block, ptrdiff_t n)
{
    const ptrdiff_t begin = block * job->r.groups, end = begin + n * job->r.groups;
    for (ptrdiff_t i = begin; i < end && job->sums; i++) job->sums[i] = (cn_column_sums){0, -0.0};
    for (ptrdiff_t i = begin; i < end && job->ends; i++) job->ends[i] = NO_ENDS;
}

static void join_in_turns(job_of_matrix *job, ptrdiff_t block, ptrdiff_t n)
{
    const cn_reading *r = &job->r;
    if (!are_within(job, block, n)) return;
    if (job->sums)
        cn_add_in_turns(r, block, n, job->sums + block * r->groups);
    else
        cn_bound_in_turns(r, block, n, job->ends + block * r->groups);
}

static void join_row(job_of_matrix *job, ptrdiff_t block, ptrdiff_t row)
{
    const cn_reading *r = &job->r;
    const cn_order order = look_at_row(job, block, row);
    if (order == CN_OUTSIDE) return;
    if (job->sums)
        cn_add_row(r, row, order == CN_IN_ORDER, job->sums + block * r->groups);
    else
        cn_bound_row(r, row, job->ends + block * r->groups);
}

static void columns_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    job_of_matrix *job = context;
    const ptrdiff_t most = cn_blocks_in_turns(&job->r);
    (void)thread;
    for (ptrdiff_t b = begin, some; b < end; b += some) {
        const cn_rows rows = cn_rows_of(&job->r, b);
        some = end - b < most ? end - b : most;
        clear_tables(job, b, some);
        if (most > 1) join_in_turns(job, b, some);
        for (ptrdiff_t row = rows.begin; row < rows.end && most == 1; row++) join_row(job, b, row);
    }
}

/* Blocks merged in order, and what is doubted read again. */
static cn_status finish_columns(job_of_matrix *job)
{
    const cn_reading *r = &job->r;
    ptrdiff_t n = 0;
    for (ptrdiff_t b = 1; b < r->blocks; b++)
        for (ptrdiff_t c = 0; c < r->groups; c++) {
            job->sums[c].s1 += job->sums[b * r->groups + c].s1;
            job->sums[c].s2 += job->sums[b * r->groups + c].s2;
        }
    for (ptrdiff_t c = 0; c < r->groups; c++) {
        const int nothing = job->sums[c].s2 == 0 && signbit(job->sums[c].s2);
        if (nothing) r->to[c] = (cn_partial){r->total, 0, 0, 0, 1};
        job->doubted[c] = nothing || from_zero(r, job->sums[c], &r->to[c]) ? -1 : n++;
    }
    return n ? cn_read_columns_again(r, job->doubted, n) : CN_OK;
}

static cn_order worst(const job_of_matrix *job)
{
    cn_order order = CN_IN_ORDER;
    for (ptrdiff_t b = 0; b < job->r.blocks; b++) order = job->order[b] > order ? job->order[b] : order;
    return order;
}

cn_status cn_sparse_moments(const cn_sparse *m, int across, const double *weights, int omit_nan, cn_partial *to,
                            cn_order *order)
{
    job_of_matrix job = {.r = {.weights = weights, .omit_nan = omit_nan, .to = to}};
    cn_status status = CN_OK;
    open_reading(&job.r, m, across);
    if (!across) {
        cn_parallel(job.r.blocks, job.r.threads, rows_task, &job);
        *order = worst(&job);
        return CN_OK;
    }
    const size_t groups = (size_t)job.r.groups;
    job.sums = malloc((size_t)job.r.blocks * (groups + 1) * sizeof *job.sums);
    job.doubted = malloc((groups + 1) * sizeof *job.doubted);
    if (!job.sums || !job.doubted) status = CN_NO_MEMORY;
    if (status == CN_OK) cn_parallel(job.r.blocks, job.r.threads, columns_task, &job);
    *order = worst(&job);
    if (status == CN_OK && *order != CN_OUTSIDE) status = finish_columns(&job);
    free(job.sums), free(job.doubted);
    return status;
}

static void put_ends(const cn_reading *r, ptrdiff_t group, const cn_column_ends *ends)
{
    const int zeros = ends->stored < r->positions;
    cn_partial *p = &r->to[group];
    *p = (cn_partial){r->positions, ends->least, -ends->least_negated, 0, 1};
    if (zeros && !(p->mean < 0)) p->mean = 0;
    if (zeros && !(p->mean_lo > 0)) p->mean_lo = 0;
}

static void row_ends_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    job_of_matrix *job = context;
    const cn_reading *r = &job->r;
    (void)thread;
    for (ptrdiff_t b = begin; b < end; b++)
        for (ptrdiff_t row = cn_rows_of(r, b).begin, last = cn_rows_of(r, b).end; row < last; row++) {
            cn_column_ends ends = NO_ENDS;
            if (look_at_row(job, b, row) == CN_OUTSIDE) continue;
            cn_ends_of_row(r, row, &ends);
            put_ends(r, row, &ends);
        }
}

cn_status cn_sparse_extremes(const cn_sparse *m, int across, cn_partial *to, cn_order *order)
{
    job_of_matrix job = {.r = {.to = to}};
    open_reading(&job.r, m, across);
    const ptrdiff_t n = job.r.groups;
    if (across) job.ends = malloc((size_t)(job.r.blocks * n + 1) * sizeof *job.ends);
    if (across && !job.ends) return CN_NO_MEMORY;
    cn_parallel(job.r.blocks, job.r.threads, across ? columns_task : row_ends_task, &job);
    for (ptrdiff_t i = n; across && i < job.r.blocks * n; i++) {
        cn_column_ends *ends = &job.ends[i % n];
        if (job.ends[i].least < ends->least) ends->least = job.ends[i].least;
        if (job.ends[i].least_negated < ends->least_negated) ends->least_negated = job.ends[i].least_negated;
        ends->stored += job.ends[i].stored;
    }
    for (ptrdiff_t c = 0; c < n && across; c++) put_ends(&job.r, c, &job.ends[c]);
    *order = worst(&job);
    free(job.ends);
    return CN_OK;
}
