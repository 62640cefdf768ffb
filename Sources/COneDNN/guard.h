/// Keeps C++'s exceptions inside of this target: an exception that reached Swift would end the process.
#ifndef PREFIXTUNE_ONEDNN_GUARD_H
#define PREFIXTUNE_ONEDNN_GUARD_H

#ifdef __cplusplus
extern "C" {
#endif

/// Runs `body`; returns what it returns, 1 (out of memory) where it threw that, or 5 (a run-time error).
int ptd_guarded(int (*body)(void *context), void *context);

#ifdef __cplusplus
}
#endif

#endif
