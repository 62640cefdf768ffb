/// The one door to MPI, which is looked for when a launcher has started the process: there is no MPI at build time, and none is
/// linked. Open MPI and what has MPICH's binary interface (MPICH, Intel MPI, MVAPICH, Cray) are told apart by what they export.
///
/// Every function returns 0, or MPI's error code (ptm_explain says what it means). All calls come from the thread that called
/// ptm_start. Exchanges do not block: they are begun, and asked about until they are done, so that the caller can sleep meanwhile,
/// hear a signal, and give up.
#ifndef PREFIXTUNE_MPI_SHIM_H
#define PREFIXTUNE_MPI_SHIM_H

#include <stddef.h>
#include <stdint.h>

/// Loads a library. Returns 0, or -1; then `problem`, which has room for `capacity` bytes, says why.
int ptm_open(const char *library, char *problem, size_t capacity);

/// Becomes one of the processes: which one, and of how many.
int ptm_start(int *rank, int *count);

enum ptm_sum { ptm_sum_int64, ptm_sum_float, ptm_max_double };

/// Begins to reduce `count` values over all processes, in place; they must stay where they are until it is done. With fewer values than
/// processes Open MPI sends them around a ring, which takes as many messages as there are processes, one after the other.
int ptm_begin(enum ptm_sum what, void *values, int count);

/// Whether it is done.
int ptm_is_done(int *done);

/// Leaves, once all processes do.
int ptm_finish(void);

/// The library's name and version.
void ptm_version(char *text, size_t capacity);

/// What an error code means.
void ptm_explain(int code, char *text, size_t capacity);

#endif
