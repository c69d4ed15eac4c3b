/* brief.c: groups of one element, or a few, whose results follow from these without partials: kernels alone, few_ends and
 * few_moments. */
#include "job/brief.h"

/* Columns of so few rows are as groups of one element where extremes are wanted, which are the same in any order: (3, 32768) floats
 * in a third of the time. */
#define ROWS_OF_ENDS 16

/* Are groups one element each, or columns of a few whose extremes are wanted? */
static int have_few(const cn_job *job)
{
    const cn_loops *group = &job->plan.reduced;
    if (job->elements <= job->width) return job->elements == job->width;
    return job->call->moments.kind == CN_EXTREMES && job->plan.cols && group->n == 1 &&
           group->loop[0].n <= ROWS_OF_ENDS;
}

/* Is it the square of one element, whose lane has it as results do: rounded once? */
static int is_square(const cn_job *job)
{
    const cn_moments *how = &job->call->moments;
    return how->kind == CN_RMS && job->k->param_size == sizeof(float) && !how->results->wide && !how->omit_nan;
}

/* Are results all that is wanted of elements as they are, each counting one, or nothing if it is NaN? */
static int is_plain(const cn_job *job)
{
    const cn_moments *how = &job->call->moments;
    return how->results && !how->to && job->plan.refined == 1 && !job->mask && !how->weights && !how->x &&
           !job->call->add[0];
}

int cn_is_alone(const cn_job *job)
{
    const cn_moments *how = &job->call->moments;
    const int known = how->kind == CN_VAR || how->kind == CN_SUMS || how->kind == CN_EXTREMES || cn_is_place(how);
    return is_plain(job) && !cn_writes(job->call) && (known || is_square(job)) && have_few(job) &&
           job->plan.columns.stride[CN_X] == job->k->size && job->k->alone;
}

void cn_put_alone(const cn_job *job, const cn_bundle *bundle)
{
    const char *x = job->call->op[CN_X].data + bundle->offset[CN_X];
    const cn_loop *columns = &bundle->columns, *rows = job->plan.reduced.loop;
    const cn_moments *how = &job->call->moments;
    const ptrdiff_t first = bundle->offset[CN_STAT], step = columns->stride[CN_STAT];
    if (job->elements > job->width)
        job->k->few_ends(how, x, rows->stride[CN_X], rows->n, columns->n, first, step);
    else
        job->k->alone(how, x, columns->n, first, step);
}

/* Columns of few rows side by side or, by registers of a whole line, short rows. */
static int are_few(const cn_job *job)
{
    const cn_plan *plan = &job->plan;
    const ptrdiff_t size = job->k->size;
    if (plan->reduced.n != 1 || plan->split_by_affine) return 0;
    const cn_loop *group = &plan->reduced.loop[0];
    if (plan->cols)
        return group->n <= CN_FEW_ROWS && plan->columns.stride[CN_X] == size && group->stride[CN_X] > 0;
    return job->k->register_size == CN_LINE && group->n <= CN_SHORT_ROW && group->stride[CN_X] == size;
}

int cn_is_brief(const cn_job *job)
{
    const cn_moments *how = &job->call->moments;
    return job->k->few_moments && job->reads == job->k && (how->kind == CN_VAR || how->kind == CN_SUMS) &&
           is_plain(job) && (job->direct || !cn_writes(job->call)) && !how->results->flags && are_few(job);
}

ptrdiff_t cn_put_few(const cn_job *job, cn_bundle *bundle)
{
    const cn_loop *group = &job->plan.reduced.loop[0];
    const cn_few_tile t = {
        .x = job->call->op[CN_X].data + bundle->offset[CN_X],
        .x_group = bundle->columns.stride[CN_X],
        .x_row = job->plan.cols ? group->stride[CN_X] : 0,
        .groups = bundle->columns.n,
        .n = group->n,
        .how = &job->call->moments,
        .first = bundle->offset[CN_STAT],
        .step = bundle->columns.stride[CN_STAT],
    };
    cn_skip_groups(bundle, job->k->few_moments(&t));
    return bundle->columns.n;
}
