/* wide.h: floats as doubles, and back; part of vec.h. */

/* GCC 12 does either in halves by itself. */
CN_INLINE vf64 cn_wide_f32(vf32half v)
{
#if defined(CN_AVX512)
    return (vf64)_mm512_cvtps_pd((__m256)v);
#elif defined(CN_AVX2)
    return (vf64)_mm256_cvtps_pd((__m128)v);
#else
    return __builtin_convertvector(v, vf64);
#endif
}

CN_INLINE vf32half cn_single_f64(vf64 v)
{
#if defined(CN_AVX512)
    return (vf32half)_mm512_cvtpd_ps((__m512d)v);
#elif defined(CN_AVX2)
    return (vf32half)_mm256_cvtpd_ps((__m256d)v);
#else
    return __builtin_convertvector(v, vf32half);
#endif
}

CN_INLINE vf64 cn_load_f32_as_f64(const float *p)
{
    vf32half v;
    memcpy(&v, p, sizeof v);
    return cn_wide_f32(v);
}

CN_INLINE void cn_store_f32_from_f64(float *p, vf64 v)
{
    const vf32half half = cn_single_f64(v);
    memcpy(p, &half, sizeof half);
}

#if defined(CN_AVX512)
/* The lower half of the lanes from, or to, p, the upper half q. */
CN_INLINE vf64 cn_load_two_f32_as_f64(const float *p, const float *q)
{
    return (vf64)_mm512_cvtps_pd(
        _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(q), 1));
}
CN_INLINE vf64 cn_load_two_f64_as_f64(const double *p, const double *q)
{
    return (vf64)_mm512_insertf64x4(_mm512_castpd256_pd512(_mm256_loadu_pd(p)), _mm256_loadu_pd(q), 1);
}
CN_INLINE void cn_store_two_f32_from_f64(float *p, float *q, vf64 v)
{
    const __m256 half = (__m256)cn_single_f64(v);
    _mm_storeu_ps(p, _mm256_castps256_ps128(half)), _mm_storeu_ps(q, _mm256_extractf128_ps(half, 1));
}
CN_INLINE void cn_store_two_f64_from_f64(double *p, double *q, vf64 v)
{
    _mm256_storeu_pd(p, _mm512_castpd512_pd256((__m512d)v));
    _mm256_storeu_pd(q, _mm512_extractf64x4_pd((__m512d)v, 1));
}

CN_INLINE vf64 cn_load_f32_as_f64_part(const float *p, ptrdiff_t k)
{
    return (vf64)_mm512_cvtps_pd(_mm256_maskz_loadu_ps((__mmask8)((1u << k) - 1), p));
}
CN_INLINE void cn_store_f32_from_f64_part(float *p, vf64 v, ptrdiff_t k)
{
    _mm256_mask_storeu_ps(p, (__mmask8)((1u << k) - 1), _mm512_cvtpd_ps((__m512d)v));
}
#endif
