/* cross.h: lane i of a vector becomes lane i ^ k, k a power of two below the number of lanes: what is joined with that for
 * all k is the same in every lane. */
#if CN_VB == 64
#define CN_CROSS32(k) 0 ^ k, 1 ^ k, 2 ^ k, 3 ^ k, 4 ^ k, 5 ^ k, 6 ^ k, 7 ^ k, CN_CROSS32_UPPER(k)
#define CN_CROSS32_UPPER(k) 8 ^ k, 9 ^ k, 10 ^ k, 11 ^ k, 12 ^ k, 13 ^ k, 14 ^ k, 15 ^ k
#define CN_CROSS64(k) 0 ^ k, 1 ^ k, 2 ^ k, 3 ^ k, 4 ^ k, 5 ^ k, 6 ^ k, 7 ^ k
#elif CN_VB == 32
#define CN_CROSS32(k) 0 ^ k, 1 ^ k, 2 ^ k, 3 ^ k, 4 ^ k, 5 ^ k, 6 ^ k, 7 ^ k
#define CN_CROSS64(k) 0 ^ k, 1 ^ k, 2 ^ k, 3 ^ k
#else
#define CN_CROSS32(k) 0 ^ k, 1 ^ k, 2 ^ k, 3 ^ k
#define CN_CROSS64(k) 0 ^ k, 1 ^ k
#endif

CN_INLINE vf32 cn_cross_f32(vf32 v, const int k)
{
#if CN_VB == 64
    if (k == 8) return __builtin_shufflevector(v, v, CN_CROSS32(8));
#endif
    if (k == 4) return __builtin_shufflevector(v, v, CN_CROSS32(4));
    return k == 2 ? __builtin_shufflevector(v, v, CN_CROSS32(2)) : __builtin_shufflevector(v, v, CN_CROSS32(1));
}

CN_INLINE vf64 cn_cross_f64(vf64 v, const int k)
{
#if CN_VB == 64
    if (k == 4) return __builtin_shufflevector(v, v, CN_CROSS64(4));
#endif
#if CN_VB >= 32
    if (k == 2) return __builtin_shufflevector(v, v, CN_CROSS64(2));
#endif
    (void)k;
    return __builtin_shufflevector(v, v, CN_CROSS64(1));
}
