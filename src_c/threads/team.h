/* team.h: one function on several threads at once: helper threads of our own (pool.c), OpenMP (openmp.c)
 * or the caller alone. */
#ifndef CN_TEAM_H
#define CN_TEAM_H

/* Setup defines CN_OPENMP where OpenMP was asked for or threads are not POSIX. */
#if defined(CN_OPENMP)
#elif !defined(_WIN32)
#define CN_POOL 1
#endif

#define CN_MAX_THREADS 256

/* Runs member(context, i) for i = 0 in the caller and for some of 1 ... members - 1 elsewhere, and returns
 * when all that began have ended. Any of them but the caller may never come: the work must be shared out
 * as they ask for it. A team in use by another thread helps nobody else: the caller then is alone. */
typedef void (*cn_member)(void *context, int i);
void cn_team(int members, cn_member member, void *context);

#endif
