// Quantised weights as floats: rows of a table, and the way back that rounds nothing.

#include "quantized_layout.h"

/// `count` weights of output n from input `from` on, a multiple of 32.
static void widen(const ptk_quantized *m, int64_t n, int64_t from, int64_t count, float *out) {
    _Pragma("clang fp contract(off)");
    const uint8_t *q = place(m, n, from);
    const int zero = zero_of(m);
    for (int64_t g = 0; g < count; g += group) {
        const int64_t index = group_at(m, from + g);
        const float scale = value_of(m, &m->scales, n, index), offset = value_of(m, &m->offsets, n, index);
        for (int64_t i = g; i < g + group && i < count; i++) {
            const int stored = m->bits == 8 ? q[i / 4 * 256 + i % 4] : q[i / 8 * 256 + i % 4] >> (i % 8 < 4 ? 0 : 4) & 15;
            out[i] = (float)(stored - zero) * scale + offset;
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
            for (int64_t o = 0; o < outputs; o++) {
                float *w = tile + o * inputs;
                widen(m, n + o, k, inputs, w);
                for (int64_t i = 0; m->input_factors && i < inputs; i++) w[i] *= m->input_factors[k + i];
            }
            const int status = a->product(
                false, false, a->rows, inputs, outputs, a->dy + n, m->outputs, tile, inputs, n > 0 || a->accumulate,
                a->dx + k, m->inputs);
            if (status) a->status = status;
        }
    }
}

int ptk_quantized_multiply_back_floats(
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
