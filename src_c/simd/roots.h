/* roots.h: 1 / sqrt(v) of doubles to so many digits that a float of it can be told: a root and a division take longer; part of
 * vec.h.
 *
 * From a guess y of the hardware e = 1 - v y^2 tells what it lacks: 1 / sqrt(v) is y (1 - e)^(-1/2) = y (1 + e/2 + 3/8 e^2 +
 * 5/16 e^3 + ...). Guesses are documented to be off by at most 1.5 * 2^-12, so |e| < 2^-10, and what is left out is below
 * 35/128 e^4 (1 + 2^-8) < 2^-41 of the result: more than the roundings of doubles add. What is no guess (of 0, infinity, what is
 * below 0, or beyond floats) gives 0, infinity or NaN.
 *
 * If what is CN_NEAR of this, up and down, is the same float, so is what cn_sqrt_f64 and a division give: the same bits by every
 * instruction set, whether it has this or not. One in 2^15 is not. Eight doubles are divided in 16 cycles, their roots
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

/* Is, for each of these n vectors, all that is as near to it as that the same float? That of a double lacks 29 bits: they tell how
 * far it is from the middle of two floats. */
#define CN_LACKED 29
#define CN_UNSURE 0x2010 /* CN_NEAR of the largest doubles of a power of two, and what roundings add */

CN_INLINE int cn_all_sure_floats(const vf64 *v, const int n)
{
    const int64_t beside = CN_UNSURE - ((int64_t)1 << (CN_LACKED - 1)), lacked = ((int64_t)1 << CN_LACKED) - 1;
#if defined(CN_AVX512)
    __mmask8 sure = 0xff;
    CN_FOR(i, n) {
        const vi64 from_middle = ((vi64)v[i] + beside) & lacked;
        sure = _mm512_mask_cmpgt_epi64_mask(sure, (__m512i)from_middle, _mm512_set1_epi64(2 * CN_UNSURE));
    }
    return sure == 0xff;
#else
    vi64 sure = ~(vi64){0};
    CN_FOR(i, n) sure &= (((vi64)v[i] + beside) & lacked) > 2 * CN_UNSURE;
    return !cn_any((vi32)~sure);
#endif
}

/* The same, and is none in need of a prescale? */
CN_INLINE int cn_are_near_floats(vf64 v)
{
    return CN_HAS_NEAR_ROOTS && cn_all_sure_floats(&v, 1) & cn_all_within_f64(v, 0x1p-100, 0x1p100);
}
