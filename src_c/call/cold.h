/* cold.h: a hint to calls, defined in open.c. */
#ifndef CN_COLD_H
#define CN_COLD_H

/* Is what calls read to be taken for cold, as between two products, which empty the caches? Their rows are fetched
 * early then: (512, 768) after a product takes 285 us instead of 356, in a loop of its own 1.05 to 1.4 of its time. */
void cn_expect_cold(int cold);

#endif
