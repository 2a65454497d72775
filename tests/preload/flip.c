/* SPDX-License-Identifier: Apache-2.0
 *
 * Preloaded: a disk that changes one bit. Of all bytes written to regular files, the one of number BNFUSE_FLIP has its
 * lowest bit turned over. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef ssize_t write_call(int fd, const void *bytes, size_t size);

ssize_t write(int fd, const void *bytes, size_t size)
{
    static unsigned long long passed;
    union {
        void *symbol;
        write_call *call;
    } next = { .symbol = dlsym(RTLD_NEXT, "write") };
    write_call *const real = next.call;
    const char *text = getenv("BNFUSE_FLIP");
    unsigned long long flip = text ? strtoull(text, NULL, 10) : 0;
    struct stat status;
    if (!text || fstat(fd, &status) || !S_ISREG(status.st_mode)) return real(fd, bytes, size);
    unsigned char *copy = malloc(size);
    if (!copy) return -1;
    memcpy(copy, bytes, size);
    if (flip >= passed && flip - passed < size) copy[flip - passed] ^= 1;
    ssize_t count = real(fd, copy, size);
    if (count > 0) passed += (unsigned long long)count;
    free(copy);
    return count;
}
