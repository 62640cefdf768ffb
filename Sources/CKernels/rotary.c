#include "include/rotary.h"

#include "vector.h"

struct table_arguments {
    const int32_t *positions;
    const float *frequencies;
    int64_t count, half;
    float scale;
    float *table;
};

static void table_thread(void *context, int thread, int threads) {
    struct table_arguments *a = context;
    int64_t begin, end;
    share(a->count, thread, threads, &begin, &end);
    for (int64_t entry = begin; entry < end; entry++) {
        float *cosines = a->table + entry * 2 * a->half, *sines = cosines + a->half;
        for (int64_t i = 0; i < a->half; i++) {
            const float angle = (float)a->positions[entry] * a->frequencies[i];
            cosines[i] = cosf(angle) * a->scale;
            sines[i] = sinf(angle) * a->scale;
        }
    }
}

void ptk_rotary_table(
    const int32_t *positions, int64_t count, const float *frequencies, int64_t half, float scale, float *table) {
    struct table_arguments a = {.positions = positions, .frequencies = frequencies, .count = count, .half = half,
                                .scale = scale, .table = table};
    ptk_parallel(table_thread, &a);
}

struct arguments {
    const ptk_rotary *rotary;
    const float *x;
    float sign;
    bool accumulate;
    float *y;
};

INLINE void copy(const float *restrict x, int64_t count, bool accumulate, float *restrict y) {
    if (accumulate)
        for (int64_t i = 0; i < count; i++) y[i] += x[i];
    else
        for (int64_t i = 0; i < count; i++) y[i] = x[i];
}

INLINE void turn(
    const float *restrict x, int64_t half, const float *restrict cosines, const float *restrict sines, float sign,
    bool accumulate, float *restrict y) {
    _Pragma("clang fp contract(fast)");
    const float *x2 = x + half;
    float *y2 = y + half;
    if (accumulate)
        for (int64_t i = 0; i < half; i++) {
            float sine = sign * sines[i];
            y[i] += x[i] * cosines[i] - x2[i] * sine;
            y2[i] += x2[i] * cosines[i] + x[i] * sine;
        }
    else
        for (int64_t i = 0; i < half; i++) {
            float sine = sign * sines[i];
            y[i] = x[i] * cosines[i] - x2[i] * sine;
            y2[i] = x2[i] * cosines[i] + x[i] * sine;
        }
}

/// Pairs that lie side by side.
INLINE void turn_neighbours(
    const float *restrict x, int64_t half, const float *restrict cosines, const float *restrict sines, float sign,
    bool accumulate, float *restrict y) {
    _Pragma("clang fp contract(fast)");
    for (int64_t i = 0; i < half; i++) {
        const float sine = sign * sines[i], a = x[2 * i] * cosines[i] - x[2 * i + 1] * sine;
        const float b = x[2 * i + 1] * cosines[i] + x[2 * i] * sine;
        y[2 * i] = accumulate ? y[2 * i] + a : a;
        y[2 * i + 1] = accumulate ? y[2 * i + 1] + b : b;
    }
}

DISPATCHED static void rotate_rows(struct arguments *a, int64_t begin, int64_t end) {
    const ptk_rotary *rotary = a->rotary;
    const int64_t half = rotary->half, head_width = rotary->head_width, turned = rotary->heads * head_width;
    for (int64_t r = begin; r < end; r++) {
        const float *x = a->x + r * rotary->width, *cosines = rotary->table + rotary->entries[r] * 2 * half;
        float *y = a->y + r * rotary->width;
        for (int64_t h = 0; h < turned; h += head_width) {
            if (rotary->neighbours)
                turn_neighbours(x + h, half, cosines, cosines + half, a->sign, a->accumulate, y + h);
            else
                turn(x + h, half, cosines, cosines + half, a->sign, a->accumulate, y + h);
            copy(x + h + 2 * half, head_width - 2 * half, a->accumulate, y + h + 2 * half);
        }
        copy(x + turned, rotary->width - turned, a->accumulate, y + turned);
    }
}

static void rotate_thread(void *context, int thread, int threads) {
    struct arguments *a = context;
    int64_t begin, end;
    share(a->rotary->rows, thread, threads, &begin, &end);
    rotate_rows(a, begin, end);
}

void ptk_rotate(const ptk_rotary *rotary, const float *x, bool back, bool accumulate, float *y) {
    struct arguments a = {.rotary = rotary, .x = x, .sign = back ? -1 : 1, .accumulate = accumulate, .y = y};
    ptk_parallel(rotate_thread, &a);
}
