// The numbers of groups as floats. Included once per instruction set with NAME, TARGET, WITH_F16C and WITH_VNNI.

/// The numbers of a panel's 64 outputs and of `count` groups from g on, of `groups` in all: to [count × 64]. Asks for the next
/// ones.
TARGET INLINE void NAME(expand)(
    const ptk_group_values *v, int64_t index, int64_t groups, int64_t g, int64_t count, float *to) {
    const int64_t at = (index * groups + g) * panel, outers = (groups + outer - 1) / outer;
    if (v->format == ptk_groups_float) {
        const float *from = (const float *)v->values + at;
        for (int64_t n = 0; n < count * panel; n += 16) STORE(to + n, LOAD(from + n));
        for (int64_t n = 0; n < count * panel; n += 16) __builtin_prefetch(from + count * panel + n);
        return;
    }
    const bool nested = v->format == ptk_groups_nested;
    for (int64_t k = 0; k < count; k++, to += panel) {
        const uint8_t *bytes = (const uint8_t *)v->values + at + k * panel;
        const uint16_t *halves = nested ? v->outer + (index * outers + (g + k) / outer) * panel
                                        : (const uint16_t *)v->values + at + k * panel;
        for (int64_t n = 0; n < panel; n += 32) __builtin_prefetch(halves + (nested ? 1 : count) * panel + n);
        if (nested) __builtin_prefetch(bytes + count * panel);
        // Stored in pieces of the size that is loaded next: others would have to reach the cache first.
#if WITH_VNNI
        for (int n = 0; n < panel; n += 16)
            STORE(to + n, (v16)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(halves + n))));
#elif WITH_F16C
        for (int n = 0; n < panel; n += 8)
            _mm256_storeu_ps(to + n, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(halves + n))));
#else
        for (int n = 0; n < panel; n++) to[n] = float_of_half(halves[n]);
#endif
        if (nested)
            for (int n = 0; n < panel; n += 16) {
                v16 codes;
                for (int j = 0; j < 16; j++) codes[j] = (float)bytes[n + j];
                STORE(to + n, LOAD(to + n) * codes);
            }
    }
}
