#include "include/optimizer.h"

#include "vector.h"

struct arguments {
    const ptk_adamw_settings *settings;
    const float *g;
    int64_t count;
    float *w, *m, *v;
};

/// Sixteen elements. Vectors by hand: a loop over sqrtf, which may set errno, stays scalar.
INLINE void update(const ptk_adamw_settings *s, const float *gradient, float *w, float *m, float *v) {
    const v16 g = LOAD(gradient) * s->gradient_scale, old = LOAD(m);
    const v16 first = old + (g - old) * s->rest1;
    const v16 second = LOAD(v) * s->beta2 + s->rest2 * g * g;
    const v16 root = __builtin_elementwise_sqrt(second) / s->root_correction2;
    STORE(w, LOAD(w) * s->decay - s->step * first / (root + s->epsilon));
    STORE(m, first);
    STORE(v, second);
}

/// The last elements of a row, less than sixteen.
INLINE void update_rest(
    const ptk_adamw_settings *s, const float *g, int64_t count, float *w, float *m, float *v) {
    float rest[4][16] = {0};
    const size_t bytes = (size_t)count * sizeof(float);
    memcpy(rest[0], g, bytes);
    memcpy(rest[1], w, bytes);
    memcpy(rest[2], m, bytes);
    memcpy(rest[3], v, bytes);
    update(s, rest[0], rest[1], rest[2], rest[3]);
    memcpy(w, rest[1], bytes);
    memcpy(m, rest[2], bytes);
    memcpy(v, rest[3], bytes);
}

DISPATCHED static void adamw_range(struct arguments *a, int64_t begin, int64_t end) {
    int64_t i = begin;
    for (; i + 16 <= end; i += 16) update(a->settings, a->g + i, a->w + i, a->m + i, a->v + i);
    if (i < end) update_rest(a->settings, a->g + i, end - i, a->w + i, a->m + i, a->v + i);
}

static void adamw_thread(void *context, int thread, int threads) {
    struct arguments *a = context;
    int64_t begin, end;
    share(a->count, thread, threads, &begin, &end);
    adamw_range(a, begin, end);
}

void ptk_adamw(const ptk_adamw_settings *settings, const float *g, int64_t count, float *w, float *m, float *v) {
    struct arguments a = {settings, g, count, w, m, v};
    ptk_parallel(adamw_thread, &a);
}

// ---------------------------------------------------------------------------------------------------------------------
// Gradients that are products of two narrow matrices.

struct factored {
    const ptk_adamw_settings *settings;
    const float *left, *right;
    int64_t rank, rows, columns;
    float *w, *m, *v;
};

/// One row of the gradient is Σ left[k, row] · right[k], found in registers, 64 columns at a time.
DISPATCHED static void factored_rows(struct factored *a, int64_t begin, int64_t end) {
    _Pragma("clang fp contract(fast)");
    for (int64_t row = begin; row < end; row++) {
        const int64_t start = row * a->columns;
        float *w = a->w + start, *m = a->m + start, *v = a->v + start;
        const float *left = a->left + row;
        int64_t i = 0;
        for (; i + 64 <= a->columns; i += 64) {
            v16 g[4] = {0};
            for (int64_t k = 0; k < a->rank; k++)
                for (int u = 0; u < 4; u++) g[u] += left[k * a->rows] * LOAD(a->right + k * a->columns + i + 16 * u);
            for (int u = 0; u < 64; u += 16)
                update(a->settings, (const float *)g + u, w + i + u, m + i + u, v + i + u);
        }
        for (; i < a->columns; i += 16) {
            const int64_t count = a->columns - i < 16 ? a->columns - i : 16;
            float g[16] = {0};
            for (int64_t k = 0; k < a->rank; k++)
                for (int64_t j = 0; j < count; j++) g[j] += left[k * a->rows] * a->right[k * a->columns + i + j];
            update_rest(a->settings, g, count, w + i, m + i, v + i);
        }
    }
}

static void factored_thread(void *context, int thread, int threads) {
    struct factored *a = context;
    int64_t begin, end;
    share(a->rows, thread, threads, &begin, &end);
    factored_rows(a, begin, end);
}

void ptk_adamw_factored(
    const ptk_adamw_settings *settings, const float *left, const float *right, int64_t rank, int64_t rows,
    int64_t columns, float *w, float *m, float *v) {
    struct factored a = {settings, left, right, rank, rows, columns, w, m, v};
    ptk_parallel(factored_thread, &a);
}

DISPATCHED static void dot(const float *x, const float *y, int64_t count, double *sum) {
    REASSOCIATE
    double total = 0;
    for (int64_t i = 0; i < count; i++) total += (double)x[i] * (double)y[i];
    *sum = total;
}

double ptk_factored_sum_of_squares(
    const float *left, const float *right, int64_t rank, int64_t rows, int64_t columns) {
    double sum = 0;
    for (int64_t k = 0; k < rank; k++)
        for (int64_t l = 0; l <= k; l++) {
            double lefts, rights;
            dot(left + k * rows, left + l * rows, rows, &lefts);
            dot(right + k * columns, right + l * columns, columns, &rights);
            sum += (k == l ? 1 : 2) * lefts * rights;
        }
    return sum < 0 ? 0 : sum;  // In this form a NaN stays one.
}
