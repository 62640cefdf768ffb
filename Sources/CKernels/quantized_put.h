/// How rows of integers with their scales are put into a quantised matrix; see include/quantized.h.
#ifndef PREFIXTUNE_QUANTIZED_PUT_H
#define PREFIXTUNE_QUANTIZED_PUT_H

#include "quantized_layout.h"

/// Adding 1.5 * 2^23 rounds to the nearest integer.
INLINE float nearest(float x) { return (x + 12582912.0f) - 12582912.0f; }

/// Bytes and a common scale for eight numbers or fewer, exact where numbers are multiples up to 255 of a binary16, as those
/// of Q4_K and Q5_K are up to 63. Returns whether they are.
static bool nest(const float *values, int64_t count, uint8_t *codes, uint16_t *scale) {
    float most = 0;
    for (int64_t k = 0; k < count; k++)
        if (fabsf(values[k]) > fabsf(most)) most = values[k];
    for (int64_t k = 0; k < count; k++) codes[k * panel] = 0;
    *scale = 0;
    if (most == 0) return true;
    // The greatest is 63 steps, mostly.
    for (int i = 0; i < 255; i++) {
        const float steps = (float)(i < 63 ? 63 - i : i + 1), step = most / steps;
        *scale = half_of_float(step);
        bool exact = step == float_of_half(*scale) && step * steps == most;
        for (int64_t k = 0; exact && k < count; k++) {
            const float code = nearest(values[k] / step);
            exact = code >= 0 && code <= 255 && code * step == values[k];
            if (exact) codes[k * panel] = (uint8_t)code;
        }
        if (exact) return true;
    }
    *scale = half_of_float(most / 63.0f);
    const float step = float_of_half(*scale);
    for (int64_t k = 0; k < count; k++) {
        const float code = step != 0 ? nearest(values[k] / step) : 0;
        codes[k * panel] = (uint8_t)(code < 0 ? 0 : code > 255 ? 255 : code);
    }
    return false;
}

/// The numbers of an output's groups. Returns whether their format holds all of them exactly.
static bool put_values(const ptk_quantized *m, const ptk_group_values *v, int64_t n, const float *values) {
    const int64_t groups = groups_of(m->inputs, m->group), at = value_place(m, n, 0);
    bool exact = true;
    for (int64_t g = 0; g < groups; g++) {
        if (v->format == ptk_groups_float) ((float *)v->values)[at + g * panel] = values[g];
        if (v->format == ptk_groups_half) {
            const uint16_t half = half_of_float(values[g]);
            ((uint16_t *)v->values)[at + g * panel] = half;
            exact = exact && float_of_half(half) == values[g];
        }
        if (v->format == ptk_groups_nested && g % outer == 0) {
            uint8_t *codes = (uint8_t *)v->values + at + g * panel;
            exact = nest(values + g, least(outer, groups - g), codes, v->outer + outer_place(m, n, g)) && exact;
        }
    }
    return exact;
}

/// The scale of output n on the way back: 127 steps reach the greatest weight, and what turns them fits in 16 bits (see
/// quantized_turn.h).
DISPATCHED static float back_scale(const ptk_quantized *m, const int8_t *q, const float *scales, const float *offsets) {
    float most = 0;
    const int64_t size = m->group ? m->group : m->inputs;
    const float least_scale = m->bits == 4 ? 15.0f / 255.0f : 1.0f / 31.9f;
    const float least_offset = m->bits == 4 ? 1.0f / 254.0f : 1.0f / 4000.0f;
    for (int64_t i = 0, g = 0; i < m->inputs; i += size, g++) {
        const float scale = scales[g], offset = offsets ? offsets[g] : 0;
        const int64_t end = least(i + size, m->inputs);
        float greatest = 0;
        for (int64_t j = i; j < end; j++) {
            const float magnitude = fabsf((float)q[j] * scale + offset);
            greatest = magnitude > greatest ? magnitude : greatest;
        }
        greatest *= 1.0f / 127.0f;
        const float bounds[] = {greatest, fabsf(scale) * least_scale, fabsf(offset) * least_offset};
        for (int k = 0; k < 3; k++) most = bounds[k] > most ? bounds[k] : most;
    }
    return most > 1e-30f ? most : 0;
}

/// Puts output n there; `q` [filled inputs] is 0 beyond the inputs. Returns whether the scales are held exactly.
static bool put_row(const ptk_quantized *m, int64_t n, const int8_t *q, const float *scales, const float *offsets) {
    const int64_t all = filled(m->inputs);
    const int zero = zero_of(m);
    uint8_t *to = place(m, n, 0);
    if (m->bits == 8) {
        for (int64_t i = 0; i < all; i++) to[i / 4 * 256 + i % 4] = (uint8_t)(q[i] + zero);
    } else {
        for (int64_t i = 0; i < all; i += 8)
            for (int j = 0; j < 4; j++)
                to[i / 8 * 256 + j] = (uint8_t)(((q[i + j] + zero) & 15) | (((q[i + 4 + j] + zero) & 15) << 4));
    }
    bool exact = put_values(m, &m->scales, n, scales);
    if (m->offsets.format != ptk_groups_none) exact = put_values(m, &m->offsets, n, offsets) && exact;
    if (n < m->outputs && !is_plain(m)) m->back_scales[n] = back_scale(m, q, scales, offsets);
    return exact;
}

#endif
