// The numbers of groups as floats. Included once per instruction set with NAME, TARGET, WITH_F16C and WITH_VNNI.

/// The numbers of 16 outputs of a panel, from n on, and of group g of `groups`. The format is given apart from them, so that a
/// loop can know it when it is compiled.
TARGET INLINE v16 NAME(values)(
    const ptk_group_format format, const ptk_group_values *v, int64_t index, int64_t groups, int64_t g, int n) {
    const int64_t at = (index * groups + g) * panel + n, outers = (groups + outer - 1) / outer;
    if (format == ptk_groups_float) return LOAD((const float *)v->values + at);
    const bool nested = format == ptk_groups_nested;
    const uint16_t *halves =
        nested ? v->outer + (index * outers + g / outer) * panel + n : (const uint16_t *)v->values + at;
    v16 result;
#if WITH_VNNI
    result = (v16)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)halves));
#elif WITH_F16C
    const __m256 low = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)halves));
    const __m256 high = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(halves + 8)));
    result = __builtin_shufflevector((v8)low, (v8)high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#else
    for (int j = 0; j < 16; j++) result[j] = float_of_half(halves[j]);
#endif
    if (!nested) return result;
    const uint8_t *bytes = (const uint8_t *)v->values + at;
    v16 codes;
    for (int j = 0; j < 16; j++) codes[j] = (float)bytes[j];
    return result * codes;
}

/// The numbers of a panel's 64 outputs and of `count` groups from g on, of `groups` in all: to [count × 64]. Asks for the next
/// ones.
TARGET INLINE void NAME(expand)(
    const ptk_group_values *v, int64_t index, int64_t groups, int64_t g, int64_t count, float *to) {
#define EXPAND(format, size)                                                                                           \
    case format: {                                                                                                     \
        const char *next = (const char *)v->values + ((index * groups + g + count) * panel) * size;                    \
        for (int64_t k = 0; k < count; k++, to += panel, next += panel * size) {                                       \
            for (int64_t i = 0; i < panel * size; i += 64) __builtin_prefetch(next + i);                               \
            UNROLL for (int n = 0; n < panel; n += 16)                                                                 \
                STORE(to + n, NAME(values)(format, v, index, groups, g + k, n));                                       \
        }                                                                                                              \
        break;                                                                                                         \
    }
    switch (v->format) {
        EXPAND(ptk_groups_float, 4)
        EXPAND(ptk_groups_half, 2)
        EXPAND(ptk_groups_nested, 1)
    case ptk_groups_none: break;
    }
#undef EXPAND
}
