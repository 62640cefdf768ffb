#include "include/fixed.h"

#include "vector.h"

struct arguments {
    const float *x;
    int64_t *sums;
    float *y;
    double scale;
    int64_t count;
};

DISPATCHED static void greatest_range(const float *x, int64_t count, uint32_t *greatest) {
    // Magnitudes of floats are ordered as their bits are; infinity and NaN lie above all others.
    uint32_t most = 0;
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bits &= 0x7fffffffu;
        most = bits > most ? bits : most;
    }
    *greatest = most;
}

float ptk_greatest_magnitude(const float *x, int64_t count) {
    uint32_t bits;
    greatest_range(x, count, &bits);
    float value;
    memcpy(&value, &bits, sizeof value);
    return bits >= 0x7f800000u ? INFINITY : value;
}

DISPATCHED static void add_range(const float *x, double scale, int64_t count, int64_t *sums) {
    // A float times a power of two is exact in double precision.
    for (int64_t i = 0; i < count; i++) sums[i] += (int64_t)__builtin_rint((double)x[i] * scale);
}

static void add_thread(void *context, int thread, int threads) {
    struct arguments *a = context;
    int64_t begin, end;
    share(a->count, thread, threads, &begin, &end);
    add_range(a->x + begin, a->scale, end - begin, a->sums + begin);
}

void ptk_add_fixed(const float *x, int exponent, int64_t count, int64_t *sums) {
    struct arguments a = {.x = x, .sums = sums, .scale = ldexp(1, exponent), .count = count};
    ptk_parallel(add_thread, &a);
}

DISPATCHED static void floats_range(const int64_t *sums, double scale, int64_t count, float *y) {
    // Straight to float, so that there is one rounding; what follows is exact but for subnormal results.
    for (int64_t i = 0; i < count; i++) y[i] = (float)((double)(float)sums[i] * scale);
}

static void floats_thread(void *context, int thread, int threads) {
    struct arguments *a = context;
    int64_t begin, end;
    share(a->count, thread, threads, &begin, &end);
    floats_range(a->sums + begin, a->scale, end - begin, a->y + begin);
}

void ptk_fixed_to_floats(const int64_t *sums, int exponent, int64_t count, float *y) {
    struct arguments a = {.sums = (int64_t *)sums, .y = y, .scale = ldexp(1, -exponent), .count = count};
    ptk_parallel(floats_thread, &a);
}
