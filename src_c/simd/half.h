/* half.h: 16-bit floats to float and back, to nearest, ties to even; part of vec.h. */

CN_INLINE vf32 cn_load_bf16_as_f32(const cn_bf16 *p)
{
#if defined(CN_AVX512) /* GCC 12 widens in halves */
    return (vf32)((vu32)_mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)p)) << 16);
#elif defined(CN_AVX2)
    return (vf32)((vu32)_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)p)) << 16);
#else
    vu16 v;
    memcpy(&v, p, sizeof v);
    return (vf32)(__builtin_convertvector(v, vu32) << 16);
#endif
}

CN_INLINE vf64 cn_load_bf16_as_f64(const cn_bf16 *p)
{
    vu16half v;
    memcpy(&v, p, sizeof v);
    return cn_wide_f32((vf32half)(__builtin_convertvector(v, vu32half) << 16));
}

CN_INLINE vf32 cn_load_f16_as_f32(const cn_f16 *p)
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

#if defined(CN_AVX512)
/* To nearest, ties to even, in the upper half of each lane. A NaN is cut off: as a result of arithmetic its quiet bit is
 * set. */
CN_INLINE __m512i cn_round_to_bf16(vf32 v)
{
    const __m512i bits = (__m512i)v, last = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i up = _mm512_add_epi32(last, _mm512_set1_epi32(0x7fff));
    const __mmask16 number = _mm512_cmp_ps_mask((__m512)v, (__m512)v, _CMP_ORD_Q);
    return _mm512_mask_add_epi32(bits, number, bits, up);
}

/* May the instructions of AVX512-BF16 do it? They take subnormals as zero. They stand in assembler: files compiled for them
 * would hold another copy of every kernel. */
CN_INLINE int cn_rounds(vf32 v) { return cn_rounds_to_bf16 && !_mm512_fpclass_ps_mask((__m512)v, 0x20); }

static const uint16_t cn_odd16[32] = {1,  3,  5,  7,  9,  11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
                                      33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63};

CN_INLINE void cn_store_bf16_from_f32(cn_bf16 *p, vf32 v)
{
    __m256i half;
    if (cn_rounds(v))
        __asm__("vcvtneps2bf16 %1, %0" : "=v"(half) : "v"(v));
    else
        half = _mm512_cvtepi32_epi16(_mm512_srli_epi32(cn_round_to_bf16(v), 16));
    _mm256_storeu_si256((void *)p, half);
}

/* Two vectors by one store (bfloat16 in L2: 8 to 12 % of a norm, Zen 5). */
CN_INLINE void cn_store_bf16_from_f32_pair(cn_bf16 *p, vf32 a, vf32 b)
{
    __m512i both;
    if (cn_rounds(a) && cn_rounds(b))
        __asm__("vcvtne2ps2bf16 %1, %2, %0" : "=v"(both) : "v"(a), "v"(b));
    else {
        const __m512i odd = _mm512_loadu_si512(cn_odd16);
        both = _mm512_permutex2var_epi16(cn_round_to_bf16(a), odd, cn_round_to_bf16(b));
    }
    _mm512_storeu_si512((void *)p, both);
}

#define CN_PAIRS_bf16 1 /* float16 gains nothing by it */
#else
CN_INLINE void cn_store_bf16_from_f32(cn_bf16 *p, vf32 v)
{
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
#endif

CN_INLINE void cn_store_f16_from_f32(cn_f16 *p, vf32 v)
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
