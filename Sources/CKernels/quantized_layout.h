/// Where the weights of a quantised matrix lie; see include/quantized.h.
#ifndef PREFIXTUNE_QUANTIZED_LAYOUT_H
#define PREFIXTUNE_QUANTIZED_LAYOUT_H

#include "include/quantized.h"
#include "vector.h"

enum { panel = ptk_quantized_panel, block = ptk_quantized_block, group = ptk_quantized_group };

INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
INLINE int64_t filled(int64_t inputs) { return (inputs + group - 1) / group * group; }
INLINE int64_t panels(int64_t outputs) { return (outputs + panel - 1) / panel; }

/// The weights of output n from input i on, a multiple of 8; the next step's are 256 bytes further on.
INLINE const uint8_t *place(const ptk_quantized *m, int64_t n, int64_t i) {
    return m->weights + (n / panel * filled(m->inputs) + i) * panel * m->bits / 8 + n % panel * 4;
}

/// The scales of output n from group g on, `panel` apart.
INLINE const uint16_t *group_scales(const ptk_quantized *m, int64_t n, int64_t g) {
    return m->group_scales + (n / panel * (filled(m->inputs) / group) + g) * panel + n % panel;
}

#endif
