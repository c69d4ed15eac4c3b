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
#define CN_UNROLL _Pragma("GCC unroll 16") /* lanes live in registers */
#define CN_ROLLED _Pragma("GCC unroll 1")  /* where its body is long */
#define CN_FOR(i, n)                                                                                              \
    CN_UNROLL                                                                                                     \
    for (int i = 0; i < (n); i++)
/* Of a loop that is not to become two, one for each answer to a question about it. */
#define CN_ASK_AGAIN(v) __asm__("" : "+r"(v))
/* What was loaded stays in its register: loads across lines that are asked for twice take as long again. */
#if defined(CN_AVX512)
#define CN_IN_REGISTER(v) __asm__("" : "+v"(v))
#elif defined(__SSE2__)
#define CN_IN_REGISTER(v) __asm__("" : "+x"(v))
#else
#define CN_IN_REGISTER(v) (void)(v)
#endif
#define CN_SELDOM(condition) __builtin_expect(!!(condition), 0)
#define CN_WF (CN_VB / 4) /* floats in a vector */
#define CN_WD (CN_VB / 8)

/* Elements in memory; floats of 16 bits travel as their bits. */
typedef float cn_f32;
typedef double cn_f64;
typedef uint16_t cn_f16;
typedef uint16_t cn_bf16;
typedef uint8_t cn_u8;
typedef uint16_t cn_u16;

typedef float vf32 __attribute__((vector_size(CN_VB)));
typedef double vf64 __attribute__((vector_size(CN_VB)));
typedef float vf32half __attribute__((vector_size(CN_VB / 2)));
typedef uint32_t vu32 __attribute__((vector_size(CN_VB)));
typedef int32_t vi32 __attribute__((vector_size(CN_VB)));
typedef int64_t vi64 __attribute__((vector_size(CN_VB)));
typedef uint64_t vu64 __attribute__((vector_size(CN_VB)));
typedef uint16_t vu16 __attribute__((vector_size(CN_VB / 2)));
typedef uint16_t vu16half __attribute__((vector_size(CN_VB / 4)));
typedef uint32_t vu32half __attribute__((vector_size(CN_VB / 2)));

CN_INLINE vf32 cn_load_f32_as_f32(const float *p)
{
    vf32 v;
    memcpy(&v, p, sizeof v);
    return v;
}

CN_INLINE vf64 cn_load_f64_as_f64(const double *p)
{
    vf64 v;
    memcpy(&v, p, sizeof v);
    return v;
}

CN_INLINE void cn_store_f32_from_f32(float *p, vf32 v) { memcpy(p, &v, sizeof v); }
CN_INLINE void cn_store_f64_from_f64(double *p, vf64 v) { memcpy(p, &v, sizeof v); }

#include "simd/wide.h"

#include "simd/half.h"

#include "simd/past.h"

#include "simd/threes.h"

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

/* The even, and the odd, lanes of both. */
#if CN_VB == 64
#define CN_EVEN32 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define CN_ODD32 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define CN_EVEN64 0, 2, 4, 6, 8, 10, 12, 14
#define CN_ODD64 1, 3, 5, 7, 9, 11, 13, 15
#elif CN_VB == 32
#define CN_EVEN32 0, 2, 4, 6, 8, 10, 12, 14
#define CN_ODD32 1, 3, 5, 7, 9, 11, 13, 15
#define CN_EVEN64 0, 2, 4, 6
#define CN_ODD64 1, 3, 5, 7
#else
#define CN_EVEN32 0, 2, 4, 6
#define CN_ODD32 1, 3, 5, 7
#define CN_EVEN64 0, 2
#define CN_ODD64 1, 3
#endif

CN_INLINE vf32 cn_even_f32(vf32 a, vf32 b) { return __builtin_shufflevector(a, b, CN_EVEN32); }
CN_INLINE vf32 cn_odd_f32(vf32 a, vf32 b) { return __builtin_shufflevector(a, b, CN_ODD32); }
CN_INLINE vf64 cn_even_f64(vf64 a, vf64 b) { return __builtin_shufflevector(a, b, CN_EVEN64); }
CN_INLINE vf64 cn_odd_f64(vf64 a, vf64 b) { return __builtin_shufflevector(a, b, CN_ODD64); }

/* Lane i is lane at[i] of v. */
#if defined(CN_AVX512)
CN_INLINE vf32 cn_pick_f32(vf32 v, vi32 at) { return (vf32)_mm512_permutexvar_ps((__m512i)at, (__m512)v); }
CN_INLINE vf64 cn_pick_f64(vf64 v, vi64 at) { return (vf64)_mm512_permutexvar_pd((__m512i)at, (__m512d)v); }
#else
#if defined(CN_AVX2)
CN_INLINE vf32 cn_pick_f32(vf32 v, vi32 at) { return (vf32)_mm256_permutevar8x32_ps((__m256)v, (__m256i)at); }
#else
CN_INLINE vf32 cn_pick_f32(vf32 v, vi32 at)
{
    vf32 to;
    CN_FOR(i, CN_WF) to[i] = v[at[i]];
    return to;
}
#endif
CN_INLINE vf64 cn_pick_f64(vf64 v, vi64 at)
{
    vf64 to;
    CN_FOR(i, CN_WD) to[i] = v[at[i]];
    return to;
}
#endif

CN_INLINE vf32 cn_sqrt_f32(vf32 v)
{
#if defined(CN_AVX512)
    return (vf32)_mm512_sqrt_ps((__m512)v);
#elif defined(CN_AVX2)
    return (vf32)_mm256_sqrt_ps((__m256)v);
#else
    CN_FOR(i, CN_WF) v[i] = __builtin_sqrtf(v[i]);
    return v;
#endif
}

CN_INLINE vf64 cn_sqrt_f64(vf64 v)
{
#if defined(CN_AVX512)
    return (vf64)_mm512_sqrt_pd((__m512d)v);
#elif defined(CN_AVX2)
    return (vf64)_mm256_sqrt_pd((__m256d)v);
#else
    CN_FOR(i, CN_WD) v[i] = __builtin_sqrt(v[i]);
    return v;
#endif
}

/* a < b ? a : b and a > b ? a : b: b where one is NaN. */
#if defined(CN_AVX512)
#define CN_X86(name, ...) _mm512_##name(__VA_ARGS__)
#elif defined(CN_AVX2)
#define CN_X86(name, ...) _mm256_##name(__VA_ARGS__)
#elif defined(__SSE2__)
#define CN_X86(name, ...) _mm_##name(__VA_ARGS__)
#endif
#if defined(CN_X86)
#define CN_EXTREME(name, V, M, op, order)                                                                         \
    CN_INLINE V name(V a, V b) { return (V)CN_X86(op, a, b); }
#else
#define CN_EXTREME(name, V, M, op, order)                                                                         \
    CN_INLINE V name(V a, V b)                                                                                    \
    {                                                                                                             \
        M first = a order b;                                                                                      \
        return (V)(((M)a & first) | ((M)b & ~first));                                                             \
    }
#endif
CN_EXTREME(cn_min_f32, vf32, vi32, min_ps, <)
CN_EXTREME(cn_max_f32, vf32, vi32, max_ps, >)
CN_EXTREME(cn_min_f64, vf64, vi64, min_pd, <)
CN_EXTREME(cn_max_f64, vf64, vi64, max_pd, >)

/* The greater bits, as signed integers. */
#if defined(CN_AVX512)
CN_INLINE vi32 cn_greater_f32(vi32 a, vi32 b) { return (vi32)_mm512_max_epi32((__m512i)a, (__m512i)b); }
CN_INLINE vi64 cn_greater_f64(vi64 a, vi64 b) { return (vi64)_mm512_max_epi64((__m512i)a, (__m512i)b); }
#else
CN_INLINE vi32 cn_greater_f32(vi32 a, vi32 b)
{
    const vi32 first = (vi32)(a > b);
    return (a & first) | (b & ~first);
}
CN_INLINE vi64 cn_greater_f64(vi64 a, vi64 b)
{
    const vi64 first = (vi64)(a > b);
    return (a & first) | (b & ~first);
}
#endif

/* Is a bit of it set? */
CN_INLINE int cn_any(vi32 m)
{
#if defined(CN_AVX512)
    return _mm512_test_epi32_mask((__m512i)m, (__m512i)m) != 0;
#elif defined(CN_AVX2)
    return !_mm256_testz_si256((__m256i)m, (__m256i)m);
#elif defined(__SSE2__)
    return _mm_movemask_epi8(_mm_cmpeq_epi8((__m128i)m, _mm_setzero_si128())) != 0xffff;
#else
    static const vi32 none;
    return memcmp(&m, &none, sizeof m) != 0;
#endif
}

#include "simd/all.h"

#include "simd/roots.h"
#include "simd/lookup.h"

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

/* At most `all` bytes, a power of two, by moves of constant size: a call of memcpy costs more than the vector it
 * fills. */
CN_INLINE void cn_copy_few(void *to, const void *from, ptrdiff_t bytes, const int all)
{
    char *t = to;
    const char *f = from;
    CN_UNROLL
    for (int size = all; size; size /= 2)
        if (bytes & size) memcpy(t, f, (size_t)size), t += size, f += size;
}

/* The first k < width elements; the other lanes load as 0 and are not stored. */
#define CN_PARTIAL_LOAD(name, T, V, W)                                                                            \
    CN_INLINE V name##_part(const T *p, ptrdiff_t k)                                                              \
    {                                                                                                             \
        T a[W] = {0};                                                                                             \
        cn_copy_few(a, p, k * (ptrdiff_t)sizeof(T), sizeof a);                                                    \
        return name(a);                                                                                           \
    }
#define CN_PARTIAL_STORE(name, T, V, W)                                                                           \
    CN_INLINE void name##_part(T *p, V v, ptrdiff_t k)                                                            \
    {                                                                                                             \
        T a[W];                                                                                                   \
        name(a, v);                                                                                               \
        cn_copy_few(p, a, k * (ptrdiff_t)sizeof(T), sizeof a);                                                    \
    }

#if !defined(CN_AVX512)
CN_PARTIAL_LOAD(cn_load_f32_as_f64, float, vf64, CN_WD)
CN_PARTIAL_STORE(cn_store_f32_from_f64, float, vf64, CN_WD)
#endif
CN_PARTIAL_LOAD(cn_load_bf16_as_f64, cn_bf16, vf64, CN_WD)

#if defined(CN_AVX512)
CN_INLINE vf32 cn_load_f16_as_f32_part(const cn_f16 *p, ptrdiff_t k)
{
    return (vf32)_mm512_cvtph_ps(_mm256_maskz_loadu_epi16((__mmask16)((1u << k) - 1), p));
}
CN_INLINE vf32 cn_load_bf16_as_f32_part(const cn_bf16 *p, ptrdiff_t k)
{
    const __m256i v = _mm256_maskz_loadu_epi16((__mmask16)((1u << k) - 1), p);
    return (vf32)((vu32)_mm512_cvtepu16_epi32(v) << 16);
}
CN_INLINE void cn_store_f16_from_f32_part(cn_f16 *p, vf32 v, ptrdiff_t k)
{
    cn_f16 a[CN_WF];
    cn_store_f16_from_f32(a, v);
    _mm256_mask_storeu_epi16(p, (__mmask16)((1u << k) - 1), _mm256_loadu_si256((const void *)a));
}
CN_INLINE void cn_store_bf16_from_f32_part(cn_bf16 *p, vf32 v, ptrdiff_t k)
{
    cn_bf16 a[CN_WF];
    cn_store_bf16_from_f32(a, v);
    _mm256_mask_storeu_epi16(p, (__mmask16)((1u << k) - 1), _mm256_loadu_si256((const void *)a));
}
#else
CN_PARTIAL_LOAD(cn_load_f16_as_f32, cn_f16, vf32, CN_WF)
CN_PARTIAL_LOAD(cn_load_bf16_as_f32, cn_bf16, vf32, CN_WF)
CN_PARTIAL_STORE(cn_store_f16_from_f32, cn_f16, vf32, CN_WF)
CN_PARTIAL_STORE(cn_store_bf16_from_f32, cn_bf16, vf32, CN_WF)
#endif

#if defined(CN_AVX512)
CN_INLINE vf32 cn_load_f32_as_f32_part(const float *p, ptrdiff_t k)
{
    return (vf32)_mm512_maskz_loadu_ps((__mmask16)((1u << k) - 1), p);
}
CN_INLINE vf64 cn_load_f64_as_f64_part(const double *p, ptrdiff_t k)
{
    return (vf64)_mm512_maskz_loadu_pd((__mmask8)((1u << k) - 1), p);
}
CN_INLINE void cn_store_f32_from_f32_part(float *p, vf32 v, ptrdiff_t k)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << k) - 1), (__m512)v);
}
CN_INLINE void cn_store_f64_from_f64_part(double *p, vf64 v, ptrdiff_t k)
{
    _mm512_mask_storeu_pd(p, (__mmask8)((1u << k) - 1), (__m512d)v);
}
#elif defined(CN_AVX2)
CN_INLINE vf32 cn_load_f32_as_f32_part(const float *p, ptrdiff_t k)
{
    return (vf32)_mm256_maskload_ps(p, _mm256_loadu_si256((const void *)(cn_mask32 + 16 - k)));
}
CN_INLINE vf64 cn_load_f64_as_f64_part(const double *p, ptrdiff_t k)
{
    return (vf64)_mm256_maskload_pd(p, _mm256_loadu_si256((const void *)(cn_mask64 + 8 - k)));
}
CN_INLINE void cn_store_f32_from_f32_part(float *p, vf32 v, ptrdiff_t k)
{
    _mm256_maskstore_ps(p, _mm256_loadu_si256((const void *)(cn_mask32 + 16 - k)), (__m256)v);
}
CN_INLINE void cn_store_f64_from_f64_part(double *p, vf64 v, ptrdiff_t k)
{
    _mm256_maskstore_pd(p, _mm256_loadu_si256((const void *)(cn_mask64 + 8 - k)), (__m256d)v);
}
#else
CN_PARTIAL_LOAD(cn_load_f32_as_f32, float, vf32, CN_WF)
CN_PARTIAL_LOAD(cn_load_f64_as_f64, double, vf64, CN_WD)
CN_PARTIAL_STORE(cn_store_f32_from_f32, float, vf32, CN_WF)
CN_PARTIAL_STORE(cn_store_f64_from_f64, double, vf64, CN_WD)
#endif

#include "simd/bytes.h"
#include "simd/cross.h"
#include "simd/gather.h"
#include "simd/nans.h"
