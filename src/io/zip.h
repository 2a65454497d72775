/* SPDX-License-Identifier: Apache-2.0
 *
 * ZIP archives, as far as .npz needs them: entries stored or deflated, sizes beyond 4 GiB in zip64 fields (PKWARE's
 * APPNOTE 6.3.10). All memory comes from the arena, so that an archive is bound by the same budget as all else. */
#ifndef IO_ZIP_H
#define IO_ZIP_H

#include "io/bytes.h"

struct zip_entry {
    const char *name;
    uint64_t at;           /* of its local header in the archive */
    uint64_t packed, size; /* bytes in the archive, and of its content */
    uint32_t crc;
    bool is_deflated;
};

struct zip {
    const char *path;
    int fd; /* closed with the arena */
    uint64_t size;
    struct zip_entry *entries; /* in the order of the directory */
    size_t count;
};

/* Opens an archive and reads its directory. BNFUSE_USAGE for what is none. */
bool zip_open(struct zip *zip, struct arena *arena, const char *path, struct bnfuse_error *error);
/* The content of an entry, checked against its size and sum. */
bool zip_read(const struct zip *zip, const struct zip_entry *entry, struct arena *arena, struct bytes *content,
              struct bnfuse_error *error);

/* A file to be written: its name and `parts` (two of them), one after the other. */
struct zip_content {
    const char *name;
    struct bytes parts[2];
};

/* Stores the contents. The same bytes for the same contents: no time, no owner. */
bool zip_write(const char *path, const struct zip_content *contents, size_t count, struct pending_files *to,
               struct bnfuse_error *error);

#endif
