/* verbs.c: the table of verbs.h. */
#include "api/verbs.h"

const cn_verbs *cn_all_verbs(void)
{
#define CN_ROW_OF(name) .name = cn_##name,
    static const cn_verbs verbs = {CN_VERBS(CN_ROW_OF)};
#undef CN_ROW_OF
    return &verbs;
}
