/* past.h: stores past the cache; part of vec.h. */

/* Stores that bypass the cache, 16 bytes aligned to 16; a fence makes them visible. */
#if defined(__SSE2__)
CN_INLINE void cn_nontemporal_bytes(void *p, const void *v, int bytes)
{
    __m128i quarter;
    CN_UNROLL
    for (int i = 0; i < bytes; i += 16) {
        memcpy(&quarter, (const char *)v + i, sizeof quarter);
        _mm_stream_si128((__m128i *)(void *)((char *)p + i), quarter);
    }
}
#else
CN_INLINE void cn_nontemporal_bytes(void *p, const void *v, int bytes) { memcpy(p, v, (size_t)bytes); }
#endif

/* A line of the cache, by as few stores as there are: with four, arithmetic between them waits (patches of 1024x1024 uint8:
 * 527 us and 405, Zen 5). */
CN_INLINE void cn_nontemporal_line(char *p, const char *v)
{
#if defined(CN_AVX512)
    _mm512_stream_si512((__m512i *)(void *)p, _mm512_loadu_si512(v));
#elif defined(CN_AVX2)
    _mm256_stream_si256((__m256i *)(void *)p, _mm256_loadu_si256((const __m256i *)(const void *)v));
    _mm256_stream_si256((__m256i *)(void *)(p + 32), _mm256_loadu_si256((const __m256i *)(const void *)(v + 32)));
#else
    cn_nontemporal_bytes(p, v, 64);
#endif
}

/* Multiples of 16 bytes, aligned to 16. */
CN_INLINE void cn_copy_past(char *y, const char *x, ptrdiff_t bytes)
{
    ptrdiff_t i = 0;
    for (; i < bytes && (uintptr_t)(y + i) % 64; i += 16) cn_nontemporal_bytes(y + i, x + i, 16);
    for (; i + 64 <= bytes; i += 64) cn_nontemporal_line(y + i, x + i);
    for (; i < bytes; i += 16) cn_nontemporal_bytes(y + i, x + i, 16);
}

#define CN_NONTEMPORAL(name, T, V, W)                                                                             \
    CN_INLINE void name##_nt(T *p, V v)                                                                           \
    {                                                                                                             \
        T a[W];                                                                                                   \
        name(a, v);                                                                                               \
        if (sizeof a >= 16)                                                                                       \
            cn_nontemporal_bytes(p, a, sizeof a);                                                                 \
        else                                                                                                      \
            memcpy(p, a, sizeof a);                                                                               \
    }                                                                                                             \
    CN_INLINE void name##_nt_part(T *p, V v, ptrdiff_t k) /* k elements in multiples of 16 bytes */               \
    {                                                                                                             \
        T a[W];                                                                                                   \
        name(a, v);                                                                                               \
        if (sizeof a > 16) cn_nontemporal_bytes(p, a, (int)k * (int)sizeof(T));                                   \
    }
CN_NONTEMPORAL(cn_store_f32_from_f32, float, vf32, CN_WF)
CN_NONTEMPORAL(cn_store_f64_from_f64, double, vf64, CN_WD)
CN_NONTEMPORAL(cn_store_f16_from_f32, cn_f16, vf32, CN_WF)
CN_NONTEMPORAL(cn_store_bf16_from_f32, cn_bf16, vf32, CN_WF)
