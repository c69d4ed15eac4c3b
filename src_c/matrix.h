/* matrix.h: elements of 2, 4 or 8 bytes in rows and columns of any strides, copied. */
#ifndef CN_MATRIX_H
#define CN_MATRIX_H

#include <stddef.h>
#include <string.h>

typedef struct {
    char *data;
    ptrdiff_t row, col;
} cn_matrix;

static inline void cn_copy(cn_matrix to, cn_matrix from, ptrdiff_t rows, ptrdiff_t n, ptrdiff_t size)
{
    for (ptrdiff_t r = 0; r < rows; r++, to.data += to.row, from.data += from.row) {
        if (to.col == size && from.col == size) {
            memcpy(to.data, from.data, (size_t)(n * size));
            continue;
        }
#define COPY(n_bytes)                                                                                             \
    for (ptrdiff_t j = 0; j < n; j++) memcpy(to.data + j * to.col, from.data + j * from.col, n_bytes)
        switch (size) {
        case 2: COPY(2); break;
        case 4: COPY(4); break;
        default: COPY(8); break;
        }
#undef COPY
    }
}

#endif
