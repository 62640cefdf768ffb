/// What the kernels share: dispatch by instruction set, the split of rows over threads, exp, and a 16-wide vector.
#ifndef PREFIXTUNE_VECTOR_H
#define PREFIXTUNE_VECTOR_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "include/parallel.h"

/// Compiles a function once per instruction set and picks at load time. Only where the loader can do so.
#if defined(__x86_64__) && defined(__linux__)
#define DISPATCHED __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define DISPATCHED
#endif

#define INLINE static inline __attribute__((always_inline))

/// Lets the compiler vectorise sums, in this function only: -ffast-math would break the -inf of masks.
#define REASSOCIATE _Pragma("clang fp reassociate(on) contract(fast)")

/// Sixteen floats, in whatever registers the machine has. Macros, since passing one to a function has no stable ABI.
typedef float v16 __attribute__((ext_vector_type(16), aligned(4)));
typedef int32_t v16i __attribute__((ext_vector_type(16), aligned(4)));
#define LOAD(p) (*(const v16 *)(p))
#define STORE(p, v) (*(v16 *)(p) = (v))

/// The part [*begin, *end) of `count` items that falls to `thread`.
INLINE void share(int64_t count, int thread, int threads, int64_t *begin, int64_t *end) {
    *begin = count * thread / threads;
    *end = count * (thread + 1) / threads;
}

/// SplitMix64's finaliser over a Weyl sequence (Steele et al. 2014).
INLINE uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/// Element i of the mask that `seed` names: 0 with probability p, else 1 / (1 - p).
INLINE float mask_element(uint64_t seed, uint64_t i, float p) {
    return (float)(mix(seed + (i + 1) * 0x9e3779b97f4a7c15u) >> 40) * 0x1p-24f < p ? 0.0f : 1.0f / (1.0f - p);
}

/// e^x to 1 ulp or so, without branches: x = n ln 2 + r, |r| <= ln 2 / 2, Taylor in r, then the exponent is added.
INLINE float exp_fast(float x) {
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    float shifted = x * 1.44269504088896341f + 12582912.0f;  // Adding 1.5 * 2^23 rounds to the nearest integer.
    float n = shifted - 12582912.0f;
    float r = x - n * 0.693145751953125f;
    r = r - n * 1.428606820309417e-6f;
    float p = 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    int32_t exponent = (int32_t)n;
    int32_t bits = (exponent + 127) << 23;
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

/// exp_fast of each of sixteen.
INLINE void exp_each(v16 *each) {
    v16 x = *each;
    x = x < -87.0f ? (v16)-87.0f : x;
    x = x > 88.0f ? (v16)88.0f : x;
    const v16 shifted = x * 1.44269504088896341f + 12582912.0f, n = shifted - 12582912.0f;
    const v16 r = x - n * 0.693145751953125f - n * 1.428606820309417e-6f;
    v16 p = (v16)(1.0f / 5040);
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    const v16i bits = (__builtin_convertvector(n, v16i) + 127) << 23;
    v16 scale;
    memcpy(&scale, &bits, sizeof scale);
    *each = p * scale;
}

#endif
