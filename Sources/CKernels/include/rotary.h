/// Rotary position embedding (Su et al. 2021), with the halves of a head, or neighbouring columns, as the coordinates of its pairs.
#ifndef PREFIXTUNE_ROTARY_H
#define PREFIXTUNE_ROTARY_H

#include <stdbool.h>
#include <stdint.h>

/// table [count × 2 half]: scale * cos(position * frequency), then scale * sin(position * frequency), in float
/// arithmetic as the models were trained with.
void ptk_rotary_table(
    const int32_t *positions, int64_t count, const float *frequencies, int64_t half, float scale, float *table);

typedef struct {
    const float *table;      // Of ptk_rotary_table.
    const int32_t *entries;  // [rows]: a row's entry of the table.
    int64_t rows, width;     // Of x and y.
    int64_t heads, head_width;  // The first heads * head_width columns are turned,
    int64_t half;               // in each head the pairs (i, i + half), or (2i, 2i + 1) where `neighbours`; all else is copied.
    bool neighbours;
} ptk_rotary;

/// y = x turned by the angles of the table, or by their opposites where `back`; added where `accumulate`.
void ptk_rotate(const ptk_rotary *rotary, const float *x, bool back, bool accumulate, float *y);

#endif
