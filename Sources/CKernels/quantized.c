#include "include/quantized.h"

#include "half.h"
#include "vector.h"

#if defined(__x86_64__) && defined(__linux__)
#include <immintrin.h>
#endif

enum {
    panel = ptk_quantized_panel,
    block = ptk_quantized_block,
    group = ptk_quantized_group,
    tile_rows = 6,    // times four vectors of sums: 24 of 32 registers
    chunk_rows = 96,  // rows that one panel meets at a time; their products lie on the stack
    range = 2048      // inputs that all panels meet before the next: the rows' part of them stays in a near cache
};

#define UNROLL _Pragma("clang loop unroll(full)")

INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
INLINE int64_t filled(int64_t inputs) { return (inputs + group - 1) / group * group; }
INLINE int64_t panels(int64_t outputs) { return (outputs + panel - 1) / panel; }

/// Rows of x rounded to 8 bits.
struct rows {
    int8_t *values;  // [rows × stride], zero beyond the inputs
    float *scales;   // [rows × blocks]
    int32_t *sums;   // [rows × groups] of the values
    int64_t stride, blocks, groups;
};

static struct rows rows_in(void *scratch, int64_t inputs, int64_t rows) {
    const int64_t stride = filled(inputs), blocks = (stride + block - 1) / block, groups = stride / group;
    struct rows x = {.stride = stride, .blocks = blocks, .groups = groups};
    x.scales = scratch;
    x.sums = (int32_t *)(x.scales + rows * blocks);
    x.values = (int8_t *)(x.sums + rows * groups);
    return x;
}

/// Rows are cut into equal chunks, of whole tiles.
static int64_t chunk_of(int64_t rows) {
    const int64_t chunks = (rows + chunk_rows - 1) / chunk_rows;
    return ((rows + chunks - 1) / chunks + tile_rows - 1) / tile_rows * tile_rows;
}

/// Where inputs are cut into ranges, a panel's sums wait for the next range to be added.
static int64_t waiting_sums(const ptk_quantized *matrix, int64_t rows) {
    return filled(matrix->inputs) > range ? panels(matrix->outputs) * panel * (rows + chunk_of(rows)) : 0;
}

int64_t ptk_quantized_scratch(const ptk_quantized *matrix, int64_t rows) {
    const int64_t stride = filled(matrix->inputs);
    return 4 * waiting_sums(matrix, rows) + rows * (stride + (stride + block - 1) / block * 4 + stride / group * 4);
}

// ---------------------------------------------------------------------------------------------------------------------
// Inputs.

/// One block. An infinity or NaN gives the scale NaN, so that all it touches is NaN.
INLINE void round_block(
    const float *x, const float *factors, const int64_t count, int8_t *values, float *scale, int32_t *sums) {
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
    for (int64_t g = 0; g * group < count; g++) {
        int32_t sum = 0;
        for (int64_t i = g * group; i < (g + 1) * group && i < count; i++) sum += values[i];
        sums[g] = sum;
    }
}

DISPATCHED static void round_row(
    const float *x, const float *factors, int64_t inputs, int64_t row, const struct rows *to) {
    int8_t *values = to->values + row * to->stride;
    float *scales = to->scales + row * to->blocks;
    int32_t *sums = to->sums + row * to->groups;
    int64_t at = 0;
    // A known count lets the compiler keep a block in registers.
    if (factors)
        for (; at + block <= inputs; at += block)
            round_block(x + at, factors + at, block, values + at, scales + at / block, sums + at / group);
    else
        for (; at + block <= inputs; at += block)
            round_block(x + at, NULL, block, values + at, scales + at / block, sums + at / group);
    if (at == to->stride) return;
    memset(values + at, 0, (size_t)(to->stride - at));
    round_block(x + at, factors ? factors + at : NULL, inputs - at, values + at, scales + at / block, sums + at / group);
}

// ---------------------------------------------------------------------------------------------------------------------
// Products.

#define NAME(name) name##_portable
#define TARGET
#define WITH_VNNI 0
#include "quantized_tile.h"
#undef NAME
#undef TARGET
#undef WITH_VNNI

#if defined(__x86_64__) && defined(__linux__)
#define NAME(name) name##_avx2
#define TARGET __attribute__((target("avx2,fma,f16c")))
#define WITH_VNNI 0
#include "quantized_tile.h"
#undef NAME
#undef TARGET
#undef WITH_VNNI

#define NAME(name) name##_vnni
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma,f16c")))
#define WITH_VNNI 1
#include "quantized_tile.h"
#endif

typedef void (*panel_product)(
    const ptk_quantized *m, int64_t index, int64_t from, int64_t to, const struct rows *x, int64_t row, int64_t count,
    float *result);

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

struct product {
    const ptk_quantized *matrix;
    const float *source, *factors, *bias;
    int64_t rows, chunk, chunks;
    bool accumulate;
    struct rows x;
    panel_product panel_rows;
    float *waiting, *y;
};

/// y (+)= result ∘ scales (+ bias) for the outputs of one panel.
DISPATCHED static void finish(const struct product *a, int64_t index, int64_t row, int64_t count, const float *result) {
    _Pragma("clang fp contract(fast)");
    const ptk_quantized *m = a->matrix;
    const int64_t n = index * panel, width = least(panel, m->outputs - n);
    float scale[panel], bias[panel];
    for (int64_t i = 0; i < width; i++) scale[i] = m->scales && m->bits == 8 ? m->scales[n + i] : 1;
    for (int64_t i = 0; i < width; i++) bias[i] = a->bias ? a->bias[n + i] : 0;
    for (int64_t r = 0; r < count; r++) {
        float *y = a->y + (row + r) * m->outputs + n;
        const float *from = result + r * panel;
        if (a->accumulate)
            for (int64_t i = 0; i < width; i++) y[i] += from[i] * scale[i] + bias[i];
        else
            for (int64_t i = 0; i < width; i++) y[i] = from[i] * scale[i] + bias[i];
    }
}

/// Asks for the memory of a panel's results while their sums are found: written without that, they would wait for it.
INLINE void fetch_results(const struct product *a, int64_t index, int64_t row, int64_t count) {
    const int64_t n = index * panel, width = least(panel, a->matrix->outputs - n);
    for (int64_t r = row; r < row + count; r++) {
        const float *y = a->y + r * a->matrix->outputs + n;
        for (int64_t i = 0; i < width; i += 16) __builtin_prefetch(y + i, 1);
        __builtin_prefetch(y + width - 1, 1);
    }
}

static void product_thread(void *context, int thread, int threads) {
    struct product *a = context;
    int64_t begin, end;
    share(panels(a->matrix->outputs) * a->chunks, thread, threads, &begin, &end);
    _Alignas(64) float here[chunk_rows * panel];
    for (int64_t from = 0; from < a->x.stride; from += range) {
        const int64_t to = least(from + range, a->x.stride);
        for (int64_t i = begin; i < end; i++) {
            const int64_t index = i / a->chunks, row = i % a->chunks * a->chunk, count = least(a->chunk, a->rows - row);
            float *result = a->x.stride > range ? a->waiting + i * a->chunk * panel : here;
            if (to == a->x.stride) fetch_results(a, index, row, count);
            a->panel_rows(a->matrix, index, from, to, &a->x, row, count, result);
            if (to == a->x.stride) finish(a, index, row, count, result);
        }
    }
}

static void round_thread(void *context, int thread, int threads) {
    struct product *a = context;
    int64_t begin, end;
    share(a->rows, thread, threads, &begin, &end);
    const int64_t inputs = a->matrix->inputs;
    for (int64_t r = begin; r < end; r++) round_row(a->source + r * inputs, a->factors, inputs, r, &a->x);
}

void ptk_quantized_multiply(
    const ptk_quantized *matrix, const float *x, int64_t rows, const float *input_factors, const float *bias,
    bool accumulate, void *scratch, float *y) {
    if (rows == 0) return;
    struct product a = {
        .matrix = matrix, .source = x, .factors = input_factors, .bias = bias, .rows = rows, .accumulate = accumulate,
        .chunk = chunk_of(rows), .panel_rows = best_product(), .waiting = scratch, .y = y};
    a.chunks = (rows + a.chunk - 1) / a.chunk;
    a.x = rows_in(a.waiting + waiting_sums(matrix, rows), matrix->inputs, rows);
    // Few values are not worth waking the pool.
    if (rows * matrix->inputs < 1 << 15) round_thread(&a, 0, 1);
    else ptk_parallel(round_thread, &a);
    if (rows * matrix->inputs * matrix->outputs < 1 << 15) product_thread(&a, 0, 1);
    else ptk_parallel(product_thread, &a);
}

// ---------------------------------------------------------------------------------------------------------------------
// Weights as floats.

INLINE const uint8_t *place(const ptk_quantized *m, int64_t n, int64_t i) {
    const uint8_t *base = m->weights + n / panel * panel * filled(m->inputs) * m->bits / 8;
    const int64_t output = n % panel, step = m->bits == 8 ? i / 4 : i / 8;
    return base + step * 256 + output * 4 + i % 4;
}

/// `count` weights of output n from input `from` on, a multiple of 32.
static void widen(const ptk_quantized *m, int64_t n, int64_t from, int64_t count, float *out) {
    if (m->bits == 8) {
        const float scale = m->scales ? m->scales[n] : 1;
        for (int64_t i = 0; i < count; i += 4) {
            const uint8_t *four = place(m, n, from + i);
            for (int64_t j = 0; j < 4 && i + j < count; j++) out[i + j] = (float)((int)four[j] - 128) * scale;
        }
        return;
    }
    const uint16_t *scales = m->group_scales + n / panel * (filled(m->inputs) / group) * panel + n % panel;
    for (int64_t g = 0; g < count; g += group) {
        const float scale = float_of_half(scales[(from + g) / group * panel]);
        for (int64_t i = g; i < g + group && i < count; i++) {
            const int shift = (from + i) % 8 < 4 ? 0 : 4;
            out[i] = (float)((*place(m, n, from + i) >> shift & 15) - 8) * scale;
        }
    }
}

enum { side = 256 };

struct back {
    const ptk_quantized *matrix;
    const float *dy;
    int64_t rows;
    bool accumulate;
    ptk_product product;
    float *scratch, *dx;
    int status;
};

/// A thread has columns of dx to itself and walks the outputs in order: nothing depends on who does what. Products inside
/// of the parallel region run on one thread.
static void back_thread(void *context, int thread, int threads) {
    struct back *a = context;
    const ptk_quantized *m = a->matrix;
    float *tile = a->scratch + thread * (int64_t)ptk_compressed_tile;
    int64_t begin, end;
    share((m->inputs + side - 1) / side, thread, threads, &begin, &end);
    for (int64_t k = begin * side; k < least(end * side, m->inputs); k += side) {
        const int64_t inputs = least(side, m->inputs - k);
        for (int64_t n = 0; n < m->outputs; n += side) {
            const int64_t outputs = least(side, m->outputs - n);
            for (int64_t o = 0; o < outputs; o++) widen(m, n + o, k, inputs, tile + o * inputs);
            const int status = a->product(
                false, false, a->rows, inputs, outputs, a->dy + n, m->outputs, tile, inputs, n > 0 || a->accumulate,
                a->dx + k, m->inputs);
            if (status) a->status = status;
        }
    }
}

int ptk_quantized_multiply_back(
    const ptk_quantized *matrix, const float *dy, int64_t rows, bool accumulate, ptk_product product, float *scratch,
    float *dx) {
    if (rows == 0) return 0;
    struct back a = {
        .matrix = matrix, .dy = dy, .rows = rows, .accumulate = accumulate, .product = product, .scratch = scratch,
        .dx = dx};
    ptk_parallel(back_thread, &a);
    return a.status;
}

void ptk_quantized_gather(const ptk_quantized *matrix, const int32_t *indices, int64_t count, float *out) {
    for (int64_t i = 0; i < count; i++) widen(matrix, indices[i], 0, matrix->inputs, out + i * matrix->inputs);
}
