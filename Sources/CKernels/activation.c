#include "include/activation.h"

#include "vector.h"

INLINE float sigmoid(float x) { return 1.0f / (1.0f + exp_fast(-x)); }

/// Below -20 both GELUs are 0, above 20 their slope is 1: no x³ or x² may overflow on the way to that.
INLINE float at_least(float x, float bound) { return x < bound ? bound : x; }
INLINE float at_most(float x, float bound) { return x > bound ? bound : x; }

/// erf by two own Chebyshev fits: x P(x²) below 1, 1 - exp(-Q(x)) from there to 4; greatest error 1.4e-7.
INLINE float erf_fast(float x) {
    float t = fabsf(x), s = x * x;
    float p = 7.882497107e-05f;
    p = p * s - 8.018854992e-04f;
    p = p * s + 5.189311943e-03f;
    p = p * s - 2.685432880e-02f;
    p = p * s + 1.128359746e-01f;
    p = p * s - 3.761262690e-01f;
    p = p * s + 1.128379166e+00f;
    t = t > 4.0f ? 4.0f : t;
    float q = -1.614061652e-06f;
    q = q * t + 4.559062344e-05f;
    q = q * t - 5.927695464e-04f;
    q = q * t + 4.740222383e-03f;
    q = q * t - 2.636471748e-02f;
    q = q * t + 1.099782453e-01f;
    q = q * t + 6.319370934e-01f;
    q = q * t + 1.130166676e+00f;
    q = q * t - 3.032130091e-04f;
    float far = copysignf(1.0f - exp_fast(-q), x);
    return t < 1.0f ? p * x : far;
}

/// tanh(u) = 2 sigmoid(2u) - 1, so gelu_tanh(x) = x sigmoid(2u) with 2u = 2 sqrt(2/pi) (x + 0.044715 x³).
#define TWO_ROOT 1.5957691216057308f
#define CUBIC (0.044715f * TWO_ROOT)

INLINE float value(ptk_activation kind, float x) {
    switch (kind) {
    case ptk_gelu_tanh:
        x = at_least(x, -20);
        return x * sigmoid(x * (TWO_ROOT + CUBIC * (x * x)));
    case ptk_gelu_erf:
        x = at_least(x, -20);
        return 0.5f * x * (1.0f + erf_fast(x * 0.70710678118654752f));
    case ptk_relu: return x < 0 ? 0 : x;  // In this form a NaN stays one.
    case ptk_tanh: return 1.0f - 2.0f * sigmoid(-2.0f * x);
    case ptk_silu:
        x = at_least(x, -80);
        return x * sigmoid(x);
    }
}

INLINE float derivative(ptk_activation kind, float x) {
    switch (kind) {
    case ptk_gelu_tanh: {
        x = at_most(at_least(x, -20), 20);
        // With e = exp(-2u) and s = 1 / (1 + e), s (1 - s) is e s²: 1 - s would lose the digits of a small one.
        float q = x * x, e = exp_fast(x * (-TWO_ROOT - CUBIC * q)), s = 1.0f / (1.0f + e);
        return s + x * (TWO_ROOT + 3 * CUBIC * q) * (e * s * s);
    }
    case ptk_gelu_erf:
        x = at_most(at_least(x, -20), 20);
        return 0.5f * (1.0f + erf_fast(x * 0.70710678118654752f)) +
               x * 0.3989422804014327f * exp_fast(-0.5f * x * x);
    case ptk_relu: return x > 0 ? 1 : 0;
    case ptk_tanh: {
        float y = 1.0f - 2.0f * sigmoid(-2.0f * x);
        return 1.0f - y * y;
    }
    case ptk_silu: {
        x = at_most(at_least(x, -80), 80);
        float e = exp_fast(-x), s = 1.0f / (1.0f + e);  // s (1 - s) is e s², as above.
        return s + x * (e * s * s);
    }
    }
}

struct arguments {
    const float *x, *dy;
    float *out;
    int64_t count;
    int64_t width;  // Of the gate; 0 where there is none.
    bool accumulate;
};

/// Four vectors at a time: each is a long chain of operations, and too few of them overlap where they follow each other.
#define ABREAST _Pragma("clang loop interleave_count(4)")

// One loop per activation: the kind is a constant in each, so that the loop is straight vector code.
#define LOOPS(kind)                                                                                             \
    DISPATCHED static void kind##_forward(struct arguments *a, int64_t begin, int64_t end) {                    \
        _Pragma("clang fp contract(fast)")                                                                      \
        ABREAST for (int64_t i = begin; i < end; i++) a->out[i] = value(kind, a->x[i]);                         \
    }                                                                                                           \
    DISPATCHED static void kind##_backward(struct arguments *a, int64_t begin, int64_t end) {                   \
        _Pragma("clang fp contract(fast)") if (a->accumulate) {                                                 \
            ABREAST for (int64_t i = begin; i < end; i++) a->out[i] += a->dy[i] * derivative(kind, a->x[i]);    \
        } else {                                                                                                \
            ABREAST for (int64_t i = begin; i < end; i++) a->out[i] = a->dy[i] * derivative(kind, a->x[i]);     \
        }                                                                                                       \
    }                                                                                                           \
    static void kind##_forward_thread(void *context, int thread, int threads) {                                 \
        struct arguments *a = context;                                                                          \
        int64_t begin, end;                                                                                     \
        share(a->count, thread, threads, &begin, &end);                                                         \
        kind##_forward(a, begin, end);                                                                          \
    }                                                                                                           \
    static void kind##_backward_thread(void *context, int thread, int threads) {                                \
        struct arguments *a = context;                                                                          \
        int64_t begin, end;                                                                                     \
        share(a->count, thread, threads, &begin, &end);                                                         \
        kind##_backward(a, begin, end);                                                                         \
    }

// Elements begin..<end of the gated product, a piece of a row at a time; n of them from column i of row r.
#define PIECES(begin, end, width) \
    for (int64_t at = begin, r, i, n; \
         at < end && (r = at / width, i = at % width, n = width - i < end - at ? width - i : end - at, true); at += n)

#define GATE_LOOPS(kind)                                                                          \
    DISPATCHED static void kind##_gate_forward(struct arguments *a, int64_t begin, int64_t end) { \
        _Pragma("clang fp contract(fast)") PIECES(begin, end, a->width) {                         \
            const float *gate = a->x + r * 2 * a->width + i, *up = gate + a->width;               \
            float *y = a->out + at;                                                               \
            ABREAST for (int64_t j = 0; j < n; j++) y[j] = value(kind, gate[j]) * up[j];          \
        }                                                                                         \
    }                                                                                             \
    DISPATCHED static void kind##_gate_backward(struct arguments *a, int64_t begin, int64_t end) { \
        _Pragma("clang fp contract(fast)") PIECES(begin, end, a->width) {                         \
            const float *gate = a->x + r * 2 * a->width + i, *up = gate + a->width, *dy = a->dy + at; \
            float *d_gate = a->out + r * 2 * a->width + i, *d_up = d_gate + a->width;             \
            if (a->accumulate) {                                                                  \
                ABREAST for (int64_t j = 0; j < n; j++) {                                         \
                    d_gate[j] += dy[j] * up[j] * derivative(kind, gate[j]);                       \
                    d_up[j] += dy[j] * value(kind, gate[j]);                                      \
                }                                                                                 \
            } else {                                                                              \
                ABREAST for (int64_t j = 0; j < n; j++) {                                         \
                    d_gate[j] = dy[j] * up[j] * derivative(kind, gate[j]);                        \
                    d_up[j] = dy[j] * value(kind, gate[j]);                                       \
                }                                                                                 \
            }                                                                                     \
        }                                                                                         \
    }                                                                                             \
    static void kind##_gate_forward_thread(void *context, int thread, int threads) {              \
        struct arguments *a = context;                                                            \
        int64_t begin, end;                                                                       \
        share(a->count, thread, threads, &begin, &end);                                           \
        kind##_gate_forward(a, begin, end);                                                       \
    }                                                                                             \
    static void kind##_gate_backward_thread(void *context, int thread, int threads) {             \
        struct arguments *a = context;                                                            \
        int64_t begin, end;                                                                       \
        share(a->count, thread, threads, &begin, &end);                                           \
        kind##_gate_backward(a, begin, end);                                                      \
    }

LOOPS(ptk_gelu_tanh)
LOOPS(ptk_gelu_erf)
LOOPS(ptk_relu)
LOOPS(ptk_tanh)
LOOPS(ptk_silu)
GATE_LOOPS(ptk_gelu_tanh)
GATE_LOOPS(ptk_gelu_erf)
GATE_LOOPS(ptk_relu)
GATE_LOOPS(ptk_tanh)
GATE_LOOPS(ptk_silu)

typedef void (*loop)(void *, int, int);
static const loop forward_loops[] = {
    [ptk_gelu_tanh] = ptk_gelu_tanh_forward_thread,
    [ptk_gelu_erf] = ptk_gelu_erf_forward_thread,
    [ptk_relu] = ptk_relu_forward_thread,
    [ptk_tanh] = ptk_tanh_forward_thread,
    [ptk_silu] = ptk_silu_forward_thread,
};
static const loop backward_loops[] = {
    [ptk_gelu_tanh] = ptk_gelu_tanh_backward_thread,
    [ptk_gelu_erf] = ptk_gelu_erf_backward_thread,
    [ptk_relu] = ptk_relu_backward_thread,
    [ptk_tanh] = ptk_tanh_backward_thread,
    [ptk_silu] = ptk_silu_backward_thread,
};
static const loop gate_forward_loops[] = {
    [ptk_gelu_tanh] = ptk_gelu_tanh_gate_forward_thread,
    [ptk_gelu_erf] = ptk_gelu_erf_gate_forward_thread,
    [ptk_relu] = ptk_relu_gate_forward_thread,
    [ptk_tanh] = ptk_tanh_gate_forward_thread,
    [ptk_silu] = ptk_silu_gate_forward_thread,
};
static const loop gate_backward_loops[] = {
    [ptk_gelu_tanh] = ptk_gelu_tanh_gate_backward_thread,
    [ptk_gelu_erf] = ptk_gelu_erf_gate_backward_thread,
    [ptk_relu] = ptk_relu_gate_backward_thread,
    [ptk_tanh] = ptk_tanh_gate_backward_thread,
    [ptk_silu] = ptk_silu_gate_backward_thread,
};

void ptk_activation_forward(ptk_activation kind, const float *x, int64_t count, float *y) {
    struct arguments a = {.x = x, .out = y, .count = count};
    ptk_parallel(forward_loops[kind], &a);
}

void ptk_activation_backward(
    ptk_activation kind, const float *dy, const float *x, int64_t count, bool accumulate, float *dx) {
    struct arguments a = {.x = x, .dy = dy, .out = dx, .count = count, .accumulate = accumulate};
    ptk_parallel(backward_loops[kind], &a);
}

void ptk_gate_forward(ptk_activation kind, const float *x, int64_t rows, int64_t width, float *y) {
    struct arguments a = {.x = x, .out = y, .count = rows * width, .width = width};
    ptk_parallel(gate_forward_loops[kind], &a);
}

void ptk_gate_backward(
    ptk_activation kind, const float *dy, const float *x, int64_t rows, int64_t width, bool accumulate, float *dx) {
    struct arguments a = {.x = x, .dy = dy, .out = dx, .count = rows * width, .width = width,
                          .accumulate = accumulate};
    ptk_parallel(gate_backward_loops[kind], &a);
}
