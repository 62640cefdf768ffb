/// Choosing the next token of rows of scores, and what is told of it, without sorting a vocabulary.
#ifndef PREFIXTUNE_SAMPLING_H
#define PREFIXTUNE_SAMPLING_H

#include <stdbool.h>
#include <stdint.h>

/// How the next token of a row is chosen. NaNs among the scores are passed over.
typedef struct {
    const float *scores;  // [vocabulary]
    bool draws;           // else the first of the greatest scores is chosen
    double temperature;   // weights are exp((score - greatest) / temperature)
    int64_t top_k;        // only the k greatest scores, and those equal to the last of them; 0 for all
    double top_p;         // of these the most probable ones that reach this share, the first of equal ones first; 1 for all
    double min_p;         // of these those whose weight is at least so much of the greatest
    double uniform;       // where in the sum of the weights, in order of the tokens' numbers, the draw falls: in 0..<1
} ptk_choice;

/// Bytes of scratch memory, aligned to 64, for so many threads.
int64_t ptk_choice_scratch(int64_t vocabulary, int64_t threads);

/// The token of each row, rows shared out over the threads of the pool; -1 where there is none: all scores are -inf, or one to be
/// drawn by is +inf.
void ptk_choose(
    const ptk_choice *choices, int64_t count, int64_t vocabulary, void *scratch, int32_t *tokens);

/// The same of one row, on the thread that calls.
int32_t ptk_choose_one(const ptk_choice *choice, int64_t vocabulary, void *scratch);

/// What one row is drawn from, in order of the tokens' numbers, on the thread that calls: room for a whole vocabulary.
int64_t ptk_candidates(
    const ptk_choice *choice, int64_t vocabulary, void *scratch, int32_t *tokens, double *weights);

/// What is told of a row: log sum exp of its scores, and the tokens with the greatest ones, best first, the first of equal ones
/// first; -1 where there are fewer.
typedef struct {
    const float *scores;
    int64_t best;
    double log_sum;
    int32_t *tokens;  // [best]
} ptk_distribution;

/// Describes rows, shared out over the threads of the pool.
void ptk_describe(ptk_distribution *rows, int64_t count, int64_t vocabulary);

/// The same of one row, on the thread that calls.
void ptk_describe_one(ptk_distribution *row, int64_t vocabulary);

#endif
