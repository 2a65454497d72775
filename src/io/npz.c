/* SPDX-License-Identifier: Apache-2.0
 *
 * .npz through libzip. An archive handle is deferred to the arena as soon as it is there. */
#include "io/npz.h"

#include "io/npy.h"

#include <string.h>
#include <zip.h>

static void discard(void *archive)
{
    zip_discard(archive);
}

static bool read_entry(struct datum *datum, struct arena *arena, const char *path, zip_t *archive, zip_uint64_t index,
                       struct bnfuse_error *error)
{
    zip_stat_t status;
    if (zip_stat_index(archive, index, 0, &status) != 0 || !(status.valid & ZIP_STAT_SIZE)
        || !(status.valid & ZIP_STAT_NAME))
        return fail(error, BNFUSE_USAGE, "%s: %s", path, zip_strerror(archive));
    char *name = arena_copy_text(arena, status.name);
    size_t length = strlen(name);
    if (length > 4 && strcmp(name + length - 4, ".npy") == 0) name[length - 4] = '\0';
    unsigned char *at = arena_alloc(arena, (size_t)status.size);
    zip_file_t *file = zip_fopen_index(archive, index, 0);
    if (!file) return fail(error, BNFUSE_USAGE, "%s(%s): %s", path, name, zip_strerror(archive));
    zip_int64_t got = zip_fread(file, at, status.size);
    zip_fclose(file);
    if (got < 0 || (zip_uint64_t)got != status.size)
        return fail(error, BNFUSE_USAGE, "%s(%s): cannot be unpacked", path, name);
    *datum = (struct datum){ .name = name, .form = FORM_TENSOR };
    return npy_parse(&datum->tensor, arena, arena_printf(arena, "%s(%s)", path, name),
                     (struct bytes){ at, (size_t)status.size }, error);
}

bool npz_read(struct datum **data, size_t *count, struct arena *arena, const char *path, struct bnfuse_error *error)
{
    int reason = 0;
    zip_t *archive = zip_open(path, ZIP_RDONLY, &reason);
    if (!archive) {
        zip_error_t why;
        zip_error_init_with_code(&why, reason);
        fail(error, BNFUSE_USAGE, "%s: cannot be read: %s", path, zip_error_strerror(&why));
        zip_error_fini(&why);
        return false;
    }
    arena_defer(arena, discard, archive);
    zip_int64_t entries = zip_get_num_entries(archive, 0);
    *count = entries > 0 ? (size_t)entries : 0;
    *data = NEW_ARRAY(arena, struct datum, *count);
    for (size_t i = 0; i < *count; i++)
        if (!read_entry(&(*data)[i], arena, path, archive, i, error)) return false;
    return true;
}

/* One buffer an entry; libzip reads them when the archive is closed, so they stay in the arena. */
static bool add_entry(zip_t *archive, struct arena *arena, const struct datum *datum, struct bnfuse_error *error)
{
    if (datum->form != FORM_TENSOR)
        return fail(error, BNFUSE_USAGE, "\"%s\" is no tensor and cannot be written as .npz", datum->name);
    struct bytes parts[2];
    if (!npy_format(&datum->tensor, arena, parts, error)) return false;
    int64_t total;
    if (!size_add((int64_t)parts[0].size, (int64_t)parts[1].size, &total)) memory_exhausted(arena->memory);
    unsigned char *whole = arena_alloc(arena, (size_t)total);
    memcpy(whole, parts[0].at, parts[0].size);
    if (parts[1].size) memcpy(whole + parts[0].size, parts[1].at, parts[1].size);
    const char *name = arena_printf(arena, "%s.npy", datum->name);
    zip_source_t *source = zip_source_buffer(archive, whole, (zip_uint64_t)total, 0);
    if (!source) return fail(error, BNFUSE_USAGE, "%s: %s", name, zip_strerror(archive));
    zip_int64_t index = zip_file_add(archive, name, source, ZIP_FL_ENC_UTF_8 | ZIP_FL_OVERWRITE);
    if (index < 0) {
        zip_source_free(source);
        return fail(error, BNFUSE_USAGE, "%s: %s", name, zip_strerror(archive));
    }
    /* The same file for the same data: no time of day. */
    zip_file_set_mtime(archive, (zip_uint64_t)index, 315532800, 0);
    return true;
}

struct holder {
    zip_t *archive;
};

static void discard_held(void *object)
{
    struct holder *holder = object;
    if (holder->archive) zip_discard(holder->archive);
}

bool npz_write(const struct datum *data, size_t count, struct arena *arena, const char *path,
               struct bnfuse_error *error)
{
    struct holder *holder = NEW(arena, struct holder);
    arena_defer(arena, discard_held, holder);
    holder->archive = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    if (!holder->archive) return fail(error, BNFUSE_USAGE, "%s: cannot be written", path);
    for (size_t i = 0; i < count; i++)
        if (!add_entry(holder->archive, arena, &data[i], error)) return false;
    if (zip_close(holder->archive) != 0)
        return fail(error, BNFUSE_USAGE, "%s: cannot be written: %s", path, zip_strerror(holder->archive));
    holder->archive = NULL;
    return true;
}
