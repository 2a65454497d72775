/* SPDX-License-Identifier: Apache-2.0
 *
 * Parsing by the tables. Mistakes that can be seen without a model are found here. */
#include "cli/options.h"
#include "cli/spelling.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define AT(field) offsetof(struct settings, field)

bool usage(bnfuse_error *error, const char *format, ...)
{
    char line[sizeof error->message];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    error->status = BNFUSE_USAGE;
    bnfuse_escape(error->message, sizeof error->message, line);
    return false;
}

bool out_of_memory(bnfuse_error *error)
{
    usage(error, "out of memory");
    error->status = BNFUSE_INTERNAL;
    return false;
}

/* ---- values ---- */

/* 1024, 64K, 256MiB, 1G */
static bool parse_size(const char *text, uint64_t *size)
{
    static const char units[] = "KMGT";
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || end == text || *text == '-') return false;
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (unit) end++;
    if (unit && *end == 'i') end++;
    if (*end == 'B') end++;
    if (*end) return false;
    for (ptrdiff_t i = 0; unit && i <= unit - units; i++)
        if (__builtin_mul_overflow(value, 1024ull, &value)) return false;
    *size = value;
    return true;
}

static bool parse_number(const char *text, uint64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return !errno && end != text && !*end && *text != '-';
}

static bool parse_real(const char *text, double *real)
{
    char *end;
    *real = strtod(text, &end);
    return end != text && !*end && *real >= 0 && isfinite(*real);
}

/* FULL for what is none, which is_choice refuses. */
static bnfuse_level level_named(const char *text)
{
    unsigned level = 0;
    while (level < BNFUSE_LEVEL_FULL && strcmp(text, bnfuse_level_text((bnfuse_level)level)) != 0) level++;
    return (bnfuse_level)level;
}

/* More than 0, and no more than a timer holds. */
static bool parse_seconds(const char *text, double *seconds)
{
    return parse_real(text, seconds) && *seconds > 0 && *seconds <= 1e9;
}

static bool no_good(bnfuse_error *error, const struct option_row *row, const char *text)
{
    static const char *const wanted[] = {
        [OPTION_SIZE] = " (bytes: 4096, 64K, 512M, 2G)", [OPTION_NUMBER] = " (a whole number)",
        [OPTION_REQUIRE] = " (a whole number)",          [OPTION_REAL] = " (a number)",
        [OPTION_SECONDS] = " (a number above 0)",        [OPTION_SHARD] = " with K from 1 to N, such as 2/5",
        [OPTION_TOLERANCE] = ", such as 1e-5",
    };
    const char *more = (size_t)row->kind < sizeof wanted / sizeof *wanted ? wanted[row->kind] : NULL;
    return usage(error, "--%s wants %s%s, not \"%s\"", row->name, row->argument, more ? more : "", text);
}

/* To a list of make_lists, which has room for the whole command line. */
static void add_name(bnfuse_names *list, const char *name)
{
    ((const char **)list->names)[list->count++] = name;
}

/* The entry of an output; NULL without memory. */
static bnfuse_tolerance *tolerance_named(struct settings *settings, const char *name, size_t length)
{
    for (size_t i = 0; i < settings->tolerance_count; i++)
        if (strncmp(settings->tolerances[i].name, name, length) == 0 && !settings->tolerances[i].name[length])
            return &settings->tolerances[i];
    char *copy = strndup(name, length);
    bnfuse_tolerance *list =
        realloc(settings->tolerances, (settings->tolerance_count + 1) * sizeof *settings->tolerances);
    if (list) settings->tolerances = list;
    if (!copy || !list) {
        free(copy);
        return NULL;
    }
    list[settings->tolerance_count] = (bnfuse_tolerance){ copy, -1, -1 };
    return &list[settings->tolerance_count++];
}

/* 1e-5, boxes:1e-3, or both and more between commas; a name may hold ':' itself: the last one counts. */
static bool parse_tolerance(struct settings *settings, const struct option_row *row, const char *argument)
{
    bool is_atol = row->offset == AT(check.atol);
    while (*argument) {
        size_t length = strcspn(argument, ","), colon = length;
        double number;
        char text[40], *end;
        while (colon > 0 && argument[colon - 1] != ':') colon--;
        if (length - colon >= sizeof text) return false;
        memcpy(text, argument + colon, length - colon);
        text[length - colon] = 0;
        number = strtod(text, &end);
        if (end == text || *end || !(number >= 0)) return false;
        bnfuse_tolerance *own = colon > 1 ? tolerance_named(settings, argument, colon - 1) : NULL;
        if (colon > 0 && !own) return false;
        if (own) *(is_atol ? &own->atol : &own->rtol) = number;
        else *(is_atol ? &settings->check.atol : &settings->check.rtol) = number;
        argument += length + (argument[length] == ',');
    }
    return true;
}

static bool is_choice(const struct option_row *row, const char *argument, bnfuse_error *error)
{
    const char *name, *help, *comma = "";
    char names[400] = "", hint[100];
    struct spelling spelling;
    spelling_open(&spelling, argument, strlen(argument));
    for (size_t i = 0; (name = option_choice(row, i, &help)); comma = ", ", i++) {
        if (strcmp(name, argument) == 0) return true;
        spelling_offer(&spelling, name);
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", comma, name);
    }
    return usage(error, "--%s wants %s, not \"%s\"%s", row->name, names, argument,
                 spelling_hint(&spelling, "", hint, sizeof hint));
}

static bool parse_shard(const char *text, struct shard *shard)
{
    char *end;
    errno = 0;
    shard->index = strtoull(text, &end, 10);
    if (errno || end == text || *text == '-' || *end != '/') return false;
    return parse_number(end + 1, &shard->count) && shard->index >= 1 && shard->index <= shard->count;
}

/* The library's type of a choice. */
static bool parse_precision(const struct option_row *row, const char *argument, bnfuse_dtype *type, bnfuse_error *error)
{
    for (int i = BNFUSE_DTYPE_FLOAT; i <= BNFUSE_DTYPE_INT2; i++)
        if (strcmp(bnfuse_dtype_text((bnfuse_dtype)i), argument) == 0) *type = (bnfuse_dtype)i;
    return is_choice(row, argument, error);
}

static bool apply(struct settings *settings, const struct option_row *row, const char *argument, bnfuse_error *error)
{
    void *at = (char *)settings + row->offset;
    switch (row->kind) {
    case OPTION_FLAG: *(bool *)at = true; return true;
    case OPTION_TEXT:
    case OPTION_OUT_FILE:
    case OPTION_OUT_DIR:
    case OPTION_NEW_DIR:
    case OPTION_IN_DIR: *(const char **)at = argument; return true;
    case OPTION_SHELL: *(const char **)at = argument; return is_choice(row, argument, error);
    case OPTION_LOWER:
        settings->fuse.lower_mul_add = strcmp(argument, "mul-add") == 0;
        settings->fuse.lower_conv = strcmp(argument, "conv") == 0;
        return is_choice(row, argument, error);
    case OPTION_PRECISION: return parse_precision(row, argument, at, error);
    case OPTION_SHARD: return parse_shard(argument, at) || no_good(error, row, argument);
    case OPTION_LIST: add_name(at, argument); return true;
    case OPTION_EXTRAS:
    case OPTION_PASSES: add_name(at, argument); return is_choice(row, argument, error);
    case OPTION_SIZE: return parse_size(argument, at) || no_good(error, row, argument);
    case OPTION_NUMBER: return parse_number(argument, at) || no_good(error, row, argument);
    case OPTION_REAL: return parse_real(argument, at) || no_good(error, row, argument);
    case OPTION_TOLERANCE: return parse_tolerance(settings, row, argument) || no_good(error, row, argument);
    case OPTION_SECONDS: return parse_seconds(argument, at) || no_good(error, row, argument);
    case OPTION_CHECK:
        settings->no_check = false;
        if (argument) *(bnfuse_level *)at = level_named(argument);
        return !argument || is_choice(row, argument, error);
    case OPTION_REQUIRE:
        settings->has_require = true;
        return parse_number(argument, at) || no_good(error, row, argument);
    }
    return false;
}

/* ---- --dim and --shape ---- */

static bool parse_extent(const char *text, char **end, int64_t *size)
{
    errno = 0;
    long long value = strtoll(text, end, 10);
    *size = value;
    return !errno && *end != text && value >= 1;
}

static bool parse_dims(struct settings *settings, bnfuse_error *error)
{
    bnfuse_dim *dims = calloc(settings->dims.count + 1, sizeof *dims);
    settings->check.dims = dims;
    for (size_t i = 0; dims && i < settings->dims.count; i++) {
        const char *text = settings->dims.names[i], *equals = strrchr(text, '=');
        char *end;
        if (!equals || equals == text || !parse_extent(equals + 1, &end, &dims[i].size) || *end)
            return usage(error, "--dim wants NAME=N with N >= 1, not \"%s\"", text);
        dims[i].name = strndup(text, (size_t)(equals - text));
        if (!dims[i].name) return out_of_memory(error);
        settings->check.dim_count++;
    }
    return dims || out_of_memory(error);
}

static bool parse_shape(const char *text, bnfuse_shape *shape)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text) return false;
    int64_t *dims = calloc(strlen(colon) + 1, sizeof *dims);
    shape->name = strndup(text, (size_t)(colon - text));
    shape->dims = dims;
    if (!dims) return true;
    for (const char *at = colon + 1; *at; shape->rank++) {
        char *end;
        if (shape->rank == 32 || !parse_extent(at, &end, &dims[shape->rank])) return false;
        at = *end == 'x' || *end == ',' ? end + 1 : end;
        if (*end && at == end) return false;
    }
    return true;
}

static bool parse_shapes(struct settings *settings, bnfuse_error *error)
{
    bnfuse_shape *shapes = calloc(settings->shapes.count + 1, sizeof *shapes);
    settings->check.shapes = shapes;
    for (size_t i = 0; shapes && i < settings->shapes.count; i++) {
        bool good = parse_shape(settings->shapes.names[i], &shapes[i]);
        settings->check.shape_count++;
        if (good && (!shapes[i].name || !shapes[i].dims)) return out_of_memory(error);
        if (!good) return usage(error, "--shape wants NAME:AxBxC, not \"%s\"", settings->shapes.names[i]);
    }
    return shapes || out_of_memory(error);
}

static void free_dims(struct settings *settings)
{
    for (size_t i = 0; i < settings->check.dim_count; i++) free((void *)settings->check.dims[i].name);
    free((void *)settings->check.dims);
}

static void free_shapes(struct settings *settings)
{
    for (size_t i = 0; i < settings->check.shape_count; i++) {
        free((void *)settings->check.shapes[i].name);
        free((void *)settings->check.shapes[i].dims);
    }
    free((void *)settings->check.shapes);
}

/* ---- parsing ---- */

enum { LIST_COUNT = 9 };

static void find_lists(struct settings *settings, bnfuse_names *lists[LIST_COUNT])
{
    bnfuse_names *const all[LIST_COUNT] = {
        &settings->operands,     &settings->dims,         &settings->shapes,
        &settings->inputs,       &settings->fuse.enabled, &settings->fuse.disabled,
        &settings->fuse.skipped, &settings->data,         &settings->print_after,
    };
    memcpy(lists, all, sizeof all);
}

static bool make_lists(struct settings *settings, int argc)
{
    bnfuse_names *lists[LIST_COUNT];
    bool made = true;
    find_lists(settings, lists);
    for (size_t i = 0; i < LIST_COUNT; i++) {
        lists[i]->names = calloc((size_t)argc + 1, sizeof *lists[i]->names);
        made &= lists[i]->names != NULL;
    }
    return made;
}

void settings_free(struct settings *settings)
{
    bnfuse_names *lists[LIST_COUNT];
    find_lists(settings, lists);
    for (size_t i = 0; i < LIST_COUNT; i++) free((void *)lists[i]->names);
    free(settings->command_line);
    free_dims(settings);
    free_shapes(settings);
    for (size_t i = 0; i < settings->tolerance_count; i++) free((void *)settings->tolerances[i].name);
    free(settings->tolerances);
}

enum { FIRST_CODE = 1000 }; /* of long options; letters are below */

/* Only the rows of this command, so that a name may mean one thing here and another there. */
static void make_getopt(enum command command, struct option *longs, char *letters)
{
    *letters++ = ':';
    for (size_t i = 0; i < option_row_count; i++) {
        const struct option_row *row = &option_rows[i];
        if (!(row->on & 1u << command)) continue;
        int has = !row->argument ? no_argument : *row->argument == '[' ? optional_argument : required_argument;
        *longs++ = (struct option){ row->name, has, NULL, FIRST_CODE + (int)i };
        if (!row->letter) continue;
        *letters++ = row->letter;
        if (row->argument) *letters++ = ':';
    }
    *longs = (struct option){ 0 };
    *letters = '\0';
}

static const struct option_row *row_of(int code)
{
    if (code >= FIRST_CODE) return &option_rows[code - FIRST_CODE];
    for (size_t i = 0; i < option_row_count; i++)
        if (option_rows[i].letter == code) return &option_rows[i];
    return NULL;
}

/* "bnfuse explain", or "bnfuse". */
static const char *command_words(const struct settings *settings, char *to, size_t size)
{
    const char *name = commands[settings->command].name;
    snprintf(to, size, "bnfuse%s%s", *name ? " " : "", name);
    return to;
}

/* The commands that know an option of this name, or ones of another. */
static unsigned commands_with(const char *name, size_t length)
{
    unsigned on = 0;
    for (size_t i = 0; i < option_row_count; i++)
        if (strlen(option_rows[i].name) == length && strncmp(option_rows[i].name, name, length) == 0)
            on |= option_rows[i].on;
    return on;
}

static bool belongs_elsewhere(const struct settings *settings, const char *word, size_t length, unsigned on,
                              bnfuse_error *error)
{
    char own[40], other[80] = "";
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (on & 1u << i && strlen(other) < 60)
            snprintf(other + strlen(other), sizeof other - strlen(other), "%sbnfuse %s", *other ? ", " : "",
                     *commands[i].name ? commands[i].name : "MODEL");
    return usage(error, "%.*s does not go with %s, but with %s", (int)length, word,
                 command_words(settings, own, sizeof own), other);
}

static bool unknown(const struct settings *settings, const char *word, bnfuse_error *error)
{
    size_t length = strcspn(word, "=");
    char own[40], hint[100];
    unsigned on = length > 2 ? commands_with(word + 2, length - 2) : 0;
    if (on) return belongs_elsewhere(settings, word, length, on, error);
    struct spelling spelling;
    spelling_open(&spelling, length > 2 ? word + 2 : "", length > 2 ? length - 2 : 0);
    for (size_t i = 0; i < option_row_count; i++)
        if (option_rows[i].on & 1u << settings->command) spelling_offer(&spelling, option_rows[i].name);
    return usage(error, "unknown option %.*s; see %s --help%s", (int)length, word,
                 command_words(settings, own, sizeof own), spelling_hint(&spelling, "--", hint, sizeof hint));
}

static bool lacks_argument(const char *word, const struct option_row *row, bnfuse_error *error)
{
    return usage(error, "%s wants an argument: %s", word, row && row->argument ? row->argument : "see bnfuse --help");
}

static bool parse_options(struct settings *settings, int argc, char **argv, bnfuse_error *error)
{
    struct option longs[OPTION_MOST + 1];
    char letters[2 * OPTION_MOST + 2];
    make_getopt(settings->command, longs, letters);
    opterr = 0;
    optind = 1;
    bool good = true; /* the first error is reported; a later option may say where */
    for (int code; (code = getopt_long(argc, argv, letters, longs, NULL)) != -1;) {
        bnfuse_error ignored, *line = good ? error : &ignored;
        if (code == ':') good = lacks_argument(argv[optind - 1], row_of(optopt), line);
        else if (code == '?') good = unknown(settings, argv[optind - 1], line);
        else if (!apply(settings, row_of(code), optarg, line)) good = false;
    }
    for (; optind < argc; optind++) add_name(&settings->operands, argv[optind]);
    return good;
}

static bool is_about_itself(const struct settings *settings)
{
    return settings->help || settings->version || settings->man || settings->completions;
}

/* ---- what can be seen without a model ---- */

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool has_folder(const struct option_row *row, const char *path, bnfuse_error *error)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + (slash == path)) : NULL;
    if (slash && !folder) return out_of_memory(error);
    bool there = !folder || is_folder(folder);
    if (there && is_folder(path)) usage(error, "--%s %s: is a folder; name a file in it", row->name, path);
    else if (!there) usage(error, "--%s %s: there is no folder %s; make it first", row->name, path, folder);
    free(folder);
    return there && !is_folder(path);
}

/* Standard output is for one thing at a time. */
static bool claim_standard_output(struct settings *settings, const char *option, bnfuse_error *error)
{
    if (settings->standard_output)
        return usage(error, "--%s and --%s cannot share standard output; give one of them a file",
                     settings->standard_output, option);
    settings->standard_output = option;
    return true;
}

static bool output_is_good(struct settings *settings, const struct option_row *row, const char *path,
                           bnfuse_error *error)
{
    bool is_model = row->offset == AT(output);
    if (!*path) return usage(error, "--%s wants a file name", row->name);
    if (strcmp(path, "-") != 0) return has_folder(row, path, error);
    if (is_model && settings->command == COMMAND_RUN)
        return usage(error, "--output -: tensors do not go to standard output; name FILE.npz, FILE.npy or FILE.pb");
    if (is_model && isatty(STDOUT_FILENO))
        return usage(error, "--output -: standard output is a terminal; redirect it, or name a file");
    return claim_standard_output(settings, row->name, error);
}

static bool folder_is_good(const struct option_row *row, const char *path, bnfuse_error *error)
{
    if (strcmp(path, "-") == 0) return usage(error, "--%s -: wants a folder; standard output is none", row->name);
    if (row->kind == OPTION_NEW_DIR) return has_folder(row, path, error) || is_folder(path);
    return is_folder(path)
           || usage(error, "--%s %s: there is no such folder%s", row->name, path,
                    row->kind == OPTION_OUT_DIR ? "; make it first" : "");
}

static bool paths_are_good(struct settings *settings, bnfuse_error *error)
{
    if (settings->json && !claim_standard_output(settings, "json", error)) return false;
    for (size_t i = 0; i < option_row_count; i++) {
        const struct option_row *row = &option_rows[i];
        bool is_file = row->kind == OPTION_OUT_FILE;
        if (!is_file && row->kind != OPTION_OUT_DIR && row->kind != OPTION_NEW_DIR && row->kind != OPTION_IN_DIR)
            continue;
        const char *path = *(const char **)((char *)settings + row->offset);
        if (!path || !(row->on & 1u << settings->command)) continue;
        if (!(is_file ? output_is_good(settings, row, path, error) : folder_is_good(row, path, error))) return false;
    }
    return true;
}

static bool sources_are_there(const struct settings *settings, bnfuse_error *error)
{
    for (size_t i = 0; i < settings->inputs.count; i++) {
        const char *input = settings->inputs.names[i], *equals = strrchr(input, '=');
        const char *path = equals ? equals + 1 : input;
        if (access(path, R_OK) != 0)
            return usage(error, "--input %s: %s cannot be read: %s", input, path, strerror(errno));
    }
    for (size_t i = 0; i < settings->data.count; i++)
        if (!is_folder(settings->data.names[i]))
            return usage(error, "--data %s: there is no such folder", settings->data.names[i]);
    return true;
}

/* Looks for a command that is spelt nearly so. */
static void spell_command(struct spelling *spelling, const char *word)
{
    spelling_open(spelling, word, strlen(word));
    for (int i = 1; i < COMMAND_COUNT; i++) spelling_offer(spelling, commands[i].name);
}

/* A misspelt command looks like a model that is not there. */
static bool command_is_known(const struct settings *settings, bnfuse_error *error)
{
    const char *word = settings->operands.count ? settings->operands.names[0] : "";
    char hint[100];
    struct spelling spelling;
    spell_command(&spelling, word);
    if (settings->command == COMMAND_HELP && *word && command_named(word) == COMMAND_FUSE)
        return usage(error, "there is no command %s; see bnfuse --help%s", word,
                     spelling_hint(&spelling, "", hint, sizeof hint));
    if (settings->command != COMMAND_FUSE || strpbrk(word, "./") || access(word, F_OK) == 0) return true;
    return !spelling.nearest
           || usage(error, "%s: there is no such file and no such command%s", word,
                    spelling_hint(&spelling, "bnfuse ", hint, sizeof hint));
}

static bool many_is_good(const struct settings *settings, bnfuse_error *error)
{
    if (settings->command == COMMAND_REPORT || settings->operands.count < 2) return true;
    if (settings->output) return usage(error, "--output takes one model; --out-dir DIR is for many");
    if (settings->external_data) return usage(error, "--external-data takes one model, not many");
    if (settings->json) return usage(error, "--json prints one object; --jsonl FILE takes one for each model");
    for (size_t i = 0; i < settings->operands.count; i++)
        if (strcmp(settings->operands.names[i], "-") == 0)
            return usage(error, "-: standard input is one model; name it alone");
    return true;
}

static bool fits_together(struct settings *settings, bnfuse_error *error)
{
    settings->check.tolerances = settings->tolerances;
    settings->check.tolerance_count = settings->tolerance_count;
    const struct command_row *row = &commands[settings->command];
    if (is_about_itself(settings)) return true;
    size_t count = settings->operands.count;
    if (!command_is_known(settings, error)) return false;
    if (count < row->operands || count - row->operands > row->further)
        return usage(error, "usage: bnfuse %s%s%s; see bnfuse --help", row->name, *row->name ? " " : "", row->synopsis);
    if (row->further && settings->command == COMMAND_FUSE && !many_is_good(settings, error)) return false;
    if (settings->output && settings->out_dir) return usage(error, "--output and --out-dir do not go together");
    if (settings->external_data && !settings->output) return usage(error, "--external-data goes with --output");
    if (settings->external_data && strcmp(settings->external_data, "-") == 0)
        return usage(error, "--external-data -: wants a file beside the model");
    return paths_are_good(settings, error) && sources_are_there(settings, error);
}

enum command command_named(const char *word)
{
    for (int i = 1; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, word) == 0) return (enum command)i;
    return COMMAND_FUSE;
}

/* The words of a command line as a shell would take them: those with other than plain characters in quotes. */
static size_t put_word(char *to, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
    size_t size = 0;
    bool quote = !*word || word[strspn(word, plain)];
    if (quote) to[size++] = '\'';
    for (; *word; word++) {
        if (*word == '\'') size += (size_t)sprintf(to + size, "'\\''");
        else to[size++] = *word;
    }
    if (quote) to[size++] = '\'';
    return size;
}

static char *join_words(int argc, char **argv)
{
    size_t room = sizeof "bnfuse", size = sizeof "bnfuse" - 1;
    for (int i = 1; i < argc; i++) room += 4 * strlen(argv[i]) + 3;
    char *line = malloc(room);
    if (!line) return NULL;
    memcpy(line, "bnfuse", sizeof "bnfuse");
    for (int i = 1; i < argc; i++) {
        line[size++] = ' ';
        size += put_word(line + size, argv[i]);
    }
    line[size] = '\0';
    return line;
}

bool settings_want_digests(const struct settings *settings)
{
    bool wanted = settings->json;
    for (size_t i = 0; i < REPORT_COUNT; i++) wanted = wanted || settings->reports[i];
    return wanted;
}

bool settings_parse(struct settings *settings, int argc, char **argv, bnfuse_error *error)
{
    *settings = (struct settings){ .command = COMMAND_FUSE };
    bnfuse_fuse_options_init(&settings->fuse);
    bnfuse_check_options_init(&settings->check);
    settings->momentum = 1;
    settings->command_line = join_words(argc, argv);
    if (!settings->command_line || !make_lists(settings, argc)) return out_of_memory(error);
    settings->command = argc > 1 ? command_named(argv[1]) : COMMAND_FUSE;
    int skip = settings->command != COMMAND_FUSE;
    return parse_options(settings, argc - skip, argv + skip, error) && parse_dims(settings, error)
           && parse_shapes(settings, error) && fits_together(settings, error);
}
