// The end of a product: scales, biases and outliers. Included once per instruction set with NAME and TARGET, after
// quantized_scales.h.

/// sums += value · the weights of a panel's 64 outputs for input i.
TARGET INLINE void NAME(add_column)(
    const int bits, const ptk_quantized *m, int64_t index, int64_t i, float value, v16 sums[4]) {
    _Pragma("clang fp contract(fast)");
    const uint8_t *words = m->weights + index * panel * filled(m->inputs) * bits / 8 + i / (32 / bits) * 256;
    const uint32_t shift = (uint32_t)(i % 4 * 8 + (bits == 4 && i % 8 >= 4 ? 4 : 0)), mask = (1u << bits) - 1;
    const int64_t groups = groups_of(m->inputs, m->group), g = group_at(m, i);
    const ptk_group_values *scales = &m->scales, *offsets = &m->offsets;
    UNROLL for (int v = 0; v < 4; v++) {
        const u16 word = *(const u16 *)(words + 64 * v);
        const v16i q = __builtin_convertvector(word >> shift & mask, v16i) - zero_of(m);
        v16 w = __builtin_convertvector(q, v16) * NAME(values)(scales->format, scales, index, groups, g, 16 * v);
        if (offsets->format != ptk_groups_none)
            w += NAME(values)(offsets->format, offsets, index, groups, g, 16 * v);
        sums[v] += w * value;
    }
}

/// y (+)= result ∘ scales (+ bias) for the outputs of one panel, with the products of outliers. On the way back the scales of
/// weights are in dy, those here are the factors of inputs, and there are no outliers.
TARGET static void NAME(finish)(const struct product *a, int64_t index, int64_t row, int64_t count, const float *result) {
    _Pragma("clang fp contract(fast)");
    const int64_t n = index * panel, width = least(panel, a->outputs - n);
    const ptk_quantized *m = a->matrix;
    const float *scales = a->back ? m->input_factors : is_plain(m) ? m->back_scales : NULL;
    // No `scales ? scales[i] : 1` here: compiled to masked loads from NULL, that costs hundreds of cycles a load.
    float scale[panel], bias[panel] = {0};
    for (int64_t i = 0; i < panel; i++) scale[i] = 1;
    if (scales) memcpy(scale, scales + n, (size_t)width * sizeof *scale);
    if (a->bias) memcpy(bias, a->bias + n, (size_t)width * sizeof *bias);
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
        v16 sum[4];
        for (int v = 0; v < 4; v++)
            sum[v] = LOAD(from + 16 * v) * LOAD(scale + 16 * v) + LOAD(bias + 16 * v);
        // Remembering the last column is no faster: from row to row it is another one too often to be foreseen.
        for (int k = 0; k < 2; k++) {
            if (o[k].input < 0) continue;
            if (m->bits == 8) NAME(add_column)(8, m, index, o[k].input, o[k].value, sum);
            else NAME(add_column)(4, m, index, o[k].input, o[k].value, sum);
        }
        float *to = width == panel ? y : sums;
        for (int v = 0; v < 4; v++) STORE(to + 16 * v, sum[v]);
        if (to == sums) memcpy(y, sums, (size_t)width * sizeof *y);
    }
}
