
#include "half.h"
#include "quantized_layout.h"

int64_t ptk_quantized_weight_bytes(int bits, int64_t outputs, int64_t inputs) {
    return panels(outputs) * panel * filled(inputs) * bits / 8;
}

int64_t ptk_quantized_scale_bytes(int64_t outputs, int64_t inputs) {
    return panels(outputs) * panel * (filled(inputs) / group) * 2;
}

/// Adding 1.5 * 2^23 rounds to the nearest integer.
INLINE float nearest(float x) { return (x + 12582912.0f) - 12582912.0f; }
INLINE float clamped(float x, float least, float most) { return x < least ? least : x > most ? most : x; }

struct arguments {
    int bits;
    const float *source;
    int64_t output_step, input_step, outputs, inputs;
    uint8_t *weights;
    float *scales;
    uint16_t *group_scales;
    float *scratch;
};

/// 127 / the greatest magnitude: symmetric, one scale per output.
DISPATCHED static float round8(const float *w, int64_t count, uint8_t *q) {
    float most = 0;
    for (int64_t i = 0; i < count; i++) {
        const float magnitude = w[i] < 0 ? -w[i] : w[i];
        most = magnitude > most ? magnitude : most;
    }
    const float inverse = most > 1e-30f ? 127.0f / most : 0;
    for (int64_t i = 0; i < count; i++) q[i] = (uint8_t)((int)nearest(w[i] * inverse) + 128);
    return inverse > 0 ? most / 127.0f : 0;
}

/// The scale of a group of 32: among some that map its greatest weight near −8, and their mirror images near 8, that of least
/// squared error, each with the best scale for the integers it rounds to (Σ w q / Σ q²).
DISPATCHED static uint16_t round4(const float *w, uint8_t *q) {
    REASSOCIATE
    float most = 0;
    for (int i = 0; i < group; i++)
        if (fabsf(w[i]) > fabsf(most)) most = w[i];
    if (fabsf(most) < 1e-12f) {
        for (int i = 0; i < group; i++) q[i] = 8;
        return 0;
    }
    float best = -1, scale = 0;
    for (int candidate = -14; candidate <= 14; candidate++) {
        const float reach = candidate <= 0 ? -8.6f - 0.1f * (float)candidate : 6.2f + 0.1f * (float)candidate;
        const float inverse = reach / most;
        float products = 0, squares = 0;
        for (int i = 0; i < group; i++) {
            const float l = clamped(nearest(w[i] * inverse), -8, 7);
            products += w[i] * l;
            squares += l * l;
        }
        if (squares > 0 && products * products > best * squares) {
            best = products * products / squares;
            scale = products / squares;
        }
    }
    const uint16_t half = half_of_float(scale);
    const float held = float_of_half(half), inverse = held != 0 ? 1 / held : 0;
    for (int i = 0; i < group; i++) q[i] = (uint8_t)((int)clamped(nearest(w[i] * inverse), -8, 7) + 8);
    return half;
}

static void quantize_panel(const struct arguments *a, int64_t index, float *row, uint8_t *q) {
    const int64_t all = filled(a->inputs), groups = all / group;
    uint8_t *to = a->weights + index * panel * all * a->bits / 8;
    for (int64_t o = 0; o < panel; o++) {
        const int64_t n = index * panel + o;
        for (int64_t i = 0; i < all; i++)
            row[i] = n < a->outputs && i < a->inputs ? a->source[n * a->output_step + i * a->input_step] : 0;
        if (a->bits == 8) {
            const float scale = round8(row, all, q);
            if (n < a->outputs) a->scales[n] = scale;
            for (int64_t i = 0; i < all; i += 4) memcpy(to + i / 4 * 256 + o * 4, q + i, 4);
        } else {
            float greatest = 0;
            for (int64_t g = 0; g < groups; g++) {
                const uint16_t half = round4(row + g * group, q + g * group);
                a->group_scales[(index * groups + g) * panel + o] = half;
                const float scale = fabsf(float_of_half(half));
                greatest = scale > greatest ? scale : greatest;
            }
            if (n < a->outputs) a->scales[n] = greatest * (8.0f / 127.0f);
            for (int64_t i = 0; i < all; i += 8)
                for (int j = 0; j < 4; j++)
                    to[i / 8 * 256 + o * 4 + j] = (uint8_t)(q[i + j] | q[i + 4 + j] << 4);
        }
    }
}

/// Floats that a thread needs for rows of so many elements.
INLINE size_t row_scratch(size_t elements) { return (elements + (elements + 3) / 4 + 15) / 16 * 16; }

static void quantize_thread(void *context, int thread, int threads) {
    struct arguments *a = context;
    int64_t begin, end;
    share(panels(a->outputs), thread, threads, &begin, &end);
    const size_t all = (size_t)filled(a->inputs);
    // A row, and what its elements are rounded to.
    float *row = a->scratch + (size_t)thread * row_scratch(all);
    for (int64_t p = begin; p < end; p++) quantize_panel(a, p, row, (uint8_t *)(row + all));
}

int64_t ptk_quantize_scratch(int64_t inputs) { return (int64_t)row_scratch((size_t)filled(inputs)) * ptk_threads(); }

void ptk_quantize(
    int bits, const float *source, int64_t output_step, int64_t input_step, int64_t outputs, int64_t inputs,
    uint8_t *weights, float *scales, uint16_t *group_scales, float *scratch) {
    struct arguments a = {
        .bits = bits, .source = source, .output_step = output_step, .input_step = input_step, .outputs = outputs,
        .inputs = inputs, .weights = weights, .scales = scales, .group_scales = group_scales, .scratch = scratch};
    ptk_parallel(quantize_thread, &a);
}
