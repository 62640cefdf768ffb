/// Scaled dot-product attention (Vaswani et al. 2017) over ragged sequences whose past lies in shared segments.
///
/// A sequence's positions are the rows of its segments, one segment after another: a prefix, the keys and values of
/// a prompt, its own tokens. A segment may serve any number of sequences; nothing is copied per row.
#ifndef PREFIXTUNE_ATTENTION_H
#define PREFIXTUNE_ATTENTION_H

#include <stdbool.h>
#include <stdint.h>

/// Keys and values of `count` positions, floats or bfloat16. Head h of position i starts r * stride + h * head_width elements
/// after keys, where r is rows[i], or i where `rows` is NULL. Gradients are floats in the same form, and are added; NULL where
/// none is wanted.
typedef struct {
    const void *keys, *values;
    bool is_bfloat16;
    int64_t stride;
    const int32_t *rows;
    int64_t count;
    float *key_gradients, *value_gradients;
    int64_t gradient_stride;
} ptk_segment;

/// The queries query..<query+queries attend to the segments segment..<segment+segments.
typedef struct {
    int64_t query, queries;
    int64_t segment, segments;
} ptk_sequence;

typedef struct {
    const float *queries;  // row r, head h at queries + r * query_stride + h * head_width
    int64_t query_stride;
    const ptk_sequence *sequences;
    int64_t sequence_count;
    const ptk_segment *segments;
    int64_t heads, key_heads;  // key_heads divides heads: grouped queries (Ainslie et al. 2023)
    int64_t head_width;
    float scale;
    bool causal;     // query i of n sees all positions but the last n - 1 - i
    int64_t window;  // and of those the last `window` only; INT64_MAX for all
    float dropout;   // the share of the probabilities that become 0, while the others are divided by 1 - dropout
    uint64_t seed;   // names the mask: its element for (row, head, position) depends on nothing else
    // What is added to the scores of head h: biases[h * bias_stride + query - key], of their positions in the sequence; NULL for
    // nothing. Distances of both signs lie there, `ptk_attention_reach` of each. Gradients likewise, and are added.
    const float *biases;
    int64_t bias_stride;
    float *bias_gradients;
} ptk_attention;

/// How far biases must reach for sequences of so many positions: whole vectors of queries look at them.
static inline int64_t ptk_attention_reach(int64_t positions) { return (positions + 32 + 15) / 16 * 16; }

/// How many floats either direction needs as scratch memory, aligned to 64 bytes, for all threads together.
int64_t ptk_attention_scratch(const ptk_attention *attention);

/// output [rows × heads*head_width] = (softmax(scale q kᵀ) ∘ mask) v; log_sums [rows × heads] is kept for the way back.
void ptk_attention_forward(const ptk_attention *attention, float *scratch, float *output, float *log_sums);

/// Adds to the segments' gradients and to query_gradients (stride query_gradient_stride), or skips the latter where NULL.
/// Scores are computed anew (memory stays linear in length). Each thread owns whole heads: no two add to one place.
void ptk_attention_backward(
    const ptk_attention *attention, const float *log_sums, const float *output_gradients, float *query_gradients,
    int64_t query_gradient_stride, float *scratch);

#endif
