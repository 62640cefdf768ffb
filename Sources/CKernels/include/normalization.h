/// Layer normalisation (Ba et al. 2016): y = (x - mean) / sqrt(variance + epsilon) * gain + bias, over each row.
#ifndef PREFIXTUNE_NORMALIZATION_H
#define PREFIXTUNE_NORMALIZATION_H

#include <stdbool.h>
#include <stdint.h>

/// x, y: [rows × width]; gain, bias: [width]; mean, scale (= 1 / standard deviation): [rows], kept for the way back.
void ptk_layer_norm_forward(
    const float *x, const float *gain, const float *bias, float epsilon, int64_t rows, int64_t width, float *y,
    float *mean, float *scale);

/// dx = scale * (dy·gain - average(dy·gain) - normalised x * average(dy·gain · normalised x)); added where `accumulate`.
void ptk_layer_norm_backward(
    const float *dy, const float *x, const float *gain, const float *mean, const float *scale, int64_t rows,
    int64_t width, bool accumulate, float *dx);

/// dgain += sum over rows of dy · normalised x, dbias += sum over rows of dy.
void ptk_layer_norm_parameters(
    const float *dy, const float *x, const float *mean, const float *scale, int64_t rows, int64_t width, float *dgain,
    float *dbias);

#endif
