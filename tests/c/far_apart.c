/* far_apart.c: elements 2 GiB apart, on memory that is never touched in between: 64-bit offsets. */
#include <string.h>
#include <sys/mman.h>

#include "check.h"
#include "verbs/lrn.h"

#define ROWS 3
#define COLUMNS 50
#define APART (((ptrdiff_t)1 << 31) + 64)
#define BYTES (size_t)((ROWS - 1) * APART + 4096)

typedef struct {
    char *data;
    ptrdiff_t row, column;
} matrix;

static char *reserve(void)
{
    char *memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/* Every verb on x into y, groups along the columns or the rows. */
static int all_verbs(matrix x, matrix y, int axis, int verb)
{
    static double center[COLUMNS], scale[COLUMNS];
    static float mean[COLUMNS], var[COLUMNS];
    cn_partial stats[COLUMNS];
    cn_call call = {.ndim = 2, .shape = {ROWS, COLUMNS}, .dtype = CN_F32, .n_stats = axis ? ROWS : COLUMNS};
    call.op[CN_X] = (cn_operand){x.data, {x.row, x.column}};
    call.op[CN_Y] = (cn_operand){y.data, {y.row, y.column}};
    call.op[CN_STAT].strides[1 - axis] = 1;
    call.moments.eps = 1e-5;
    for (int i = 0; i < COLUMNS; i++) center[i] = mean[i] = (float)i / 8, scale[i] = var[i] = 2;
    cn_lrn_window how = {1, 1, 0, 0.25, 0.75, 1};
    switch (verb) {
    case 0: call.moments.to = stats; return cn_run(&call) == CN_OK && stats[1].count == (axis ? COLUMNS : ROWS);
    case 1:
        call.moments.source = CN_GIVEN, call.moments.center = center, call.moments.scale = scale;
        return cn_run(&call) == CN_OK;
    case 2:
        call.moments.source = CN_RUNNING, call.moments.center = mean, call.moments.scale = var;
        return cn_run(&call) == CN_OK;
    default: return cn_lrn(&call, axis, &how) == CN_OK;
    }
}

static float *element(matrix m, ptrdiff_t r, ptrdiff_t c)
{
    return (float *)(void *)(m.data + r * m.row + c * m.column);
}

void test_far_apart(void)
{
    static float near_x[ROWS][COLUMNS], near_y[ROWS][COLUMNS];
    char *far_x = reserve(), *far_y = reserve();
    check(far_x && far_y, "no address space for 8 GiB");
    if (!far_x || !far_y) return;
    uint64_t seed = 7;
    for (int backwards = 0; backwards < 2; backwards++) {
        ptrdiff_t first = backwards ? (ROWS - 1) * APART : 0, step = backwards ? -APART : APART;
        const ptrdiff_t start = backwards ? ROWS - 1 : 0, row = (backwards ? -1 : 1) * (ptrdiff_t)sizeof near_x[0];
        const matrix x = {(char *)near_x[start], row, sizeof(float)},
                     y = {(char *)near_y[start], row, sizeof(float)};
        const matrix x2 = {far_x + first, step, sizeof(float)}, y2 = {far_y + first, step, sizeof(float)};
        for (int r = 0; r < ROWS; r++)
            for (int c = 0; c < COLUMNS; c++)
                *element(x, r, c) = *element(x2, r, c) = (float)(random_bits(&seed) >> 40);
        for (int axis = 0; axis < 2; axis++)
            for (int verb = 0; verb < 4; verb++) {
                int good = all_verbs(x, y, axis, verb) && all_verbs(x2, y2, axis, verb);
                for (int r = 0; r < ROWS; r++)
                    good &= memcmp(element(y, r, 0), element(y2, r, 0), sizeof near_y[0]) == 0;
                check(good, "2 GiB apart: axis %d, verb %d, %s", axis, verb, backwards ? "backwards" : "forwards");
                hash(near_y, sizeof near_y);
            }
    }
    munmap(far_x, BYTES);
    munmap(far_y, BYTES);
}
