/// Products with constant matrices of 8-bit or 4-bit integers in groups, by vectors that are rounded to 8 bits on the way.
///
/// Weights: w[n, i] = q · scale (+ offset), with a scale and perhaps an offset per output n and group of inputs. Inputs: each
/// row of x is cut into blocks of 128, and each block is rounded to −127…127 with a scale of its own, but for the two elements
/// of the row that are greatest by magnitude, which are multiplied in floats (cf. Dettmers et al. 2022, "LLM.int8()"): beside
/// an outlier a block would lose its precision. Sums are exact in 32-bit integers within a block or group, and added up in
/// floats. Results do not depend on the number of threads, nor those of a row on the rows beside it.
///
/// On the way back dy is what is cut into blocks, of 128, and rounded, after each element was multiplied by its output's
/// scale; W is turned a block at a time as it is needed. Weights in groups become 8-bit ones with one scale per output on
/// that way, t · back_scales[n].
#ifndef PREFIXTUNE_QUANTIZED_H
#define PREFIXTUNE_QUANTIZED_H

#include <stdbool.h>
#include <stdint.h>

#include "compressed.h"

enum {
    ptk_quantized_panel = 64,   // outputs stored together
    ptk_quantized_group = 32,   // the smallest group; inputs are filled up to a multiple of it
    ptk_quantized_block = 128,  // inputs that share a scale of x
    ptk_quantized_outer = 8,    // groups that share a scale of their scales
};

/// How numbers that belong to groups are held.
typedef enum {
    ptk_groups_none,    // not at all: 0
    ptk_groups_half,    // binary16
    ptk_groups_float,   // in 32 bits
    ptk_groups_nested,  // bytes, times a binary16 for every eight groups
} ptk_group_format;

/// Numbers of every output and group, [panels × groups × 64].
typedef struct {
    ptk_group_format format;
    void *values;
    uint16_t *outer;  // nested: [panels × ⌈groups / 8⌉ × 64]
} ptk_group_values;

/// One layout serves one row and many: panels of 64 outputs, each a run of steps over the inputs. A step of 8-bit weights is
/// 4 inputs of 64 outputs, [output][input] in bytes q + 128; a step of 4-bit weights is 8 inputs, the first four in the low
/// halves: nibbles q + 8, or q where there are offsets. What fills up is 0.
///
/// What fills the memory writes through these pointers; products only read.
typedef struct {
    int bits;
    int64_t outputs, inputs;
    int64_t group;  // inputs that share a scale: 32, 64, a multiple of 128, or 0, the whole row
    uint8_t *weights;
    ptk_group_values scales, offsets;
    float *back_scales;  // [outputs]; of 8-bit weights without offsets, a whole row in a group, the same as their scales
    const float *input_factors;  // [inputs] that x is multiplied by first; NULL: none
} ptk_quantized;

/// Bytes of the weights, of the numbers of groups, and of their outer scales.
int64_t ptk_quantized_weight_bytes(int bits, int64_t outputs, int64_t inputs);
int64_t ptk_quantized_value_bytes(ptk_group_format format, int64_t group, int64_t outputs, int64_t inputs);
int64_t ptk_quantized_outer_bytes(ptk_group_format format, int64_t group, int64_t outputs, int64_t inputs);

/// Floats of scratch memory that filling a matrix needs, on the threads of the pool.
int64_t ptk_quantize_scratch(const ptk_quantized *matrix);

/// Rounds the outputs first..<first + rows, `first` a multiple of 64, of a matrix whose element (first + n, i) is
/// source[n * output_step + i * input_step], all finite: to 8 bits without offsets, which map the greatest magnitude of a
/// group to 127, or to 4 bits with scales and offsets of least squared error among some; all binary16, or floats.
void ptk_quantize(
    const ptk_quantized *matrix, int64_t first, int64_t rows, const float *source, int64_t output_step,
    int64_t input_step, float *scratch);

/// Takes integers as they are: `q` [rows × inputs] in −128…127, of 4 bits −8…7, or 0…15 where there are offsets; `scales` and
/// `offsets` [rows × groups], all finite, `offsets` NULL where the matrix has none. Returns whether the formats hold all
/// scales and offsets exactly.
bool ptk_quantized_take(
    const ptk_quantized *matrix, int64_t first, int64_t rows, const int8_t *q, const float *scales,
    const float *offsets, float *scratch);

/// Bytes of scratch memory that a product of so many rows needs, forward or back, on the threads of the pool.
int64_t ptk_quantized_scratch(const ptk_quantized *matrix, int64_t rows, bool back);

/// y [rows × outputs] = (x ∘ input_factors) · Wᵀ (+ bias [outputs]); bias may be NULL.
void ptk_quantized_multiply(
    const ptk_quantized *matrix, const float *x, int64_t rows, const float *bias, void *scratch, float *y);

/// dx [rows × inputs] (+)= (dy · W) ∘ input_factors by 8-bit integers.
void ptk_quantized_multiply_back(
    const ptk_quantized *matrix, const float *dy, int64_t rows, bool accumulate, void *scratch, float *dx);

/// The same in 32-bit floats: tiles of W are widened into `scratch` (`ptk_compressed_tile` floats per thread) and multiplied
/// by `product`. Returns its status.
int ptk_quantized_multiply_back_floats(
    const ptk_quantized *matrix, const float *dy, int64_t rows, bool accumulate, ptk_product product, float *scratch,
    float *dx);

/// Rows of W, of which there are no factors: out [count × inputs].
void ptk_quantized_gather(const ptk_quantized *matrix, const int32_t *indices, int64_t count, float *out);

/// For tests: the kernels to use at most, if the processor has the instructions: 0 portable, 1 AVX2, 2 VNNI.
void ptk_quantized_use_native(int level);

#endif
