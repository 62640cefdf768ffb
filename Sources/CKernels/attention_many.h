// Attention of many queries, part of attention.c: forward and backward, by small matrix products.
//
// A block of sixteen queries is handled at a time, one per lane of a vector. Scores are kept transposed, a vector of queries
// per position, [positions × block]: softmax goes along the positions, so that no lane waits for another, and the keys and
// values of a sequence are factors as they lie.

/// What a block of queries sees: lane i the positions first[i]..<seen[i].
struct sight {
    v16i first, seen;
};

/// Query `from` of a sequence and those after it. Lanes beyond the last query see something too: nobody looks at them.
INLINE struct sight sight_of(const ptk_attention *call, const ptk_sequence *sequence, int64_t total, int64_t from) {
    struct sight sight;
    for (int i = 0; i < block; i++) {
        const int64_t seen = visible(call, sequence, total, from + i);
        sight.first[i] = (int32_t)first_seen(call, seen);
        sight.seen[i] = (int32_t)seen;
    }
    return sight;
}

/// The rows of a block of queries, or of what belongs to them, times x: [block × width], zero beyond `rows` and head_width.
INLINE void take_block(
    const float *in, int64_t stride, int64_t rows, int64_t depth, int64_t width, float x, float *out) {
    memset(out, 0, (size_t)(block * width) * sizeof(float));
    for (int64_t i = 0; i < rows; i++) set_row(in + i * stride, depth, x, out + i * width);
}

/// out [width × block] = in [block × width] transposed.
INLINE void transpose(const float *in, int64_t width, float *out) {
    for (int64_t d = 0; d < width; d += 16) transpose_square(in + d, width, out + d * block);
}

/// The mask's elements for a block's queries from `row` on at position t.
INLINE void masks_at(const ptk_attention *call, int64_t row, int64_t head, int64_t t, float *masks) {
    for (int i = 0; i < block; i++) masks[i] = mask_at(call, row + i, head, t);
}

/// p = e^(p - the greatest of its query) where a query sees a position, else 0, for the positions least..<most.
INLINE void exponentials(const struct sight *sight, int64_t least, int64_t most, float *p, float *greatest, float *sums) {
    v16 top = (v16)-INFINITY, sum = (v16)0.0f;
    for (int64_t t = least; t < most; t++) {
        const v16 s = LOAD(p + (t - least) * block);
        const v16i sees = (sight->first <= (int32_t)t) & (sight->seen > (int32_t)t);
        const v16 seen = sees ? s : (v16)-INFINITY;
        top = seen > top ? seen : top;
    }
    for (int64_t t = least; t < most; t++) {
        const v16i sees = (sight->first <= (int32_t)t) & (sight->seen > (int32_t)t);
        v16 e = LOAD(p + (t - least) * block) - top;
        exp_each(&e);
        e = sees ? e : (v16)0.0f;
        sum += e;
        STORE(p + (t - least) * block, e);
    }
    STORE(greatest, top);
    STORE(sums, sum);
}

INLINE void forward_many(
    const ptk_attention *call, const ptk_sequence *sequence, int64_t head, int64_t columns, struct shared *shared, float *scratch,
    float *output, float *log_sums) {
    const int64_t depth = call->head_width, width = padded(depth), total = positions(call, sequence);
    const int64_t kv_head = head / (call->heads / call->key_heads);
    float *keys = scratch, *values = keys + columns * width, *p = values + columns * width;
    float *q = p + block * columns, *transposed = q + block * width, *result = q;
    const int64_t start = first_vector(call, visible(call, sequence, total, 0));
    const ptk_segment *first = call->segments + sequence->segment;
    const int64_t from_here = start == 0 && holds(shared, first, kv_head) ? first->count : start;
    gather(call, sequence, kv_head, true, from_here, width, keys);
    gather(call, sequence, kv_head, false, from_here, width, values);
    *shared = (struct shared){start == 0 ? first : NULL, kv_head};
    for (int64_t from = 0; from < sequence->queries; from += block) {
        const int64_t rows = sequence->queries - from < block ? sequence->queries - from : block;
        const int64_t row = sequence->query + from, most = visible(call, sequence, total, from + rows - 1);
        // No query of the block sees what lies before `least`.
        const int64_t least = first_vector(call, visible(call, sequence, total, from)), count = most - least;
        const struct sight sight = sight_of(call, sequence, total, from);
        take_block(
            call->queries + row * call->query_stride + head * depth, call->query_stride, rows, depth, width, call->scale,
            q);
        transpose(q, width, transposed);
        product(count, block, depth, keys + least * width, width, 1, transposed, block, false, p, block);
        float greatest[block], sums[block];
        exponentials(&sight, least, most, p, greatest, sums);
        if (call->dropout > 0)
            for (int64_t t = 0; t < count; t++) {
                float masks[block];
                masks_at(call, row, head, least + t, masks);
                STORE(p + t * block, LOAD(p + t * block) * LOAD(masks));
            }
        product(rows, width, count, p, 1, block, values + least * width, width, false, result, width);
        for (int64_t i = 0; i < rows; i++) {
            set_row(result + i * width, depth, 1 / sums[i], output + ((row + i) * call->heads + head) * depth);
            log_sums[(row + i) * call->heads + head] = greatest[i] + logf(sums[i]);
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Backward: with P = softmax(S), dV = Pᵀ dO, dP = dO Vᵀ, dS = P ∘ (dP - rowsum(dO ∘ O)), dQ = scale dS K,
// dK = scale dSᵀ Q. With a mask M, dV = (P ∘ M)ᵀ dO and dP = M ∘ dO Vᵀ: rowsum(P ∘ dP) is still rowsum(dO ∘ O).

struct gradients {
    const float *output, *log_sums, *output_gradients;
    float *query_gradients;
    int64_t query_gradient_stride;
};

/// dots[i] = the sum of a's row i times b's, for the rows of two blocks.
INLINE void dots_of(const float *a, const float *b, int64_t width, float *dots) {
    v16 sums[block];
    for (int i = 0; i < block; i++) {
        sums[i] = (v16)0.0f;
        for (int64_t d = 0; d < width; d += 16) sums[i] += LOAD(a + i * width + d) * LOAD(b + i * width + d);
    }
    sums_of(sums, dots);
}

/// From scores and dO Vᵀ, for the positions least..<most of a block's queries: p becomes P ∘ M, and dp becomes dS. Both
/// are 0 where a query does not see a position.
INLINE void score_gradients(
    const ptk_attention *call, const struct sight *sight, int64_t row, int64_t head, int64_t least, int64_t most,
    const float *log_sums, const float *dots, float *p, float *dp) {
    const v16 log_sum = LOAD(log_sums), dot = LOAD(dots);
    for (int64_t t = least; t < most; t++, p += block, dp += block) {
        const v16i sees = (sight->first <= (int32_t)t) & (sight->seen > (int32_t)t);
        v16 e = LOAD(p) - log_sum;
        exp_each(&e);
        e = sees ? e : (v16)0.0f;
        if (call->dropout > 0) {
            float masks[block];
            masks_at(call, row, head, t, masks);
            STORE(dp, e * (LOAD(masks) * LOAD(dp) - dot));
            STORE(p, e * LOAD(masks));
        } else {
            STORE(dp, e * (LOAD(dp) - dot));
            STORE(p, e);
        }
    }
}

INLINE void backward_head(
    const ptk_attention *call, const ptk_sequence *sequence, int64_t head, int64_t total, int64_t columns,
    const float *keys, const float *values, float *key_gradients, float *value_gradients, float *scratch,
    const struct gradients *g) {
    const int64_t depth = call->head_width, width = padded(depth), all = call->heads * depth;
    float *p = scratch, *ds = p + block * columns, *q = ds + block * columns, *d_out = q + block * width;
    float *out = d_out + block * width, *transposed = out + block * width, *dq = out;
    for (int64_t from = 0; from < sequence->queries; from += block) {
        const int64_t rows = sequence->queries - from < block ? sequence->queries - from : block;
        const int64_t row = sequence->query + from, most = visible(call, sequence, total, from + rows - 1);
        const int64_t least = first_vector(call, visible(call, sequence, total, from)), count = most - least;
        const int64_t place = least * width, column = row * all + head * depth;
        const struct sight sight = sight_of(call, sequence, total, from);
        take_block(
            call->queries + row * call->query_stride + head * depth, call->query_stride, rows, depth, width, call->scale,
            q);
        take_block(g->output_gradients + column, all, rows, depth, width, 1, d_out);
        take_block(g->output + column, all, rows, depth, width, 1, out);
        float log_sums[block] = {0}, dots[block];
        for (int64_t i = 0; i < rows; i++) log_sums[i] = g->log_sums[(row + i) * call->heads + head];
        dots_of(d_out, out, width, dots);
        transpose(q, width, transposed);
        product(count, block, depth, keys + place, width, 1, transposed, block, false, p, block);
        transpose(d_out, width, transposed);
        product(count, block, depth, values + place, width, 1, transposed, block, false, ds, block);
        score_gradients(call, &sight, row, head, least, least + rounded(count), log_sums, dots, p, ds);
        product(count, width, rows, p, block, 1, d_out, width, true, value_gradients + place, width);
        product(count, width, rows, ds, block, 1, q, width, true, key_gradients + place, width);
        if (!g->query_gradients) continue;
        product(rows, width, count, ds, 1, block, keys + place, width, false, dq, width);
        for (int64_t i = 0; i < rows; i++)
            add_row(
                dq + i * width, depth, call->scale,
                g->query_gradients + (row + i) * g->query_gradient_stride + head * depth);
    }
}

/// Adds the collected gradients of a shared first segment.
INLINE void release(
    const ptk_attention *call, struct shared *shared, int64_t width, const float *key_gradients,
    const float *value_gradients) {
    if (shared->segment) {
        const ptk_sequence alone = {.segment = shared->segment - call->segments, .segments = 1};
        scatter(call, &alone, shared->head, true, 0, width, key_gradients);
        scatter(call, &alone, shared->head, false, 0, width, value_gradients);
    }
    shared->segment = NULL;
}

/// One key head, with all query heads that share it, of every sequence in turn.
INLINE void backward_group(
    const ptk_attention *call, int64_t kv_head, int64_t columns, float *scratch, const struct gradients *g) {
    const int64_t width = padded(call->head_width), group = call->heads / call->key_heads;
    float *keys = scratch, *values = keys + columns * width, *key_gradients = values + columns * width;
    float *value_gradients = key_gradients + columns * width, *rest = value_gradients + columns * width;
    struct shared shared = {NULL, 0};
    for (int64_t s = 0; s < call->sequence_count; s++) {
        const ptk_sequence *sequence = call->sequences + s;
        const ptk_segment *first = call->segments + sequence->segment;
        const int64_t total = positions(call, sequence);
        const int64_t start = first_vector(call, visible(call, sequence, total, 0));
        const bool shares = start == 0 && holds(&shared, first, kv_head);
        if (!shares) release(call, &shared, width, key_gradients, value_gradients);
        const int64_t from_here = shares ? first->count : start;
        const size_t gradient_bytes = (size_t)((total - from_here) * width) * sizeof(float);
        gather(call, sequence, kv_head, true, from_here, width, keys);
        gather(call, sequence, kv_head, false, from_here, width, values);
        memset(key_gradients + from_here * width, 0, gradient_bytes);
        memset(value_gradients + from_here * width, 0, gradient_bytes);
        for (int64_t head = kv_head * group; head < (kv_head + 1) * group; head++)
            backward_head(
                call, sequence, head, total, columns, keys, values, key_gradients, value_gradients, rest, g);
        if (start == 0) shared = (struct shared){first, kv_head};
        const int64_t own = start == 0 ? first->count : start;
        scatter(call, sequence, kv_head, true, own, width, key_gradients);
        scatter(call, sequence, kv_head, false, own, width, value_gradients);
    }
    release(call, &shared, width, key_gradients, value_gradients);
}
