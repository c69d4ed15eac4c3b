/* bytes.h: signed bytes from float lanes, and the largest of integer lanes; part of vec.h. */

/* cn_round_i8 adds 3 * 2^22: the sum is rounded to nearest, ties to even, and its low byte is the integer. */
#define CN_ROUNDER 0x1.8p23f
#define CN_ROUNDER_BITS 0x4b400000

typedef int16_t vi16 __attribute__((vector_size(CN_VB)));
/* The bits of an element as integers, by its word. */
typedef int32_t cn_bits_f32;
typedef int64_t cn_bits_f64;
typedef int16_t cn_bits_f16;
typedef int16_t cn_bits_bf16;
typedef vi32 vbits_f32;
typedef vi64 vbits_f64;
typedef vi16 vbits_f16;
typedef vi16 vbits_bf16;
#define cn_max_bits_f32 cn_max_i32
#define cn_max_bits_f64 cn_max_i64
#define cn_max_bits_f16 cn_max_i16
#define cn_max_bits_bf16 cn_max_i16

typedef int8_t vi8quarter __attribute__((vector_size(CN_VB / 4)));

CN_INLINE vi16 cn_max_i16(vi16 a, vi16 b)
{
#if defined(CN_AVX512)
    return (vi16)_mm512_max_epi16((__m512i)a, (__m512i)b);
#elif defined(CN_AVX2)
    return (vi16)_mm256_max_epi16((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
    return (vi16)_mm_max_epi16((__m128i)a, (__m128i)b);
#else
    vi16 m = a > b;
    return (a & m) | (b & ~m);
#endif
}

CN_INLINE vi32 cn_max_i32(vi32 a, vi32 b)
{
#if defined(CN_AVX512)
    return (vi32)_mm512_max_epi32((__m512i)a, (__m512i)b);
#elif defined(CN_AVX2)
    return (vi32)_mm256_max_epi32((__m256i)a, (__m256i)b);
#else
    vi32 m = a > b;
    return (a & m) | (b & ~m);
#endif
}

CN_INLINE vi64 cn_max_i64(vi64 a, vi64 b)
{
    vi64 m = a > b;
    return (a & m) | (b & ~m);
}

/* The integers of four vectors to which CN_ROUNDER was added, -128 ... 127. */
CN_INLINE void cn_store_i8(int8_t *q, const vf32 *v)
{
#if defined(CN_AVX512)
    for (int i = 0; i < 4; i++) _mm_storeu_si128((void *)(q + 16 * i), _mm512_cvtepi32_epi8((__m512i)v[i]));
#elif defined(CN_AVX2)
    const __m256i rounder = _mm256_set1_epi32(CN_ROUNDER_BITS), order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i a = _mm256_sub_epi32((__m256i)v[0], rounder), b = _mm256_sub_epi32((__m256i)v[1], rounder);
    __m256i c = _mm256_sub_epi32((__m256i)v[2], rounder), d = _mm256_sub_epi32((__m256i)v[3], rounder);
    a = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
    _mm256_storeu_si256((void *)q, _mm256_permutevar8x32_epi32(a, order));
#elif defined(__SSE2__)
    const __m128i rounder = _mm_set1_epi32(CN_ROUNDER_BITS);
    __m128i a = _mm_sub_epi32((__m128i)v[0], rounder), b = _mm_sub_epi32((__m128i)v[1], rounder);
    __m128i c = _mm_sub_epi32((__m128i)v[2], rounder), d = _mm_sub_epi32((__m128i)v[3], rounder);
    _mm_storeu_si128((void *)q, _mm_packs_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d)));
#else
    for (int i = 0; i < 4; i++) {
        vi8quarter bytes = __builtin_convertvector((vi32)v[i] - CN_ROUNDER_BITS, vi8quarter);
        memcpy(q + i * CN_WF, &bytes, sizeof bytes);
    }
#endif
}

/* Stores y * low, rounded, of four vectors; 0 unless y * high is rounded to the same, for low < high. Then what
 * is stored may be wrong, as where a product is NaN or beyond 2^15. */
CN_INLINE int cn_store_certain_i8(int8_t *q, const vf32 *y, float low, float high)
{
#if defined(CN_AVX512)
    __m512i a[4], b[4];
    CN_FOR(i, 4) {
        a[i] = _mm512_cvtps_epi32((__m512)(y[i] * low)), b[i] = _mm512_cvtps_epi32((__m512)(y[i] * -high));
        _mm_storeu_si128((void *)(q + 16 * i), _mm512_cvtsepi32_epi8(a[i]));
    }
    __m512i first = _mm512_adds_epi16(_mm512_packs_epi32(a[0], a[1]), _mm512_packs_epi32(b[0], b[1]));
    __m512i second = _mm512_adds_epi16(_mm512_packs_epi32(a[2], a[3]), _mm512_packs_epi32(b[2], b[3]));
    first = _mm512_or_si512(first, second);
    return _mm512_test_epi16_mask(first, first) == 0;
#elif defined(CN_AVX2)
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i a[4], b[4];
    CN_FOR(i, 4)
        a[i] = _mm256_cvtps_epi32((__m256)(y[i] * low)), b[i] = _mm256_cvtps_epi32((__m256)(y[i] * -high));
    a[0] = _mm256_packs_epi32(a[0], a[1]), a[2] = _mm256_packs_epi32(a[2], a[3]);
    b[0] = _mm256_adds_epi16(a[0], _mm256_packs_epi32(b[0], b[1])); /* -2^15 - 2^15 is not 0 */
    b[2] = _mm256_adds_epi16(a[2], _mm256_packs_epi32(b[2], b[3]));
    _mm256_storeu_si256((void *)q, _mm256_permutevar8x32_epi32(_mm256_packs_epi16(a[0], a[2]), order));
    b[0] = _mm256_or_si256(b[0], b[2]);
    return _mm256_testz_si256(b[0], b[0]);
#elif defined(__SSE2__)
    __m128i a[4], b[4];
    CN_FOR(i, 4) a[i] = _mm_cvtps_epi32((__m128)(y[i] * low)), b[i] = _mm_cvtps_epi32((__m128)(y[i] * -high));
    a[0] = _mm_packs_epi32(a[0], a[1]), a[2] = _mm_packs_epi32(a[2], a[3]);
    b[0] = _mm_adds_epi16(a[0], _mm_packs_epi32(b[0], b[1]));
    b[2] = _mm_adds_epi16(a[2], _mm_packs_epi32(b[2], b[3]));
    _mm_storeu_si128((void *)q, _mm_packs_epi16(a[0], a[2]));
    b[0] = _mm_cmpeq_epi16(_mm_or_si128(b[0], b[2]), _mm_setzero_si128());
    return _mm_movemask_epi8(b[0]) == 0xffff;
#else
    (void)q, (void)y, (void)low, (void)high;
    return 0;
#endif
}
