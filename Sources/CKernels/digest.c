#include "include/digest.h"

#include "vector.h"

// The accumulation is that of XXH3 (Collet 2019): a 64-bit lane takes the product of the halves of its word, after a key
// has been mixed in, and its neighbour the word itself, so that no word is lost where a half is zero. The key of a
// block depends on its number instead of on a table of secrets.

enum { BLOCK = 64 };
typedef uint64_t words __attribute__((ext_vector_type(8)));
static const uint64_t GOLDEN = 0x9e3779b97f4a7c15u;

static const uint64_t KEYS[8] = {0x8dab66c1f1b0f4b5u, 0x4c8a4e7a3c1f2e6du, 0xd3f1a2b94e5c6071u, 0x6a09e667f3bcc909u,
                                 0xbb67ae8584caa73bu, 0x3c6ef372fe94f82bu, 0xa54ff53a5f1d36f1u, 0x510e527fade682d1u};

DISPATCHED static void add_blocks(uint64_t *lanes, const unsigned char *bytes, size_t blocks, uint64_t number) {
    words sum, key;
    memcpy(&sum, lanes, BLOCK);
    memcpy(&key, KEYS, BLOCK);
    key += number * GOLDEN;
    for (size_t block = 0; block < blocks; block++, bytes += BLOCK) {
        words word;
        memcpy(&word, bytes, BLOCK);
        words x = word ^ key;
        sum += (x & 0xffffffffu) * (x >> 32) + __builtin_shufflevector(word, word, 1, 0, 3, 2, 5, 4, 7, 6);
        key += GOLDEN;
    }
    memcpy(lanes, &sum, BLOCK);
}

void ptk_digest_begin(ptk_digest *digest, uint64_t seed) {
    for (int i = 0; i < 8; i++) digest->lanes[i] = mix(seed + KEYS[i]);
    digest->length = 0;
}

void ptk_digest_add(ptk_digest *digest, const void *bytes, size_t count) {
    const unsigned char *next = bytes;
    size_t held = digest->length % BLOCK;
    uint64_t number = digest->length / BLOCK;
    digest->length += count;
    if (held > 0) {
        size_t part = count < BLOCK - held ? count : BLOCK - held;
        memcpy(digest->rest + held, next, part);
        next += part;
        count -= part;
        if (held + part < BLOCK) return;
        add_blocks(digest->lanes, digest->rest, 1, number++);
    }
    add_blocks(digest->lanes, next, count / BLOCK, number);
    if (count % BLOCK > 0) memcpy(digest->rest, next + count / BLOCK * BLOCK, count % BLOCK);
}

uint64_t ptk_digest_end(const ptk_digest *digest) {
    uint64_t lanes[8];
    memcpy(lanes, digest->lanes, sizeof lanes);
    size_t held = digest->length % BLOCK;
    if (held > 0) {
        unsigned char rest[BLOCK] = {0};
        memcpy(rest, digest->rest, held);
        add_blocks(lanes, rest, 1, digest->length / BLOCK);
    }
    uint64_t result = digest->length * GOLDEN;
    for (int i = 0; i < 8; i++) result = mix(result ^ lanes[i]) + GOLDEN;
    return mix(result);
}

uint64_t ptk_digest_rows(const void *bytes, size_t rows, size_t size, size_t first, uint64_t seed) {
    const unsigned char *row = bytes;
    uint64_t sum = 0;
    for (size_t i = 0; i < rows; i++, row += size) {
        ptk_digest digest;
        ptk_digest_begin(&digest, seed + (uint64_t)(first + i) * GOLDEN);
        ptk_digest_add(&digest, row, size);
        sum += ptk_digest_end(&digest);
    }
    return sum;
}
