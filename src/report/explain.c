/* SPDX-License-Identifier: Apache-2.0
 *
 * bnfuse explain, and the table of reasons as text. */
#include "report/remark_text.h"
#include "report/report.h"

#include <stdlib.h>
#include <string.h>

static void explain_line(const struct run_report *run, const char *title, const char *text, FILE *to)
{
    char escaped[600], line[700];
    bnfuse_escape(escaped, sizeof escaped, text);
    snprintf(line, sizeof line, "    %-6s %s", title, escaped);
    if (*text) put_line(to, &run->terminal, INK_FAINT, line);
}

bool report_explain(const struct run_report *run, FILE *to)
{
    const bnfuse_report *report = run->report;
    char node[200], words[1200], line[1300];
    for (size_t i = 0; i < report->remark_count; i++) {
        const bnfuse_remark *remark = report->remarks[i];
        bnfuse_escape(node, sizeof node, remark->node);
        remark_text(remark, words, sizeof words);
        snprintf(line, sizeof line, "bn %s", node);
        put_line(to, &run->terminal, remark->code ? INK_KEPT : INK_GOOD, line);
        snprintf(line, sizeof line, "    %s", words);
        put_line(to, &run->terminal, INK_PLAIN, line);
        explain_line(run, "in", remark->scope, to);
        explain_line(run, remark->code ? "tried" : "path", remark->path, to);
        explain_line(run, "help", remark->help, to);
    }
    print_rewrites(run, true, to);
    for (size_t i = 0; i < report->note_count; i++) {
        bnfuse_escape(words, sizeof words, report->notes[i]);
        snprintf(line, sizeof line, "note: %s", words);
        put_line(to, &run->terminal, INK_PLAIN, line);
    }
    snprintf(line, sizeof line, "%zu of %zu BatchNormalizations can go, %zu stay", report->folded, report->remark_count,
             report->remark_count - report->folded);
    put_line(to, &run->terminal, INK_PLAIN, line);
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
