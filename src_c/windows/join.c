/* join.c: states of parts of windows, one behind the other, joined. */
#include "windows/join.h"

void cn_join(cn_window_kind kind, const cn_window_state *part, cn_window_state *behind)
{
    for (int l = 0; l < CN_ROW_LANES; l++) {
        const double n = part->count[l], m = behind->count[l], sum = part->sum[l];
        behind->count[l] += n;
        if (kind == CN_WINDOW_SUM) {
            behind->sum[l] += sum;
        } else if (kind == CN_WINDOW_LEAST) {
            behind->sum[l] = sum < behind->sum[l] ? sum : behind->sum[l];
        } else if (kind == CN_WINDOW_LEAST_AT) {
            if (sum < behind->sum[l]) behind->sum[l] = sum, behind->pivot[l] = part->pivot[l];
        } else if (m == 0) {
            behind->pivot[l] = part->pivot[l], behind->sum[l] = sum, behind->m2[l] = part->m2[l];
        } else if (n > 0) {
            const double away = part->pivot[l] - behind->pivot[l], d = away + (sum / n - behind->sum[l] / m);
            behind->m2[l] += part->m2[l] + d * (d * (n / (n + m) * m));
            behind->sum[l] += sum + n * away;
        }
    }
}
