// Which tokens top-k, top-p and min-p leave to be drawn from, part of sampling.c.

INLINE void swap_pairs(struct pair *a, struct pair *b) {
    const struct pair t = *a;
    *a = *b;
    *b = t;
}

/// Puts pairs with greater scores than one of them to the front, with smaller ones to the back.
///
/// - Returns: The number of greater ones in *greater, of greater and equal ones in *until.
INLINE void partition(struct pair *pairs, int64_t count, int64_t *greater, int64_t *until) {
    const float a = pairs[0].score, b = pairs[count / 2].score, c = pairs[count - 1].score;
    const float low = a < b ? a : b, high = a < b ? b : a, pivot = c < low ? low : c > high ? high : c;
    int64_t front = 0, back = count;
    for (int64_t i = 0; i < back;) {
        if (pairs[i].score > pivot) swap_pairs(pairs + i++, pairs + front++);
        else if (pairs[i].score < pivot) swap_pairs(pairs + i, pairs + --back);
        else i++;
    }
    *greater = front;
    *until = back;
}

/// The k-th greatest score, for k of 1...count.
INLINE float kth_greatest(struct pair *pairs, int64_t count, int64_t k) {
    for (;;) {
        int64_t greater, until;
        partition(pairs, count, &greater, &until);
        if (k <= greater) count = greater;
        else if (k <= until) return pairs[greater].score;
        else {
            pairs += until;
            count -= until;
            k -= until;
        }
    }
}

/// Which pairs are the most probable ones that reach a sum: those above a score, and some that have it.
struct nucleus {
    float score;
    int64_t equal;
};

INLINE struct nucleus nucleus_of(struct pair *pairs, int64_t count, double mass, double sum) {
    while (count > 0) {
        int64_t greater, until;
        partition(pairs, count, &greater, &until);
        double above = mass;
        for (int64_t i = 0; i < greater; i++) above += pairs[i].weight;
        if (greater > 0 && above >= sum) {
            count = greater;
            continue;
        }
        const double weight = pairs[greater].weight;
        for (int64_t i = 1; i <= until - greater; i++)
            if (above + (double)i * weight >= sum) return (struct nucleus){pairs[greater].score, i};
        mass = above + (double)(until - greater) * weight;
        pairs += until;
        count -= until;
    }
    return (struct nucleus){-INFINITY, 0};
}

/// The sum of the weights of scores above one.
INLINE double mass_above(const float *scores, const double *weights, int64_t count, double score) {
    d8 sum = 0;
    for (int64_t i = 0; i < count; i += 8) {
        const l8 is_above = scores8(scores + i, count - i) > score;
        sum += is_above ? weights8(weights + i, count - i) : (d8)0.0;
    }
    return sum8(sum);
}

/// The nucleus of scores in any order: halving an interval of scores leaves few to be compared one by one.
INLINE struct nucleus nucleus_within(int64_t count, double greatest, double sum, const struct scratch *s) {
    double high = greatest, low = greatest, mass = 0;
    for (int64_t i = 0; i < count; i++) low = s->scores[i] < low ? s->scores[i] : low;
    low -= 1;
    for (int round = 0; round < 16 && low < high; round++) {
        const double middle = low + (high - low) / 2, above = mass_above(s->scores, s->weights, count, middle);
        if (above >= sum) low = middle;
        else {
            high = middle;
            mass = above;
        }
    }
    int64_t between = 0;
    for (int64_t i = 0; i < count; i++) {
        s->pairs[between] = (struct pair){s->weights[i], s->scores[i]};
        between += (s->scores[i] > low) & (s->scores[i] <= high);
    }
    return nucleus_of(s->pairs, between, mass, sum);
}

/// Tokens with scores of at least so much, in their order, with the scores.
INLINE int64_t gather(const float *scores, int64_t vocabulary, float least, const struct scratch *s) {
    int64_t count = 0;
    for (int64_t v = 0; v < vectors(vocabulary); v++) {
        if (!(s->greatest[v] >= least)) continue;
        const int64_t end = 16 * v + 16 < vocabulary ? 16 * v + 16 : vocabulary;
        // Written in any case, and kept by counting: which are kept no processor can foresee.
        for (int64_t i = 16 * v; i < end; i++) {
            s->tokens[count] = (int32_t)i;
            s->scores[count] = scores[i];
            count += (scores[i] >= least) & (scores[i] > -INFINITY);
        }
    }
    return count;
}

/// What a row is drawn from where top-k or top-p cut it: tokens in order in s->tokens, their weights in s->weights.
INLINE int64_t cut(const ptk_choice *choice, int64_t vocabulary, double greatest, const struct scratch *s) {
    const double scale = 1 / choice->temperature;
    const int64_t parts = vectors(vocabulary);
    const bool has_k = choice->top_k > 0 && choice->top_k < vocabulary;
    int64_t count;
    double total;
    if (has_k) {
        // At least k scores are not below the k-th greatest of the vectors' greatest ones.
        float least = -INFINITY;
        if (choice->top_k <= parts) {
            for (int64_t v = 0; v < parts; v++) s->pairs[v].score = s->greatest[v];
            least = kth_greatest(s->pairs, parts, choice->top_k);
        }
        count = gather(choice->scores, vocabulary, least, s);
        if (count > choice->top_k) {
            for (int64_t i = 0; i < count; i++) s->pairs[i].score = s->scores[i];
            const float last = kth_greatest(s->pairs, count, choice->top_k);
            int64_t kept = 0;
            for (int64_t i = 0; i < count; i++) {
                s->tokens[kept] = s->tokens[i];
                s->scores[kept] = s->scores[i];
                kept += s->scores[i] >= last;
            }
            count = kept;
        }
        total = weigh_scores(s->scores, count, greatest, scale, 0, s->weights);
    } else {
        // Those below (1 - p) / vocabulary of the sum have together less than it can do without.
        total = weigh_scores(choice->scores, vocabulary, greatest, scale, 0, NULL);
        const double share = (1 - choice->top_p) * total / (double)vocabulary;
        const double least = share > 0 ? greatest + choice->temperature * log(share) : -INFINITY;
        // A little below, for the roundings.
        count = gather(choice->scores, vocabulary, (float)(least - 1e-5 * (1 + fabs(least))), s);
        weigh_scores(s->scores, count, greatest, scale, 0, s->weights);
    }
    struct nucleus nucleus = {-INFINITY, 0};
    if (choice->top_p < 1) nucleus = nucleus_within(count, greatest, choice->top_p * total, s);
    int64_t kept = 0;
    for (int64_t i = 0; i < count; i++) {
        const double weight = s->weights[i];
        const bool is_equal = s->scores[i] == nucleus.score;
        const bool is_in = (s->scores[i] > nucleus.score) | (is_equal & (nucleus.equal > 0));
        nucleus.equal -= is_equal;
        s->tokens[kept] = s->tokens[i];
        s->weights[kept] = weight;
        kept += is_in & (weight > 0) & (weight >= choice->min_p);
    }
    return kept;
}
