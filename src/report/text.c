/* SPDX-License-Identifier: Apache-2.0
 *
 * A run for people: what became of the BatchNormalizations, what the model consists of before and after, what the check
 * found, and the verdict last. Every line begins with a word of ours, never with a model's: a CI obeys what it finds at
 * the beginning of a line. */
#include "report/check_text.h"
#include "report/columns.h"
#include "report/remark_text.h"
#include "report/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- BatchNormalizations ---- */

static int widest_node(const struct run_report *run)
{
    char node[200];
    int width = 0, most = run->terminal.columns ? run->terminal.columns / 3 : 40;
    for (size_t i = 0; i < run->report->remark_count; i++) {
        bnfuse_escape(node, sizeof node, run->report->remarks[i]->node);
        if (text_width(node) > width) width = text_width(node);
    }
    return width < most ? width : most;
}

static void print_remark(const struct run_report *run, const bnfuse_remark *remark, int width, FILE *to)
{
    char node[200], scope[300], words[1200], line[2000];
    bnfuse_escape(node, sizeof node, remark->node);
    bnfuse_escape(scope, sizeof scope, remark->scope);
    remark_text(remark, words, sizeof words);
    int pad = width > text_width(node) ? width - text_width(node) : 0;
    snprintf(line, sizeof line, "bn %s%*s  %s%s%s", node, pad, "", words, *scope ? ", in " : "", scope);
    put_line(to, &run->terminal, remark_stays(remark) ? INK_PLAIN : INK_GOOD, line);
}

static void print_gone(const struct run_report *run, int width, FILE *to)
{
    const bnfuse_report *report = run->report;
    size_t gone = report->remark_count - report->left;
    char line[100];
    snprintf(line, sizeof line, "%zu BatchNormalization%s gone (-v lists %s)", gone, gone == 1 ? " is" : "s are",
             gone == 1 ? "it" : "them");
    if (!run->verbose && report->left < report->remark_count) put_line(to, &run->terminal, INK_GOOD, line);
    for (size_t i = 0; run->verbose && i < report->remark_count; i++)
        if (!remark_stays(report->remarks[i])) print_remark(run, report->remarks[i], width, to);
}

static bool stays_for(const bnfuse_remark *remark, const bnfuse_reason *reason)
{
    return remark_stays(remark) && remark->code == reason->code;
}

/* Those that stay for one reason: what would help first, then the nodes, a few of many. */
static void print_kept(const struct run_report *run, const bnfuse_reason *reason, int width, FILE *to)
{
    const bnfuse_report *report = run->report;
    size_t count = 0, helped = 0, most = run->verbose ? SIZE_MAX : 5, shown = 0;
    char line[600];
    for (size_t i = 0; i < report->remark_count; i++) {
        count += stays_for(report->remarks[i], reason);
        helped += stays_for(report->remarks[i], reason) && strcmp(report->remarks[i]->help, reason->help) == 0;
    }
    snprintf(line, sizeof line, "hint: %zu stay%s with BNF%d; what would help: %s", helped, helped == 1 ? "s" : "",
             reason->code, reason->help);
    if (helped && *reason->help) put_line(to, &run->terminal, INK_KEPT, line);
    for (size_t i = 0; i < report->remark_count && shown < most; i++) {
        if (!stays_for(report->remarks[i], reason)) continue;
        print_remark(run, report->remarks[i], width, to);
        shown++;
    }
    snprintf(line, sizeof line, "... and %zu more like them (-v lists them)", count - shown);
    if (count > shown) put_line(to, &run->terminal, INK_FAINT, line);
}

bool report_remarks(const struct run_report *run, FILE *to)
{
    static const bnfuse_reason none = { 0, "", "", "" };
    const bnfuse_reason *reason;
    int width = run->report ? widest_node(run) : 0;
    if (run->report) print_gone(run, width, to);
    if (run->report) print_kept(run, &none, width, to);
    for (size_t i = 0; run->report && (reason = bnfuse_get_reason(i)); i++) print_kept(run, reason, width, to);
    if (run->report) print_rewrites(run, run->verbose, to);
    return fflush(to) == 0 && !ferror(to);
}

/* ---- The table of sizes ---- */

enum { NAME_WIDTH = 28, NUMBER_WIDTH = 14 };

struct size_table {
    FILE *to;
    int name, number; /* widths of the columns */
};

static int digits(int64_t number)
{
    char text[NUMBER_SIZE];
    return (int)strlen(text_change(text, number));
}

/* On a narrow terminal the numbers take what they need, and names the rest. */
static struct size_table size_table(const struct run_report *run, FILE *to)
{
    const bnfuse_report *report = run->report;
    struct size_table table = { to, NAME_WIDTH, NUMBER_WIDTH };
    if (!run->terminal.columns || run->terminal.columns >= NAME_WIDTH + 3 * (NUMBER_WIDTH + 1)) return table;
    table.number = digits(report->before.parameters);
    if (digits((int64_t)report->before.bytes) > table.number && report->after.bytes)
        table.number = digits((int64_t)report->before.bytes);
    if (table.number < (int)strlen("before")) table.number = (int)strlen("before");
    table.name = run->terminal.columns - 3 * (table.number + 1);
    if (table.name < 8) table.name = 8;
    return table;
}

/* `kind` before what the model calls it. */
static void put_count(const struct size_table *table, const char *kind, const char *name, int64_t before, int64_t after)
{
    char words[300], fitted[300], first[NUMBER_SIZE], second[NUMBER_SIZE], change[NUMBER_SIZE];
    snprintf(words, sizeof words, "%s%s", kind, name);
    text_shorten(fitted, sizeof fitted, words, table->name);
    put_padded(table->to, fitted, table->name);
    fprintf(table->to, " %*s %*s %*s\n", table->number, text_number(first, before), table->number,
            text_number(second, after), table->number, text_change(change, after - before));
}

static void print_table(const struct run_report *run, FILE *to)
{
    char op[200];
    const bnfuse_report *report = run->report;
    const struct size_table table = size_table(run, to);
    fprintf(to, "\n%*s %*s %*s %*s\n", table.name, "", table.number, "before", table.number, "after", table.number,
            "delta");
    for (size_t i = 0; i < report->op_count; i++) {
        bnfuse_escape(op, sizeof op, report->ops[i]->op);
        put_count(&table, "op ", op, report->ops[i]->before, report->ops[i]->after);
    }
    put_count(&table, "", "nodes", report->before.nodes, report->after.nodes);
    put_count(&table, "", "parameters", report->before.parameters, report->after.parameters);
    if (report->after.bytes)
        put_count(&table, "", "bytes", (int64_t)report->before.bytes, (int64_t)report->after.bytes);
}

static void print_sizes(const struct run_report *run, FILE *to)
{
    const bnfuse_report *report = run->report;
    char note[500], line[600], number[NUMBER_SIZE];
    print_table(run, to);
    snprintf(line, sizeof line, "%s multiply-adds saved a run", text_number(number, report->multiply_adds_saved));
    if (report->multiply_adds_saved > 0) put_line(to, &run->terminal, INK_PLAIN, line);
    snprintf(line, sizeof line, "grown by %s bytes of clones and computed constants",
             text_number(number, (int64_t)report->grown));
    if (report->grown > 0) put_line(to, &run->terminal, INK_KEPT, line);
    for (size_t i = 0; i < report->note_count; i++) {
        bnfuse_escape(note, sizeof note, report->notes[i]);
        snprintf(line, sizeof line, "note: %s", note);
        put_line(to, &run->terminal, INK_PLAIN, line);
    }
}

/* ---- A run, and calibrating ---- */

static void print_tensor(const bnfuse_tensor *tensor, FILE *to)
{
    char name[200];
    bnfuse_escape(name, sizeof name, tensor->name);
    fprintf(to, "output \"%s\":", name);
    if (!tensor->type) fprintf(to, " no tensor");
    for (int axis = 0; axis < tensor->rank; axis++) fprintf(to, "%s%" PRId64, axis ? "x" : " ", tensor->dims[axis]);
    fprintf(to, "%s\n", tensor->type && tensor->rank == 0 ? " a scalar" : "");
}

static void print_calibration(const bnfuse_calibration *calibration, FILE *to)
{
    char node[200];
    for (size_t i = 0; i < calibration->count; i++) {
        const bnfuse_calibrated *one = calibration->list[i];
        bnfuse_escape(node, sizeof node, one->node);
        fprintf(to,
                "bn %s: %" PRId64
                " channels, mean moved by up to %.3g deviations, variance by factors of %.3g to %.3g\n",
                node, one->channels, one->mean_moved, one->variance_least, one->variance_most);
    }
    fprintf(to, "%zu BatchNormalizations calibrated on %zu sets, %zu left as they were\n", calibration->count,
            calibration->set_count, calibration->left);
}

/* ---- The whole ---- */

static void print_outcome(const struct run_report *run, FILE *to)
{
    char file[1100], line[1400];
    bnfuse_escape(file, sizeof file, run->output ? run->output : "nothing");
    snprintf(line, sizeof line, "%zu of %zu BatchNormalizations gone, %zu left; %s written", run->report->folded,
             run->report->remark_count, run->report->left, file);
    put_line(to, &run->terminal, INK_PLAIN, line);
}

static enum ink verdict_ink(const struct run_report *run)
{
    if (run->status == BNFUSE_OK) return run->check ? INK_GOOD : INK_PLAIN;
    return run->status == BNFUSE_POLICY || run->status == BNFUSE_UNSUPPORTED ? INK_KEPT : INK_BAD;
}

static void print_verdict(const struct run_report *run, FILE *to)
{
    char text[1200], line[1300];
    snprintf(line, sizeof line, "result: %s", verdict_sentence(run, text, sizeof text));
    put_line(to, &run->terminal, INK_PLAIN, line);
    snprintf(line, sizeof line, "verdict: %s", verdict_line(run, text, sizeof text));
    put_line(to, &run->terminal, verdict_ink(run), line);
}

bool report_text(const struct run_report *run, FILE *to)
{
    if (run->report) print_sizes(run, to);
    for (size_t i = 0; run->tensors && !run->output && i < bnfuse_tensors_count(run->tensors); i++)
        print_tensor(bnfuse_tensors_get(run->tensors, i), to);
    if (run->calibration) print_calibration(run->calibration, to);
    if (run->check) print_check(run, to);
    if (run->report) print_outcome(run, to);
    if (run->report || run->check) print_verdict(run, to);
    return !ferror(to);
}

/* ---- Many models ---- */

bool report_line(const struct run_report *run, bool quiet, FILE *to)
{
    char model[500], text[1200], gone[80] = "", written[600] = "", line[2400];
    bnfuse_escape(model, sizeof model, run->model);
    if (run->report && !quiet)
        snprintf(gone, sizeof gone, "; %zu of %zu BatchNormalizations gone", run->report->folded,
                 run->report->remark_count);
    if (run->output && !quiet) {
        snprintf(written, sizeof written, "; ");
        bnfuse_escape(written + 2, sizeof written - 20, run->output);
        strcat(written, " written");
    }
    snprintf(line, sizeof line, "model %s: %s%s%s", model,
             failed_otherwise(run) ? message_alone(run, text, sizeof text) : verdict_line(run, text, sizeof text), gone,
             written);
    put_line(to, &run->terminal, verdict_ink(run), line);
    return !ferror(to);
}

bool report_total(const struct run_list *list, FILE *to)
{
    static const struct terminal unknown = { 0 };
    size_t good = 0;
    char line[200];
    for (size_t i = 0; i < list->count; i++) good += list->runs[i]->status == BNFUSE_OK;
    snprintf(line, sizeof line, "total: %zu model%s, %zu good, %zu not; exit status %d", list->count,
             list->count == 1 ? "" : "s", good, list->count - good, worst_status(list));
    put_line(to, list->count ? &list->runs[list->count - 1]->terminal : &unknown,
             good == list->count ? INK_GOOD : INK_BAD, line);
    return !ferror(to);
}
