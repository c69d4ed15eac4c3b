/* verbs.h: the verbs of the core, one table of them for the extension modules that are not linked with it. */
#ifndef CN_VERBS_H
#define CN_VERBS_H

#include "cnorm.h"
#include "verbs/derived.h"
#include "verbs/grouping.h"
#include "verbs/images.h"
#include "verbs/logs.h"
#include "verbs/lrn.h"
#include "verbs/matrices.h"
#include "verbs/mixture.h"
#include "verbs/windows.h"

/* One more is a word here, its declaration in a header above, and the same in the .pyx that calls it. */
#define CN_VERBS(X)                                                                                               \
    X(finite)                                                                                                     \
    X(bounded)                                                                                                    \
    X(merge_states)                                                                                               \
    X(results_of)                                                                                                 \
    X(spreads)                                                                                                    \
    X(are_spread)                                                                                                 \
    X(divisors)                                                                                                   \
    X(move)                                                                                                       \
    X(moderate)                                                                                                   \
    X(factors_of)                                                                                                 \
    X(lengths)                                                                                                    \
    X(inverse_ranges)                                                                                             \
    X(meet)                                                                                                       \
    X(stats_of)                                                                                                   \
    X(join_stats)                                                                                                 \
    X(lower_logits)                                                                                               \
    X(shares_of)                                                                                                  \
    X(mix)                                                                                                        \
    X(average_states)                                                                                             \
    X(largest)                                                                                                    \
    X(affine_form)                                                                                                \
    X(compare_norms)                                                                                              \
    X(absorb)                                                                                                     \
    X(multiply)                                                                                                   \
    X(logs)                                                                                                       \
    X(gate)                                                                                                       \
    X(lrn)                                                                                                        \
    X(windows)                                                                                                    \
    X(decayed)                                                                                                    \
    X(count_labels)                                                                                               \
    X(group_space)                                                                                                \
    X(group_moments)                                                                                              \
    X(group_apply)                                                                                                \
    X(image)                                                                                                      \
    X(image_patches)                                                                                              \
    X(sparse_order)                                                                                               \
    X(sparse_moments)                                                                                             \
    X(sparse_extremes)                                                                                            \
    X(sparse_repeats)                                                                                             \
    X(sparse_add_repeats)                                                                                         \
    X(sparse_divide)
#define CN_VERB_OF(name) __typeof__(cn_##name) *name;
typedef struct {
    CN_VERBS(CN_VERB_OF)
} cn_verbs;

const cn_verbs *cn_all_verbs(void);

#endif
