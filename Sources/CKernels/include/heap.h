/// The C library's own memory, which Swift's strings and arrays live in.
#ifndef PREFIXTUNE_HEAP_H
#define PREFIXTUNE_HEAP_H

/// Returns freed memory to the system, also what lies between blocks in use, where the C library can do so (glibc).
void ptk_trim_heap(void);

#endif
