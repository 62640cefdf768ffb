// Blocks of W, turned for the way back. Included once per instruction set with NAME, TARGET and WITH_AVX2.
//
// W lies as [output][4 inputs] within a step; the way back wants [input][4 outputs]. Four outputs' steps are 16 bytes: a 4 × 4
// exchange of bytes. Integers in groups become 8-bit ones with one scale per output there, t = (q · scale + offset) / (scale
// of the output), rounded from fixed-point sums, the same by all kernels: of 4 bits (q · R + O) / 2^7 with R = 2^7 ratio; of
// 8 bits ((q · R / 2^7) + O) / 2^3 with R = 2^10 ratio. The scale of the output is such that all of them fit in 16 bits.

#if WITH_AVX2
/// Bytes [4 outputs][4] of each half as [4][4 outputs].
TARGET INLINE __m256i NAME(exchanged)(__m256i bytes) {
    const __m128i order = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm256_shuffle_epi8(bytes, _mm256_broadcastsi128_si256(order));
}

/// Four words, four times.
TARGET INLINE __m256i NAME(words)(const int16_t *four) {
    return _mm256_broadcastq_epi64(_mm_loadl_epi64((const __m128i *)four));
}
#endif

/// R and O of 64 outputs.
struct NAME(factors) {
    int16_t ratios[panel], offsets[panel];
};

TARGET INLINE int16_t NAME(nearest)(float x) {
    _Pragma("clang fp contract(off)");
    const float shifted = x + 12582912.0f;  // Adding 1.5 * 2^23 rounds to the nearest integer.
    int32_t bits;
    memcpy(&bits, &shifted, 4);
    return (int16_t)(bits - 0x4b400000);
}

/// The factors of one group. `inverse` holds 1 / the scales of the outputs.
TARGET INLINE void NAME(find_factors)(
    const ptk_quantized *m, int64_t index, int64_t groups, int64_t g, const float *inverse, struct NAME(factors) *f) {
    _Pragma("clang fp contract(off)");
    float scales[panel], offsets[panel];
    const bool four = m->bits == 4;
    const float unit = four ? 128 : 1024, offset_unit = four ? 128 : 8;
    const int16_t half = four ? 64 : 4;
    NAME(expand)(&m->scales, index, groups, g, 1, scales);
    for (int n = 0; n < panel; n++) f->ratios[n] = NAME(nearest)(scales[n] * inverse[n] * unit);
    if (m->offsets.format == ptk_groups_none) {
        for (int n = 0; n < panel; n++) f->offsets[n] = four ? (int16_t)(half - 8 * f->ratios[n]) : half;
        return;
    }
    NAME(expand)(&m->offsets, index, groups, g, 1, offsets);
    for (int n = 0; n < panel; n++)
        f->offsets[n] = (int16_t)(NAME(nearest)(offsets[n] * inverse[n] * offset_unit) + half);
}

/// Inputs 0..<inputs of four outputs at 8 bits, unchanged.
TARGET INLINE void NAME(turn_plain)(const uint8_t *from, int64_t inputs, uint8_t *to) {
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

/// 32 inputs of four outputs at 8 bits.
TARGET INLINE void NAME(turn8)(const uint8_t *from, const int16_t *ratios, const int16_t *offsets, uint8_t *to) {
#if WITH_AVX2
    const __m256i r = NAME(words)(ratios), o = NAME(words)(offsets), zero = _mm256_setzero_si256();
    const __m256i flip = _mm256_set1_epi8((char)0x80);
    for (int s = 0; s < group / 4; s += 2) {
        const __m128i first = _mm_loadu_si128((const __m128i *)(from + 256 * s));
        const __m128i second = _mm_loadu_si128((const __m128i *)(from + 256 * s + 256));
        const __m256i bytes = _mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1);
        const __m256i q = _mm256_xor_si256(NAME(exchanged)(bytes), flip);
        const __m256i low = _mm256_add_epi16(_mm256_mulhrs_epi16(_mm256_unpacklo_epi8(zero, q), r), o);
        const __m256i high = _mm256_add_epi16(_mm256_mulhrs_epi16(_mm256_unpackhi_epi8(zero, q), r), o);
        const __m256i t = _mm256_packs_epi16(_mm256_srai_epi16(low, 3), _mm256_srai_epi16(high, 3));
        _mm256_storeu_si256((__m256i *)(to + 16 * s), _mm256_xor_si256(t, flip));
    }
#else
    for (int n = 0; n < 4; n++)
        for (int i = 0; i < group; i++) {
            const int q = from[i / 4 * 256 + 4 * n + i % 4] - 128;
            const int t = (((256 * q * ratios[n] + 16384) >> 15) + offsets[n]) >> 3;
            to[4 * i + n] = (uint8_t)((t < -128 ? -128 : t > 127 ? 127 : t) + 128);
        }
#endif
}

/// 32 inputs of four outputs at 4 bits.
TARGET INLINE void NAME(turn4)(const uint8_t *from, const int16_t *ratios, const int16_t *offsets, uint8_t *to) {
#if WITH_AVX2
    const __m256i r = NAME(words)(ratios), o = NAME(words)(offsets), zero = _mm256_setzero_si256();
    for (int s = 0; s < group / 8; s++) {
        // Both halves of each byte: inputs 0 to 3 below, 4 to 7 above.
        const __m128i both = _mm_loadu_si128((const __m128i *)(from + 256 * s));
        const __m256i halves = _mm256_inserti128_si256(_mm256_castsi128_si256(both), _mm_srli_epi16(both, 4), 1);
        const __m256i q = NAME(exchanged)(_mm256_and_si256(halves, _mm256_set1_epi8(15)));
        const __m256i low = _mm256_add_epi16(_mm256_mullo_epi16(_mm256_unpacklo_epi8(q, zero), r), o);
        const __m256i high = _mm256_add_epi16(_mm256_mullo_epi16(_mm256_unpackhi_epi8(q, zero), r), o);
        const __m256i t = _mm256_packs_epi16(_mm256_srai_epi16(low, 7), _mm256_srai_epi16(high, 7));
        _mm256_storeu_si256((__m256i *)(to + 32 * s), _mm256_xor_si256(t, _mm256_set1_epi8((char)0x80)));
    }
#else
    for (int n = 0; n < 4; n++)
        for (int i = 0; i < group; i++) {
            const int q = from[i / 8 * 256 + 4 * n + i % 4] >> (i % 8 < 4 ? 0 : 4) & 15;
            const int t = (int16_t)(q * ratios[n] + offsets[n]) >> 7;
            to[4 * i + n] = (uint8_t)((t < -128 ? -128 : t > 127 ? 127 : t) + 128);
        }
#endif
}

/// The weights of inputs i..<i + 64 and outputs n..<n + count, a multiple of 32, as bytes t + 128 [count / 4][64][4]. Both i
/// and n are multiples of 64. What fills up is 0.
TARGET static void NAME(turn)(const ptk_quantized *m, int64_t i, int64_t n, int64_t count, uint8_t *to) {
    const int64_t inputs = least(panel, filled(m->inputs) - i), end = least(n + count, m->outputs);
    if (inputs < panel || n + count > m->outputs) memset(to, 128, (size_t)(count * panel));
    if (is_plain(m)) {
        for (int64_t o = n; o < end; o += 4, to += 4 * panel) {
            // A known count is unrolled.
            if (inputs == panel) NAME(turn_plain)(place(m, o, i), panel, to);
            else NAME(turn_plain)(place(m, o, i), group, to);
        }
        return;
    }
    const int64_t groups = groups_of(m->inputs, m->group);
    for (int64_t p = n; p < end; p += panel, to += panel * panel) {
        float inverse[panel];
        for (int64_t o = 0; o < panel; o++) {
            const float scale = p + o < m->outputs ? m->back_scales[p + o] : 0;
            inverse[o] = scale > 0 ? 1.0f / scale : 0;
        }
        for (int64_t k = 0; k < inputs; k += group) {
            struct NAME(factors) f;
            NAME(find_factors)(m, p / panel, groups, group_at(m, i + k), inverse, &f);
            uint8_t *at = to + 4 * k;
            for (int64_t o = 0; o < least(panel, end - p); o += 4, at += 4 * panel) {
                if (m->bits == 4) NAME(turn4)(place(m, p + o, i + k), f.ratios + o, f.offsets + o, at);
                else NAME(turn8)(place(m, p + o, i + k), f.ratios + o, f.offsets + o, at);
            }
        }
    }
}
