// The inner products of quantized.c. Included once per instruction set with NAME, TARGET and WITH_VNNI, after quantized_turn.h.
//
// VPDPBUSD adds four products of unsigned bytes (weights) and signed ones (x) to a 32-bit sum. Weights are stored with 128
// (8 for 4 bits) added; what that adds to a sum, 128 · Σ x, is where the sum begins, negated.

#if WITH_VNNI
typedef __m512i NAME(ints);
#define ADD_PRODUCTS(sum, w, x) _mm512_dpbusd_epi32(sum, w, x)
#else
typedef int32_t NAME(ints) __attribute__((ext_vector_type(16)));

TARGET INLINE void NAME(add_products)(NAME(ints) *sum, const uint8_t *w, const int8_t *x) {
    for (int n = 0; n < 16; n++)
        for (int j = 0; j < 4; j++) (*sum)[n] += (int32_t)w[4 * n + j] * x[j];
}
#endif

/// c [rows × 64] (+)= scale · Σ over one block of 8-bit weights. `ask` asks for the next block's on the way.
TARGET INLINE void NAME(block8)(
    const int rows, const uint8_t *w, int64_t steps, const struct rows *x, int64_t row, int64_t at, bool first,
    const bool ask, float *c) {
    _Pragma("clang fp contract(fast)");
    const int64_t b = at / block;
    NAME(ints) s[tile_rows][4];
    UNROLL for (int r = 0; r < rows; r++) {
        const int32_t *sums = x->sums + (row + r) * x->groups + at / group;
        int32_t sum = 0;
        for (int64_t g = 0; g * group < 4 * steps; g++) sum += sums[g];
#if WITH_VNNI
        UNROLL for (int v = 0; v < 4; v++) s[r][v] = _mm512_set1_epi32(-128 * sum);
#else
        for (int v = 0; v < 4; v++) s[r][v] = (NAME(ints))(-128 * sum);
#endif
    }
    const int8_t *q = x->values + row * x->stride + at;
    for (int64_t i = 0; i < steps; i++, w += 256) {
        if (ask)
            UNROLL for (int v = 0; v < 4; v++) __builtin_prefetch(w + block * panel + 64 * v);
#if WITH_VNNI
        __m512i w0 = _mm512_loadu_si512(w), w1 = _mm512_loadu_si512(w + 64);
        __m512i w2 = _mm512_loadu_si512(w + 128), w3 = _mm512_loadu_si512(w + 192);
        UNROLL for (int r = 0; r < rows; r++) {
            int32_t four;
            memcpy(&four, q + r * x->stride + 4 * i, 4);
            const __m512i xr = _mm512_set1_epi32(four);
            s[r][0] = ADD_PRODUCTS(s[r][0], w0, xr);
            s[r][1] = ADD_PRODUCTS(s[r][1], w1, xr);
            s[r][2] = ADD_PRODUCTS(s[r][2], w2, xr);
            s[r][3] = ADD_PRODUCTS(s[r][3], w3, xr);
        }
#else
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < 4; v++) NAME(add_products)(&s[r][v], w + 64 * v, q + r * x->stride + 4 * i);
#endif
    }
    UNROLL for (int r = 0; r < rows; r++) {
        const float scale = x->scales[(row + r) * x->blocks + b];
        UNROLL for (int v = 0; v < 4; v++) {
            v16 sum;
#if WITH_VNNI
            sum = (v16)_mm512_cvtepi32_ps(s[r][v]);
#else
            for (int n = 0; n < 16; n++) sum[n] = (float)s[r][v][n];
#endif
            float *to = c + r * panel + 16 * v;
            STORE(to, first ? sum * scale : LOAD(to) + sum * scale);
        }
    }
}

/// c [rows × 32] (+)= scale · Σ over one block of 4-bit weights, for half of a panel's outputs.
TARGET INLINE void NAME(block4)(
    const int rows, const uint8_t *w, const uint16_t *scales, int64_t groups, const struct rows *x, int64_t row,
    int64_t at, bool first, const bool ask, float *c) {
    _Pragma("clang fp contract(fast)");
    const int64_t b = at / block;
    const int8_t *q = x->values + row * x->stride + at;
    v16 total[tile_rows][2];
    UNROLL for (int r = 0; r < rows; r++) total[r][0] = total[r][1] = (v16)0.0f;
    for (int64_t g = 0; g < groups; g++, scales += panel) {
        NAME(ints) s[tile_rows][2];
        UNROLL for (int r = 0; r < rows; r++) {
            const int32_t start = -8 * x->sums[(row + r) * x->groups + at / group + g];
#if WITH_VNNI
            s[r][0] = s[r][1] = _mm512_set1_epi32(start);
#else
            s[r][0] = s[r][1] = (NAME(ints))start;
#endif
        }
        UNROLL for (int i = 0; i < group / 8; i++, w += 256, q += 8) {
            if (ask)
                UNROLL for (int v = 0; v < 2; v++) __builtin_prefetch(w + block * panel / 2 + 64 * v);
#if WITH_VNNI
            const __m512i low = _mm512_set1_epi8(15);
            UNROLL for (int v = 0; v < 2; v++) {
                const __m512i both = _mm512_loadu_si512(w + 64 * v);
                const __m512i first_four = _mm512_and_si512(both, low);
                const __m512i next_four = _mm512_and_si512(_mm512_srli_epi16(both, 4), low);
                UNROLL for (int r = 0; r < rows; r++) {
                    int32_t four[2];
                    memcpy(four, q + r * x->stride, 8);
                    s[r][v] = ADD_PRODUCTS(s[r][v], first_four, _mm512_set1_epi32(four[0]));
                    s[r][v] = ADD_PRODUCTS(s[r][v], next_four, _mm512_set1_epi32(four[1]));
                }
            }
#else
            for (int v = 0; v < 2; v++) {
                uint8_t four[2][64];
                for (int n = 0; n < 64; n++) four[0][n] = w[64 * v + n] & 15, four[1][n] = w[64 * v + n] >> 4;
                for (int r = 0; r < rows; r++) {
                    NAME(add_products)(&s[r][v], four[0], q + r * x->stride);
                    NAME(add_products)(&s[r][v], four[1], q + r * x->stride + 4);
                }
            }
#endif
        }
        UNROLL for (int v = 0; v < 2; v++) {
            v16 scale;
#if WITH_VNNI
            scale = (v16)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(scales + 16 * v)));
#else
            for (int n = 0; n < 16; n++) scale[n] = float_of_half(scales[16 * v + n]);
#endif
            UNROLL for (int r = 0; r < rows; r++) {
                v16 sum;
#if WITH_VNNI
                sum = (v16)_mm512_cvtepi32_ps(s[r][v]);
#else
                for (int n = 0; n < 16; n++) sum[n] = (float)s[r][v][n];
#endif
                total[r][v] += sum * scale;
            }
        }
    }
    UNROLL for (int r = 0; r < rows; r++) {
        const float scale = x->scales[(row + r) * x->blocks + b];
        UNROLL for (int v = 0; v < 2; v++) {
            float *to = c + r * panel + 16 * v;
            STORE(to, first ? total[r][v] * scale : LOAD(to) + total[r][v] * scale);
        }
    }
}

#define BLOCK8(count, ask)                                                                                             \
    case count: NAME(block8)(count, w, inputs / 4, x, r, at, at == 0, ask, c); break
#define BLOCK4(count, ask)                                                                                             \
    case count:                                                                                                        \
        NAME(block4)(count, w, scales, inputs / group, x, r, at, at == 0, ask, c);                                     \
        NAME(block4)(count, w + 128, scales + 32, inputs / group, x, r, at, at == 0, ask, c + 32);                     \
        break
// Counts and whether to ask are known when the loops are compiled.
#define EACH(BLOCK, ask)                                                                                               \
    switch (rows) { BLOCK(1, ask); BLOCK(2, ask); BLOCK(3, ask); BLOCK(4, ask); BLOCK(5, ask); BLOCK(6, ask); }

/// result [count × 64] (+)= the rows from `row` on times inputs from..<to of one panel; the first inputs begin the sums.
/// Blocks of inputs are the outer loop: their weights stay in the nearest cache while all rows pass. `meet` says that the
/// thread meets these weights for the first time: it turns them, where they are to be, and asks for the next ones.
TARGET static void NAME(panel_rows)(
    const struct product *a, int64_t index, int64_t from, int64_t to, int64_t row, int64_t count, bool meet,
    uint8_t *turned, float *result) {
    const ptk_quantized *m = a->matrix;
    const struct rows *x = &a->x;
    const int bits = a->back ? 8 : m->bits;
    // Many rows ask a little each for the block that comes next; few are done with one before much of the next has come, so
    // that the first of them ask at every step. On the way back the next block is somewhere else.
    const bool many = meet && count > few_rows, few = !a->back && count <= few_rows;
    for (int64_t at = from; at < to; at += block) {
        const int64_t inputs = least(block, to - at);
        const uint8_t *w = a->back ? turned + (at - from) * panel : place(m, index * panel, at);
        const uint16_t *scales = bits == 4 ? group_scales(m, index * panel, at / group) : NULL;
        if (a->back && meet) NAME(turn)(m, index * panel, at, inputs, turned + (at - from) * panel);
        const bool last = at + block >= to;
        const int64_t next = last ? from : at + block, next_panel = index + last;
        const int64_t bytes = many && next_panel < panels(a->outputs) ? least(block, to - next) * panel * m->bits / 8 : 0;
        int64_t done = 0, asked = 0;
        while (done < count) {
            // Seven rows are better done as four and three than as six and one.
            const int64_t left = count - done;
            const int64_t rows = left >= tile_rows && left != tile_rows + 1 ? tile_rows : left > tile_rows ? 4 : left;
            const int64_t r = row + done;
            float *c = result + done * panel;
            for (; asked * count < bytes * (done + rows); asked += 64)
                fetch_weights(a, next_panel * panel, next, asked);
            const bool ask = few && done == 0;
            if (bits == 8 && ask) EACH(BLOCK8, true)
            else if (bits == 8) EACH(BLOCK8, false)
            else if (ask) EACH(BLOCK4, true)
            else EACH(BLOCK4, false)
            done += rows;
        }
    }
}

#undef BLOCK8
#undef BLOCK4
#undef EACH
#undef ADD_PRODUCTS
