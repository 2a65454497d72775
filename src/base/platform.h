/* SPDX-License-Identifier: Apache-2.0
 *
 * What Linux has beyond POSIX, each with a substitute for systems without it. No other file names such a call. */
#ifndef BASE_PLATFORM_H
#define BASE_PLATFORM_H

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#ifndef O_CLOEXEC
#define O_CLOEXEC 0
#endif
#ifndef O_PATH /* a folder that may be entered but not read cannot be opened, then */
#define O_PATH O_RDONLY
#endif

/* Processors that this process may use; at least 1. */
int platform_processors(void);

/* Bytes that this process could have: the machine's memory, or less where a control group says so. */
size_t platform_memory(void);

/* Zeroed memory for much data, in large pages where the system has some; NULL where there is none left. */
void *platform_map(size_t size);
void platform_unmap(void *memory, size_t size);

/* In a loop that waits for another thread. */
void platform_relax(void);

/* A new file without a name, in memory where the system can; -1 with errno. */
int platform_memory_file(void);

/* A new file without a name in the folder `directory_fd`, to which platform_link_unnamed can give one; -1 where there
 * is no such thing. */
int platform_open_unnamed(int directory_fd);
/* 0; or -1 with errno. */
int platform_link_unnamed(int fd, int directory_fd, const char *name);

/* Renames a file of the folder to a name that no file has. 0; or -1 with errno, EEXIST when one has it. */
int platform_rename_new(int directory_fd, const char *from, const char *to);

/* Sets aside the place that `size` bytes of a new file will take, which costs less at once than bit by bit; nothing
 * where that cannot be done. The file stays empty. */
void platform_reserve(int fd, off_t size);

/* Begins to put a part of the file on the disk, so that a later fsync finds less to do; nothing where there is no such
 * call. */
void platform_write_early(int fd, off_t offset, off_t size);

/* SHA-256 of a whole file as 64 digits and a NUL, where the system computes it; or false. */
bool platform_sha256(int fd, char text[static 65]);

/* When the file was last changed. */
struct timespec platform_modified(const struct stat *status);

#endif
