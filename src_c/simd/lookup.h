/* lookup.h: numbers of small counts, looked up in registers of a whole line: sooner than eight divisions; part of vec.h. */
#define CN_IN_TWO 16 /* counts below this are in two registers */
#if defined(CN_AVX512)
#define CN_LOOKED_UP 32 /* in four: all */

/* few: all counts are in two. */
CN_INLINE vf64 cn_look_up(const vf64 of[4], vf64 count, int few)
{
    const __m512i i = _mm512_cvttpd_epi64((__m512d)count);
    const __m512d low = _mm512_permutex2var_pd((__m512d)of[0], i, (__m512d)of[1]);
    if (few) return (vf64)low;
    const __m512d high = _mm512_permutex2var_pd((__m512d)of[2], i, (__m512d)of[3]);
    return (vf64)_mm512_mask_blend_pd(_mm512_test_epi64_mask(i, _mm512_set1_epi64(CN_IN_TWO)), low, high);
}
#else
#define CN_LOOKED_UP 0
CN_INLINE vf64 cn_look_up(const vf64 of[4], vf64 count, int few) { return few ? of[0] : count; } /* not called */
#endif

/* a / b of counts, 0 <= a <= b < 32, by 1 / b: the quotient corrected by what it lacks is rounded right (Markstein 1990; all of
 * these were tried). 0 of 0, whose inverse is 1. */
CN_INLINE vf64 cn_quotient_of_counts(vf64 a, vf64 b, vf64 inverse)
{
    const vf64 near = a * inverse;
    return CN_NEAR_FMA(CN_NEAR_FMA(-near, b, a), inverse, near);
}
