/// Layer normalisation (Ba et al. 2016): y = (x - mean) / sqrt(variance + epsilon) * gain + bias, over each row.
/// RMS normalisation (Zhang & Sennrich 2019): y = x / sqrt(mean of x² + epsilon) * gain, over each head of each row.
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

/// Head h of row r of x, y, dx and dy [rows × stride] starts at r * stride + h * width; gain: [width]; scale (= 1 / root
/// mean square): [rows × heads], kept for the way back. A whole row is one head whose width is the stride.
void ptk_rms_norm_forward(
    const float *x, const float *gain, float epsilon, int64_t rows, int64_t heads, int64_t width, int64_t stride,
    float *y, float *scale);

/// dx = scale * (dy·gain - normalised x * average(dy·gain · normalised x)); added where `accumulate`.
void ptk_rms_norm_backward(
    const float *dy, const float *x, const float *gain, const float *scale, int64_t rows, int64_t heads, int64_t width,
    int64_t stride, bool accumulate, float *dx);

/// dgain += sum over rows and heads of dy · normalised x.
void ptk_rms_norm_gain(
    const float *dy, const float *x, const float *scale, int64_t rows, int64_t heads, int64_t width, int64_t stride,
    float *dgain);

#endif
