/// What only the build knows of the program.
#ifndef PREFIXTUNE_VERSION_H
#define PREFIXTUNE_VERSION_H

/// The commit that the program was built from, "4789c2a" or "4789c2a-dirty" where files differed from it; empty where the
/// build was not told (see Tools/commit.sh).
const char *ptv_commit(void);

#endif
