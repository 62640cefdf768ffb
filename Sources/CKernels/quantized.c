#include "quantized_layout.h"
#include "quantized_rows.h"

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
    float *factored;  // where inputs have factors [threads × stride]: a row times them
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
#include "quantized_finish.h"
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
#include "quantized_finish.h"
#include "quantized_turn.h"
#include "quantized_tile.h"
#undef NAME
#undef TARGET
#undef WITH_VNNI

#define NAME(name) name##_vnni
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma,f16c")))
#define WITH_VNNI 1
#include "quantized_scales.h"
#include "quantized_finish.h"
#include "quantized_turn.h"
#include "quantized_tile.h"
#endif

/// What the instruction sets have a version of each.
struct kernels {
    void (*panel_rows)(
        const struct product *a, int64_t index, int64_t from, int64_t to, int64_t row, int64_t count, bool meet,
        uint8_t *turned, float *result);
    void (*finish)(const struct product *a, int64_t index, int64_t row, int64_t count, const float *result);
};

static int most_native = 2;

void ptk_quantized_use_native(int level) { most_native = level; }

static struct kernels best_kernels(void) {
#if defined(__x86_64__) && defined(__linux__)
    if (most_native > 1 && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return (struct kernels){panel_rows_vnni, finish_vnni};
    if (most_native > 0 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c"))
        return (struct kernels){panel_rows_avx2, finish_avx2};
#endif
    return (struct kernels){panel_rows_portable, finish_portable};
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
    const struct kernels kernels = best_kernels();
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
            kernels.panel_rows(a, index, from, to, row, count, i == begin || row == 0, turned, result);
            if (to == a->x.stride) kernels.finish(a, index, row, count, result);
        }
    }
}

static void round_thread(void *context, int thread, int threads) {
    const struct product *a = context;
    int64_t begin, end;
    share(a->rows, thread, threads, &begin, &end);
    const float *factors = a->back ? a->matrix->back_scales : a->matrix->input_factors;
    float *factored = a->factored + thread * a->x.stride;
    for (int64_t r = begin; r < end; r++) {
        const float *x = a->source + r * a->inputs;
        if (a->back) {
            round_scaled(x, factors, a->inputs, r, &a->x);
            continue;
        }
        if (factors) {
            for (int64_t i = 0; i < a->inputs; i++) factored[i] = x[i] * factors[i];
            x = factored;
        }
        round_row(x, a->inputs, r, &a->x);
    }
}

/// Cuts a product whose sizes are set into chunks, and the scratch memory into parts; without it, NULL, this only counts.
/// Returns the bytes needed.
static int64_t lay_out(struct product *a, uint8_t *scratch) {
    // Rows are cut into equal chunks, of whole tiles.
    const int64_t chunks = (a->rows + chunk_rows - 1) / chunk_rows;
    a->chunk = ((a->rows + chunks - 1) / chunks + tile_rows - 1) / tile_rows * tile_rows;
    a->chunks = (a->rows + a->chunk - 1) / a->chunk;
    const int64_t stride = filled(a->inputs), blocks = (stride + block - 1) / block;
    const int64_t unit = !a->back && a->matrix->group && a->matrix->group < block ? a->matrix->group : block;
    const int64_t units = (stride + unit - 1) / unit;
    const int64_t outliers = a->back ? 0 : 2 * a->rows * (int64_t)sizeof(struct outlier);
    a->x.stride = stride, a->x.blocks = blocks, a->x.unit = unit, a->x.units = units;
    const int64_t turned = a->back ? ptk_threads() * (int64_t)(range * panel) : 0;
    const int64_t factored = !a->back && a->matrix->input_factors ? ptk_threads() * stride * 4 : 0;
    const int64_t waiting = stride > range ? 4 * panels(a->outputs) * panel * a->chunks * a->chunk : 0;
    if (scratch) {
        a->turned = scratch;
        a->waiting = (float *)(scratch + turned);
        a->factored = (float *)(scratch + turned + waiting);
        scratch += turned + waiting + factored;
        a->x.outliers = a->back ? NULL : (struct outlier *)scratch;
        a->x.scales = (float *)(scratch + outliers);
        a->x.totals = a->x.scales + a->rows * blocks;
        a->x.sums = (int32_t *)(a->x.totals + a->rows * units);
        a->x.values = (int8_t *)(a->x.sums + a->rows * units);
    }
    return turned + waiting + factored + outliers + a->rows * (4 * blocks + 8 * units + stride);
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
