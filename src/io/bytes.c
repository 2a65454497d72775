/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole small files. No descriptor is open while memory is taken: the size is asked for first. */
#include "io/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_fully(int fd, unsigned char *to, size_t size)
{
    while (size > 0) {
        ssize_t got = read(fd, to, size);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        to += got;
        size -= (size_t)got;
    }
    return true;
}

bool bytes_read(struct bytes *bytes, struct arena *arena, const char *path, struct bnfuse_error *error)
{
    struct stat status;
    if (stat(path, &status) != 0) return fail_system(error, errno, "%s: cannot be read", path);
    if (!S_ISREG(status.st_mode)) return fail(error, BNFUSE_USAGE, "%s: not a regular file", path);
    unsigned char *at = arena_alloc(arena, (size_t)status.st_size);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_system(error, errno, "%s: cannot be read", path);
    errno = 0;
    bool complete = read_fully(fd, at, (size_t)status.st_size);
    int reason = errno;
    close(fd);
    if (!complete && reason) return fail_system(error, reason, "%s: cannot be read", path);
    if (!complete) return fail(error, BNFUSE_USAGE, "%s: cannot be read: it became shorter meanwhile", path);
    *bytes = (struct bytes){ at, (size_t)status.st_size };
    return true;
}

bool bytes_write(const char *path, const struct bytes *parts, size_t count, struct bnfuse_error *error)
{
    char buffer[BUFSIZ];
    FILE *file = fopen(path, "wbe");
    if (!file) return fail_system(error, errno, "%s: cannot be written", path);
    setvbuf(file, buffer, _IOFBF, sizeof buffer); /* its own would take memory, and do without when there is none */
    bool complete = true;
    errno = 0;
    for (size_t i = 0; i < count && complete; i++)
        complete = parts[i].size == 0 || fwrite(parts[i].at, parts[i].size, 1, file) == 1;
    int reason = errno;
    if (fclose(file) != 0) {
        if (complete) reason = errno;
        complete = false;
    }
    if (complete) return true;
    unlink(path);
    return fail_system(error, reason, "%s: cannot be written", path);
}
