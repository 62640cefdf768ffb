#include "quantized_put.h"

int64_t ptk_quantized_weight_bytes(int bits, int64_t outputs, int64_t inputs) {
    return panels(outputs) * panel * filled(inputs) * bits / 8;
}

int64_t ptk_quantized_value_bytes(ptk_group_format format, int64_t size, int64_t outputs, int64_t inputs) {
    const int64_t count = panels(outputs) * panel * groups_of(inputs, size);
    return format == ptk_groups_none ? 0 : format == ptk_groups_nested ? count : format == ptk_groups_half ? 2 * count : 4 * count;
}

int64_t ptk_quantized_outer_bytes(ptk_group_format format, int64_t size, int64_t outputs, int64_t inputs) {
    return format == ptk_groups_nested ? panels(outputs) * panel * ((groups_of(inputs, size) + outer - 1) / outer) * 2 : 0;
}

INLINE float clamped(float x, float least, float most) { return x < least ? least : x > most ? most : x; }

/// 8 bits: the greatest magnitude becomes 127.
DISPATCHED static float round8(const float *w, int64_t count, bool half, int8_t *q) {
    float most = 0;
    for (int64_t i = 0; i < count; i++) {
        const float magnitude = w[i] < 0 ? -w[i] : w[i];
        most = magnitude > most ? magnitude : most;
    }
    float scale = most > 1e-30f ? most / 127.0f : 0;
    if (half) scale = float_of_half(half_of_float(scale));
    const float inverse = scale == 0 ? 0 : half ? 1 / scale : 127.0f / most;
    for (int64_t i = 0; i < count; i++) q[i] = (int8_t)clamped(nearest(w[i] * inverse), -127, 127);
    return scale;
}

/// 4 bits: scale and offset of least squared error among some: from ranges somewhat narrower than that of the weights, by turns the
/// nearest integers and the scale and offset that suit those best.
DISPATCHED static void round4(
    const float *w, int64_t count, bool half, int8_t *q, float *scale, float *offset) {
    REASSOCIATE
    const float top = 15, n = (float)count;
    float low = w[0], high = w[0], sum = 0;
    for (int64_t i = 0; i < count; i++) {
        low = w[i] < low ? w[i] : low;
        high = w[i] > high ? w[i] : high;
        sum += w[i];
    }
    float best = INFINITY;
    *scale = 0, *offset = half ? float_of_half(half_of_float(sum / n)) : sum / n;
    for (int candidate = 0; candidate < 5; candidate++) {
        const float shrink = 1.0f - 0.05f * (float)candidate, centre = (low + high) / 2;
        float s = (high - low) * shrink / top, o = centre + (low - centre) * shrink;
        for (int turn = 0; s > 1e-30f && turn < 5; turn++) {
            const float inverse = 1 / s;
            float ones = 0, squares = 0, products = 0;
            for (int64_t i = 0; i < count; i++) {
                const float l = clamped(nearest((w[i] - o) * inverse), 0, top);
                ones += l;
                squares += l * l;
                products += w[i] * l;
            }
            const float spread = n * squares - ones * ones;
            if (spread <= 0) break;
            s = (n * products - ones * sum) / spread;
            o = (sum - s * ones) / n;
        }
        if (half) s = float_of_half(half_of_float(s)), o = float_of_half(half_of_float(o));
        if (s <= 1e-30f) continue;
        float error = 0;
        const float inverse = 1 / s;
        for (int64_t i = 0; i < count; i++) {
            const float l = clamped(nearest((w[i] - o) * inverse), 0, top), difference = w[i] - (l * s + o);
            error += difference * difference;
        }
        if (error < best) best = error, *scale = s, *offset = o;
    }
    const float inverse = *scale > 0 ? 1 / *scale : 0;
    for (int64_t i = 0; i < count; i++) q[i] = (int8_t)clamped(nearest((w[i] - *offset) * inverse), 0, top);
}

struct filling {
    const ptk_quantized *matrix;
    int64_t first, rows;
    const float *source;  // of floats to be rounded
    int64_t output_step, input_step;
    const int8_t *q;  // or integers to be taken
    const float *scales, *offsets;
    float *scratch;
    int inexact;
};

/// Floats that a thread needs for one row: its elements, what they are rounded to, scales and offsets.
INLINE int64_t row_scratch(const ptk_quantized *m) {
    const int64_t all = filled(m->inputs);
    return (all + (all + 3) / 4 + 2 * groups_of(m->inputs, m->group) + 15) / 16 * 16;
}

/// Rounds row n of the source.
static void round_groups(const struct filling *a, int64_t n, float *w, int8_t *q, float *scales, float *offsets) {
    const ptk_quantized *m = a->matrix;
    const int64_t size = m->group ? m->group : m->inputs;
    const bool half = m->scales.format != ptk_groups_float;
    for (int64_t i = 0; i < m->inputs; i++) w[i] = a->source[n * a->output_step + i * a->input_step];
    for (int64_t i = 0, g = 0; i < m->inputs; i += size, g++) {
        const int64_t count = least(size, m->inputs - i);
        if (m->bits == 4) round4(w + i, count, half, q + i, scales + g, offsets + g);
        else scales[g] = round8(w + i, count, half, q + i);
    }
}

static void fill_thread(void *context, int thread, int threads) {
    struct filling *a = context;
    const ptk_quantized *m = a->matrix;
    const int64_t inputs = m->inputs, all = filled(inputs), groups = groups_of(inputs, m->group);
    int64_t begin, end;
    share(panels(a->rows), thread, threads, &begin, &end);
    float *w = a->scratch + thread * row_scratch(m), *scales = w + all, *offsets = scales + groups;
    int8_t *q = (int8_t *)(offsets + groups);
    for (int64_t n = begin * panel; n < end * panel; n++) {
        const bool is_there = n < a->rows;
        memset(scales, 0, (size_t)(2 * groups) * sizeof *scales);
        if (is_there && a->q) {
            memcpy(q, a->q + n * inputs, (size_t)inputs);
            memcpy(scales, a->scales + n * groups, (size_t)groups * sizeof *scales);
            if (a->offsets) memcpy(offsets, a->offsets + n * groups, (size_t)groups * sizeof *offsets);
        } else if (is_there) {
            round_groups(a, n, w, q, scales, offsets);
        }
        const int64_t from = is_there ? inputs : 0;
        memset(q + from, 0, (size_t)(all - from));
        if (!put_row(m, a->first + n, q, scales, offsets)) __atomic_store_n(&a->inexact, 1, __ATOMIC_RELAXED);
    }
}

int64_t ptk_quantize_scratch(const ptk_quantized *matrix) { return row_scratch(matrix) * ptk_threads(); }

void ptk_quantize(
    const ptk_quantized *matrix, int64_t first, int64_t rows, const float *source, int64_t output_step,
    int64_t input_step, float *scratch) {
    struct filling a = {
        .matrix = matrix, .first = first, .rows = rows, .source = source, .output_step = output_step,
        .input_step = input_step, .scratch = scratch};
    ptk_parallel(fill_thread, &a);
}

bool ptk_quantized_take(
    const ptk_quantized *matrix, int64_t first, int64_t rows, const int8_t *q, const float *scales,
    const float *offsets, float *scratch) {
    struct filling a = {
        .matrix = matrix, .first = first, .rows = rows, .q = q, .scales = scales, .offsets = offsets,
        .scratch = scratch};
    ptk_parallel(fill_thread, &a);
    return !a.inexact;
}
