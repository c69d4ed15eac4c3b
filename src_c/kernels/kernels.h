/* kernels.h: what a kernel takes, the row of kernels of an element, the table of an instruction set. */
#ifndef CN_KERNELS_H
#define CN_KERNELS_H

#include "cnorm.h"
#include "verbs/derived.h"
#include "verbs/logs.h"
#include "verbs/lrn.h"
#include "verbs/windows.h"

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

/* Elements of a row up to which several become bytes at once. */
#define CN_QUANTIZED_ROW 96

/* What an element counts: 1; 1 unless it is a hole; its weight unless it is one. */
enum { CN_ALL, CN_SHOWN, CN_WEIGHTED, CN_N_FORMS };

/* Holes of a tile: none; NaN; what `mark` put there for what a mask hides, while NaN is as good as a number. */
typedef enum { CN_NO_HOLES, CN_NAN_HOLES, CN_MARKED_HOLES } cn_holes;

/* Which of the extremes of a group are wanted; the other one is any number between them. */
typedef enum { CN_BOTH_ENDS, CN_LEAST_END, CN_GREATEST_END } cn_ends;

/* NaN, to places of others: where the first one is is told; so, and behind it nothing counts; only whether there is one. */
typedef enum { CN_NAN_PLACED, CN_NAN_STOPS, CN_NAN_TOLD } cn_nan;

/* [groups, rows, n], contiguous in n. Strides in bytes. weights: of the lanes, contiguous in n or, if not per column,
 * one for a row; a hole where it is 0. exact: the same as doubles, laid out alike. to_fetch: bytes from what is read to what
 * is fetched meanwhile: where y will be, or what comes of a large x; 0: nothing. */
typedef struct {
    const char *x;
    ptrdiff_t x_group, groups, x_row, rows, n;
    cn_holes holes;
    cn_nan nan; /* of places */
    cn_ends ends;
    double p; /* of powers */
    const char *weights;
    const double *exact;
    ptrdiff_t weights_group, weights_row;
    int per_column;
    uintptr_t to_fetch;
} cn_tile;

/* On by so many bytes of weights. */
static inline void cn_skip_weights(cn_tile *t, ptrdiff_t bytes, ptrdiff_t size)
{
    t->weights += bytes, t->exact += bytes / size;
}

/* Moments of several groups, structure of arrays; one count for all of them (each 0), or one each (1). */
typedef struct {
    double *count;
    int each;
    double *mean, *mean_lo, *m2;
} cn_moments_view;

/* A block of columns whose rows are wherever they are: row[i], n elements each. sums: pivots, sums and sums of squares about
 * them, `room` lanes each, n rounded up to 64 bytes of them. */
typedef struct {
    const char *const *row;
    ptrdiff_t n, room;
    char *sums;
} cn_dealt_tile;

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
    const ptrdiff_t *at; /* NULL, or bytes to the statistics of each row, which are per column and have no `row` */
    cn_param hi, lo, scale, w, b;
    const char *mask; /* NULL, or a byte for each element, one beside the other: 0 where it is hidden, and y 0 */
    ptrdiff_t mask_row;
    int beyond_cache;   /* the data outgrow the cache: the three below count */
    ptrdiff_t prefetch; /* bytes from x to what is read next, to be fetched on the way */
    int nontemporal;    /* stores that bypass the cache; y and y_row are multiples of 16 then */
    int fetches_y;      /* with x y is fetched, which lies alike */
    cn_activation bend; /* of y, if it is one */
    double slope;
    int about_zero; /* hi and lo are 0 */
} cn_apply_tile;

/* Rows of columns that stay in registers, at most: of 16 floats so taken 0.88 to 0.94 of the time (AVX2 0.96 to 1.16), of 32 1.07
 * to 4. */
#define CN_FEW_ROWS 8

/* Rows of a group that are taken as groups, at most. */
#define CN_ROWS_AS_GROUPS 64

/* Groups of one row of n elements each, to y as in cn_apply_tile: all of `how` and its eps but norms by p. w and b per column, or
 * one for a group, or for each of its `rows` rows, which have no gaps. n is at most CN_BLOCK. x_row, y_row: 0, or groups are columns
 * side by side, of up to CN_FEW_ROWS elements, and these the bytes from one to the next; nothing is masked then. */
typedef struct {
    const char *x;
    ptrdiff_t x_group, x_row, groups, n, rows;
    char *y;
    ptrdiff_t y_group, y_row;
    const cn_moments *how;
    cn_param w, b;
    const char *mask; /* NULL, or a byte for each group of up to CN_SHORT_ROW elements: y is 0 where it is 0 */
    ptrdiff_t mask_group;
    int beyond_cache, nontemporal; /* as in cn_apply_tile */
    cn_activation bend;
    double slope;
} cn_normalize_tile;

/* Groups of one row of 2 to CN_SHORT_ROW elements each (of registers of a whole line) or, if x_row is not 0, columns side by side, as
 * in cn_normalize_tile; numbers first, first + step, ... of results are theirs. */
typedef struct {
    const char *x;
    ptrdiff_t x_group, x_row, groups, n;
    const cn_moments *how;
    ptrdiff_t first, step;
} cn_few_tile;

/* Rows of a tile, y apart from x. The channels are its columns (across) or its rows. Compute elements:
 * squares holds all channels of the tile between `below` and `above` rows (or columns) of padding. */
typedef struct {
    cn_tile x;
    char *y;
    ptrdiff_t y_row;
    int across;
    const cn_lrn_window *how;
    char *anchor, *squares; /* anchor: a row */
    ptrdiff_t squares_row;  /* elements, a multiple of 16 */
} cn_lrn_tile;

/* y[i] = ((x[i] - hi) - lo) * scale for n elements of x, step bytes apart; y has no gaps. Of each parameter one,
 * or, if period is not 1, 16 * period that repeat, one channel beside the other; then x has no gaps either. */
typedef struct {
    const char *x;
    ptrdiff_t step, n;
    char *y;
    const char *hi, *lo, *scale;
    ptrdiff_t period;
    const double *clip; /* NULL, or the least and the greatest y there is */
    int nontemporal;    /* as in cn_apply_tile; y and what comes before a part of a vector are multiples of 16 */
} cn_pixel_run;

/* The same of n patches, one behind the other in y: (channels, frames and what is lacking, side, side) each, and `lacking`
 * times the last frame again. In x they are squares of `merge` patches a side, row by row, one square beside the other. Of
 * x, bytes from a pixel to the next, a line, a channel, a frame; of a line `room` pixels may be read. A parameter for each
 * channel. past: NULL, or where y, which is scratch then, goes past the cache; it and planes of y are multiples of 16. */
typedef struct {
    const char *x;
    ptrdiff_t step, line, channel, frame, n, merge, side, room, channels, frames, lacking;
    char *y, *past;
    const char *hi, *lo, *scale;
    const double *clip;
} cn_patch_run;

/* Lines that are taken abreast, one to a lane; rows of so many doubles. */
#define CN_ROW_LANES 8

/* n rows of doubles, a lane for each line of floats or doubles; of eights that follow each other, `next` bytes and `apart`
 * doubles. Lines have no gaps, or they are neighbours with elements `step` bytes apart. Lanes before `from` of the last
 * eight are not written; of neighbours the eight begins so many lanes earlier. */
typedef struct {
    const char *x;                                      /* where lines are read */
    char *y;                                            /* or written */
    ptrdiff_t lane[CN_ROW_LANES], next, step, n, apart; /* lane: bytes from the first line to that of a lane */
    int eights, from, floats;
    int past;         /* neighbours are written past the cache: all is a multiple of 16 bytes */
    double by, *rows; /* times a power of two or -1 */
} cn_turned;

/* What part of a window holds, a lane each: how many, about which pivot (or at which row), their sum (or the least) and m2. */
typedef struct {
    double count[CN_ROW_LANES], pivot[CN_ROW_LANES], sum[CN_ROW_LANES], m2[CN_ROW_LANES];
} cn_window_state;

/* Rows `first` and on of a block of `window` rows, and the same rows of the block before; or all rows of several blocks
 * that follow each other. */
typedef struct {
    /* begins: the line begins with the (first) block, and there is no earlier one; x NULL: what is before is scanned, and nothing
     * written. */
    const double *earlier, *x;
    ptrdiff_t rows, blocks, first, window;
    int eights;          /* of lines; if it is one that holds all rows of its blocks, several */
    ptrdiff_t apart;     /* doubles from one to the next, in rows and in results */
    cn_window_kind kind; /* not one of the greatest */
    int begins;
    int holes;                         /* NaN in these rows, or fewer elements before or behind them than rows */
    const cn_window_state *behind;     /* of the rows of the block before that stand behind these */
    cn_window_state *scanned, *before; /* the same with these rows; this block up to them, which is updated */
    double *tables;                    /* six of so many rows */
    ptrdiff_t tables_of;               /* the first they were made for, or -1 */
    double *count, *mean, *m2;         /* what stands behind a row */
    double *results, *second;          /* second: the spread */
    double least, correction, eps;
    int near; /* deviations, or factors whose eps is not added to the root, become floats */
    cn_spread spread;
    cn_eps_mode eps_mode;
} cn_window_tile;

/* Elements by the mean and scale of their windows, which are times a power of two; y may be one of them. */
typedef struct {
    const double *x, *mean, *scale;
    double *y;
    ptrdiff_t rows;
    int floats; /* lanes of float */
    double by_mean, by_scale;
} cn_standard_rows;

typedef struct {
    double hi[CN_ROW_LANES], lo[CN_ROW_LANES], var[CN_ROW_LANES], weight[CN_ROW_LANES], count[CN_ROW_LANES];
} cn_decay_state;

/* Rows of lines, in order, with what came before; of eights that follow each other, `apart` doubles. */
typedef struct {
    const double *x;
    ptrdiff_t rows, apart;
    int eights, adjust, holes; /* holes: there may be NaN or infinities, or were before */
    double alpha, least;
    const double *shares, *rests,
        *few;              /* of rows, else: share of the element, of what was before; NaN where few were */
    cn_decay_state *state; /* of eights; weight and count if there are holes */
    double *mean, *var;
} cn_decay_tile;

enum { CN_SEEN_NAN = 1, CN_SEEN_LARGE = 2 };

/* Moments about zero, about the mean; or the sums. */
enum { CN_NOT_CENTERED, CN_CENTERED, CN_SUMMED };

/* What becomes of sums of powers: of floats, whose parameters are rounded to floats, a step of less cost corrects the root. */
typedef enum { CN_POWER, CN_ROOT, CN_ROOT_OF_FLOATS } cn_power_kind;

/* Reads a tile into what is kept of its groups. */
typedef void (*cn_reduce)(const cn_tile *t, int centered, cn_moments_view *acc);

/* The row of an element; what it has no kernel for is NULL. */
typedef struct {
    ptrdiff_t size;       /* bytes of an element of x */
    ptrdiff_t param_size; /* bytes of an element of the parameters: of a lane */
    int register_size;    /* bytes */
    int normalizes_columns;
    int prescales; /* may need its elements times a power of two: the upper bytes of a float, or doubles */
    /* Merge a tile into acc, by what counts; centered: one of the three above. Rows: acc[groups], each group
     * all of its rows. Columns: acc[n], one group of rows. CN_ALL has one count for all. What has no kernel for a form is NULL. */
    cn_reduce moments_rows[CN_N_FORMS], moments_cols[CN_N_FORMS];
    /* The same of a block of columns as its rows come up, CN_ALL, centered; acc has what was before. First pivots: means of acc,
     * or, if that is empty, of the first rows, CN_PILOT or all there are. Then rows from ... to - 1 join what is kept; from is a
     * multiple of 8, so is `to` but at the end. Then all are merged into acc, or 0: the block must be read as a tile. */
    void (*aim_dealt)(const cn_dealt_tile *t, ptrdiff_t rows, const cn_moments_view *acc);
    void (*join_dealt)(const cn_dealt_tile *t, ptrdiff_t from, ptrdiff_t to);
    int (*merge_dealt)(const cn_dealt_tile *t, ptrdiff_t rows, cn_moments_view *acc);
    cn_reduce extremes_rows,
        extremes_cols; /* least in mean, greatest in mean_lo, in m2 1 if there is NaN, else 0 */
    cn_reduce least_at_rows, least_at_cols, greatest_at_rows,
        greatest_at_cols; /* as CN_LEAST_AT; only marks are holes */
    /* Sums of |x|^p, p of the tile, in m2; what has no kernel is made lanes first. power: numbers become their p-th powers, or
     * roots (the row of CN_F64 alone). */
    cn_reduce powers_rows, powers_cols;
    void (*power)(double *v, ptrdiff_t n, double p, cn_power_kind kind);
    cn_reduce pixel_sums_rows, pixel_sums_cols; /* of integers: as CN_PIXEL_SUMS */
    /* n elements, those the mask hides as holes of CN_MARKED_HOLES. Elements of 16 bits have no kernels that know holes:
     * they are made lanes first. */
    void (*mark)(const char *x, const char *mask, char *to, ptrdiff_t n);
    void (*lower)(const double *weights, ptrdiff_t n, float *to); /* of CN_F64 alone */
    void (*widen)(const char *x, char *to, ptrdiff_t n);
    /* Statistics per row, or per column; w and b per row, per column, or absent. */
    void (*apply_rows)(const cn_apply_tile *t);
    void (*apply_cols)(const cn_apply_tile *t);
    /* From moments to y at once, of the first groups; which of them: those before one that must be read again. 16-bit
     * floats that are packed to be read have none. */
    ptrdiff_t (*normalize)(const cn_normalize_tile *t);
    /* to = the activation of from, times `by` unless that is NULL: only then of a bend, which is part of apply.
     * nontemporal: as in cn_apply_tile. */
    void (*activate)(cn_activation kind, double slope, const char *from, const char *by, char *to, ptrdiff_t n,
                     int nontemporal);
    /* n groups of one element each, side by side, to numbers first, first + step, ... of what is wanted: of means and variances,
     * sums, extremes, places. */
    void (*alone)(const cn_moments *how, const char *x, ptrdiff_t n, ptrdiff_t first, ptrdiff_t step);
    /* The same of extremes of groups of so many elements, `row` bytes from one to the next. */
    void (*few_ends)(const cn_moments *how, const char *x, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t n,
                     ptrdiff_t first, ptrdiff_t step);
    /* And of means and variances or sums, of the first groups; which of them, as normalize. NULL: none. */
    ptrdiff_t (*few_moments)(const cn_few_tile *t);
    /* n contiguous elements, over an input maybe; past the cache also to `past`, if given. Multiples of 16
     * bytes and prefetch then as in cn_apply_tile. */
    void (*add)(const char *a, const char *b, char *sum, char *past, ptrdiff_t prefetch, ptrdiff_t n);
    /* n contiguous elements times one double or, if each, as many, rounded once. */
    void (*multiply)(const char *x, const double *by, int each, char *y, ptrdiff_t n);
    void (*round_doubles)(const double *x, char *y, ptrdiff_t n);
    /* Of F64 alone: n numbers without gaps, times a power of two. */
    void (*to_doubles)(cn_number of, const char *from, ptrdiff_t n, double by, double *to);
    /* Of F32 and F64 alone, as affine_form. Sum and sum of squares of n elements that are stored of a row are added to sums; ends
     * become the least x and the least -x if those are less. */
    void (*stored_sums)(const char *x, ptrdiff_t n, double sums[2]);
    void (*stored_ends)(const char *x, ptrdiff_t n, double ends[2]);
    void (*affine_form)(const cn_channels *of, ptrdiff_t n, double *scale, double *shift);
    /* Logarithms of n floats or doubles (the row of CN_F64 alone): what was seen of CN_LOG_OF_ZERO and so on. */
    int (*logs)(const char *x, int floats, double *to, ptrdiff_t n);
    double (*largest)(const char *y, ptrdiff_t n); /* max |y|; NaN if there is one */
    void (*quantize)(const char *y, ptrdiff_t n, double scale, int8_t *q);
    /* Of rows without gaps, up to CN_SHORT_ROW and CN_QUANTIZED_ROW, to and by lanes; NULL: row by row. */
    void (*largest_of_rows)(const char *y, ptrdiff_t rows, ptrdiff_t n, void *to);
    void (*quantize_rows)(const char *y, ptrdiff_t rows, ptrdiff_t n, const void *scales, int8_t *q);
    void (*lrn)(const cn_lrn_tile *t);
    void (*round)(const float *x, char *y, ptrdiff_t n); /* lanes of f32 to elements; maybe in place */
    /* Of CN_F64 alone; look: CN_SEEN_NAN, CN_SEEN_LARGE (infinite, or so that a difference may be) of rows. */
    void (*turn_lines)(const cn_turned *t); /* lines without gaps to rows, and back; the same of neighbours */
    void (*turn_rows)(const cn_turned *t);
    void (*near_lines)(const cn_turned *t);
    void (*near_rows)(const cn_turned *t);
    void (*window)(cn_window_tile *t);
    void (*standardize)(const cn_standard_rows *s);
    void (*decay)(const cn_decay_tile *t);
    int (*look)(const double *x, ptrdiff_t rows, int eights, ptrdiff_t apart);
    void (*blank)(cn_moments_view *acc, ptrdiff_t n, int extremes); /* of which nothing counts */
    /* n groups without a prescale: to numbers first, first + step, ... of what is wanted, but for counts. */
    void (*results)(cn_kind kind, const cn_results *to, const cn_moments_view *of, ptrdiff_t n, ptrdiff_t first,
                    ptrdiff_t step);
    /* And to what y is made with, but of norms by p; floats: to what becomes the same floats, if no prescale is needed. */
    void (*factors)(const cn_moments *how, const cn_moments_view *of, ptrdiff_t n, int floats, double *to);
    /* These and means to parameters of floats; 0 if one needs another prescale than 1. */
    int (*put_params)(const double *mean, const double *mean_lo, const double *factor, ptrdiff_t n, float *hi,
                      float *lo, float *scale, float *prescale);
    /* As cn_spreads, and so on. */
    int (*spreads)(const cn_partial *states, ptrdiff_t n, double count, double *mean, double *var, double *std);
    int (*are_spread)(const double *mean, const double *var, ptrdiff_t n);
    cn_factors (*factors_of)(const cn_partial *states, ptrdiff_t n, const double *std, double *center,
                             double *factor, double *shift);
    int (*moderate)(const double *values, ptrdiff_t n);
    int (*inverse_ranges)(const double *low, const double *high, ptrdiff_t n, double tiny, double *factor);
    int (*merge_states)(cn_partial *to, const cn_partial *states, const double *more, ptrdiff_t step, ptrdiff_t n,
                        int omit_nan);
    void (*lengths)(double *a, ptrdiff_t n, double b);
    /* y and parameters are lanes of its own, or of f64. */
    void (*image)(const cn_pixel_run *p);
    void (*image_wide)(const cn_pixel_run *p);
    void (*patches)(const cn_patch_run *p);
    void (*patches_wide)(const cn_patch_run *p);
} cn_kernels;

typedef struct {
    const char *name;
    unsigned needs;                          /* bits of dispatch/cpu.h: of its file, and of what is asked below */
    const cn_kernels *kernels[CN_NELEMENTS]; /* by tag */
    int rounds_to_bf16;                      /* by an instruction that its kernels use where it is there */
} cn_isa;

/* Does the set that cn_init chose round to bfloat16 by an instruction? Read by simd/half.h. */
extern int cn_rounds_to_bf16;

#endif
