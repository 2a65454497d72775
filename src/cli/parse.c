/* SPDX-License-Identifier: Apache-2.0
 *
 * Parsing by the tables. */
#include "cli/fit.h"
#include "cli/options.h"
#include "cli/spelling.h"
#include "cli/values.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

bool end_with(bnfuse_error *error, bnfuse_status status, const char *format, va_list list)
{
    char line[sizeof error->message];
    vsnprintf(line, sizeof line, format, list);
    error->status = status;
    bnfuse_escape(error->message, sizeof error->message, line);
    return false;
}

bool usage(bnfuse_error *error, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    end_with(error, BNFUSE_USAGE, format, list);
    va_end(list);
    return false;
}

bool out_of_memory(bnfuse_error *error)
{
    usage(error, "out of memory");
    error->status = BNFUSE_INTERNAL;
    return false;
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
    if (on & 1u << settings->command)
        return usage(error, "%.*s takes no argument; leave out %s", (int)length, word, word + length);
    if (on) return belongs_elsewhere(settings, word, length, on, error);
    struct spelling spelling;
    spelling_open(&spelling, length > 2 ? word + 2 : "", length > 2 ? length - 2 : 0);
    for (size_t i = 0; i < option_row_count; i++)
        if (option_rows[i].on & 1u << settings->command) spelling_offer(&spelling, option_rows[i].name);
    return usage(error, "unknown option %.*s; see %s --help%s", (int)length, word,
                 command_words(settings, own, sizeof own), spelling_hint(&spelling, "--", hint, sizeof hint));
}

/* A letter need not be the last of its word, so that getopt alone knows which it was; any other option is the last word
 * that it took. */
static const char *refused_word(const struct settings *settings, const char *last, char letter[3])
{
    const struct option_row *row = row_of(optopt);
    bool is_long = !optopt || (row && row->on & 1u << settings->command);
    snprintf(letter, 3, "-%c", optopt);
    return is_long ? last : letter;
}

static bool lacks_argument(const char *word, const struct option_row *row, bnfuse_error *error)
{
    return usage(error, "%s wants an argument: %s", word, row && row->argument ? row->argument : "see bnfuse --help");
}

static bool parse_options(struct settings *settings, int argc, char **argv, bnfuse_error *error)
{
    struct option longs[OPTION_MOST + 1];
    char letters[2 * OPTION_MOST + 2], letter[3];
    make_getopt(settings->command, longs, letters);
    opterr = 0;
    optind = 1;
    bool good = true; /* the first error is reported; a later option may say where */
    for (int code; (code = getopt_long(argc, argv, letters, longs, NULL)) != -1;) {
        bnfuse_error ignored, *line = good ? error : &ignored;
        if (code == ':') good = lacks_argument(argv[optind - 1], row_of(optopt), line);
        else if (code == '?') good = unknown(settings, refused_word(settings, argv[optind - 1], letter), line);
        else if (!option_apply(settings, row_of(code), optarg, line)) good = false;
    }
    for (; optind < argc; optind++) add_name(&settings->operands, argv[optind]);
    return good;
}

static bool is_about_itself(const struct settings *settings)
{
    return settings->help || settings->version || settings->man || settings->completions;
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
           && parse_shapes(settings, error) && (is_about_itself(settings) || settings_fit(settings, error));
}
