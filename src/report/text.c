/* SPDX-License-Identifier: Apache-2.0
 *
 * For people: one line for every BatchNormalization, what the model consists of before and after, what the check found,
 * and the verdict last. Every line begins with a word of ours, never with a model's: a CI obeys what it finds at the
 * beginning of a line. */
#include "report/remark_text.h"
#include "report/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *verdict_line(const struct run_report *run, char *to, size_t size)
{
    const bnfuse_check_result *check = run->check;
    if (!check) {
        snprintf(to, size, "not checked");
        return to;
    }
    char why[1024];
    bnfuse_escape(why, sizeof why, check->why);
    const char *text = bnfuse_verdict_text(check->verdict);
    if (check->verdict == BNFUSE_VERDICT_PASS_SITES) snprintf(to, size, "pass (sites only: %s)", why);
    else if (check->verdict == BNFUSE_VERDICT_NOT_CHECKED) snprintf(to, size, "not checked (%s)", why);
    else if (*why) snprintf(to, size, "%s: %s", text, why);
    else snprintf(to, size, "%s", text);
    return to;
}

static int widest_node(const bnfuse_report *report)
{
    size_t width = 0;
    char node[200];
    for (size_t i = 0; i < report->remark_count; i++) {
        bnfuse_escape(node, sizeof node, report->remarks[i]->node);
        if (strlen(node) > width) width = strlen(node);
    }
    return width < 40 ? (int)width : 40;
}

void remark_text(const bnfuse_remark *remark, char *to, size_t size)
{
    char where[300], detail[300];
    bnfuse_escape(where, sizeof where, remark->where);
    bnfuse_escape(detail, sizeof detail, remark->detail);
    const char *comma = *detail ? ", " : "", *outcome = bnfuse_outcome_text(remark->outcome);
    if (remark->code)
        snprintf(to, size, "stays   BNF%d %s%s%s%s%s", remark->code, remark->reason, *where ? ": " : "", where, comma,
                 detail);
    else if (*where) snprintf(to, size, "%-7s into %s%s%s", outcome, where, comma, detail);
    else snprintf(to, size, "%s%s%s", outcome, comma, detail);
}

static void print_remark(const bnfuse_remark *remark, int width, FILE *to)
{
    char node[200], scope[300], words[1200];
    bnfuse_escape(node, sizeof node, remark->node);
    bnfuse_escape(scope, sizeof scope, remark->scope);
    remark_text(remark, words, sizeof words);
    fprintf(to, "bn %-*s  %s%s%s\n", width, node, words, *scope ? ", in " : "", scope);
}

static void print_gone(const bnfuse_report *report, bool verbose, int width, FILE *to)
{
    size_t gone = report->remark_count - report->left;
    if (!verbose && report->left < report->remark_count)
        fprintf(to, "%zu BatchNormalization%s gone (-v lists %s)\n", gone, gone == 1 ? " is" : "s are",
                gone == 1 ? "it" : "them");
    for (size_t i = 0; verbose && i < report->remark_count; i++)
        if (!report->remarks[i]->code) print_remark(report->remarks[i], width, to);
}

/* Those that stay for one reason: what would help first, then the nodes, a few of many. */
static void print_kept(const bnfuse_report *report, const bnfuse_reason *reason, bool verbose, int width, FILE *to)
{
    size_t count = 0, most = verbose ? SIZE_MAX : 5;
    for (size_t i = 0; i < report->remark_count; i++) count += report->remarks[i]->code == reason->code;
    if (!count) return;
    if (*reason->help)
        fprintf(to, "hint: %zu stay%s with BNF%d; what would help: %s\n", count, count == 1 ? "s" : "", reason->code,
                reason->help);
    for (size_t i = 0, shown = 0; i < report->remark_count && shown < most; i++) {
        if (report->remarks[i]->code != reason->code) continue;
        print_remark(report->remarks[i], width, to);
        shown++;
    }
    if (count > most) fprintf(to, "... and %zu more with BNF%d (-v lists them)\n", count - most, reason->code);
}

static size_t count_rewrites(const bnfuse_report *report, const bnfuse_rule *rule)
{
    size_t count = 0;
    for (size_t i = 0; i < report->rewrite_count; i++) count += strcmp(report->rewrites[i]->rule, rule->name) == 0;
    return count;
}

static void print_rewrite(const bnfuse_rewrite *rewrite, FILE *to)
{
    char node[200], where[200], scope[200];
    bnfuse_escape(node, sizeof node, rewrite->node);
    bnfuse_escape(where, sizeof where, rewrite->where);
    bnfuse_escape(scope, sizeof scope, rewrite->scope);
    fprintf(to, "simplified %s: %s%s%s%s%s%s%s\n", rewrite->rule, rewrite->op, *rewrite->op ? " " : "", node,
            *where ? ", now " : "", where, *scope ? ", in " : "", scope);
}

/* How often each rule applied, or each time. */
static void print_rewrites(const bnfuse_report *report, bool verbose, FILE *to)
{
    const bnfuse_rule *rule;
    if (!report->rewrite_count) return;
    for (size_t i = 0; verbose && i < report->rewrite_count; i++) print_rewrite(report->rewrites[i], to);
    fprintf(to, "simplified in %zu places%s:", report->rewrite_count, verbose ? "" : " (-v lists them)");
    for (size_t i = 0; (rule = bnfuse_get_rule(i)); i++) {
        size_t count = count_rewrites(report, rule);
        if (count) fprintf(to, " %s %zu", rule->name, count);
    }
    fprintf(to, "\n");
}

static void print_remarks(const bnfuse_report *report, bool verbose, FILE *to)
{
    const bnfuse_reason *reason;
    int width = widest_node(report);
    print_gone(report, verbose, width, to);
    for (size_t i = 0; (reason = bnfuse_get_reason(i)); i++) print_kept(report, reason, verbose, width, to);
    print_rewrites(report, verbose, to);
}

/* `kind` before what the model calls it. */
static void print_count(const char *kind, const char *name, int64_t before, int64_t after, FILE *to)
{
    fprintf(to, "%s%-*s %12" PRId64 " %12" PRId64 " %+12" PRId64 "\n", kind, 28 - (int)strlen(kind), name, before,
            after, after - before);
}

static void print_sizes(const bnfuse_report *report, FILE *to)
{
    char op[200];
    fprintf(to, "\n%-28s %12s %12s %12s\n", "", "before", "after", "delta");
    for (size_t i = 0; i < report->op_count; i++) {
        bnfuse_escape(op, sizeof op, report->ops[i]->op);
        print_count("op ", op, report->ops[i]->before, report->ops[i]->after, to);
    }
    print_count("", "nodes", report->before.nodes, report->after.nodes, to);
    print_count("", "parameters", report->before.parameters, report->after.parameters, to);
    if (report->after.bytes) print_count("", "bytes", (int64_t)report->before.bytes, (int64_t)report->after.bytes, to);
    if (report->multiply_adds_saved > 0)
        fprintf(to, "%" PRId64 " multiply-adds saved a run\n", report->multiply_adds_saved);
    if (report->grown > 0) fprintf(to, "grown by %" PRIu64 " bytes of clones and computed constants\n", report->grown);
    char note[500];
    for (size_t i = 0; i < report->note_count; i++) {
        bnfuse_escape(note, sizeof note, report->notes[i]);
        fprintf(to, "note: %s\n", note);
    }
}

static void print_sites(const struct run_report *run, FILE *to)
{
    const bnfuse_check_result *check = run->check;
    char value[200], why[500];
    if (check->site_count)
        fprintf(to, "  sites: %zu of %zu checked in float64, worst %.2g of the scale\n", check->sites_checked,
                check->site_count, check->worst_site);
    size_t unchecked = 0;
    for (size_t i = 0; i < check->site_count; i++) {
        const bnfuse_site *site = check->sites[i];
        if (!site->checked && ++unchecked > 3 && !run->verbose) continue;
        bnfuse_escape(value, sizeof value, site->value);
        bnfuse_escape(why, sizeof why, site->why);
        if (!site->checked) fprintf(to, "  site \"%s\": not checked: %s\n", value, why);
        else if (run->verbose || site->ill_conditioned)
            fprintf(to, "  site \"%s\": %.2g%s\n", value, site->difference.relative,
                    site->ill_conditioned ? ", ill-conditioned: the original itself is no better defined" : "");
    }
}

static void print_output(const bnfuse_output *output, bool compared, FILE *to)
{
    char name[200];
    bnfuse_escape(name, sizeof name, output->name);
    fprintf(to, "  output \"%s\":", name);
    if (output->algebra.relative >= 0) fprintf(to, " algebra %.2g,", output->algebra.relative);
    if (output->rounding.relative >= 0)
        fprintf(to, " %s %.2g,", compared ? "float64" : "stored weights", output->rounding.relative);
    fprintf(to, " in its own types %.2g", output->deployment.relative);
    if (output->noise >= 0) fprintf(to, ", noise of the weights %.2g", output->noise);
    if (output->truth_before > 0)
        fprintf(to, "; %.2fx as far from float64 as the %s", output->truth_after / output->truth_before,
                compared ? "first" : "original");
    bool degenerate = compared                        ? output->rounding.degenerate
                      : output->algebra.relative >= 0 ? output->algebra.degenerate
                                                      : output->deployment.degenerate;
    fprintf(to, "%s%s\n", output->within_tolerance ? "" : "; beyond the tolerance",
            degenerate ? "; constant or saturated on all inputs tried, which proves little" : "");
}

static void print_place(const char *title, const bnfuse_place *place, FILE *to)
{
    fprintf(to, "    %s %.3g at element %" PRId64 ": %.9g, %.9g\n", title, place->difference, place->at, place->before,
            place->after);
}

static void print_metrics(const bnfuse_metrics *metrics, FILE *to)
{
    print_place("largest difference", &metrics->largest, to);
    print_place("largest relative difference", &metrics->most_relative, to);
    fprintf(to, "    root mean square %.3g, cosine %.9f, signal to noise %.1f dB\n", metrics->root_mean_square,
            metrics->cosine, metrics->signal_to_noise);
    fprintf(to, "    units in the last place: median %.0f, 99 of 100 up to %.0f, largest %.0f\n", metrics->ulp_median,
            metrics->ulp_99, metrics->ulp_largest);
    fprintf(to,
            "    outside the tolerance: %.3g of %" PRId64 " elements; NaN %" PRId64 ", %" PRId64 "; infinite %" PRId64
            ", %" PRId64 "\n",
            metrics->outside, metrics->elements, metrics->nan_before, metrics->nan_after, metrics->infinite_before,
            metrics->infinite_after);
    if (metrics->top1 >= 0)
        fprintf(to, "    same best class in %.4f of the rows, same five in %.4f\n", metrics->top1, metrics->top5);
}

static void print_check(const struct run_report *run, FILE *to)
{
    const bnfuse_check_result *check = run->check;
    bool compared = run->other != NULL;
    char inputs[1000], name[200];
    if (check->verdict == BNFUSE_VERDICT_IDENTICAL && !compared) return;
    bnfuse_escape(inputs, sizeof inputs, check->inputs);
    fprintf(to, "%scheck: %s%sseed %" PRIu64 "%s%s\n", compared ? "" : "\n",
            compared ? "" : bnfuse_level_text(check->level), compared ? "" : ", ", check->seed, *inputs ? ", " : "",
            inputs);
    print_sites(run, to);
    for (size_t i = 0; i < check->output_count; i++) {
        print_output(check->outputs[i], compared, to);
        if (run->verbose && check->outputs[i]->metrics) print_metrics(check->outputs[i]->metrics, to);
    }
    if (compared && *check->note) {
        bnfuse_escape(inputs, sizeof inputs, check->note);
        fprintf(to, "  %s\n", inputs);
    }
    if (check->last_agreed) {
        bnfuse_escape(name, sizeof name, check->last_agreed);
        fprintf(to, "  last value that agrees: \"%s\"\n", name);
    }
    if (check->first_divergent) {
        bnfuse_escape(name, sizeof name, check->first_divergent);
        fprintf(to, "  first value that differs: \"%s\"\n", name);
    }
}

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
                "%s: %" PRId64 " channels, mean moved by up to %.3g deviations, variance by factors of %.3g to %.3g\n",
                node, one->channels, one->mean_moved, one->variance_least, one->variance_most);
    }
    fprintf(to, "%zu BatchNormalizations calibrated on %zu sets, %zu left as they were\n", calibration->count,
            calibration->set_count, calibration->left);
}

bool report_remarks(const struct run_report *run, FILE *to)
{
    if (run->report) print_remarks(run->report, run->verbose, to);
    return fflush(to) == 0 && !ferror(to);
}

bool report_text(const struct run_report *run, FILE *to)
{
    char line[1200], message[1100];
    if (run->report) print_sizes(run->report, to);
    if (run->tensors && !run->output)
        for (size_t i = 0; i < bnfuse_tensors_count(run->tensors); i++) {
            print_tensor(bnfuse_tensors_get(run->tensors, i), to);
        }
    if (run->calibration) print_calibration(run->calibration, to);
    if (run->check) print_check(run, to);
    if (run->report) {
        bnfuse_escape(message, sizeof message, run->output ? run->output : "nothing");
        fprintf(to, "%zu of %zu BatchNormalizations gone, %zu left; %s written\n", run->report->folded,
                run->report->remark_count, run->report->left, message);
    }
    if (run->report || run->check) fprintf(to, "verdict: %s\n", verdict_line(run, line, sizeof line));
    return !ferror(to);
}

bool report_line(const struct run_report *run, bool quiet, FILE *to)
{
    char model[500], line[1200], message[1100];
    bnfuse_escape(model, sizeof model, run->model);
    bnfuse_escape(message, sizeof message, run->message);
    bool ended = run->status != BNFUSE_OK && (!run->check || run->status == BNFUSE_POLICY);
    size_t named = strncmp(run->message, run->model, strlen(run->model)) == 0 ? strlen(model) + strlen(": ") : 0;
    fprintf(to, "model %s: %s", model,
            !ended                     ? verdict_line(run, line, sizeof line)
            : named <= strlen(message) ? message + named
                                       : message);
    if (run->report && !quiet)
        fprintf(to, "; %zu of %zu BatchNormalizations gone", run->report->folded, run->report->remark_count);
    bnfuse_escape(message, sizeof message, run->output ? run->output : "");
    if (!quiet && run->output) fprintf(to, "; %s written", message);
    fputc('\n', to);
    return !ferror(to);
}

bool report_total(const struct run_list *list, FILE *to)
{
    size_t good = 0;
    for (size_t i = 0; i < list->count; i++) good += list->runs[i]->status == BNFUSE_OK;
    fprintf(to, "total: %zu model%s, %zu good, %zu not; exit status %d\n", list->count, list->count == 1 ? "" : "s",
            good, list->count - good, worst_status(list));
    return !ferror(to);
}

static void explain_line(const char *title, const char *text, FILE *to)
{
    char escaped[600];
    bnfuse_escape(escaped, sizeof escaped, text);
    if (*text) fprintf(to, "    %-6s %s\n", title, escaped);
}

bool report_explain(const struct run_report *run, FILE *to)
{
    const bnfuse_report *report = run->report;
    char node[200], words[1200];
    for (size_t i = 0; i < report->remark_count; i++) {
        const bnfuse_remark *remark = report->remarks[i];
        bnfuse_escape(node, sizeof node, remark->node);
        remark_text(remark, words, sizeof words);
        fprintf(to, "bn %s\n    %s\n", node, words);
        explain_line("in", remark->scope, to);
        explain_line(remark->code ? "tried" : "path", remark->path, to);
        explain_line("help", remark->help, to);
    }
    print_rewrites(report, true, to);
    for (size_t i = 0; i < report->note_count; i++) {
        bnfuse_escape(words, sizeof words, report->notes[i]);
        fprintf(to, "note: %s\n", words);
    }
    fprintf(to, "%zu of %zu BatchNormalizations can go, %zu stay\n", report->folded, report->remark_count,
            report->remark_count - report->folded);
    return !ferror(to);
}

bool report_reasons_text(FILE *to)
{
    const bnfuse_reason *reason;
    for (size_t i = 0; (reason = bnfuse_get_reason(i)); i++) {
        fprintf(to, "BNF%d  %s\n", reason->code, reason->text);
        if (*reason->help) fprintf(to, "        what would help: %s\n", reason->help);
    }
    return !ferror(to);
}

bool report_reason_text(const char *code, FILE *to)
{
    const bnfuse_reason *reason;
    long number = strtol(strncmp(code, "BNF", 3) == 0 ? code + 3 : code, NULL, 10);
    for (size_t i = 0; (reason = bnfuse_get_reason(i)); i++) {
        if (reason->code != number) continue;
        fprintf(to, "BNF%d  %s\n\n%s", reason->code, reason->text, bnfuse_reason_page(reason->code));
        return true;
    }
    return false;
}
