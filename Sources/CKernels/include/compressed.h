/// Products with matrices that stay compressed: 16-bit floats, 8-bit integers, 4-bit codes.
///
/// A matrix is held by output rows, [outputs × inputs]; y = x·Wᵀ. Sums run in an order that does not depend on the
/// number of threads.
#ifndef PREFIXTUNE_COMPRESSED_H
#define PREFIXTUNE_COMPRESSED_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    ptk_float16,   // IEEE binary16, finite
    ptk_bfloat16,  // the upper half of a float
    ptk_int8,      // w = q * scales[output]
    ptk_codes4,    // w = codes[q] * the scale of the block of the flat array
    ptk_groups4,   // w = (q - zeros[output, group]) * group_scales[output, group]
} ptk_weight_format;

/// Rows of 4-bit formats are packed in chunks of 32 inputs, the last one filled up: byte i of a chunk's 16 holds input i
/// below and input 16 + i above. All weights may be read up to 64 bytes beyond their end.
typedef struct {
    ptk_weight_format format;
    int64_t outputs, inputs;
    const uint8_t *weights;
    const float *codes;               // codes4: [16]
    int block_shift;                  // codes4: 2^block_shift elements of the flat array share a scale
    const float *scales;              // int8: [outputs]; codes4: one per block, or NULL where these are quantised:
    const uint8_t *scale_codes;       //   scale b = scale_values[scale_codes[b]] * outer_scales[b >> outer_shift] + offset
    const float *scale_values, *outer_scales;
    int outer_shift;
    float scale_offset;
    int64_t group;                    // groups4: inputs per group, a multiple of 32
    const uint16_t *group_scales;     // groups4: binary16 [outputs × groups]
    const uint8_t *zeros;             // groups4: [outputs × groups]
    const float *input_factors;       // [inputs], multiplied with the weights; or NULL
} ptk_compressed;

/// C [m × n] = op(A) · op(B) (+ C), as ptd_gemm does it; returns 0 or a status.
typedef int (*ptk_product)(
    bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b,
    int64_t ldb, bool accumulate, float *c, int64_t ldc);

/// The rows up to which `ptk_compressed_few` is the faster one.
enum { ptk_compressed_few_rows = 8 };

/// Floats that one thread needs for a tile.
enum { ptk_compressed_tile = 256 * 256 };

/// y [rows × outputs] = x·Wᵀ (+ bias [outputs]) for 1 to `ptk_compressed_few_rows` rows: the weights are read once and
/// widened in registers and the nearest cache.
void ptk_compressed_few(const ptk_compressed *matrix, const float *x, int64_t rows, const float *bias, float *y);

/// The same for many rows: tiles of W are widened into `scratch` (`ptk_compressed_tile` floats per thread) and multiplied
/// by `product`. Returns its status.
int ptk_compressed_multiply(
    const ptk_compressed *matrix, const float *x, int64_t rows, const float *bias, ptk_product product, float *scratch,
    float *y);

/// dx [rows × inputs] (+)= dy·W, likewise.
int ptk_compressed_multiply_back(
    const ptk_compressed *matrix, const float *dy, int64_t rows, bool accumulate, ptk_product product, float *scratch,
    float *dx);

/// Rows of W: out [count × inputs].
void ptk_compressed_gather(const ptk_compressed *matrix, const int32_t *indices, int64_t count, float *out);

/// Bytes of a row of a 4-bit format.
int64_t ptk_packed_stride(int64_t inputs);

/// Packs a flat array [outputs × inputs] of 4-bit codes, high half of a byte first (bitsandbytes).
void ptk_pack_flat(const uint8_t *source, int64_t outputs, int64_t inputs, uint8_t *packed);

/// Packs 32-bit words [inputs × outputs/8], where 4 bits i (from the lowest) of word c are output 8c + {0,2,4,6,1,3,5,7}[i]
/// (AutoAWQ's GEMM layout).
void ptk_pack_interleaved(const uint8_t *source, int64_t outputs, int64_t inputs, uint8_t *packed);

/// The codes of outputs first..<first + rows of such words, a byte each: q [rows × inputs].
void ptk_unpack_interleaved(
    const uint8_t *source, int64_t outputs, int64_t inputs, int64_t first, int64_t rows, int8_t *q);

/// The 4-bit zeros in the same layout, [groups × outputs/8] words, as bytes [outputs × groups].
void ptk_unpack_zeros(const uint8_t *source, int64_t outputs, int64_t groups, uint8_t *zeros);

/// [columns × rows] = [rows × columns] transposed, of 16-bit elements.
void ptk_transpose_16(const void *source, int64_t rows, int64_t columns, void *transposed);

#endif
