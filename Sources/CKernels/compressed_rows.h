/// The loops over compressed rows, compiled once per instruction set: the includer defines TARGET, NAME and WITH_AVX2.

typedef uint8_t NAME(bytes16) __attribute__((ext_vector_type(16), aligned(1)));
typedef int8_t NAME(signed16) __attribute__((ext_vector_type(16), aligned(1)));
typedef uint16_t NAME(halves16) __attribute__((ext_vector_type(16), aligned(1)));
typedef uint32_t NAME(words16) __attribute__((ext_vector_type(16), aligned(4)));

/// 32 values at `p`.
TARGET INLINE void NAME(widen_float16)(const uint8_t *p, float *out) {
#if WITH_AVX2
    for (int i = 0; i < 32; i += 8)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 2 * i))));
#else
    for (int i = 0; i < 32; i++) out[i] = float_of_half((uint32_t)p[2 * i] | (uint32_t)p[2 * i + 1] << 8);
#endif
}

TARGET INLINE void NAME(widen_bfloat16)(const uint8_t *p, float *out) {
    for (int i = 0; i < 32; i += 16) {
        NAME(words16) wide = __builtin_convertvector(*(const NAME(halves16) *)(p + 2 * i), NAME(words16)) << 16;
        memcpy(out + i, &wide, sizeof wide);
    }
}

TARGET INLINE void NAME(widen_int8)(const uint8_t *p, float scale, float *out) {
    for (int i = 0; i < 32; i += 16)
        STORE(out + i, __builtin_convertvector(*(const NAME(signed16) *)(p + i), v16) * scale);
}

TARGET INLINE void NAME(widen_codes4)(const uint8_t *p, const float *codes, float *out) {
#if WITH_AVX2
    const __m256 below = _mm256_loadu_ps(codes), above = _mm256_loadu_ps(codes + 8);
    for (int i = 0; i < 16; i += 8) {
        // A permutation looks at the lowest three bits of an index, a blend at the sign: bit 3 or 7, moved there.
        __m256i low = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(p + i))), high = _mm256_srli_epi32(low, 4);
        _mm256_storeu_ps(
            out + i,
            _mm256_blendv_ps(
                _mm256_permutevar8x32_ps(below, low), _mm256_permutevar8x32_ps(above, low),
                _mm256_castsi256_ps(_mm256_slli_epi32(low, 28))));
        _mm256_storeu_ps(
            out + 16 + i,
            _mm256_blendv_ps(
                _mm256_permutevar8x32_ps(below, high), _mm256_permutevar8x32_ps(above, high),
                _mm256_castsi256_ps(_mm256_slli_epi32(low, 24))));
    }
#else
    for (int i = 0; i < 16; i++) {
        out[i] = codes[p[i] & 15];
        out[16 + i] = codes[p[i] >> 4];
    }
#endif
}

TARGET INLINE void NAME(widen_groups4)(const uint8_t *p, float zero, float scale, float *out) {
    NAME(bytes16) pair = *(const NAME(bytes16) *)p;
    STORE(out, (__builtin_convertvector(pair & 15, v16) - zero) * scale);
    STORE(out + 16, (__builtin_convertvector(pair >> 4, v16) - zero) * scale);
}

/// 32 values of 4-bit codes; `at` is the place of the first in the flat array, whose blocks may begin anywhere in a row.
TARGET INLINE void NAME(widen_blocks4)(const ptk_compressed *m, const uint8_t *p, int64_t at, int64_t count, float *out) {
    NAME(widen_codes4)(p, m->codes, out);
    const int64_t first = at >> m->block_shift, last = (at + count - 1) >> m->block_shift;
    if (first == last) {
        const float scale = block_scale(m, first);
        for (int i = 0; i < 32; i += 16) STORE(out + i, LOAD(out + i) * scale);
    } else
        for (int64_t i = 0; i < count; i++) out[i] *= block_scale(m, (at + i) >> m->block_shift);
}

TARGET INLINE void NAME(chunk)(const ptk_compressed *m, int64_t row, int64_t column, int64_t count, float *out) {
    switch (m->format) {
    case ptk_float16: NAME(widen_float16)(m->weights + 2 * (row * m->inputs + column), out); break;
    case ptk_bfloat16: NAME(widen_bfloat16)(m->weights + 2 * (row * m->inputs + column), out); break;
    case ptk_int8: NAME(widen_int8)(m->weights + row * m->inputs + column, m->scales[row], out); break;
    case ptk_codes4:
        NAME(widen_blocks4)(
            m, m->weights + row * ptk_packed_stride(m->inputs) + column / 2, row * m->inputs + column, count, out);
        break;
    case ptk_groups4: {
        const int64_t place = row * ((m->inputs + m->group - 1) / m->group) + column / m->group;
        NAME(widen_groups4)(
            m->weights + row * ptk_packed_stride(m->inputs) + column / 2, m->zeros[place],
            float_of_half(m->group_scales[place]), out);
        break;
    }
    }
}

/// `count` values of a row from `column` on, which is a multiple of 32.
TARGET INLINE void NAME(span)(const ptk_compressed *m, int64_t row, int64_t column, int64_t count, float *out) {
    int64_t i = 0;
    for (; i + 32 <= count; i += 32) NAME(chunk)(m, row, column + i, 32, out + i);
    if (i < count) {
        float rest[32];
        NAME(chunk)(m, row, column + i, count - i, rest);
        memcpy(out + i, rest, (size_t)(count - i) * sizeof(float));
    }
    if (m->input_factors)
        for (int64_t j = 0; j < count; j++) out[j] *= m->input_factors[column + j];
}

TARGET static void NAME(widen)(const ptk_compressed *m, int64_t row, int64_t column, int64_t count, float *out) {
    // One loop per format: the choice is made outside of it.
    ptk_compressed one = *m;
    switch (m->format) {
    case ptk_float16: one.format = ptk_float16; NAME(span)(&one, row, column, count, out); break;
    case ptk_bfloat16: one.format = ptk_bfloat16; NAME(span)(&one, row, column, count, out); break;
    case ptk_int8: one.format = ptk_int8; NAME(span)(&one, row, column, count, out); break;
    case ptk_codes4: one.format = ptk_codes4; NAME(span)(&one, row, column, count, out); break;
    case ptk_groups4: one.format = ptk_groups4; NAME(span)(&one, row, column, count, out); break;
    }
}

/// sums[g] += x · w[g] over `count` elements, a multiple of 16.
TARGET INLINE void NAME(add_products)(const float *x, float (*w)[few_segment], int64_t count, v16 *sums) {
    _Pragma("clang fp contract(fast)");
    v16 s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
    for (int64_t i = 0; i < count; i += 16) {
        v16 v = LOAD(x + i);
        s0 += v * LOAD(w[0] + i);
        s1 += v * LOAD(w[1] + i);
        s2 += v * LOAD(w[2] + i);
        s3 += v * LOAD(w[3] + i);
    }
    sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
}

/// The outputs begin..<end of a few rows, four at a time.
TARGET static void NAME(few)(const struct few *a, int64_t begin, int64_t end) {
    const ptk_compressed *m = a->matrix;
    float w[4][few_segment];
    for (int64_t n = begin; n < end; n += 4) {
        const int64_t outputs = end - n < 4 ? end - n : 4;
        v16 sums[ptk_compressed_few_rows][4];
        memset(sums, 0, sizeof sums);
        memset(w, 0, sizeof w);
        for (int64_t k = 0; k < m->inputs; k += few_segment) {
            const int64_t count = m->inputs - k < few_segment ? m->inputs - k : few_segment, whole = count / 16 * 16;
            for (int64_t g = 0; g < outputs; g++) {
                NAME(widen)(m, n + g, k, count, w[g]);
                for (int64_t i = count; i % 16; i++) w[g][i] = 0;
            }
            for (int64_t r = 0; r < a->rows; r++) {
                const float *x = a->x + r * m->inputs + k;
                NAME(add_products)(x, w, whole, sums[r]);
                if (whole == count) continue;
                float rest[16] = {0};  // What lies beyond a row may be no number.
                float(*tail)[few_segment] = (float(*)[few_segment])(w[0] + whole);
                memcpy(rest, x + whole, (size_t)(count - whole) * sizeof(float));
                NAME(add_products)(rest, tail, 16, sums[r]);
            }
        }
        for (int64_t r = 0; r < a->rows; r++)
            for (int64_t g = 0; g < outputs; g++) {
                float total = 0;
                for (int i = 0; i < 16; i++) total += sums[r][g][i];
                a->y[r * m->outputs + n + g] = total + (a->bias ? a->bias[n + g] : 0);
            }
    }
}
