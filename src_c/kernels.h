/* kernels.h: the kernels per dtype and the table an instruction set exports. */
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
} cn_acc;

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
    int far;         /* the data outgrow the cache: the two below count */
    ptrdiff_t ahead; /* bytes from x to what is read next, to be fetched on the way */
    int stream;      /* stores that bypass the cache; y and y_row are multiples of 16 then */
    int relu;        /* what is below 0 becomes 0 */
} cn_apply_tile;

/* Rows of a tile, y apart from x. The channels are its columns (across) or its rows. Compute elements:
 * squares holds all channels of the tile between `below` and `above` rows (or columns) of padding. */
typedef struct {
    cn_tile x;
    char *y;
    ptrdiff_t y_row;
    int across;
    const cn_response *how;
    char *base, *anchor, *squares; /* base, anchor: a row each */
    ptrdiff_t squares_row;         /* elements, a multiple of 16 */
} cn_response_tile;

typedef struct {
    ptrdiff_t size;       /* bytes of an element of x */
    ptrdiff_t param_size; /* bytes of an element of the parameters */
    int boosts;           /* may need its elements times a power of two: the upper bytes of a float, or doubles */
    /* Merge a tile into acc; centered = 0 takes the moments about zero. Rows: acc[groups], each group all
     * of its rows. Columns: acc[n], one group of rows. */
    void (*moments_rows)(const cn_tile *t, int centered, cn_acc *acc);
    void (*moments_cols)(const cn_tile *t, int centered, cn_acc *acc);
    /* Statistics per row, or per column; w and b per row, per column, or absent. */
    void (*apply_rows)(const cn_apply_tile *t);
    void (*apply_cols)(const cn_apply_tile *t);
    void (*respond)(const cn_response_tile *t);
    /* n contiguous elements, over an input maybe; past the cache also to `past`, if given. Multiples of 16
     * bytes and ahead then as in cn_apply_tile. */
    void (*add)(const char *a, const char *b, char *sum, char *past, ptrdiff_t ahead, ptrdiff_t n);
    /* Not CN_RELU, which is part of apply; stream: as in cn_apply_tile. */
    void (*activate)(cn_activation kind, const char *from, char *to, ptrdiff_t n, int stream);
} cn_kernels;

/* y[i] = ((x[i] - hi) - lo) * scale for n elements of x, step bytes apart; y has no gaps. Of each parameter one,
 * or, if period is not 1, 16 * period that repeat, one channel beside the other; then x has no gaps either. */
typedef struct {
    const char *x;
    ptrdiff_t step, n;
    char *y;
    const char *hi, *lo, *scale;
    ptrdiff_t period;
    int stream; /* as in cn_apply_tile; y and what comes before a part of a vector are multiples of 16 */
} cn_pixels;

typedef struct {
    ptrdiff_t size; /* bytes of an element of x */
    /* y and parameters are float, or double. */
    void (*narrow)(const cn_pixels *p);
    void (*wide)(const cn_pixels *p);
    /* Adds the sum of x and of x^2 of at most CN_COUNTS elements; integers only. */
    void (*sums)(const cn_pixels *p, uint64_t *sum, uint64_t *squares);
} cn_picture_kernels;
#define CN_COUNTS 65536

typedef struct {
    double (*largest)(const char *y, ptrdiff_t n); /* max |y|; NaN if there is one */
    void (*quantize)(const char *y, ptrdiff_t n, double scale, int8_t *q);
} cn_int8_kernels;

typedef struct {
    const char *name;
    unsigned needs; /* cn_feature bits: exactly what the file is compiled for */
    cn_kernels kernels[CN_NDTYPES];
    cn_picture_kernels picture[CN_NPIXELS];
    void (*round[CN_NDTYPES])(const float *x, char *y, ptrdiff_t n); /* to 16 bits; maybe in place */
    cn_int8_kernels int8[CN_NDTYPES];
} cn_isa;

#endif
