/* operations.h: every verb of the core on an array: calls, and what a plain reference in double expects. */
#ifndef OPERATIONS_H
#define OPERATIONS_H

#include "arrays.h"

enum { MOMENTS, NORMALIZE, APPLY, APPLY_RUNNING, RESPOND };
enum { NONE, OVER_REDUCED, OVER_KEPT, OVER_ALL }; /* the axes a weight, bias or mask varies over */

typedef struct {
    const char *name;
    int verb;
    cn_kind kind;
    double p; /* of CN_LP */
    int w, b, mask;
    int axis; /* of RESPOND */
    double beta;
    int anchored;
    cn_activation activation;
    cn_eps_mode eps_mode;
    int summed; /* x is the sum of two */
} operation;

extern const operation operations[];
extern const int n_operations;
int applies(const operation *op, const layout *how);

/* The arrays of a call. first and second: moments, center and scale, or mean and variance. r is added to x,
 * and written to sum. */
typedef struct {
    const array *a;
    char *x, *y, *w, *b, *first, *second, *mask, *r, *sum;
} operands;

/* Bytes of the operands beside x and y; 0 = absent. */
ptrdiff_t w_bytes(const operation *op, const array *a);
ptrdiff_t b_bytes(const operation *op, const array *a);
ptrdiff_t mask_bytes(const operation *op, const array *a);
ptrdiff_t first_bytes(const operation *op, const array *a);
ptrdiff_t second_bytes(const operation *op, const array *a);

/* Fills w, b, mask and, where they are inputs, first and second. */
void fill_inputs(const operation *op, const operands *o);

cn_call call_of(const operation *op, const operands *o);
cn_status run(const operation *op, const operands *o);

/* Are y and the moments what a reference in double has? x: what the input was, or the sum. */
int as_expected(const operation *op, const operands *o, const char *x);

/* Is o->sum that of what x and r were? */
int sum_as_expected(const operands *o, const char *x, const char *r);

#endif
