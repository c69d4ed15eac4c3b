/* mixture.c: statistics of instances put together, to the bits of NumPy's arithmetic on whole arrays of them. */
#include "verbs/mixture.h"

#include <math.h>

#include "job/row_sum.h"

/* What NumPy adds row by row. */
static double sum_of_rows(const double *a, ptrdiff_t n)
{
    double sum = 0;
    for (ptrdiff_t i = 0; i < n; i++) sum += a[i];
    return sum;
}

static double sum_of(const double *a, ptrdiff_t n, int in_rows)
{
    return in_rows ? cn_sum_of_row(a, n) : sum_of_rows(a, n);
}

void cn_stats_of(const cn_partial *states, ptrdiff_t n, cn_stat *to)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        cn_partial p = states[i];
        if (p.prescale != 1) /* four divisions take as long as all else */
            p.mean /= p.prescale, p.mean_lo /= p.prescale, p.m2 = p.m2 / p.prescale / p.prescale;
        to[i] = (cn_stat){.mean = p.mean, .mean_lo = p.mean_lo, .count = p.count};
        to[i].var = p.count > 1 ? p.m2 / (p.count - 1) : 0;
    }
}

/* Of the most elements, the first of several. */
static ptrdiff_t largest(const cn_stat *of, ptrdiff_t step, ptrdiff_t n)
{
    ptrdiff_t found = 0;
    for (ptrdiff_t i = 1; i < n; i++)
        if (of[i * step].count > of[found * step].count) found = i;
    return found;
}

/* Means are taken about that of the first group, or the largest, so nothing cancels as in E[x^2] - mean^2, which loses
 * everything where mean >> std. What means of infinities give is NaN, as it should be. */
void cn_join_stats(const cn_stat *of, ptrdiff_t step, ptrdiff_t n, int counted, int in_rows, cn_stat *to,
                   double *work)
{
    const double pivot = of[counted ? largest(of, step, n) * step : 0].mean;
    double count = 0, shift;
    for (ptrdiff_t i = 0; i < n; i++) count += of[i * step].count;
    const double all = counted ? (count > 1 ? count : 1) : (double)n;
    for (ptrdiff_t i = 0; i < n; i++) {
        const cn_stat *p = &of[i * step];
        const double apart = (p->mean - pivot) + p->mean_lo;
        work[i] = !counted ? apart : p->count / all * (p->count > 0 ? apart : 0);
    }
    shift = sum_of(work, n, in_rows);
    if (!counted) shift /= all;
    for (ptrdiff_t i = 0; i < n; i++) {
        const cn_stat *p = &of[i * step];
        double apart = (p->mean - pivot) + p->mean_lo;
        if (counted && !(p->count > 0)) apart = 0;
        work[i] = p->var + (apart - shift) * (apart - shift);
        if (counted) work[i] *= p->count / all;
    }
    to->mean = pivot + shift, to->mean_lo = shift - (to->mean - pivot), to->count = count;
    to->var = sum_of(work, n, in_rows);
    if (!counted) to->var /= all;
}

void cn_lower_logits(const double *logits, ptrdiff_t n, double *to)
{
    double most = logits[0];
    for (ptrdiff_t i = 1; i < n; i++) most = logits[i] > most || isnan(logits[i]) ? logits[i] : most;
    for (ptrdiff_t i = 0; i < n; i++) to[i] = logits[i] - most;
}

void cn_shares_of(const double *powers, ptrdiff_t n, double *to)
{
    double sum = 0;
    for (ptrdiff_t i = 0; i < n; i++) sum += powers[i];
    for (ptrdiff_t i = 0; i < n; i++) to[i] = powers[i] / sum;
}

/* Means mix by their distance from the first: the shares add up to 1. */
void cn_mix(const cn_mixture *m, double *center, double *scale, double *lacks)
{
    for (ptrdiff_t s = 0, i = 0; s < m->samples; s++) {
        for (ptrdiff_t c = 0; c < m->channels; c++, i++) {
            const cn_stat *first = &m->of[0][s * m->sample[0] + c * m->channel[0]];
            double apart = first->mean_lo, var = m->var_share[0] * first->var + m->eps;
            for (int k = 1; k < m->kinds; k++) {
                const cn_stat *p = &m->of[k][s * m->sample[k] + c * m->channel[k]];
                apart += m->mean_share[k] * ((p->mean - first->mean) + (p->mean_lo - first->mean_lo));
                var += m->var_share[k] * p->var;
            }
            const double mean = first->mean + apart, root = sqrt(var);
            center[i] = mean, scale[i] = root == 0 ? 0 : 1 / root;
            lacks[i] = -((isfinite(mean) ? (first->mean - mean) + apart : 0) * scale[i]);
        }
    }
}

int cn_average_states(const cn_partial *states, ptrdiff_t samples, ptrdiff_t n, double *mean, double *var,
                      double *work)
{
    const double count = states->count, part = count / (count * (double)samples);
    int plain = count > 1 && count * (double)samples < 0x1p53;
    for (ptrdiff_t c = 0; c < n; c++) {
        const double pivot = states[c].mean;
        double *row = work + c * samples, shift;
        for (ptrdiff_t s = 0; s < samples; s++) {
            const cn_partial *p = &states[s * n + c];
            row[s] = part * ((p->mean - pivot) + p->mean_lo);
            plain &= (p->count == count) & (p->prescale == 1);
        }
        shift = sum_of(row, samples, n == 1);
        const double merged = pivot + shift;
        mean[c] = merged + (shift - (merged - pivot));
        plain &= isfinite(merged);
        for (ptrdiff_t s = 0; s < samples; s++) row[s] = states[s * n + c].m2 / (count - 1);
        var[c] = sum_of(row, samples, n == 1) / (double)samples;
    }
    return plain;
}
