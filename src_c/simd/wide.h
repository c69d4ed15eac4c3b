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

/* The lower and the upper lanes of a vector as doubles, and masks of them; and back. Of doubles there is one such vector. */
#if CN_VB == 64
#define CN_LOWER_HALF 0, 1, 2, 3, 4, 5, 6, 7
#define CN_UPPER_HALF 8, 9, 10, 11, 12, 13, 14, 15
#elif CN_VB == 32
#define CN_LOWER_HALF 0, 1, 2, 3
#define CN_UPPER_HALF 4, 5, 6, 7
#else
#define CN_LOWER_HALF 0, 1
#define CN_UPPER_HALF 2, 3
#endif
CN_INLINE vf64 cn_doubles_f32(vf32 v, const int upper)
{
    return upper ? cn_wide_f32(__builtin_shufflevector(v, v, CN_UPPER_HALF))
                 : cn_wide_f32(__builtin_shufflevector(v, v, CN_LOWER_HALF));
}
CN_INLINE vf64 cn_doubles_f64(vf64 v, const int upper)
{
    (void)upper;
    return v;
}
CN_INLINE vi64 cn_double_mask_f32(vi32 m, const int upper)
{
    return upper ? __builtin_convertvector(__builtin_shufflevector(m, m, CN_UPPER_HALF), vi64)
                 : __builtin_convertvector(__builtin_shufflevector(m, m, CN_LOWER_HALF), vi64);
}
CN_INLINE vi64 cn_double_mask_f64(vi64 m, const int upper)
{
    (void)upper;
    return m;
}
CN_INLINE vf32 cn_lanes_of_f32(const vf64 *v)
{
    return __builtin_shufflevector(cn_single_f64(v[0]), cn_single_f64(v[1]), CN_LOWER_HALF, CN_UPPER_HALF);
}
CN_INLINE vf64 cn_lanes_of_f64(const vf64 *v) { return v[0]; }

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
