#include "include/bfloat16.h"

#include "vector.h"

#if defined(__x86_64__) && defined(__linux__)
#include <immintrin.h>
#define HAS_INSTRUCTIONS 1
#else
#define HAS_INSTRUCTIONS 0
#endif

bool ptk_has_bfloat16(void) {
#if HAS_INSTRUCTIONS
    return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#else
    return false;
#endif
}

// ---------------------------------------------------------------------------------------------------------------------
// Rounding. The processor's own instruction would take subnormals for 0.

struct rounding {
    const float *values;
    uint16_t *rounded;
    int64_t count;
};

DISPATCHED static void round_span(const float *values, int64_t count, uint16_t *rounded) {
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, values + i, sizeof bits);
        const uint32_t nearest = (bits + 0x7fffu + (bits >> 16 & 1)) >> 16, quiet = bits >> 16 | 0x40u;
        rounded[i] = (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? quiet : nearest);
    }
}

static void round_thread(void *context, int thread, int threads) {
    const struct rounding *a = context;
    int64_t begin, end;
    share((a->count + 63) / 64, thread, threads, &begin, &end);
    begin *= 64, end = end * 64 < a->count ? end * 64 : a->count;
    round_span(a->values + begin, end - begin, a->rounded + begin);
}

/// Small work is not worth waking the pool.
enum { least_shared = 32768 };

void ptk_round_bfloat16(const float *values, int64_t count, uint16_t *rounded) {
    struct rounding a = {values, rounded, count};
    if (count < least_shared) round_thread(&a, 0, 1);
    else ptk_parallel(round_thread, &a);
}

// ---------------------------------------------------------------------------------------------------------------------
// Few rows. Sixteen sums of sixteen lanes at a time, of 4 rows and 4 outputs, say; of one row eight: more streams of weights
// come slower from memory. Each sum is the product of one row and one output, and runs through the inputs in one order, whatever
// the rest is.

struct few {
    const uint16_t *weights, *x;
    int64_t inputs, outputs, rows;
    const float *bias;
    float *y;
};

#if HAS_INSTRUCTIONS
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))
#define UNROLL _Pragma("clang loop unroll(full)")
#define ADD_HALVES(a, b, low, high) (__builtin_shufflevector(a, b, low) + __builtin_shufflevector(a, b, high))
#define LOW8 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define HIGH8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
#define LOW4 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define HIGH4 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#define LOW2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define HIGH2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define LOW1 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30
#define HIGH1 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31

/// Lane i of the result is the sum of all lanes of sums[i]: halves are added until one lane is left, alike for all.
TARGET INLINE __m512 total(const __m512 *sums) {
    __m512 a[8], b[4], c[2];
    UNROLL for (int i = 0; i < 8; i++) a[i] = ADD_HALVES(sums[i], sums[i + 8], LOW8, HIGH8);
    UNROLL for (int i = 0; i < 4; i++) b[i] = ADD_HALVES(a[i], a[i + 4], LOW4, HIGH4);
    UNROLL for (int i = 0; i < 2; i++) c[i] = ADD_HALVES(b[i], b[i + 2], LOW2, HIGH2);
    return ADD_HALVES(c[0], c[1], LOW1, HIGH1);
}

#define PAIRS(p, mask) ((__m512bh)_mm512_maskz_loadu_epi16(mask, p))

/// The products of `across` rows and `down` outputs, 16 in all, from `row` and `output` on; those beyond the end are computed
/// from the last ones and left out.
TARGET INLINE void block(const struct few *a, int64_t row, int64_t output, const int across, const int down) {
    const int64_t k = a->inputs, rows = a->rows - row, outputs = a->outputs - output;
    const uint16_t *x[16], *w[16];
    __m512 sums[16];
    UNROLL for (int r = 0; r < across; r++) x[r] = a->x + (row + (r < rows ? r : rows - 1)) * k;
    UNROLL for (int n = 0; n < down; n++) w[n] = a->weights + (output + (n < outputs ? n : outputs - 1)) * k;
    UNROLL for (int i = 0; i < 16; i++) sums[i] = _mm512_setzero_ps();
    for (int64_t i = 0; i < k; i += 32) {
        const __mmask32 mask = k - i < 32 ? (1u << (k - i)) - 1 : ~0u;
        __m512bh inputs[16];
        UNROLL for (int r = 0; r < across; r++) inputs[r] = PAIRS(x[r] + i, mask);
        UNROLL for (int n = 0; n < down; n++) {
            const __m512bh weights = PAIRS(w[n] + i, mask);
            // The outputs after these lie behind them.
            if (row == 0) _mm_prefetch((const char *)(w[n] + i + down * k), _MM_HINT_T0);
            UNROLL for (int r = 0; r < across; r++)
                sums[r * down + n] = _mm512_dpbf16_ps(sums[r * down + n], inputs[r], weights);
        }
    }
    float totals[16];
    _mm512_storeu_ps(totals, total(sums));
    for (int r = 0; r < across && r < rows; r++)
        for (int n = 0; n < down && n < outputs; n++)
            a->y[(row + r) * a->outputs + output + n] = totals[r * down + n] + (a->bias ? a->bias[output + n] : 0);
}

TARGET static void few_span(const struct few *a, int64_t begin, int64_t end) {
    if (a->rows == 1)
        for (int64_t n = begin; n < end; n += 8) block(a, 0, n, 1, 8);
    else if (a->rows == 2)
        for (int64_t n = begin; n < end; n += 8) block(a, 0, n, 2, 8);
    else
        for (int64_t n = begin; n < end; n += 4)
            for (int64_t row = 0; row < a->rows; row += 4) block(a, row, n, 4, 4);
}

static void few_thread(void *context, int thread, int threads) {
    const struct few *a = context;
    int64_t begin, end;
    share((a->outputs + 15) / 16, thread, threads, &begin, &end);
    few_span(a, begin * 16, end * 16 < a->outputs ? end * 16 : a->outputs);
}
#else
static void few_thread(void *context, int thread, int threads) { (void)context, (void)thread, (void)threads; }
#endif

void ptk_bfloat16_few(
    const uint16_t *weights, int64_t inputs, int64_t outputs, const uint16_t *x, int64_t rows, const float *bias, float *y) {
    struct few a = {.weights = weights, .x = x, .inputs = inputs, .outputs = outputs, .rows = rows, .bias = bias, .y = y};
    if (inputs * outputs < least_shared) few_thread(&a, 0, 1);
    else ptk_parallel(few_thread, &a);
}
