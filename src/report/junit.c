/* SPDX-License-Identifier: Apache-2.0
 *
 * JUnit XML for CI: a test case for every BatchNormalization (skipped, with its reason, where it stays), every site,
 * every output, and one for the verdict. CI servers tell cases apart by classname and name: the first is the model and
 * the group, the second has the scope in it, so that no two cases of a job are one. */
#include "report/markup.h"
#include "report/remark_text.h"
#include "report/report.h"

#include <inttypes.h>
#include <string.h>

struct counts {
    size_t tests, failures, errors, skipped;
};

struct suite {
    FILE *to; /* NULL: cases are counted only */
    const struct run_report *run;
    struct counts counts;
};

enum result { RESULT_PASSED, RESULT_SKIPPED, RESULT_FAILED, RESULT_ERROR };

static void put_attribute(FILE *to, const char *name, const char *text)
{
    fprintf(to, " %s=\"", name);
    put_markup(to, text);
    fputc('"', to);
}

static void begin_case(struct suite *suite, const char *group, const char *scope, const char *name, double seconds)
{
    if (!suite->to) return;
    fputs("  <testcase classname=\"", suite->to);
    put_markup(suite->to, suite->run->model);
    fprintf(suite->to, ".%s\" name=\"", group);
    if (*scope) {
        put_markup(suite->to, scope);
        fputs(": ", suite->to);
    }
    put_markup(suite->to, name);
    fprintf(suite->to, "\" time=\"%.3f\">", seconds);
}

/* `numbers` (or "") go into the case's output. */
static void end_case(struct suite *suite, enum result result, const char *message, const char *numbers)
{
    static const char *const elements[] = { NULL, "skipped", "failure", "error" };
    suite->counts.tests++;
    suite->counts.skipped += result == RESULT_SKIPPED;
    suite->counts.failures += result == RESULT_FAILED;
    suite->counts.errors += result == RESULT_ERROR;
    if (!suite->to) return;
    if (elements[result]) {
        fprintf(suite->to, "<%s", elements[result]);
        put_attribute(suite->to, "message", message);
        fputs("/>", suite->to);
    }
    if (*numbers) {
        fputs("<system-out>", suite->to);
        put_markup(suite->to, numbers);
        fputs("</system-out>", suite->to);
    }
    fputs("</testcase>\n", suite->to);
}

static void put_remark(struct suite *suite, const bnfuse_remark *remark)
{
    char words[1200], name[1200];
    remark_text(remark, words, sizeof words);
    if (strcmp(remark->node, remark->output) == 0) snprintf(name, sizeof name, "%s", remark->node);
    else snprintf(name, sizeof name, "%s (output %s)", remark->node, remark->output);
    begin_case(suite, REMARKED_OPERATOR, remark->scope, name, 0);
    end_case(suite, remark->code ? RESULT_SKIPPED : RESULT_PASSED, words, remark->code ? "" : words);
}

static void put_site(struct suite *suite, const bnfuse_site *site)
{
    char words[200];
    snprintf(words, sizeof words, "differs by %.3g of its largest number, at element %" PRId64,
             site->difference.relative, site->difference.at);
    begin_case(suite, "site", site->scope, site->value, 0);
    if (!site->checked) end_case(suite, RESULT_SKIPPED, site->why, "");
    else end_case(suite, site_failed(site) ? RESULT_FAILED : RESULT_PASSED, words, words);
}

static void put_output(struct suite *suite, const bnfuse_output *output)
{
    char words[300];
    bool fails = suite->run->check->verdict == BNFUSE_VERDICT_FAIL && !output->within_tolerance;
    int size = snprintf(words, sizeof words, "relative difference: own types %.3g", output->deployment.relative);
    if (output->rounding.relative >= 0)
        snprintf(words + size, sizeof words - (size_t)size, ", float64 %.3g, stored weights %.3g",
                 output->algebra.relative, output->rounding.relative);
    begin_case(suite, "output", "", output->name, 0);
    end_case(suite, fails ? RESULT_FAILED : RESULT_PASSED, words, words);
}

/* The whole run is a case of its own: it carries the verdict, or the error. */
static void put_verdict(struct suite *suite)
{
    char line[1200];
    const struct run_report *run = suite->run;
    enum result result = run->status == BNFUSE_OK       ? RESULT_PASSED
                         : run->status == BNFUSE_DIFFER ? RESULT_FAILED
                                                        : RESULT_ERROR;
    const char *words =
        run->status == BNFUSE_OK || !*run->message ? verdict_line(run, line, sizeof line) : run->message;
    begin_case(suite, "verdict", "", run->command, run->seconds);
    end_case(suite, result, words, words);
}

static void put_cases(struct suite *suite)
{
    const bnfuse_report *report = suite->run->report;
    const bnfuse_check_result *check = suite->run->check;
    for (size_t i = 0; report && i < report->remark_count; i++) put_remark(suite, report->remarks[i]);
    for (size_t i = 0; check && i < check->site_count; i++) put_site(suite, check->sites[i]);
    for (size_t i = 0; check && i < check->output_count; i++) put_output(suite, check->outputs[i]);
    put_verdict(suite);
}

static void put_property(FILE *to, const char *name, const char *value)
{
    if (!value || !*value) return;
    fprintf(to, "    <property name=\"%s\"", name);
    put_attribute(to, "value", value);
    fputs("/>\n", to);
}

static void put_properties(FILE *to, const struct run_report *run)
{
    char seed[24] = "";
    if (run->check) snprintf(seed, sizeof seed, "%" PRIu64, run->check->seed);
    fputs("  <properties>\n", to);
    put_property(to, "bnfuse", bnfuse_version());
    put_property(to, "command", run->command_line);
    put_property(to, "seed", seed);
    put_property(to, "sha256 before", run->hash_before);
    put_property(to, "sha256 after", run->hash_after);
    fputs("  </properties>\n", to);
}

static struct counts count_cases(const struct run_report *run)
{
    struct suite counting = { .run = run };
    put_cases(&counting);
    return counting.counts;
}

static void put_counts(FILE *to, const struct counts *counts, double seconds)
{
    fprintf(to, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.3f\">\n", counts->tests,
            counts->failures, counts->errors, counts->skipped, seconds);
}

static void put_suite(FILE *to, const struct run_report *run)
{
    struct suite suite = { .to = to, .run = run };
    const struct counts counts = count_cases(run);
    fputs("<testsuite name=\"bnfuse ", to);
    put_markup(to, run->model);
    fputc('"', to);
    put_counts(to, &counts, run->seconds);
    put_properties(to, run);
    put_cases(&suite);
    fputs("</testsuite>\n", to);
}

bool report_junit(const struct run_list *list, FILE *to)
{
    struct counts all = { 0 };
    double seconds = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct counts counts = count_cases(list->runs[i]);
        all.tests += counts.tests;
        all.failures += counts.failures;
        all.errors += counts.errors;
        all.skipped += counts.skipped;
        seconds += list->runs[i]->seconds;
    }
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"bnfuse\"", to);
    put_counts(to, &all, seconds);
    for (size_t i = 0; i < list->count; i++) put_suite(to, list->runs[i]);
    fputs("</testsuites>\n", to);
    return !ferror(to);
}
