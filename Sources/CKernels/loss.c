#include "include/loss.h"

#include <float.h>
#include <stddef.h>

#include "vector.h"

struct arguments {
    float *logits;
    const int32_t *targets;
    const float *weights;
    int64_t rows, vocabulary;
    float *loss;
};

/// The greatest of `count` values and `greatest`, NaNs left out.
INLINE float maximum(const float *x, int64_t count, float greatest) {
    v16 most = greatest;
    int64_t i = 0;
    for (; i + 16 <= count; i += 16) most = LOAD(x + i) > most ? LOAD(x + i) : most;
    greatest = maximum16(most);
    for (; i < count; i++) greatest = x[i] > greatest ? x[i] : greatest;
    return greatest;
}

/// Σ exp(x - shift).
INLINE float sum_of_exponentials(const float *x, int64_t count, float shift) {
    v16 sums = 0.0f;
    int64_t i = 0;
    for (; i + 16 <= count; i += 16) sums += exp16(LOAD(x + i) - shift);
    float sum = sum16(sums);
    for (; i < count; i++) sum += exp_fast(x[i] - shift);
    return sum;
}

/// log sum exp of a row, in one pass over memory: where a block's maximum exceeds all before, their sum shrinks.
/// A NaN, or an infinity above, is left to the sums, which it makes NaN.
INLINE float log_sum_exp(const float *row, int64_t count) {
    // Blocks of 1,024 are summed in float and added up in double: 50,000 small terms would lose digits otherwise.
    float greatest = -FLT_MAX;
    double total = 0;
    for (int64_t from = 0; from < count; from += 1024) {
        const int64_t size = from + 1024 < count ? 1024 : count - from;
        const float before = greatest;
        greatest = maximum(row + from, size, before);
        if (greatest > before) total *= exp((double)before - (double)greatest);
        total += (double)sum_of_exponentials(row + from, size, greatest);
    }
    return greatest + (float)log(total);
}

/// x = weight · exp(x - normalizer).
INLINE void weigh(float *x, int64_t count, float weight, float normalizer) {
    int64_t i = 0;
    for (; i + 16 <= count; i += 16) STORE(x + i, weight * exp16(LOAD(x + i) - normalizer));
    for (; i < count; i++) x[i] = weight * exp_fast(x[i] - normalizer);
}

DISPATCHED static void cross_entropy_rows(struct arguments *a, int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
        float *row = a->logits + r * a->vocabulary;
        float normalizer = log_sum_exp(row, a->vocabulary);
        a->loss[r] = normalizer - row[a->targets[r]];
        if (!a->weights) continue;
        weigh(row, a->vocabulary, a->weights[r], normalizer);
        row[a->targets[r]] -= a->weights[r];
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
