/// Element-wise activations and their derivatives.
#ifndef PREFIXTUNE_ACTIVATION_H
#define PREFIXTUNE_ACTIVATION_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    ptk_gelu_tanh,  // x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), "gelu_new"
    ptk_gelu_erf,   // x/2 (1 + erf(x / sqrt 2)), "gelu"
    ptk_relu,
    ptk_tanh,
    ptk_silu  // x / (1 + exp(-x))
} ptk_activation;

/// y = f(x), element by element; y may be x.
void ptk_activation_forward(ptk_activation kind, const float *x, int64_t count, float *y);

/// dx = dy f'(x), or dx += … where `accumulate`; dx may be dy.
void ptk_activation_backward(
    ptk_activation kind, const float *dy, const float *x, int64_t count, bool accumulate, float *dx);

/// y [rows × width] = f(gate) · up, where a row of x [rows × 2 width] is [gate | up].
void ptk_gate_forward(ptk_activation kind, const float *x, int64_t rows, int64_t width, float *y);

/// dx = [dy · up · f'(gate) | dy · f(gate)], or dx += … where `accumulate`.
void ptk_gate_backward(
    ptk_activation kind, const float *dy, const float *x, int64_t rows, int64_t width, bool accumulate, float *dx);

#endif
