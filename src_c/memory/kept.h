/* kept.h: large blocks of memory, some kept for reuse: what a fresh one costs is its page faults. */
#ifndef CN_BLOCKS_H
#define CN_BLOCKS_H

#include <stddef.h>

/* Uninitialized memory, aligned to a cache line; NULL if there is none. */
void *cn_block_new(size_t size);
void *cn_block_resize(void *block, size_t size);
void cn_block_free(void *block);

/* At most so many bytes are kept (at first none); what is above goes back to the system. */
void cn_blocks_set_limit(size_t bytes);
size_t cn_blocks_limit(void);

/* 0 too while another thread is at it. */
size_t cn_blocks_kept(void);

#endif
