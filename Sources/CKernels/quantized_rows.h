/// Rows of x as quantized.c multiplies them: rounded to 8 bits by blocks, but for outliers.
#ifndef PREFIXTUNE_QUANTIZED_ROWS_H
#define PREFIXTUNE_QUANTIZED_ROWS_H

#include "quantized_layout.h"

/// An element that is multiplied by itself, in floats.
struct outlier {
    int64_t input;
    float value;  // 0: none
};

/// Rows of x rounded to 8 bits.
struct rows {
    int8_t *values;  // [rows × stride], zero beyond the inputs and in place of outliers
    float *scales;   // [rows × blocks]
    int32_t *sums;   // [rows × units] of the values
    float *totals;   // the same as floats
    struct outlier *outliers;  // [rows × 2] by their inputs; NULL: none
    int64_t stride, blocks;
    int64_t unit, units;  // inputs that are summed up together, those of a group or a block
};

/// The bits of the greatest magnitude, which compare as the magnitudes do; infinities and NaNs are greater than all others.
INLINE int32_t greatest_of(const float *x, const float *factors, const int64_t count) {
    int32_t most = 0;
    for (int64_t i = 0; i < count; i++) {
        const float value = factors ? x[i] * factors[i] : x[i];
        int32_t bits;
        memcpy(&bits, &value, 4);
        bits &= 0x7fffffff;
        most = bits > most ? bits : most;
    }
    return most;
}

/// One block, whose greatest magnitude has the bits `most`. An infinity or NaN gives the scale NaN, so that all it touches is
/// NaN.
INLINE void round_block(
    const float *x, const float *factors, const int64_t count, int32_t most, int64_t unit, int8_t *values,
    float *scale, int32_t *sums, float *totals) {
    float greatest;
    memcpy(&greatest, &most, 4);
    const bool is_finite = most < 0x7f800000;
    const float inverse = is_finite && greatest > 1e-30f ? 127.0f / greatest : 0;
    *scale = is_finite ? (inverse > 0 ? greatest / 127.0f : 0) : NAN;
    for (int64_t i = 0; i < count; i++) {
        const float value = factors ? x[i] * factors[i] : x[i];
        const float shifted = value * inverse + 12582912.0f;  // Adding 1.5 * 2^23 rounds to the nearest integer.
        int32_t bits;
        memcpy(&bits, &shifted, 4);
        values[i] = (int8_t)(bits - 0x4b400000);
    }
    int32_t groups[block / group] = {0};
    for (int64_t g = 0; g * group < count; g++)
        for (int64_t i = g * group; i < (g + 1) * group && i < count; i++) groups[g] += values[i];
    for (int64_t g = 0; g * group < count; sums++, totals++) {
        int32_t sum = 0;
        for (int64_t end = g + unit / group; g < end && g < block / group; g++) sum += groups[g];
        *sums = sum, *totals = (float)sum;
    }
}

/// The first element with the magnitude `most`, of a block that has one.
INLINE int64_t place_of(const float *x, int64_t count, int32_t most) {
    int32_t first = INT32_MAX;
    for (int32_t i = 0; i < (int32_t)count; i++) {
        int32_t bits;
        memcpy(&bits, x + i, 4);
        const int32_t place = (bits & 0x7fffffff) == most ? i : INT32_MAX;
        first = place < first ? place : first;
    }
    return first;
}

/// Rounds a row for a way back: its elements times the factors.
DISPATCHED static void round_scaled(
    const float *x, const float *factors, int64_t inputs, int64_t row, const struct rows *to) {
    int8_t *values = to->values + row * to->stride;
    float *scales = to->scales + row * to->blocks, *totals = to->totals + row * to->units;
    int32_t *sums = to->sums + row * to->units;
    int64_t at = 0;
    // A known count lets the compiler keep a block in registers.
    for (; at + block <= inputs; at += block)
        round_block(
            x + at, factors + at, block, greatest_of(x + at, factors + at, block), to->unit, values + at, scales + at / block,
            sums + at / to->unit, totals + at / to->unit);
    if (at == to->stride) return;
    memset(values + at, 0, (size_t)(to->stride - at));
    round_block(
        x + at, factors + at, inputs - at, greatest_of(x + at, factors + at, inputs - at), to->unit, values + at,
        scales + at / block, sums + at / to->unit, totals + at / to->unit);
}

/// Rounds a row without its two elements of greatest magnitude, which are multiplied by themselves: models have a few inputs
/// that are far greater than all others, and would cost their whole blocks precision (Dettmers et al. 2022).
DISPATCHED static void round_row(const float *x, int64_t inputs, int64_t row, const struct rows *to) {
    int8_t *values = to->values + row * to->stride;
    float *scales = to->scales + row * to->blocks, *totals = to->totals + row * to->units;
    int32_t *sums = to->sums + row * to->units;
    struct outlier *outliers = to->outliers + row * 2;
    // Where the scales will be, the greatest magnitudes.
    int32_t most = 0;
    for (int64_t b = 0; b < to->blocks; b++) {
        const float *from = x + b * block;
        const int64_t left = inputs - b * block;
        const int32_t greatest = left >= block ? greatest_of(from, NULL, block) : greatest_of(from, NULL, left);
        memcpy(scales + b, &greatest, 4);
        most = greatest > most ? greatest : most;
    }
    outliers[0] = outliers[1] = (struct outlier){.input = -1};
    float without[2][block];
    int64_t rounded[2] = {-1, -1};
    for (int k = 0; k < 2 && most > 0 && most < 0x7f800000; k++) {
        int64_t b = 0;
        for (int64_t j = 1; j < to->blocks; j++) b = scales[j] > scales[b] ? j : b;
        const int64_t count = least(block, inputs - b * block);
        const int same = k == 1 && rounded[0] == b ? 0 : k;
        if (same == k) {
            memset(without[k], 0, sizeof without[k]);
            memcpy(without[k], x + b * block, (size_t)count * sizeof *x);
            rounded[k] = b;
        }
        int32_t greatest;
        memcpy(&greatest, scales + b, 4);
        const int64_t i = place_of(without[same], block, greatest);
        outliers[k] = (struct outlier){.input = b * block + i, .value = without[same][i]};
        without[same][i] = 0;
        greatest = greatest_of(without[same], NULL, block);
        memcpy(scales + b, &greatest, 4);
    }
    if (outliers[1].value != 0 && outliers[1].input < outliers[0].input) {
        const struct outlier second = outliers[0];
        outliers[0] = outliers[1], outliers[1] = second;
    }
    for (int64_t b = 0; b < to->blocks; b++) {
        const int64_t at = b * block, left = inputs - at;
        const float *from = b == rounded[0] ? without[0] : b == rounded[1] ? without[1] : x + at;
        int32_t greatest;
        memcpy(&greatest, scales + b, 4);
        if (left >= block) {
            round_block(from, NULL, block, greatest, to->unit, values + at, scales + b, sums + at / to->unit, totals + at / to->unit);
            continue;
        }
        memset(values + at, 0, (size_t)(to->stride - at));
        round_block(from, NULL, left, greatest, to->unit, values + at, scales + b, sums + at / to->unit, totals + at / to->unit);
    }
}

#endif
