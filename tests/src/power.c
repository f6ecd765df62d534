// Writes down what a process does to the files of one folder, for a replay of what a power cut would leave.
//
// Loaded with LD_PRELOAD; POWER_FOLDER names the folder, POWER_LOG the file that records are appended to. A record is
// a head, the file's name and, for a write, its bytes. It is written after the call, in one write, and for a sync also
// before it: what is written down before the head of a sync was written before the sync began.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES 4096
#define NAME 64

struct head {
    uint32_t kind; // a letter
    uint32_t thread;
    uint64_t offset; // of a write; the new length of a file that is cut
    uint32_t name;   // lengths
    uint32_t data;
};

static char names[FILES][NAME]; // by descriptor; empty: not of the folder
static char folder[PATH_MAX];
static int out = -1;

__attribute__((constructor)) static void begin(void) {
    const char *given = getenv("POWER_FOLDER"), *log = getenv("POWER_LOG");
    if (given && log && strlen(given) < sizeof folder) {
        strcpy(folder, given);
        out = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
    }
}

static void record(char kind, const char *name, uint64_t offset, const void *data, size_t length) {
    if (out < 0 || !*name) return;
    struct head head = {(uint32_t)kind, (uint32_t)syscall(SYS_gettid), offset, (uint32_t)strlen(name), (uint32_t)length};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)name, head.name}, {(void *)data, length}};
    if (syscall(SYS_writev, out, parts, 3) != (long)(sizeof head + head.name + length)) abort();
}

// The name of a file within the folder, "." for the folder, "" for any other; names do not nest.
static const char *within(const char *path) {
    size_t length = strlen(folder);
    if (!length || strncmp(path, folder, length)) return "";
    if (!path[length]) return ".";
    const char *name = path + length + 1;
    return path[length] == '/' && !strchr(name, '/') && strlen(name) < NAME ? name : "";
}

static const char *name_of(int fd) { return fd >= 0 && fd < FILES ? names[fd] : ""; }

static int opened(int fd, const char *path, int flags) {
    if (fd >= 0 && fd < FILES) {
        strcpy(names[fd], within(path));
        if (flags & O_CREAT) record('O', names[fd], 0, NULL, 0);
        if (flags & O_TRUNC) record('T', names[fd], 0, NULL, 0);
    }
    return fd;
}

#define REAL(result, name, ...)                                              \
    static result (*real)(__VA_ARGS__);                                      \
    if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define OPEN(name)                                                           \
    int name(const char *path, int flags, ...) {                             \
        REAL(int, name, const char *, int, ...);                             \
        va_list rest;                                                        \
        va_start(rest, flags);                                               \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;            \
        va_end(rest);                                                        \
        return opened(real(path, flags, mode), path, flags);                 \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    REAL(int, close, int);
    if (fd >= 0 && fd < FILES) names[fd][0] = 0;
    return real(fd);
}

ssize_t write(int fd, const void *data, size_t length) {
    REAL(ssize_t, write, int, const void *, size_t);
    off_t at = *name_of(fd) ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t written = real(fd, data, length);
    if (written > 0) record('W', name_of(fd), at, data, written);
    return written;
}

#define PWRITE(name)                                                         \
    ssize_t name(int fd, const void *data, size_t length, off_t at) {        \
        REAL(ssize_t, name, int, const void *, size_t, off_t);               \
        ssize_t written = real(fd, data, length, at);                        \
        if (written > 0) record('W', name_of(fd), at, data, written);        \
        return written;                                                      \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

#define TRUNCATE(name)                                                       \
    int name(int fd, off_t length) {                                         \
        REAL(int, name, int, off_t);                                         \
        int failed = real(fd, length);                                       \
        if (!failed) record('T', name_of(fd), length, NULL, 0);              \
        return failed;                                                       \
    }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

#define SYNC(name)                                                           \
    int name(int fd) {                                                       \
        REAL(int, name, int);                                                \
        record('S', name_of(fd), 0, NULL, 0);                                \
        int failed = real(fd);                                               \
        record(failed ? 'F' : 'E', name_of(fd), 0, NULL, 0);                 \
        return failed;                                                       \
    }
SYNC(fsync)
SYNC(fdatasync)

int unlink(const char *path) {
    REAL(int, unlink, const char *);
    int failed = real(path);
    if (!failed) record('U', within(path), 0, NULL, 0);
    return failed;
}

int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *);
    int failed = real(from, to);
    if (!failed) record('R', within(from), 0, within(to), strlen(within(to)));
    return failed;
}
