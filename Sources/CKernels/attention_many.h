// Attention of many queries, part of attention.c: forward and backward, by small matrix products.
//
// A block of queries is handled at a time, one per lane of one vector or two. Scores are kept transposed, the queries
// of a block side by side, [positions × lanes]: softmax goes along the positions, so that no lane waits for another, and
// the keys and values of a sequence are factors as they lie.

/// The lanes that a block's queries fill.
INLINE int64_t lanes_of(int64_t rows) { return rows > 16 ? 32 : 16; }

/// How many queries a sequence's blocks have. Where there are many positions, two vectors of queries halve how often
/// each is fetched; where there are few, the scores of what only a block's last queries see would cost more than that.
INLINE int64_t block_of(int64_t total) { return total < 128 ? 16 : most_lanes; }

/// What sixteen queries see: lane i the positions first[i]..<seen[i].
struct sight {
    v16i first, seen;
};

/// Query `from` of a sequence and those after it. Lanes beyond the last query see something too: nobody looks at them.
INLINE struct sight sight_of(const ptk_attention *call, const ptk_sequence *sequence, int64_t total, int64_t from) {
    struct sight sight;
    for (int i = 0; i < 16; i++) {
        const int64_t seen = visible(call, sequence, total, from + i);
        sight.first[i] = (int32_t)first_seen(call, seen);
        sight.seen[i] = (int32_t)seen;
    }
    return sight;
}

/// The rows of a block of queries, or of what belongs to them, times x: [lanes × width], zero beyond `rows` and
/// head_width.
INLINE void take_block(
    const float *in, int64_t stride, int64_t rows, int64_t depth, int64_t width, float x, float *out) {
    memset(out, 0, (size_t)(lanes_of(rows) * width) * sizeof(float));
    for (int64_t i = 0; i < rows; i++) set_row(in + i * stride, depth, x, out + i * width);
}

/// out [width × lanes] = in [lanes × width] transposed.
INLINE void transpose(const float *in, int64_t lanes, int64_t width, float *out) {
    for (int64_t lane = 0; lane < lanes; lane += 16)
        for (int64_t d = 0; d < width; d += 16)
            transpose_square(in + lane * width + d, width, out + d * lanes + lane, lanes);
}

/// The mask's elements for sixteen queries from `row` on at position t.
INLINE void masks_at(const ptk_attention *call, int64_t row, int64_t head, int64_t t, float *masks) {
    for (int i = 0; i < 16; i++) masks[i] = mask_at(call, row + i, head, t);
}

/// Where the biases of a head lie for the first of sixteen queries at position `query`, and the position `least`: those of the
/// queries after it follow, those of later positions stand before.
INLINE int64_t bias_place(const ptk_attention *call, int64_t head, int64_t query, int64_t least) {
    return head * call->bias_stride + query - least;
}

/// p [positions × lanes] += the biases of sixteen queries.
INLINE void add_biases(const float *biases, int64_t count, int64_t lanes, float *p) {
    for (int64_t t = 0; t < count; t++) STORE(p + t * lanes, LOAD(p + t * lanes) + LOAD(biases - t));
}

/// The gradients of those biases += ds, of the first `rows` queries: lanes beyond them have none.
INLINE void add_bias_gradients(const float *ds, int64_t count, int64_t lanes, int64_t rows, float *gradients) {
    v16i lane;
    for (int i = 0; i < 16; i++) lane[i] = i;
    const v16i counts = lane < (int32_t)rows;
    for (int64_t t = 0; t < count; t++)
        STORE(gradients - t, LOAD(gradients - t) + (counts ? LOAD(ds + t * lanes) : (v16)0.0f));
}

/// p = e^(p - the greatest of its query) where a query sees a position, else 0, for the positions least..<most of
/// sixteen queries.
INLINE void exponentials(
    const struct sight *sight, int64_t least, int64_t most, int64_t lanes, float *p, float *greatest, float *sums) {
    v16 top = (v16)-INFINITY, sum = (v16)0.0f;
    for (int64_t t = least; t < most; t++) {
        const v16i sees = (sight->first <= (int32_t)t) & (sight->seen > (int32_t)t);
        const v16 s = sees ? LOAD(p + (t - least) * lanes) : (v16)-INFINITY;
        top = s > top ? s : top;
    }
    for (int64_t t = least; t < most; t++, p += lanes) {
        const v16i sees = (sight->first <= (int32_t)t) & (sight->seen > (int32_t)t);
        v16 e = exp16(LOAD(p) - top);
        e = sees ? e : (v16)0.0f;
        sum += e;
        STORE(p, e);
    }
    STORE(greatest, top);
    STORE(sums, sum);
}

/// Drops probabilities of sixteen queries.
INLINE void drop(
    const ptk_attention *call, int64_t row, int64_t head, int64_t least, int64_t most, int64_t lanes, float *p) {
    for (int64_t t = least; t < most; t++, p += lanes) {
        float masks[16];
        masks_at(call, row, head, t, masks);
        STORE(p, LOAD(p) * LOAD(masks));
    }
}

INLINE void forward_many(
    const ptk_attention *call, const ptk_sequence *sequence, int64_t head, int64_t columns, struct shared *shared,
    float *scratch, float *output, float *log_sums) {
    const int64_t depth = call->head_width, width = padded(depth), total = positions(call, sequence);
    const int64_t kv_head = head / (call->heads / call->key_heads);
    float *keys = scratch, *values = keys + columns * width, *p = values + columns * width;
    float *q = p + most_lanes * columns, *transposed = q + most_lanes * width, *result = q;
    const int64_t start = first_vector(call, visible(call, sequence, total, 0));
    const ptk_segment *first = call->segments + sequence->segment;
    const int64_t from_here = start == 0 && holds(shared, first, kv_head) ? first->count : start;
    gather(call, sequence, kv_head, true, from_here, width, keys);
    gather(call, sequence, kv_head, false, from_here, width, values);
    *shared = (struct shared){start == 0 ? first : NULL, kv_head};
    for (int64_t from = 0, block = block_of(total); from < sequence->queries; from += block) {
        const int64_t rows = sequence->queries - from < block ? sequence->queries - from : block;
        const int64_t lanes = lanes_of(rows), row = sequence->query + from;
        const int64_t most = visible(call, sequence, total, from + rows - 1);
        // No query of the block sees what lies before `least`.
        const int64_t least = first_vector(call, visible(call, sequence, total, from)), count = most - least;
        take_block(
            call->queries + row * call->query_stride + head * depth, call->query_stride, rows, depth, width,
            call->scale, q);
        transpose(q, lanes, width, transposed);
        product(count, lanes, depth, keys + least * width, width, 1, transposed, lanes, false, p, lanes);
        float greatest[most_lanes], sums[most_lanes];
        for (int64_t lane = 0; lane < lanes; lane += 16) {
            const struct sight sight = sight_of(call, sequence, total, from + lane);
            if (call->biases) {
                const int64_t query = total - sequence->queries + from + lane;
                add_biases(call->biases + bias_place(call, head, query, least), count, lanes, p + lane);
            }
            exponentials(&sight, least, most, lanes, p + lane, greatest + lane, sums + lane);
            if (call->dropout > 0) drop(call, row + lane, head, least, most, lanes, p + lane);
        }
        product(rows, width, count, p, 1, lanes, values + least * width, width, false, result, width);
        for (int64_t i = 0; i < rows; i++) {
            set_row(result + i * width, depth, 1 / sums[i], output + ((row + i) * call->heads + head) * depth);
            log_sums[(row + i) * call->heads + head] = greatest[i] + logf(sums[i]);
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Backward: with P = softmax(S), dV = Pᵀ dO, dP = dO Vᵀ, dS = P ∘ (dP - rowsum(P ∘ dP)), dQ = scale dS K,
// dK = scale dSᵀ Q. With a mask M, dV = (P ∘ M)ᵀ dO and dP = M ∘ dO Vᵀ. A row of P is at hand as a whole: O, whose product
// with dO has the same sums, need not be kept for the way back.

struct gradients {
    const float *log_sums, *output_gradients;
    float *query_gradients;
    int64_t query_gradient_stride;
};

/// From scores and dO Vᵀ, for the positions least..<most of sixteen queries: p becomes P ∘ M, and dp becomes dS. Both
/// are 0 where a query does not see a position.
INLINE void score_gradients(
    const ptk_attention *call, const struct sight *sight, int64_t row, int64_t head, int64_t least, int64_t most,
    const float *log_sums, int64_t lanes, float *p, float *dp) {
    const v16 log_sum = LOAD(log_sums);
    v16 dot = (v16)0.0f;  // rowsum(P ∘ dP)
    float masks[16];
    for (int64_t t = least; t < most; t++) {
        const v16i sees = (sight->first <= (int32_t)t) & (sight->seen > (int32_t)t);
        float *pt = p + (t - least) * lanes, *dpt = dp + (t - least) * lanes;
        v16 e = exp16(LOAD(pt) - log_sum), d = LOAD(dpt);
        if (call->dropout > 0) {
            masks_at(call, row, head, t, masks);
            d *= LOAD(masks);
        }
        e = sees ? e : (v16)0.0f;
        d = sees ? d : (v16)0.0f;
        dot += e * d;
        STORE(pt, e);
        STORE(dpt, d);
    }
    for (int64_t t = least; t < most; t++) {
        float *pt = p + (t - least) * lanes, *dpt = dp + (t - least) * lanes;
        STORE(dpt, LOAD(pt) * (LOAD(dpt) - dot));
        if (call->dropout > 0) {
            masks_at(call, row, head, t, masks);
            STORE(pt, LOAD(pt) * LOAD(masks));
        }
    }
}

INLINE void backward_head(
    const ptk_attention *call, const ptk_sequence *sequence, int64_t head, int64_t total, int64_t columns,
    const float *keys, const float *values, float *key_gradients, float *value_gradients, float *scratch,
    const struct gradients *g) {
    const int64_t depth = call->head_width, width = padded(depth), all = call->heads * depth;
    float *p = scratch, *ds = p + most_lanes * columns, *q = ds + most_lanes * columns, *d_out = q + most_lanes * width;
    float *transposed = d_out + most_lanes * width, *dq = transposed;
    for (int64_t from = 0, block = block_of(total); from < sequence->queries; from += block) {
        const int64_t rows = sequence->queries - from < block ? sequence->queries - from : block;
        const int64_t lanes = lanes_of(rows), row = sequence->query + from;
        const int64_t most = visible(call, sequence, total, from + rows - 1);
        const int64_t least = first_vector(call, visible(call, sequence, total, from)), count = most - least;
        const int64_t place = least * width;
        take_block(
            call->queries + row * call->query_stride + head * depth, call->query_stride, rows, depth, width,
            call->scale, q);
        take_block(g->output_gradients + row * all + head * depth, all, rows, depth, width, 1, d_out);
        float log_sums[most_lanes] = {0};
        for (int64_t i = 0; i < rows; i++) log_sums[i] = g->log_sums[(row + i) * call->heads + head];
        transpose(q, lanes, width, transposed);
        product(count, lanes, depth, keys + place, width, 1, transposed, lanes, false, p, lanes);
        transpose(d_out, lanes, width, transposed);
        product(count, lanes, depth, values + place, width, 1, transposed, lanes, false, ds, lanes);
        for (int64_t lane = 0; lane < lanes; lane += 16) {
            const struct sight sight = sight_of(call, sequence, total, from + lane);
            const int64_t biases = bias_place(call, head, total - sequence->queries + from + lane, least);
            if (call->biases) add_biases(call->biases + biases, count, lanes, p + lane);
            score_gradients(
                call, &sight, row + lane, head, least, least + rounded(count), log_sums + lane, lanes, p + lane,
                ds + lane);
            if (call->bias_gradients)
                add_bias_gradients(ds + lane, count, lanes, rows - lane, call->bias_gradients + biases);
        }
        product(count, width, rows, p, lanes, 1, d_out, width, true, value_gradients + place, width);
        product(count, width, rows, ds, lanes, 1, q, width, true, key_gradients + place, width);
        if (!g->query_gradients) continue;
        product(rows, width, count, ds, 1, lanes, keys + place, width, false, dq, width);
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
