/* SPDX-License-Identifier: Apache-2.0
 *
 * What was simplified, as text. */
#include "report/remark_text.h"
#include "report/report.h"

#include <string.h>

static size_t count_rewrites(const bnfuse_report *report, const bnfuse_rule *rule)
{
    size_t count = 0;
    for (size_t i = 0; i < report->rewrite_count; i++) count += strcmp(report->rewrites[i]->rule, rule->name) == 0;
    return count;
}

static void print_rewrite(const struct run_report *run, const bnfuse_rewrite *rewrite, FILE *to)
{
    char node[200], where[300], scope[300], line[1200];
    bnfuse_escape(node, sizeof node, rewrite->node);
    bnfuse_escape(where, sizeof where, rewrite->where);
    bnfuse_escape(scope, sizeof scope, rewrite->scope);
    snprintf(line, sizeof line, "simplified %s: %s%s%s%s%s%s%s", rewrite->rule, rewrite->op, *rewrite->op ? " " : "",
             node, *where ? ", now " : "", where, *scope ? ", in " : "", scope);
    put_line(to, &run->terminal, INK_PLAIN, line);
}

void print_rewrites(const struct run_report *run, bool all, FILE *to)
{
    const bnfuse_report *report = run->report;
    const bnfuse_rule *rule;
    char line[1200];
    if (!report->rewrite_count) return;
    for (size_t i = 0; all && i < report->rewrite_count; i++) print_rewrite(run, report->rewrites[i], to);
    snprintf(line, sizeof line, "simplified in %zu places%s:", report->rewrite_count, all ? "" : " (-v lists them)");
    for (size_t i = 0; (rule = bnfuse_get_rule(i)); i++) {
        size_t count = count_rewrites(report, rule), used = strlen(line);
        if (count) snprintf(line + used, sizeof line - used, " %s %zu", rule->name, count);
    }
    put_line(to, &run->terminal, INK_GOOD, line);
}
