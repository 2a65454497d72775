/* SPDX-License-Identifier: Apache-2.0
 *
 * Linux's own calls and their substitutes. */
#include "base/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int platform_processors(void)
{
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

#ifdef __wasm__

size_t platform_memory(void)
{
    return SIZE_MAX; /* as much as there are addresses */
}

void *platform_map(size_t size)
{
    return calloc(1, size);
}

void platform_unmap(void *memory, size_t size)
{
    (void)size;
    free(memory);
}

#else

/* ---- memory of the machine and of the control groups that this process is in ---- */

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

size_t platform_memory(void)
{
    return least(machine_memory(), group_memory());
}

/* Begins at a multiple of a large page: with what is cut off again on both sides. */
void *platform_map(size_t size)
{
    enum { LARGE_PAGE = 2 << 20 };
    const int use = PROT_READ | PROT_WRITE, kind = MAP_PRIVATE | MAP_ANONYMOUS;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (size > SIZE_MAX - LARGE_PAGE - page) return NULL;
    size = (size + page - 1) / page * page;
    char *all = mmap(NULL, size + LARGE_PAGE, use, kind, -1, 0);
    if (all == MAP_FAILED) return NULL;
    const size_t before = -(uintptr_t)all % LARGE_PAGE;
    if (before) munmap(all, before);
    munmap(all + before + size, LARGE_PAGE - before);
#ifdef MADV_HUGEPAGE
    madvise(all + before, size, MADV_HUGEPAGE);
#endif
    return all + before;
}

void platform_unmap(void *memory, size_t size)
{
    munmap(memory, size);
}

#endif

void platform_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb"); /* waits about as long as the other; a thread that yields may not run again for minutes */
#else
    sched_yield();
#endif
}

int platform_memory_file(void)
{
#ifdef __linux__
    return memfd_create("bnfuse", MFD_CLOEXEC);
#else
    FILE *file = tmpfile();
    int fd = file ? fcntl(fileno(file), F_DUPFD_CLOEXEC, 0) : -1;
    if (file) fclose(file);
    return fd;
#endif
}

/* A second name and the end of the first, where there is no such call: at no time is there none. */
int platform_rename_new(int directory_fd, const char *from, const char *to)
{
#ifdef RENAME_NOREPLACE
    if (!renameat2(directory_fd, from, directory_fd, to, RENAME_NOREPLACE)) return 0;
    if (errno != EINVAL && errno != ENOSYS) return -1;
#endif
    if (linkat(directory_fd, from, directory_fd, to, 0)) return -1;
    return unlinkat(directory_fd, from, 0);
}

void platform_reserve(int fd, off_t size)
{
#ifdef __linux__
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, size)) return; /* who writes will see why, if it matters */
#else
    (void)fd, (void)size;
#endif
}

void platform_write_early(int fd, off_t offset, off_t size)
{
#ifdef __linux__
    sync_file_range(fd, offset, size, SYNC_FILE_RANGE_WRITE);
#else
    (void)fd, (void)offset, (void)size;
#endif
}

#ifdef O_TMPFILE

static void name_in_proc(int fd, char name[static 40])
{
    snprintf(name, 40, "/proc/self/fd/%d", fd);
}

int platform_link_unnamed(int fd, int directory_fd, const char *name)
{
    char unnamed[40];
    name_in_proc(fd, unnamed);
    return linkat(AT_FDCWD, unnamed, directory_fd, name, AT_SYMLINK_FOLLOW);
}

/* Not every file system has such files, and without /proc one would never get a name. */
int platform_open_unnamed(int directory_fd)
{
    char name[40];
    int fd = openat(directory_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
    if (fd < 0) return -1;
    name_in_proc(fd, name);
    if (!access(name, F_OK)) return fd;
    close(fd);
    return -1;
}

#else

int platform_link_unnamed(int fd, int directory_fd, const char *name)
{
    (void)fd, (void)directory_fd, (void)name;
    errno = ENOTSUP;
    return -1;
}

int platform_open_unnamed(int directory_fd)
{
    (void)directory_fd;
    errno = ENOTSUP;
    return -1;
}

#endif

#ifdef __wasm__
/* bindings/node/lib/host.js */
__attribute__((import_module("host"), import_name("sha256_of_file"))) bool host_sha256_of_file(int fd, char *text);
#endif

bool platform_sha256(int fd, char text[static 65])
{
#ifdef __wasm__
    return host_sha256_of_file(fd, text);
#else
    (void)fd;
    text[0] = '\0';
    return false;
#endif
}

struct timespec platform_modified(const struct stat *status)
{
#ifdef __APPLE__
    return status->st_mtimespec;
#else
    return status->st_mtim;
#endif
}
