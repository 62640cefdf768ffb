#include "include/attention.h"

#include <stdlib.h>

#include "vector.h"

/// Queries handled at a time: their scores [block × positions] stay in a near cache.
enum { block = 16 };

#define UNROLL _Pragma("clang loop unroll(full)")

INLINE int64_t padded(int64_t n) { return (n + 15) / 16 * 16; }

// ---------------------------------------------------------------------------------------------------------------------
// C [m × n] (+)= A · B with n a multiple of 16; A's element (i, k) is a[i * row_step + k * column_step].

INLINE void product_rows(
    int rows, int64_t n, int64_t depth, const float *a, int64_t row_step, int64_t column_step, const float *b,
    int64_t ldb, bool add, float *c, int64_t ldc) {
    int64_t j = 0;
    for (; j + 32 <= n; j += 32) {
        v16 s[8][2];
        UNROLL for (int i = 0; i < rows; i++)
            for (int u = 0; u < 2; u++) s[i][u] = add ? LOAD(c + i * ldc + j + 16 * u) : (v16)0.0f;
        for (int64_t k = 0; k < depth; k++) {
            v16 b0 = LOAD(b + k * ldb + j), b1 = LOAD(b + k * ldb + j + 16);
            UNROLL for (int i = 0; i < rows; i++) {
                float x = a[i * row_step + k * column_step];
                s[i][0] += x * b0;
                s[i][1] += x * b1;
            }
        }
        UNROLL for (int i = 0; i < rows; i++)
            for (int u = 0; u < 2; u++) STORE(c + i * ldc + j + 16 * u, s[i][u]);
    }
    if (j < n) {
        v16 s[8];
        UNROLL for (int i = 0; i < rows; i++) s[i] = add ? LOAD(c + i * ldc + j) : (v16)0.0f;
        for (int64_t k = 0; k < depth; k++) {
            v16 b0 = LOAD(b + k * ldb + j);
            UNROLL for (int i = 0; i < rows; i++) s[i] += a[i * row_step + k * column_step] * b0;
        }
        UNROLL for (int i = 0; i < rows; i++) STORE(c + i * ldc + j, s[i]);
    }
}

INLINE void product(
    int64_t m, int64_t n, int64_t depth, const float *a, int64_t row_step, int64_t column_step, const float *b,
    int64_t ldb, bool add, float *c, int64_t ldc) {
    _Pragma("clang fp contract(fast)");
    int64_t i = 0;
    for (; i + 8 <= m; i += 8)
        product_rows(8, n, depth, a + i * row_step, row_step, column_step, b, ldb, add, c + i * ldc, ldc);
    for (; i + 4 <= m; i += 4)
        product_rows(4, n, depth, a + i * row_step, row_step, column_step, b, ldb, add, c + i * ldc, ldc);
    for (; i < m; i++)
        product_rows(1, n, depth, a + i * row_step, row_step, column_step, b, ldb, add, c + i * ldc, ldc);
}

// ---------------------------------------------------------------------------------------------------------------------

/// What a thread's scratch memory holds of a first segment that several sequences share, a prefix say: it is gathered once
/// per head, and its gradients are handed over once.
struct shared {
    const ptk_segment *segment;
    int64_t head;
};

INLINE bool holds(const struct shared *shared, const ptk_segment *segment, int64_t head) {
    const ptk_segment *held = shared->segment;
    return held && shared->head == head && held->keys == segment->keys && held->values == segment->values &&
           held->stride == segment->stride && held->rows == segment->rows && held->count == segment->count &&
           held->key_gradients == segment->key_gradients && held->value_gradients == segment->value_gradients;
}

INLINE int64_t row_of(const ptk_segment *segment, int64_t i) { return segment->rows ? segment->rows[i] : i; }

static int64_t positions(const ptk_attention *call, const ptk_sequence *sequence) {
    int64_t total = 0;
    for (int64_t s = 0; s < sequence->segments; s++) total += call->segments[sequence->segment + s].count;
    return total;
}

/// The first of a segment's positions to look at, where those of the sequence before `start` are skipped and `before`
/// positions lie in earlier segments; the segment's count where there is none.
INLINE int64_t first_of(const ptk_segment *segment, int64_t start, int64_t before) {
    int64_t first = start > before ? start - before : 0;
    return first < segment->count ? first : segment->count;
}

/// Copies one head of a sequence's keys or values next to each other: [positions × width], zero beyond head_width.
/// Positions before `start` keep their place, and are not touched.
INLINE void gather(
    const ptk_attention *call, const ptk_sequence *sequence, int64_t head, bool keys, int64_t start, int64_t width,
    float *out) {
    int64_t before = 0;
    for (int64_t s = 0; s < sequence->segments; s++) {
        const ptk_segment *segment = call->segments + sequence->segment + s;
        const float *source = (keys ? segment->keys : segment->values) + head * call->head_width;
        const int64_t first = first_of(segment, start, before);
        before += segment->count;
        out += first * width;
        for (int64_t i = first; i < segment->count; i++, out += width) {
            const float *row = source + row_of(segment, i) * segment->stride;
            for (int64_t d = 0; d < call->head_width; d++) out[d] = row[d];
            for (int64_t d = call->head_width; d < width; d++) out[d] = 0;
        }
    }
}

/// out [head_width × stride] = in [count × width] transposed, zero from `count` to the end of its vector; only the columns
/// from `start` on.
INLINE void transpose(
    const float *in, int64_t start, int64_t count, int64_t width, int64_t depth, int64_t stride, float *out) {
    for (int64_t from = start; from < count; from += 16) {
        int64_t to = from + 16 < count ? from + 16 : count;
        for (int64_t d = 0; d < depth; d++)
            for (int64_t i = from; i < to; i++) out[d * stride + i] = in[i * width + d];
    }
    for (int64_t d = 0; d < depth; d++)
        for (int64_t i = count; i < padded(count); i++) out[d * stride + i] = 0;
}

/// Adds to the gradients of the positions from `start` on.
INLINE void scatter(
    const ptk_attention *call, const ptk_sequence *sequence, int64_t head, bool keys, int64_t start, int64_t width,
    const float *in) {
    int64_t before = 0;
    for (int64_t s = 0; s < sequence->segments; s++) {
        const ptk_segment *segment = call->segments + sequence->segment + s;
        const int64_t first = first_of(segment, start, before);
        before += segment->count;
        float *target = keys ? segment->key_gradients : segment->value_gradients;
        if (!target) {
            in += segment->count * width;
            continue;
        }
        target += head * call->head_width;
        in += first * width;
        for (int64_t i = first; i < segment->count; i++, in += width) {
            float *row = target + row_of(segment, i) * segment->gradient_stride;
            for (int64_t d = 0; d < call->head_width; d++) row[d] += in[d];
        }
    }
}

INLINE int64_t visible(const ptk_attention *call, const ptk_sequence *sequence, int64_t total, int64_t query) {
    return call->causal ? total - (sequence->queries - 1 - query) : total;
}

/// The first position that a query sees which sees none from `seen` on: key j of query i where j > i - window.
INLINE int64_t first_seen(const ptk_attention *call, int64_t seen) {
    return seen > call->window ? seen - call->window : 0;
}

/// The same, rounded down to where a vector of positions begins.
INLINE int64_t first_vector(const ptk_attention *call, int64_t seen) { return first_seen(call, seen) & ~(int64_t)15; }

/// One element of the mask. Positions are those of the sequence, those of its first segments included.
INLINE float mask_at(const ptk_attention *call, int64_t row, int64_t head, int64_t t) {
    return mask_element(call->seed, ((uint64_t)(row * call->heads + head) << 32) + (uint64_t)t, call->dropout);
}

// ---------------------------------------------------------------------------------------------------------------------
// Forward.

#include "attention_few.h"

/// Queries in blocks, by small matrix products.
INLINE void forward_many(
    const ptk_attention *call, const ptk_sequence *sequence, int64_t head, int64_t total, int64_t columns,
    struct shared *shared, float *scratch, float *output, float *log_sums) {
    REASSOCIATE
    const int64_t depth = call->head_width, width = padded(depth);
    const int64_t kv_head = head / (call->heads / call->key_heads);
    float *values = scratch, *transposed = values + columns * width, *scores = transposed + depth * columns;
    float *result = scores + block * columns;
    const int64_t start = first_vector(call, visible(call, sequence, total, 0));
    const ptk_segment *first = call->segments + sequence->segment;
    const int64_t from_here = start == 0 && holds(shared, first, kv_head) ? first->count : start;
    gather(call, sequence, kv_head, true, from_here, width, values);
    transpose(values, from_here, total, width, depth, columns, transposed);
    gather(call, sequence, kv_head, false, from_here, width, values);
    *shared = (struct shared){start == 0 ? first : NULL, kv_head};
    for (int64_t from = 0; from < sequence->queries; from += block) {
        const int64_t rows = sequence->queries - from < block ? sequence->queries - from : block;
        const int64_t row = sequence->query + from, most = visible(call, sequence, total, from + rows - 1);
        // No query of the block sees what lies before `least`.
        const int64_t least = first_vector(call, visible(call, sequence, total, from));
        product(
            rows, padded(most) - least, depth, call->queries + row * call->query_stride + head * depth,
            call->query_stride, 1, transposed + least, columns, false, scores + least, columns);
        float sums[block];
        for (int64_t i = 0; i < rows; i++) {
            const int64_t seen = visible(call, sequence, total, from + i), first = first_seen(call, seen);
            float *s = scores + i * columns, greatest = -INFINITY, sum = 0;
            for (int64_t t = first; t < seen; t++) greatest = s[t] > greatest ? s[t] : greatest;
            greatest *= call->scale;
            for (int64_t t = first; t < seen; t++) s[t] = exp_fast(s[t] * call->scale - greatest);
            for (int64_t t = first; t < seen; t++) sum += s[t];
            if (call->dropout > 0)
                for (int64_t t = first; t < seen; t++) s[t] *= mask_at(call, row + i, head, t);
            for (int64_t t = least; t < first; t++) s[t] = 0;
            for (int64_t t = seen; t < most; t++) s[t] = 0;
            sums[i] = sum;
            log_sums[(row + i) * call->heads + head] = greatest + logf(sum);
        }
        product(
            rows, width, most - least, scores + least, columns, 1, values + least * width, width, false, result, width);
        for (int64_t i = 0; i < rows; i++) {
            float *out = output + (row + i) * call->heads * depth + head * depth;
            for (int64_t d = 0; d < depth; d++) out[d] = result[i * width + d] / sums[i];
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

INLINE void backward_head(
    const ptk_attention *call, const ptk_sequence *sequence, int64_t head, int64_t total, int64_t columns, float *keys,
    const float *keys_transposed, const float *values_transposed, float *key_gradients, float *value_gradients,
    float *scratch, const struct gradients *g) {
    REASSOCIATE
    const int64_t depth = call->head_width, width = padded(depth), all = call->heads * depth;
    float *p = scratch, *ds = p + block * columns, *q = ds + block * columns, *d_out = q + block * width;
    float *dq = d_out + block * width;
    for (int64_t from = 0; from < sequence->queries; from += block) {
        const int64_t rows = sequence->queries - from < block ? sequence->queries - from : block;
        const int64_t row = sequence->query + from, most = visible(call, sequence, total, from + rows - 1);
        const int64_t least = first_vector(call, visible(call, sequence, total, from)), span = padded(most) - least;
        for (int64_t i = 0; i < rows; i++) {
            const float *from_q = call->queries + (row + i) * call->query_stride + head * depth;
            const float *from_o = g->output_gradients + (row + i) * all + head * depth;
            for (int64_t d = 0; d < depth; d++) q[i * width + d] = from_q[d] * call->scale;
            for (int64_t d = 0; d < depth; d++) d_out[i * width + d] = from_o[d];
            for (int64_t d = depth; d < width; d++) q[i * width + d] = d_out[i * width + d] = 0;
        }
        product(rows, span, depth, q, width, 1, keys_transposed + least, columns, false, p + least, columns);
        product(rows, span, depth, d_out, width, 1, values_transposed + least, columns, false, ds + least, columns);
        for (int64_t i = 0; i < rows; i++) {
            const int64_t seen = visible(call, sequence, total, from + i), first = first_seen(call, seen);
            const float log_sum = g->log_sums[(row + i) * call->heads + head];
            const float *out = g->output + (row + i) * all + head * depth;
            float *pi = p + i * columns, *dsi = ds + i * columns, dot = 0;
            for (int64_t d = 0; d < depth; d++) dot += d_out[i * width + d] * out[d];
            for (int64_t t = first; t < seen; t++) pi[t] = exp_fast(pi[t] - log_sum);
            if (call->dropout > 0) {
                for (int64_t t = first; t < seen; t++) {
                    const float mask = mask_at(call, row + i, head, t);
                    dsi[t] = pi[t] * (mask * dsi[t] - dot);
                    pi[t] *= mask;
                }
            } else {
                for (int64_t t = first; t < seen; t++) dsi[t] = pi[t] * (dsi[t] - dot);
            }
            for (int64_t t = least; t < first; t++) pi[t] = dsi[t] = 0;
            for (int64_t t = seen; t < most; t++) pi[t] = dsi[t] = 0;
        }
        const int64_t count = most - least, place = least * width;
        product(count, width, rows, p + least, 1, columns, d_out, width, true, value_gradients + place, width);
        product(count, width, rows, ds + least, 1, columns, q, width, true, key_gradients + place, width);
        if (!g->query_gradients) continue;
        product(rows, width, count, ds + least, columns, 1, keys + place, width, false, dq, width);
        for (int64_t i = 0; i < rows; i++) {
            float *to = g->query_gradients + (row + i) * g->query_gradient_stride + head * depth;
            for (int64_t d = 0; d < depth; d++) to[d] += dq[i * width + d] * call->scale;
        }
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
    const int64_t depth = call->head_width, width = padded(depth), group = call->heads / call->key_heads;
    float *keys = scratch, *key_gradients = keys + columns * width, *value_gradients = key_gradients + columns * width;
    float *keys_transposed = value_gradients + columns * width, *values_transposed = keys_transposed + depth * columns;
    float *rest = values_transposed + depth * columns;
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
        gather(call, sequence, kv_head, false, from_here, width, keys);
        transpose(keys, from_here, total, width, depth, columns, values_transposed);
        gather(call, sequence, kv_head, true, from_here, width, keys);
        transpose(keys, from_here, total, width, depth, columns, keys_transposed);
        memset(key_gradients + from_here * width, 0, gradient_bytes);
        memset(value_gradients + from_here * width, 0, gradient_bytes);
        for (int64_t head = kv_head * group; head < (kv_head + 1) * group; head++)
            backward_head(
                call, sequence, head, total, columns, keys, keys_transposed, values_transposed, key_gradients,
                value_gradients, rest, g);
        if (start == 0) shared = (struct shared){first, kv_head};
        const int64_t own = start == 0 ? first->count : start;
        scatter(call, sequence, kv_head, true, own, width, key_gradients);
        scatter(call, sequence, kv_head, false, own, width, value_gradients);
    }
    release(call, &shared, width, key_gradients, value_gradients);
}

// ---------------------------------------------------------------------------------------------------------------------
// Jobs.

struct run {
    const ptk_attention *call;
    float *output, *log_sums;
    struct gradients gradients;
    int64_t columns;  // of the longest sequence
    size_t scratch;
};

/// Each thread keeps its scratch between calls; it grows to the longest sequence met.
static float *thread_scratch(size_t floats) {
    static _Thread_local float *memory;
    static _Thread_local size_t size;
    if (size < floats) {
        free(memory);
        memory = aligned_alloc(64, (floats * sizeof(float) + 63) / 64 * 64);
        size = floats;
    }
    return memory;
}

/// The sequences of one head follow each other: what they share stays in a near cache, or in scratch memory.
DISPATCHED static void forward_jobs(struct run *run, int64_t begin, int64_t end, float *scratch) {
    const ptk_attention *call = run->call;
    struct shared shared = {NULL, 0};
    for (int64_t job = begin; job < end; job++) {
        const ptk_sequence *sequence = call->sequences + job % call->sequence_count;
        const int64_t head = job / call->sequence_count, total = positions(call, sequence);
        // Few queries are those of decoding; only training drops probabilities.
        if (sequence->queries < 4 && call->dropout == 0) {
            forward_queries(call, sequence, head, total, scratch, run->output, run->log_sums);
            shared.segment = NULL;
        } else {
            forward_many(
                call, sequence, head, total, run->columns, &shared, scratch, run->output, run->log_sums);
        }
    }
}

DISPATCHED static void backward_jobs(struct run *run, int64_t begin, int64_t end, float *scratch) {
    for (int64_t head = begin; head < end; head++)
        backward_group(run->call, head, run->columns, scratch, &run->gradients);
}

static void forward_thread(void *context, int thread, int threads) {
    struct run *run = context;
    int64_t begin, end;
    share(run->call->sequence_count * run->call->heads, thread, threads, &begin, &end);
    if (begin < end) forward_jobs(run, begin, end, thread_scratch(run->scratch));
}

static void backward_thread(void *context, int thread, int threads) {
    struct run *run = context;
    int64_t begin, end;
    share(run->call->key_heads, thread, threads, &begin, &end);
    if (begin < end) backward_jobs(run, begin, end, thread_scratch(run->scratch));
}

/// Sizes by the longest sequence, for both directions.
static void set_sizes(struct run *run) {
    const ptk_attention *call = run->call;
    int64_t most = 0;
    for (int64_t s = 0; s < call->sequence_count; s++) {
        int64_t total = positions(call, call->sequences + s);
        most = total > most ? total : most;
    }
    const int64_t width = padded(call->head_width);
    run->columns = padded(most);
    run->scratch = (size_t)(3 * run->columns * width + 2 * call->head_width * run->columns + 2 * block * run->columns +
                            3 * block * width + 64);
}

void ptk_attention_forward(const ptk_attention *attention, float *output, float *log_sums) {
    struct run run = {.call = attention, .output = output, .log_sums = log_sums};
    set_sizes(&run);
    ptk_parallel(forward_thread, &run);
}

void ptk_attention_backward(
    const ptk_attention *attention, const float *output, const float *log_sums, const float *output_gradients,
    float *query_gradients, int64_t query_gradient_stride) {
    struct run run = {
        .call = attention,
        .gradients = {output, log_sums, output_gradients, query_gradients, query_gradient_stride}};
    set_sizes(&run);
    ptk_parallel(backward_thread, &run);
}
