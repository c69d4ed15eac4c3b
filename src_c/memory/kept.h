/* kept.h: large blocks of memory, some kept for reuse: what a fresh one costs is its page faults. */
#ifndef CN_KEPT_H
#define CN_KEPT_H

#include <stddef.h>

/* Uninitialized memory, aligned to a cache line; NULL if there is none. */
void *cn_kept_new(size_t size);
void *cn_kept_resize(void *block, size_t size);
void cn_kept_free(void *block);

/* At most so many bytes are kept (at first none); what is above goes back to the system. */
void cn_kept_set_limit(size_t bytes);
size_t cn_kept_limit(void);

/* 0 too while another thread is at it. */
size_t cn_kept_bytes(void);

#endif
