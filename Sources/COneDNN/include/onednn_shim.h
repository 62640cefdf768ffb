/// The one door to oneDNN: matrix products with a right-hand side that is re-laid once.
///
/// oneDNN 2.x and 3.x have different C interfaces; nothing above this file knows which one is installed.
/// Every function returns 0, or oneDNN's status code. All calls come from one thread (see `Compute`).
#ifndef PREFIXTUNE_ONEDNN_SHIM_H
#define PREFIXTUNE_ONEDNN_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// A matrix B [k × n] in the layout oneDNN prefers for multiplying many rows by it.
typedef struct ptd_packed ptd_packed;

/// "2.6.3", say.
const char *ptd_version(void);

/// Re-lays B for `ptd_multiply`. `source` is row-major [k × n], or [n × k] where `transposed`.
int ptd_pack(const float *source, int64_t k, int64_t n, bool transposed, ptd_packed **result);

/// Bytes held by the re-laid matrix.
size_t ptd_packed_bytes(const ptd_packed *matrix);

void ptd_release(ptd_packed *matrix);

/// C [m × n] = A [m × k] · B (+ bias [n]) (+ C where `accumulate`). A and C have the row strides `lda` and `ldc`;
/// `bias` may be NULL. The primitives for the shapes used last are kept.
int ptd_multiply(
    const ptd_packed *matrix, const float *a, int64_t lda, int64_t m, const float *bias, bool accumulate, float *c,
    int64_t ldc);

/// C [m × n] = A [m × k] · B (+ bias [n], or NULL) (+ C where `accumulate`): A and B of bfloat16, sums and C of 32 bits, rows
/// without gaps. B is as it lies in memory, [k × n], or [n × k] where `transposed`; parts of it are re-laid at each use.
int ptd_multiply_bfloat16(
    const uint16_t *matrix, int64_t k, int64_t n, bool transposed, const uint16_t *a, int64_t m, const float *bias,
    bool accumulate, float *c);

/// How many primitives are kept for matrices of this shape.
int ptd_product_count(const ptd_packed *matrix);

/// 0 where there is memory for what `ptd_gemm` compiles at its first calls, else 1; asked for before, on one thread, since it
/// takes a microsecond.
int ptd_room(void);

/// C [m × n] = op(A) · op(B) (+ C where `accumulate`), everything row-major, nothing re-laid:
/// for matrices that change at every step.
int ptd_gemm(
    bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b,
    int64_t ldb, bool accumulate, float *c, int64_t ldc);

#endif
