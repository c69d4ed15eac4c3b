/* read.c: the moments of groups: pieces of them over all threads, then the pieces of a group in order. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "dispatch/cpu.h"
#include "groups/groups.h"
#include "job/finish.h"
#include "plan/mask.h"
#include "threads/threads.h"

/* Blocks of a piece that are read in its turn: the rows fetched early are then read soon (10000 groups of 160-byte rows: 1
 * block 27 ms, 2 18). */
#define TURN 2
/* Rows of so many groups of one length are read as they lie; fewer, if short, with others. */
#define ALIKE 8
/* Short groups that are put in order of their lengths. */
#define CANDIDATES 512

/* Where the partials of a group's piece are. */
static cn_partial *part(const cn_group_job *job, cn_group_piece piece)
{
    return job->parts + (job->part_before[piece.group] + piece.number) * cn_count(&job->kept) * job->columns.n;
}

static cn_partial column(const cn_moments_view *of, ptrdiff_t c)
{
    return (cn_partial){of->count[c * of->each], of->mean[c], of->mean_lo[c], of->m2[c], 1};
}

static cn_group_piece piece_at(const cn_group_job *job, ptrdiff_t i)
{
    return job->list ? job->list[i] : (cn_group_piece){i, 0};
}

/* Block b of a piece joins acc; 0 if there is none. */
static int read_block(const cn_group_job *job, const cn_group_tile *tile, cn_group_piece piece, ptrdiff_t b,
                      cn_moments_view *acc, const cn_group_scratch *s)
{
    const ptrdiff_t from = (piece.number * CN_PIECE_BLOCKS + b) * job->block;
    const ptrdiff_t rest = cn_group_entries(job, piece.group) - from;
    if (rest <= 0) return 0;
    const cn_tile t =
        cn_group_tile_of(job, tile, piece.group, from, from + (rest < job->block ? rest : job->block), s);
    (job->cols ? job->reducer.cols : job->reducer.rows)(&t, job->centered, acc);
    return 1;
}

void cn_put_piece(const cn_group_job *job, const cn_group_tile *tile, cn_group_piece piece,
                  const cn_moments_view *acc, const cn_group_scratch *s)
{
    if (cn_pieces_of(job, piece.group) == 1) {
        cn_finish_groups(job, tile, piece.group, 0, acc, tile->n, s);
        return;
    }
    for (ptrdiff_t c = 0; c < tile->n; c++) part(job, piece)[tile->number + c] = column(acc, c);
}

/* n pieces from the first on, some blocks of each in turn. */
static void read_turns(const cn_group_job *job, const cn_group_tile *tile, ptrdiff_t first, ptrdiff_t n,
                       const cn_group_scratch *s)
{
    cn_moments_view acc[CN_MOST_TURNS];
    for (ptrdiff_t i = 0; i < n; i++) {
        acc[i] = cn_open_partials(s->moments + 4 * i * tile->n, job->each, tile->n);
        cn_clear_counts(&acc[i], tile->n);
    }
    for (ptrdiff_t b = 0, left = n; b < CN_PIECE_BLOCKS && left; b += TURN) {
        left = 0;
        for (ptrdiff_t i = 0; i < n; i++)
            for (int k = 0; k < TURN; k++)
                left += read_block(job, tile, piece_at(job, first + i), b + k, &acc[i], s);
    }
    for (ptrdiff_t i = 0; i < n; i++) cn_put_piece(job, tile, piece_at(job, first + i), &acc[i], s);
}

/* How many groups, from g on, before `end`, have as many entries. */
static ptrdiff_t count_alike(const cn_group_job *job, ptrdiff_t g, ptrdiff_t end)
{
    const ptrdiff_t entries = cn_group_entries(job, g);
    ptrdiff_t n = 1;
    while (n < CN_BATCH && g + n < end && cn_group_entries(job, g + n) == entries) n++;
    return n;
}

/* Short groups of so many entries each, as one tile. Only a mask, weights, NaN left out or no
 * entry at all need rows that may have holes. */
static void read_short(const cn_group_job *job, const cn_group_tile *tile, const ptrdiff_t *groups, ptrdiff_t n,
                       ptrdiff_t entries, const cn_group_scratch *s)
{
    const int all = !job->each && entries;
    const cn_tile t = all ? cn_equal_groups(job, tile, groups, n, entries, s)
                          : cn_padded_groups(job, tile, groups, n, entries ? entries : 1, s);
    cn_moments_view acc = cn_open_partials(s->moments, !all, n);
    cn_clear_counts(&acc, n);
    (all ? job->reducer : job->padded).rows(&t, job->centered, &acc);
    cn_finish_listed(job, tile, groups, &acc, n, s);
}

/* Short groups in order, those of one length after the other. */
static void read_by_length(const cn_group_job *job, const cn_group_tile *tile, const ptrdiff_t *groups,
                           ptrdiff_t n, const cn_group_scratch *s)
{
    ptrdiff_t ends[CN_SHORT_ROW + 2] = {0}, sorted[CANDIDATES];
    for (ptrdiff_t i = 0; i < n; i++) ends[cn_group_entries(job, groups[i]) + 1]++;
    for (int length = 0; length < CN_SHORT_ROW; length++) ends[length + 1] += ends[length];
    for (ptrdiff_t i = 0; i < n; i++) sorted[ends[cn_group_entries(job, groups[i])]++] = groups[i];
    for (ptrdiff_t from = 0, length = 0; length <= CN_SHORT_ROW; length++)
        for (ptrdiff_t some; from < ends[length]; from += some) {
            some = ends[length] - from < CN_BATCH ? ends[length] - from : CN_BATCH;
            read_short(job, tile, sorted + from, some, length, s);
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

/* A group of one piece, elements in rows. */
static void read_one(const cn_group_job *job, const cn_group_tile *tile, ptrdiff_t g, const cn_group_scratch *s)
{
    cn_moments_view acc = cn_open_partials(s->moments, job->each, 1);
    cn_clear_counts(&acc, 1);
    for (ptrdiff_t b = 0; read_block(job, tile, (cn_group_piece){g, 0}, b, &acc, s);) b++;
    cn_finish_groups(job, tile, g, 0, &acc, 1, s);
}

/* Groups g ... end - 1 of one piece each, elements in rows: many alike, then short ones together. */
static void read_rows(const cn_group_job *job, const cn_group_tile *tile, ptrdiff_t g, ptrdiff_t end,
                      const cn_group_scratch *s)
{
    ptrdiff_t brief[CANDIDATES], n = 0;
    for (ptrdiff_t alike; g < end; g += alike) {
        const ptrdiff_t entries = cn_group_entries(job, g);
        alike = job->direct && entries && entries <= job->block ? count_alike(job, g, end) : 1;
        if (alike >= ALIKE) {
            read_alike(job, tile, g, alike, s);
        } else if (entries > CN_SHORT_ROW) {
            read_one(job, tile, g, s);
            alike = 1;
        } else {
            cn_fetch_group(job, tile, g);
            brief[n++] = g, alike = 1;
            if (n == CANDIDATES) read_by_length(job, tile, brief, n, s), n = 0;
        }
    }
    read_by_length(job, tile, brief, n, s);
}

/* How many pieces from the first on, before `end`, are groups that follow each other. */
static ptrdiff_t count_whole(const cn_group_job *job, ptrdiff_t first, ptrdiff_t end)
{
    const ptrdiff_t g = piece_at(job, first).group;
    ptrdiff_t n = 0;
    for (; first + n < end; n++) {
        const cn_group_piece piece = piece_at(job, first + n);
        if (piece.group != g + n || piece.number || cn_pieces_of(job, piece.group) > 1) break;
    }
    return n;
}

/* Pieces first ... end - 1 of a tile's groups. */
static void read_pieces(const cn_group_job *job, const cn_group_tile *tile, ptrdiff_t first, ptrdiff_t end,
                        const cn_group_scratch *s)
{
    for (ptrdiff_t n; first < end; first += n) {
        n = job->cols ? 0 : count_whole(job, first, end);
        if (n) {
            read_rows(job, tile, piece_at(job, first).group, piece_at(job, first).group + n, s);
        } else {
            n = end - first < job->turns ? end - first : job->turns;
            read_turns(job, tile, first, n, s);
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
            const ptrdiff_t n = cn_pieces_of(job, g);
            for (ptrdiff_t c = 0; c < tile.n && n > 1; c++) {
                cn_group_piece piece = {g, 0};
                cn_partial p = part(job, piece)[tile.number + c];
                while (++piece.number < n) job->reducer.merge(&p, &part(job, piece)[tile.number + c]);
                cn_finish_group(job, &tile, g, c, p, &s);
            }
        }
    }
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
    const ptrdiff_t positions = job->groups->starts[job->groups->n] - job->groups->starts[0];
    job->threads = cn_threads_for(positions * job->per_position * cn_count(&job->kept) * job->columns.n);
    job->dealt = cn_groups_are_dealt(job);
    job->scratch_size = cn_group_scratch_size(job);
}

/* Positions in order and their sort; then blocks. */
static size_t order_size(const cn_group_job *job)
{
    return job->groups->labels.at ? (size_t)((job->along.n + job->groups->n + 7) / 8 * 8) * sizeof *job->order : 0;
}

/* All else is 0 but the loops, which are nine tenths of it, and laid out before they are read. */
static void clear(cn_group_job *job, const cn_call *call, const cn_groups *groups)
{
    memset(job, 0, offsetof(cn_group_job, kept));
    memset(&job->along, 0, sizeof *job - offsetof(cn_group_job, along));
    job->call = call, job->groups = groups;
}

size_t cn_group_space(const cn_call *call, const cn_groups *groups)
{
    cn_group_job job;
    clear(&job, call, groups);
    open_job(&job);
    if (cn_has_strips(&job)) {
        const cn_call strip = cn_strip_of(&job, 0, call->op[CN_X].data);
        cn_groups along = *groups;
        along.axis = 0;
        return cn_group_space(&strip, &along);
    }
    return order_size(&job) + (job.dealt ? cn_dealt_size(&job) : 0);
}

/* Threads may have become fewer since space was asked for. */
static void open_space(cn_group_job *job)
{
    if (!job->groups->labels.at) return;
    job->dealt &= job->groups->space_size >= order_size(job) + cn_dealt_size(job);
    job->order = job->groups->space, job->ends = job->order + job->along.n;
    job->blocks = (char *)job->groups->space + order_size(job);
}

/* All pieces. */
static void read_all(cn_group_job *job)
{
    if (job->dealt) {
        cn_deal_groups(job);
    } else {
        if (job->order) cn_sort_groups(job);
        cn_parallel(job->tiles * job->pieces, job->threads, read_task, job);
    }
    if (job->list) merge_pieces(job);
}

cn_status cn_group_moments(const cn_call *call, const cn_groups *groups, void *params)
{
    int sorted = 0;
    return cn_read_groups(call, groups, params, 0, &sorted);
}

cn_status cn_read_groups(const cn_call *call, const cn_groups *groups, void *params, ptrdiff_t first, int *sorted)
{
    cn_group_job job;
    clear(&job, call, groups);
    job.params = params, job.first = first, job.sorted = sorted;
    open_job(&job);
    if (cn_has_strips(&job)) return cn_read_strips(&job);
    open_space(&job);
    cn_status status = cn_open_pieces(&job);
    if (status == CN_OK) job.scratch = malloc(job.scratch_size * (size_t)job.threads);
    if (!job.scratch) status = CN_NO_MEMORY;
    if (status == CN_OK) read_all(&job);
    free(job.scratch);
    free(job.parts);
    free(job.list);
    free(job.part_before);
    return status;
}
