#ifndef PTK_FIXED_H
#define PTK_FIXED_H

#include <stdint.h>

// Sums that do not depend on the order of their addends: floats become multiples of a power of two, and integers are added.

/// The greatest |x|; infinity where an element is not finite.
float ptk_greatest_magnitude(const float *x, int64_t count);

/// sums += x * 2^exponent, rounded to integers, ties to even. No |x| * 2^exponent may be above 2^62.
void ptk_add_fixed(const float *x, int exponent, int64_t count, int64_t *sums);

/// y = sums * 2^-exponent, rounded once.
void ptk_fixed_to_floats(const int64_t *sums, int exponent, int64_t count, float *y);

#endif
