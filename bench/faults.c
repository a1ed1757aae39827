/* Counts the system calls by which a process changes a folder, and at a chosen one kills it or lets the disk be full.

   Preloaded by bench/faults.py. `faults_arm(folder, at, mode)` starts the count: from then on each call that writes,
   makes, renames, links, removes, cuts or flushes something under the folder is one point. At point `at` (0: never)
   mode 0 kills the process before the call, mode 1 lets half of a write through first, mode 2 answers "no space left"
   there and from then on wherever something would be written. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { KILL, TORN, FULL };
static char folder[PATH_MAX];
static size_t folder_length;
static long at;
long faults_points;
static int mode;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

void faults_arm(const char *path, long point, int how) {
    strncpy(folder, path, sizeof folder - 1);
    folder_length = strlen(folder);
    at = point;
    mode = how;
    faults_points = 0;
}


static int inside(const char *path) {
    char whole[PATH_MAX * 2];
    if (!folder_length || !path) return 0;
    if (path[0] != '/') {
        if (!getcwd(whole, PATH_MAX)) return 0;
        strcat(whole, "/");
        strncat(whole, path, PATH_MAX - 1);
        path = whole;
    }
    return !strncmp(path, folder, folder_length);
}

static int holds(int descriptor) {
    char link[64], path[PATH_MAX];
    if (!folder_length) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return inside(path);
}

static int inside_at(int descriptor, const char *path) {
    return path && path[0] != '/' && descriptor != AT_FDCWD ? holds(descriptor) : inside(path);
}

/* Whether the disk is full at this point; does not return where the process dies here. */
static int point(int writes, int descriptor, const void *data, size_t size) {
    pthread_mutex_lock(&turn);
    long now = ++faults_points;
    if (at && now == at && mode != FULL) {
        if (mode == TORN && data && size > 1) {
            ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
            real(descriptor, data, size / 2);
        }
        kill(getpid(), SIGKILL);
        pause();
    }
    pthread_mutex_unlock(&turn);
    return at && now >= at && mode == FULL && writes;
}

#define REAL(name, ...) ((name##_t)dlsym(RTLD_NEXT, #name))(__VA_ARGS__)
#define FULL_IF(writes, fd, data, size) if (point(writes, fd, data, size)) { errno = ENOSPC; return -1; }

typedef ssize_t (*write_t)(int, const void *, size_t);
ssize_t write(int fd, const void *data, size_t size) {
    if (holds(fd)) FULL_IF(1, fd, data, size)
    return REAL(write, fd, data, size);
}

typedef ssize_t (*writev_t)(int, const struct iovec *, int);
ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (holds(fd)) FULL_IF(1, fd, count ? parts[0].iov_base : 0, count ? parts[0].iov_len : 0)
    return REAL(writev, fd, parts, count);
}

typedef ssize_t (*pwrite_t)(int, const void *, size_t, off_t);
ssize_t pwrite(int fd, const void *data, size_t size, off_t where) {
    if (holds(fd)) FULL_IF(1, fd, data, size)
    return REAL(pwrite, fd, data, size, where);
}

typedef ssize_t (*pwrite64_t)(int, const void *, size_t, off64_t);
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t where) {
    if (holds(fd)) FULL_IF(1, fd, data, size)
    return REAL(pwrite64, fd, data, size, where);
}

#define OPENED(name, fd, path, flags, ...)                                                                             \
    mode_t bits = 0;                                                                                                   \
    if (flags & (O_CREAT | O_TMPFILE)) {                                                                               \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        bits = va_arg(rest, mode_t);                                                                                   \
        va_end(rest);                                                                                                  \
    }                                                                                                                  \
    if ((flags & (O_CREAT | O_TRUNC)) && inside_at(fd, path)) FULL_IF(1, -1, 0, 0)                                      \
    return REAL(name, __VA_ARGS__, flags, bits);

typedef int (*open_t)(const char *, int, ...);
int open(const char *path, int flags, ...) { OPENED(open, AT_FDCWD, path, flags, path) }
typedef int (*open64_t)(const char *, int, ...);
int open64(const char *path, int flags, ...) { OPENED(open64, AT_FDCWD, path, flags, path) }
typedef int (*openat_t)(int, const char *, int, ...);
int openat(int fd, const char *path, int flags, ...) { OPENED(openat, fd, path, flags, fd, path) }
typedef int (*openat64_t)(int, const char *, int, ...);
int openat64(int fd, const char *path, int flags, ...) { OPENED(openat64, fd, path, flags, fd, path) }

#define OF_PATH(name, writes, parameters, test, ...)                                                                   \
    typedef int(*name##_t) parameters;                                                                                 \
    int name parameters {                                                                                              \
        if (test) FULL_IF(writes, -1, 0, 0)                                                                            \
        return REAL(name, __VA_ARGS__);                                                                                \
    }

OF_PATH(rename, 0, (const char *from, const char *to), inside(to), from, to)
OF_PATH(renameat, 0, (int a, const char *from, int b, const char *to), inside_at(b, to), a, from, b, to)
OF_PATH(renameat2, 0, (int a, const char *from, int b, const char *to, unsigned int how), inside_at(b, to), a, from, b, to, how)
OF_PATH(link, 1, (const char *from, const char *to), inside(to), from, to)
OF_PATH(linkat, 1, (int a, const char *from, int b, const char *to, int how), inside_at(b, to), a, from, b, to, how)
OF_PATH(unlink, 0, (const char *path), inside(path), path)
OF_PATH(unlinkat, 0, (int fd, const char *path, int how), inside_at(fd, path), fd, path, how)
OF_PATH(rmdir, 0, (const char *path), inside(path), path)
OF_PATH(mkdir, 1, (const char *path, mode_t bits), inside(path), path, bits)
OF_PATH(truncate, 0, (const char *path, off_t size), inside(path), path, size)
OF_PATH(ftruncate, 0, (int fd, off_t size), holds(fd), fd, size)
OF_PATH(ftruncate64, 0, (int fd, off64_t size), holds(fd), fd, size)
OF_PATH(fsync, 0, (int fd), holds(fd), fd)
OF_PATH(fdatasync, 0, (int fd), holds(fd), fd)
