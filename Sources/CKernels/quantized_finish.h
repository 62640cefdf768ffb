// The end of a product: scales, biases and outliers. Included once per instruction set with NAME and TARGET, after
// quantized_scales.h.

/// Columns of weights that rows may share: outliers are of the same inputs mostly.
struct NAME(columns) {
    int64_t inputs[2];
    v16 weights[2][4];
};

/// The weights of a panel's 64 outputs for input i.
TARGET INLINE void NAME(widen_column)(const ptk_quantized *m, int64_t index, int64_t i, v16 to[4]) {
    _Pragma("clang fp contract(fast)");
    const bool eight = m->bits == 8;
    const uint8_t *words = m->weights + index * panel * filled(m->inputs) * m->bits / 8 + i / (eight ? 4 : 8) * 256;
    const uint32_t shift = (uint32_t)(i % 4 * 8 + (!eight && i % 8 >= 4 ? 4 : 0)), mask = eight ? 255 : 15;
    const int64_t groups = groups_of(m->inputs, m->group), g = group_at(m, i);
    const ptk_group_values *scales = &m->scales, *offsets = &m->offsets;
    for (int v = 0; v < 4; v++) {
        const u16 word = *(const u16 *)(words + 64 * v);
        const v16i q = __builtin_convertvector(word >> shift & mask, v16i) - zero_of(m);
        to[v] = __builtin_convertvector(q, v16) * NAME(values)(scales->format, scales, index, groups, g, 16 * v);
        if (offsets->format != ptk_groups_none)
            to[v] += NAME(values)(offsets->format, offsets, index, groups, g, 16 * v);
    }
}

/// y (+)= result ∘ scales (+ bias) for the outputs of one panel, with the products of outliers. On the way back the scales are
/// in dy, and there are no outliers.
TARGET static void NAME(finish)(const struct product *a, int64_t index, int64_t row, int64_t count, const float *result) {
    _Pragma("clang fp contract(fast)");
    const int64_t n = index * panel, width = least(panel, a->outputs - n);
    const float *scales = !a->back && is_plain(a->matrix) ? a->matrix->back_scales + n : NULL;
    // No `scales ? scales[i] : 1` here: compiled to masked loads from NULL, that costs hundreds of cycles a load.
    float scale[panel], bias[panel] = {0};
    for (int64_t i = 0; i < panel; i++) scale[i] = 1;
    if (scales) memcpy(scale, scales, (size_t)width * sizeof *scale);
    if (a->bias) memcpy(bias, a->bias + n, (size_t)width * sizeof *bias);
    struct NAME(columns) columns = {.inputs = {-1, -1}};
    for (int64_t r = 0; r < count; r++) {
        float *y = a->y + (row + r) * a->outputs + n, sums[panel];
        const float *from = result + r * panel;
        if (a->accumulate) {
            for (int64_t i = 0; i < width; i++) y[i] += from[i] * scale[i] + bias[i];
            continue;
        }
        if (!a->x.outliers) {
            for (int64_t i = 0; i < width; i++) y[i] = from[i] * scale[i] + bias[i];
            continue;
        }
        const struct outlier *o = a->x.outliers + 2 * (row + r);
        for (int k = 0; k < 2; k++) {
            if (o[k].input < 0 || columns.inputs[k] == o[k].input) continue;
            NAME(widen_column)(a->matrix, index, o[k].input, columns.weights[k]);
            columns.inputs[k] = o[k].input;
        }
        float *to = width == panel ? y : sums;
        for (int v = 0; v < 4; v++) {
            v16 sum = LOAD(from + 16 * v) * LOAD(scale + 16 * v) + LOAD(bias + 16 * v);
            for (int k = 0; k < 2; k++)
                if (o[k].input >= 0) sum += columns.weights[k][v] * o[k].value;
            STORE(to + 16 * v, sum);
        }
        if (to == sums) memcpy(y, sums, (size_t)width * sizeof *y);
    }
}
