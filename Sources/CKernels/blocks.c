#include "blocks.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "half.h"

// The reference rounds every product and every sum.
#pragma STDC FP_CONTRACT OFF

enum { few = 32, many = 256 };

typedef struct {
    int elements, bytes, bits;
    bool has_offsets;
    int halves[2];  // where the binary16 numbers lie; -1 for none
} layout;

static layout layout_of(ptk_block_format format) {
    switch (format) {
    case ptk_q4_0: return (layout){few, 18, 4, false, {0, -1}};
    case ptk_q4_1: return (layout){few, 20, 4, true, {0, 2}};
    case ptk_q5_0: return (layout){few, 22, 8, false, {0, -1}};
    case ptk_q5_1: return (layout){few, 24, 8, true, {0, 2}};
    case ptk_q8_0: return (layout){few, 34, 8, false, {0, -1}};
    case ptk_q2_k: return (layout){many, 84, 8, false, {80, 82}};
    case ptk_q3_k: return (layout){many, 110, 8, false, {108, -1}};
    case ptk_q4_k: return (layout){many, 144, 4, true, {0, 2}};
    case ptk_q5_k: return (layout){many, 176, 8, true, {0, 2}};
    case ptk_q6_k: return (layout){many, 210, 8, false, {208, -1}};
    case ptk_iq4_nl: return (layout){few, 18, 8, false, {0, -1}};
    case ptk_iq4_xs: return (layout){many, 136, 8, false, {0, -1}};
    }
    return (layout){1, 1, 8, false, {-1, -1}};
}

int ptk_block_elements(ptk_block_format format) { return layout_of(format).elements; }
int ptk_block_bytes(ptk_block_format format) { return layout_of(format).bytes; }
int ptk_block_bits(ptk_block_format format) { return layout_of(format).bits; }
bool ptk_block_has_offsets(ptk_block_format format) { return layout_of(format).has_offsets; }

static float half_at(const uint8_t *p) { return float_of_half((uint32_t)p[0] | (uint32_t)p[1] << 8); }

/// The values of IQ4_NL and IQ4_XS, which are not evenly spaced.
static const int8_t uneven[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// ---------------------------------------------------------------------------------------------------------------------
// Integers: q[j] of the elements of one block, as the files number them.

/// Element j in the low half of byte j, element 16 + j in the high one.
static void nibbles(const uint8_t *from, int8_t *q) {
    for (int j = 0; j < 16; j++) q[j] = (int8_t)(from[j] & 15), q[16 + j] = (int8_t)(from[j] >> 4);
}

/// The same with a fifth bit for each element, in a word.
static void nibbles_and_bits(const uint8_t *bits, const uint8_t *from, int8_t *q) {
    nibbles(from, q);
    for (int j = 0; j < few; j++) q[j] |= (int8_t)((bits[j / 8] >> (j % 8) & 1) << 4);
}

/// Two bits each: element 128h + 32k + i is in bits 2k of byte 32h + i.
static void crumbs(const uint8_t *from, int8_t *q) {
    for (int j = 0; j < many; j++) q[j] = (int8_t)(from[j / 128 * 32 + j % 32] >> (j % 128 / 32 * 2) & 3);
}

/// Four bits each: 32 elements in the low halves of 32 bytes, the next 32 in the high ones.
static void runs(const uint8_t *from, int8_t *q) {
    for (int j = 0; j < many; j++) q[j] = (int8_t)(from[j / 64 * 32 + j % 32] >> (j % 64 / 32 * 4) & 15);
}

static void integers_of(ptk_block_format format, const uint8_t *block, int8_t *q) {
    switch (format) {
    case ptk_q4_0:
        nibbles(block + 2, q);
        for (int j = 0; j < few; j++) q[j] -= 8;
        break;
    case ptk_q4_1: nibbles(block + 4, q); break;
    case ptk_q5_0:
        nibbles_and_bits(block + 2, block + 6, q);
        for (int j = 0; j < few; j++) q[j] -= 16;
        break;
    case ptk_q5_1: nibbles_and_bits(block + 4, block + 8, q); break;
    case ptk_q8_0: memcpy(q, block + 2, few); break;
    case ptk_iq4_nl:
        nibbles(block + 2, q);
        for (int j = 0; j < few; j++) q[j] = uneven[q[j]];
        break;
    case ptk_iq4_xs:
        for (int g = 0; g < many / few; g++) nibbles(block + 8 + 16 * g, q + few * g);
        for (int j = 0; j < many; j++) q[j] = uneven[q[j]];
        break;
    case ptk_q2_k: crumbs(block + 16, q); break;
    case ptk_q3_k:
        crumbs(block + 32, q);
        for (int j = 0; j < many; j++) q[j] -= block[j % 32] >> (j / 32) & 1 ? 0 : 4;
        break;
    case ptk_q4_k: runs(block + 16, q); break;
    case ptk_q5_k:
        runs(block + 48, q);
        for (int j = 0; j < many; j++) q[j] |= (int8_t)((block[16 + j % 32] >> (j / 32) & 1) << 4);
        break;
    case ptk_q6_k:
        for (int j = 0; j < many; j++) {
            const int h = j / 128, k = j % 128 / 32, i = j % 32;
            const int low = block[64 * h + 32 * (k % 2) + i] >> (k / 2 * 4) & 15;
            q[j] = (int8_t)((low | (block[128 + 32 * h + i] >> (2 * k) & 3) << 4) - 32);
        }
        break;
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Scales: of each group of the block, with what is taken off.

/// The six-bit scale and minimum of group g of Q4_K and Q5_K.
static void six_bits(const uint8_t *p, int g, int *scale, int *minimum) {
    if (g < 4) {
        *scale = p[g] & 63, *minimum = p[4 + g] & 63;
    } else {
        *scale = (p[4 + g] & 15) | (p[g - 4] >> 6) << 4;
        *minimum = (p[4 + g] >> 4) | (p[g] >> 6) << 4;
    }
}

/// Group g's scale and minimum, value = scale · q − minimum; a group is 16 or 32 elements: see ``group_elements``.
static void scales_of(ptk_block_format format, const uint8_t *block, int g, float *scale, float *minimum) {
    const layout l = layout_of(format);
    const float d = half_at(block + l.halves[0]), m = l.halves[1] < 0 ? 0 : half_at(block + l.halves[1]);
    int s = 1, less = 0;
    *minimum = 0;
    switch (format) {
    case ptk_q4_1:
    case ptk_q5_1:
        *scale = d, *minimum = -m;
        return;
    case ptk_q2_k: s = block[g] & 15, less = block[g] >> 4; break;
    case ptk_q3_k: {
        const uint8_t *sc = block + 96;
        s = ((sc[g % 8] >> (g < 8 ? 0 : 4) & 15) | (sc[8 + g % 4] >> (2 * (g / 4)) & 3) << 4) - 32;
        break;
    }
    case ptk_q4_k:
    case ptk_q5_k: six_bits(block + 4, g, &s, &less); break;
    case ptk_q6_k: s = (int8_t)block[192 + g]; break;
    case ptk_iq4_xs: {
        const int high = block[2] | block[3] << 8;
        s = ((block[4 + g / 2] >> (g % 2 * 4) & 15) | (high >> (2 * g) & 3) << 4) - 32;
        break;
    }
    default: *scale = d; return;
    }
    *scale = d * (float)s;
    if (l.halves[1] >= 0) *minimum = m * (float)less;
}

static int group_elements(ptk_block_format format) {
    return format == ptk_q2_k || format == ptk_q3_k || format == ptk_q6_k ? 16 : few;
}

static bool has_minimum(ptk_block_format format) { return layout_of(format).halves[1] >= 0; }

void ptk_widen_blocks(ptk_block_format format, const void *source, int64_t blocks, float *values) {
    const layout l = layout_of(format);
    const int group = group_elements(format);
    const bool offsets = has_minimum(format);
    const uint8_t *block = source;
    int8_t q[many];
    for (int64_t b = 0; b < blocks; b++, block += l.bytes, values += l.elements) {
        integers_of(format, block, q);
        for (int g = 0; g < l.elements / group; g++) {
            float scale, minimum;
            scales_of(format, block, g, &scale, &minimum);
            float *to = values + g * group;
            const int8_t *from = q + g * group;
            if (offsets)
                for (int j = 0; j < group; j++) to[j] = scale * (float)from[j] - minimum;
            else
                for (int j = 0; j < group; j++) to[j] = scale * (float)from[j];
        }
    }
}

/// 32 values as integers of 8 bits with one scale, which is a binary16 where that can be.
static float rounded(const float *values, int8_t *q) {
    float most = 0;
    for (int j = 0; j < few; j++) most = fmaxf(most, fabsf(values[j]));
    float scale = most / 127.0f;
    if (scale < 65000.0f) {  // Greater ones stay as they are: no binary16 holds them.
        uint16_t half = half_of_float(scale);
        if (float_of_half(half) * 127.0f < most) half++;  // Or the greatest would not fit.
        scale = float_of_half(half);
    }
    const float inverse = scale > 0 ? 1 / scale : 0;
    for (int j = 0; j < few; j++) q[j] = (int8_t)fmaxf(-127, fminf(127, nearbyintf(values[j] * inverse)));
    return scale;
}

void ptk_split_blocks(
    ptk_block_format format, const void *source, int64_t blocks, int8_t *integers, float *scales, float *offsets) {
    const layout l = layout_of(format);
    const int groups = l.elements / few;
    const uint8_t *block = source;
    for (int64_t b = 0; b < blocks; b++, block += l.bytes, integers += l.elements, scales += groups) {
        if (group_elements(format) < few) {
            float values[many];
            ptk_widen_blocks(format, block, 1, values);
            for (int g = 0; g < groups; g++) scales[g] = rounded(values + g * few, integers + g * few);
            continue;
        }
        integers_of(format, block, integers);
        for (int g = 0; g < groups; g++) {
            float minimum;
            scales_of(format, block, g, &scales[g], &minimum);
            if (l.has_offsets) *offsets++ = -minimum;
        }
    }
}

int64_t ptk_first_block_not_finite(ptk_block_format format, const void *source, int64_t blocks) {
    const layout l = layout_of(format);
    const uint8_t *block = source;
    for (int64_t b = 0; b < blocks; b++, block += l.bytes)
        for (int h = 0; h < 2; h++)
            if (l.halves[h] >= 0 && (block[l.halves[h] + 1] & 0x7c) == 0x7c) return b;
    return blocks;
}
