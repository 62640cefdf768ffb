/// AdamW (Loshchilov & Hutter 2019), in the order of operations of torch.optim.AdamW.
#ifndef PREFIXTUNE_OPTIMIZER_H
#define PREFIXTUNE_OPTIMIZER_H

#include <stdint.h>

typedef struct {
    float learning_rate, beta1, beta2, epsilon, weight_decay;
    /// 1 - beta1^t and sqrt(1 - beta2^t) for step t = 1, 2, …
    float correction1, root_correction2;
    /// Multiplies the gradient first: the clipping factor.
    float gradient_scale;
} ptk_adamw_settings;

/// w, g, m, v: [count]. Updates w, m and v.
void ptk_adamw(const ptk_adamw_settings *settings, const float *g, int64_t count, float *w, float *m, float *v);

#endif
