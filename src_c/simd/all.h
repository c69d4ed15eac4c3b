/* all.h: are all lanes within bounds? Where comparisons give bits the compiler makes lanes of them before it asks: so it takes a
 * third of the steps; part of vec.h. */
#if defined(CN_AVX512)
#define CN_DEFINE_ALL(L, V, A, suffix, lanes)                                                                            \
    CN_INLINE int cn_all_within_##L(V v, A least, A most)                                                         \
    {                                                                                                             \
        const __mmask##lanes from = _mm512_cmp_##suffix##_mask(v, least - (V){0}, _CMP_GE_OQ);                    \
        return (int)_mm512_mask_cmp_##suffix##_mask(from, v, most - (V){0}, _CMP_LE_OQ) == (1 << lanes) - 1;      \
    }                                                                                                             \
    CN_INLINE int cn_all_at_most_##L(V a, V b)                                                                    \
    {                                                                                                             \
        return (int)_mm512_cmp_##suffix##_mask(a, b, _CMP_LE_OQ) == (1 << lanes) - 1;                             \
    }
#else
#define CN_DEFINE_ALL(L, V, A, suffix, lanes)                                                                            \
    CN_INLINE int cn_all_within_##L(V v, A least, A most)                                                         \
    {                                                                                                             \
        return !cn_any((vi32) ~((v >= least) & (v <= most)));                                                     \
    }                                                                                                             \
    CN_INLINE int cn_all_at_most_##L(V a, V b) { return !cn_any((vi32) ~(a <= b)); }
#endif
CN_DEFINE_ALL(f32, vf32, float, ps, 16)
CN_DEFINE_ALL(f64, vf64, double, pd, 8)
