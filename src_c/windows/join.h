/* join.h: states of parts of windows, one behind the other, joined. */
#ifndef CN_JOIN_H
#define CN_JOIN_H

#include "kernels/kernels.h"

/* What a part holds joins what stands behind it. Of both the pivot is that from behind, so that equal values stay without
 * spread: sums about it differ from those about another by n times their difference. */
void cn_join(cn_window_kind kind, const cn_window_state *part, cn_window_state *behind);

#endif
