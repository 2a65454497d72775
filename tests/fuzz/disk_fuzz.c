/* SPDX-License-Identifier: Apache-2.0
 *
 * A model on disk with its external data beside it. An input is one byte of options, the data file, and the model.
 * Whatever comes: what was read is left as it was, an error leaves no file behind, and what was written is read again,
 * with its own data, and is at its end. */
#include "bnfuse.h"
#include "fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PREFIX = 49, DATA = PREFIX - 1, MEMORY = 64 << 20 };

const size_t fuzz_prefix = PREFIX;

#define MODEL   "model.onnx"
#define WEIGHTS "w.bin"
#define OUTPUT  "out.onnx"

/* ---- the folder ---- */

static void leave_folder(void)
{
    const char *names[] = { MODEL, WEIGHTS };
    char path[4096];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) unlink(names[i]);
    if (getcwd(path, sizeof path) && chdir("/") == 0) rmdir(path);
}

/* One for all inputs. */
static void enter_folder(void)
{
    static bool is_there;
    if (is_there) return;
    fuzz_enter_folder();
    is_there = true;
    atexit(leave_folder);
}

static void put(const char *name, const void *bytes, size_t size)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    REQUIRE(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

static void require_content(const char *name, const void *bytes, size_t size)
{
    uint8_t found[1 << 16];
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0 && read(fd, found, sizeof found) == (ssize_t)size && memcmp(found, bytes, size) == 0);
    close(fd);
}

/* Removes what is neither the model nor its data; how many files that were. */
static size_t clear_folder(void)
{
    size_t count = 0;
    DIR *folder = opendir(".");
    REQUIRE(folder != NULL);
    for (const struct dirent *entry; (entry = readdir(folder));) {
        if (*entry->d_name == '.' && (!entry->d_name[1] || strcmp(entry->d_name, "..") == 0)) continue;
        if (strcmp(entry->d_name, MODEL) == 0 || strcmp(entry->d_name, WEIGHTS) == 0) continue;
        REQUIRE(unlink(entry->d_name) == 0);
        count++;
    }
    closedir(folder);
    return count;
}

/* ---- the job ---- */

static bnfuse_model *load(const char *path, bnfuse_error *error)
{
    bnfuse_read_options options;
    bnfuse_read_options_init(&options);
    options.memory_limit = MEMORY;
    return bnfuse_load(path, &options, error);
}

static bnfuse_fuse_options fuse_options(uint8_t byte)
{
    bnfuse_fuse_options options;
    bnfuse_fuse_options_init(&options);
    options.freeze_weights = byte & 1;
    options.unread = byte & 2;
    return options;
}

static bnfuse_write_options write_options(uint8_t byte)
{
    static const char *const files[] = { NULL, "out.data", WEIGHTS, OUTPUT };
    bnfuse_write_options options;
    bnfuse_write_options_init(&options);
    options.external_data = files[byte >> 2 & 3];
    options.digest = byte & 16;
    return options;
}

static void require_readable(uint8_t byte)
{
    bnfuse_error error;
    const bnfuse_fuse_options options = fuse_options(byte & 1);
    bnfuse_model *model = load(OUTPUT, &error);
    REQUIRE(model != NULL);
    if (bnfuse_fuse(model, &options, &error)) REQUIRE(bnfuse_get_report(model)->folded == 0);
    else REQUIRE(error.status == BNFUSE_INTERNAL); /* out of memory */
    bnfuse_free(model);
}

static void work(uint8_t byte)
{
    bnfuse_error error = { .status = BNFUSE_OK };
    const bnfuse_fuse_options fusing = fuse_options(byte);
    const bnfuse_write_options writing = write_options(byte);
    bnfuse_model *model = load(MODEL, &error);
    bool written = model && bnfuse_fuse(model, &fusing, &error) && bnfuse_write(model, OUTPUT, &writing, &error);
    REQUIRE(written || (error.status != BNFUSE_OK && *error.message));
    bnfuse_free(model);
    if (written) require_readable(byte);
    REQUIRE((clear_folder() > 0) == written);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < PREFIX) return 0;
    enter_folder();
    unlink(WEIGHTS);
    if (bytes[0] & 128) REQUIRE(symlink(MODEL, WEIGHTS) == 0);
    else put(WEIGHTS, bytes + 1, DATA);
    put(MODEL, bytes + PREFIX, size - PREFIX);
    work(bytes[0]);
    require_content(MODEL, bytes + PREFIX, size - PREFIX);
    if (!(bytes[0] & 128)) require_content(WEIGHTS, bytes + 1, DATA);
    return 0;
}
