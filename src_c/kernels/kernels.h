/* kernels.h: what a kernel takes, the row of kernels of an element, the table of an instruction set. */
#ifndef CN_KERNELS_H
#define CN_KERNELS_H

#include "cnorm.h"

/* Elements of a block of rows: if it must be read again, that is from L1 (16 KiB of float32). */
#define CN_BLOCK 4096
/* A block of columns; float32 sums this long stay within 2^-19 even if every rounding agrees. */
#define CN_BLOCK_ROWS 128
/* Rows whose mean is the first pivot of columns. */
#define CN_PILOT 16
/* Groups a kernel takes at once. */
#define CN_MAX_GROUPS 1024
/* Runs up to this length are taken several at a time, one to a lane. */
#define CN_SHORT_ROW 32

/* [groups, rows, n], contiguous in n. Strides in bytes. */
typedef struct {
    const char *x;
    ptrdiff_t x_group, groups, x_row, rows, n;
} cn_tile;

/* Moments of several groups, structure of arrays, one count. */
typedef struct {
    double count;
    double *mean, *mean_lo, *m2;
} cn_moments_view;

/* A parameter over a tile: element (r, j) at data + r * row + j * (per_column ? size : 0). */
typedef struct {
    const char *data; /* float, or double for CN_F64; NULL = absent */
    ptrdiff_t row;    /* bytes */
    int per_column;
} cn_param;

/* y = ((x - hi) - lo) * scale * w + b over [rows, n]; the three statistics share a layout. */
typedef struct {
    const char *x;
    ptrdiff_t x_row, rows, n;
    char *y;
    ptrdiff_t y_row;
    cn_param hi, lo, scale, w, b;
    int beyond_cache;   /* the data outgrow the cache: the two below count */
    ptrdiff_t prefetch; /* bytes from x to what is read next, to be fetched on the way */
    int nontemporal;    /* stores that bypass the cache; y and y_row are multiples of 16 then */
    int relu;           /* what is below 0 becomes 0 */
} cn_apply_tile;

/* Rows of a tile, y apart from x. The channels are its columns (across) or its rows. Compute elements:
 * squares holds all channels of the tile between `below` and `above` rows (or columns) of padding. */
typedef struct {
    cn_tile x;
    char *y;
    ptrdiff_t y_row;
    int across;
    const cn_lrn_window *how;
    char *base, *anchor, *squares; /* base, anchor: a row each */
    ptrdiff_t squares_row;         /* elements, a multiple of 16 */
} cn_lrn_tile;

/* y[i] = ((x[i] - hi) - lo) * scale for n elements of x, step bytes apart; y has no gaps. Of each parameter one,
 * or, if period is not 1, 16 * period that repeat, one channel beside the other; then x has no gaps either. */
typedef struct {
    const char *x;
    ptrdiff_t step, n;
    char *y;
    const char *hi, *lo, *scale;
    ptrdiff_t period;
    int nontemporal; /* as in cn_apply_tile; y and what comes before a part of a vector are multiples of 16 */
} cn_pixel_run;

/* Reads a tile into what is kept of its groups. */
typedef void (*cn_reduce)(const cn_tile *t, int centered, cn_moments_view *acc);

/* The row of an element; what it has no kernel for is NULL. */
typedef struct {
    ptrdiff_t size;       /* bytes of an element of x */
    ptrdiff_t param_size; /* bytes of an element of the parameters: of a lane */
    int prescales;        /* may need its elements times a power of two: the upper bytes of a float, or doubles */
    /* Merge a tile into acc; centered = 0 takes the moments about zero. Rows: acc[groups], each group all
     * of its rows. Columns: acc[n], one group of rows. */
    cn_reduce moments_rows, moments_cols;
    cn_reduce extremes_rows, extremes_cols; /* least in mean, greatest in mean_lo */
    cn_reduce sums_rows,
        sums_cols; /* of integers: of x in mean, of 16 bits of x^2 in mean_lo, of the rest in m2 */
    /* Statistics per row, or per column; w and b per row, per column, or absent. */
    void (*apply_rows)(const cn_apply_tile *t);
    void (*apply_cols)(const cn_apply_tile *t);
    /* Not CN_RELU, which is part of apply; nontemporal: as in cn_apply_tile. */
    void (*activate)(cn_activation kind, const char *from, char *to, ptrdiff_t n, int nontemporal);
    /* n contiguous elements, over an input maybe; past the cache also to `past`, if given. Multiples of 16
     * bytes and prefetch then as in cn_apply_tile. */
    void (*add)(const char *a, const char *b, char *sum, char *past, ptrdiff_t prefetch, ptrdiff_t n);
    double (*largest)(const char *y, ptrdiff_t n); /* max |y|; NaN if there is one */
    void (*quantize)(const char *y, ptrdiff_t n, double scale, int8_t *q);
    void (*lrn)(const cn_lrn_tile *t);
    void (*round)(const float *x, char *y, ptrdiff_t n); /* lanes of f32 to elements; maybe in place */
    /* y and parameters are lanes of its own, or of f64. */
    void (*image)(const cn_pixel_run *p);
    void (*image_wide)(const cn_pixel_run *p);
} cn_kernels;

typedef struct {
    const char *name;
    unsigned needs;                          /* bits of dispatch/cpu.h: exactly what its file is compiled for */
    const cn_kernels *kernels[CN_NELEMENTS]; /* by tag */
} cn_isa;

#endif
