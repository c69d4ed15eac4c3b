/* lay_out.c: the axes of a call around the one along which groups lie: loops, tiles, pieces, scratch. Integers only. */
#include <stdlib.h>

#include "groups/groups.h"

/* Rows of few columns are parts of cache lines: what lies beside a row, of another group, is read soon after it. So many
 * columns are read in turns. */
#define TURNED 1024

static ptrdiff_t size_of(ptrdiff_t stride) { return stride < 0 ? -stride : stride; }

/* As plan.c has it: what is broadcast is outermost. */
static int outside(ptrdiff_t a, ptrdiff_t b)
{
    if (a == 0 || b == 0) return a == 0 && b != 0;
    return size_of(a) > size_of(b);
}

/* All axes but that of the groups, x in memory order. */
static void gather_loops(const cn_call *call, int along, cn_loops *loops)
{
    loops->n = 0;
    for (int axis = 0; axis < call->ndim; axis++) {
        cn_loop loop = {.n = call->shape[axis]};
        if (axis == along || loop.n == 1) continue;
        for (int o = 0; o < CN_NOPERANDS; o++) loop.stride[o] = call->op[o].strides[axis];
        int k = loops->n++;
        for (; k > 0 && outside(loop.stride[CN_X], loops->loop[k - 1].stride[CN_X]); k--)
            loops->loop[k] = loops->loop[k - 1];
        loops->loop[k] = loop;
    }
}

void cn_group_loops(const cn_call *call, int axis, cn_loops *outer, cn_loops *inner)
{
    const ptrdiff_t along = call->shape[axis] > 1 ? call->op[CN_X].strides[axis] : 0;
    cn_loops all;
    gather_loops(call, axis, &all);
    outer->n = inner->n = 0;
    for (int i = 0; i < all.n; i++) {
        cn_loops *to = outside(all.loop[i].stride[CN_X], along) ? outer : inner;
        to->loop[to->n++] = all.loop[i];
    }
}

/* Do entries of positions that follow each other lie as a tile has them? */
static int is_direct(const cn_group_job *job)
{
    const ptrdiff_t size = job->x_is->size, along = job->along.stride[CN_X];
    if (job->groups->labels.at || job->mask || job->call->moments.weights || job->call->moments.x) return 0;
    if (job->k != job->x_is || job->outer.n) return 0;
    if (job->cols) return job->inner.n == 0 && job->columns.stride[CN_X] == size;
    if (job->inner.n == 0) return along == size;
    const cn_loop *in = &job->inner.loop[0];
    return job->inner.n == 1 && in->stride[CN_X] == size && along == in->n * size;
}

/* Loops of x that belong to each group beside its positions. */
static int count_reduced(const cn_loops *all)
{
    int n = 0;
    for (int i = 0; i < all->n; i++) n += all->loop[i].stride[CN_STAT] == 0;
    return n;
}

ptrdiff_t cn_strip_width(ptrdiff_t columns, ptrdiff_t size)
{
    const ptrdiff_t most = CN_STRIP_BYTES / size, strips = (columns + most - 1) / most;
    const ptrdiff_t width = ((columns + strips - 1) / strips + 3) / 4 * 4;
    return columns < width ? columns : width;
}

/* Columns that are read at once. Of a strip none is alone: it would be a row, whose sums have another order. */
static ptrdiff_t width_of(const cn_group_job *job)
{
    const ptrdiff_t n = job->columns.n;
    ptrdiff_t width = n < CN_MAX_GROUPS ? n : CN_MAX_GROUPS;
    if (job->apart) width = cn_strip_width(n, job->x_is->size);
    while (job->apart && n % width == 1) width++;
    return width;
}

void cn_lay_out_groups(cn_group_job *job)
{
    const cn_call *call = job->call;
    const int axis = job->groups->axis;
    const unsigned read = 1u << CN_X | 1u << CN_M | 1u << CN_W;
    cn_loops all;
    gather_loops(call, axis, &all);
    job->along = (cn_loop){.n = call->shape[axis]};
    for (int o = 0; o < CN_NOPERANDS; o++) job->along.stride[o] = call->op[o].strides[axis];
    const ptrdiff_t along = job->along.n > 1 ? job->along.stride[CN_X] : 0;
    const cn_loop *in = all.n ? &all.loop[all.n - 1] : NULL;
    job->cols = in && in->stride[CN_STAT] != 0 && (!outside(in->stride[CN_X], along) || !count_reduced(&all));
    job->apart = job->cols && outside(in->stride[CN_X], along);
    job->kept.n = job->outer.n = job->inner.n = 0;
    for (int i = 0; i < all.n; i++) {
        const cn_loop *loop = &all.loop[i];
        cn_loops *to = loop->stride[CN_STAT]                ? &job->kept
                       : outside(loop->stride[CN_X], along) ? &job->outer
                                                            : &job->inner;
        to->loop[to->n++] = *loop;
    }
    cn_coalesce(&job->kept, read | 1u << CN_STAT);
    cn_coalesce(&job->outer, read);
    cn_coalesce(&job->inner, read);
    job->columns = job->cols ? job->kept.loop[--job->kept.n] : (cn_loop){.n = 1};
    job->width = width_of(job);
    job->tiles = cn_count(&job->kept) * ((job->columns.n + job->width - 1) / job->width);
    job->per_inner = cn_count(&job->inner), job->per_position = job->per_inner * cn_count(&job->outer);
    job->block = job->cols ? CN_GROUP_ROWS : CN_BLOCK;
    job->direct = is_direct(job);
    job->turns = job->cols && job->groups->labels.at && job->width < TURNED / 2 ? TURNED / job->width : 1;
    if (job->turns > CN_MOST_TURNS) job->turns = CN_MOST_TURNS;
}

cn_group_tile cn_locate_group_tile(const cn_group_job *job, ptrdiff_t i)
{
    const ptrdiff_t across = (job->columns.n + job->width - 1) / job->width;
    const ptrdiff_t first = i % across * job->width, rest = job->columns.n - first;
    cn_group_tile tile = {.n = rest < job->width ? rest : job->width};
    tile.number = i / across * job->columns.n + first;
    for (int o = 0; o < CN_NOPERANDS; o++) tile.offset[o] = first * job->columns.stride[o];
    tile.offset[CN_STAT] += job->first;
    cn_locate(&job->kept, i / across, tile.offset);
    return tile;
}

/* Packed elements of a block, or of a tile of short rows. */
static size_t packed(const cn_group_job *job)
{
    return (size_t)(job->cols ? CN_GROUP_ROWS * job->width : CN_BLOCK);
}

/* Doubles of the moments of pieces read in turns, or of a tile of short rows. */
static ptrdiff_t moments_of(const cn_group_job *job)
{
    const ptrdiff_t n = job->turns * job->width;
    return 4 * (n > CN_BATCH ? n : CN_BATCH);
}

size_t cn_group_scratch_size(const cn_group_job *job)
{
    const size_t moments = (size_t)moments_of(job);
    size_t bytes = packed(job) * (sizeof(double) + 1);
    if (job->call->moments.weights) bytes += packed(job) * (sizeof(double) + sizeof(float));
    return (bytes + moments * sizeof(double) + 63) / 64 * 64 + 64; /* no cache line is shared */
}

cn_group_scratch cn_open_group_scratch(const cn_group_job *job, int thread)
{
    cn_group_scratch s = {.moments = (double *)(job->scratch + (size_t)thread * job->scratch_size)};
    s.x = (char *)(s.moments + moments_of(job));
    s.mask = s.x + packed(job) * sizeof(double);
    if (!job->call->moments.weights) return s;
    s.exact = (double *)s.mask, s.floats = (float *)(s.exact + packed(job)),
    s.mask = (char *)(s.floats + packed(job));
    return s;
}

/* Lists the pieces: the first ones of all groups, then the second ones, ... */
static void list_pieces(cn_group_job *job)
{
    const ptrdiff_t n = job->groups->n;
    ptrdiff_t i = 0;
    for (ptrdiff_t g = 0; g < n; g++) job->list[i++] = (cn_group_piece){g, 0};
    for (ptrdiff_t from = 0; from < i; from++) {
        const cn_group_piece next = {job->list[from].group, job->list[from].number + 1};
        if (next.number < cn_pieces_of(job, next.group)) job->list[i++] = next;
    }
}

/* Numbers the pieces, if a group has several. */
cn_status cn_open_pieces(cn_group_job *job)
{
    const ptrdiff_t n = job->groups->n;
    ptrdiff_t parts = 0;
    job->pieces = 0;
    for (ptrdiff_t g = 0; g < n; g++) job->pieces += cn_pieces_of(job, g);
    if (job->pieces == n) return CN_OK;
    job->list = malloc((size_t)job->pieces * sizeof *job->list);
    job->part_before = malloc((size_t)n * sizeof *job->part_before);
    if (!job->list || !job->part_before) return CN_NO_MEMORY;
    list_pieces(job);
    for (ptrdiff_t g = 0; g < n; g++) {
        const ptrdiff_t own = cn_pieces_of(job, g);
        job->part_before[g] = parts, parts += own > 1 ? own : 0;
    }
    job->parts = malloc((size_t)(parts * cn_count(&job->kept) * job->columns.n) * sizeof *job->parts);
    return job->parts ? CN_OK : CN_NO_MEMORY;
}
