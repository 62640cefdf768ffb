#include "include/normalization.h"

#include "vector.h"

struct arguments {
    const float *x, *dy, *gain, *bias;
    float epsilon;
    int64_t rows, width;
    bool accumulate;
    float *y, *mean, *scale, *dx, *dgain, *dbias;
};

DISPATCHED static void forward_rows(struct arguments *a, int64_t begin, int64_t end) {
    REASSOCIATE
    for (int64_t r = begin; r < end; r++) {
        const float *x = a->x + r * a->width;
        float *y = a->y + r * a->width;
        float sum = 0;
        for (int64_t i = 0; i < a->width; i++) sum += x[i];
        float mean = sum / (float)a->width, squares = 0;
        for (int64_t i = 0; i < a->width; i++) squares += (x[i] - mean) * (x[i] - mean);
        float scale = 1.0f / sqrtf(squares / (float)a->width + a->epsilon);
        for (int64_t i = 0; i < a->width; i++) y[i] = (x[i] - mean) * scale * a->gain[i] + a->bias[i];
        a->mean[r] = mean;
        a->scale[r] = scale;
    }
}

DISPATCHED static void backward_rows(struct arguments *a, int64_t begin, int64_t end) {
    REASSOCIATE
    for (int64_t r = begin; r < end; r++) {
        const float *x = a->x + r * a->width, *dy = a->dy + r * a->width, *gain = a->gain;
        float *dx = a->dx + r * a->width;
        float mean = a->mean[r], scale = a->scale[r], average = 0, correlation = 0;
        for (int64_t i = 0; i < a->width; i++) {
            float g = dy[i] * gain[i];
            average += g;
            correlation += g * (x[i] - mean);
        }
        average /= (float)a->width;
        correlation *= scale * scale / (float)a->width;
        if (a->accumulate)
            for (int64_t i = 0; i < a->width; i++)
                dx[i] += scale * (dy[i] * gain[i] - average - (x[i] - mean) * correlation);
        else
            for (int64_t i = 0; i < a->width; i++)
                dx[i] = scale * (dy[i] * gain[i] - average - (x[i] - mean) * correlation);
    }
}

// Each thread owns a range of columns, so that the sums over rows need no second pass.
DISPATCHED static void parameter_columns(struct arguments *a, int64_t begin, int64_t end) {
    for (int64_t r = 0; r < a->rows; r++) {
        const float *x = a->x + r * a->width, *dy = a->dy + r * a->width;
        float mean = a->mean[r], scale = a->scale[r];
        for (int64_t i = begin; i < end; i++) {
            a->dgain[i] += dy[i] * (x[i] - mean) * scale;
            a->dbias[i] += dy[i];
        }
    }
}

static void forward_thread(void *context, int thread, int threads) {
    struct arguments *a = context;
    int64_t begin, end;
    share(a->rows, thread, threads, &begin, &end);
    forward_rows(a, begin, end);
}

static void backward_thread(void *context, int thread, int threads) {
    struct arguments *a = context;
    int64_t begin, end;
    share(a->rows, thread, threads, &begin, &end);
    backward_rows(a, begin, end);
}

static void parameter_thread(void *context, int thread, int threads) {
    struct arguments *a = context;
    int64_t begin, end;
    share(a->width, thread, threads, &begin, &end);
    parameter_columns(a, begin, end);
}

void ptk_layer_norm_forward(
    const float *x, const float *gain, const float *bias, float epsilon, int64_t rows, int64_t width, float *y,
    float *mean, float *scale) {
    struct arguments a = {.x = x, .gain = gain, .bias = bias, .epsilon = epsilon, .rows = rows, .width = width,
                          .y = y, .mean = mean, .scale = scale};
    ptk_parallel(forward_thread, &a);
}

void ptk_layer_norm_backward(
    const float *dy, const float *x, const float *gain, const float *mean, const float *scale, int64_t rows,
    int64_t width, bool accumulate, float *dx) {
    struct arguments a = {.dy = dy, .x = x, .gain = gain, .mean = (float *)mean, .scale = (float *)scale,
                          .rows = rows, .width = width, .accumulate = accumulate, .dx = dx};
    ptk_parallel(backward_thread, &a);
}

void ptk_layer_norm_parameters(
    const float *dy, const float *x, const float *mean, const float *scale, int64_t rows, int64_t width, float *dgain,
    float *dbias) {
    struct arguments a = {.dy = dy, .x = x, .mean = (float *)mean, .scale = (float *)scale, .rows = rows,
                          .width = width, .dgain = dgain, .dbias = dbias};
    ptk_parallel(parameter_thread, &a);
}

// ---------------------------------------------------------------------------------------------------------------------
// RMS normalisation: an item is one head of one row.

struct rms_arguments {
    const float *x, *dy, *gain;
    float epsilon;
    int64_t rows, heads, width, stride;
    bool accumulate;
    float *y, *scale, *dx, *dgain;
};

INLINE int64_t offset(const struct rms_arguments *a, int64_t item) {
    return item / a->heads * a->stride + item % a->heads * a->width;
}

DISPATCHED static void rms_forward_items(struct rms_arguments *a, int64_t begin, int64_t end) {
    REASSOCIATE
    for (int64_t item = begin; item < end; item++) {
        const float *x = a->x + offset(a, item);
        float *y = a->y + offset(a, item), squares = 0;
        for (int64_t i = 0; i < a->width; i++) squares += x[i] * x[i];
        float scale = 1.0f / sqrtf(squares / (float)a->width + a->epsilon);
        for (int64_t i = 0; i < a->width; i++) y[i] = x[i] * scale * a->gain[i];
        a->scale[item] = scale;
    }
}

DISPATCHED static void rms_backward_items(struct rms_arguments *a, int64_t begin, int64_t end) {
    REASSOCIATE
    for (int64_t item = begin; item < end; item++) {
        const float *x = a->x + offset(a, item), *dy = a->dy + offset(a, item), *gain = a->gain;
        float *dx = a->dx + offset(a, item), scale = a->scale[item], correlation = 0;
        for (int64_t i = 0; i < a->width; i++) correlation += dy[i] * gain[i] * x[i];
        correlation *= scale * scale / (float)a->width;
        if (a->accumulate)
            for (int64_t i = 0; i < a->width; i++) dx[i] += scale * (dy[i] * gain[i] - x[i] * correlation);
        else
            for (int64_t i = 0; i < a->width; i++) dx[i] = scale * (dy[i] * gain[i] - x[i] * correlation);
    }
}

DISPATCHED static void rms_gain_columns(struct rms_arguments *a, int64_t begin, int64_t end) {
    for (int64_t item = 0; item < a->rows * a->heads; item++) {
        const float *x = a->x + offset(a, item), *dy = a->dy + offset(a, item);
        float scale = a->scale[item];
        for (int64_t i = begin; i < end; i++) a->dgain[i] += dy[i] * x[i] * scale;
    }
}

static void rms_forward_thread(void *context, int thread, int threads) {
    struct rms_arguments *a = context;
    int64_t begin, end;
    share(a->rows * a->heads, thread, threads, &begin, &end);
    rms_forward_items(a, begin, end);
}

static void rms_backward_thread(void *context, int thread, int threads) {
    struct rms_arguments *a = context;
    int64_t begin, end;
    share(a->rows * a->heads, thread, threads, &begin, &end);
    rms_backward_items(a, begin, end);
}

static void rms_gain_thread(void *context, int thread, int threads) {
    struct rms_arguments *a = context;
    int64_t begin, end;
    share(a->width, thread, threads, &begin, &end);
    rms_gain_columns(a, begin, end);
}

void ptk_rms_norm_forward(
    const float *x, const float *gain, float epsilon, int64_t rows, int64_t heads, int64_t width, int64_t stride,
    float *y, float *scale) {
    struct rms_arguments a = {.x = x, .gain = gain, .epsilon = epsilon, .rows = rows, .heads = heads, .width = width,
                              .stride = stride, .y = y, .scale = scale};
    ptk_parallel(rms_forward_thread, &a);
}

void ptk_rms_norm_backward(
    const float *dy, const float *x, const float *gain, const float *scale, int64_t rows, int64_t heads, int64_t width,
    int64_t stride, bool accumulate, float *dx) {
    struct rms_arguments a = {.dy = dy, .x = x, .gain = gain, .scale = (float *)scale, .rows = rows, .heads = heads,
                              .width = width, .stride = stride, .accumulate = accumulate, .dx = dx};
    ptk_parallel(rms_backward_thread, &a);
}

void ptk_rms_norm_gain(
    const float *dy, const float *x, const float *scale, int64_t rows, int64_t heads, int64_t width, int64_t stride,
    float *dgain) {
    struct rms_arguments a = {.dy = dy, .x = x, .scale = (float *)scale, .rows = rows, .heads = heads, .width = width,
                              .stride = stride, .dgain = dgain};
    ptk_parallel(rms_gain_thread, &a);
}
