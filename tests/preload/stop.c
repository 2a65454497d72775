/* SPDX-License-Identifier: Apache-2.0
 *
 * Preloaded: the call of number BNFUSE_STOP, of those that put something on the disk, fails, writes one byte only, or
 * is the last of the process (BNFUSE_STOP_HOW: fail, short, kill). */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEXT(name, type) \
    union {              \
        void *symbol;    \
        type *call;      \
    } next = { .symbol = dlsym(RTLD_NEXT, name) }

/* 0: nothing happens; 1: the call fails; 2: it is cut short. */
static int stops(void)
{
    static unsigned long calls;
    const char *at = getenv("BNFUSE_STOP"), *how = getenv("BNFUSE_STOP_HOW");
    if (!at || !how || ++calls != strtoul(at, NULL, 10)) return 0;
    if (!strcmp(how, "kill")) kill(getpid(), SIGKILL);
    errno = ENOSPC;
    return strcmp(how, "short") ? 1 : 2;
}

static int is_file(int fd)
{
    struct stat status;
    return !fstat(fd, &status) && S_ISREG(status.st_mode);
}

typedef ssize_t write_type(int fd, const void *bytes, size_t size);
ssize_t write(int fd, const void *bytes, size_t size)
{
    NEXT("write", write_type);
    int stop = is_file(fd) ? stops() : 0;
    return stop == 1 ? -1 : next.call(fd, bytes, stop == 2 && size > 1 ? 1 : size);
}

typedef int fd_type(int fd);
int fsync(int fd)
{
    NEXT("fsync", fd_type);
    return stops() == 1 ? -1 : next.call(fd);
}

typedef int mode_type(int fd, mode_t mode);
int fchmod(int fd, mode_t mode)
{
    NEXT("fchmod", mode_type);
    return stops() == 1 ? -1 : next.call(fd, mode);
}

typedef int link_type(int from_fd, const char *from, int to_fd, const char *to, int flags);
int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
    NEXT("linkat", link_type);
    return stops() == 1 ? -1 : next.call(from_fd, from, to_fd, to, flags);
}

typedef int rename_type(int from_fd, const char *from, int to_fd, const char *to);
int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    NEXT("renameat", rename_type);
    return stops() == 1 ? -1 : next.call(from_fd, from, to_fd, to);
}

typedef int unlink_type(int fd, const char *name, int flags);
int unlinkat(int fd, const char *name, int flags)
{
    NEXT("unlinkat", unlink_type);
    return stops() == 1 ? -1 : next.call(fd, name, flags);
}
