/* kernels.h: the four kernels per dtype and the table an instruction set exports. */
#ifndef CN_KERNELS_H
#define CN_KERNELS_H

#include "cnorm.h"

/* Elements of a moments block: read twice, the second time from L1 (16 KiB of float32). */
#define CN_BLOCK 4096
/* Rows of a column block: float32 sums this long stay within 2^-20 even if every rounding agrees. */
#define CN_BLOCK_ROWS 32

/* [rows, n], contiguous in n. Strides between rows in bytes. */
typedef struct {
    const char *x;
    ptrdiff_t x_row, rows, n;
} cn_tile;

/* Moments of n columns, structure of arrays, one count. */
typedef struct {
    double count;
    double *mean, *mean_lo, *m2; /* [n] each */
} cn_columns;

/* A parameter over a tile: element (r, j) at data + r * row + j * (per_column ? size : 0). */
typedef struct {
    const char *data; /* float, or double for CN_F64; NULL = absent */
    ptrdiff_t row;    /* bytes */
    int per_column;
} cn_param;

/* y = ((x - hi) - lo) * scale * w + b over a tile; the three statistics share a layout. */
typedef struct {
    cn_tile x;
    char *y;
    ptrdiff_t y_row;
    cn_param hi, lo, scale, w, b;
} cn_apply_tile;

typedef struct {
    ptrdiff_t size;       /* bytes of an element of x */
    ptrdiff_t param_size; /* bytes of an element of the parameters */
    /* Both merge the tile into acc; centered = 0 takes the moments about zero. */
    void (*moments_rows)(const cn_tile *t, int centered, cn_partial *acc);
    void (*moments_cols)(const cn_tile *t, int centered, cn_columns *acc);
    /* Statistics per row, or per column; w and b per row, per column, or absent. */
    void (*apply_rows)(const cn_apply_tile *t);
    void (*apply_cols)(const cn_apply_tile *t);
} cn_kernels;

typedef struct {
    const char *name;
    unsigned needs; /* cn_feature bits: exactly what the file is compiled for */
    cn_kernels kernels[CN_NDTYPES];
} cn_isa;

#endif
