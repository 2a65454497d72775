/* SPDX-License-Identifier: Apache-2.0
 *
 * Markdown, for a pull request's comment or a job's summary; and the table of reasons of docs/reasons.md. */
#include "report/markup.h"
#include "report/remark_text.h"
#include "report/report.h"

static void put_row(FILE *to, const char *name, int64_t before, int64_t after)
{
    char first[NUMBER_SIZE], second[NUMBER_SIZE], change[NUMBER_SIZE];
    fprintf(to, "| ");
    put_markdown(to, name);
    fprintf(to, " | %s | %s | %s |\n", text_number(first, before), text_number(second, after),
            text_change(change, after - before));
}

static void put_sizes(FILE *to, const bnfuse_report *report)
{
    fprintf(to, "\n| | before | after | delta |\n|---|---:|---:|---:|\n");
    for (size_t i = 0; i < report->op_count; i++)
        put_row(to, report->ops[i]->op, report->ops[i]->before, report->ops[i]->after);
    put_row(to, "nodes", report->before.nodes, report->after.nodes);
    put_row(to, "parameters", report->before.parameters, report->after.parameters);
    if (report->after.bytes) put_row(to, "bytes", (int64_t)report->before.bytes, (int64_t)report->after.bytes);
}

static void put_remarks(FILE *to, const bnfuse_report *report)
{
    char words[1200];
    fprintf(to, "\n| BatchNormalization | what became of it | what would help |\n|---|---|---|\n");
    for (size_t i = 0; i < report->remark_count; i++) {
        fprintf(to, "| ");
        put_markdown(to, report->remarks[i]->node);
        fprintf(to, " | ");
        remark_text(report->remarks[i], words, sizeof words);
        put_markdown(to, words);
        fprintf(to, " | ");
        put_markdown(to, report->remarks[i]->help);
        fprintf(to, " |\n");
    }
}

static void put_difference(FILE *to, const bnfuse_difference *difference)
{
    if (difference->relative < 0) fprintf(to, "not run | ");
    else fprintf(to, "%.2g | ", difference->relative);
}

static void put_outputs(FILE *to, const bnfuse_check_result *check)
{
    fprintf(to, "\n| output | float64, unrounded | float64, stored weights | own types | within tolerance |\n"
                "|---|---:|---:|---:|---|\n");
    for (size_t i = 0; i < check->output_count; i++) {
        const bnfuse_output *output = check->outputs[i];
        fprintf(to, "| ");
        put_markdown(to, output->name);
        fprintf(to, " | ");
        put_difference(to, &output->algebra);
        put_difference(to, &output->rounding);
        put_difference(to, &output->deployment);
        fprintf(to, "%s |\n", output->within_tolerance ? "yes" : "no");
    }
}

static void put_run(FILE *to, const struct run_report *run)
{
    char line[1200];
    fprintf(to, "## bnfuse: ");
    put_markdown(to, run->model);
    fprintf(to, "\n\n**");
    put_markdown(to, *run->message ? run->message : verdict_line(run, line, sizeof line));
    fprintf(to, "**\n");
    if (run->report) {
        fprintf(to, "\n%zu of %zu BatchNormalizations gone, %zu left.\n", run->report->folded,
                run->report->remark_count, run->report->left);
        put_remarks(to, run->report);
        put_sizes(to, run->report);
    }
    if (run->check && run->check->output_count) put_outputs(to, run->check);
}

/* One line a model; the details follow. */
static void put_summary(FILE *to, const struct run_list *list)
{
    char line[1200];
    fprintf(to, "## bnfuse: %zu models\n\n| model | result | BatchNormalizations | left |\n|---|---|---:|---:|\n",
            list->count);
    for (size_t i = 0; i < list->count; i++) {
        const struct run_report *run = list->runs[i];
        fprintf(to, "| ");
        put_markdown(to, run->model);
        fprintf(to, " | ");
        put_markdown(to, *run->message ? run->message : verdict_line(run, line, sizeof line));
        if (run->report) fprintf(to, " | %zu | %zu |\n", run->report->remark_count, run->report->left);
        else fprintf(to, " | | |\n");
    }
    fprintf(to, "\n");
}

bool report_markdown(const struct run_list *list, FILE *to)
{
    if (list->count != 1) put_summary(to, list);
    for (size_t i = 0; i < list->count; i++) {
        if (i) fprintf(to, "\n");
        put_run(to, list->runs[i]);
    }
    return !ferror(to);
}

bool report_reasons_markdown(FILE *to)
{
    const bnfuse_reason *reason;
    fprintf(to, "# Why a BatchNormalization stays\n\nMade by `bnfuse reasons --markdown`. Codes never change their "
                "meaning.\n\n| code | what is in the way | what would help |\n|---|---|---|\n");
    for (size_t i = 0; (reason = bnfuse_get_reason(i)); i++) {
        fprintf(to, "| BNF%d | ", reason->code);
        put_markdown(to, reason->text);
        fprintf(to, " | ");
        put_markdown(to, reason->help);
        fprintf(to, " |\n");
    }
    for (size_t i = 0; (reason = bnfuse_get_reason(i)); i++)
        fprintf(to, "\n## BNF%d: %s\n\n%s", reason->code, reason->text, bnfuse_reason_page(reason->code));
    return !ferror(to);
}
