/* SPDX-License-Identifier: Apache-2.0
 *
 * Preloaded: the allocation of number BNFUSE_ALLOC (of malloc and its like, or of pages) fails, or that one and all
 * after it (BNFUSE_ALLOC_ON). A destructor appends to the file BNFUSE_ALLOC_COUNT how many there were. Allocations
 * before main, of the loader, do not count. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static unsigned long count, failing;
static bool is_on, goes_on;

__attribute__((constructor)) static void begin(void)
{
    const char *at = getenv("BNFUSE_ALLOC");
    failing = at ? strtoul(at, NULL, 10) : 0;
    goes_on = getenv("BNFUSE_ALLOC_ON") != NULL;
    is_on = true;
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("BNFUSE_ALLOC_COUNT");
    char text[32];
    is_on = false;
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
    if (fd < 0) return;
    int size = snprintf(text, sizeof text, "%lu\n", count);
    if (write(fd, text, (size_t)size) < 0) perror(path);
    close(fd);
}

static bool fails(void)
{
    if (!is_on) return false;
    unsigned long number = __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);
    if (!failing || (goes_on ? number < failing : number != failing)) return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    return fails() ? NULL : __libc_calloc(number, size);
}

void *realloc(void *old, size_t size)
{
    return fails() ? NULL : __libc_realloc(old, size);
}

/* Of what the program asks for itself; malloc has its own way. */
void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    if ((flags & MAP_ANONYMOUS) && fails()) return MAP_FAILED;
    return (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset);
}
