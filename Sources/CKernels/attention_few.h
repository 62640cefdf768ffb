// Attention of single queries, part of attention.c: for decoding, where each sequence has one.

/// sums[i] = the sum of p[i], for sixteen vectors.
INLINE void sums_of(const v16 *p, float *sums) {
    v16 two[8], four[4], eight[2];
    UNROLL for (int i = 0; i < 8; i++)
        two[i] = __builtin_shufflevector(p[2 * i], p[2 * i + 1], 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30) +
                 __builtin_shufflevector(p[2 * i], p[2 * i + 1], 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
    UNROLL for (int i = 0; i < 4; i++)
        four[i] =
            __builtin_shufflevector(two[2 * i], two[2 * i + 1], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
            __builtin_shufflevector(two[2 * i], two[2 * i + 1], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    UNROLL for (int i = 0; i < 2; i++)
        eight[i] =
            __builtin_shufflevector(
                four[2 * i], four[2 * i + 1], 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27) +
            __builtin_shufflevector(
                four[2 * i], four[2 * i + 1], 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    const v16 all = __builtin_shufflevector(eight[0], eight[1], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
                    __builtin_shufflevector(eight[0], eight[1], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    STORE(sums, all);
}

/// One query of a head of 16 · chunks columns, straight from the cache: sixteen positions at a time.
INLINE void forward_wide(
    const int chunks, const ptk_attention *call, const ptk_sequence *sequence, int64_t head, int64_t total, int64_t i,
    float *scores, float *output, float *log_sums) {
    REASSOCIATE
    const int64_t depth = 16 * chunks, kv_column = head / (call->heads / call->key_heads) * depth;
    const int64_t row = sequence->query + i, seen = visible(call, sequence, total, i);
    const int64_t start = first_seen(call, seen);
    v16 q[8], sum_of[8];
    UNROLL for (int c = 0; c < chunks; c++) {
        q[c] = LOAD(call->queries + row * call->query_stride + head * depth + 16 * c) * call->scale;
        sum_of[c] = (v16)0.0f;
    }
    int64_t t = 0;
    for (int64_t s = 0; s < sequence->segments; s++) {
        const ptk_segment *segment = call->segments + sequence->segment + s;
        const int64_t from = first_of(segment, start, t);
        const int64_t to = segment->count < seen - t ? segment->count : seen - t;
        for (int64_t j = from; j < to; j += 16) {
            v16 p[16];
            UNROLL for (int u = 0; u < 16; u++) {
                // What stands in for positions beyond the last is overwritten, or not looked at.
                const int64_t place = j + u < to ? j + u : to - 1;
                const float *k = segment->keys + row_of(segment, place) * segment->stride + kv_column;
                p[u] = LOAD(k) * q[0];
                UNROLL for (int c = 1; c < chunks; c++) p[u] += LOAD(k + 16 * c) * q[c];
            }
            sums_of(p, scores + t + j);
        }
        t += segment->count;
    }
    float greatest = -INFINITY, sum = 0;
    for (t = start; t < seen; t++) greatest = scores[t] > greatest ? scores[t] : greatest;
    for (t = start; t < seen; t++) scores[t] = exp_fast(scores[t] - greatest);
    for (t = start; t < seen; t++) sum += scores[t];
    t = 0;
    for (int64_t s = 0; s < sequence->segments; s++) {
        const ptk_segment *segment = call->segments + sequence->segment + s;
        const int64_t from = first_of(segment, start, t);
        const int64_t to = segment->count < seen - t ? segment->count : seen - t;
        for (int64_t j = from; j < to; j++) {
            const float *v = segment->values + row_of(segment, j) * segment->stride + kv_column;
            const float weight = scores[t + j];
            UNROLL for (int c = 0; c < chunks; c++) sum_of[c] += weight * LOAD(v + 16 * c);
        }
        t += segment->count;
    }
    float *out = output + (row * call->heads + head) * depth;
    UNROLL for (int c = 0; c < chunks; c++) STORE(out + 16 * c, sum_of[c] / sum);
    log_sums[row * call->heads + head] = greatest + logf(sum);
}

/// The same for heads of any width.
INLINE void forward_few(
    const ptk_attention *call, const ptk_sequence *sequence, int64_t head, int64_t total, float *scores, float *output,
    float *log_sums) {
    REASSOCIATE
    const int64_t depth = call->head_width, kv_head = head / (call->heads / call->key_heads);
    for (int64_t i = 0; i < sequence->queries; i++) {
        const int64_t row = sequence->query + i, seen = visible(call, sequence, total, i);
        const int64_t first = first_seen(call, seen);
        const float *q = call->queries + row * call->query_stride + head * depth;
        float *out = output + row * call->heads * depth + head * depth;
        int64_t t = 0;
        float greatest = -INFINITY, sum = 0;
        for (int64_t s = 0; s < sequence->segments; s++) {
            const ptk_segment *segment = call->segments + sequence->segment + s;
            int64_t j = first_of(segment, first, t);
            for (t += j; j < segment->count && t < seen; j++, t++) {
                const float *k = segment->keys + row_of(segment, j) * segment->stride + kv_head * depth;
                float dot = 0;
                for (int64_t d = 0; d < depth; d++) dot += q[d] * k[d];
                scores[t] = dot * call->scale;
                greatest = scores[t] > greatest ? scores[t] : greatest;
            }
        }
        for (t = first; t < seen; t++) scores[t] = exp_fast(scores[t] - greatest);
        for (t = first; t < seen; t++) sum += scores[t];
        for (int64_t d = 0; d < depth; d++) out[d] = 0;
        t = 0;
        for (int64_t s = 0; s < sequence->segments; s++) {
            const ptk_segment *segment = call->segments + sequence->segment + s;
            int64_t j = first_of(segment, first, t);
            for (t += j; j < segment->count && t < seen; j++, t++) {
                const float *v = segment->values + row_of(segment, j) * segment->stride + kv_head * depth;
                for (int64_t d = 0; d < depth; d++) out[d] += scores[t] * v[d];
            }
        }
        for (int64_t d = 0; d < depth; d++) out[d] /= sum;
        log_sums[row * call->heads + head] = greatest + logf(sum);
    }
}

/// The few queries of a decoding step, one at a time.
INLINE void forward_queries(
    const ptk_attention *call, const ptk_sequence *sequence, int64_t head, int64_t total, float *scratch, float *output,
    float *log_sums) {
#define WIDE(chunks)                                                                                       \
    case 16 * chunks:                                                                                      \
        for (int64_t i = 0; i < sequence->queries; i++)                                                    \
            forward_wide(chunks, call, sequence, head, total, i, scratch, output, log_sums);               \
        break
    switch (call->head_width) {
        WIDE(1);
        WIDE(2);
        WIDE(3);
        WIDE(4);
        WIDE(5);
        WIDE(6);
        WIDE(8);
        default: forward_few(call, sequence, head, total, scratch, output, log_sums);
    }
#undef WIDE
}
