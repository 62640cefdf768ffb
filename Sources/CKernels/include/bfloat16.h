/// Products with matrices of bfloat16 by the instructions that multiply pairs of them and add up in 32 bits (AVX512_BF16).
///
/// A matrix is held by output rows, [outputs × inputs]; x is rounded before. A row's result depends neither on the rows beside
/// it nor on the number of threads.
#ifndef PREFIXTUNE_BFLOAT16_H
#define PREFIXTUNE_BFLOAT16_H

#include <stdbool.h>
#include <stdint.h>

/// Whether this processor has AVX512_BF16.
bool ptk_has_bfloat16(void);

/// The nearest bfloat16 of each number, ties to even. A NaN stays one; what is beyond the range becomes infinity.
void ptk_round_bfloat16(const float *values, int64_t count, uint16_t *rounded);

/// The rows up to which `ptk_bfloat16_few` is the faster one.
enum { ptk_bfloat16_few_rows = 32 };

/// y [rows × outputs] = x·Wᵀ (+ bias [outputs], or NULL): W is read once. Only where `ptk_has_bfloat16`.
void ptk_bfloat16_few(
    const uint16_t *weights, int64_t inputs, int64_t outputs, const uint16_t *x, int64_t rows, const float *bias, float *y);

#endif
