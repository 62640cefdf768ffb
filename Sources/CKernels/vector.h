/// What the kernels share: dispatch by instruction set, the split of rows over threads, exp, and a 16-wide vector.
#ifndef PREFIXTUNE_VECTOR_H
#define PREFIXTUNE_VECTOR_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "include/parallel.h"

/// Compiles a function once per instruction set and picks at load time. Only where the loader can do so: glibc's; and not under
/// the thread sanitizer, which is called by what picks before it is ready.
#if defined(__x86_64__) && defined(__GLIBC__) && !__has_feature(thread_sanitizer)
#define DISPATCHED __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define DISPATCHED
#endif

#define INLINE static inline __attribute__((always_inline))

/// Lets the compiler vectorise sums, in this function only: -ffast-math would break the -inf of masks.
#define REASSOCIATE _Pragma("clang fp reassociate(on) contract(fast)")

/// Sixteen floats, in whatever registers the machine has. Only inlined functions may take or return them: how others
/// would pass them depends on the instruction set, which is what the warning is about.
#pragma clang diagnostic ignored "-Wpsabi"
typedef float v16 __attribute__((ext_vector_type(16), aligned(4)));
typedef int32_t v16i __attribute__((ext_vector_type(16), aligned(4)));
typedef uint32_t u16 __attribute__((ext_vector_type(16), aligned(4)));
#define LOAD(p) (*(const v16 *)(p))
#define STORE(p, v) (*(v16 *)(p) = (v))

/// Sixteen bfloat16, which are the upper halves of floats.
typedef uint16_t h16 __attribute__((ext_vector_type(16), aligned(2)));
#define LOAD_BFLOAT16(p) ((v16)(__builtin_convertvector(*(const h16 *)(p), u16) << 16))

typedef float v8 __attribute__((ext_vector_type(8)));
typedef float v4 __attribute__((ext_vector_type(4)));
typedef float v2 __attribute__((ext_vector_type(2)));

INLINE float sum16(v16 v) {
    v8 eight = v.lo + v.hi;
    v4 four = eight.lo + eight.hi;
    v2 two = four.lo + four.hi;
    return two.x + two.y;
}

INLINE float maximum16(v16 v) {
    v8 eight = v.lo > v.hi ? v.lo : v.hi;
    v4 four = eight.lo > eight.hi ? eight.lo : eight.hi;
    v2 two = four.lo > four.hi ? four.lo : four.hi;
    return two.x > two.y ? two.x : two.y;
}

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

/// Defines e^x for floats or vectors of them, to 1 ulp or so, without branches: x = n ln 2 + r, |r| <= ln 2 / 2, an own
/// minimax fit in r, times 2^n. Beyond -87 and 88 it stays what it is there; a NaN stays one. Adding 1.5 * 2^23 + 127
/// rounds to the nearest integer n and leaves the exponent of 2^n in the lowest bits.
#define DEFINE_EXP(name, floats, integers)                              \
    INLINE floats name(floats x) {                                      \
        x = x < (floats)-87.0f ? (floats)-87.0f : x;                    \
        x = x > (floats)88.0f ? (floats)88.0f : x;                      \
        floats shifted = x * 1.44269504088896341f + 12583039.0f;        \
        floats n = shifted - 12583039.0f;                               \
        floats r = x - n * 0.693145751953125f;                          \
        r = r - n * 1.428606820309417e-6f;                              \
        floats p = r * 1.381454058e-03f + 8.368745446e-03f;             \
        p = p * r + 4.166838899e-02f;                                   \
        p = p * r + 1.666652113e-01f;                                   \
        p = p * r + 4.999999404e-01f;                                   \
        p = p * r + 1.0f;                                               \
        p = p * r + 1.0f;                                               \
        integers bits;                                                  \
        memcpy(&bits, &shifted, sizeof bits);                           \
        bits <<= 23;                                                    \
        floats scale;                                                   \
        memcpy(&scale, &bits, sizeof scale);                            \
        return p * scale;                                               \
    }

DEFINE_EXP(exp_fast, float, uint32_t)
DEFINE_EXP(exp16, v16, u16)

#endif
