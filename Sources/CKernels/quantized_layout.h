/// Where the weights of a quantised matrix lie; see include/quantized.h.
#ifndef PREFIXTUNE_QUANTIZED_LAYOUT_H
#define PREFIXTUNE_QUANTIZED_LAYOUT_H

#include "half.h"
#include "include/quantized.h"
#include "vector.h"

enum { panel = ptk_quantized_panel, block = ptk_quantized_block, group = ptk_quantized_group, outer = ptk_quantized_outer };

INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
INLINE int64_t filled(int64_t inputs) { return (inputs + group - 1) / group * group; }
INLINE int64_t panels(int64_t outputs) { return (outputs + panel - 1) / panel; }

/// Groups of a row.
INLINE int64_t groups_of(int64_t inputs, int64_t size) { return size ? (inputs + size - 1) / size : 1; }
/// The group of input i. 32 bits are divided faster.
INLINE int64_t group_at(const ptk_quantized *m, int64_t i) { return m->group ? (uint32_t)i / (uint32_t)m->group : 0; }

/// What the stored integers are too large by.
INLINE int zero_of(const ptk_quantized *m) { return m->bits == 8 ? 128 : m->offsets.format == ptk_groups_none ? 8 : 0; }

/// Whether one scale per output, which may as well be multiplied at the end, is all there is.
INLINE bool is_plain(const ptk_quantized *m) {
    return m->bits == 8 && m->group == 0 && m->scales.format == ptk_groups_float &&
        m->offsets.format == ptk_groups_none;
}

/// The weights of output n from input i on, a multiple of 8; the next step's are 256 bytes further on.
INLINE uint8_t *place(const ptk_quantized *m, int64_t n, int64_t i) {
    return m->weights + (n / panel * filled(m->inputs) + i) * panel * m->bits / 8 + n % panel * 4;
}

/// The place of output n's group g among the values of groups; the next output's is beside it.
INLINE int64_t value_place(const ptk_quantized *m, int64_t n, int64_t g) {
    return (n / panel * groups_of(m->inputs, m->group) + g) * panel + n % panel;
}
INLINE int64_t outer_place(const ptk_quantized *m, int64_t n, int64_t g) {
    const int64_t outers = (groups_of(m->inputs, m->group) + outer - 1) / outer;
    return (n / panel * outers + g / outer) * panel + n % panel;
}

/// The number of output n and group g.
INLINE float value_of(const ptk_quantized *m, const ptk_group_values *v, int64_t n, int64_t g) {
    const int64_t at = value_place(m, n, g);
    switch (v->format) {
    case ptk_groups_half: return float_of_half(((const uint16_t *)v->values)[at]);
    case ptk_groups_float: return ((const float *)v->values)[at];
    case ptk_groups_nested: return (float)((const uint8_t *)v->values)[at] * float_of_half(v->outer[outer_place(m, n, g)]);
    case ptk_groups_none: break;
    }
    return 0;
}

#endif
