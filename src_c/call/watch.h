/* watch.h: is what a call reads in no cache? Its first steps are timed. What is fetched early then. */
#ifndef CN_WATCH_H
#define CN_WATCH_H

#include <stdint.h>

#include "job/job.h"

/* Shall the first of n bundles be timed? Did it take long, as one from memory? */
int cn_is_watched(const cn_job *job, ptrdiff_t n);
int cn_took_long(const cn_job *job, uint64_t ticks);

/* Bytes from x to y, whose lines are fetched while those of x are read, where both lie alike, stay near and that gains; else 0. */
uintptr_t cn_from_x_to_y(const cn_job *job, int cold);

/* Does it gain to write y past the cache, though that may hold it? */
int cn_is_written_past(const cn_job *job);

/* Bytes to what is fetched while an x is only read; 0 of a small one. */
uintptr_t cn_stream_early(const cn_job *job);

/* Shall the second of n blocks of y be timed? Did block i take long? */
int cn_is_write_watched(const cn_job *job, ptrdiff_t n);
int cn_is_cold_block(const cn_job *job, ptrdiff_t i, uint64_t ticks);

#endif
