/* abreast.h: parts of lines, taken eight at a time: one to a lane, as rows of doubles. */
#ifndef CN_ABREAST_H
#define CN_ABREAST_H

#include "kernels/kernels.h"

/* Eights of lanes that are packed together, at most. */
#define CN_MOST_EIGHTS 64

/* Row r of lane l is position first[l] + r of its line, up to end[l]. Lanes from ... n - 1 are written: those before
 * are another eight's, those behind the first once more.
 *
 * Of a strip whose lines are evenly apart the first eight stands for all: it has where its own first lane is, and
 * `from` is that of the last eight. */
typedef struct {
    const cn_kernels *k;
    cn_number of;
    int floats;       /* the results are float, else double */
    int at_one_row;   /* all lanes, of this eight and its neighbours, begin at one position of their lines */
    int even;         /* lines are evenly apart */
    int nontemporal;  /* results of neighbours go past the cache */
    double beyond;    /* what is packed behind the end of a line */
    ptrdiff_t length; /* of a line */
    ptrdiff_t step, to_step[2];
    ptrdiff_t lane[CN_ROW_LANES], to_lane[2][CN_ROW_LANES]; /* even: bytes from the first lane to each */
    int from, n;
    ptrdiff_t first[CN_ROW_LANES], end[CN_ROW_LANES];
    const char *x[CN_ROW_LANES];
    char *to[2][CN_ROW_LANES];
} cn_abreast;

/* Of `eights` that stand one after the other: rows of x from `row` on, times a power of two or -1; before the line NaN. The
 * rows of an eight begin `apart` doubles after those of the one before. */
void cn_pack_rows(const cn_abreast *a, int eights, ptrdiff_t row, ptrdiff_t rows, double by, double *to,
                  ptrdiff_t apart);

/* Rows of results to positions `back` before theirs, where the line has them. */
void cn_unpack_rows(const cn_abreast *a, int eights, int which, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t back,
                    double by, const double *from, ptrdiff_t apart);

#endif
