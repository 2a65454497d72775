/* SPDX-License-Identifier: Apache-2.0
 *
 * The program: command lines over a model. The first bytes of an input are a command line in short, the rest is the
 * model that it works on. Whatever comes: the exit status is one of those that are documented, an error is a line, JSON
 * is JSON with the status that the program ends with, and no line of the output is a command to a CI. */
#include "cli/commands.h"
#include "fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PREFIX = 24, MOST_ARGUMENTS = 40, RAW = 255, TEXT_ROOM = 4096 };

const size_t fuzz_prefix = PREFIX;

/* ---- the command line ---- */

struct line {
    char *list[MOST_ARGUMENTS + 1];
    int count;
    char texts[TEXT_ROOM];
    size_t used;
};

static void add(struct line *line, const char *name, const char *value)
{
    int size = snprintf(line->texts + line->used, TEXT_ROOM - line->used, "%s%s", name, value);
    if (line->count == MOST_ARGUMENTS || (size_t)size >= TEXT_ROOM - line->used) return;
    line->list[line->count++] = line->texts + line->used;
    line->used += (size_t)size + 1;
}

/* A value that is given as it is; in no other folder than this one. */
static void read_raw(char to[PREFIX + 1], const uint8_t **at, const uint8_t *end)
{
    size_t size = 0;
    while (*at < end && **at) to[size++] = *(*at)++ == '/' ? '_' : (char)(*at)[-1];
    to[size] = '\0';
}

/* An option, one byte, and what it is given, another. */
static void add_option(struct line *line, const uint8_t **at, const uint8_t *end)
{
    static const char *const values[] = {
        "0",        "1",       "2",       "-1",      "1e308",    "nan",      "0.5",       "64K",    "1M",
        "full",     "mul-add", "=",       "x",       "x=1",      "N=2",      "x:1x3x4x4", "a.onnx", "b.onnx",
        "out.onnx", "out.npz", "out.npy", "out.pb",  "out.data", "x=a.onnx", "x=in.npy",  "in.npz", "folder",
        ".",        "-",       "bash",    "float16", "int8",     "1e-3,y:1", "fold",      "tidy",   "BNF101",
    };
    char name[64], raw[PREFIX + 1];
    const struct option_row *row = &option_rows[*(*at)++ % option_row_count];
    if (strcmp(row->name, "timeout") == 0) return; /* would end the process */
    snprintf(name, sizeof name, "--%s%s", row->name, row->argument ? "=" : "");
    if (!row->argument || *at == end) {
        add(line, name, "");
        return;
    }
    const uint8_t value = *(*at)++;
    if (value == RAW) read_raw(raw, at, end);
    add(line, name, value == RAW ? raw : values[value % (sizeof values / sizeof *values)]);
}

static bool takes(const struct command_row *command, const char *option)
{
    for (size_t i = 0; i < option_row_count; i++)
        if (strcmp(option_rows[i].name, option) == 0) return option_rows[i].on >> (command - commands) & 1;
    return false;
}

static void build_line(struct line *line, const uint8_t *bytes)
{
    const struct command_row *command = &commands[bytes[0] % COMMAND_COUNT];
    const uint8_t *at = bytes + 2, *end = bytes + PREFIX;
    *line = (struct line){ .count = 0 };
    add(line, "bnfuse", "");
    if (*command->name) add(line, command->name, "");
    if (takes(command, "threads")) add(line, "--threads=1", "");
    if (takes(command, "memory")) add(line, "--memory=64M", "");
    if (takes(command, "work")) add(line, "--work=0.001", "");
    if (bytes[1] & 1) add(line, "--json", "");
    while (at < end) add_option(line, &at, end);
    for (size_t i = 0; i < command->operands; i++) add(line, i ? "b.onnx" : "a.onnx", "");
}

/* ---- the folder that it works in ---- */

static void write_file(const char *path, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

static void remove_files(const char *folder)
{
    DIR *directory = opendir(folder);
    REQUIRE(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory));) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (unlink(path) != 0 && entry->d_name[0] != '.' && strcmp(folder, ".") == 0) {
            remove_files(path);
            rmdir(path);
        }
    }
    closedir(directory);
}

static void remove_folder(void)
{
    char path[4096];
    remove_files(".");
    if (getcwd(path, sizeof path) && chdir("/") == 0) rmdir(path);
}

static void make_folder(void)
{
    fuzz_enter_folder();
    REQUIRE(freopen("/dev/null", "r", stdin));
    atexit(remove_folder);
}

/* Empty but for the two models and a folder. */
static void prepare_folder(const uint8_t *model, size_t size)
{
    static bool is_there;
    if (!is_there) make_folder();
    is_there = true;
    remove_files(".");
    write_file("a.onnx", model, size);
    write_file("b.onnx", model, size);
    REQUIRE(mkdir("folder", 0700) == 0);
}

/* ---- what it says ---- */

struct told {
    char *out, *err;
    size_t out_size, err_size;
};

static void require_no_commands(const char *text)
{
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        REQUIRE(strncmp(line, "::", 2) != 0);
        line += *line != '\0' && *line != '\n';
    }
    REQUIRE(!strstr(text, "##[") && !strstr(text, "##vso[") && !strstr(text, "##teamcity["));
}

static void require_json(const struct told *told, bnfuse_status status)
{
    json_error_t error;
    json_t *root = json_loadb(told->out, told->out_size, JSON_REJECT_DUPLICATES, &error);
    REQUIRE(root != NULL);
    if (json_is_object(root)) REQUIRE(json_integer_value(json_object_get(root, "status")) == (json_int_t)status);
    json_decref(root);
}

static bool is_documented(bnfuse_status status)
{
    return (status >= BNFUSE_OK && status <= BNFUSE_POLICY) || status == BNFUSE_INTERNAL;
}

static bnfuse_status run_settings(const struct settings *settings, bool parsed, const bnfuse_error *error)
{
    if (!parsed) return command_refuse(settings, error);
    return command_run(settings);
}

/* As main.c does it, with the streams in memory. */
static void run_program(struct line *line)
{
    struct told told = { NULL };
    struct settings settings;
    bnfuse_error error = { .status = BNFUSE_OK };
    FILE *const out = stdout, *const err = stderr;
    stdout = open_memstream(&told.out, &told.out_size);
    stderr = open_memstream(&told.err, &told.err_size);
    bool parsed = settings_parse(&settings, line->count, line->list, &error);
    bool about = parsed && (settings.help || settings.version || settings.man || settings.completions);
    bnfuse_status status = about ? BNFUSE_OK : run_settings(&settings, parsed, &error);
    fclose(stdout);
    fclose(stderr);
    stdout = out;
    stderr = err;
    REQUIRE(is_documented(status));
    REQUIRE(status == BNFUSE_OK || status == BNFUSE_DIFFER || told.err_size > 0);
    bool takes_model = settings.output && strcmp(settings.output, "-") == 0;
    if (settings.json && !about && !takes_model) require_json(&told, status);
    require_no_commands(told.err);
    if (!takes_model) require_no_commands(told.out);
    settings_free(&settings);
    free(told.out);
    free(told.err);
}

/* A run computes what it is asked for, as long as it is asked: loops would not end. */
static bool has_loop(const uint8_t *model, size_t size)
{
    return memmem(model, size, "Loop", 4) || memmem(model, size, "Scan", 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct line line;
    if (size < PREFIX || has_loop(bytes + PREFIX, size - PREFIX)) return 0;
    prepare_folder(bytes + PREFIX, size - PREFIX);
    build_line(&line, bytes);
    run_program(&line);
    return 0;
}
