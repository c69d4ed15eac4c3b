/* all.h: are all lanes within bounds, are two equal? Where comparisons give bits the compiler makes lanes of them before it asks:
 * so it takes a third of the steps; part of vec.h. */
#if defined(CN_AVX512)
#define CN_DEFINE_ALL(L, V, A, suffix, lanes)                                                                     \
    CN_INLINE int cn_all_within_##L(V v, A least, A most)                                                         \
    {                                                                                                             \
        const __mmask##lanes from = _mm512_cmp_##suffix##_mask(v, least - (V){0}, _CMP_GE_OQ);                    \
        return (int)_mm512_mask_cmp_##suffix##_mask(from, v, most - (V){0}, _CMP_LE_OQ) == (1 << lanes) - 1;      \
    }                                                                                                             \
    CN_INLINE int cn_all_at_most_##L(V a, V b)                                                                    \
    {                                                                                                             \
        return (int)_mm512_cmp_##suffix##_mask(a, b, _CMP_LE_OQ) == (1 << lanes) - 1;                             \
    }                                                                                                             \
    CN_INLINE int cn_any_equal_##L(V a, V b) { return _mm512_cmp_##suffix##_mask(a, b, _CMP_EQ_OQ) != 0; }
#else
#if defined(CN_AVX2)
#define CN_ANY_EQUAL_OF(suffix, a, b) (_mm256_movemask_##suffix(_mm256_cmp_##suffix(a, b, _CMP_EQ_OQ)) != 0)
#elif defined(__SSE2__)
#define CN_ANY_EQUAL_OF(suffix, a, b) (_mm_movemask_##suffix(_mm_cmpeq_##suffix(a, b)) != 0)
#else
#define CN_ANY_EQUAL_OF(suffix, a, b) cn_any((vi32)((a) == (b)))
#endif
#define CN_DEFINE_ALL(L, V, A, suffix, lanes)                                                                     \
    CN_INLINE int cn_all_within_##L(V v, A least, A most)                                                         \
    {                                                                                                             \
        return !cn_any((vi32) ~((v >= least) & (v <= most)));                                                     \
    }                                                                                                             \
    CN_INLINE int cn_all_at_most_##L(V a, V b) { return !cn_any((vi32) ~(a <= b)); }                              \
    CN_INLINE int cn_any_equal_##L(V a, V b) { return CN_ANY_EQUAL_OF(suffix, a, b); }
#endif
CN_DEFINE_ALL(f32, vf32, float, ps, 16)
CN_DEFINE_ALL(f64, vf64, double, pd, 8)
