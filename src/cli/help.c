/* SPDX-License-Identifier: Apache-2.0
 *
 * --help, the manual page and the completions, all from the tables of options.c. */
#include "cli/options.h"

#include <string.h>

static const struct status_row {
    bnfuse_status status;
    const char *text;
} statuses[] = {
    { BNFUSE_OK, "the models agree; the output was written" },
    { BNFUSE_DIFFER, "outputs differ; nothing was written" },
    { BNFUSE_USAGE, "wrong use, or a file that cannot be read or written" },
    { BNFUSE_INVALID, "the model is not valid" },
    { BNFUSE_UNSUPPORTED, "it cannot be checked or run; the message says which node" },
    { BNFUSE_POLICY, "--strict or --require is not met; nothing was written" },
    { BNFUSE_INTERNAL, "out of memory, or an internal error" },
    { BNFUSE_TIMEOUT, "--timeout" },
};

static const struct example_row {
    enum command of;
    const char *command, *text;
} examples[] = {
    { COMMAND_FUSE, "bnfuse model.onnx -o out.onnx", "Fuses, checks and writes." },
    { COMMAND_FUSE, "bnfuse models/*.onnx --out-dir fused --junit result.xml",
      "Fuses many models: a line each, and one report of them all." },
    { COMMAND_FUSE, "bnfuse model.onnx -o model.onnx --strict --junit result.xml",
      "In CI: replaces the model in one step, and fails when a BatchNormalization stays that could go." },
    { COMMAND_EXPLAIN, "bnfuse explain model.onnx --freeze-weights",
      "Says what would go with that option, and what stays." },
    { COMMAND_COMPARE, "bnfuse compare model.onnx out.onnx --dim N=4",
      "Compares two models, with 4 for the open dimension N." },
    { COMMAND_CALIBRATE, "bnfuse calibrate model.onnx --data images -o out.onnx",
      "Measures mean and variance again, on the arrays in the folder images." },
    { COMMAND_RUN, "bnfuse run model.onnx --input x=x.npy -o y.npz", "Runs a model." },
    { COMMAND_DIFF, "bnfuse diff old.onnx new.onnx", "Lists the nodes, attributes, weights and inputs that changed." },
    { COMMAND_PRINT, "bnfuse print model.onnx | less", "Shows the graph, with shapes and constants." },
    { COMMAND_REPORT, "bnfuse report shard-*.jsonl --html report.html",
      "Makes one page of the runs of several machines." },
    { COMMAND_REASONS, "bnfuse reasons BNF106", "Says what a reason code means, and what helps." },
};

static void option_words(const struct option_row *row, char *to, size_t size)
{
    char letter[8] = "";
    if (row->letter) snprintf(letter, sizeof letter, "-%c, ", row->letter);
    if (!row->argument) snprintf(to, size, "%s--%s", letter, row->name);
    else if (*row->argument == '[')
        snprintf(to, size, "%s--%s[=%.*s]", letter, row->name, (int)strlen(row->argument) - 2, row->argument + 1);
    else snprintf(to, size, "%s--%s %s", letter, row->name, row->argument);
}

/* Choices are listed once, under the first option that has them. */
static bool is_first_of_its_kind(size_t i)
{
    size_t first = 0;
    while (option_rows[first].kind != option_rows[i].kind) first++;
    return first == i;
}

enum { HELP_WIDTH = 80 };

/* `text` from the present column on, broken between words, further lines from `indent` on. */
static void put_wrapped(FILE *to, int column, int indent, const char *text)
{
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (column > indent && column + 1 + length > HELP_WIDTH) {
            fprintf(to, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', to);
            column++;
        }
        fprintf(to, "%.*s", length, text);
        column += length;
        text += length;
        text += strspn(text, " ");
    }
    fputc('\n', to);
}

/* `words` from `left` on, and from `indent` on what they mean; on the next line where the words are long. */
static void put_entry(FILE *to, int left, const char *words, int indent, const char *text)
{
    int column = left + fprintf(to, "%*s%s", left, "", words) - left;
    if (column + 2 > indent) fprintf(to, "\n%*s", indent, "");
    else fprintf(to, "%*s", indent - column, "");
    put_wrapped(to, indent, indent, text);
}

/* The words that an option accepts: after its help, or with help of their own on further lines. */
static void put_option(FILE *to, const struct option_row *row)
{
    char words[100], text[400];
    const char *name, *help, *before = " (";
    option_words(row, words, sizeof words);
    snprintf(text, sizeof text, "%s", row->help);
    bool listed = row->argument && strchr(row->argument, '|'); /* in the argument itself */
    for (size_t k = 0; !listed && (name = option_choice(row, k, &help)) && !*help; k++, before = ", ")
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", before, name);
    if (*before == ',') snprintf(text + strlen(text), sizeof text - strlen(text), ")");
    put_entry(to, 2, words, 27, text);
    for (size_t k = 0; is_first_of_its_kind((size_t)(row - option_rows)) && (name = option_choice(row, k, &help)); k++)
        if (*help) put_entry(to, 4, name, 29, help);
}

static void put_options(FILE *to, enum command command)
{
    const char *pending = NULL, *group;
    for (size_t i = 0; i < option_row_count; i++) {
        if ((group = option_group(&option_rows[i]))) pending = group;
        if (!(option_rows[i].on & 1u << command)) continue;
        if (pending) fprintf(to, "\n%s:\n", pending);
        pending = NULL;
        put_option(to, &option_rows[i]);
    }
}

static void put_commands(FILE *to)
{
    char words[60];
    fprintf(to, "Folds BatchNormalization out of ONNX models, exactly, and proves it.\n\n");
    for (int i = 0; i < COMMAND_COUNT; i++) {
        snprintf(words, sizeof words, "bnfuse %s%s%s", commands[i].name, *commands[i].name ? " " : "",
                 commands[i].synopsis);
        put_entry(to, 2, words, 34, commands[i].help);
    }
}

static void put_examples(FILE *to, enum command command)
{
    bool any = false;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        if (examples[i].of != command) continue;
        if (!any) fprintf(to, "\nExamples:\n");
        any = true;
        fprintf(to, "  %s\n", examples[i].command);
        fprintf(to, "%6s", "");
        put_wrapped(to, 6, 6, examples[i].text);
    }
}

bool print_help(enum command command, FILE *to)
{
    if (command == COMMAND_FUSE) put_commands(to);
    else fprintf(to, "bnfuse %s %s\n%s\n", commands[command].name, commands[command].synopsis, commands[command].help);
    put_options(to, command);
    put_examples(to, command);
    fprintf(to, "\nExit status:\n");
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        fprintf(to, "  %3d  %s\n", statuses[i].status, statuses[i].text);
    return !ferror(to);
}

/* ---- the manual page, in the language of scdoc(5) ---- */

static void put_scdoc(FILE *to, const char *text)
{
    for (; *text; text++) {
        if (strchr("\\*_~[|#<>.-", *text)) fputc('\\', to);
        fputc(*text, to);
    }
}

/* A term, bold but for what stands for something, and below it what it means. */
static void man_entry(FILE *to, const char *term, const char *stands, const char *text)
{
    fputc('*', to);
    put_scdoc(to, term);
    fputc('*', to);
    if (stands && *stands) {
        fputs(" _", to);
        put_scdoc(to, stands);
        fputc('_', to);
    }
    fputs("\n\t", to);
    put_scdoc(to, text);
}

static bool goes_with_all(unsigned on)
{
    return on == (1u << COMMAND_COUNT) - 1;
}

static void man_users(const struct option_row *row, FILE *to)
{
    const char *comma = " (with";
    if (goes_with_all(row->on)) return;
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (!(row->on & 1u << i)) continue;
        fprintf(to, "%s %s", comma, *commands[i].name ? commands[i].name : "MODEL");
        comma = ",";
    }
    fputc(')', to);
}

/* The words that an option accepts, each below it where it has a meaning of its own. */
static void man_choices(const struct option_row *row, FILE *to)
{
    const char *name, *help, *comma = "one of ";
    bool listed = row->argument && strchr(row->argument, '|'); /* in the argument itself */
    if (listed || !is_first_of_its_kind((size_t)(row - option_rows))) return;
    for (size_t k = 0; (name = option_choice(row, k, &help)); k++) {
        fputs(*help ? "\n\n\t" : k ? "" : "\n\n\t", to);
        if (*help) man_entry(to, name, NULL, "");
        else fprintf(to, "%s*%s*", comma, name);
        if (*help) fputc('\t', to);
        put_scdoc(to, help);
        comma = ", ";
    }
}

static void man_option(const struct option_row *row, FILE *to)
{
    char words[100], text[400];
    option_words(row, words, sizeof words);
    snprintf(text, sizeof text, "%s", row->help);
    text[strcspn(text, ":") == strlen(text) - 1 ? strlen(text) - 1 : strlen(text)] = '\0'; /* choices follow */
    char *argument = row->argument ? strstr(words, row->argument) : NULL;
    if (argument && argument > words) argument[-1] = '\0';
    man_entry(to, words, argument, text);
    man_users(row, to);
    man_choices(row, to);
    fputs("\n\n", to);
}

static void man_commands(FILE *to)
{
    fputs("# SYNOPSIS\n\n", to);
    for (int i = 0; i < COMMAND_COUNT; i++) {
        fprintf(to, "*bnfuse%s%s* [_options_] ", *commands[i].name ? " " : "", commands[i].name);
        put_scdoc(to, commands[i].synopsis);
        fputs(i + 1 < COMMAND_COUNT ? "++\n" : "\n\n# COMMANDS\n\n", to);
    }
    for (int i = 0; i < COMMAND_COUNT; i++) {
        char words[80];
        snprintf(words, sizeof words, "bnfuse%s%s", *commands[i].name ? " " : "", commands[i].name);
        man_entry(to, words, commands[i].synopsis, commands[i].help);
        fputs("\n\n", to);
    }
}

static void man_options(FILE *to)
{
    fputs("# OPTIONS\n\n", to);
    for (size_t i = 0; i < option_row_count; i++) {
        if (option_group(&option_rows[i])) fprintf(to, "## %s\n\n", option_group(&option_rows[i]));
        man_option(&option_rows[i], to);
    }
}

static void man_statuses(FILE *to)
{
    fputs("# EXIT STATUS\n\n", to);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", statuses[i].status);
        man_entry(to, number, NULL, statuses[i].text);
        fputs("\n\n", to);
    }
}

static void man_examples(FILE *to)
{
    fputs("# EXAMPLES\n\n", to);
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        man_entry(to, examples[i].command, NULL, examples[i].text);
        fputs("\n\n", to);
    }
}

static const char files[] =
    "# FILES\n\nThe file that is read is never changed, unless it is named as the output. An output is replaced in one "
    "step and\nonly when all went well; until then it is a file without a name in the same folder, or one called\n"
    "_.bnfuse-\\*.tmp_ where the file system has no such files. External data is looked for beside the model.\n\n"
    "# SEE ALSO\n\n*libbnfuse*(3)\n";

bool print_man(FILE *to)
{
    fprintf(to,
            "bnfuse(1) \"bnfuse %s\" \"User Commands\"\n\n# NAME\n\n"
            "bnfuse - fold BatchNormalization out of ONNX models, exactly, and prove it\n\n",
            BNFUSE_VERSION);
    man_commands(to);
    man_options(to);
    man_statuses(to);
    man_examples(to);
    fputs(files, to);
    return !ferror(to);
}

/* ---- completions ---- */

static bool is_first_of_its_name(size_t i)
{
    size_t first = 0;
    while (strcmp(option_rows[first].name, option_rows[i].name) != 0) first++;
    return first == i;
}

/* The words that an option may have, with blanks between; NULL when it may have any. */
static const char *choices_of(const struct option_row *row, char *to, size_t size)
{
    const char *name, *help;
    size_t used = 0;
    for (size_t i = 0; used < size && (name = option_choice(row, i, &help)); i++)
        used += (size_t)snprintf(to + used, size - used, "%s%s", used ? " " : "", name);
    return used ? to : NULL;
}

static void complete_bash_choices(FILE *to)
{
    char words[400];
    fprintf(to, "    case ${COMP_WORDS[COMP_CWORD-1]} in\n");
    for (size_t i = 0; i < option_row_count; i++) {
        const char *some = is_first_of_its_name(i) ? choices_of(&option_rows[i], words, sizeof words) : NULL;
        if (some)
            fprintf(to, "    --%s) COMPREPLY=($(compgen -W \"%s\" -- \"$word\")); return ;;\n", option_rows[i].name,
                    some);
    }
    fprintf(to, "    esac\n");
}

static void complete_bash(FILE *to)
{
    fprintf(to, "_bnfuse()\n{\n    local word=${COMP_WORDS[COMP_CWORD]} options words=\n");
    complete_bash_choices(to);
    fprintf(to, "    case ${COMP_WORDS[1]} in\n");
    for (int c = COMMAND_COUNT - 1; c >= 0; c--) {
        fprintf(to, "    %s) options='", c == COMMAND_FUSE ? "*" : commands[c].name);
        for (size_t i = 0; i < option_row_count; i++)
            if (option_rows[i].on & 1u << c) fprintf(to, "--%s ", option_rows[i].name);
        fprintf(to, "' ;;\n");
    }
    fprintf(to, "    esac\n    [ \"$COMP_CWORD\" = 1 ] && words='");
    for (int c = 1; c < COMMAND_COUNT; c++) fprintf(to, "%s ", commands[c].name);
    fprintf(to, "'\n    case $word in\n    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
                "    *) COMPREPLY=($(compgen -W \"$words\" -- \"$word\") $(compgen -f -- \"$word\")) ;;\n    esac\n}\n"
                "complete -o filenames -F _bnfuse bnfuse\n");
}

/* In zsh's _arguments a bracket or colon of the text must be escaped; ' ends the word. */
static void put_zsh(FILE *to, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'') fprintf(to, "'\\''");
        else if (strchr("[]:\\", *text)) fprintf(to, "\\%c", *text);
        else fputc(*text, to);
    }
}

static void complete_zsh(FILE *to)
{
    char words[400];
    fprintf(to, "#compdef bnfuse\n_arguments \\\n");
    for (size_t i = 0; i < option_row_count; i++) {
        const struct option_row *row = &option_rows[i];
        if (!is_first_of_its_name(i)) continue;
        bool optional = row->argument && *row->argument == '[';
        fprintf(to, "    '*--%s%s[", row->name, !row->argument ? "" : optional ? "=-" : "=");
        put_zsh(to, row->help);
        const char *some = choices_of(row, words, sizeof words);
        if (some) fprintf(to, "]:value:(%s)' \\\n", some);
        else fprintf(to, "]%s' \\\n", !row->argument ? "" : optional ? "::value:" : ":value:_files");
    }
    fprintf(to, "    '1:command or model:{_alternative \"files\\:model\\:_files\" \"words\\:command\\:(");
    for (int c = 1; c < COMMAND_COUNT; c++) fprintf(to, "%s%s", c > 1 ? " " : "", commands[c].name);
    fprintf(to, ")\"}' \\\n    '*:model:_files'\n");
}

static void complete_fish(FILE *to)
{
    char words[400];
    for (int c = 1; c < COMMAND_COUNT; c++)
        fprintf(to, "complete -c bnfuse -n __fish_use_subcommand -a %s -d \"%s\"\n", commands[c].name,
                commands[c].help);
    for (size_t i = 0; i < option_row_count; i++) {
        const struct option_row *row = &option_rows[i];
        if (!is_first_of_its_name(i)) continue;
        const char *some = choices_of(row, words, sizeof words);
        fprintf(to, "complete -c bnfuse -l %s%s", row->name, row->argument && *row->argument != '[' ? " -r" : "");
        if (some) fprintf(to, " -f -a \"%s\"", some);
        fprintf(to, " -d \"%s\"\n", row->help);
    }
}

static const struct shell {
    const char *name;
    void (*print)(FILE *to);
} shells[] = {
    { "bash", complete_bash },
    { "zsh", complete_zsh },
    { "fish", complete_fish },
};

bool print_completions(const char *shell, FILE *to, bnfuse_error *error)
{
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(shells[i].name, shell) != 0) continue;
        shells[i].print(to);
        return true;
    }
    return usage(error, "--completions wants bash, zsh or fish, not \"%s\"", shell);
}
