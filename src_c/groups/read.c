/* read.c: the moments of groups: pieces of them over all threads, then the pieces of a group in order. */
#include <stdlib.h>

#include "dispatch/cpu.h"
#include "groups/groups.h"
#include "job/finish.h"
#include "plan/mask.h"
#include "threads/threads.h"

/* Rows of so many groups of one length are read as they lie; fewer, if short, with others. */
#define ALIKE 8

static ptrdiff_t pieces_of(const cn_group_job *job, ptrdiff_t g)
{
    const ptrdiff_t entries = cn_group_entries(job, g), piece = CN_PIECE_BLOCKS * job->block;
    return entries <= piece ? 1 : (entries + piece - 1) / piece;
}

/* A piece of a group, block by block. */
static cn_moments_view read_piece(const cn_group_job *job, const cn_group_tile *tile, ptrdiff_t g, ptrdiff_t piece,
                                  const cn_group_scratch *s)
{
    const ptrdiff_t entries = cn_group_entries(job, g), most = CN_PIECE_BLOCKS * job->block;
    const ptrdiff_t begin = piece * most, end = begin + most < entries ? begin + most : entries;
    const cn_reduce reduce = job->cols ? job->reducer.cols : job->reducer.rows;
    cn_moments_view acc = cn_open_partials(s->moments, job->each, tile->n);
    cn_clear_counts(&acc, tile->n);
    for (ptrdiff_t e = begin; e < end; e += job->block) {
        const cn_tile t = cn_group_tile_of(job, tile, g, e, e + job->block < end ? e + job->block : end, s);
        reduce(&t, job->centered, &acc);
    }
    return acc;
}

static cn_partial column(const cn_moments_view *of, ptrdiff_t c)
{
    return (cn_partial){of->count[c * of->each], of->mean[c], of->mean_lo[c], of->m2[c], 1};
}

/* How many groups, from g on, before `end`, have as many entries. */
static ptrdiff_t count_alike(const cn_group_job *job, ptrdiff_t g, ptrdiff_t end)
{
    const ptrdiff_t entries = cn_group_entries(job, g);
    ptrdiff_t n = 1;
    while (n < CN_BATCH && g + n < end && cn_group_entries(job, g + n) == entries) n++;
    return n;
}

/* Short groups, as one tile; some follow each other. */
static void read_short(const cn_group_job *job, const cn_group_tile *tile, const ptrdiff_t *groups, ptrdiff_t n,
                       ptrdiff_t longest, const cn_group_scratch *s)
{
    const cn_tile t = cn_padded_groups(job, tile, groups, n, longest, s);
    cn_moments_view acc = cn_open_partials(s->moments, 1, n);
    cn_clear_counts(&acc, n);
    job->padded.rows(&t, job->centered, &acc);
    for (ptrdiff_t i = 0, run; i < n; i += run) {
        for (run = 1; i + run < n && groups[i + run] == groups[i] + run;) run++;
        const cn_moments_view some = cn_groups_from(&acc, i);
        cn_finish_groups(job, tile, groups[i], 1, &some, run, s);
    }
}

/* n groups of as many entries, which lie as a tile has them. */
static void read_alike(const cn_group_job *job, const cn_group_tile *tile, ptrdiff_t g, ptrdiff_t n,
                       const cn_group_scratch *s)
{
    const ptrdiff_t entries = cn_group_entries(job, g);
    cn_tile t = cn_group_tile_of(job, tile, g, 0, entries, s);
    cn_moments_view acc = cn_open_partials(s->moments, job->each, n);
    t.groups = n, t.x_group = entries * job->k->size;
    cn_clear_counts(&acc, n);
    job->reducer.rows(&t, job->centered, &acc);
    cn_finish_groups(job, tile, g, 1, &acc, n, s);
}

/* Groups g ... end - 1 of one piece each, elements in rows: many alike, then short ones together. */
static void read_rows(const cn_group_job *job, const cn_group_tile *tile, ptrdiff_t g, ptrdiff_t end,
                      const cn_group_scratch *s)
{
    ptrdiff_t brief[CN_BATCH], n = 0, longest = 1;
    for (ptrdiff_t alike; g < end; g += alike) {
        const ptrdiff_t entries = cn_group_entries(job, g);
        alike = job->direct && entries && entries <= job->block ? count_alike(job, g, end) : 1;
        if (alike >= ALIKE) {
            read_alike(job, tile, g, alike, s);
        } else if (entries > CN_SHORT_ROW) {
            const cn_moments_view acc = read_piece(job, tile, g, 0, s);
            cn_finish_groups(job, tile, g, 0, &acc, 1, s);
            alike = 1;
        } else {
            brief[n++] = g, alike = 1;
            longest = entries > longest ? entries : longest;
            if (n == CN_BATCH) read_short(job, tile, brief, n, longest, s), n = 0, longest = 1;
        }
    }
    if (n) read_short(job, tile, brief, n, longest, s);
}

/* Groups g ... end - 1, of one piece each. */
static void read_groups(const cn_group_job *job, const cn_group_tile *tile, ptrdiff_t g, ptrdiff_t end,
                        const cn_group_scratch *s)
{
    if (!job->cols) {
        read_rows(job, tile, g, end, s);
        return;
    }
    for (; g < end; g++) {
        const cn_moments_view acc = read_piece(job, tile, g, 0, s);
        cn_finish_groups(job, tile, g, 0, &acc, tile->n, s);
    }
}

/* Where the partials of a group's piece are. */
static cn_partial *part(const cn_group_job *job, ptrdiff_t g, ptrdiff_t piece)
{
    return job->parts + (job->part_before[g] + piece) * cn_count(&job->kept) * job->columns.n;
}

/* The group of a piece. */
static ptrdiff_t group_of(const cn_group_job *job, ptrdiff_t piece)
{
    ptrdiff_t low = 0, high = job->groups->n;
    while (high - low > 1) {
        const ptrdiff_t mid = low + (high - low) / 2;
        *(job->piece_before[mid] <= piece ? &low : &high) = mid;
    }
    return low;
}

/* Pieces first ... end - 1 of a tile's groups. */
static void read_pieces(const cn_group_job *job, const cn_group_tile *tile, ptrdiff_t first, ptrdiff_t end,
                        const cn_group_scratch *s)
{
    if (!job->piece_before) {
        read_groups(job, tile, first, end, s);
        return;
    }
    for (ptrdiff_t g = group_of(job, first), i = first; i < end; g++) {
        ptrdiff_t last = g;
        while (last < job->groups->n && i + (last - g) < end && pieces_of(job, last) == 1) last++;
        if (last > g) {
            read_groups(job, tile, g, last, s);
            i += last - g, g = last - 1;
            continue;
        }
        for (ptrdiff_t p = i - job->piece_before[g], n = pieces_of(job, g); p < n && i < end; p++, i++) {
            const cn_moments_view acc = read_piece(job, tile, g, p, s);
            for (ptrdiff_t c = 0; c < tile->n; c++) part(job, g, p)[tile->number + c] = column(&acc, c);
        }
    }
}

static void read_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cn_group_job *job = context;
    const cn_group_scratch s = cn_open_group_scratch(job, thread);
    for (ptrdiff_t i = begin, n; i < end; i += n) {
        const ptrdiff_t first = i % job->pieces;
        n = job->pieces - first < end - i ? job->pieces - first : end - i;
        const cn_group_tile tile = cn_locate_group_tile(job, i / job->pieces);
        read_pieces(job, &tile, first, first + n, &s);
    }
}

/* Groups of several pieces: their parts in order. */
static void merge_pieces(const cn_group_job *job)
{
    const cn_group_scratch s = cn_open_group_scratch(job, 0);
    for (ptrdiff_t i = 0; i < job->tiles; i++) {
        const cn_group_tile tile = cn_locate_group_tile(job, i);
        for (ptrdiff_t g = 0; g < job->groups->n; g++) {
            const ptrdiff_t n = pieces_of(job, g);
            for (ptrdiff_t c = 0; c < tile.n && n > 1; c++) {
                cn_partial p = part(job, g, 0)[tile.number + c];
                for (ptrdiff_t k = 1; k < n; k++) job->reducer.merge(&p, &part(job, g, k)[tile.number + c]);
                cn_finish_group(job, &tile, g, c, p, &s);
            }
        }
    }
}

/* Numbers the pieces, if a group has several. */
static cn_status open_pieces(cn_group_job *job)
{
    const ptrdiff_t n = job->groups->n;
    ptrdiff_t parts = 0;
    job->pieces = 0;
    for (ptrdiff_t g = 0; g < n; g++) job->pieces += pieces_of(job, g);
    if (job->pieces == n) return CN_OK;
    job->piece_before = malloc(2 * (size_t)n * sizeof *job->piece_before);
    if (!job->piece_before) return CN_NO_MEMORY;
    job->part_before = job->piece_before + n;
    job->pieces = 0;
    for (ptrdiff_t g = 0; g < n; g++) {
        const ptrdiff_t own = pieces_of(job, g);
        job->piece_before[g] = job->pieces, job->part_before[g] = parts;
        job->pieces += own, parts += own > 1 ? own : 0;
    }
    job->parts = malloc((size_t)(parts * cn_count(&job->kept) * job->columns.n) * sizeof *job->parts);
    return job->parts ? CN_OK : CN_NO_MEMORY;
}

static void open_job(cn_group_job *job)
{
    const cn_call *call = job->call;
    const cn_moments *of = &call->moments;
    job->x_is = cn_kernels_of(call->dtype);
    job->k = job->x_is->moments_rows[CN_SHOWN] ? job->x_is : cn_kernels_of(CN_F32);
    job->mask = cn_mask_of(call);
    job->each = job->mask || of->omit_nan || of->weights;
    job->centered = of->kind == CN_VAR ? CN_CENTERED : CN_NOT_CENTERED;
    job->holes = of->omit_nan ? CN_NAN_HOLES : CN_NO_HOLES;
    job->reducer = cn_reducer_of(job->k, of, job->each), job->padded = cn_reducer_of(job->k, of, 1);
    cn_lay_out_groups(job);
}

cn_status cn_group_moments(const cn_call *call, const cn_groups *groups, const cn_group_results *to)
{
    cn_group_job job = {.call = call, .groups = groups, .to = to};
    open_job(&job);
    cn_status status = open_pieces(&job);
    const ptrdiff_t entries = (groups->starts[groups->n] - groups->starts[0]) * job.per_position;
    const int threads = cn_threads_for(entries * cn_count(&job.kept) * job.columns.n);
    job.scratch_size = cn_group_scratch_size(&job);
    if (status == CN_OK) job.scratch = malloc(job.scratch_size * (size_t)threads);
    if (!job.scratch) status = CN_NO_MEMORY;
    if (status == CN_OK) cn_parallel(job.tiles * job.pieces, threads, read_task, &job);
    if (status == CN_OK && job.piece_before) merge_pieces(&job);
    free(job.scratch);
    free(job.parts);
    free(job.piece_before);
    return status;
}
