/* borrowed.h: a team of threads lent by another library's OpenMP runtime. */
#ifndef CN_BORROWED_H
#define CN_BORROWED_H

#include "threads/team.h"

int cn_has_borrowed_team(void);

/* As cn_team, for one caller at a time; 0 if nobody lends. */
int cn_borrowed_team(int members, cn_member member, void *context);

#endif
