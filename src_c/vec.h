/* vec.h: native-width vectors and the few operations kernels are written in; the only intrinsics.
 *
 * CN_VB is the width of a register in bytes. Loads and stores take any alignment. Every operation is
 * exact or correctly rounded, so all widths give the same bits. */
#include <stdint.h>
#include <string.h>

#if defined(CN_AVX2) || defined(CN_AVX512)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

#define CN_INLINE static inline __attribute__((always_inline, unused))
#define CN_UNROLL _Pragma("GCC unroll 8") /* lanes live in registers */
#define CN_WF (CN_VB / 4)                 /* floats in a vector */
#define CN_WD (CN_VB / 8)

typedef float vf32 __attribute__((vector_size(CN_VB)));
typedef double vf64 __attribute__((vector_size(CN_VB)));
typedef float vf32half __attribute__((vector_size(CN_VB / 2)));
typedef uint32_t vu32 __attribute__((vector_size(CN_VB)));
typedef int32_t vi32 __attribute__((vector_size(CN_VB)));
typedef int64_t vi64 __attribute__((vector_size(CN_VB)));
typedef uint16_t vu16 __attribute__((vector_size(CN_VB / 2)));
typedef uint16_t vu16half __attribute__((vector_size(CN_VB / 4)));
typedef uint32_t vu32half __attribute__((vector_size(CN_VB / 2)));

/* 16-bit floats travel as their bits. */
typedef uint16_t cn_f16;
typedef uint16_t cn_bf16;

CN_INLINE vf32 cn_load_f32(const float *p)
{
    vf32 v;
    memcpy(&v, p, sizeof v);
    return v;
}

CN_INLINE vf64 cn_load_f64(const double *p)
{
    vf64 v;
    memcpy(&v, p, sizeof v);
    return v;
}

CN_INLINE vf64 cn_load_f32_f64(const float *p)
{
    vf32half v;
    memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, vf64);
}

CN_INLINE vf32 cn_load_bf16(const cn_bf16 *p)
{
#if defined(CN_AVX2) /* GCC 12 widens in halves */
    return (vf32)((vu32)_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)p)) << 16);
#else
    vu16 v;
    memcpy(&v, p, sizeof v);
    return (vf32)(__builtin_convertvector(v, vu32) << 16);
#endif
}

CN_INLINE vf64 cn_load_bf16_f64(const cn_bf16 *p)
{
    vu16half v;
    memcpy(&v, p, sizeof v);
    return __builtin_convertvector((vf32half)(__builtin_convertvector(v, vu32half) << 16), vf64);
}

CN_INLINE vf32 cn_load_f16(const cn_f16 *p)
{
#if defined(CN_AVX512)
    return (vf32)_mm512_cvtph_ps(_mm256_loadu_si256((const void *)p));
#elif defined(CN_AVX2)
    return (vf32)_mm256_cvtph_ps(_mm_loadu_si128((const void *)p));
#else
    /* Normal: rebias the exponent. Subnormal: the mantissa is an integer times 2^-24. */
    vu16 h;
    memcpy(&h, p, sizeof h);
    vu32 v = __builtin_convertvector(h, vu32), sign = (v & 0x8000u) << 16, mag = v & 0x7fffu;
    vu32 normal = (mag << 13) + 0x38000000u;
    normal += (vu32)(mag >= 0x7c00u) & 0x38000000u; /* inf and NaN */
    normal |= (vu32)(mag > 0x7c00u) & 0x00400000u;  /* NaN leaves quiet */
    vu32 subnormal = (vu32)(__builtin_convertvector((vi32)mag, vf32) * 0x1p-24f);
    vu32 small = (vu32)(mag < 0x0400u);
    return (vf32)(sign | (subnormal & small) | (normal & ~small));
#endif
}

CN_INLINE void cn_store_f32(float *p, vf32 v) { memcpy(p, &v, sizeof v); }
CN_INLINE void cn_store_f64(double *p, vf64 v) { memcpy(p, &v, sizeof v); }

CN_INLINE void cn_store_bf16(cn_bf16 *p, vf32 v)
{
    /* To nearest, ties to even. A NaN is cut off: as a result of arithmetic its quiet bit is set. */
    vu32 u = (vu32)v, up = (((u >> 16) & 1u) + 0x7fffu) & (vu32)(v == v);
    u = (u + up) >> 16;
#if defined(CN_AVX2)
    __m256i a = (__m256i)u;
    _mm_storeu_si128((void *)p, _mm_packus_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1)));
#else
    vu16 h = __builtin_convertvector(u, vu16);
    memcpy(p, &h, sizeof h);
#endif
}

CN_INLINE void cn_store_f16(cn_f16 *p, vf32 v)
{
#if defined(CN_AVX512)
    _mm256_storeu_si256((void *)p, _mm512_cvtps_ph((__m512)v, _MM_FROUND_TO_NEAREST_INT));
#elif defined(CN_AVX2)
    _mm_storeu_si128((void *)p, _mm256_cvtps_ph((__m256)v, _MM_FROUND_TO_NEAREST_INT));
#else
    /* Subnormal results: adding 0.5 leaves the rounded multiple of 2^-24 in the low bits. */
    vu32 u = (vu32)v, sign = (u >> 16) & 0x8000u, mag = u & 0x7fffffffu;
    vu32 normal = (mag - 0x38000000u + 0x0fffu + ((mag >> 13) & 1u)) >> 13;
    vu32 subnormal = (vu32)((vf32)mag + 0.5f) - 0x3f000000u;
    vu32 small = (vu32)(mag < 0x38800000u), huge = (vu32)(mag >= 0x477ff000u);
    vu32 nan = (vu32)(mag > 0x7f800000u);
    vu32 r = (small & subnormal) | (~small & normal);
    r = (huge & 0x7c00u) | (~huge & r);
    r = (nan & (0x7e00u | ((mag >> 13) & 0x3ffu))) | (~nan & r);
    vu16 h = __builtin_convertvector(sign | r, vu16);
    memcpy(p, &h, sizeof h);
#endif
}

/* Stores that bypass the cache, 16 bytes aligned to 16; made visible by cn_stream_end. */
#if defined(__SSE2__)
CN_INLINE void cn_stream_bytes(void *p, const void *v, int bytes)
{
    __m128i quarter;
    CN_UNROLL
    for (int i = 0; i < bytes; i += 16) {
        memcpy(&quarter, (const char *)v + i, sizeof quarter);
        _mm_stream_si128((__m128i *)(void *)((char *)p + i), quarter);
    }
}
CN_INLINE void cn_stream_end(void) { _mm_sfence(); }
#else
CN_INLINE void cn_stream_bytes(void *p, const void *v, int bytes) { memcpy(p, v, (size_t)bytes); }
CN_INLINE void cn_stream_end(void) {}
#endif

#define CN_STREAM(name, T, V, W)                                                                                  \
    CN_INLINE void name##_stream(T *p, V v)                                                                       \
    {                                                                                                             \
        T a[W];                                                                                                   \
        name(a, v);                                                                                               \
        if (sizeof a >= 16)                                                                                       \
            cn_stream_bytes(p, a, sizeof a);                                                                      \
        else                                                                                                      \
            memcpy(p, a, sizeof a);                                                                               \
    }
CN_STREAM(cn_store_f32, float, vf32, CN_WF)
CN_STREAM(cn_store_f64, double, vf64, CN_WD)
CN_STREAM(cn_store_f16, cn_f16, vf32, CN_WF)
CN_STREAM(cn_store_bf16, cn_bf16, vf32, CN_WF)

/* a0 b0 a1 b1 ... of the lower, or upper, halves. */
#if CN_VB == 64
#define CN_LO32 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define CN_HI32 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define CN_LO64 0, 8, 1, 9, 2, 10, 3, 11
#define CN_HI64 4, 12, 5, 13, 6, 14, 7, 15
#elif CN_VB == 32
#define CN_LO32 0, 8, 1, 9, 2, 10, 3, 11
#define CN_HI32 4, 12, 5, 13, 6, 14, 7, 15
#define CN_LO64 0, 4, 1, 5
#define CN_HI64 2, 6, 3, 7
#else
#define CN_LO32 0, 4, 1, 5
#define CN_HI32 2, 6, 3, 7
#define CN_LO64 0, 2
#define CN_HI64 1, 3
#endif

CN_INLINE vf32 cn_zip_lo_f32(vf32 a, vf32 b) { return __builtin_shufflevector(a, b, CN_LO32); }
CN_INLINE vf32 cn_zip_hi_f32(vf32 a, vf32 b) { return __builtin_shufflevector(a, b, CN_HI32); }
CN_INLINE vf64 cn_zip_lo_f64(vf64 a, vf64 b) { return __builtin_shufflevector(a, b, CN_LO64); }
CN_INLINE vf64 cn_zip_hi_f64(vf64 a, vf64 b) { return __builtin_shufflevector(a, b, CN_HI64); }

/* Lanes are folded by halves: the order is that of the logical lanes, whatever the width. */
#define CN_HALF(V, v, ...) ((V)__builtin_shufflevector(v, v, __VA_ARGS__))

CN_INLINE float cn_sum_f32(vf32 v)
{
#if CN_VB == 64
    v += CN_HALF(vf32, v, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15);
    v += CN_HALF(vf32, v, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);
#elif CN_VB == 32
    v += CN_HALF(vf32, v, 4, 5, 6, 7, 4, 5, 6, 7);
#endif
    typedef float quarter __attribute__((vector_size(16)));
    quarter q;
    memcpy(&q, &v, sizeof q);
    q += CN_HALF(quarter, q, 2, 3, 2, 3);
    return q[0] + q[1];
}

CN_INLINE double cn_sum_f64(vf64 v)
{
#if CN_VB == 64
    v += CN_HALF(vf64, v, 4, 5, 6, 7, 4, 5, 6, 7);
#endif
#if CN_VB >= 32
    typedef double half __attribute__((vector_size(32)));
    half h;
    memcpy(&h, &v, sizeof h);
    h += CN_HALF(half, h, 2, 3, 2, 3);
    return h[0] + h[1];
#else
    return v[0] + v[1];
#endif
}

/* cn_mask + 16 - k: k lanes of ones, then zeros. */
static const int32_t cn_mask32[32] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
static const int64_t cn_mask64[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

/* Lanes from k on become 0. */
CN_INLINE vf32 cn_keep_f32(vf32 v, ptrdiff_t k)
{
    vi32 m;
    memcpy(&m, cn_mask32 + 16 - k, sizeof m);
    return (vf32)((vi32)v & m);
}

CN_INLINE vf64 cn_keep_f64(vf64 v, ptrdiff_t k)
{
    vi64 m;
    memcpy(&m, cn_mask64 + 8 - k, sizeof m);
    return (vf64)((vi64)v & m);
}

/* The first k < width elements; the other lanes load as 0 and are not stored. */
#define CN_PARTIAL_LOAD(name, T, V, W)                                                                            \
    CN_INLINE V name##_part(const T *p, ptrdiff_t k)                                                              \
    {                                                                                                             \
        T a[W] = {0};                                                                                             \
        memcpy(a, p, (size_t)k * sizeof(T));                                                                      \
        return name(a);                                                                                           \
    }
#define CN_PARTIAL_STORE(name, T, V, W)                                                                           \
    CN_INLINE void name##_part(T *p, V v, ptrdiff_t k)                                                            \
    {                                                                                                             \
        T a[W];                                                                                                   \
        name(a, v);                                                                                               \
        memcpy(p, a, (size_t)k * sizeof(T));                                                                      \
    }

CN_PARTIAL_LOAD(cn_load_f16, cn_f16, vf32, CN_WF)
CN_PARTIAL_LOAD(cn_load_bf16, cn_bf16, vf32, CN_WF)
CN_PARTIAL_LOAD(cn_load_f32_f64, float, vf64, CN_WD)
CN_PARTIAL_LOAD(cn_load_bf16_f64, cn_bf16, vf64, CN_WD)
CN_PARTIAL_STORE(cn_store_f16, cn_f16, vf32, CN_WF)
CN_PARTIAL_STORE(cn_store_bf16, cn_bf16, vf32, CN_WF)

#if defined(CN_AVX512)
CN_INLINE vf32 cn_load_f32_part(const float *p, ptrdiff_t k)
{
    return (vf32)_mm512_maskz_loadu_ps((__mmask16)((1u << k) - 1), p);
}
CN_INLINE vf64 cn_load_f64_part(const double *p, ptrdiff_t k)
{
    return (vf64)_mm512_maskz_loadu_pd((__mmask8)((1u << k) - 1), p);
}
CN_INLINE void cn_store_f32_part(float *p, vf32 v, ptrdiff_t k)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << k) - 1), (__m512)v);
}
CN_INLINE void cn_store_f64_part(double *p, vf64 v, ptrdiff_t k)
{
    _mm512_mask_storeu_pd(p, (__mmask8)((1u << k) - 1), (__m512d)v);
}
#elif defined(CN_AVX2)
CN_INLINE vf32 cn_load_f32_part(const float *p, ptrdiff_t k)
{
    return (vf32)_mm256_maskload_ps(p, _mm256_loadu_si256((const void *)(cn_mask32 + 16 - k)));
}
CN_INLINE vf64 cn_load_f64_part(const double *p, ptrdiff_t k)
{
    return (vf64)_mm256_maskload_pd(p, _mm256_loadu_si256((const void *)(cn_mask64 + 8 - k)));
}
CN_INLINE void cn_store_f32_part(float *p, vf32 v, ptrdiff_t k)
{
    _mm256_maskstore_ps(p, _mm256_loadu_si256((const void *)(cn_mask32 + 16 - k)), (__m256)v);
}
CN_INLINE void cn_store_f64_part(double *p, vf64 v, ptrdiff_t k)
{
    _mm256_maskstore_pd(p, _mm256_loadu_si256((const void *)(cn_mask64 + 8 - k)), (__m256d)v);
}
#else
CN_PARTIAL_LOAD(cn_load_f32, float, vf32, CN_WF)
CN_PARTIAL_LOAD(cn_load_f64, double, vf64, CN_WD)
CN_PARTIAL_STORE(cn_store_f32, float, vf32, CN_WF)
CN_PARTIAL_STORE(cn_store_f64, double, vf64, CN_WD)
#endif
