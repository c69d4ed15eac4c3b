/* touched.h: is memory there, or made once it is written to? */
#ifndef CN_TOUCHED_H
#define CN_TOUCHED_H

#include <stddef.h>

/* Has the page in the middle of these bytes been touched before? What can't be told has. The first store to a page makes the
 * system zero it, in the cache: what is then stored past the cache is written to memory twice (normalize (100000, 768) into
 * new memory 89 ms, by ordinary stores 65, into old memory 29 and 42; Xeon of 480 MiB L3). The question takes 0.3 us. */
int cn_is_touched(const void *at, ptrdiff_t bytes);

#endif
