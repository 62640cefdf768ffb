/// IEEE binary16 without hardware for it (see convert.c, whose loops the compiler vectorises).
#ifndef PREFIXTUNE_HALF_H
#define PREFIXTUNE_HALF_H

#include "vector.h"

/// The value of a finite binary16.
INLINE float float_of_half(uint32_t half) {
    uint32_t magnitude = half & 0x7fffu, bits = (magnitude << 13) + (112u << 23), borrowed = bits + (1u << 23);
    float normal, subnormal;
    memcpy(&normal, &bits, sizeof normal);
    memcpy(&subnormal, &borrowed, sizeof subnormal);
    float value = magnitude < 0x0400u ? subnormal - 0x1p-14f : normal;
    return half & 0x8000u ? -value : value;
}

/// The nearest binary16 of a finite number, ties to even; beyond its range, the greatest.
INLINE uint16_t half_of_float(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    const uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
    if (magnitude >= 0x477ff000u) return (uint16_t)(sign | 0x7bffu);
    if (magnitude < 0x38800000u) {  // Subnormal: adding a power of two leaves the rounded fraction in the low bits.
        float value;
        memcpy(&value, &magnitude, 4);
        value += 0.5f;
        memcpy(&bits, &value, 4);
        return (uint16_t)(sign | (bits - 0x3f000000u));
    }
    return (uint16_t)(sign | ((magnitude - (112u << 23) + 0x0fffu + (magnitude >> 13 & 1)) >> 13));
}

#endif
