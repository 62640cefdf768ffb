#include "include/attention.h"


#include "vector.h"

/// Queries handled at a time, at most: two vectors of them. Their scores [positions × lanes] stay in a near cache.
enum { most_lanes = 32 };

#define UNROLL _Pragma("clang loop unroll(full)")

INLINE int64_t padded(int64_t n) { return (n + 15) / 16 * 16; }

#include "attention_product.h"

// ---------------------------------------------------------------------------------------------------------------------

/// What a thread's scratch memory holds of a first segment that several sequences share, a prefix say: it is gathered
/// once per head, and its gradients are handed over once.
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

/// The keys or values of one head at position i of a segment: floats or bfloat16.
INLINE const void *place_of(const ptk_segment *segment, bool keys, int64_t column, int64_t i) {
    const int64_t offset = row_of(segment, i) * segment->stride + column;
    const char *source = keys ? segment->keys : segment->values;
    return source + offset * (int64_t)(segment->is_bfloat16 ? sizeof(uint16_t) : sizeof(float));
}

/// One of them.
INLINE float element(const void *place, bool is_bfloat16, int64_t i) {
    if (!is_bfloat16) return ((const float *)place)[i];
    const uint32_t bits = (uint32_t)((const uint16_t *)place)[i] << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/// out = in, for `count` elements: exact.
INLINE void widen_row(const uint16_t *in, int64_t count, float *out) {
    int64_t d = 0;
    for (; d + 16 <= count; d += 16) STORE(out + d, LOAD_BFLOAT16(in + d));
    for (; d < count; d++) out[d] = element(in, true, d);
}

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

/// out = x · in, for `count` elements.
INLINE void set_row(const float *in, int64_t count, float x, float *out) {
    int64_t d = 0;
    for (; d + 16 <= count; d += 16) STORE(out + d, x * LOAD(in + d));
    for (; d < count; d++) out[d] = x * in[d];
}

/// out += x · in, for `count` elements.
INLINE void add_row(const float *in, int64_t count, float x, float *out) {
    int64_t d = 0;
    for (; d + 16 <= count; d += 16) STORE(out + d, LOAD(out + d) + x * LOAD(in + d));
    for (; d < count; d++) out[d] += x * in[d];
}

/// Copies one head of a sequence's keys or values next to each other: [positions × width], zero beyond head_width, and
/// where products go beyond the last position. Positions before `start` keep their place, and are not touched.
INLINE void gather(
    const ptk_attention *call, const ptk_sequence *sequence, int64_t head, bool keys, int64_t start, int64_t width,
    float *out) {
    int64_t before = 0;
    for (int64_t s = 0; s < sequence->segments; s++) {
        const ptk_segment *segment = call->segments + sequence->segment + s;
        const int64_t first = first_of(segment, start, before);
        before += segment->count;
        out += first * width;
        for (int64_t i = first; i < segment->count; i++, out += width) {
            const void *place = place_of(segment, keys, head * call->head_width, i);
            if (segment->is_bfloat16) widen_row(place, call->head_width, out);
            else set_row(place, call->head_width, 1, out);
            for (int64_t d = call->head_width; d < width; d++) out[d] = 0;
        }
    }
    memset(out, 0, (size_t)((rounded(before) - before) * width) * sizeof(float));
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
            add_row(in, call->head_width, 1, target + row_of(segment, i) * segment->gradient_stride);
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

#include "attention_few.h"
#include "attention_many.h"

// ---------------------------------------------------------------------------------------------------------------------
// Jobs.

struct run {
    const ptk_attention *call;
    float *output, *log_sums;
    struct gradients gradients;
    int64_t columns;   // of the longest sequence
    int64_t together;  // so many sequences of few queries are handled together; 0 where some have many
    size_t share;      // of a thread in the scratch memory, in floats
    float *scratch;
};

/// A job is one head of one sequence. The sequences of one head follow each other: what they share stays in scratch
/// memory.
DISPATCHED static void forward_jobs(struct run *run, int64_t begin, int64_t end, float *scratch) {
    const ptk_attention *call = run->call;
    struct shared shared = {NULL, 0};
    for (int64_t job = begin; job < end; job++) {
        const int64_t s = job % call->sequence_count, head = job / call->sequence_count;
        if (is_few(call, call->sequences + s)) {
            forward_few(call, head, head + 1, s, s + 1, run->columns, scratch, run->output, run->log_sums);
            shared.segment = NULL;
        } else {
            forward_many(
                call, call->sequences + s, head, run->columns, &shared, scratch, run->output, run->log_sums);
        }
    }
}

/// Where all sequences have few queries, a job is one head of some of them, and the heads follow each other.
DISPATCHED static void forward_few_jobs(struct run *run, int64_t begin, int64_t end, float *scratch) {
    const ptk_attention *call = run->call;
    for (int64_t job = begin, next; job < end; job = next) {
        const int64_t first = job / call->heads * run->together, head = job % call->heads;
        const int64_t last = first + run->together;
        next = job - head + call->heads < end ? job - head + call->heads : end;
        forward_few(
            call, head, head + next - job, first, last < call->sequence_count ? last : call->sequence_count,
            run->columns, scratch, run->output, run->log_sums);
    }
}

DISPATCHED static void backward_jobs(struct run *run, int64_t begin, int64_t end, float *scratch) {
    for (int64_t head = begin; head < end; head++)
        backward_group(run->call, head, run->columns, scratch, &run->gradients);
}

static void forward_thread(void *context, int thread, int threads) {
    struct run *run = context;
    int64_t begin, end;
    if (run->together > 0) {
        const int64_t parts = (run->call->sequence_count + run->together - 1) / run->together;
        share(parts * run->call->heads, thread, threads, &begin, &end);
        if (begin < end) forward_few_jobs(run, begin, end, run->scratch + thread * run->share);
    } else {
        share(run->call->sequence_count * run->call->heads, thread, threads, &begin, &end);
        if (begin < end) forward_jobs(run, begin, end, run->scratch + thread * run->share);
    }
}

static void backward_thread(void *context, int thread, int threads) {
    struct run *run = context;
    int64_t begin, end;
    share(run->call->key_heads, thread, threads, &begin, &end);
    if (begin < end) backward_jobs(run, begin, end, run->scratch + thread * run->share);
}

/// Sizes by the longest sequence, for both directions.
static void set_sizes(struct run *run) {
    const ptk_attention *call = run->call;
    int64_t most = 0, queries = 0;
    bool few = true;
    for (int64_t s = 0; s < call->sequence_count; s++) {
        const ptk_sequence *sequence = call->sequences + s;
        const int64_t total = positions(call, sequence);
        most = total > most ? total : most;
        queries = sequence->queries > queries ? sequence->queries : queries;
        few = few && is_few(call, sequence);
    }
    const int64_t width = padded(call->head_width);
    run->columns = padded(most);
    const size_t many = (size_t)(4 * run->columns * width + 2 * most_lanes * run->columns + 3 * most_lanes * width + 64);
    run->share = (many + 15) / 16 * 16;  // Whole cache lines: no two threads write to one.
    if (!few) return;
    // No more together than leaves a job for each thread.
    const int64_t fair = call->sequence_count * call->heads / ptk_threads();
    run->together = fair < 1 ? 1 : fair < most_few ? fair : most_few;
    const size_t together = (size_t)(run->together * queries * call->heads) * few_scratch(call, run->columns);
    if (together > run->share) run->share = (together + 15) / 16 * 16;
}

int64_t ptk_attention_scratch(const ptk_attention *attention) {
    struct run run = {.call = attention};
    set_sizes(&run);
    return (int64_t)run.share * ptk_threads();
}

void ptk_attention_forward(const ptk_attention *attention, float *scratch, float *output, float *log_sums) {
    struct run run = {.call = attention, .scratch = scratch, .output = output, .log_sums = log_sums};
    set_sizes(&run);
    ptk_parallel(forward_thread, &run);
}

void ptk_attention_backward(
    const ptk_attention *attention, const float *log_sums, const float *output_gradients, float *query_gradients,
    int64_t query_gradient_stride, float *scratch) {
    struct run run = {
        .call = attention,
        .scratch = scratch,
        .gradients = {log_sums, output_gradients, query_gradients, query_gradient_stride}};
    set_sizes(&run);
    ptk_parallel(backward_thread, &run);
}
