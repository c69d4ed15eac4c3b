/* mask.c: what a mask shows: runs, extents, everything. Any byte but 0 shows its element. */
#include "plan/mask.h"

#include <stdint.h>
#include <string.h>

ptrdiff_t cn_alike(const char *mask, ptrdiff_t stride, ptrdiff_t n)
{
    const int shown = *mask != 0;
    ptrdiff_t i = 0;
    if (stride == 0) return n;
    if (n > 1 && (mask[stride] != 0) != shown) return 1; /* by memchr that takes 8 ns */
    if (stride == 1 && shown) {
        const char *end = memchr(mask, 0, (size_t)n);
        return end ? end - mask : n;
    }
    for (uint64_t w[4]; stride == 1 && i + 32 <= n; i += 32) {
        memcpy(w, mask + i, sizeof w);
        if ((w[0] | w[1]) | (w[2] | w[3])) break;
    }
    while (i < n && (mask[i * stride] != 0) == shown) i++;
    return i;
}

ptrdiff_t cn_mixed_run(const char *mask, ptrdiff_t stride, ptrdiff_t n, ptrdiff_t least, int *mixed)
{
    ptrdiff_t end = 0;
    *mixed = 0;
    while (end < n) {
        const ptrdiff_t alike = cn_alike(mask + end * stride, stride, n - end);
        if (alike >= least && end > 0) break;
        *mixed = end > 0, end += alike;
        if (alike >= least) break;
    }
    return end;
}

void cn_repeat_mask(const char *mask, ptrdiff_t stride, ptrdiff_t groups, ptrdiff_t n, char *to)
{
    for (ptrdiff_t g = 0; g < groups; g++) {
        const uint64_t eight = mask[g * stride] ? ~(uint64_t)0 : 0;
        for (ptrdiff_t j = 0; j < n; j += 8) memcpy(to + g * n + j, &eight, sizeof eight);
    }
}

ptrdiff_t cn_shown_end(const char *mask, ptrdiff_t stride, ptrdiff_t n)
{
    if (stride == 0) return *mask ? n : 0;
    for (uint64_t w[4]; stride == 1 && n >= 32; n -= 32) {
        memcpy(w, mask + n - 32, sizeof w);
        if ((w[0] | w[1]) | (w[2] | w[3])) break;
    }
    while (n > 0 && !mask[(n - 1) * stride]) n--;
    return n;
}

cn_extent cn_look(const char *mask, ptrdiff_t stride, ptrdiff_t n)
{
    cn_extent e = {0, n, 1};
    if (!*mask) e.from = cn_alike(mask, stride, n);
    if (e.from == n) return e;
    ptrdiff_t end = e.from + cn_alike(mask + e.from * stride, stride, n - e.from);
    if (end < n && end + cn_alike(mask + end * stride, stride, n - end) < n) {
        e.full = 0;
        e.to = cn_shown_end(mask, stride, n);
    } else {
        e.to = end;
    }
    return e;
}

int cn_all_shown(const char *mask, ptrdiff_t row, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t n)
{
    if (row == n * stride) n *= rows, rows = 1;
    for (ptrdiff_t r = 0; r < rows; r++)
        if (!mask[r * row] || cn_alike(mask + r * row, stride, n) < n) return 0;
    return 1;
}

const char *cn_mask_of(const cn_call *call)
{
    const cn_operand *op = &call->op[CN_M];
    cn_loops loops;
    if (!op->data) return NULL;
    loops.n = 0; /* clearing all of it takes as long as a short row */
    for (int axis = 0; axis < call->ndim; axis++) {
        if (op->strides[axis] == 0) continue;
        loops.loop[loops.n].n = call->shape[axis];
        for (int o = 0; o < CN_NOPERANDS; o++) loops.loop[loops.n].stride[o] = op->strides[axis];
        loops.n++;
    }
    cn_coalesce(&loops, 1u << CN_M);
    cn_loop inner = loops.n ? loops.loop[--loops.n] : (cn_loop){.n = 1};
    const ptrdiff_t rows = cn_count(&loops);
    for (ptrdiff_t r = 0; r < rows; r++) {
        ptrdiff_t at[CN_NOPERANDS] = {0};
        cn_locate(&loops, r, at);
        if (!cn_all_shown(op->data + at[CN_M], 0, inner.stride[CN_M], 1, inner.n)) return op->data;
    }
    return NULL;
}
