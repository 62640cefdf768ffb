/// An MPI that refuses one exchange of one process: given as PREFIXTUNE_MPI, and linked with the true one, to which all else goes.
///
///     MPI_FAULT_RANK   which process, from 0
///     MPI_FAULT_CALL   which of its exchanges, from 1
///
/// Handles are pointers in Open MPI and ints in MPICH; a register carries either.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

enum { other_error = 16 };

static int number(const char *name, int otherwise) {
    const char *text = getenv(name);
    return text ? atoi(text) : otherwise;
}

int MPI_Iallreduce(void *send, void *receive, void *count, void *type, void *operation, void *group, void *request) {
    static int (*next)(void *, void *, void *, void *, void *, void *, void *);
    static int calls;
    int rank = number("OMPI_COMM_WORLD_RANK", number("PMI_RANK", 0));
    if (rank == number("MPI_FAULT_RANK", -1) && ++calls == number("MPI_FAULT_CALL", 0)) return other_error;
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "MPI_Iallreduce");
    return next ? next(send, receive, count, type, operation, group, request) : other_error;
}
