#include "include/optimizer.h"

#include "vector.h"

struct arguments {
    const ptk_adamw_settings *settings;
    const float *g;
    int64_t count;
    float *w, *m, *v;
};

DISPATCHED static void adamw_range(struct arguments *a, int64_t begin, int64_t end) {
    const ptk_adamw_settings s = *a->settings;
    for (int64_t i = begin; i < end; i++) {
        float g = a->g[i] * s.gradient_scale;
        float m = a->m[i] + (g - a->m[i]) * s.rest1;
        float v = a->v[i] * s.beta2 + s.rest2 * g * g;
        a->w[i] = a->w[i] * s.decay - s.step * m / (sqrtf(v) / s.root_correction2 + s.epsilon);
        a->m[i] = m;
        a->v[i] = v;
    }
}

static void adamw_thread(void *context, int thread, int threads) {
    struct arguments *a = context;
    int64_t begin, end;
    share(a->count, thread, threads, &begin, &end);
    adamw_range(a, begin, end);
}

void ptk_adamw(const ptk_adamw_settings *settings, const float *g, int64_t count, float *w, float *m, float *v) {
    struct arguments a = {settings, g, count, w, m, v};
    ptk_parallel(adamw_thread, &a);
}
