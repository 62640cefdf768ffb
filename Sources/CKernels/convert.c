#include "convert.h"

#include <string.h>

// The loader picks one of the versions: glibc's can, but not under the thread sanitizer (see vector.h).
#if defined(__x86_64__) && defined(__GLIBC__) && !__has_feature(thread_sanitizer)
#define PTK_CLONES __attribute__((target_clones("default", "avx2", "arch=x86-64-v4")))
#else
#define PTK_CLONES
#endif

// Element types that may lie at any address: the compiler then emits unaligned vector loads.
typedef uint16_t loose_u16 __attribute__((aligned(1), may_alias));
typedef double loose_f64 __attribute__((aligned(1), may_alias));

static inline float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

void ptk_f32_to_f32(const void *source, float *destination, size_t count) {
    memcpy(destination, source, count * sizeof(float));
}

// Moving the 15 magnitude bits to float32's place leaves the exponent 112 too small. Infinity and NaN need 112 more;
// subnormals become normal numbers by borrowing one exponent step and subtracting it again as a float (exact).
PTK_CLONES
void ptk_f16_to_f32(const void *source, float *destination, size_t count) {
    const loose_u16 *from = source;
    const uint32_t rebias = 112u << 23;
    const float borrowed = 0x1p-14f;
    for (size_t i = 0; i < count; i++) {
        uint32_t half = from[i];
        uint32_t magnitude = half & 0x7fffu;
        uint32_t normal = (magnitude << 13) + rebias;
        uint32_t special = normal + rebias;
        uint32_t subnormal = bits_of(float_of(normal + (1u << 23)) - borrowed);
        uint32_t bits = magnitude >= 0x7c00u ? special : normal;
        bits = magnitude < 0x0400u ? subnormal : bits;
        destination[i] = float_of(bits | (half & 0x8000u) << 16);
    }
}

PTK_CLONES
void ptk_bf16_to_f32(const void *source, float *destination, size_t count) {
    const loose_u16 *from = source;
    for (size_t i = 0; i < count; i++) destination[i] = float_of((uint32_t)from[i] << 16);
}

PTK_CLONES
void ptk_f64_to_f32(const void *source, float *destination, size_t count) {
    const loose_f64 *from = source;
    for (size_t i = 0; i < count; i++) destination[i] = (float)from[i];
}

// Normal results: add half a unit of the 13 bits that go, less one where the kept part is even (ties to even).
// Subnormal results: adding 0.5 lets the float adder shift and round; the sum's low bits are the answer.
PTK_CLONES
void ptk_f32_to_f16(const float *source, uint16_t *destination, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = bits_of(source[i]);
        uint32_t magnitude = bits & 0x7fffffffu;
        uint32_t normal = (magnitude - (112u << 23) + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
        uint32_t subnormal = bits_of(float_of(magnitude) + 0.5f) - bits_of(0.5f);
        uint32_t half = magnitude < 0x38800000u ? subnormal : normal;
        half = magnitude >= 0x47800000u ? 0x7c00u : half;
        half = magnitude > 0x7f800000u ? 0x7e00u : half;
        destination[i] = (uint16_t)(half | (bits >> 16 & 0x8000u));
    }
}

// Searches by blocks: a block is summed up without a branch, and only the block that holds a hit is walked.
#define PTK_FIRST_WHERE(condition)                                              \
    const size_t block = 512;                                                   \
    for (size_t start = 0; start < count; start += block) {                     \
        size_t end = count - start < block ? count : start + block;             \
        uint32_t hits = 0;                                                      \
        for (size_t i = start; i < end; i++) {                                  \
            uint32_t magnitude = bits_of(values[i]) & 0x7fffffffu;              \
            hits |= (uint32_t)(condition);                                      \
        }                                                                       \
        if (!hits) continue;                                                    \
        for (size_t i = start; i < end; i++) {                                  \
            uint32_t magnitude = bits_of(values[i]) & 0x7fffffffu;              \
            if (condition) return i;                                            \
        }                                                                       \
    }                                                                           \
    return count;

PTK_CLONES
size_t ptk_first_not_finite(const float *values, size_t count) { PTK_FIRST_WHERE(magnitude >= 0x7f800000u) }

// 0x477ff000 is 65,520: halfway between the largest binary16 and what would come next.
PTK_CLONES
size_t ptk_first_beyond_f16(const float *values, size_t count) {
    PTK_FIRST_WHERE((magnitude >= 0x477ff000u) & (magnitude < 0x7f800000u))
}
