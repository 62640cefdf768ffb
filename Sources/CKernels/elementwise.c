#include "include/elementwise.h"


#include "vector.h"

struct arguments {
    const float *x, *y;
    const int32_t *indices;
    float factor;
    float *out;
    int64_t count, width;
    uint64_t seed;
    double *partial;
};

/// Defines `name`: a loop over begin..<end and its thread entry, which splits `extent` items.
#define LOOP(name, extent, statement)                                                     \
    DISPATCHED static void name##_range(struct arguments *a, int64_t begin, int64_t end) { \
        for (int64_t i = begin; i < end; i++) { statement; }                              \
    }                                                                                     \
    static void name##_thread(void *context, int thread, int threads) {                   \
        struct arguments *a = context;                                                    \
        int64_t begin, end;                                                               \
        share(extent, thread, threads, &begin, &end);                                     \
        name##_range(a, begin, end);                                                      \
    }

LOOP(add, a->count, a->out[i] = a->x[i] + a->y[i])
LOOP(add_scaled, a->count, a->out[i] += a->factor * a->x[i])
LOOP(scale, a->count, a->out[i] *= a->factor)
LOOP(multiply, a->count, a->out[i] = a->x[i] * a->y[i])
LOOP(gather, a->count, memcpy(a->out + i * a->width, a->x + a->indices[i] * a->width, (size_t)a->width * sizeof(float)))

/// Small arrays are not worth waking the pool.
#define RUN(name, work) \
    if ((work) < 8192) name##_thread(&a, 0, 1); \
    else ptk_parallel(name##_thread, &a)

void ptk_add(const float *x, const float *y, int64_t count, float *z) {
    struct arguments a = {.x = x, .y = y, .count = count, .out = z};
    RUN(add, count);
}

void ptk_add_scaled(const float *x, float factor, int64_t count, float *y) {
    struct arguments a = {.x = x, .factor = factor, .count = count, .out = y};
    RUN(add_scaled, count);
}

void ptk_scale(float *x, float factor, int64_t count) {
    struct arguments a = {.factor = factor, .count = count, .out = x};
    RUN(scale, count);
}

void ptk_multiply(const float *x, const float *y, int64_t count, float *z) {
    struct arguments a = {.x = x, .y = y, .count = count, .out = z};
    RUN(multiply, count);
}

void ptk_gather_rows(const float *table, const int32_t *indices, int64_t rows, int64_t width, float *out) {
    struct arguments a = {.x = table, .indices = indices, .count = rows, .width = width, .out = out};
    RUN(gather, rows * width);
}

struct columns {
    const float *x;
    float *y;
    int64_t x_stride, y_stride, rows, width;
    bool accumulate;
};

DISPATCHED static void columns_range(struct columns *a, int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
        const float *restrict x = a->x + r * a->x_stride;
        float *restrict y = a->y + r * a->y_stride;
        if (a->accumulate)
            for (int64_t i = 0; i < a->width; i++) y[i] += x[i];
        else
            for (int64_t i = 0; i < a->width; i++) y[i] = x[i];
    }
}

static void columns_thread(void *context, int thread, int threads) {
    struct columns *a = context;
    int64_t begin, end;
    share(a->rows, thread, threads, &begin, &end);
    columns_range(a, begin, end);
}

void ptk_copy_columns(
    const float *x, int64_t x_stride, int64_t rows, int64_t width, bool accumulate, float *y, int64_t y_stride) {
    struct columns a = {.x = x, .y = y, .x_stride = x_stride, .y_stride = y_stride, .rows = rows, .width = width,
                        .accumulate = accumulate};
    RUN(columns, rows * width);
}

DISPATCHED static void row_sums_range(struct arguments *a, int64_t begin, int64_t end) {
    for (int64_t r = 0; r < a->count; r++)
        for (int64_t i = begin; i < end; i++) a->out[i] += a->x[r * a->width + i];
}

static void row_sums_thread(void *context, int thread, int threads) {
    struct arguments *a = context;
    int64_t begin, end;
    share(a->width, thread, threads, &begin, &end);
    row_sums_range(a, begin, end);
}

void ptk_add_row_sums(const float *x, int64_t rows, int64_t columns, float *out) {
    struct arguments a = {.x = x, .count = rows, .width = columns, .out = out};
    RUN(row_sums, rows * columns);
}

DISPATCHED static void scatter_range(struct arguments *a, int64_t begin, int64_t end) {
    for (int64_t r = 0; r < a->count; r++) {
        float *row = a->out + a->indices[r] * a->width;
        for (int64_t i = begin; i < end; i++) row[i] += a->x[r * a->width + i];
    }
}

static void scatter_thread(void *context, int thread, int threads) {
    struct arguments *a = context;
    int64_t begin, end;
    share(a->width, thread, threads, &begin, &end);
    scatter_range(a, begin, end);
}

void ptk_scatter_add_rows(const float *x, const int32_t *indices, int64_t rows, int64_t width, float *table) {
    struct arguments a = {.x = x, .indices = indices, .count = rows, .width = width, .out = table};
    RUN(scatter, rows * width);
}

enum { block = 65536 };

DISPATCHED static void squares_range(struct arguments *a, int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; b++) {
        REASSOCIATE
        int64_t from = b * block, to = from + block < a->count ? from + block : a->count;
        double sum = 0;
        for (int64_t i = from; i < to; i++) sum += (double)a->x[i] * (double)a->x[i];
        a->partial[b] = sum;
    }
}

static void squares_thread(void *context, int thread, int threads) {
    struct arguments *a = context;
    int64_t begin, end;
    share((a->count + block - 1) / block, thread, threads, &begin, &end);
    squares_range(a, begin, end);
}

int64_t ptk_sum_of_squares_scratch(int64_t count) { return (count + block - 1) / block; }

double ptk_sum_of_squares(const float *x, int64_t count, double *partial) {
    int64_t blocks = ptk_sum_of_squares_scratch(count);
    struct arguments a = {.x = x, .count = count, .partial = partial};
    if (blocks == 1) squares_thread(&a, 0, 1);
    else ptk_parallel(squares_thread, &a);
    double sum = 0;
    for (int64_t b = 0; b < blocks; b++) sum += partial[b];
    return sum;
}

DISPATCHED static void sum_range(const float *x, int64_t count, float *sum) {
    REASSOCIATE
    float total = 0;
    for (int64_t i = 0; i < count; i++) total += x[i];
    *sum = total;
}

static void sum_thread(void *context, int thread, int threads) {
    struct arguments *a = context;
    int64_t begin, end;
    share(a->count, thread, threads, &begin, &end);
    float sum;
    sum_range(a->x + begin, end - begin, &sum);
    if (thread == 0) *a->partial = (double)sum;
}

double ptk_first_sum(const float *x, int64_t count) {
    double first;
    struct arguments a = {.x = x, .count = count, .partial = &first};
    ptk_parallel(sum_thread, &a);
    return first;
}

DISPATCHED static int finite_range(const float *x, int64_t count) {
    int32_t bad = 0;
    for (int64_t i = 0; i < count; i++) {
        int32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bad |= (bits & 0x7f800000) == 0x7f800000;
    }
    return !bad;
}

int ptk_all_finite(const float *x, int64_t count) { return finite_range(x, count); }

LOOP(dropout, a->count, a->out[i] = mask_element(a->seed, (uint64_t)i, a->factor))

void ptk_dropout_mask(uint64_t seed, float p, int64_t count, float *mask) {
    struct arguments a = {.seed = seed, .factor = p, .count = count, .out = mask};
    RUN(dropout, count);
}
