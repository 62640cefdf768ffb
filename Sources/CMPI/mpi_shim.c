#include "include/mpi_shim.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// From the headers of MPICH 4 and Open MPI 4; both promise that they stay. MPI 5 has a third interface, libmpi_abi, which neither
// builds by default yet.
enum { thread_funneled = 1 };

// MPICH: handles are numbers.
enum {
    mpich_world = 0x44000000,
    mpich_int64 = 0x4c00083a,
    mpich_float = 0x4c00040a,
    mpich_double = 0x4c00080b,
    mpich_sum = 0x58000003,
    mpich_max = 0x58000001,
    mpich_errors_return = 0x54000001,
};
#define MPICH_IN_PLACE ((void *)-1)
#define MPICH_STATUS_IGNORE ((void *)1)

// Open MPI: handles are addresses of what it exports.
#define OPEN_MPI_IN_PLACE ((void *)1)
#define OPEN_MPI_STATUS_IGNORE ((void *)0)

// A function of the library, by the types that its handles have.
typedef union {
    void *address;
    int (*init)(int *, char ***, int, int *);
    int (*finalize)(void);
    int (*version)(char *, int *);
    int (*explain)(int, char *, int *);
    int (*mpich_query)(int, int *);
    int (*open_query)(void *, int *);
    int (*mpich_handler)(int, int);
    int (*open_handler)(void *, void *);
    int (*mpich_reduce)(void *, void *, int, int, int, int, int *);
    int (*open_reduce)(void *, void *, int, void *, void *, void *, void **);
    int (*mpich_test)(int *, int *, void *);
    int (*open_test)(void **, int *, void *);
} function;

static struct {
    bool is_open_mpi;
    function init, finalize, version, explain, rank, size, set_handler, reduce, test;
    // Open MPI's objects.
    void *world, *int64, *single, *twofold, *sum, *max, *errors_return;
    // What is under way.
    int mpich_request;
    void *open_request;
} mpi;

static bool find(void *library, const char *name, void **address, char *problem, size_t capacity) {
    *address = dlsym(library, name);
    if (*address) return true;
    snprintf(problem, capacity, "it has no %s", name);
    return false;
}

int ptm_open(const char *library, char *problem, size_t capacity) {
    // Global: Open MPI loads parts of itself that look for its names.
    void *opened = dlopen(library, RTLD_NOW | RTLD_GLOBAL);
    if (!opened) {
        snprintf(problem, capacity, "%s", dlerror());
        return -1;
    }
    mpi.world = dlsym(opened, "ompi_mpi_comm_world");
    mpi.is_open_mpi = mpi.world != NULL;
    struct { const char *name; void **address; } functions[] = {
        {"MPI_Init_thread", &mpi.init.address},
        {"MPI_Finalize", &mpi.finalize.address},
        {"MPI_Get_library_version", &mpi.version.address},
        {"MPI_Error_string", &mpi.explain.address},
        {"MPI_Comm_rank", &mpi.rank.address},
        {"MPI_Comm_size", &mpi.size.address},
        {"MPI_Comm_set_errhandler", &mpi.set_handler.address},
        {"MPI_Iallreduce", &mpi.reduce.address},
        {"MPI_Test", &mpi.test.address},
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (!find(opened, functions[i].name, functions[i].address, problem, capacity)) return -1;
    }
    if (!mpi.is_open_mpi) return 0;
    struct { const char *name; void **address; } objects[] = {
        {"ompi_mpi_int64_t", &mpi.int64},
        {"ompi_mpi_float", &mpi.single},
        {"ompi_mpi_double", &mpi.twofold},
        {"ompi_mpi_op_sum", &mpi.sum},
        {"ompi_mpi_op_max", &mpi.max},
        {"ompi_mpi_errors_return", &mpi.errors_return},
    };
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        if (!find(opened, objects[i].name, objects[i].address, problem, capacity)) return -1;
    }
    return 0;
}

int ptm_start(int *rank, int *count) {
    // Left to itself, Open MPI adds in place along a tree, whose root receives and sends all values log2 N times. Its third algorithm
    // (Rabenseifner's) has everyone send them twice at most. What a launcher was told stays.
    if (mpi.is_open_mpi) setenv("OMPI_MCA_coll_libnbc_iallreduce_algorithm", "3", 0);
    int granted, status = mpi.init.init(NULL, NULL, thread_funneled, &granted);
    if (status) return status;
    if (mpi.is_open_mpi) {
        status = mpi.set_handler.open_handler(mpi.world, mpi.errors_return);
        if (!status) status = mpi.rank.open_query(mpi.world, rank);
        if (!status) status = mpi.size.open_query(mpi.world, count);
    } else {
        status = mpi.set_handler.mpich_handler(mpich_world, mpich_errors_return);
        if (!status) status = mpi.rank.mpich_query(mpich_world, rank);
        if (!status) status = mpi.size.mpich_query(mpich_world, count);
    }
    return status;
}

int ptm_begin(enum ptm_sum what, void *values, int count) {
    if (mpi.is_open_mpi) {
        void *type = what == ptm_sum_int64 ? mpi.int64 : what == ptm_sum_float ? mpi.single : mpi.twofold;
        void *operation = what == ptm_max_double ? mpi.max : mpi.sum;
        return mpi.reduce.open_reduce(OPEN_MPI_IN_PLACE, values, count, type, operation, mpi.world, &mpi.open_request);
    }
    int type = what == ptm_sum_int64 ? mpich_int64 : what == ptm_sum_float ? mpich_float : mpich_double;
    int operation = what == ptm_max_double ? mpich_max : mpich_sum;
    return mpi.reduce.mpich_reduce(MPICH_IN_PLACE, values, count, type, operation, mpich_world, &mpi.mpich_request);
}

int ptm_is_done(int *done) {
    if (mpi.is_open_mpi) return mpi.test.open_test(&mpi.open_request, done, OPEN_MPI_STATUS_IGNORE);
    return mpi.test.mpich_test(&mpi.mpich_request, done, MPICH_STATUS_IGNORE);
}

int ptm_finish(void) { return mpi.finalize.finalize(); }

// MPI's own texts are longer than what is asked for: a buffer of its size lies between.
static void copy(char *text, size_t capacity, const char *from, int length) {
    snprintf(text, capacity, "%.*s", length, from);
}

void ptm_version(char *text, size_t capacity) {
    char buffer[8192 + 1];
    int length = 0;
    if (mpi.version.version(buffer, &length)) length = 0;
    copy(text, capacity, buffer, length);
}

void ptm_explain(int code, char *text, size_t capacity) {
    char buffer[1024];
    int length = 0;
    if (mpi.explain.explain(code, buffer, &length)) length = 0;
    copy(text, capacity, buffer, length);
}
