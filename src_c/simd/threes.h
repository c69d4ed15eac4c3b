/* threes.h: vectors of rows of three elements to columns, and back; part of vec.h.
 *
 * Element j of row g is element 3 g + j of three vectors. As 3 divides no width, all of one column stand in lanes of their
 * own: two blends bring them into one vector, a permutation into order. */

/* f(i, j) of all lanes i. */
#define CN_PAIR_OF(f, i, j) f(i, j), f((i) + 1, j)
#define CN_QUAD_OF(f, i, j) CN_PAIR_OF(f, i, j), CN_PAIR_OF(f, (i) + 2, j)
#define CN_EIGHT_OF(f, i, j) CN_QUAD_OF(f, i, j), CN_QUAD_OF(f, (i) + 4, j)
#if CN_VB == 64
#define CN_LANES_32(f, j) CN_EIGHT_OF(f, 0, j), CN_EIGHT_OF(f, 8, j)
#define CN_LANES_64(f, j) CN_EIGHT_OF(f, 0, j)
#elif CN_VB == 32
#define CN_LANES_32(f, j) CN_EIGHT_OF(f, 0, j)
#define CN_LANES_64(f, j) CN_QUAD_OF(f, 0, j)
#else
#define CN_LANES_32(f, j) CN_QUAD_OF(f, 0, j)
#define CN_LANES_64(f, j) CN_PAIR_OF(f, 0, j)
#endif

/* Where row g of column j stands in what the blends give; which row stands in lane i of it (11 is 1 / 3 modulo 16, 8, 4, 2). */
#define CN_STANDS_32(g, j) (3 * (g) + (j)) % CN_WF
#define CN_STANDS_64(g, j) (3 * (g) + (j)) % CN_WD
#define CN_ROW_32(i, j) (11 * (CN_WF + (i) - (j))) % CN_WF
#define CN_ROW_64(i, j) (11 * (CN_WD * 2 + (i) - (j))) % CN_WD

/* Of the second vector lanes j, j + 3, ... */
#define CN_THIRD_32(i, j) (i) + ((i) % 3 == (j) ? CN_WF : 0)
#define CN_THIRD_64(i, j) (i) + ((i) % 3 == (j) ? CN_WD : 0)

#define CN_DEFINE_THREES(lane, bits)                                                                              \
    /* Lanes 0, 3, ... of a, 1, 4, ... of b, 2, 5, ... of c. */                                                   \
    CN_INLINE v##lane cn_thirds_##lane(v##lane a, v##lane b, v##lane c)                                           \
    {                                                                                                             \
        a = __builtin_shufflevector(a, b, CN_LANES_##bits(CN_THIRD_##bits, 1));                                   \
        return __builtin_shufflevector(a, c, CN_LANES_##bits(CN_THIRD_##bits, 2));                                \
    }                                                                                                             \
                                                                                                                  \
    CN_INLINE void cn_part_threes_##lane(v##lane a[3])                                                            \
    {                                                                                                             \
        const int up = sizeof(v##lane) / sizeof(a[0][0]) % 3 == 1; /* a vector begins with column 1, else 2 */    \
        const v##lane x = cn_thirds_##lane(a[0], a[up ? 2 : 1], a[up ? 1 : 2]);                                   \
        const v##lane y = cn_thirds_##lane(a[up ? 1 : 2], a[0], a[up ? 2 : 1]);                                   \
        const v##lane z = cn_thirds_##lane(a[up ? 2 : 1], a[up ? 1 : 2], a[0]);                                   \
        a[0] = __builtin_shufflevector(x, x, CN_LANES_##bits(CN_STANDS_##bits, 0));                               \
        a[1] = __builtin_shufflevector(y, y, CN_LANES_##bits(CN_STANDS_##bits, 1));                               \
        a[2] = __builtin_shufflevector(z, z, CN_LANES_##bits(CN_STANDS_##bits, 2));                               \
    }                                                                                                             \
                                                                                                                  \
    CN_INLINE void cn_join_threes_##lane(v##lane a[3])                                                            \
    {                                                                                                             \
        const int up = sizeof(v##lane) / sizeof(a[0][0]) % 3 == 1;                                                \
        const v##lane x = __builtin_shufflevector(a[0], a[0], CN_LANES_##bits(CN_ROW_##bits, 0));                 \
        const v##lane y = __builtin_shufflevector(a[1], a[1], CN_LANES_##bits(CN_ROW_##bits, 1));                 \
        const v##lane z = __builtin_shufflevector(a[2], a[2], CN_LANES_##bits(CN_ROW_##bits, 2));                 \
        a[0] = cn_thirds_##lane(x, y, z);                                                                         \
        a[up ? 1 : 2] = cn_thirds_##lane(y, z, x);                                                                \
        a[up ? 2 : 1] = cn_thirds_##lane(z, x, y);                                                                \
    }

CN_DEFINE_THREES(f32, 32)
CN_DEFINE_THREES(f64, 64)
