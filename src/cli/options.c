/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of commands and options, and parsing by them. */
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const struct command_row commands[COMMAND_COUNT] = {
    [COMMAND_FUSE] = { "", "MODEL [-o OUT]", 1, "fuse, check, and write (without -o: write nothing)", 0 },
    [COMMAND_EXPLAIN] = { "explain", "MODEL", 1, "list where each BatchNormalization is folded, or why it stays", 0 },
    [COMMAND_COMPARE] = { "compare", "A B", 2, "compare two models: do they compute the same, up to rounding?", 0 },
    [COMMAND_CALIBRATE] = { "calibrate", "MODEL", 1,
                            "estimate the statistics of every BatchNormalization again from data", 0 },
    [COMMAND_RUN] = { "run", "MODEL", 1, "run a model on given inputs", 0 },
    [COMMAND_DIFF] = { "diff", "A B", 2, "list what changed between two models, by structure (exit 1 if anything did)",
                       0 },
    [COMMAND_PRINT] = { "print", "MODEL", 1, "print the graph as text, one line a node", 0 },
    [COMMAND_REASONS] = { "reasons", "[CODE]", 0, "list the reason codes, or say what one means", 1 },
};

#define FUSE      (1u << COMMAND_FUSE)
#define EXPLAIN   (1u << COMMAND_EXPLAIN)
#define COMPARE   (1u << COMMAND_COMPARE)
#define CALIBRATE (1u << COMMAND_CALIBRATE)
#define RUN       (1u << COMMAND_RUN)
#define PRINT     (1u << COMMAND_PRINT)
#define DIFF      (1u << COMMAND_DIFF)
#define REASONS   (1u << COMMAND_REASONS)
#define CHECKS    (FUSE | COMPARE)
#define ALL       ((1u << COMMAND_COUNT) - 1)
#define AT(field) offsetof(struct settings, field)

const struct option_row option_rows[] = {
    { "output", 'o', "FILE", FUSE | CALIBRATE | RUN, OPTION_TEXT, AT(output),
      "write the fused model here (run: the outputs, as FILE.npz or FILE.npy); - is standard output" },
    { "freeze-weights", 0, NULL, FUSE | EXPLAIN, OPTION_FLAG, AT(fuse.freeze_weights),
      "treat initializers that callers could replace as constants; folded ones are no longer inputs" },
    { "fold-limit", 0, "SIZE", FUSE | EXPLAIN, OPTION_SIZE, AT(fuse.fold_limit),
      "the model may grow by SIZE at most (256M)" },
    { "enable", 0, "NAME", FUSE | EXPLAIN, OPTION_EXTRAS, AT(fuse.enabled), "make a fold that is off by default:" },
    { "disable", 0, "PASS", FUSE | EXPLAIN, OPTION_PASSES, AT(fuse.disabled), "do not run a pass:" },
    { "skip", 0, "NODE", FUSE | EXPLAIN, OPTION_LIST, AT(fuse.skipped), "do not fold this BatchNormalization" },
    { "print-after", 0, "PASS", FUSE | EXPLAIN, OPTION_PASSES, AT(print_after),
      "print the graph on standard error whenever this pass has run (see --disable)" },
    { "assume-inference", 0, NULL, FUSE | EXPLAIN, OPTION_FLAG, AT(fuse.assume_inference),
      "treat BatchNormalization in training mode as inference" },
    { "lower", 0, "mul-add", FUSE | EXPLAIN, OPTION_WORD, AT(fuse.lower_mul_add),
      "replace each BatchNormalization that stays by Mul and Add" },
    { "check", 0, "[full]", FUSE, OPTION_CHECK, AT(check.full),
      "check the result (the default); full: the whole graph must run, a check of each change is not enough" },
    { "no-check", 0, NULL, FUSE, OPTION_FLAG, AT(no_check), "write the result without checking it" },
    { "allow-unchecked", 0, NULL, FUSE, OPTION_FLAG, AT(allow_unchecked),
      "write the result even if it cannot be checked" },
    { "atol", 0, "NUMBER[,OUTPUT:NUMBER]", CHECKS | RUN, OPTION_TOLERANCE, AT(check.atol),
      "tolerate |a-b| <= atol + rtol*|b| (1e-5), in this output so much" },
    { "rtol", 0, "NUMBER[,OUTPUT:NUMBER]", CHECKS | RUN, OPTION_TOLERANCE, AT(check.rtol), "see --atol (1e-3)" },
    { "precision", 0, "TYPE", COMPARE, OPTION_TEXT, AT(precision),
      "treat B as a version of lower precision (float16, bfloat16, int8) and accept what that explains" },
    { "repro", 0, "DIR", COMPARE, OPTION_TEXT, AT(check.repro),
      "write the segment that differs: two models, data and the command" },
    { "momentum", 0, "NUMBER", CALIBRATE, OPTION_REAL, AT(momentum),
      "the weight of what is measured against what was stored (1: nothing of that)" },
    { "samples", 0, "N", CHECKS | CALIBRATE, OPTION_NUMBER, AT(samples), "use the first N sets of the data only" },
    { "seed", 0, "NUMBER", CHECKS, OPTION_NUMBER, AT(check.seed), "seed of random inputs (20)" },
    { "dim", 0, "NAME=N", CHECKS, OPTION_LIST, AT(dims), "size of a symbolic dimension" },
    { "shape", 0, "NAME:AxBxC", CHECKS, OPTION_LIST, AT(shapes), "shape of an input" },
    { "input", 0, "NAME=FILE", CHECKS | CALIBRATE | RUN, OPTION_LIST, AT(inputs),
      "data of an input: .npy, .pb; or FILE.npz, named inside" },
    { "data", 0, "DIR", CHECKS | CALIBRATE | RUN, OPTION_LIST, AT(data),
      "data of all inputs: test_data_set_*/input_0.pb, ...; run: compare with output_0.pb, ..." },
    { "input-dir", 0, "DIR", RUN, OPTION_TEXT, AT(input_directory), "read input_0.pb, input_1.pb, ... in order" },
    { "output-dir", 0, "DIR", RUN, OPTION_TEXT, AT(output_directory), "write output_0.pb, output_1.pb, ..." },
    { "exact", 0, NULL, EXPLAIN | RUN, OPTION_FLAG, AT(exact),
      "explain: read the weights as well; run: compute all real numbers in float64" },
    { "external-data", 0, "FILE", FUSE | CALIBRATE, OPTION_TEXT, AT(external_data),
      "put tensors of 1 KiB and more into FILE beside the output" },
    { "strict", 0, NULL, FUSE, OPTION_FLAG, AT(strict),
      "exit with 5 if a BatchNormalization stays that an option or an edit could fold" },
    { "require", 0, "N", FUSE, OPTION_REQUIRE, AT(require),
      "exit with 5 if fewer than N BatchNormalizations are folded" },
    { "threads", 0, "N", CHECKS | CALIBRATE | RUN, OPTION_NUMBER, AT(threads),
      "threads of the runtime (all processors)" },
    { "memory", 0, "SIZE", ALL & ~REASONS, OPTION_SIZE, AT(memory),
      "use SIZE of memory at most (a quarter of the machine's, or 2 GiB)" },
    { "work", 0, "SECONDS", CHECKS, OPTION_REAL, AT(check.work), "predicted seconds that the check may take (60)" },
    { "timeout", 0, "SECONDS", ALL & ~REASONS, OPTION_SECONDS, AT(timeout),
      "exit with 124 after SECONDS, without writing" },
    { "json", 0, NULL, ALL & ~PRINT, OPTION_FLAG, AT(json), "results as JSON on standard output" },
#define ROW(name, option, help) { option, 0, "FILE", CHECKS, OPTION_TEXT, AT(reports[REPORT_##name]), help },
    REPORT_FORMATS(ROW)
#undef ROW
        { "markdown", 0, NULL, REASONS, OPTION_FLAG, AT(markdown_table), "as a Markdown table" },
    { "quiet", 'q', NULL, FUSE | COMPARE | CALIBRATE | RUN | DIFF, OPTION_FLAG, AT(quiet),
      "print the verdict only (diff: nothing)" },
    { "verbose", 'v', NULL, CHECKS, OPTION_FLAG, AT(verbose), "print each changed place that was checked" },
    { "progress", 0, NULL, CHECKS | CALIBRATE, OPTION_FLAG, AT(progress),
      "show progress even if standard error is not a terminal" },
    { "help", 'h', NULL, ALL, OPTION_FLAG, AT(help), "print this" },
    { "version", 0, NULL, ALL, OPTION_FLAG, AT(version), "print the version" },
    { "man", 0, NULL, FUSE, OPTION_FLAG, AT(man), "print the manual page" },
    { "completions", 0, "SHELL", FUSE, OPTION_TEXT, AT(completions), "print completions for bash, zsh or fish" },
};
const size_t option_row_count = sizeof option_rows / sizeof *option_rows;

/* Each pass once, though it may run at several places. */
static const bnfuse_pass *distinct_pass(size_t i)
{
    const bnfuse_pass *pass;
    for (size_t at = 0; (pass = bnfuse_get_pass(at)); at++) {
        size_t first = 0;
        while (strcmp(bnfuse_get_pass(first)->name, pass->name) != 0) first++;
        if (first == at && i-- == 0) return pass;
    }
    return NULL;
}

const char *option_choice(const struct option_row *row, size_t i, const char **help)
{
    const bnfuse_extra *extra = row->kind == OPTION_EXTRAS ? bnfuse_get_extra(i) : NULL;
    const bnfuse_pass *pass = row->kind == OPTION_PASSES ? distinct_pass(i) : NULL;
    *help = extra ? extra->help : pass ? pass->why : "";
    return extra ? extra->name : pass ? pass->name : NULL;
}

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

/* More than 0, and no more than a timer holds. */
static bool parse_seconds(const char *text, double *seconds)
{
    return parse_real(text, seconds) && *seconds > 0 && *seconds <= 1e9;
}

static bool no_good(bnfuse_error *error, const struct option_row *row, const char *text)
{
    return usage(error, "--%s wants %s, not \"%s\"", row->name, row->argument, text);
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
    char names[400] = "";
    for (size_t i = 0; (name = option_choice(row, i, &help)); comma = ", ", i++) {
        if (strcmp(name, argument) == 0) return true;
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", comma, name);
    }
    return usage(error, "--%s: there is no \"%s\"; there are %s", row->name, argument, names);
}

static bool apply(struct settings *settings, const struct option_row *row, const char *argument, bnfuse_error *error)
{
    void *at = (char *)settings + row->offset;
    switch (row->kind) {
    case OPTION_FLAG: *(bool *)at = true; return true;
    case OPTION_TEXT: *(const char **)at = argument; return true;
    case OPTION_WORD: *(bool *)at = true; return strcmp(argument, row->argument) == 0 || no_good(error, row, argument);
    case OPTION_LIST: add_name(at, argument); return true;
    case OPTION_EXTRAS:
    case OPTION_PASSES: add_name(at, argument); return is_choice(row, argument, error);
    case OPTION_SIZE: return parse_size(argument, at) || no_good(error, row, argument);
    case OPTION_NUMBER: return parse_number(argument, at) || no_good(error, row, argument);
    case OPTION_REAL: return parse_real(argument, at) || no_good(error, row, argument);
    case OPTION_TOLERANCE: return parse_tolerance(settings, row, argument) || no_good(error, row, argument);
    case OPTION_SECONDS: return parse_seconds(argument, at) || no_good(error, row, argument);
    case OPTION_CHECK:
        *(bool *)at = argument != NULL;
        settings->no_check = false;
        return !argument || strcmp(argument, "full") == 0 || no_good(error, row, argument);
    case OPTION_REQUIRE:
        settings->has_require = true;
        return parse_number(argument, at) || no_good(error, row, argument);
    }
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

static bool unknown(const struct settings *settings, const char *word, bnfuse_error *error)
{
    size_t length = strcspn(word, "=");
    for (size_t i = 0; i < option_row_count; i++)
        if (length > 2 && strlen(option_rows[i].name) == length - 2
            && strncmp(option_rows[i].name, word + 2, length - 2) == 0)
            return usage(error, "%.*s does not go with bnfuse %s; see bnfuse %s --help", (int)length, word,
                         commands[settings->command].name, commands[settings->command].name);
    return usage(error, "unknown option %s; see bnfuse --help", word);
}

static bool parse_options(struct settings *settings, int argc, char **argv, bnfuse_error *error)
{
    struct option longs[sizeof option_rows / sizeof *option_rows + 1];
    char letters[2 * sizeof option_rows / sizeof *option_rows + 2];
    make_getopt(settings->command, longs, letters);
    opterr = 0;
    optind = 1;
    bool good = true; /* the first error is reported; a later option may say where */
    for (int code; (code = getopt_long(argc, argv, letters, longs, NULL)) != -1;) {
        bnfuse_error ignored, *line = good ? error : &ignored;
        if (code == ':') good = usage(line, "%s wants an argument; see bnfuse --help", argv[optind - 1]);
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

static bool fits_together(const struct settings *settings, bnfuse_error *error)
{
    const struct command_row *row = &commands[settings->command];
    if (is_about_itself(settings)) return true;
    size_t count = settings->operands.count;
    if (count < row->operands || count > row->operands + row->further)
        return usage(error, "usage: bnfuse %s%s%s; see bnfuse --help", row->name, *row->name ? " " : "", row->synopsis);
    if (settings->json && settings->output && strcmp(settings->output, "-") == 0)
        return usage(error, "-o - and --json cannot share standard output");
    if (settings->output && !*settings->output) return usage(error, "-o wants a file name");
    if (settings->external_data && !settings->output) return usage(error, "--external-data goes with -o OUT");
    return true;
}

static enum command command_named(const char *word)
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
    if (!parse_options(settings, argc - skip, argv + skip, error)) return false;
    return fits_together(settings, error);
}

/* ---- --dim and --shape ---- */

static bool parse_extent(const char *text, char **end, int64_t *size)
{
    errno = 0;
    long long value = strtoll(text, end, 10);
    *size = value;
    return !errno && *end != text && value >= 1;
}

bool settings_dims(const struct settings *settings, bnfuse_dim **dims, bnfuse_error *error)
{
    *dims = calloc(settings->dims.count + 1, sizeof **dims);
    for (size_t i = 0; *dims && i < settings->dims.count; i++) {
        const char *text = settings->dims.names[i], *equals = strrchr(text, '=');
        char *end;
        if (!equals || equals == text || !parse_extent(equals + 1, &end, &(*dims)[i].size) || *end)
            return usage(error, "--dim wants NAME=N, not \"%s\"", text);
        (*dims)[i].name = strndup(text, (size_t)(equals - text));
        if (!(*dims)[i].name) return out_of_memory(error);
    }
    return *dims || out_of_memory(error);
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

bool settings_shapes(const struct settings *settings, bnfuse_shape **shapes, bnfuse_error *error)
{
    *shapes = calloc(settings->shapes.count + 1, sizeof **shapes);
    for (size_t i = 0; *shapes && i < settings->shapes.count; i++) {
        bnfuse_shape *shape = &(*shapes)[i];
        bool good = parse_shape(settings->shapes.names[i], shape);
        if (good && (!shape->name || !shape->dims)) return out_of_memory(error);
        if (!good) return usage(error, "--shape wants NAME:AxBxC, not \"%s\"", settings->shapes.names[i]);
    }
    return *shapes || out_of_memory(error);
}

void free_dims(bnfuse_dim *dims, size_t count)
{
    for (size_t i = 0; dims && i < count; i++) free((void *)dims[i].name);
    free(dims);
}

void free_shapes(bnfuse_shape *shapes, size_t count)
{
    for (size_t i = 0; shapes && i < count; i++) {
        free((void *)shapes[i].name);
        free((void *)shapes[i].dims);
    }
    free(shapes);
}
