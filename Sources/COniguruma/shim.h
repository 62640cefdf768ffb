#include <oniguruma.h>

// Swift cannot refer to Oniguruma's global variables, so the calls that need them are here.

/// To be called once before all else. Returns ONIG_NORMAL or an error.
static inline int oniguruma_start(void) {
    OnigEncoding encodings[1] = {ONIG_ENCODING_UTF8};
    onig_set_parse_depth_limit(256);  // deeper patterns could overflow the stack of a small thread
    return onig_initialize(encodings, 1);
}

/// Compiles a pattern in UTF-8 with the syntax and options that the Rust bindings use. Returns ONIG_NORMAL or an error.
static inline int oniguruma_compile(OnigRegex *regex, const OnigUChar *pattern, const OnigUChar *end) {
    OnigErrorInfo info;
    return onig_new(regex, pattern, end, ONIG_OPTION_NONE, ONIG_ENCODING_UTF8, ONIG_SYNTAX_DEFAULT, &info);
}

/// Whether a search ended because it was not allowed to go back more often.
static inline _Bool oniguruma_is_out_of_retries(int status) {
    return status == ONIGERR_RETRY_LIMIT_IN_MATCH_OVER || status == ONIGERR_RETRY_LIMIT_IN_SEARCH_OVER;
}

/// Finds the first match that begins at `start` or later in the text up to `end`, and where it begins and ends.
/// Returns a negative number where there is none, or where `retries` steps back were not enough, or
/// `depth` places to go back to.
static inline int oniguruma_find(
    OnigRegex regex, const OnigUChar *text, const OnigUChar *end, const OnigUChar *start, OnigRegion *region,
    OnigMatchParam *parameters, unsigned long retries, unsigned int depth, int *match_start, int *match_end) {
    onig_initialize_match_param(parameters);
    onig_set_retry_limit_in_match_of_match_param(parameters, retries);
    onig_set_retry_limit_in_search_of_match_param(parameters, retries);
    onig_set_match_stack_limit_size_of_match_param(parameters, depth);
    onig_region_clear(region);
    int status = onig_search_with_param(regex, text, end, start, end, region, ONIG_OPTION_NONE, parameters);
    if (status < 0) return status;
    *match_start = region->beg[0];
    *match_end = region->end[0];
    return 0;
}
