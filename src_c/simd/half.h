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
    return __builtin_convertvector((vf32half)(__builtin_convertvector(v, vu32half) << 16), vf64);
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

CN_INLINE void cn_store_bf16_from_f32(cn_bf16 *p, vf32 v)
{
    /* To nearest, ties to even. A NaN is cut off: as a result of arithmetic its quiet bit is set. */
#if defined(CN_AVX512)
    const __m512i bits = (__m512i)v, last = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i up = _mm512_add_epi32(last, _mm512_set1_epi32(0x7fff));
    const __mmask16 number = _mm512_cmp_ps_mask((__m512)v, (__m512)v, _CMP_ORD_Q);
    const __m512i rounded = _mm512_mask_add_epi32(bits, number, bits, up);
    _mm256_storeu_si256((void *)p, _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16)));
#else
    vu32 u = (vu32)v, up = (((u >> 16) & 1u) + 0x7fffu) & (vu32)(v == v);
    u = (u + up) >> 16;
#if defined(CN_AVX2)
    __m256i a = (__m256i)u;
    _mm_storeu_si128((void *)p, _mm_packus_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1)));
#else
    vu16 h = __builtin_convertvector(u, vu16);
    memcpy(p, &h, sizeof h);
#endif
#endif
}

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
