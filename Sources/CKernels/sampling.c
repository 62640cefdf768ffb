#include "include/sampling.h"

#include <stddef.h>

#include "vector.h"

/// Eight doubles, as in vector.h.
typedef double d8 __attribute__((ext_vector_type(8), aligned(8)));
typedef int64_t l8 __attribute__((ext_vector_type(8), aligned(8)));
typedef float f8 __attribute__((ext_vector_type(8), aligned(4)));

/// Tokens whose weights are summed up together: a draw first finds the block, then the token.
enum { block = 1024 };

/// e^x to 1 ulp or so for x in -708...0; 0 below, and for what is no number: x = n ln 2 + r, |r| <= ln 2 / 2, the series in r to
/// its 13th power, times 2^n. Adding 1.5 * 2^52 rounds to the nearest integer n and leaves it in the lowest bits.
INLINE d8 exp8(d8 x) {
    const l8 is_seen = x >= -708.0;
    d8 clamped = is_seen ? x : (d8)-708.0;
    d8 shifted = clamped * 1.4426950408889634 + 6755399441055744.0;
    d8 n = shifted - 6755399441055744.0;
    d8 r = clamped - n * 0.693147180369123816490;
    r = r - n * 1.90821492927058770002e-10;
    d8 p = r * 1.6059043836821613e-10 + 2.08767569878681e-09;
    p = p * r + 2.505210838544172e-08;
    p = p * r + 2.755731922398589e-07;
    p = p * r + 2.7557319223985893e-06;
    p = p * r + 2.48015873015873e-05;
    p = p * r + 1.984126984126984e-04;
    p = p * r + 1.388888888888889e-03;
    p = p * r + 8.333333333333333e-03;
    p = p * r + 4.1666666666666664e-02;
    p = p * r + 0.16666666666666666;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    l8 bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 1023) << 52;
    d8 scale;
    memcpy(&scale, &bits, sizeof scale);
    return is_seen ? p * scale : (d8)0.0;
}

INLINE double sum8(d8 v) {
    return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

/// Up to eight scores as doubles; -inf beyond the last.
INLINE d8 scores8(const float *scores, int64_t count) {
    if (count >= 8) return __builtin_convertvector(*(const f8 *)scores, d8);
    d8 v = (d8)(-INFINITY);
    for (int64_t i = 0; i < count; i++) v[i] = scores[i];
    return v;
}

/// Up to eight weights; 0 beyond the last.
INLINE d8 weights8(const double *weights, int64_t count) {
    if (count >= 8) return *(const d8 *)weights;
    d8 v = 0;
    for (int64_t i = 0; i < count; i++) v[i] = weights[i];
    return v;
}

// What a choice works with.
struct pair {
    double weight;
    float score;
};

struct scratch {
    double *weights;      // [max(block, vocabulary)]
    struct pair *pairs;   // [vocabulary]
    float *scores;        // [vocabulary]
    int32_t *tokens;      // [vocabulary]
    float *greatest;      // [2 × vectors of the vocabulary]
};

INLINE int64_t aligned(int64_t bytes) { return (bytes + 63) / 64 * 64; }
INLINE int64_t longest(int64_t vocabulary) { return vocabulary > block ? vocabulary : block; }
INLINE int64_t vectors(int64_t vocabulary) { return (vocabulary + 15) / 16; }

static int64_t scratch_size(int64_t vocabulary) {
    return aligned(longest(vocabulary) * (int64_t)sizeof(double)) +
           aligned(vocabulary * (int64_t)sizeof(struct pair)) + 2 * aligned(vocabulary * 4) +
           aligned(2 * vectors(vocabulary) * 4);
}

static struct scratch scratch_of(void *memory, int64_t vocabulary) {
    char *p = memory;
    struct scratch s;
    s.weights = (double *)p;
    p += aligned(longest(vocabulary) * (int64_t)sizeof(double));
    s.pairs = (struct pair *)p;
    p += aligned(vocabulary * (int64_t)sizeof(struct pair));
    s.scores = (float *)p;
    p += aligned(vocabulary * 4);
    s.tokens = (int32_t *)p;
    p += aligned(vocabulary * 4);
    s.greatest = (float *)p;
    return s;
}

/// The greatest of `count` scores, NaNs left out; -inf where there is none.
INLINE float greatest_of(const float *x, int64_t count) {
    v16 most = -INFINITY;
    int64_t i = 0;
    for (; i + 16 <= count; i += 16) most = LOAD(x + i) > most ? LOAD(x + i) : most;
    float greatest = maximum16(most);
    for (; i < count; i++) greatest = x[i] > greatest ? x[i] : greatest;
    return greatest;
}

INLINE int32_t most_probable(const float *scores, int64_t count) {
    const float greatest = greatest_of(scores, count);
    if (greatest == -INFINITY) return -1;
    int64_t i = 0;
    while (scores[i] != greatest) i++;
    return (int32_t)i;
}

/// The weights of some scores, and their sum: 0 for those below `least`.
INLINE double weigh_scores(
    const float *scores, int64_t count, double greatest, double scale, double least, double *weights) {
    d8 sum = 0;
    for (int64_t i = 0; i < count; i += 8) {
        d8 w = exp8((scores8(scores + i, count - i) - greatest) * scale);
        w = w >= least ? w : (d8)0.0;
        sum += w;
        if (!weights) continue;
        if (count - i >= 8) *(d8 *)(weights + i) = w;
        else
            for (int64_t j = 0; i + j < count; j++) weights[i + j] = w[j];
    }
    return sum8(sum);
}

/// The token at which the sum of weights, from the first on, exceeds a part of it; the last that has any where rounding keeps it
/// from that; -1 for none.
INLINE int64_t at(const double *weights, int64_t count, double rest) {
    int64_t last = -1;
    for (int64_t i = 0; i < count; i++) {
        if (weights[i] == 0) continue;
        last = i;
        rest -= weights[i];
        if (rest < 0) return i;
    }
    return last;
}

/// Draws from all tokens.
INLINE int32_t draw_from_all(
    const ptk_choice *choice, int64_t vocabulary, double greatest, const struct scratch *s) {
    const double scale = 1 / choice->temperature;
    double *sums = (double *)s->pairs;  // of the blocks
    const int64_t blocks = (vocabulary + block - 1) / block;
    double total = 0;
    for (int64_t b = 0; b < blocks; b++) {
        const int64_t first = b * block, count = vocabulary - first < block ? vocabulary - first : block;
        sums[b] = weigh_scores(choice->scores + first, count, greatest, scale, choice->min_p, NULL);
        total += sums[b];
    }
    double rest = choice->uniform * total;
    int64_t b = 0;
    while (b + 1 < blocks && rest >= sums[b]) rest -= sums[b++];
    // Where rounding leads past the last block that has any weight, the one before is taken.
    while (b > 0 && sums[b] == 0) b--;
    const int64_t first = b * block, count = vocabulary - first < block ? vocabulary - first : block;
    weigh_scores(choice->scores + first, count, greatest, scale, choice->min_p, s->weights);
    const int64_t found = at(s->weights, count, rest);
    return found < 0 ? -1 : (int32_t)(first + found);
}

#include "sampling_cut.h"

INLINE bool is_cut(const ptk_choice *choice, int64_t vocabulary) {
    return (choice->top_k > 0 && choice->top_k < vocabulary) || choice->top_p < 1;
}

/// The greatest score of each vector of the vocabulary, and of all.
INLINE float greatest_by_vector(const float *scores, int64_t vocabulary, float *greatest) {
    float most = -INFINITY;
    for (int64_t v = 0; v < vectors(vocabulary); v++) {
        const int64_t left = vocabulary - 16 * v;
        greatest[v] = greatest_of(scores + 16 * v, left < 16 ? left : 16);
        most = greatest[v] > most ? greatest[v] : most;
    }
    return most;
}

INLINE int32_t choose(const ptk_choice *choice, int64_t vocabulary, const struct scratch *s) {
    if (!choice->draws) return most_probable(choice->scores, vocabulary);
    const bool cuts = is_cut(choice, vocabulary);
    const float greatest = cuts ? greatest_by_vector(choice->scores, vocabulary, s->greatest)
                                : greatest_of(choice->scores, vocabulary);
    if (!isfinite(greatest)) return -1;
    if (!cuts) return draw_from_all(choice, vocabulary, greatest, s);
    const int64_t count = cut(choice, vocabulary, greatest, s);
    double total = 0;
    for (int64_t i = 0; i < count; i++) total += s->weights[i];
    const int64_t found = at(s->weights, count, choice->uniform * total);
    return found < 0 ? -1 : s->tokens[found];
}

DISPATCHED static void choose_rows(
    const ptk_choice *choices, int64_t count, int64_t vocabulary, const struct scratch *s, int32_t *tokens) {
    for (int64_t r = 0; r < count; r++) tokens[r] = choose(choices + r, vocabulary, s);
}

DISPATCHED static int64_t candidates(
    const ptk_choice *choice, int64_t vocabulary, const struct scratch *s, int32_t *tokens, double *weights) {
    const float greatest = greatest_by_vector(choice->scores, vocabulary, s->greatest);
    if (!isfinite(greatest)) return 0;
    if (is_cut(choice, vocabulary)) {
        const int64_t count = cut(choice, vocabulary, greatest, s);
        memcpy(tokens, s->tokens, (size_t)count * sizeof *tokens);
        memcpy(weights, s->weights, (size_t)count * sizeof *weights);
        return count;
    }
    weigh_scores(choice->scores, vocabulary, greatest, 1 / choice->temperature, choice->min_p, s->weights);
    int64_t count = 0;
    for (int64_t i = 0; i < vocabulary; i++) {
        if (s->weights[i] == 0) continue;
        tokens[count] = (int32_t)i;
        weights[count++] = s->weights[i];
    }
    return count;
}

/// One row: the greatest scores are inserted into a list, which few vectors of the vocabulary have anything for.
INLINE void describe(ptk_distribution *row, int64_t vocabulary) {
    const float *scores = row->scores;
    const double greatest = greatest_of(scores, vocabulary);
    double total = 0;
    for (int64_t first = 0; first < vocabulary; first += block) {
        const int64_t left = vocabulary - first, count = left < block ? left : block;
        total += weigh_scores(scores + first, count, greatest, 1, 0, NULL);
    }
    row->log_sum = greatest + log(total);
    int64_t found = 0;
    for (int64_t v = 0; v < vectors(vocabulary) && row->best > 0; v++) {
        const int64_t left = vocabulary - 16 * v, end = 16 * v + (left < 16 ? left : 16);
        const float bound = found < row->best ? -INFINITY : scores[row->tokens[found - 1]];
        if (!(greatest_of(scores + 16 * v, end - 16 * v) > bound)) continue;
        for (int64_t i = 16 * v; i < end; i++) {
            if (!(scores[i] > (found < row->best ? -INFINITY : scores[row->tokens[found - 1]]))) continue;
            int64_t place = found < row->best ? found++ : found - 1;
            for (; place > 0 && scores[row->tokens[place - 1]] < scores[i]; place--)
                row->tokens[place] = row->tokens[place - 1];
            row->tokens[place] = (int32_t)i;
        }
    }
    for (; found < row->best; found++) row->tokens[found] = -1;
}

DISPATCHED static void describe_rows(ptk_distribution *rows, int64_t count, int64_t vocabulary) {
    for (int64_t r = 0; r < count; r++) describe(rows + r, vocabulary);
}

struct arguments {
    const ptk_choice *choices;
    ptk_distribution *rows;
    int64_t count, vocabulary;
    char *scratch;
    int32_t *tokens;
};

static void choose_thread(void *context, int thread, int threads) {
    struct arguments *a = context;
    int64_t begin, end;
    share(a->count, thread, threads, &begin, &end);
    if (begin == end) return;
    const struct scratch s = scratch_of(a->scratch + thread * scratch_size(a->vocabulary), a->vocabulary);
    choose_rows(a->choices + begin, end - begin, a->vocabulary, &s, a->tokens + begin);
}

static void describe_thread(void *context, int thread, int threads) {
    struct arguments *a = context;
    int64_t begin, end;
    share(a->count, thread, threads, &begin, &end);
    describe_rows(a->rows + begin, end - begin, a->vocabulary);
}

int64_t ptk_choice_scratch(int64_t vocabulary, int64_t threads) { return threads * scratch_size(vocabulary); }

void ptk_choose(
    const ptk_choice *choices, int64_t count, int64_t vocabulary, void *scratch, int32_t *tokens) {
    struct arguments a = {
        .choices = choices, .count = count, .vocabulary = vocabulary, .scratch = scratch, .tokens = tokens};
    ptk_parallel(choose_thread, &a);
}

int32_t ptk_choose_one(const ptk_choice *choice, int64_t vocabulary, void *scratch) {
    const struct scratch s = scratch_of(scratch, vocabulary);
    int32_t token = -1;
    choose_rows(choice, 1, vocabulary, &s, &token);
    return token;
}

int64_t ptk_candidates(
    const ptk_choice *choice, int64_t vocabulary, void *scratch, int32_t *tokens, double *weights) {
    const struct scratch s = scratch_of(scratch, vocabulary);
    return candidates(choice, vocabulary, &s, tokens, weights);
}

void ptk_describe(ptk_distribution *rows, int64_t count, int64_t vocabulary) {
    struct arguments a = {.rows = rows, .count = count, .vocabulary = vocabulary};
    ptk_parallel(describe_thread, &a);
}

void ptk_describe_one(ptk_distribution *row, int64_t vocabulary) { describe_rows(row, 1, vocabulary); }
