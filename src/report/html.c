/* SPDX-License-Identifier: Apache-2.0
 *
 * One page of HTML that needs nothing else: no script, no other file. */
#include "report/markup.h"
#include "report/report.h"
#include "report/words.h"

#include <inttypes.h>

static void put_cell(FILE *to, const char *text)
{
    fprintf(to, "<td>");
    put_markup(to, text);
    fprintf(to, "</td>");
}

static void put_row(FILE *to, const char *name, int64_t before, int64_t after)
{
    fprintf(to, "<tr>");
    put_cell(to, name);
    fprintf(to, "<td>%" PRId64 "</td><td>%" PRId64 "</td><td>%+" PRId64 "</td></tr>\n", before, after, after - before);
}

static void put_remarks(FILE *to, const bnfuse_report *report)
{
    char words[1200];
    fprintf(to, "<table>\n<tr><th>BatchNormalization</th><th>what became of it</th><th>path</th>"
                "<th>what would help</th></tr>\n");
    for (size_t i = 0; i < report->remark_count; i++) {
        const bnfuse_remark *remark = report->remarks[i];
        remark_words(remark, words, sizeof words);
        fprintf(to, "<tr class=\"%s\">", remark->code ? "stays" : "gone");
        put_cell(to, remark->node);
        put_cell(to, words);
        put_cell(to, remark->path);
        put_cell(to, remark->help);
        fprintf(to, "</tr>\n");
    }
    fprintf(to, "</table>\n");
}

static void put_sizes(FILE *to, const bnfuse_report *report)
{
    fprintf(to, "<table class=\"numbers\">\n<tr><th></th><th>before</th><th>after</th><th>delta</th></tr>\n");
    for (size_t i = 0; i < report->op_count; i++)
        put_row(to, report->ops[i]->op, report->ops[i]->before, report->ops[i]->after);
    put_row(to, "nodes", report->before.nodes, report->after.nodes);
    put_row(to, "parameters", report->before.parameters, report->after.parameters);
    if (report->after.bytes) put_row(to, "bytes", (int64_t)report->before.bytes, (int64_t)report->after.bytes);
    fprintf(to, "</table>\n");
}

static void put_outputs(FILE *to, const bnfuse_check_result *check)
{
    fprintf(to, "<table class=\"numbers\">\n<tr><th>output</th><th>float64, unrounded</th>"
                "<th>float64, stored weights</th><th>own types</th></tr>\n");
    for (size_t i = 0; i < check->output_count; i++) {
        const bnfuse_output *output = check->outputs[i];
        fprintf(to, "<tr>");
        put_cell(to, output->name);
        fprintf(to, "<td>%.2g</td><td>%.2g</td><td>%.2g</td></tr>\n", output->algebra.relative,
                output->rounding.relative, output->deployment.relative);
    }
    fprintf(to, "</table>\n");
}

bool report_html(const struct account *account, FILE *to)
{
    char line[1200];
    fprintf(to, "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>bnfuse: ");
    put_markup(to, account->model);
    fprintf(to, "</title>\n<style>body { font: 14px sans-serif; margin: 2em } "
                "table { border-collapse: collapse; margin: 1em 0 }"
                " td, th { border: 1px solid #bbb; padding: 2px 8px; text-align: left } .numbers td + td "
                "{ text-align: right } .stays { background: #fec }</style>\n<h1>");
    put_markup(to, account->model);
    fprintf(to, "</h1>\n<p><strong>");
    put_markup(to, *account->message ? account->message : verdict_line(account, line, sizeof line));
    fprintf(to, "</strong></p>\n");
    if (account->report) {
        fprintf(to, "<p>%zu of %zu BatchNormalizations gone, %zu left.</p>\n", account->report->folded,
                account->report->remark_count, account->report->left);
        put_remarks(to, account->report);
        put_sizes(to, account->report);
    }
    if (account->check && account->check->output_count) put_outputs(to, account->check);
    fprintf(to, "</html>\n");
    return !ferror(to);
}
