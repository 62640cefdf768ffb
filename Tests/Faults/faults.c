// A library for LD_PRELOAD that lets chosen calls of a program fail, or ends the program at them. Linux with glibc.
//
// Two kinds of calls are counted, each from 1:
//
//   files   open for writing, write, pwrite, fsync, fdatasync, rename, ftruncate, mkdir, unlink, symlink, of names below
//           FAULTS_FOLDER (an fsync of a folder counts as well)
//   memory  malloc, calloc, realloc, posix_memalign, aligned_alloc, memalign, and with FAULTS_MMAP=1 anonymous mmap, of
//           FAULTS_LEAST bytes or more (65536 unless set), after a file whose name ends in FAULTS_MARKER was opened for
//           reading. (Code that oneDNN 2.6 compiles lies in memory from mmap, and it does not look whether it got any.)
//
// FAULTS_AT=k        the k-th call is struck; 0 or unset: none is
// FAULTS_KIND=…      how: ENOSPC, EIO, EINTR, short (a write writes half; other calls do their work), exit (_exit(99)),
//                    kill (SIGKILL, before the call), after (SIGKILL, after the call), memory (an allocation fails)
// FAULTS_LASTS=1     all calls from the k-th on are struck
// FAULTS_LOG=file    gets a line per counted call: what it was, and of what
//
// Build: cc -shared -fPIC -O1 -o faults.so faults.c
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum kind { none, fails, cuts_short, exits, kills, kills_after, starves };

static char folder[4096], marker[256], log_name[4096];
static long strike_at, least = 65536;
static int lasts, code, with_mmap;
static enum kind kind;
static atomic_long calls;
static atomic_int ready, marked;

__attribute__((constructor)) static void start(void) {
    const char *text = getenv("FAULTS_FOLDER");
    if (text) snprintf(folder, sizeof folder, "%s", text);
    if ((text = getenv("FAULTS_MARKER"))) snprintf(marker, sizeof marker, "%s", text);
    if ((text = getenv("FAULTS_LOG"))) snprintf(log_name, sizeof log_name, "%s", text);
    if ((text = getenv("FAULTS_AT"))) strike_at = atol(text);
    if ((text = getenv("FAULTS_LEAST"))) least = atol(text);
    lasts = (text = getenv("FAULTS_LASTS")) && *text == '1';
    with_mmap = (text = getenv("FAULTS_MMAP")) && *text == '1';
    if (!(text = getenv("FAULTS_KIND"))) text = "";
    kind = !strcmp(text, "ENOSPC") || !strcmp(text, "EIO") || !strcmp(text, "EINTR") ? fails
           : !strcmp(text, "short") ? cuts_short
           : !strcmp(text, "exit") ? exits
           : !strcmp(text, "kill") ? kills
           : !strcmp(text, "after") ? kills_after
           : !strcmp(text, "memory") ? starves
                                      : none;
    code = !strcmp(text, "ENOSPC") ? ENOSPC : !strcmp(text, "EIO") ? EIO : EINTR;
    if (!*marker) marked = 1;
    ready = 1;
}

// By system call: nothing of this library may be counted, or ask for memory.
static void note(const char *call, const char *name, long number) {
    if (!*log_name) return;
    char line[4600];
    int length = snprintf(line, sizeof line, "%ld %s %s\n", number, call, name);
    long file = syscall(SYS_openat, AT_FDCWD, log_name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file < 0) return;
    syscall(SYS_write, file, line, (size_t)length);
    syscall(SYS_close, file);
}

static void end_now(void) {
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
}

/// Counts a call; says what is to become of it.
static enum kind strike(const char *call, const char *name) {
    long number = atomic_fetch_add(&calls, 1) + 1;
    note(call, name, number);
    if (strike_at == 0 || (lasts ? number < strike_at : number != strike_at)) return none;
    if (kind == exits) _exit(99);
    if (kind == kills) end_now();
    return kind;
}

static int is_below(const char *name) {
    size_t length = strlen(folder);
    return length > 0 && !strncmp(name, folder, length) && (name[length] == '/' || name[length] == 0);
}

/// A name as an absolute path; relative ones are taken from the current folder.
static const char *absolute(const char *name, char *buffer, size_t size) {
    if (name[0] == '/') return name;
    if (syscall(SYS_getcwd, buffer, size) < 0) return name;
    size_t length = strlen(buffer);
    snprintf(buffer + length, size - length, "/%s", name);
    return buffer;
}

static enum kind strike_name(const char *call, const char *name) {
    char buffer[4096];
    if (!ready || kind == starves || !name) return none;
    const char *path = absolute(name, buffer, sizeof buffer);
    return is_below(path) ? strike(call, path) : none;
}

static enum kind strike_file(const char *call, int file) {
    char link[64], name[4096];
    if (!ready || kind == starves) return none;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    long length = syscall(SYS_readlinkat, AT_FDCWD, link, name, sizeof name - 1);
    if (length <= 0) return none;
    name[length] = 0;
    return is_below(name) ? strike(call, name) : none;
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/// The result of a call that is struck: -1 with an error, or its own, after which the program may end.
#define RETURN(struck, call)                         \
    do {                                             \
        enum kind now = (struck);                    \
        if (now == fails) return errno = code, -1;   \
        __typeof__(call) result = (call);            \
        if (now == kills_after) end_now();           \
        return result;                               \
    } while (0)

static void look_for_marker(const char *name) {
    size_t length = strlen(name), wanted = strlen(marker);
    if (wanted && length >= wanted && !strcmp(name + length - wanted, marker)) marked = 1;
}

#define OPEN(function)                                                                              \
    int function(const char *name, int flags, ...) {                                                \
        REAL(function);                                                                             \
        va_list list;                                                                               \
        va_start(list, flags);                                                                      \
        int mode = va_arg(list, int);                                                               \
        va_end(list);                                                                               \
        if ((flags & O_ACCMODE) == O_RDONLY && !(flags & (O_CREAT | O_TRUNC))) {                    \
            look_for_marker(name);                                                                  \
            return real(name, flags, mode);                                                         \
        }                                                                                           \
        RETURN(strike_name("open", name), real(name, flags, mode));                                 \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(function)                                                                            \
    int function(int at, const char *name, int flags, ...) {                                        \
        REAL(function);                                                                             \
        va_list list;                                                                               \
        va_start(list, flags);                                                                      \
        int mode = va_arg(list, int);                                                               \
        va_end(list);                                                                               \
        if ((flags & O_ACCMODE) == O_RDONLY && !(flags & (O_CREAT | O_TRUNC))) return real(at, name, flags, mode); \
        RETURN(strike_name("openat", name), real(at, name, flags, mode));                           \
    }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int file, const void *bytes, size_t count) {
    REAL(write);
    enum kind struck = strike_file("write", file);
    if (struck == cuts_short && count > 1) count /= 2;
    RETURN(struck, real(file, bytes, count));
}

#define PWRITE(function, type)                                                      \
    ssize_t function(int file, const void *bytes, size_t count, type offset) {      \
        REAL(function);                                                             \
        enum kind struck = strike_file("pwrite", file);                             \
        if (struck == cuts_short && count > 1) count /= 2;                          \
        RETURN(struck, real(file, bytes, count, offset));                           \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

int fsync(int file) {
    REAL(fsync);
    RETURN(strike_file("fsync", file), real(file));
}

int fdatasync(int file) {
    REAL(fdatasync);
    RETURN(strike_file("fdatasync", file), real(file));
}

int ftruncate(int file, off_t size) {
    REAL(ftruncate);
    RETURN(strike_file("ftruncate", file), real(file, size));
}

int ftruncate64(int file, off64_t size) {
    REAL(ftruncate64);
    RETURN(strike_file("ftruncate", file), real(file, size));
}

int rename(const char *from, const char *to) {
    REAL(rename);
    RETURN(strike_name("rename", to), real(from, to));
}

int mkdir(const char *name, mode_t mode) {
    REAL(mkdir);
    RETURN(strike_name("mkdir", name), real(name, mode));
}

int unlink(const char *name) {
    REAL(unlink);
    enum kind struck = strike_name("unlink", name);
    if (struck == fails && code == ENOSPC) struck = none;  // to remove a file, no space is needed
    RETURN(struck, real(name));
}

int symlink(const char *target, const char *name) {
    REAL(symlink);
    RETURN(strike_name("symlink", name), real(target, name));
}

// -- memory ------------------------------------------------------------------------------------------------------------

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static int is_refused(const char *call, size_t bytes) {
    if (!ready || !marked || kind != starves || bytes < (size_t)least) return 0;
    return strike(call, "") == starves;
}

void *malloc(size_t bytes) {
    if (is_refused("malloc", bytes)) return errno = ENOMEM, NULL;
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes) {
    if (is_refused("calloc", count * bytes)) return errno = ENOMEM, NULL;
    return __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes) {
    if (is_refused("realloc", bytes)) return errno = ENOMEM, NULL;
    return __libc_realloc(old, bytes);
}

void *memalign(size_t alignment, size_t bytes) {
    if (is_refused("memalign", bytes)) return errno = ENOMEM, NULL;
    return __libc_memalign(alignment, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes) {
    if (is_refused("aligned_alloc", bytes)) return errno = ENOMEM, NULL;
    return __libc_memalign(alignment, bytes);
}

int posix_memalign(void **result, size_t alignment, size_t bytes) {
    if (is_refused("posix_memalign", bytes)) return ENOMEM;
    void *memory = __libc_memalign(alignment, bytes);
    if (!memory) return ENOMEM;
    *result = memory;
    return 0;
}

#define MMAP(function, type)                                                                                \
    void *function(void *at, size_t bytes, int protection, int flags, int file, type offset) {              \
        if (with_mmap && (flags & MAP_ANONYMOUS) && is_refused("mmap", bytes)) return errno = ENOMEM, MAP_FAILED;        \
        return (void *)syscall(SYS_mmap, at, bytes, protection, flags, file, offset);                       \
    }
MMAP(mmap, off_t)
MMAP(mmap64, off64_t)
