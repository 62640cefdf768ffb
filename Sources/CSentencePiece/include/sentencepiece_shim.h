/// The one door to the sentencepiece library, which is C++: only C types are seen here, and no exception leaves.
///
/// The library trusts its model files: a damaged one can make it read outside its memory. Callers check a file
/// (see `SentencePieceFile` in Tokenizers) before they open it here.
#ifndef PREFIXTUNE_SENTENCEPIECE_SHIM_H
#define PREFIXTUNE_SENTENCEPIECE_SHIM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The file of the library, which says no version at run time; NULL where that is not known.
const char *pts_library(void);

/// A loaded model; several threads may encode with it at the same time.
typedef struct pts_model pts_model;

/// Loads a serialised model of `count` bytes; NULL where the library refuses it. Then `reason`, which has room for
/// `capacity` bytes, says why.
pts_model *pts_open(const void *bytes, size_t count, char *reason, size_t capacity);

void pts_close(pts_model *model);

/// Takes one piece. `surface` is NULL, except for unknown text: then it holds its `count` bytes as normalised.
typedef void pts_take(void *context, int32_t identifier, const char *surface, size_t count);

/// Cuts `count` bytes of text into pieces and hands them to `take` in order. Returns 0, or -1 where the library fails;
/// then nothing has been handed over.
int pts_encode(const pts_model *model, const char *text, size_t count, void *context, pts_take *take);

#ifdef __cplusplus
}
#endif

#endif
