/* roots.h: 1 / sqrt(v) of doubles to so many digits that a float of it can be told: a root and a division take longer; part of
 * vec.h.
 *
 * From a guess y of the hardware e = 1 - v y^2 tells what it lacks: 1 / sqrt(v) is y (1 - e)^(-1/2) = y (1 + e/2 + 3/8 e^2 +
 * 5/16 e^3 + ...). Guesses are documented to be off by at most 1.5 * 2^-12, so |e| < 2^-10, and what is left out is below
 * 35/128 e^4 (1 + 2^-8) < 2^-41 of the result: more than the roundings of doubles add. What is no guess (of 0, infinity, what is
 * below 0, or beyond floats) gives 0, infinity or NaN.
 *
 * If this times 1 - CN_NEAR and times 1 + CN_NEAR are the same float, so is what cn_sqrt_f64 and a division give: the same bits by
 * every instruction set, whether it has this or not. One in 2^15 is not. Eight doubles are divided in 16 cycles, their roots
 * taken in 18 (Emerald Rapids, registers of 64 bytes). */
#define CN_NEAR 0x1p-40

#if defined(CN_AVX512)
#define CN_HAS_NEAR_ROOTS 1
#define CN_NEAR_FMA(a, b, c) ((vf64)_mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c)))
#define CN_GUESS(v) ((vf64)_mm512_rsqrt14_pd((__m512d)(v)))
#elif defined(CN_AVX2)
#define CN_HAS_NEAR_ROOTS 1
#define CN_NEAR_FMA(a, b, c) ((vf64)_mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c)))
#define CN_GUESS(v) cn_wide_f32((vf32half)_mm_rsqrt_ps((__m128)cn_single_f64(v)))
#else /* never sure */
#define CN_HAS_NEAR_ROOTS 0
#define CN_NEAR_FMA(a, b, c) ((a) * (b) + (c))
#define CN_GUESS(v) (v)
#endif

CN_INLINE vf64 cn_near_inverse_root(vf64 v)
{
    const vf64 zero = {0}, y = CN_GUESS(v), e = CN_NEAR_FMA(-(v * y), y, zero + 1);
    const vf64 series = CN_NEAR_FMA(CN_NEAR_FMA(e, zero + 0.3125, zero + 0.375), e, zero + 0.5);
    return CN_NEAR_FMA(series * e, y, y);
}

/* Are all of these, and what is as near to them as that, the same floats, and none in need of a prescale? */
CN_INLINE int cn_are_near_floats(vf64 v)
{
    const vi64 bounded = (v > 0x1p-100) & (v < 0x1p100);
#if defined(CN_AVX512)
    const __m256 low = _mm512_cvtpd_ps((__m512d)(v * (1 - CN_NEAR)));
    const __m256 high = _mm512_cvtpd_ps((__m512d)(v * (1 + CN_NEAR)));
    return (_mm256_cmp_ps_mask(low, high, _CMP_EQ_OQ) & _mm512_movepi64_mask((__m512i)bounded)) == 0xff;
#elif defined(CN_AVX2)
    const __m128 low = _mm256_cvtpd_ps((__m256d)(v * (1 - CN_NEAR)));
    const __m128 high = _mm256_cvtpd_ps((__m256d)(v * (1 + CN_NEAR)));
    return (_mm_movemask_ps(_mm_cmpeq_ps(low, high)) & _mm256_movemask_pd((__m256d)bounded)) == 0xf;
#else
    (void)bounded;
    return 0;
#endif
}
