/* nans.h: lanes in which there was NaN, over many vectors: bits where comparisons give these, else lanes of ones. */
#if defined(CN_AVX512)
typedef __mmask16 cn_nans_f32;
typedef __mmask8 cn_nans_f64;
#define CN_FIND_NANS(L, V, suffix, M)                                                                             \
    CN_INLINE cn_nans_##L cn_nans_in_##L(V a, V b) { return _mm512_cmp_##suffix##_mask(a, b, _CMP_UNORD_Q); }
CN_INLINE vi32 cn_nan_lanes_f32(cn_nans_f32 nans) { return (vi32)_mm512_movm_epi32(nans); }
CN_INLINE vi64 cn_nan_lanes_f64(cn_nans_f64 nans) { return (vi64)_mm512_movm_epi64(nans); }
#else
typedef vi32 cn_nans_f32;
typedef vi64 cn_nans_f64;
#if defined(CN_AVX2)
#define CN_FIND_NANS(L, V, suffix, M)                                                                             \
    CN_INLINE cn_nans_##L cn_nans_in_##L(V a, V b) { return (M)_mm256_cmp_##suffix(a, b, _CMP_UNORD_Q); }
#elif defined(__SSE2__)
#define CN_FIND_NANS(L, V, suffix, M)                                                                             \
    CN_INLINE cn_nans_##L cn_nans_in_##L(V a, V b) { return (M)_mm_cmpunord_##suffix(a, b); }
#else
#define CN_FIND_NANS(L, V, suffix, M)                                                                             \
    CN_INLINE cn_nans_##L cn_nans_in_##L(V a, V b) { return (M)(a != a) | (M)(b != b); }
#endif
CN_INLINE vi32 cn_nan_lanes_f32(cn_nans_f32 nans) { return nans; }
CN_INLINE vi64 cn_nan_lanes_f64(cn_nans_f64 nans) { return nans; }
#endif
CN_FIND_NANS(f32, vf32, ps, vi32)
CN_FIND_NANS(f64, vf64, pd, vi64)
