/// Products with constant matrices of 8-bit or 4-bit integers by vectors that are rounded to 8 bits on the way.
///
/// Weights: w[n, i] = q · scale, where 8-bit integers (−127…127) have one scale per output n, and 4-bit integers (−8…7) one
/// per output and group of 32 inputs. Inputs: each row of x is cut into blocks of 128 inputs, and each block is rounded to
/// −127…127 with a scale of its own, so that an outlier spoils the precision of its own block only (cf. Dettmers et al.
/// 2022, "LLM.int8()", which keeps outliers in 16 bits). Sums are exact in 32-bit integers within a block (or group), and
/// added up in floats. Results do not depend on the number of threads.
///
/// On the way back dy is what is cut into blocks and rounded, after each element was multiplied by its output's scale; W is
/// turned a block at a time as it is needed. 4-bit weights become 8-bit ones on that way, t · scales[n].
#ifndef PREFIXTUNE_QUANTIZED_H
#define PREFIXTUNE_QUANTIZED_H

#include <stdbool.h>
#include <stdint.h>

#include "compressed.h"

enum {
    ptk_quantized_panel = 64,   // outputs stored together
    ptk_quantized_block = 128,  // inputs that share a scale of x
    ptk_quantized_group = 32,   // inputs that share a scale of 4-bit weights; inputs are filled up to a multiple of it
};

/// One layout serves one row and many: panels of 64 outputs, each a run of steps over the inputs. A step of 8-bit weights is
/// 4 inputs of 64 outputs, [output][input] in bytes q + 128; a step of 4-bit weights is 8 inputs, the first four in the low
/// halves, nibbles q + 8. What fills up is 0.
typedef struct {
    int bits;
    int64_t outputs, inputs;
    const uint8_t *weights;
    const float *scales;           // [outputs] and 16 bytes more; at 4 bits 8/127 of the greatest |group scale| of the output
    const uint16_t *group_scales;  // 4 bits: binary16 [panels × groups × 64]
} ptk_quantized;

/// Bytes of the weights, and of the scales of 4-bit weights.
int64_t ptk_quantized_weight_bytes(int bits, int64_t outputs, int64_t inputs);
int64_t ptk_quantized_scale_bytes(int64_t outputs, int64_t inputs);

/// Floats of scratch memory that rounding a matrix of so many inputs needs, on the threads of the pool.
int64_t ptk_quantize_scratch(int64_t inputs);

/// Rounds a matrix whose element (n, i) is source[n * output_step + i * input_step], all finite. 4-bit scales are those of
/// least squared error among some candidates. `scales` has [outputs]; `group_scales` belongs to 4 bits and is NULL at 8.
void ptk_quantize(
    int bits, const float *source, int64_t output_step, int64_t input_step, int64_t outputs, int64_t inputs,
    uint8_t *weights, float *scales, uint16_t *group_scales, float *scratch);

/// Bytes of scratch memory that a product of so many rows needs, forward or back, on the threads of the pool.
int64_t ptk_quantized_scratch(const ptk_quantized *matrix, int64_t rows, bool back);

/// y [rows × outputs] = x · Wᵀ (+ bias [outputs]); bias may be NULL.
void ptk_quantized_multiply(
    const ptk_quantized *matrix, const float *x, int64_t rows, const float *bias, void *scratch, float *y);

/// dx [rows × inputs] (+)= dy · W by 8-bit integers.
void ptk_quantized_multiply_back(
    const ptk_quantized *matrix, const float *dy, int64_t rows, bool accumulate, void *scratch, float *dx);

/// The same in 32-bit floats: tiles of W are widened into `scratch` (`ptk_compressed_tile` floats per thread) and multiplied
/// by `product`. Returns its status.
int ptk_quantized_multiply_back_floats(
    const ptk_quantized *matrix, const float *dy, int64_t rows, bool accumulate, ptk_product product, float *scratch,
    float *dx);

/// Rows of W: out [count × inputs].
void ptk_quantized_gather(const ptk_quantized *matrix, const int32_t *indices, int64_t count, float *out);

/// For tests: the kernels to use at most, if the processor has the instructions: 0 portable, 1 AVX2, 2 VNNI.
void ptk_quantized_use_native(int level);

#endif
