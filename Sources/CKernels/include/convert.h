#ifndef PTK_CONVERT_H
#define PTK_CONVERT_H

#include <stddef.h>
#include <stdint.h>

// Conversions between the number formats of checkpoint files and float32.
//
// `source` of the widening conversions may lie at any byte address: tensors in a mapped file need not be aligned.
// All widening conversions but ptk_f64_to_f32 are exact; the narrowing ones round to nearest, ties to even.
// Nothing here depends on the processor's flush-to-zero mode.

void ptk_f32_to_f32(const void *source, float *destination, size_t count);
void ptk_f16_to_f32(const void *source, float *destination, size_t count);
void ptk_bf16_to_f32(const void *source, float *destination, size_t count);
void ptk_f64_to_f32(const void *source, float *destination, size_t count);

/// IEEE binary16. Finite values from 65,520 on become infinity: look for them with ptk_first_beyond_f16 first.
void ptk_f32_to_f16(const float *source, uint16_t *destination, size_t count);

/// The index of the first NaN or infinity, or `count` where there is none.
size_t ptk_first_not_finite(const float *values, size_t count);

/// The index of the first finite value whose nearest binary16 is infinite, or `count` where there is none.
size_t ptk_first_beyond_f16(const float *values, size_t count);

#endif
