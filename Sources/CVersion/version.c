#include "include/version.h"

#ifndef PREFIXTUNE_COMMIT
#define PREFIXTUNE_COMMIT ""
#endif

const char *ptv_commit(void) { return PREFIXTUNE_COMMIT; }
