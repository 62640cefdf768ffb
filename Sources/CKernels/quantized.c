#include "quantized_layout.h"

#if defined(__x86_64__) && defined(__linux__)
#include <immintrin.h>
#endif

enum {
    tile_rows = 6,    // times four vectors of sums: 24 of 32 registers
    few_rows = 12,
    chunk_rows = 96,  // rows that one panel meets at a time; their products lie on the stack
    range = 2048      // inputs that all panels meet before the next: the rows' part of them stays in a near cache
};

#define UNROLL _Pragma("clang loop unroll(full)")

/// Rows of x rounded to 8 bits.
struct rows {
    int8_t *values;  // [rows × stride], zero beyond the inputs
    float *scales;   // [rows × blocks]
    float *totals;   // [rows × blocks] of the rounded x
    int32_t *sums;   // [rows × blocks] of the values
    int64_t stride, block, blocks;
};

// ---------------------------------------------------------------------------------------------------------------------
// Inputs.

/// One block. An infinity or NaN gives the scale NaN, so that all it touches is NaN.
INLINE void round_block(
    const float *x, const float *factors, const int64_t count, int8_t *values, float *scale, int32_t *sum,
    float *total) {
    float v[block];
    int32_t most = 0;
    if (factors)
        for (int64_t i = 0; i < count; i++) v[i] = x[i] * factors[i];
    else
        for (int64_t i = 0; i < count; i++) v[i] = x[i];
    for (int64_t i = 0; i < count; i++) {
        int32_t bits;
        memcpy(&bits, v + i, 4);
        bits &= 0x7fffffff;
        most = bits > most ? bits : most;
    }
    float greatest;
    memcpy(&greatest, &most, 4);
    const bool is_finite = most < 0x7f800000;
    const float inverse = is_finite && greatest > 1e-30f ? 127.0f / greatest : 0;
    *scale = is_finite ? (inverse > 0 ? greatest / 127.0f : 0) : NAN;
    for (int64_t i = 0; i < count; i++) {
        const float shifted = v[i] * inverse + 12582912.0f;  // Adding 1.5 * 2^23 rounds to the nearest integer.
        int32_t bits;
        memcpy(&bits, &shifted, 4);
        values[i] = (int8_t)(bits - 0x4b400000);
    }
    int32_t all = 0;
    for (int64_t i = 0; i < count; i++) all += values[i];
    *sum = all;
    *total = (float)all * *scale;
}

/// Whole blocks of a known size, which lets the compiler keep one in registers. Returns where they end.
INLINE int64_t round_blocks(
    const float *x, const float *factors, int64_t inputs, const int64_t size, int8_t *values, float *scales,
    int32_t *sums, float *totals) {
    int64_t at = 0;
    for (; at + size <= inputs; at += size, values += size)
        round_block(x + at, factors ? factors + at : NULL, size, values, scales++, sums++, totals++);
    return at;
}

DISPATCHED static void round_row(
    const float *x, const float *factors, int64_t inputs, int64_t row, const struct rows *to) {
    int8_t *values = to->values + row * to->stride;
    float *scales = to->scales + row * to->blocks, *totals = to->totals + row * to->blocks;
    int32_t *sums = to->sums + row * to->blocks;
    int64_t at;
    if (factors) at = round_blocks(x, factors, inputs, block, values, scales, sums, totals);
    else if (to->block == 32) at = round_blocks(x, NULL, inputs, 32, values, scales, sums, totals);
    else if (to->block == 64) at = round_blocks(x, NULL, inputs, 64, values, scales, sums, totals);
    else at = round_blocks(x, NULL, inputs, block, values, scales, sums, totals);
    if (at == to->stride) return;
    memset(values + at, 0, (size_t)(to->stride - at));
    const int64_t b = at / to->block;
    round_block(
        x + at, factors ? factors + at : NULL, inputs - at, values + at, scales + b, sums + b, totals + b);
}

// ---------------------------------------------------------------------------------------------------------------------
// Products.

/// A product with W, or with W turned: on the way back a panel is 64 of the matrix's inputs.
struct product {
    const ptk_quantized *matrix;
    bool back, accumulate;
    int64_t inputs, outputs;  // of the product
    const float *source, *bias;
    int64_t rows, chunk, chunks;
    struct rows x;
    float *waiting;  // where inputs are cut into ranges, the sums of panels that wait for the next range
    uint8_t *turned;  // on the way back [threads × range × panel]: the weights of each thread's panel and range
    float *y;
};

/// Asks for byte `offset` of a block of stored weights: 64 outputs of the product from n on, its inputs from i on. Of a block
/// to be turned each of two panels of W has a piece; at the edges of W this may ask for something else, which does no harm.
INLINE void fetch_weights(const struct product *a, int64_t n, int64_t i, int64_t offset) {
    const int64_t piece = a->matrix->bits == 8 ? panel * panel : panel * panel / 2;
    const uint8_t *at = a->back ? place(a->matrix, i + (offset >= piece ? panel : 0), n) + (offset & (piece - 1))
                                : place(a->matrix, n, i) + offset;
    __builtin_prefetch(at, 0, 2);
}

#define NAME(name) name##_portable
#define TARGET
#define WITH_AVX2 0
#define WITH_F16C 0
#define WITH_VNNI 0
#include "quantized_scales.h"
#include "quantized_turn.h"
#include "quantized_tile.h"
#undef NAME
#undef TARGET
#undef WITH_AVX2
#undef WITH_F16C

#if defined(__x86_64__) && defined(__linux__)
#define NAME(name) name##_avx2
#define TARGET __attribute__((target("avx2,fma,f16c")))
#define WITH_AVX2 1
#define WITH_F16C 1
#include "quantized_scales.h"
#include "quantized_turn.h"
#include "quantized_tile.h"
#undef NAME
#undef TARGET
#undef WITH_VNNI

#define NAME(name) name##_vnni
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma,f16c")))
#define WITH_VNNI 1
#include "quantized_scales.h"
#include "quantized_turn.h"
#include "quantized_tile.h"
#endif

typedef void (*panel_product)(
    const struct product *a, int64_t index, int64_t from, int64_t to, int64_t row, int64_t count, bool meet,
    uint8_t *turned, float *result);

static int most_native = 2;

void ptk_quantized_use_native(int level) { most_native = level; }

static panel_product best_product(void) {
#if defined(__x86_64__) && defined(__linux__)
    if (most_native > 1 && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return panel_rows_vnni;
    if (most_native > 0 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c"))
        return panel_rows_avx2;
#endif
    return panel_rows_portable;
}

/// y (+)= result ∘ scales (+ bias) for the outputs of one panel. On the way back the scales are in dy.
DISPATCHED static void finish(const struct product *a, int64_t index, int64_t row, int64_t count, const float *result) {
    _Pragma("clang fp contract(fast)");
    const int64_t n = index * panel, width = least(panel, a->outputs - n);
    const float *scales = !a->back && is_plain(a->matrix) ? a->matrix->back_scales + n : NULL;
    float scale[panel], bias[panel];
    for (int64_t i = 0; i < width; i++) scale[i] = scales ? scales[i] : 1;
    for (int64_t i = 0; i < width; i++) bias[i] = a->bias ? a->bias[n + i] : 0;
    for (int64_t r = 0; r < count; r++) {
        float *y = a->y + (row + r) * a->outputs + n;
        const float *from = result + r * panel;
        if (a->accumulate)
            for (int64_t i = 0; i < width; i++) y[i] += from[i] * scale[i] + bias[i];
        else
            for (int64_t i = 0; i < width; i++) y[i] = from[i] * scale[i] + bias[i];
    }
}

/// Asks for the memory of a panel's results while their sums are found: written without that, they would wait for it.
INLINE void fetch_results(const struct product *a, int64_t index, int64_t row, int64_t count) {
    const int64_t n = index * panel, width = least(panel, a->outputs - n);
    for (int64_t r = row; r < row + count; r++) {
        const float *y = a->y + r * a->outputs + n;
        for (int64_t i = 0; i < width; i += 16) __builtin_prefetch(y + i, 1);
        __builtin_prefetch(y + width - 1, 1);
    }
}

static void product_thread(void *context, int thread, int threads) {
    const struct product *a = context;
    const panel_product panel_rows = best_product();
    uint8_t *turned = a->back ? a->turned + thread * (int64_t)(range * panel) : NULL;
    int64_t begin, end;
    share(panels(a->outputs) * a->chunks, thread, threads, &begin, &end);
    _Alignas(64) float here[chunk_rows * panel];
    for (int64_t from = 0; from < a->x.stride; from += range) {
        const int64_t to = least(from + range, a->x.stride);
        for (int64_t i = begin; i < end; i++) {
            const int64_t index = i / a->chunks, row = i % a->chunks * a->chunk, count = least(a->chunk, a->rows - row);
            float *result = a->x.stride > range ? a->waiting + i * a->chunk * panel : here;
            if (to == a->x.stride) fetch_results(a, index, row, count);
            panel_rows(a, index, from, to, row, count, i == begin || row == 0, turned, result);
            if (to == a->x.stride) finish(a, index, row, count, result);
        }
    }
}

static void round_thread(void *context, int thread, int threads) {
    const struct product *a = context;
    int64_t begin, end;
    share(a->rows, thread, threads, &begin, &end);
    const float *factors = a->back ? a->matrix->back_scales : NULL;
    for (int64_t r = begin; r < end; r++) round_row(a->source + r * a->inputs, factors, a->inputs, r, &a->x);
}

/// Cuts a product whose sizes are set into chunks, and the scratch memory into parts; without it, NULL, this only counts.
/// Returns the bytes needed.
static int64_t lay_out(struct product *a, uint8_t *scratch) {
    // Rows are cut into equal chunks, of whole tiles.
    const int64_t chunks = (a->rows + chunk_rows - 1) / chunk_rows;
    a->chunk = ((a->rows + chunks - 1) / chunks + tile_rows - 1) / tile_rows * tile_rows;
    a->chunks = (a->rows + a->chunk - 1) / a->chunk;
    const int64_t stride = filled(a->inputs), size = a->back ? block : a->matrix->block;
    const int64_t blocks = (stride + size - 1) / size;
    a->x.stride = stride, a->x.block = size, a->x.blocks = blocks;
    const int64_t turned = a->back ? ptk_threads() * (int64_t)(range * panel) : 0;
    const int64_t waiting = stride > range ? 4 * panels(a->outputs) * panel * a->chunks * a->chunk : 0;
    if (scratch) {
        a->turned = scratch;
        a->waiting = (float *)(scratch + turned);
        a->x.scales = (float *)(scratch + turned + waiting);
        a->x.totals = a->x.scales + a->rows * blocks;
        a->x.sums = (int32_t *)(a->x.totals + a->rows * blocks);
        a->x.values = (int8_t *)(a->x.sums + a->rows * blocks);
    }
    return turned + waiting + a->rows * (12 * blocks + stride);
}

static struct product sized(const ptk_quantized *matrix, int64_t rows, bool back) {
    return (struct product){
        .matrix = matrix, .back = back, .inputs = back ? matrix->outputs : matrix->inputs,
        .outputs = back ? matrix->inputs : matrix->outputs, .rows = rows};
}

int64_t ptk_quantized_scratch(const ptk_quantized *matrix, int64_t rows, bool back) {
    if (rows == 0) return 0;
    struct product a = sized(matrix, rows, back);
    return lay_out(&a, NULL);
}

static void run(struct product *a, void *scratch) {
    lay_out(a, scratch);
    // Few values are not worth waking the pool.
    if (a->rows * a->inputs < 1 << 15) round_thread(a, 0, 1);
    else ptk_parallel(round_thread, a);
    if (a->rows * a->inputs * a->outputs < 1 << 15) product_thread(a, 0, 1);
    else ptk_parallel(product_thread, a);
}

void ptk_quantized_multiply(
    const ptk_quantized *matrix, const float *x, int64_t rows, const float *bias, void *scratch, float *y) {
    if (rows == 0) return;
    struct product a = sized(matrix, rows, false);
    a.source = x, a.bias = bias, a.y = y;
    run(&a, scratch);
}

void ptk_quantized_multiply_back(
    const ptk_quantized *matrix, const float *dy, int64_t rows, bool accumulate, void *scratch, float *dx) {
    if (rows == 0) return;
    struct product a = sized(matrix, rows, true);
    a.source = dy, a.accumulate = accumulate, a.y = dx;
    run(&a, scratch);
}
