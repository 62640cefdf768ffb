/// AdamW (Loshchilov & Hutter 2019), in the order of operations of torch.optim.AdamW.
#ifndef PREFIXTUNE_OPTIMIZER_H
#define PREFIXTUNE_OPTIMIZER_H

#include <stdint.h>

typedef struct {
    /// Found in double precision, since 1 - 0.999 in float is off by 1e-5: 1 - rate * weight decay,
    /// rate / (1 - beta1^t), 1 - beta1, beta2, 1 - beta2 and sqrt(1 - beta2^t) for step t = 1, 2, …
    float decay, step, rest1, beta2, rest2, root_correction2;
    float epsilon;
    /// Multiplies the gradient first: the clipping factor.
    float gradient_scale;
} ptk_adamw_settings;

/// w, g, m, v: [count]. Updates w, m and v.
void ptk_adamw(const ptk_adamw_settings *settings, const float *g, int64_t count, float *w, float *m, float *v);

/// The same for w, m and v [rows × columns] and the gradient leftᵀ·right of left [rank × rows] and right [rank × columns],
/// which is never written to memory.
void ptk_adamw_factored(
    const ptk_adamw_settings *settings, const float *left, const float *right, int64_t rank, int64_t rows,
    int64_t columns, float *w, float *m, float *v);

/// The sum of squares of leftᵀ·right, in double precision: the sum over k and l of (left[k]·left[l]) (right[k]·right[l]).
double ptk_factored_sum_of_squares(
    const float *left, const float *right, int64_t rank, int64_t rows, int64_t columns);

#endif
