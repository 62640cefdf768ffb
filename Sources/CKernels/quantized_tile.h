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
/// none.
struct NAME(part) {
    const uint8_t *w;
    int64_t inputs;
    int zero;
    const float *scales, *offsets;
};

/// s [rows × 16 vectors] += Σ over some inputs of weights of so many bits. `ask` asks for those 128 inputs further on.
TARGET INLINE void NAME(add)(
    const int bits, const int rows, const int vectors, const uint8_t *w, const int8_t *q, int64_t stride,
    int64_t inputs, const bool ask, NAME(ints) s[tile_rows][4]) {
    for (int64_t i = 0; i < inputs; i += 32 / bits, w += 256, q += 32 / bits) {
        if (ask)
            UNROLL for (int v = 0; v < vectors; v++) __builtin_prefetch(w + block * panel * bits / 8 + 64 * v);
#if WITH_VNNI
        const __m512i low = _mm512_set1_epi8(15);
        __m512i weights[2][4];
        UNROLL for (int v = 0; v < vectors; v++) {
            const __m512i both = _mm512_loadu_si512(w + 64 * v);
            weights[0][v] = bits == 8 ? both : _mm512_and_si512(both, low);
            weights[1][v] = bits == 8 ? both : _mm512_and_si512(_mm512_srli_epi16(both, 4), low);
        }
        UNROLL for (int half = 0; half < 8 / bits; half++)
            UNROLL for (int r = 0; r < rows; r++) {
                int32_t four;
                memcpy(&four, q + r * stride + 4 * half, 4);
                const __m512i xr = _mm512_set1_epi32(four);
                UNROLL for (int v = 0; v < vectors; v++) s[r][v] = ADD_PRODUCTS(s[r][v], weights[half][v], xr);
            }
#else
        for (int v = 0; v < vectors; v++) {
            uint8_t four[64];
            for (int half = 0; half < 8 / bits; half++) {
                for (int n = 0; n < 64; n++)
                    four[n] = bits == 8 ? w[64 * v + n] : half ? w[64 * v + n] >> 4 : w[64 * v + n] & 15;
                for (int r = 0; r < rows; r++) NAME(add_products)(&s[r][v], four, q + r * stride + 4 * half);
            }
        }
#endif
    }
}

/// total (+)= (Σ q x) · scales + (Σ x) · offsets, in steps of x, for the inputs of one unit.
TARGET INLINE void NAME(add_unit)(
    const int bits, const int rows, const int vectors, const int zero, const uint8_t *w, const struct rows *x,
    int64_t row, int64_t at, int64_t unit, int64_t inputs, const float *scales, const float *offsets, const bool ask,
    const bool first, v16 total[tile_rows][4]) {
    _Pragma("clang fp contract(fast)");
    NAME(ints) s[tile_rows][4];
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < vectors; v++)
            s[r][v] = NAME(all)(-zero * x->sums[(row + r) * x->units + unit]);
    NAME(add)(bits, rows, vectors, w, x->values + row * x->stride + at, x->stride, inputs, ask, s);
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < vectors; v++) {
            v16 sum = NAME(floats)(s[r][v]);
            if (scales && first) sum *= LOAD(scales + 16 * v);
            else if (scales) sum = total[r][v] + sum * LOAD(scales + 16 * v);
            if (offsets) sum += LOAD(offsets + 16 * v) * x->totals[(row + r) * x->units + unit];
            total[r][v] = sum;
        }
}

/// c [rows × 16 vectors] (+)= the products of a part for the outputs from `from` on. `small` says that there may be several
/// groups.
TARGET INLINE void NAME(tile)(
    const int bits, const int rows, const int vectors, const bool small, const struct NAME(part) *p, int64_t from,
    const struct rows *x, int64_t row, int64_t at, const bool ask, float *c) {
    _Pragma("clang fp contract(fast)");
    const float *scales = p->scales ? p->scales + from : NULL, *offsets = p->offsets ? p->offsets + from : NULL;
    const uint8_t *w = p->w + 4 * from;
    int64_t unit = at / x->unit;
    v16 total[tile_rows][4];
    if (!small) {
        NAME(add_unit)(bits, rows, vectors, p->zero, w, x, row, at, unit, p->inputs, scales, offsets, ask, true, total);
    } else {
        UNROLL for (int r = 0; r < rows; r++)
            UNROLL for (int v = 0; v < vectors; v++) total[r][v] = (v16)0.0f;
        for (int64_t i = 0; i < p->inputs; i += x->unit, w += x->unit * panel * bits / 8, scales += panel) {
            NAME(add_unit)(
                bits, rows, vectors, p->zero, w, x, row, at + i, unit++, least(x->unit, p->inputs - i), scales,
                offsets, ask, false, total);
            if (offsets) offsets += panel;
        }
    }
    UNROLL for (int r = 0; r < rows; r++) {
        const float scale = x->scales[(row + r) * x->blocks + at / block];
        UNROLL for (int v = 0; v < vectors; v++) {
            float *to = c + from + r * panel + 16 * v;
            STORE(to, at == 0 ? total[r][v] * scale : LOAD(to) + total[r][v] * scale);
        }
    }
}

/// Nibbles as bytes, for many rows.
TARGET INLINE void NAME(unpack)(const uint8_t *w, int64_t inputs, uint8_t *to) {
    for (int64_t i = 0; i < inputs / 8; i++, w += 256, to += 512)
        for (int n = 0; n < 256; n++) to[n] = w[n] & 15, to[256 + n] = w[n] >> 4;
}

// Counts and whether to ask are known when the loops are compiled. Where small groups are added up one by one, the totals of
// half of a panel fit in registers beside its sums, of few rows those of a whole one.
#define TILE(bits, count, ask)                                                                                         \
    case count:                                                                                                        \
        if (!small) NAME(tile)(bits, count, 4, false, &p, 0, x, r, at, ask, c);                                        \
        else if (count <= tile_rows / 2) NAME(tile)(bits, count, 4, true, &p, 0, x, r, at, ask, c);                    \
        else                                                                                                           \
            for (int64_t n = 0; n < panel; n += panel / 2)                                                             \
                NAME(tile)(bits, count, 2, true, &p, n, x, r, at, ask, c);                                             \
        break
#define TILE8(count, ask) TILE(8, count, ask)
#define TILE4(count, ask) TILE(4, count, ask)
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
    const bool small = x->unit < block;
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
            .zero = a->back ? 128 : zero_of(m), .scales = plain ? NULL : scales,
            .offsets = offset ? offsets : NULL};
        if (a->back && meet) NAME(turn)(m, index * panel, at, inputs, turned + (at - from) * panel);
        if (!plain) {
            const int64_t g = group_at(m, at), some = small ? group_at(m, inputs - 1) + 1 : 1;
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
            // Only few rows multiply nibbles. Where there is no VNNI, products take longer than what they ask for.
            if (nibbles && !unpacks) EACH(TILE4, WITH_VNNI)
            else if (WITH_VNNI && ask) EACH(TILE8, WITH_VNNI)
            else EACH(TILE8, false)
            done += rows;
        }
    }
}

#undef TILE
#undef TILE8
#undef TILE4
#undef EACH
#undef ADD_PRODUCTS
