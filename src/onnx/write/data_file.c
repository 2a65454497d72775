/* SPDX-License-Identifier: Apache-2.0
 *
 * Models of a folder and the data files they refer to. */
#include "onnx/write/data_file.h"

#include "base/name_map.h"
#include "base/platform.h"
#include "onnx/read/external.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

enum { DIGITS = 16, NAME_ROOM = 255, MOST_MODELS = 200, BUFFER = 256 << 10 };

/* ---- who refers to what ---------------------------------------------------------------------------------------- */

bool is_referred_to(const struct references *references, const char *name)
{
    for (size_t i = 0; i < references->count; i++)
        if (!strcmp(references->names[i], name)) return true;
    return false;
}

/* Of an external tensor: its file, relative to the model's folder; NULL of any other message. */
static const char *location_of(const struct part *part)
{
    if (part->message->descriptor != &bnfuse_onnx__tensor_proto__descriptor) return NULL;
    const BnfuseOnnx__TensorProto *tensor = (const BnfuseOnnx__TensorProto *)part->message;
    const char *name = tensor_is_external(tensor) ? external_key(tensor, "location") : NULL;
    while (name && !strncmp(name, "./", 2)) name += 2;
    return name && *name ? name : NULL;
}

void references_of(struct references *references, struct arena *arena, const struct model *model)
{
    struct arena *scratch = arena_scratch(arena);
    struct name_map *seen = NEW(scratch, struct name_map);
    size_t room = 0;
    *references = (struct references){ NULL, 0 };
    name_map_open(seen, scratch);
    for (size_t i = 0; i < model->part_count; i++) {
        const char *location = location_of(&model->parts[i]);
        if (!location || name_map_get(seen, location)) continue;
        const char **name = NEW(scratch, const char *);
        *name = arena_copy_text(arena, location);
        name_map_add(seen, name);
        if (references->count == room) {
            room = room ? room * 2 : 4;
            references->names =
                arena_grow(arena, references->names, references->count, room, sizeof *references->names);
        }
        references->names[references->count++] = *name;
    }
    arena_close(scratch);
}

struct loading {
    struct arena *arena, own;
    const char *path;
    struct references *references;
};

static bool load(void *context, struct bnfuse_error *error)
{
    struct loading *loading = context;
    struct model model;
    bool has_locations;
    if (!model_file_holds(&loading->own, loading->path, "location", &has_locations, error)) return false;
    if (!has_locations) return true;
    if (!model_load(&model, &loading->own, loading->path, error)) return false;
    references_of(loading->references, loading->arena, &model);
    return true;
}

/* False when it is no model, or does not fit the memory left. */
static bool read_references(struct references *references, struct arena *arena, const char *path)
{
    struct loading loading = { .arena = arena, .path = path, .references = references };
    struct bnfuse_error error;
    *references = (struct references){ NULL, 0 };
    arena_open(&loading.own, arena->memory);
    bool read = guarded(arena->memory, load, &loading, &error);
    arena_close(&loading.own);
    return read || error.status == BNFUSE_INVALID;
}

void references_of_file(struct references *references, struct arena *arena, const char *directory, const char *name)
{
    if (!read_references(references, arena, arena_printf(arena, "%s/%s", directory, name)))
        memory_require_machine(arena->memory);
}

static bool is_model_name(const char *name)
{
    size_t length = strlen(name);
    return length > 5 && !strcmp(name + length - 5, ".onnx");
}

static void close_directory(void *directory)
{
    closedir(directory);
}

bool is_used_by_others(struct arena *arena, const char *directory, const char *except, const char *name)
{
    DIR *folder = opendir(directory);
    size_t models = 0;
    if (!folder) return true;
    arena_defer(arena, close_directory, folder);
    for (const struct dirent *entry; (entry = readdir(folder));) {
        struct references references;
        struct stat status;
        if (!is_model_name(entry->d_name) || !strcmp(entry->d_name, except)) continue;
        const char *path = arena_printf(arena, "%s/%s", directory, entry->d_name);
        if (stat(path, &status) || !S_ISREG(status.st_mode)) continue;
        if (++models > MOST_MODELS || !read_references(&references, arena, path)) return true;
        if (is_referred_to(&references, name)) return true;
    }
    return false;
}

/* ---- content --------------------------------------------------------------------------------------------------- */

bool same_content(struct arena *arena, const struct file *a, const struct file *b)
{
    const struct span whole_a = { a, 0, a->size }, whole_b = { b, 0, b->size };
    char *buffer = arena_alloc(arena, 2 * BUFFER);
    if (a->size != b->size) return false;
    for (uint64_t at = 0; at < a->size; at += BUFFER) {
        size_t size = a->size - at < BUFFER ? (size_t)(a->size - at) : BUFFER;
        if (!span_read(&whole_a, at, buffer, size, NULL) || !span_read(&whole_b, at, buffer + BUFFER, size, NULL))
            return false;
        if (memcmp(buffer, buffer + BUFFER, size) != 0) return false;
    }
    return true;
}

/* Four sums at once, as a processor multiplies faster than one result can wait for the last. */
bool content_digest(struct arena *arena, const struct file *file, uint64_t *digest, struct bnfuse_error *error)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15); /* 2^64 over the golden ratio */
    const struct span whole = { file, 0, file->size };
    uint64_t sums[4] = { 1, 2, 3, 4 };
    uint64_t *words = arena_alloc(arena, BUFFER);
    for (uint64_t at = 0; at < file->size; at += BUFFER) {
        size_t size = file->size - at < BUFFER ? (size_t)(file->size - at) : BUFFER;
        size_t count = (size + 31) / 32 * 4;
        memset((char *)words + size, 0, count * 8 - size);
        if (!span_read(&whole, at, words, size, error)) return false;
        for (size_t i = 0; i < count; i++) {
            uint64_t sum = (sums[i % 4] ^ words[i]) * odd;
            sums[i % 4] = sum ^ sum >> 29;
        }
    }
    *digest = file->size * odd;
    for (int i = 0; i < 4; i++) *digest = (*digest ^ sums[i]) * odd, *digest ^= *digest >> 32;
    return true;
}

bool sha256_of_file(char text[static SHA256_TEXT], struct arena *arena, const struct file *file,
                    struct bnfuse_error *error)
{
    const struct span whole = { file, 0, file->size };
    struct sha256 sha;
    if (!file->bytes && platform_sha256(file->fd, text)) return true;
    char *bytes = arena_alloc(arena, BUFFER);
    sha256_open(&sha);
    for (uint64_t at = 0; at < file->size; at += BUFFER) {
        size_t size = file->size - at < BUFFER ? (size_t)(file->size - at) : BUFFER;
        if (!span_read(&whole, at, bytes, size, error)) return false;
        sha256_add(&sha, bytes, size);
    }
    sha256_text(&sha, text);
    return true;
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

const char *digest_name(struct arena *arena, const char *base, const char *given, uint64_t digest)
{
    const char *stem = given ? given : base, *dot = given ? strrchr(given, '.') : NULL;
    const char *end = given ? (dot && dot != given ? dot : "") : ".data";
    if (strlen(end) > NAME_ROOM / 2) end = "";
    size_t length = dot && *end ? (size_t)(dot - stem) : strlen(stem);
    size_t room = NAME_ROOM - DIGITS - 1 - strlen(end);
    return arena_printf(arena, "%.*s.%016llx%s", (int)(length < room ? length : room), stem, (unsigned long long)digest,
                        end);
}

bool is_digest_name(const char *base, const char *name)
{
    size_t length = strlen(name), tail = DIGITS + strlen(".data");
    if (length < tail + 2 || strcmp(name + length - strlen(".data"), ".data") != 0) return false;
    size_t stem = length - tail - 1;
    if (name[stem] != '.' || strspn(name + stem + 1, "0123456789abcdef") != DIGITS) return false;
    return strlen(base) >= stem && !strncmp(base, name, stem) && (base[stem] == 0 || length == NAME_ROOM);
}
