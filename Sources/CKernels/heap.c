#include "include/heap.h"

#if defined(__linux__)
#include <malloc.h>
#endif

void ptk_trim_heap(void) {
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}
