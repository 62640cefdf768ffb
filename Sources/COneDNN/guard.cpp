#include "guard.h"

#include <new>

int ptd_guarded(int (*body)(void *context), void *context) {
    try {
        return body(context);
    } catch (const std::bad_alloc &) {
        return 1;
    } catch (...) {
        return 5;
    }
}
