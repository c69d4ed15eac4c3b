/* residual.h: x as a sum, made right before it is read. */
#ifndef CN_RESIDUAL_H
#define CN_RESIDUAL_H

#include "unit.h"

/* x = add[0] + add[1] over a block of a unit's moments: of all its groups; nothing if x is no sum. */
void cn_add_block(const cn_job *job, const cn_walk *walk, const cn_unit *unit, const cn_block *block);

#endif
