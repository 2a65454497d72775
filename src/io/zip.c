/* SPDX-License-Identifier: Apache-2.0
 *
 * An archive is entries, each a local header and its content; then a directory of them; then the directory's own place.
 * The directory is what counts: of a local header only its length is read. */
#include "io/zip.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum {
    LOCAL = 0x04034b50, /* what a record begins with */
    CENTRAL = 0x02014b50,
    END = 0x06054b50,
    END64 = 0x06064b50,
    LOCATOR64 = 0x07064b50,
    LOCAL_SIZE = 30, /* of a record, without name and extra fields */
    CENTRAL_SIZE = 46,
    END_SIZE = 22,
    END64_SIZE = 56,
    LOCATOR64_SIZE = 20,
    EXTRA64 = 1, /* the extra field of sizes beyond 4 GiB */
    EXTRA64_SIZE = 28,
    STORED = 0,
    DEFLATED = 8,
    IS_ENCRYPTED = 1, /* a flag */
    IS_UTF8 = 1 << 11,
    VERSION = 45,           /* zip64 */
    FIRST_DAY = 1 << 5 | 1, /* 1980-01-01, the format's first */
    MOST_ENTRIES = 1 << 20,
    PIECE = 64 << 10,
};

#define IN_EXTRA64 UINT32_MAX /* a size or offset that stands in the extra field */

/* ---- numbers, least significant byte first ---- */

static uint64_t get(const uint8_t *at, int size)
{
    uint64_t value = 0;
    for (int i = size; i-- > 0;) value = value << 8 | at[i];
    return value;
}

static uint8_t *put(uint8_t *at, int size, uint64_t value)
{
    for (int i = 0; i < size; i++, value >>= 8) *at++ = (uint8_t)value;
    return at;
}

/* ---- reading ---- */

static bool broken(const char *path, const char *what, struct bnfuse_error *error)
{
    return fail(error, BNFUSE_USAGE, "%s: not a readable zip archive: %s", path, what);
}

static bool read_at(const struct zip *zip, uint64_t at, void *to, uint64_t size, struct bnfuse_error *error)
{
    if (at > zip->size || size > zip->size - at) return broken(zip->path, "a part lies beyond its end", error);
    for (uint64_t done = 0; done < size;) {
        ssize_t got = pread(zip->fd, (uint8_t *)to + done, size - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_system(error, errno, "%s: cannot be read", zip->path);
        if (got == 0) return broken(zip->path, "it became shorter meanwhile", error);
        done += (uint64_t)got;
    }
    return true;
}

/* Where the directory is. */
struct directory {
    uint64_t at, size, count;
};

/* The last record that could be the end: a comment of up to 64 KiB may follow it. */
static const uint8_t *find_end(const uint8_t *tail, uint64_t size)
{
    for (uint64_t back = END_SIZE; back <= size; back++) {
        const uint8_t *at = tail + size - back;
        if (get(at, 4) == END && get(at + 20, 2) <= back - END_SIZE) return at;
    }
    return NULL;
}

static bool read_end64(const struct zip *zip, uint64_t end, struct directory *directory, struct bnfuse_error *error)
{
    uint8_t locator[LOCATOR64_SIZE], record[END64_SIZE];
    if (end < sizeof locator) return broken(zip->path, "its zip64 directory is missing", error);
    if (!read_at(zip, end - sizeof locator, locator, sizeof locator, error)) return false;
    if (get(locator, 4) != LOCATOR64) return broken(zip->path, "its zip64 directory is missing", error);
    if (!read_at(zip, get(locator + 8, 8), record, sizeof record, error)) return false;
    if (get(record, 4) != END64) return broken(zip->path, "its zip64 directory is missing", error);
    *directory = (struct directory){ .count = get(record + 32, 8), .size = get(record + 40, 8) };
    directory->at = get(record + 48, 8);
    return true;
}

static bool find_directory(const struct zip *zip, struct arena *arena, struct directory *directory,
                           struct bnfuse_error *error)
{
    uint64_t size = zip->size < END_SIZE + UINT16_MAX ? zip->size : END_SIZE + UINT16_MAX;
    uint8_t *tail = arena_alloc(arena, size);
    if (!read_at(zip, zip->size - size, tail, size, error)) return false;
    const uint8_t *end = find_end(tail, size);
    if (!end) return broken(zip->path, "it has no directory", error);
    *directory = (struct directory){ .count = get(end + 10, 2), .size = get(end + 12, 4), .at = get(end + 16, 4) };
    if (directory->count < UINT16_MAX && directory->size < IN_EXTRA64 && directory->at < IN_EXTRA64) return true;
    return read_end64(zip, zip->size - size + (uint64_t)(end - tail), directory, error);
}

/* Sizes and place that did not fit into the record, in this order, each only where it did not. */
static void read_extra64(struct zip_entry *entry, const uint8_t *extra, uint64_t size)
{
    while (size >= 4) {
        uint64_t length = get(extra + 2, 2);
        if (length > size - 4) return;
        if (get(extra, 2) == EXTRA64) {
            uint64_t *const fields[] = { &entry->size, &entry->packed, &entry->at };
            const uint8_t *at = extra + 4, *end = at + length;
            for (size_t i = 0; i < sizeof fields / sizeof *fields && end - at >= 8; i++)
                if (*fields[i] == IN_EXTRA64) {
                    *fields[i] = get(at, 8);
                    at += 8;
                }
            return;
        }
        extra += 4 + length;
        size -= 4 + length;
    }
}

/* One record of the directory; the bytes it takes, 0 where it is none. */
static uint64_t read_record(struct zip_entry *entry, struct arena *arena, const uint8_t *at, uint64_t left)
{
    if (left < CENTRAL_SIZE || get(at, 4) != CENTRAL) return 0;
    uint64_t name = get(at + 28, 2), extra = get(at + 30, 2), total = CENTRAL_SIZE + name + extra + get(at + 32, 2);
    uint64_t method = get(at + 10, 2);
    if (total > left || get(at + 8, 2) & IS_ENCRYPTED || (method != STORED && method != DEFLATED)) return 0;
    if (memchr(at + CENTRAL_SIZE, 0, name)) return 0;
    *entry = (struct zip_entry){ .packed = get(at + 20, 4), .size = get(at + 24, 4), .at = get(at + 42, 4) };
    entry->is_deflated = method == DEFLATED;
    entry->crc = (uint32_t)get(at + 16, 4);
    char *text = arena_alloc(arena, name + 1);
    memcpy(text, at + CENTRAL_SIZE, name);
    entry->name = text;
    read_extra64(entry, at + CENTRAL_SIZE + name, extra);
    return total;
}

static bool read_directory(struct zip *zip, struct arena *arena, struct bnfuse_error *error)
{
    struct directory directory = { 0 };
    if (!find_directory(zip, arena, &directory, error)) return false;
    if (directory.count > MOST_ENTRIES || directory.size > zip->size)
        return broken(zip->path, "its directory is beyond its size", error);
    uint8_t *bytes = arena_alloc(arena, directory.size);
    if (!read_at(zip, directory.at, bytes, directory.size, error)) return false;
    zip->entries = NEW_ARRAY(arena, struct zip_entry, directory.count);
    for (uint64_t at = 0; zip->count < directory.count;) {
        uint64_t step = read_record(&zip->entries[zip->count], arena, bytes + at, directory.size - at);
        if (!step) return broken(zip->path, "an entry is encrypted, packed in another way, or broken", error);
        zip->count++;
        at += step;
    }
    return true;
}

static void close_zip(void *zip)
{
    close(((struct zip *)zip)->fd);
}

bool zip_open(struct zip *zip, struct arena *arena, const char *path, struct bnfuse_error *error)
{
    struct stat status;
    struct zip *held = NEW(arena, struct zip); /* outlives the caller's */
    *zip = (struct zip){ .path = arena_copy_text(arena, path) };
    held->fd = zip->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (zip->fd < 0) return fail_system(error, errno, "%s: cannot be read", path);
    arena_defer(arena, close_zip, held);
    if (fstat(zip->fd, &status)) return fail_system(error, errno, "%s: cannot be read", path);
    if (!S_ISREG(status.st_mode)) return fail(error, BNFUSE_USAGE, "%s: not a regular file", path);
    zip->size = (uint64_t)status.st_size;
    return read_directory(zip, arena, error);
}

static voidpf allocate(voidpf arena, uInt count, uInt size)
{
    return arena_array(arena, count, size);
}

static void leave(voidpf arena, voidpf block)
{
    (void)arena, (void)block;
}

/* Inflates piece by piece into `to`, which has room for the size that the entry claims. */
static bool read_deflated(const struct zip *zip, const struct zip_entry *entry, uint64_t from, uint8_t *to,
                          struct arena *arena, struct bnfuse_error *error)
{
    z_stream stream = { .zalloc = allocate, .zfree = leave, .opaque = arena };
    uint8_t *piece = arena_alloc(arena, PIECE);
    uint64_t taken = 0, made = 0;
    int state = inflateInit2(&stream, -MAX_WBITS);
    while (state == Z_OK && (taken < entry->packed || stream.avail_in)) {
        if (!stream.avail_in) {
            uint64_t size = entry->packed - taken < PIECE ? entry->packed - taken : PIECE;
            if (!read_at(zip, from + taken, piece, size, error)) return false;
            taken += size;
            stream.next_in = piece;
            stream.avail_in = (uInt)size;
        }
        uint64_t room = entry->size - made < UINT32_MAX ? entry->size - made : UINT32_MAX;
        stream.next_out = to + made;
        stream.avail_out = (uInt)room;
        state = inflate(&stream, Z_NO_FLUSH);
        made += room - stream.avail_out;
    }
    return (state == Z_STREAM_END && made == entry->size)
           || fail(error, BNFUSE_USAGE, "%s(%s): cannot be unpacked", zip->path, entry->name);
}

static uint32_t checksum(uint32_t sum, struct bytes bytes)
{
    return (uint32_t)crc32_z(sum, bytes.at, bytes.size);
}

bool zip_read(const struct zip *zip, const struct zip_entry *entry, struct arena *arena, struct bytes *content,
              struct bnfuse_error *error)
{
    uint8_t local[LOCAL_SIZE];
    if (!read_at(zip, entry->at, local, sizeof local, error)) return false;
    uint64_t from = entry->at + sizeof local + get(local + 26, 2) + get(local + 28, 2);
    if (get(local, 4) != LOCAL || from > zip->size || entry->packed > zip->size - from
        || (!entry->is_deflated && entry->packed != entry->size))
        return broken(zip->path, "an entry lies beyond its end", error);
    uint8_t *to = arena_alloc(arena, entry->size);
    bool read = entry->is_deflated ? read_deflated(zip, entry, from, to, arena, error)
                                   : read_at(zip, from, to, entry->size, error);
    if (!read) return false;
    *content = (struct bytes){ to, entry->size };
    return checksum(0, *content) == entry->crc
           || fail(error, BNFUSE_USAGE, "%s(%s): damaged, its checksum differs", zip->path, entry->name);
}

/* ---- writing ---- */

/* The part of a record that the local header and the directory share, after their versions. */
static uint8_t *put_common(uint8_t *at, const struct zip_entry *entry, bool wide)
{
    at = put(at, 2, IS_UTF8);
    at = put(at, 2, STORED);
    at = put(at, 4, (uint64_t)FIRST_DAY << 16); /* midnight of that day */
    at = put(at, 4, entry->crc);
    at = put(at, 4, wide ? IN_EXTRA64 : entry->size);
    at = put(at, 4, wide ? IN_EXTRA64 : entry->size);
    at = put(at, 2, strlen(entry->name));
    return put(at, 2, wide ? EXTRA64_SIZE : 0);
}

static uint8_t *put_name(uint8_t *at, const struct zip_entry *entry, bool wide)
{
    memcpy(at, entry->name, strlen(entry->name));
    at += strlen(entry->name);
    if (!wide) return at;
    at = put(put(at, 2, EXTRA64), 2, EXTRA64_SIZE - 4);
    return put(put(put(at, 8, entry->size), 8, entry->size), 8, entry->at);
}

static bool is_wide(const struct zip_entry *entry)
{
    return entry->size >= IN_EXTRA64 || entry->at >= IN_EXTRA64;
}

static struct bytes local_header(struct arena *arena, const struct zip_entry *entry)
{
    uint8_t *start = arena_alloc(arena, LOCAL_SIZE + strlen(entry->name) + EXTRA64_SIZE);
    uint8_t *at = put(put(start, 4, LOCAL), 2, VERSION);
    at = put_name(put_common(at, entry, is_wide(entry)), entry, is_wide(entry));
    return (struct bytes){ start, (size_t)(at - start) };
}

static uint8_t *put_record(uint8_t *at, const struct zip_entry *entry)
{
    bool wide = is_wide(entry);
    at = put(put(put(at, 4, CENTRAL), 2, VERSION), 2, VERSION);
    at = put_common(at, entry, wide);
    at = put(at, 2, 0);            /* no comment */
    at = put(put(at, 2, 0), 2, 0); /* first disk; not text */
    at = put(at, 4, 0);            /* no attributes of a file system */
    at = put(at, 4, wide ? IN_EXTRA64 : entry->at);
    return put_name(at, entry, wide);
}

static uint8_t *put_end64(uint8_t *at, const struct directory *directory)
{
    at = put(put(at, 4, END64), 8, END64_SIZE - 12);
    at = put(put(at, 2, VERSION), 2, VERSION);
    at = put(put(at, 4, 0), 4, 0);
    at = put(put(at, 8, directory->count), 8, directory->count);
    at = put(put(at, 8, directory->size), 8, directory->at);
    at = put(put(at, 4, LOCATOR64), 4, 0);
    return put(put(at, 8, directory->at + directory->size), 4, 1);
}

static uint64_t at_most(uint64_t value, uint64_t most)
{
    return value < most ? value : most;
}

/* The directory and its place. */
static struct bytes directory_of(struct arena *arena, const struct zip_entry *entries, size_t count, uint64_t from)
{
    size_t room = END64_SIZE + LOCATOR64_SIZE + END_SIZE;
    for (size_t i = 0; i < count; i++) room += CENTRAL_SIZE + strlen(entries[i].name) + EXTRA64_SIZE;
    uint8_t *start = arena_alloc(arena, room), *at = start;
    for (size_t i = 0; i < count; i++) at = put_record(at, &entries[i]);
    struct directory directory = { .at = from, .size = (uint64_t)(at - start), .count = count };
    if (count >= UINT16_MAX || from >= IN_EXTRA64 || directory.size >= IN_EXTRA64) at = put_end64(at, &directory);
    at = put(put(put(at, 4, END), 2, 0), 2, 0);
    at = put(put(at, 2, at_most(count, UINT16_MAX)), 2, at_most(count, UINT16_MAX));
    at = put(put(at, 4, at_most(directory.size, IN_EXTRA64)), 4, at_most(from, IN_EXTRA64));
    at = put(at, 2, 0);
    assert((size_t)(at - start) <= room);
    return (struct bytes){ start, (size_t)(at - start) };
}

bool zip_write(const char *path, const struct zip_content *contents, size_t count, struct pending_files *to,
               struct bnfuse_error *error)
{
    struct arena *arena = to->arena;
    struct zip_entry *entries = NEW_ARRAY(arena, struct zip_entry, count);
    struct bytes *parts = arena_array(arena, 3 * count + 1, sizeof *parts);
    uint64_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const struct zip_content *content = &contents[i];
        if (strlen(content->name) > UINT16_MAX)
            return fail(error, BNFUSE_USAGE, "%s: a name is too long for a zip archive", path);
        entries[i] = (struct zip_entry){ .name = content->name, .at = at };
        for (size_t k = 0; k < 2; k++) {
            entries[i].size += content->parts[k].size;
            entries[i].crc = checksum(entries[i].crc, content->parts[k]);
            parts[3 * i + 1 + k] = content->parts[k];
        }
        parts[3 * i] = local_header(arena, &entries[i]);
        at += parts[3 * i].size + entries[i].size;
    }
    parts[3 * count] = directory_of(arena, entries, count, at);
    return pending_add(to, path, parts, 3 * count + 1, error);
}
