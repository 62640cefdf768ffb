#include "include/compressed.h"

#include "half.h"
#include "vector.h"

#if defined(__x86_64__) && defined(__linux__)
#include <immintrin.h>
#endif

enum { few_segment = 512 };

struct few {
    const ptk_compressed *matrix;
    const float *x, *bias;
    int64_t rows;
    float *y;
};

int64_t ptk_packed_stride(int64_t inputs) { return (inputs + 31) / 32 * 16; }

INLINE float block_scale(const ptk_compressed *m, int64_t block) {
    if (m->scales) return m->scales[block];
    float scale = m->scale_values[m->scale_codes[block]] * m->outer_scales[block >> m->outer_shift];
    return scale + m->scale_offset;
}

// ---------------------------------------------------------------------------------------------------------------------
// Table look-ups and binary16 need instructions that the compiler does not find by itself, so dispatch is by hand.

#define NAME(name) name##_portable
#define TARGET
#define WITH_AVX2 0
#include "compressed_rows.h"
#undef NAME
#undef TARGET
#undef WITH_AVX2

#if defined(__x86_64__) && defined(__linux__)
#define NAME(name) name##_avx2
#define TARGET __attribute__((target("avx2,fma,f16c")))
#define WITH_AVX2 1
#include "compressed_rows.h"
#define CHOOSE(name, ...)                                                                             \
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")) \
        name##_avx2(__VA_ARGS__);                                                                     \
    else name##_portable(__VA_ARGS__)
#else
#define CHOOSE(name, ...) name##_portable(__VA_ARGS__)
#endif

// ---------------------------------------------------------------------------------------------------------------------
// Few rows.

static void few_thread(void *context, int thread, int threads) {
    struct few *a = context;
    int64_t begin, end;
    share(a->matrix->outputs, thread, threads, &begin, &end);
    CHOOSE(few, a, begin, end);
}

/// Small matrices are not worth waking the pool.
#define RUN(name, work) \
    if ((work) < 8192) name##_thread(&a, 0, 1); \
    else ptk_parallel(name##_thread, &a)

void ptk_compressed_few(const ptk_compressed *matrix, const float *x, int64_t rows, const float *bias, float *y) {
    struct few a = {.matrix = matrix, .x = x, .bias = bias, .rows = rows, .y = y};
    RUN(few, matrix->outputs * matrix->inputs);
}

// ---------------------------------------------------------------------------------------------------------------------
// Many rows. A task is a tile of one side of W and a part of the rows; each output belongs to one task, and the other
// side of W is walked in order: nothing depends on who does what. Products inside of the parallel region run on one thread.

/// A side of W in tiles of one width, a multiple of 32 and at most 256: the last may be narrower. Few tiles come in
/// fours, so that they can be shared out evenly.
INLINE int64_t tile_width(int64_t count) {
    int64_t tiles = ((count + 255) / 256 + 3) / 4 * 4;
    int64_t width = ((count + tiles - 1) / tiles + 31) / 32 * 32;
    return width < 64 ? 64 : width;
}

enum { side = 256 };

struct many {
    const ptk_compressed *matrix;
    const float *x, *bias;
    int64_t rows, tile, tiles, part, parts;
    bool accumulate;
    ptk_product product;
    float *scratch, *y;
    int status;
};

INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static void widen_tile(
    const ptk_compressed *m, int64_t row, int64_t rows, int64_t column, int64_t columns, float *tile) {
    for (int64_t r = 0; r < rows; r++) { CHOOSE(widen, m, row + r, column, columns, tile + r * columns); }
}

static void forward_task(struct many *a, int64_t n, int64_t row, int64_t rows, float *tile) {
    const ptk_compressed *m = a->matrix;
    const int64_t outputs = least(a->tile, m->outputs - n);
    float *y = a->y + row * m->outputs + n;
    if (a->bias)
        for (int64_t r = 0; r < rows; r++) memcpy(y + r * m->outputs, a->bias + n, (size_t)outputs * sizeof(float));
    for (int64_t k = 0; k < m->inputs; k += side) {
        const int64_t inputs = least(side, m->inputs - k);
        widen_tile(m, n, outputs, k, inputs, tile);
        int status = a->product(
            false, true, rows, outputs, inputs, a->x + row * m->inputs + k, m->inputs, tile, inputs, k > 0 || a->bias, y,
            m->outputs);
        if (status) a->status = status;
    }
}

static void backward_task(struct many *a, int64_t k, int64_t row, int64_t rows, float *tile) {
    const ptk_compressed *m = a->matrix;
    const int64_t inputs = least(a->tile, m->inputs - k);
    for (int64_t n = 0; n < m->outputs; n += side) {
        const int64_t outputs = least(side, m->outputs - n);
        widen_tile(m, n, outputs, k, inputs, tile);
        int status = a->product(
            false, false, rows, inputs, outputs, a->x + row * m->outputs + n, m->outputs, tile, inputs,
            n > 0 || a->accumulate, a->y + row * m->inputs + k, m->inputs);
        if (status) a->status = status;
    }
}

#define MANY_THREAD(name, task)                                                                  \
    static void name##_thread(void *context, int thread, int threads) {                          \
        struct many *a = context;                                                                \
        int64_t begin, end;                                                                      \
        share(a->tiles *a->parts, thread, threads, &begin, &end);                                \
        for (int64_t i = begin; i < end; i++) {                                                  \
            const int64_t row = i % a->parts * a->part;                                          \
            task(a, i / a->parts * a->tile, row, least(a->part, a->rows - row),                  \
                 a->scratch + thread * (int64_t)ptk_compressed_tile);                            \
        }                                                                                        \
    }

MANY_THREAD(forward, forward_task)
MANY_THREAD(backward, backward_task)

static void divide(struct many *a, int64_t extent) {
    a->tile = tile_width(extent);
    a->tiles = (extent + a->tile - 1) / a->tile;
    a->parts = (a->rows + side - 1) / side;
    a->part = a->parts ? (a->rows + a->parts - 1) / a->parts : 0;
}

int ptk_compressed_multiply(
    const ptk_compressed *matrix, const float *x, int64_t rows, const float *bias, ptk_product product, float *scratch,
    float *y) {
    struct many a = {.matrix = matrix, .x = x, .bias = bias, .rows = rows, .product = product, .scratch = scratch, .y = y};
    divide(&a, matrix->outputs);
    ptk_parallel(forward_thread, &a);
    return a.status;
}

int ptk_compressed_multiply_back(
    const ptk_compressed *matrix, const float *dy, int64_t rows, bool accumulate, ptk_product product, float *scratch,
    float *dx) {
    struct many a = {.matrix = matrix, .x = dy, .rows = rows, .accumulate = accumulate, .product = product,
                     .scratch = scratch, .y = dx};
    divide(&a, matrix->inputs);
    ptk_parallel(backward_thread, &a);
    return a.status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Single rows.

struct gather {
    const ptk_compressed *matrix;
    const int32_t *indices;
    int64_t count;
    float *out;
};

static void gather_thread(void *context, int thread, int threads) {
    struct gather *a = context;
    int64_t begin, end;
    share(a->count, thread, threads, &begin, &end);
    const int64_t width = a->matrix->inputs;
    for (int64_t i = begin; i < end; i++) { CHOOSE(widen, a->matrix, a->indices[i], 0, width, a->out + i * width); }
}

void ptk_compressed_gather(const ptk_compressed *matrix, const int32_t *indices, int64_t count, float *out) {
    struct gather a = {.matrix = matrix, .indices = indices, .count = count, .out = out};
    RUN(gather, count * matrix->inputs);
}

// ---------------------------------------------------------------------------------------------------------------------
// Layouts of files.

/// Sets input i of a packed row that was zero.
INLINE void put(uint8_t *row, int64_t i, uint32_t code) {
    row[i / 32 * 16 + i % 16] |= (uint8_t)(code << (i % 32 < 16 ? 0 : 4));
}

void ptk_pack_flat(const uint8_t *source, int64_t outputs, int64_t inputs, uint8_t *packed) {
    const int64_t stride = ptk_packed_stride(inputs);
    memset(packed, 0, (size_t)(outputs * stride));
    for (int64_t n = 0; n < outputs; n++)
        for (int64_t i = 0; i < inputs; i++) {
            const int64_t at = n * inputs + i;
            put(packed + n * stride, i, source[at / 2] >> (at % 2 ? 0 : 4) & 15);
        }
}

/// The place of output 8c + j in word c.
static const int place[8] = {0, 4, 1, 5, 2, 6, 3, 7};

INLINE uint32_t interleaved(const uint8_t *source, int64_t outputs, int64_t row, int64_t output) {
    const int at = place[output % 8];
    return source[row * (outputs / 2) + output / 8 * 4 + at / 2] >> (at % 2 * 4) & 15;
}

void ptk_pack_interleaved(const uint8_t *source, int64_t outputs, int64_t inputs, uint8_t *packed) {
    const int64_t stride = ptk_packed_stride(inputs);
    memset(packed, 0, (size_t)(outputs * stride));
    for (int64_t from = 0; from < outputs; from += 64)  // A cache line of every row at a time.
        for (int64_t i = 0; i < inputs; i++)
            for (int64_t n = from; n < from + 64 && n < outputs; n++)
                put(packed + n * stride, i, interleaved(source, outputs, i, n));
}

void ptk_unpack_interleaved(
    const uint8_t *source, int64_t outputs, int64_t inputs, int64_t first, int64_t rows, int8_t *q) {
    for (int64_t from = 0; from < rows; from += 64)
        for (int64_t i = 0; i < inputs; i++)
            for (int64_t n = from; n < from + 64 && n < rows; n++)
                q[n * inputs + i] = (int8_t)interleaved(source, outputs, i, first + n);
}

void ptk_unpack_zeros(const uint8_t *source, int64_t outputs, int64_t groups, uint8_t *zeros) {
    for (int64_t g = 0; g < groups; g++)
        for (int64_t n = 0; n < outputs; n++) zeros[n * groups + g] = (uint8_t)interleaved(source, outputs, g, n);
}

void ptk_transpose_16(const void *source, int64_t rows, int64_t columns, void *transposed) {
    const uint16_t *from = source;
    uint16_t *to = transposed;
    for (int64_t row = 0; row < rows; row += 32)
        for (int64_t c = 0; c < columns; c++)
            for (int64_t r = row; r < row + 32 && r < rows; r++) to[c * rows + r] = from[r * columns + c];
}
