// Attention of the few queries of decoding, part of attention.c: dot products with keys where they lie.
//
// Time goes into fetching keys and values. The queries of several sequences go through the segments together: where
// neighbours share one, a prefix or a prompt, each of its positions is fetched once for all of them. And all heads go
// together, since those of a position lie side by side. What is computed for a query does not depend on its neighbours.

/// Sequences that go together.
enum { most_few = 16 };

/// Some heads of a query.
struct few {
    const ptk_sequence *sequence;
    int64_t row, start, seen;  // it sees the positions start..<seen of its sequence
    int64_t position;          // its own there
    int64_t before;            // positions in segments that have been passed
    float *query, *scores;     // of the first of the heads; those of the others follow, scores `columns` apart
    float *total;              // the sum of a head's weights
};

/// The heads head..<end of the queries of some sequences.
struct few_run {
    const ptk_attention *call;
    int64_t head, end, columns;
    struct few *few;
    int64_t count;
    float *output, *log_sums;
};

/// sums[i] = the sum of p[i], for sixteen vectors.
INLINE void sums_of(const v16 *p, float *sums) {
#define MIX(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
    v16 two[8], four[4], eight[2];
    UNROLL for (int i = 0; i < 8; i++) {
        const v16 a = p[2 * i], b = p[2 * i + 1];
        two[i] = MIX(a, b, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30) +
                 MIX(a, b, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
    }
    UNROLL for (int i = 0; i < 4; i++) {
        const v16 a = two[2 * i], b = two[2 * i + 1];
        four[i] = MIX(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
                  MIX(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    }
    UNROLL for (int i = 0; i < 2; i++) {
        const v16 a = four[2 * i], b = four[2 * i + 1];
        eight[i] = MIX(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27) +
                   MIX(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    }
    const v16 all = MIX(eight[0], eight[1], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
                    MIX(eight[0], eight[1], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
#undef MIX
    STORE(sums, all);
}

/// The positions of a segment that some of the queries first..<last see.
INLINE void few_range(
    const struct few_run *run, const ptk_segment *segment, int64_t first, int64_t last, int64_t *from, int64_t *to) {
    *from = segment->count;
    *to = 0;
    for (int64_t i = first; i < last; i++) {
        const struct few *few = run->few + i;
        const int64_t start = first_of(segment, few->start, few->before), end = few->seen - few->before;
        *from = start < *from ? start : *from;
        *to = end > *to ? end : *to;
    }
    *to = *to < segment->count ? *to : segment->count;
}

/// The keys or values of sixteen positions from j on: where they lie, or in `near` where they are read more than once, or are
/// bfloat16, which become floats there. Far apart, as in a prefix of many layers, they would drive each other out of the
/// nearest cache. What stands in for positions from `to` on has no meaning.
INLINE void few_rows(
    const int chunks, const ptk_segment *segment, bool keys, int64_t column, int64_t j, int64_t to, bool again, float *near,
    const float **rows) {
    UNROLL for (int u = 0; u < 16; u++) {
        const void *place = place_of(segment, keys, column, j + u < to ? j + u : to - 1);
        if (segment->is_bfloat16) {
            const uint16_t *halves = place;
            // As below; a line holds twice as many.
            UNROLL for (int c = 0; c < chunks; c += 2) __builtin_prefetch(halves + (chunks + c) * 16);
            UNROLL for (int c = 0; c < chunks; c++) STORE(near + (u * chunks + c) * 16, LOAD_BFLOAT16(halves + 16 * c));
            rows[u] = near + u * chunks * 16;
            continue;
        }
        rows[u] = place;
        // The next head's, as a rule: it lies beside this one, too short for the processor to see it coming.
        UNROLL for (int c = 0; c < chunks; c++) __builtin_prefetch(rows[u] + (chunks + c) * 16);
        if (!again) continue;
        UNROLL for (int c = 0; c < chunks; c++) STORE(near + (u * chunks + c) * 16, LOAD(rows[u] + 16 * c));
        rows[u] = near + u * chunks * 16;
    }
}

/// scores [16] of one query for sixteen keys.
INLINE void few_scores(const int chunks, const float *query, const float **keys, float *scores) {
    v16 q[8], p[16];
    UNROLL for (int c = 0; c < chunks; c++) q[c] = LOAD(query + 16 * c);
    UNROLL for (int u = 0; u < 16; u++) {
        p[u] = LOAD(keys[u]) * q[0];
        UNROLL for (int c = 1; c < chunks; c++) p[u] += LOAD(keys[u] + 16 * c) * q[c];
    }
    sums_of(p, scores);
}

/// out[a] += the values begin..<end of sixteen, times weights[a], for `abreast` queries: each value is fetched once, and no sum
/// waits for itself.
INLINE void few_values(
    const int chunks, const int abreast, float *const *weights, const float **values, int64_t begin, int64_t end,
    float *const *out) {
    v16 sum[2][8];
    UNROLL for (int a = 0; a < abreast; a++)
        UNROLL for (int c = 0; c < chunks; c++) sum[a][c] = LOAD(out[a] + 16 * c);
    for (int64_t u = begin; u < end; u++)
        UNROLL for (int c = 0; c < chunks; c++) {
            const v16 value = LOAD(values[u] + 16 * c);
            UNROLL for (int a = 0; a < abreast; a++) sum[a][c] += weights[a][u] * value;
        }
    UNROLL for (int a = 0; a < abreast; a++)
        UNROLL for (int c = 0; c < chunks; c++) STORE(out[a] + 16 * c, sum[a][c]);
}

/// A segment that the queries first..<last share: their scores for its keys, or its values added to their output.
INLINE void few_segment(
    const int chunks, const struct few_run *run, const ptk_segment *segment, bool keys, int64_t first, int64_t last) {
    const int64_t depth = 16 * chunks, group = run->call->heads / run->call->key_heads;
    const float *rows[16];
    float near[16 * 16 * 8];
    int64_t from, to;
    few_range(run, segment, first, last, &from, &to);
    for (int64_t j = from; j < to; j += 16)
        for (int64_t head = run->head, next; head < run->end; head = next) {
            const int64_t kv_head = head / group;
            next = (kv_head + 1) * group < run->end ? (kv_head + 1) * group : run->end;
            few_rows(
                chunks, segment, keys, kv_head * depth, j, to, (last - first) * (next - head) > 1, near, rows);
            // Of a query that waits for another one with the same positions: how many, its weights, its output.
            int waiting = 0;
            int64_t waiting_begin = 0, waiting_end = 0;
            float *weights[2], *outputs[2];
            for (int64_t i = first; i < last; i++) {
                const struct few *few = run->few + i;
                const int64_t seen = few->seen - few->before, end = (seen < to ? seen : to) - j;
                const int64_t begin = first_of(segment, few->start, few->before) - j;
                const int64_t from_here = begin > 0 ? begin : 0, to_here = end < 16 ? end : 16;
                float *output = run->output + few->row * run->call->heads * depth;
                if (begin >= 16 || end <= 0) continue;
                for (int64_t h = head; h < next; h++) {
                    float *p = few->scores + (h - run->head) * run->columns + few->before + j;
                    if (keys) {
                        few_scores(chunks, few->query + (h - run->head) * depth, rows, p);
                        continue;
                    }
                    if (waiting && (waiting_begin != from_here || waiting_end != to_here)) {
                        few_values(chunks, 1, weights, rows, waiting_begin, waiting_end, outputs);
                        waiting = 0;
                    }
                    weights[waiting] = p, outputs[waiting++] = output + h * depth;
                    waiting_begin = from_here, waiting_end = to_here;
                    if (waiting < 2) continue;
                    few_values(chunks, 2, weights, rows, from_here, to_here, outputs);
                    waiting = 0;
                }
            }
            if (waiting) few_values(chunks, 1, weights, rows, waiting_begin, waiting_end, outputs);
        }
}

/// Whether two sequences have the same segment of number s.
INLINE bool share_segment(const ptk_attention *call, const ptk_sequence *a, const ptk_sequence *b, int64_t s) {
    if (s >= b->segments) return false;
    const ptk_segment *x = call->segments + a->segment + s, *y = call->segments + b->segment + s;
    return x->keys == y->keys && x->values == y->values && x->stride == y->stride && x->rows == y->rows &&
           x->count == y->count;
}

/// All segments of all queries.
INLINE void few_segments(const int chunks, const struct few_run *run, bool keys) {
    int64_t most = 0;
    for (int64_t i = 0; i < run->count; i++) {
        most = run->few[i].sequence->segments > most ? run->few[i].sequence->segments : most;
        run->few[i].before = 0;
    }
    for (int64_t s = 0; s < most; s++)
        for (int64_t i = 0, next; i < run->count; i = next) {
            const ptk_sequence *sequence = run->few[i].sequence;
            next = i + 1;
            if (s >= sequence->segments) continue;
            while (next < run->count && share_segment(run->call, sequence, run->few[next].sequence, s)) next++;
            const ptk_segment *segment = run->call->segments + sequence->segment + s;
            few_segment(chunks, run, segment, keys, i, next);
            for (int64_t k = i; k < next; k++) run->few[k].before += segment->count;
        }
}

/// scores [start..<seen] of a head, with what is added for their distances from the query.
INLINE void few_biases(const ptk_attention *call, const struct few *few, int64_t head, float *scores) {
    if (!call->biases) return;
    const float *biases = call->biases + head * call->bias_stride + few->position;
    for (int64_t t = few->start; t < few->seen; t++) scores[t] += biases[-t];
}

/// p = e^(p - the greatest) for `count` scores, and their sum.
INLINE void few_softmax(float *p, int64_t count, float *greatest, float *total) {
    // Whole vectors: what lies beyond the last score has no weight.
    STORE(p + count, (v16)-INFINITY);
    v16 top = LOAD(p), sum = (v16)0.0f;
    for (int64_t t = 16; t < count; t += 16) top = LOAD(p + t) > top ? LOAD(p + t) : top;
    *greatest = maximum16(top);
    for (int64_t t = 0; t < count; t += 16) {
        const v16 e = exp16(LOAD(p + t) - *greatest);
        STORE(p + t, e);
        sum += e;
    }
    *total = sum16(sum);
}

/// Heads of 16 · chunks columns.
INLINE void forward_wide(const int chunks, const struct few_run *run) {
    const int64_t depth = 16 * chunks, heads = run->call->heads;
    for (int64_t i = 0; i < run->count; i++) {
        const struct few *few = run->few + i;
        const int64_t column = run->head * depth, width = (run->end - run->head) * depth;
        set_row(run->call->queries + few->row * run->call->query_stride + column, width, run->call->scale, few->query);
        memset(run->output + few->row * heads * depth + column, 0, (size_t)width * sizeof(float));
    }
    few_segments(chunks, run, true);
    for (int64_t head = run->head; head < run->end; head++)
        for (int64_t i = 0; i < run->count; i++) {
            const struct few *few = run->few + i;
            float *scores = few->scores + (head - run->head) * run->columns, *total = few->total + head - run->head;
            float greatest;
            few_biases(run->call, few, head, scores);
            few_softmax(scores + few->start, few->seen - few->start, &greatest, total);
            run->log_sums[few->row * heads + head] = greatest + logf(*total);
        }
    few_segments(chunks, run, false);
    for (int64_t i = 0; i < run->count; i++)
        for (int64_t head = run->head; head < run->end; head++) {
            float *out = run->output + (run->few[i].row * heads + head) * depth;
            set_row(out, depth, 1 / run->few[i].total[head - run->head], out);
        }
}

/// q · k, for heads of any width.
INLINE float narrow_dot(const float *q, const void *k, bool is_bfloat16, int64_t depth) {
    REASSOCIATE
    float dot = 0;
    for (int64_t d = 0; d < depth; d++) dot += q[d] * element(k, is_bfloat16, d);
    return dot;
}

/// out += weight · v, likewise.
INLINE void narrow_add(float weight, const void *v, bool is_bfloat16, int64_t depth, float *out) {
    REASSOCIATE
    for (int64_t d = 0; d < depth; d++) out[d] += weight * element(v, is_bfloat16, d);
}

/// One head of any width, of one query.
INLINE void forward_narrow(const struct few_run *run, const struct few *few, int64_t head) {
    REASSOCIATE
    const ptk_attention *call = run->call;
    const int64_t depth = call->head_width, kv_head = head / (call->heads / call->key_heads);
    const float *q = call->queries + few->row * call->query_stride + head * depth;
    float *out = run->output + (few->row * call->heads + head) * depth, *scores = few->scores;
    const ptk_segment *segments = call->segments + few->sequence->segment;
    int64_t t = 0;
    for (int64_t s = 0; s < few->sequence->segments; s++) {
        const ptk_segment *segment = segments + s;
        int64_t j = first_of(segment, few->start, t);
        for (t += j; j < segment->count && t < few->seen; j++, t++) {
            const void *k = place_of(segment, true, kv_head * depth, j);
            const float dot = segment->is_bfloat16 ? narrow_dot(q, k, true, depth) : narrow_dot(q, k, false, depth);
            scores[t] = dot * call->scale;
        }
    }
    float greatest, sum;
    few_biases(call, few, head, scores);
    few_softmax(scores + few->start, few->seen - few->start, &greatest, &sum);
    for (int64_t d = 0; d < depth; d++) out[d] = 0;
    t = 0;
    for (int64_t s = 0; s < few->sequence->segments; s++) {
        const ptk_segment *segment = segments + s;
        int64_t j = first_of(segment, few->start, t);
        for (t += j; j < segment->count && t < few->seen; j++, t++) {
            const void *v = place_of(segment, false, kv_head * depth, j);
            if (segment->is_bfloat16) narrow_add(scores[t], v, true, depth, out);
            else narrow_add(scores[t], v, false, depth, out);
        }
    }
    for (int64_t d = 0; d < depth; d++) out[d] /= sum;
    run->log_sums[few->row * call->heads + head] = greatest + logf(sum);
}

/// Few queries are those of decoding; only training drops probabilities.
INLINE bool is_few(const ptk_attention *call, const ptk_sequence *sequence) {
    return sequence->queries < 4 && call->dropout == 0;
}

/// Floats of scratch memory for a head of a query: the query, its scores with a vector beyond the last, their sum.
INLINE size_t few_scratch(const ptk_attention *call, int64_t columns) {
    return (size_t)(call->head_width + columns + 16 + 1);
}

/// The heads head..<end of the sequences first..<last, at most `most_few` of them.
INLINE void forward_few(
    const ptk_attention *call, int64_t head, int64_t end, int64_t first, int64_t last, int64_t columns, float *scratch,
    float *output, float *log_sums) {
    struct few few[3 * most_few];
    struct few_run run = {call, head, end, columns + 16, few, 0, output, log_sums};
    for (int64_t s = first; s < last; s++) {
        const ptk_sequence *sequence = call->sequences + s;
        const int64_t total = positions(call, sequence);
        for (int64_t i = 0; i < sequence->queries; i++) {
            const int64_t seen = visible(call, sequence, total, i);
            few[run.count++] = (struct few){
                .sequence = sequence, .row = sequence->query + i, .start = first_seen(call, seen), .seen = seen,
                .position = total - sequence->queries + i,
                .query = scratch, .scores = scratch + (end - head) * call->head_width,
                .total = scratch + (end - head) * (call->head_width + run.columns)};
            scratch += (size_t)(end - head) * few_scratch(call, columns);
        }
    }
#define WIDE(chunks)                \
    case 16 * chunks:               \
        forward_wide(chunks, &run); \
        break
    switch (call->head_width) {
        WIDE(1);
        WIDE(2);
        WIDE(3);
        WIDE(4);
        WIDE(5);
        WIDE(6);
        WIDE(8);
        default:
            for (int64_t i = 0; i < run.count; i++)
                for (int64_t h = head; h < end; h++) forward_narrow(&run, few + i, h);
    }
#undef WIDE
}
