/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line: one table of options, from which parsing, --help, the man page and the completions are made. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "bnfuse.h"
#include "report/report.h"

#include <stdarg.h>
#include <stdio.h>

enum command {
    COMMAND_FUSE,
    COMMAND_EXPLAIN,
    COMMAND_COMPARE,
    COMMAND_CALIBRATE,
    COMMAND_RUN,
    COMMAND_PRINT,
    COMMAND_DIFF,
    COMMAND_REPORT,
    COMMAND_REASONS,
    COMMAND_HELP,
    COMMAND_COUNT
};

struct command_row {
    const char *name; /* the word on the command line; "" for fuse */
    const char *synopsis;
    size_t operands; /* it must have, model files mostly */
    const char *help;
    size_t further; /* operands it may have beside */
};
extern const struct command_row commands[COMMAND_COUNT];

/* Part `index` of `count`, from 1; count 0: all. */
struct shard {
    uint64_t index, count;
};

/* What was asked for. Strings are the command line's own. */
struct settings {
    enum command command;
    bnfuse_names operands;
    bnfuse_fuse_options fuse; /* as the library takes them; what is no plain value is filled in by the commands */
    bnfuse_check_options check;
    bnfuse_names dims, shapes, inputs, data, print_after;
    const char *output, *out_dir;
    struct shard shard;
    bool dry_run;
    bool no_check, allow_unchecked, strict;
    uint64_t threads, memory, require;
    bool has_require;
    const char *input_directory, *output_directory;
    bool exact;
    double momentum;
    uint64_t samples;             /* 0: all sets */
    bnfuse_tolerance *tolerances; /* of single outputs; the names are the settings' own */
    size_t tolerance_count;
    double timeout; /* seconds; 0: none */
    const char *external_data;
    bool json, markdown_table, quiet, verbose, progress;
    const char *reports[REPORT_COUNT]; /* files to write */
    const char *standard_output;       /* the option that takes standard output; NULL: none, it is for text */
    char *command_line;                /* all of it, as it was given */
    bool help, version, man;
    const char *completions;
};

/* False with *error (BNFUSE_USAGE). settings_free in any case. */
bool settings_parse(struct settings *settings, int argc, char **argv, bnfuse_error *error);
void settings_free(struct settings *settings);

/* Whether a report wants to know the SHA-256 of the files. */
bool settings_want_digests(const struct settings *settings);

/* The command of that name; COMMAND_FUSE, whose name is "", when there is none. */
enum command command_named(const char *word);

bool print_help(enum command command, FILE *to);
bool print_man(FILE *to);
/* bash, zsh or fish; false with *error for any other. */
bool print_completions(const char *shell, FILE *to, bnfuse_error *error);

/* The table's rows, for the printers. */
enum option_kind {
    OPTION_FLAG,
    OPTION_LOWER,
    OPTION_TEXT,
    OPTION_OUT_FILE, /* a file that is written, in a folder that is there; - is standard output */
    OPTION_OUT_DIR,  /* a folder that is written into, and is there */
    OPTION_NEW_DIR,  /* a folder that is made */
    OPTION_IN_DIR,   /* a folder that is read */
    OPTION_LIST,
    OPTION_EXTRAS, /* a list of what can be enabled */
    OPTION_PASSES, /* a list of passes */
    OPTION_PRECISION,
    OPTION_SHELL,
    OPTION_SHARD,
    OPTION_SIZE,
    OPTION_NUMBER,
    OPTION_REAL,
    OPTION_SECONDS,
    OPTION_CHECK,
    OPTION_TOLERANCE,
    OPTION_REQUIRE
};
struct option_row {
    const char *name;
    char letter;          /* 0: none */
    const char *argument; /* NULL: none; in brackets when it may be left out */
    unsigned on;          /* bits of commands */
    enum option_kind kind;
    size_t offset; /* into struct settings */
    const char *help;
};
/* The title of the group that begins with this row; NULL: it goes with the row before it. */
const char *option_group(const struct option_row *row);
/* What the argument may be, from 0, with its help; NULL beyond the last, and where there is no list. */
const char *option_choice(const struct option_row *row, size_t i, const char **help);
enum { OPTION_MOST = 64 };
extern const struct option_row option_rows[];
extern const size_t option_row_count;

/* For bnfuse_read_options and lists of tensors. */
static inline size_t settings_memory(const struct settings *settings)
{
    return settings->memory < SIZE_MAX ? (size_t)settings->memory : SIZE_MAX;
}

/* Fills *error with the status and the line, escaped; false. */
bool end_with(bnfuse_error *error, bnfuse_status status, const char *format, va_list list);
/* The same with BNFUSE_USAGE. */
bool usage(bnfuse_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with BNFUSE_INTERNAL: no memory for the command line. */
bool out_of_memory(bnfuse_error *error);

#endif
