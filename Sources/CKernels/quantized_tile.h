// The inner products of quantized.c. Included once per instruction set with NAME, TARGET and WITH_VNNI, after quantized_turn.h.
//
// VPDPBUSD adds four products of unsigned bytes (weights) and signed ones (x) to a 32-bit sum. Weights are stored with 128 (or
// 8, or nothing) added; what that adds to a sum, 128 · Σ x, is where the sum begins, negated.

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

TARGET INLINE NAME(ints) NAME(all)(int32_t value) {
#if WITH_VNNI
    return _mm512_set1_epi32(value);
#else
    return (NAME(ints))value;
#endif
}

TARGET INLINE v16 NAME(floats)(NAME(ints) sum) {
#if WITH_VNNI
    return (v16)_mm512_cvtepi32_ps(sum);
#else
    v16 result;
    for (int n = 0; n < 16; n++) result[n] = (float)sum[n];
    return result;
#endif
}

/// What a tile multiplies: up to 128 inputs of a panel. Scales and offsets of groups [groups × 64] are NULL where there are
/// none; those of 128 inputs and more are late: multiplied once, when these inputs are added up.
struct NAME(part) {
    const uint8_t *w;
    int64_t inputs;
    int zero;
    const float *scales, *offsets;
    bool late;
    int64_t shared;  // blocks of x that share a group, where they are not late
};

/// total += the sums s of one block of x, times the scales: of 16 · vectors outputs, and of the rows.
TARGET INLINE void NAME(add_scaled)(
    const int rows, const int vectors, NAME(ints) s[tile_rows][4], const struct rows *x, int64_t row, int64_t unit,
    const float *scales, const float *offsets, v16 total[tile_rows][4]) {
    _Pragma("clang fp contract(fast)");
    UNROLL for (int r = 0; r < rows; r++) {
        const float scale = x->scales[(row + r) * x->blocks + unit];
        UNROLL for (int v = 0; v < vectors; v++) {
            const v16 sum = NAME(floats)(s[r][v]);
            if (scales) total[r][v] += sum * (LOAD(scales + 16 * v) * scale);
            else total[r][v] += sum * scale;
        }
        if (offsets) {
            const float of_x = x->totals[(row + r) * x->blocks + unit];
            UNROLL for (int v = 0; v < vectors; v++) total[r][v] += LOAD(offsets + 16 * v) * of_x;
        }
    }
}

/// c [rows × 16 vectors] (+)= total, times the late scales, and with the late offsets, of the units from..<to.
TARGET INLINE void NAME(add_total)(
    const int rows, const int vectors, bool first, v16 total[tile_rows][4], const struct rows *x, int64_t row,
    int64_t from, int64_t to, const float *scales, const float *offsets, float *c) {
    _Pragma("clang fp contract(fast)");
    UNROLL for (int r = 0; r < rows; r++) {
        float of_x = 0;
        if (offsets)
            for (int64_t unit = from; unit < to; unit++) of_x += x->totals[(row + r) * x->blocks + unit];
        UNROLL for (int v = 0; v < vectors; v++) {
            float *at = c + r * panel + 16 * v;
            v16 sum = first ? (v16)0.0f : LOAD(at);
            if (scales) sum += total[r][v] * LOAD(scales + 16 * v);
            else sum += total[r][v];
            if (offsets) sum += LOAD(offsets + 16 * v) * of_x;
            STORE(at, sum);
        }
    }
}

/// c [rows × 16 vectors] (+)= Σ over a part of 8-bit weights. `ask` asks for the next block's on the way.
TARGET INLINE void NAME(tile8)(
    const int rows, const int vectors, const struct NAME(part) *p, int64_t from, const struct rows *x, int64_t row,
    int64_t at, const bool ask, float *c) {
    const float *scales = p->scales && !p->late ? p->scales + from : NULL;
    const float *offsets = p->offsets && !p->late ? p->offsets + from : NULL;
    const uint8_t *w = p->w + 4 * from;
    const int8_t *q = x->values + row * x->stride + at;
    v16 total[tile_rows][4];
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < vectors; v++) total[r][v] = (v16)0.0f;
    int64_t unit = at / x->block, shared = 0;
    for (int64_t done = 0; done < p->inputs; done += x->block, unit++) {
        NAME(ints) s[tile_rows][4];
        UNROLL for (int r = 0; r < rows; r++)
            UNROLL for (int v = 0; v < vectors; v++)
                s[r][v] = NAME(all)(-p->zero * x->sums[(row + r) * x->blocks + unit]);
        const int64_t steps = least(x->block, p->inputs - done) / 4;
        for (int64_t i = 0; i < steps; i++, w += 256, q += 4) {
            if (ask)
                UNROLL for (int v = 0; v < vectors; v++) __builtin_prefetch(w + block * panel + 64 * v);
#if WITH_VNNI
            __m512i weights[4];
            UNROLL for (int v = 0; v < vectors; v++) weights[v] = _mm512_loadu_si512(w + 64 * v);
            UNROLL for (int r = 0; r < rows; r++) {
                int32_t four;
                memcpy(&four, q + r * x->stride, 4);
                const __m512i xr = _mm512_set1_epi32(four);
                UNROLL for (int v = 0; v < vectors; v++) s[r][v] = ADD_PRODUCTS(s[r][v], weights[v], xr);
            }
#else
            for (int r = 0; r < rows; r++)
                for (int v = 0; v < vectors; v++) NAME(add_products)(&s[r][v], w + 64 * v, q + r * x->stride);
#endif
        }
        NAME(add_scaled)(rows, vectors, s, x, row, unit, scales, offsets, total);
        if (++shared == p->shared) {
            shared = 0;
            if (scales) scales += panel;
            if (offsets) offsets += panel;
        }
    }
    NAME(add_total)(
        rows, vectors, at == 0, total, x, row, at / x->block, unit, p->late && p->scales ? p->scales + from : NULL,
        p->late && p->offsets ? p->offsets + from : NULL, c + from);
}

/// The same of 4-bit weights.
TARGET INLINE void NAME(tile4)(
    const int rows, const int vectors, const struct NAME(part) *p, int64_t from, const struct rows *x, int64_t row,
    int64_t at, const bool ask, float *c) {
    const float *scales = p->scales && !p->late ? p->scales + from : NULL;
    const float *offsets = p->offsets && !p->late ? p->offsets + from : NULL;
    const uint8_t *w = p->w + 4 * from;
    const int8_t *q = x->values + row * x->stride + at;
    v16 total[tile_rows][4];
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < vectors; v++) total[r][v] = (v16)0.0f;
    int64_t unit = at / x->block, shared = 0;
    for (int64_t done = 0; done < p->inputs; done += x->block, unit++) {
        NAME(ints) s[tile_rows][4];
        UNROLL for (int r = 0; r < rows; r++)
            UNROLL for (int v = 0; v < vectors; v++)
                s[r][v] = NAME(all)(-p->zero * x->sums[(row + r) * x->blocks + unit]);
        const int64_t steps = least(x->block, p->inputs - done) / 8;
        for (int64_t i = 0; i < steps; i++, w += 256, q += 8) {
            if (ask)
                UNROLL for (int v = 0; v < vectors; v++) __builtin_prefetch(w + block * panel / 2 + 64 * v);
#if WITH_VNNI
            const __m512i low = _mm512_set1_epi8(15);
            UNROLL for (int v = 0; v < vectors; v++) {
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
            for (int v = 0; v < vectors; v++) {
                uint8_t four[2][64];
                for (int n = 0; n < 64; n++) four[0][n] = w[64 * v + n] & 15, four[1][n] = w[64 * v + n] >> 4;
                for (int r = 0; r < rows; r++) {
                    NAME(add_products)(&s[r][v], four[0], q + r * x->stride);
                    NAME(add_products)(&s[r][v], four[1], q + r * x->stride + 4);
                }
            }
#endif
        }
        NAME(add_scaled)(rows, vectors, s, x, row, unit, scales, offsets, total);
        if (++shared == p->shared) {
            shared = 0;
            if (scales) scales += panel;
            if (offsets) offsets += panel;
        }
    }
    NAME(add_total)(
        rows, vectors, at == 0, total, x, row, at / x->block, unit, p->late && p->scales ? p->scales + from : NULL,
        p->late && p->offsets ? p->offsets + from : NULL, c + from);
}

/// Nibbles as bytes, for many rows.
TARGET INLINE void NAME(unpack)(const uint8_t *w, int64_t inputs, uint8_t *to) {
    for (int64_t i = 0; i < inputs / 8; i++, w += 256, to += 512)
        for (int n = 0; n < 256; n++) to[n] = w[n] & 15, to[256 + n] = w[n] >> 4;
}

// Counts and whether to ask are known when the loops are compiled. Where each block of x is added up by itself, the totals of
// half of a panel fit in registers beside its sums, of few rows those of a whole one.
#define TILE8(count, ask)                                                                                              \
    case count:                                                                                                        \
        if (count <= tile_rows / 2 || x->block == block) NAME(tile8)(count, 4, &p, 0, x, r, at, ask, c);               \
        else {                                                                                                         \
            NAME(tile8)(count, 2, &p, 0, x, r, at, ask, c);                                                            \
            NAME(tile8)(count, 2, &p, 32, x, r, at, ask, c);                                                           \
        }                                                                                                              \
        break
#define TILE4(count, ask)                                                                                              \
    case count:                                                                                                        \
        if (count <= tile_rows / 2) NAME(tile4)(count, 4, &p, 0, x, r, at, ask, c);                                    \
        else {                                                                                                         \
            NAME(tile4)(count, 2, &p, 0, x, r, at, ask, c);                                                            \
            NAME(tile4)(count, 2, &p, 32, x, r, at, ask, c);                                                           \
        }                                                                                                              \
        break
#define EACH(TILE, ask)                                                                                                \
    switch (rows) { TILE(1, ask); TILE(2, ask); TILE(3, ask); TILE(4, ask); TILE(5, ask); TILE(6, ask); }

/// result [count × 64] (+)= the rows from `row` on times inputs from..<to of one panel; the first inputs begin the sums.
/// Blocks of inputs are the outer loop: their weights stay in the nearest cache while all rows pass. `meet` says that the
/// thread meets these weights for the first time: it turns them, where they are to be, and asks for the next ones.
TARGET static void NAME(panel_rows)(
    const struct product *a, int64_t index, int64_t from, int64_t to, int64_t row, int64_t count, bool meet,
    uint8_t *turned, float *result) {
    const ptk_quantized *m = a->matrix;
    const struct rows *x = &a->x;
    const bool plain = a->back || is_plain(m), offset = !a->back && m->offsets.format != ptk_groups_none;
    const bool late = m->group == 0 || m->group >= block;
    const int64_t groups = groups_of(m->inputs, m->group);
    // Many rows ask a little each for the block that comes next; few are done with one before much of the next has come, so
    // that the first of them ask at every step. On the way back the next block is somewhere else.
    const bool many = meet && count > few_rows, few = !a->back && count <= few_rows;
    // Many rows share the work of making bytes of nibbles. The sums are the same.
    const bool nibbles = !a->back && m->bits == 4, unpacks = nibbles && count > few_rows;
    _Alignas(64) uint8_t bytes[block * panel];
    _Alignas(64) float scales[block / group * panel], offsets[block / group * panel];
    for (int64_t at = from; at < to; at += block) {
        const int64_t inputs = least(block, to - at);
        struct NAME(part) p = {
            .w = a->back ? turned + (at - from) * panel : place(m, index * panel, at), .inputs = inputs,
            .zero = a->back ? 128 : zero_of(m), .scales = plain ? NULL : scales, .offsets = offset ? offsets : NULL,
            .late = late, .shared = late ? 0 : m->group >> (m->block == 32 ? 5 : 6)};
        if (a->back && meet) NAME(turn)(m, index * panel, at, inputs, turned + (at - from) * panel);
        if (!plain) {
            const int64_t g = group_at(m, at), some = late ? 1 : group_at(m, inputs - 1) + 1;
            NAME(expand)(&m->scales, index, groups, g, some, scales);
            if (offset) NAME(expand)(&m->offsets, index, groups, g, some, offsets);
        }
        if (unpacks) {
            NAME(unpack)(p.w, inputs, bytes);
            p.w = bytes;
        }
        const bool last = at + block >= to;
        const int64_t next = last ? from : at + block, next_panel = index + last;
        const int64_t ahead = many && next_panel < panels(a->outputs) ? least(block, to - next) * panel * m->bits / 8 : 0;
        int64_t done = 0, asked = 0;
        while (done < count) {
            // Seven rows are better done as four and three than as six and one.
            const int64_t left = count - done;
            const int64_t rows = left >= tile_rows && left != tile_rows + 1 ? tile_rows : left > tile_rows ? 4 : left;
            const int64_t r = row + done;
            float *c = result + done * panel;
            for (; asked * count < ahead * (done + rows); asked += 64)
                fetch_weights(a, next_panel * panel, next, asked);
            const bool ask = few && done == 0;
            if (nibbles && !unpacks && ask) EACH(TILE4, true)
            else if (nibbles && !unpacks) EACH(TILE4, false)
            else if (ask) EACH(TILE8, true)
            else EACH(TILE8, false)
            done += rows;
        }
    }
}

#undef TILE8
#undef TILE4
#undef EACH
#undef ADD_PRODUCTS
