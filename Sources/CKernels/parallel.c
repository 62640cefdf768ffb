#include "include/parallel.h"

// libgomp keeps one pool per calling thread; oneDNN, built against the same library, uses it too. Entering it directly
// costs under a microsecond and needs no -fopenmp (an unsafe flag that would stop others from depending on this package).
// libomp, which Homebrew's oneDNN is built against, exports the same entry point.
extern void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags);
extern int omp_get_thread_num(void);
extern int omp_get_num_threads(void);
extern int omp_get_max_threads(void);
extern void omp_set_num_threads(int count);

void ptk_set_threads(int count) { omp_set_num_threads(count); }

int ptk_threads(void) { return omp_get_max_threads(); }

// The thread sanitizer does not see what libgomp orders, as libgomp is not built with it: what the calling thread wrote
// before a region is there for all, and what all wrote is there for the calling thread after it.
#if __has_feature(thread_sanitizer)
extern void __tsan_acquire(void *address);
extern void __tsan_release(void *address);
#else
#define __tsan_acquire(address) ((void)(address))
#define __tsan_release(address) ((void)(address))
#endif

struct region {
    void (*body)(void *, int, int);
    void *context;
    // What the two orders are told apart by.
    char begin, end;
};

static void enter(void *data) {
    struct region *region = data;
    __tsan_acquire(&region->begin);
    region->body(region->context, omp_get_thread_num(), omp_get_num_threads());
    __tsan_release(&region->end);
}

void ptk_parallel(void (*body)(void *, int, int), void *context) {
    if (omp_get_max_threads() == 1) {
        body(context, 0, 1);
        return;
    }
    struct region region = {body, context, 0, 0};
    __tsan_release(&region.begin);
    GOMP_parallel(enter, &region, 0, 0);
    __tsan_acquire(&region.end);
}
