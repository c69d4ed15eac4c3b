/* copy.h: elements of 1, 2, 4 or 8 bytes in rows and columns of any strides, copied. */
#ifndef CN_COPY_H
#define CN_COPY_H

#include <stddef.h>
#include <string.h>

typedef struct {
    char *data;
    ptrdiff_t row, col;
} cn_matrix;

/* From one of its elements on. */
static inline cn_matrix cn_matrix_at(cn_matrix m, ptrdiff_t row, ptrdiff_t col)
{
    return (cn_matrix){m.data + row * m.row + col * m.col, m.row, m.col};
}

/* n bytes, apart, without a call: the last 32 overlap those before. */
static inline void cn_copy_bytes(char *to, const char *from, ptrdiff_t n)
{
    ptrdiff_t i = 0;
    if (n < 32) {
        for (; i + 4 <= n; i += 4) memcpy(to + i, from + i, 4);
        for (; i < n; i++) to[i] = from[i];
        return;
    }
    for (; i + 32 <= n; i += 32) memcpy(to + i, from + i, 32);
    memcpy(to + n - 32, from + n - 32, 32);
}

/* Every second float: four at a time. What lies between the elements is read, nothing beyond the last. */
static inline ptrdiff_t cn_copy_second(char *to, const char *from, ptrdiff_t n)
{
    typedef float quad __attribute__((vector_size(16)));
    ptrdiff_t i = 0;
    for (; i + 5 <= n; i += 4) {
        quad a, b;
        memcpy(&a, from + i * 8, sizeof a);
        memcpy(&b, from + i * 8 + 16, sizeof b);
        a = __builtin_shufflevector(a, b, 0, 2, 4, 6);
        memcpy(to + i * 4, &a, sizeof a);
    }
    return i;
}

/* n elements from one stride to another, in bytes. */
static inline void cn_copy_row(char *to, ptrdiff_t to_stride, const char *from, ptrdiff_t from_stride, ptrdiff_t n,
                               ptrdiff_t size)
{
    if (to_stride == size && from_stride == size) {
        memcpy(to, from, (size_t)(n * size));
        return;
    }
    if (size == 4 && from_stride == 8 && to_stride == 4) {
        ptrdiff_t done = cn_copy_second(to, from, n);
        to += done * 4, from += done * 8, n -= done;
    }
#define COPY(n_bytes)                                                                                             \
    for (ptrdiff_t j = 0; j < n; j++) memcpy(to + j * to_stride, from + j * from_stride, n_bytes)
    switch (size) {
    case 1: COPY(1); break;
    case 2: COPY(2); break;
    case 4: COPY(4); break;
    case 8: COPY(8); break;
    default: COPY((size_t)size); break;
    }
#undef COPY
}

static inline void cn_copy(cn_matrix to, cn_matrix from, ptrdiff_t rows, ptrdiff_t n, ptrdiff_t size)
{
    for (ptrdiff_t r = 0; r < rows; r++)
        cn_copy_row(to.data + r * to.row, to.col, from.data + r * from.row, from.col, n, size);
}

#endif
