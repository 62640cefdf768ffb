/// A 64-bit digest of bytes, fast enough to be taken of every weight while a model is loaded.
///
/// It tells contents apart that differ by accident: another checkpoint, a damaged file. Whoever wants two contents of one
/// digest can make them; nothing here protects against intent.
#ifndef PREFIXTUNE_DIGEST_H
#define PREFIXTUNE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

/// A digest in the making, of bytes that come in parts of any size.
typedef struct {
    uint64_t lanes[8];
    uint64_t length;
    unsigned char rest[64];
} ptk_digest;

void ptk_digest_begin(ptk_digest *digest, uint64_t seed);
void ptk_digest_add(ptk_digest *digest, const void *bytes, size_t count);
uint64_t ptk_digest_end(const ptk_digest *digest);

/// The sum of the digests of rows, each with its own seed: the parts of a matrix can be added up in any order.
///
/// `first` is the number of the first row within the matrix; a row has `size` bytes.
uint64_t ptk_digest_rows(const void *bytes, size_t rows, size_t size, size_t first, uint64_t seed);

#endif
