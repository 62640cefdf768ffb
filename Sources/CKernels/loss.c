#include "include/loss.h"

#include <stddef.h>

#include "vector.h"

struct arguments {
    float *logits;
    const int32_t *targets;
    const float *weights;
    int64_t rows, vocabulary;
    float *loss;
};

/// log sum exp of a row, and its maximum.
INLINE float log_sum_exp(const float *row, int64_t count) {
    REASSOCIATE
    float greatest = row[0];
    for (int64_t i = 1; i < count; i++) greatest = row[i] > greatest ? row[i] : greatest;
    // Blocks of 1,024 are summed in float and added up in double: 50,000 small terms would lose digits otherwise.
    double total = 0;
    for (int64_t from = 0; from < count; from += 1024) {
        int64_t to = from + 1024 < count ? from + 1024 : count;
        float sum = 0;
        for (int64_t i = from; i < to; i++) sum += exp_fast(row[i] - greatest);
        total += (double)sum;
    }
    return greatest + (float)log(total);
}

DISPATCHED static void cross_entropy_rows(struct arguments *a, int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
        float *row = a->logits + r * a->vocabulary;
        float normalizer = log_sum_exp(row, a->vocabulary);
        a->loss[r] = normalizer - row[a->targets[r]];
        if (!a->weights) continue;
        float weight = a->weights[r];
        for (int64_t i = 0; i < a->vocabulary; i++) row[i] = weight * exp_fast(row[i] - normalizer);
        row[a->targets[r]] -= weight;
    }
}

DISPATCHED static void log_softmax_rows(struct arguments *a, int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
        float *row = a->logits + r * a->vocabulary;
        float normalizer = log_sum_exp(row, a->vocabulary);
        for (int64_t i = 0; i < a->vocabulary; i++) row[i] -= normalizer;
    }
}

static void cross_entropy_thread(void *context, int thread, int threads) {
    struct arguments *a = context;
    int64_t begin, end;
    share(a->rows, thread, threads, &begin, &end);
    cross_entropy_rows(a, begin, end);
}

static void log_softmax_thread(void *context, int thread, int threads) {
    struct arguments *a = context;
    int64_t begin, end;
    share(a->rows, thread, threads, &begin, &end);
    log_softmax_rows(a, begin, end);
}

void ptk_cross_entropy(
    float *logits, const int32_t *targets, const float *weights, int64_t rows, int64_t vocabulary, float *loss) {
    struct arguments a = {logits, targets, weights, rows, vocabulary, loss};
    ptk_parallel(cross_entropy_thread, &a);
}

void ptk_log_softmax(float *logits, int64_t rows, int64_t vocabulary) {
    struct arguments a = {.logits = logits, .rows = rows, .vocabulary = vocabulary};
    ptk_parallel(log_softmax_thread, &a);
}
