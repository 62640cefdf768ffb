/// Threads for vector loops: the same pool that oneDNN uses, so that the two never compete for cores.
#ifndef PREFIXTUNE_PARALLEL_H
#define PREFIXTUNE_PARALLEL_H

#include <stdint.h>

/// Sets the number of threads of this process's tensor work (loops and matrix products). Call on the compute thread.
void ptk_set_threads(int count);

/// The number of threads in use.
int ptk_threads(void);

/// Runs `body` once per thread of the pool and returns when all are done.
void ptk_parallel(void (*body)(void *context, int thread, int threads), void *context);

#endif
