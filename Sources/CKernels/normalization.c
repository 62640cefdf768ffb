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
