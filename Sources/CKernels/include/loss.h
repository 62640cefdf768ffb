/// Softmax, cross-entropy, and their gradient in one pass over a row of logits.
#ifndef PREFIXTUNE_LOSS_H
#define PREFIXTUNE_LOSS_H

#include <stdint.h>

/// loss[r] = -log softmax(logits[r])[targets[r]]. The logits become the gradient of weights[r] * loss[r] where
/// `weights` is given, and stay as they are where it is NULL.
void ptk_cross_entropy(
    float *logits, const int32_t *targets, const float *weights, int64_t rows, int64_t vocabulary, float *loss);

/// Each row of logits becomes its log-probabilities: x - log sum exp x.
void ptk_log_softmax(float *logits, int64_t rows, int64_t vocabulary);

#endif
