/// The block formats of GGUF files: elements that lie together with the scales that they share.
///
/// Values are those of the reference implementation, bit for bit: (float)d · (float)scale first, then · q, then − dmin · min,
/// each rounded.
#ifndef PREFIXTUNE_BLOCKS_H
#define PREFIXTUNE_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

/// The numbers are those of the files.
typedef enum {
    ptk_q4_0 = 2,
    ptk_q4_1 = 3,
    ptk_q5_0 = 6,
    ptk_q5_1 = 7,
    ptk_q8_0 = 8,
    ptk_q2_k = 10,
    ptk_q3_k = 11,
    ptk_q4_k = 12,
    ptk_q5_k = 13,
    ptk_q6_k = 14,
    ptk_iq4_nl = 20,
    ptk_iq4_xs = 23,
} ptk_block_format;

/// Elements, and bytes, of a block.
int ptk_block_elements(ptk_block_format format);
int ptk_block_bytes(ptk_block_format format);

/// Makes 32-bit floats of whole blocks, which may lie at any address.
void ptk_widen_blocks(ptk_block_format format, const void *source, int64_t blocks, float *values);

/// What ``ptk_split_blocks`` makes of a format: 4 or 8 bits, and whether groups have offsets.
int ptk_block_bits(ptk_block_format format);
bool ptk_block_has_offsets(ptk_block_format format);

/// Takes blocks apart: each group of 32 elements becomes integers q, a scale and, where the format has them, an offset, with
/// value = q · scale + offset. q is 0…15 with an offset and −8…7 without at 4 bits, −128…127 at 8 bits. The integers are those of the
/// file, but for the formats whose scales belong to 16 elements (Q2_K, Q3_K, Q6_K): they are rounded to 8 bits anew.
///
/// `offsets` may be NULL where the format has none.
void ptk_split_blocks(
    ptk_block_format format, const void *source, int64_t blocks, int8_t *integers, float *scales, float *offsets);

/// The first block with a scale that is NaN or infinite, or `blocks` where there is none.
int64_t ptk_first_block_not_finite(ptk_block_format format, const void *source, int64_t blocks);

#endif
