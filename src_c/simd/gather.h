/* gather.h: elements of pictures to float lanes: integers, and every second, third or fourth; part of vec.h. */

/* A load of every `step`-th element may read the memory of so many elements behind its last. */
#define CN_BEYOND 5

#if !defined(CN_AVX2)
typedef uint8_t vu8quarter __attribute__((vector_size(CN_VB / 4)));
#endif

CN_INLINE vf32 cn_load_u8_as_f32(const cn_u8 *p)
{
#if defined(CN_AVX512)
    return __builtin_convertvector((vi32)_mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)p)), vf32);
#elif defined(CN_AVX2) /* GCC 12 widens in halves */
    return __builtin_convertvector((vi32)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)p)), vf32);
#else
    vu8quarter v;
    memcpy(&v, p, sizeof v);
    return __builtin_convertvector(__builtin_convertvector(v, vi32), vf32);
#endif
}

CN_INLINE vf32 cn_load_u16_as_f32(const cn_u16 *p)
{
#if defined(CN_AVX2)
    return __builtin_convertvector((vi32)_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)p)), vf32);
#else
    vu16 v;
    memcpy(&v, p, sizeof v);
    return __builtin_convertvector(__builtin_convertvector(v, vi32), vf32);
#endif
}

/* CN_WD elements as doubles. */
#define CN_WIDEN(element)                                                                                         \
    CN_INLINE vf64 cn_load_##element##_as_f64(const cn_##element *p)                                              \
    {                                                                                                             \
        cn_##element a[CN_WF] = {0};                                                                              \
        vf32half low;                                                                                             \
        memcpy(a, p, CN_WD * sizeof *a);                                                                          \
        vf32 v = cn_load_##element##_as_f32(a);                                                                   \
        memcpy(&low, &v, sizeof low);                                                                             \
        return cn_wide_f32(low);                                                                                  \
    }
CN_WIDEN(u8)
CN_WIDEN(u16)
CN_WIDEN(f16)

#if defined(CN_AVX512)
CN_INLINE __m512i cn_load_lanes(const void *memory, int apart)
{
    const char *p = memory;
    __m512i v = _mm512_castsi128_si512(_mm_loadu_si128((const void *)p));
    v = _mm512_inserti32x4(v, _mm_loadu_si128((const void *)(p + apart)), 1);
    v = _mm512_inserti32x4(v, _mm_loadu_si128((const void *)(p + 2 * apart)), 2);
    return _mm512_inserti32x4(v, _mm_loadu_si128((const void *)(p + 3 * apart)), 3);
}
#define CN_SHUFFLE_BYTES _mm512_shuffle_epi8
#elif defined(CN_AVX2)
/* 16 bytes for each lane, `apart` bytes from one to the next. */
CN_INLINE __m256i cn_load_lanes(const void *memory, int apart)
{
    const char *p = memory;
    __m256i v = _mm256_castsi128_si256(_mm_loadu_si128((const void *)p));
    return _mm256_inserti128_si256(v, _mm_loadu_si128((const void *)(p + apart)), 1);
}
#define CN_SHUFFLE_BYTES _mm256_shuffle_epi8
#endif

#if defined(CN_SHUFFLE_BYTES)
#define CN_Z 0x80, 0x80, 0x80 /* zeros above a byte */
static const uint8_t cn_every[3][16] = {
    {0, CN_Z, 2, CN_Z, 4, CN_Z, 6, CN_Z},
    {0, CN_Z, 3, CN_Z, 6, CN_Z, 9, CN_Z},
    {0, CN_Z, 4, CN_Z, 8, CN_Z, 12, CN_Z},
};
/* Two shorts of six, into the lower and the upper half of a lane. */
static const uint8_t cn_third[2][16] = {
    {0, 1, 0x80, 0x80, 6, 7, 0x80, 0x80, CN_Z, CN_Z, 0x80, 0x80},
    {CN_Z, CN_Z, 0x80, 0x80, 0, 1, 0x80, 0x80, 6, 7, 0x80, 0x80},
};

/* step is 2, 3 or 4. */
CN_INLINE vf32 cn_load_every_u8(const uint8_t *p, const int step)
{
    vi32 v = (vi32)CN_SHUFFLE_BYTES(cn_load_lanes(p, 4 * step), cn_load_lanes(cn_every[step - 2], 0));
    return __builtin_convertvector(v, vf32);
}

CN_INLINE vf32 cn_load_third_u16(const uint16_t *p)
{
    vi32 low = (vi32)CN_SHUFFLE_BYTES(cn_load_lanes(p, 24), cn_load_lanes(cn_third[0], 0));
    vi32 high = (vi32)CN_SHUFFLE_BYTES(cn_load_lanes(p + 6, 24), cn_load_lanes(cn_third[1], 0));
    return __builtin_convertvector(low | high, vf32);
}

CN_INLINE vf32 cn_load_third_f32(const float *p)
{
#if defined(CN_AVX512)
    __m512 a = (__m512)cn_load_lanes(p, 48), b = (__m512)cn_load_lanes(p + 4, 48);
    __m512 c = (__m512)cn_load_lanes(p + 8, 48);
    a = _mm512_mask_blend_ps(0x4444, _mm512_mask_blend_ps(0x2222, a, c), b); /* a0 c1 b2 a3 */
    return (vf32)_mm512_permute_ps(a, 0x6c);
#else
    __m256 a = (__m256)cn_load_lanes(p, 48), b = (__m256)cn_load_lanes(p + 4, 48);
    __m256 c = (__m256)cn_load_lanes(p + 8, 48);
    a = _mm256_blend_ps(_mm256_blend_ps(a, c, 0x22), b, 0x44); /* a0 c1 b2 a3 */
    return (vf32)_mm256_permute_ps(a, 0x6c);
#endif
}
#endif

/* Loads of every k-th element of an array: those that gain by one, CN_KNOWN(k), and what they are. */
#if defined(CN_SHUFFLE_BYTES)
#define CN_KNOWN_u8(k) 1
#define CN_KNOWN_u16(k) ((k) == 3)
#define CN_KNOWN_f32(k) ((k) == 3)
#else
#define CN_KNOWN_u8(k) 0
#define CN_KNOWN_u16(k) 0
#define CN_KNOWN_f32(k) 0
#define cn_load_every_u8(p, k) cn_load_u8_as_f32(p)
#define cn_load_third_u16 cn_load_u16_as_f32
#define cn_load_third_f32 cn_load_f32_as_f32
#endif
#define CN_KNOWN_f64(k) 0
#define CN_KNOWN_f16(k) 0
#define CN_KNOWN_bf16(k) 0
#define cn_load_every_u16(p, k) cn_load_third_u16(p)
#define cn_load_every_f32(p, k) cn_load_third_f32(p)
#define cn_load_every_f16(p, k) cn_load_f16_as_f32(p)
#define cn_load_every_bf16(p, k) cn_load_bf16_as_f32(p)
