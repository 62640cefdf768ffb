// Small matrix products, part of attention.c.

/// `rows` rows of C, `vectors` vectors wide; see product. The sums stay in registers, and are enough to hide the time
/// that an addition takes.
INLINE void product_tile(
    const int rows, const int vectors, int64_t depth, const float *a, int64_t row_step, int64_t column_step,
    const float *b, int64_t ldb, bool add, float *c, int64_t ldc) {
    v16 s[8][4];
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int u = 0; u < vectors; u++) s[i][u] = add ? LOAD(c + i * ldc + 16 * u) : (v16)0.0f;
    for (int64_t k = 0; k < depth; k++) {
        v16 row[4];
        UNROLL for (int u = 0; u < vectors; u++) row[u] = LOAD(b + k * ldb + 16 * u);
        UNROLL for (int i = 0; i < rows; i++) {
            const float x = a[i * row_step + k * column_step];
            UNROLL for (int u = 0; u < vectors; u++) s[i][u] += x * row[u];
        }
    }
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int u = 0; u < vectors; u++) STORE(c + i * ldc + 16 * u, s[i][u]);
}

/// m as far as product goes.
INLINE int64_t rounded(int64_t m) { return (m + 7) / 8 * 8; }

/// C [m × n] (+)= A · B with n a multiple of 16; A's element (i, k) is a[i * row_step + k * column_step]. A and C have
/// room for m rounded up to a multiple of eight: what lies there is read and written, and has no meaning.
INLINE void product(
    int64_t m, int64_t n, int64_t depth, const float *a, int64_t row_step, int64_t column_step, const float *b,
    int64_t ldb, bool add, float *c, int64_t ldc) {
#define STRIP(rows, vectors)             \
    for (int64_t i = 0; i < m; i += rows) \
    product_tile(rows, vectors, depth, a + i * row_step, row_step, column_step, b + j, ldb, add, c + i * ldc + j, ldc)
    int64_t j = 0;
    for (; j + 64 <= n; j += 64) STRIP(4, 4);
    switch ((n - j) / 16) {
        case 3: STRIP(4, 3); break;
        case 2: STRIP(8, 2); break;
        case 1: STRIP(8, 1); break;
    }
#undef STRIP
}

/// out [16 × 16] = in [16 × 16] transposed. To interleave the first half of the rows with the second moves each bit of
/// an element's place (row, column) one up; four times, and rows and columns have changed places.
INLINE void transpose_square(const float *in, int64_t in_stride, float *out, int64_t out_stride) {
    v16 r[16], t[16];
    UNROLL for (int i = 0; i < 16; i++) r[i] = LOAD(in + i * in_stride);
    UNROLL for (int step = 0; step < 4; step++) {
        UNROLL for (int i = 0; i < 8; i++) {
            t[2 * i] = __builtin_shufflevector(r[i], r[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            t[2 * i + 1] =
                __builtin_shufflevector(r[i], r[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        }
        UNROLL for (int i = 0; i < 16; i++) r[i] = t[i];
    }
    UNROLL for (int i = 0; i < 16; i++) STORE(out + i * out_stride, r[i]);
}
