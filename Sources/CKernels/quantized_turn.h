// Blocks of W, turned for the way back. Included once per instruction set with NAME, TARGET and WITH_AVX2.
//
// W lies as [output][4 inputs] within a step; the way back wants [input][4 outputs]. Four outputs' steps are 16 bytes: a 4 × 4
// exchange of bytes. 4-bit integers become 8-bit ones there, t = q · (scale of the group / scale of the output), rounded
// from a fixed-point product, (16 q) · (2048 ratio) / 2^15, the same by all kernels: the ratio is 127/8 at most.

#if WITH_AVX2
/// Bytes [4 outputs][4] of each half as [4][4 outputs].
TARGET INLINE __m256i NAME(exchanged)(__m256i bytes) {
    const __m128i order = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm256_shuffle_epi8(bytes, _mm256_broadcastsi128_si256(order));
}

/// 2048 ratio for four outputs, four times. Where an output's scale is 0, q is 0 and the ratio, no number, does not matter.
TARGET INLINE __m256i NAME(ratios)(const float *scales, const uint16_t *group_scales) {
    const __m128 ratio = _mm_div_ps(
        _mm_cvtph_ps(_mm_loadl_epi64((const __m128i *)group_scales)), _mm_loadu_ps(scales));
    const __m128i rounded = _mm_cvtps_epi32(_mm_mul_ps(ratio, _mm_set1_ps(2048)));
    return _mm256_broadcastq_epi64(_mm_packs_epi32(rounded, rounded));
}

/// Words q · ratio, of words 16 (q + 8).
TARGET INLINE __m256i NAME(scaled)(__m256i shifted, __m256i ratios) {
    return _mm256_mulhrs_epi16(_mm256_sub_epi16(shifted, _mm256_set1_epi16(128)), ratios);
}
#else
INLINE int NAME(ratio)(float scale, uint16_t group_scale) {
    const float ratio = scale > 0 ? float_of_half(group_scale) / scale * 2048.0f : 0;
    return (int)((ratio + 12582912.0f) - 12582912.0f);
}
#endif

/// Inputs 0..<inputs of four outputs at 8 bits.
TARGET INLINE void NAME(turn8)(const uint8_t *from, int64_t inputs, uint8_t *to) {
#if WITH_AVX2
    for (int64_t s = 0; s < inputs / 4; s += 2) {
        const __m128i first = _mm_loadu_si128((const __m128i *)(from + 256 * s));
        const __m128i second = _mm_loadu_si128((const __m128i *)(from + 256 * s + 256));
        const __m256i bytes = _mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1);
        _mm256_storeu_si256((__m256i *)(to + 16 * s), NAME(exchanged)(bytes));
    }
#else
    for (int64_t s = 0; s < inputs / 4; s++)
        for (int i = 0; i < 4; i++)
            for (int n = 0; n < 4; n++) to[16 * s + 4 * i + n] = from[256 * s + 4 * n + i];
#endif
}

/// A group of inputs of four outputs at 4 bits.
TARGET INLINE void NAME(turn4)(
    const uint8_t *from, const float *scales, const uint16_t *group_scales, uint8_t *to) {
#if WITH_AVX2
    const __m256i ratios = NAME(ratios)(scales, group_scales), zero = _mm256_setzero_si256();
    for (int s = 0; s < group / 8; s++) {
        // Both halves of each byte, 16 times as large: inputs 0 to 3 below, 4 to 7 above.
        const __m128i both = _mm_loadu_si128((const __m128i *)(from + 256 * s));
        const __m256i halves = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_slli_epi16(both, 4)), both, 1);
        const __m256i q = NAME(exchanged)(_mm256_and_si256(halves, _mm256_set1_epi8((char)0xf0)));
        const __m256i t = _mm256_packs_epi16(
            NAME(scaled)(_mm256_unpacklo_epi8(q, zero), ratios), NAME(scaled)(_mm256_unpackhi_epi8(q, zero), ratios));
        _mm256_storeu_si256((__m256i *)(to + 32 * s), _mm256_xor_si256(t, _mm256_set1_epi8((char)0x80)));
    }
#else
    for (int n = 0; n < 4; n++) {
        const int ratio = NAME(ratio)(scales[n], group_scales[n]);
        for (int i = 0; i < group; i++) {
            const int q = (from[i / 8 * 256 + 4 * n + i % 4] >> (i % 8 < 4 ? 0 : 4) & 15) - 8;
            to[4 * i + n] = (uint8_t)(((16 * q * ratio + 16384) >> 15) + 128);
        }
    }
#endif
}

/// The weights of inputs i..<i + 64 and outputs n..<n + count, a multiple of 32, as bytes t + 128 [count / 4][64][4]. Both i
/// and n are multiples of 64. What fills up is 0.
TARGET static void NAME(turn)(const ptk_quantized *m, int64_t i, int64_t n, int64_t count, uint8_t *to) {
    const int64_t inputs = least(panel, filled(m->inputs) - i);
    if (inputs < panel || n + count > m->outputs) memset(to, 128, (size_t)(count * panel));
    for (int64_t o = n; o < least(n + count, m->outputs); o += 4, to += 4 * panel) {
        if (m->bits == 4)
            for (int64_t k = 0; k < inputs; k += group)
                NAME(turn4)(place(m, o, i + k), m->scales + o, group_scales(m, o, (i + k) / group), to + 4 * k);
        else if (inputs == panel) NAME(turn8)(place(m, o, i), panel, to);  // A known count is unrolled.
        else NAME(turn8)(place(m, o, i), group, to);
    }
}
