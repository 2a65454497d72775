/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of commands and options. */
#include "cli/options.h"

#include <stddef.h>
#include <string.h>

const struct command_row commands[COMMAND_COUNT] = {
    [COMMAND_FUSE] = { "", "MODEL... [-o OUT]", 1, "fuse, check, and write (without -o: write nothing)", SIZE_MAX },
    [COMMAND_EXPLAIN] = { "explain", "MODEL", 1, "list where each BatchNormalization can be folded, or why it stays",
                          0 },
    [COMMAND_COMPARE] = { "compare", "A B", 2, "compare two models: do they compute the same, up to rounding?", 0 },
    [COMMAND_CALIBRATE] = { "calibrate", "MODEL", 1,
                            "estimate the statistics of every BatchNormalization again from data", 0 },
    [COMMAND_RUN] = { "run", "MODEL", 1, "run a model on given inputs", 0 },
    [COMMAND_DIFF] = { "diff", "A B", 2, "list what changed between two models, by structure (exit 1 if anything did)",
                       0 },
    [COMMAND_PRINT] = { "print", "MODEL", 1, "print the graph as text, one line a node", 0 },
    [COMMAND_REPORT] = { "report", "FILE.jsonl...", 1, "merge what --jsonl wrote into one report", SIZE_MAX },
    [COMMAND_REASONS] = { "reasons", "[CODE]", 0, "list the reason codes, or say what one means", 1 },
    [COMMAND_HELP] = { "help", "[COMMAND]", 0, "print the help of a command", 1 },
};

#define FUSE      (1u << COMMAND_FUSE)
#define EXPLAIN   (1u << COMMAND_EXPLAIN)
#define COMPARE   (1u << COMMAND_COMPARE)
#define CALIBRATE (1u << COMMAND_CALIBRATE)
#define RUN       (1u << COMMAND_RUN)
#define PRINT     (1u << COMMAND_PRINT)
#define DIFF      (1u << COMMAND_DIFF)
#define REPORT    (1u << COMMAND_REPORT)
#define REASONS   (1u << COMMAND_REASONS)
#define HELP      (1u << COMMAND_HELP)
#define CHECKS    (FUSE | COMPARE)
#define MODELS    (ALL & ~REASONS & ~REPORT & ~HELP)
#define ALL       ((1u << COMMAND_COUNT) - 1)
#define AT(field) offsetof(struct settings, field)

const struct option_row option_rows[] = {
    { "output", 'o', "FILE", FUSE | CALIBRATE | RUN, OPTION_OUT_FILE, AT(output),
      "write the model here (run: the outputs, as FILE.npz, FILE.npy or FILE.pb); - is standard output" },
    { "out-dir", 0, "DIR", FUSE, OPTION_OUT_DIR, AT(out_dir),
      "write each fused model into this folder, under the name of its file" },
    { "output-dir", 0, "DIR", RUN, OPTION_OUT_DIR, AT(output_directory), "write output_0.pb, output_1.pb, ..." },
    { "external-data", 0, "FILE", FUSE | CALIBRATE, OPTION_TEXT, AT(external_data),
      "put tensors of 1 KiB and more into FILE beside the output" },
    { "dry-run", 'n', NULL, FUSE | CALIBRATE, OPTION_FLAG, AT(dry_run), "do everything but write the model" },
    { "shard", 0, "K/N", FUSE, OPTION_SHARD, AT(shard),
      "take only part K of N of the models, by a hash of their names" },

    { "freeze-weights", 0, NULL, FUSE | EXPLAIN, OPTION_FLAG, AT(fuse.freeze_weights),
      "treat initializers that are also graph inputs as constants; folded ones are no longer inputs" },
    { "assume-inference", 0, NULL, FUSE | EXPLAIN, OPTION_FLAG, AT(fuse.assume_inference),
      "treat BatchNormalization in training mode as inference" },
    { "lower", 0, "OPERATOR", FUSE | EXPLAIN, OPTION_LOWER, 0,
      "replace each BatchNormalization that stays by Mul and Add, or by a depthwise Conv of kernel 1" },
    { "simplify", 0, NULL, FUSE | EXPLAIN, OPTION_FLAG, AT(fuse.simplify),
      "remove everything else that can go without changing a bit of any result" },
    { "static", 0, NULL, FUSE | EXPLAIN, OPTION_FLAG, AT(fuse.fix_shapes),
      "make a model for the sizes of --dim and --shape alone: they stand in the file, and so does what follows from "
      "them" },
    { "skip", 0, "NODE", FUSE | EXPLAIN, OPTION_LIST, AT(fuse.skipped), "do not fold this BatchNormalization" },
    { "enable", 0, "NAME", FUSE | EXPLAIN, OPTION_EXTRAS, AT(fuse.enabled), "make a fold that is off by default:" },
    { "disable", 0, "PASS", FUSE | EXPLAIN, OPTION_PASSES, AT(fuse.disabled), "do not run a pass:" },
    { "print-after", 0, "PASS", FUSE | EXPLAIN, OPTION_PASSES, AT(print_after),
      "print the graph on standard error after each run of this pass (see --disable)" },
    { "fold-limit", 0, "SIZE", FUSE | EXPLAIN, OPTION_SIZE, AT(fuse.fold_limit),
      "let the model grow by SIZE at most (256M)" },

    { "check", 0, "[quick|standard|full]", FUSE, OPTION_CHECK, AT(check.level),
      "how much to run: each change by itself; both models as well (the default); all in float64, too, which must "
      "run" },
    { "no-check", 0, NULL, FUSE, OPTION_FLAG, AT(no_check), "write the result without checking it" },
    { "allow-unchecked", 0, NULL, FUSE, OPTION_FLAG, AT(allow_unchecked),
      "write the result even if it cannot be checked" },
    { "strict", 0, NULL, FUSE, OPTION_FLAG, AT(strict),
      "exit with 5 if a BatchNormalization stays that an option or an edit could fold" },
    { "require", 0, "N", FUSE, OPTION_REQUIRE, AT(require),
      "exit with 5 if fewer than N BatchNormalizations are folded" },
    { "atol", 0, "NUMBER[,OUTPUT:NUMBER]", CHECKS | RUN, OPTION_TOLERANCE, AT(check.atol),
      "tolerate |a-b| <= atol + rtol*|b| (1e-5); OUTPUT:NUMBER is for one output" },
    { "rtol", 0, "NUMBER[,OUTPUT:NUMBER]", CHECKS | RUN, OPTION_TOLERANCE, AT(check.rtol), "see --atol (1e-3)" },
    { "precision", 0, "TYPE", COMPARE, OPTION_PRECISION, AT(check.precision),
      "treat B as a version of lower precision and accept the differences that it explains" },
    { "repro", 0, "DIR", COMPARE, OPTION_NEW_DIR, AT(check.repro),
      "write the part of the models that differs: two small models, their data and the command" },
    { "exact", 0, NULL, EXPLAIN | RUN, OPTION_FLAG, AT(exact),
      "explain: also read the weights; run: compute all real numbers in float64" },
    { "momentum", 0, "NUMBER", CALIBRATE, OPTION_REAL, AT(momentum),
      "weight of the measured statistics against the stored ones (1: measured ones alone)" },

    { "input", 0, "NAME=FILE", CHECKS | CALIBRATE | RUN, OPTION_LIST, AT(inputs),
      "data of an input: .npy or .pb; or FILE.npz, which names its arrays itself" },
    { "data", 0, "DIR", CHECKS | CALIBRATE | RUN, OPTION_LIST, AT(data),
      "data of all inputs: test_data_set_*/input_0.pb, ...; run: compare with output_0.pb, ..." },
    { "input-dir", 0, "DIR", RUN, OPTION_IN_DIR, AT(input_directory), "read input_0.pb, input_1.pb, ... in order" },
    { "samples", 0, "N", CHECKS | CALIBRATE | RUN, OPTION_NUMBER, AT(samples),
      "use the first N sets of the data only" },
    { "dim", 0, "NAME=N", CHECKS | EXPLAIN, OPTION_LIST, AT(dims),
      "size of a symbolic dimension: in the check, and where work is compared" },
    { "shape", 0, "NAME:AxBxC", CHECKS | EXPLAIN, OPTION_LIST, AT(shapes), "shape of an input" },
    { "seed", 0, "NUMBER", CHECKS, OPTION_NUMBER, AT(check.seed), "seed of random inputs (20)" },

    { "threads", 0, "N", CHECKS | CALIBRATE | RUN, OPTION_NUMBER, AT(threads), "run on N threads (all processors)" },
    { "memory", 0, "SIZE", MODELS, OPTION_SIZE, AT(memory),
      "use SIZE of memory at most (a quarter of the machine's, 2 GiB for small models)" },
    { "work", 0, "SECONDS", CHECKS, OPTION_REAL, AT(check.work),
      "let the check take this many predicted seconds at most (60)" },
    { "timeout", 0, "SECONDS", MODELS, OPTION_SECONDS, AT(timeout),
      "stop a model after SECONDS, without writing; exit with 124" },

    { "json", 0, NULL, ALL & ~PRINT & ~REPORT & ~HELP, OPTION_FLAG, AT(json), "print the results as JSON" },
#define ROW(name, option, help) \
    { option, 0, "FILE", CHECKS | REPORT, OPTION_OUT_FILE, AT(reports[REPORT_##name]), help },
    REPORT_FORMATS(ROW)
#undef ROW
        { "markdown", 0, NULL, REASONS, OPTION_FLAG, AT(markdown_table), "print a Markdown table" },
    { "quiet", 'q', NULL, FUSE | COMPARE | CALIBRATE | RUN | DIFF | REPORT, OPTION_FLAG, AT(quiet),
      "print the verdict only (diff: nothing)" },
    { "verbose", 'v', NULL, CHECKS, OPTION_FLAG, AT(verbose), "print everything: each fold and each changed place" },
    { "progress", 0, NULL, CHECKS | CALIBRATE, OPTION_FLAG, AT(progress),
      "show progress even if standard error is not a terminal" },

    { "help", 'h', NULL, ALL, OPTION_FLAG, AT(help), "print this" },
    { "version", 'V', NULL, ALL, OPTION_FLAG, AT(version), "print the version" },
    { "man", 0, NULL, FUSE, OPTION_FLAG, AT(man), "print the manual page as scdoc reads it" },
    { "completions", 0, "SHELL", FUSE, OPTION_SHELL, AT(completions), "print completions for a shell" },
};
const size_t option_row_count = sizeof option_rows / sizeof *option_rows;
_Static_assert(sizeof option_rows / sizeof *option_rows <= OPTION_MOST, "more options than a parser has room for");

const char *option_group(const struct option_row *row)
{
    static const struct {
        const char *first, *title;
    } groups[] = {
        { "output", "Output" },  { "freeze-weights", "Folding" }, { "check", "Check" }, { "input", "Data" },
        { "threads", "Limits" }, { "json", "Reports" },           { "help", "About" },
    };
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (strcmp(groups[i].first, row->name) == 0) return groups[i].title;
    return NULL;
}

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

/* Words that are not the library's, by the kind of their option. */
static const struct word_row {
    enum option_kind kind;
    const char *word;
} words[] = {
    { OPTION_PRECISION, "float16" }, { OPTION_PRECISION, "bfloat16" }, { OPTION_PRECISION, "int8" },
    { OPTION_SHELL, "bash" },        { OPTION_SHELL, "zsh" },          { OPTION_SHELL, "fish" },
    { OPTION_LOWER, "mul-add" },     { OPTION_LOWER, "conv" },
};

static const char *word_choice(enum option_kind kind, size_t i)
{
    for (size_t k = 0; k < sizeof words / sizeof *words; k++)
        if (words[k].kind == kind && i-- == 0) return words[k].word;
    return NULL;
}

const char *option_choice(const struct option_row *row, size_t i, const char **help)
{
    const bnfuse_extra *extra = row->kind == OPTION_EXTRAS ? bnfuse_get_extra(i) : NULL;
    const bnfuse_pass *pass = row->kind == OPTION_PASSES ? distinct_pass(i) : NULL;
    *help = extra ? extra->help : pass ? pass->why : "";
    if (row->kind == OPTION_CHECK) return i <= BNFUSE_LEVEL_FULL ? bnfuse_level_text((bnfuse_level)i) : NULL;
    return extra ? extra->name : pass ? pass->name : word_choice(row->kind, i);
}
