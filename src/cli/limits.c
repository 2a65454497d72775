/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory of the machine and of the control groups that this process is in. */
#include "cli/limits.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM   ((size_t)2 << 30)
#define GROWTH 128 /* a file of 16 MiB gets all the room */
/* What no budget counts: the program, its stacks, pages of the file, what the allocator adds and does not give back. */
#define BESIDE (ROOM / 4)

static size_t machine_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (size_t)pages * (size_t)size : SIZE_MAX;
}

/* The beginning of a small file, as text; "" when there is none. */
static void read_text(const char *path, char *to, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, to, size - 1) : 0;
    if (fd >= 0) close(fd);
    to[got > 0 ? got : 0] = '\0';
}

/* The number in a file; SIZE_MAX for "max", or none. */
static size_t read_limit(const char *path)
{
    char text[64], *end;
    read_text(path, text, sizeof text);
    unsigned long long limit = strtoull(text, &end, 10);
    return end != text && limit > 0 && limit < SIZE_MAX ? (size_t)limit : SIZE_MAX;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The group and all above it: the tightest limit holds. */
static size_t group_memory(void)
{
    char groups[2048], path[2300];
    read_text("/proc/self/cgroup", groups, sizeof groups);
    size_t limit = read_limit("/sys/fs/cgroup/memory/memory.limit_in_bytes");
    char *own = strncmp(groups, "0::", 3) == 0 ? groups + 3 : strstr(groups, "\n0::");
    if (!own) return least(limit, read_limit("/sys/fs/cgroup/memory.max"));
    if (*own == '\n') own += 4;
    own[strcspn(own, "\n")] = '\0';
    for (;;) {
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", own);
        limit = least(limit, read_limit(path));
        char *slash = strrchr(own, '/');
        if (!slash) return limit;
        *slash = '\0';
    }
}

size_t memory_limit(uint64_t asked)
{
    if (asked) return asked < SIZE_MAX ? (size_t)asked : SIZE_MAX;
    size_t all = least(machine_memory(), group_memory());
    size_t quarter = all / 4 > ROOM ? all / 4 : ROOM;
    return least(quarter, all);
}

size_t memory_limit_of(uint64_t bytes)
{
    const size_t most = memory_limit(0), small = ROOM - BESIDE;
    if (bytes >= most / GROWTH) return most;
    return least(most, bytes > ROOM / GROWTH ? (size_t)bytes * GROWTH : small);
}
