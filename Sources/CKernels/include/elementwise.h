/// Sums, scalings, gathers and scatters.
#ifndef PREFIXTUNE_ELEMENTWISE_H
#define PREFIXTUNE_ELEMENTWISE_H

#include <stdbool.h>
#include <stdint.h>

/// z = x + y; z may be x or y.
void ptk_add(const float *x, const float *y, int64_t count, float *z);

/// y += factor x.
void ptk_add_scaled(const float *x, float factor, int64_t count, float *y);

/// x *= factor.
void ptk_scale(float *x, float factor, int64_t count);

/// z = x · y, element by element; z may be x or y.
void ptk_multiply(const float *x, const float *y, int64_t count, float *z);

/// out [columns] += the sum of the rows of x [rows × columns].
void ptk_add_row_sums(const float *x, int64_t rows, int64_t columns, float *out);

/// out[r] = table[indices[r]] (+ addend[r] where given), rows of `width`.
void ptk_gather_rows(const float *table, const int32_t *indices, int64_t rows, int64_t width, float *out);

/// table[indices[r]] += x[r]. Each thread owns a range of columns: the order of additions never depends on timing.
void ptk_scatter_add_rows(const float *x, const int32_t *indices, int64_t rows, int64_t width, float *table);

/// y = x, or y += x where `accumulate`, for blocks of columns: row r of x at x + r * x_stride, of y at y + r * y_stride.
void ptk_copy_columns(
    const float *x, int64_t x_stride, int64_t rows, int64_t width, bool accumulate, float *y, int64_t y_stride);

/// How many doubles the sum of squares needs as scratch memory.
int64_t ptk_sum_of_squares_scratch(int64_t count);

/// The sum of squares, in double precision over fixed blocks, so that it does not depend on the number of threads.
double ptk_sum_of_squares(const float *x, int64_t count, double *scratch);

/// Reads all of x on all threads, as fast as memory gives it; returns the sum of the first thread's part.
double ptk_first_sum(const float *x, int64_t count);

/// 1 where every element is finite.
int ptk_all_finite(const float *x, int64_t count);

/// mask[i] = 0 with probability p, else 1 / (1 - p); a counter-based generator: element i depends on (seed, i) only.
void ptk_dropout_mask(uint64_t seed, float p, int64_t count, float *mask);

#endif
