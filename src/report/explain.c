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

static const char *reason_text(const char *code)
{
    const bnfuse_reason *reason;
    long number = strtol(code, NULL, 10);
    for (size_t i = 0; (reason = bnfuse_get_reason(i)); i++)
        if (reason->code == number) return reason->text;
    return "";
}

/* "upstream: Relu (BNF106); downstream: nothing (BNF102)": a line each, with what the code means. */
static void explain_tried(const struct run_report *run, const char *path, FILE *to)
{
    char text[500];
    for (const char *at = path, *next; *at; at = next) {
        const char *end = strstr(at, "; "), *code = strstr(at, " (BNF");
        if (!end) end = at + strlen(at);
        next = end + (*end ? 2 : 0);
        bool has_code = code && code < end;
        snprintf(text, sizeof text, "%.*s%s%s", (int)(end - at), at, has_code ? " " : "",
                 has_code ? reason_text(code + strlen(" (BNF")) : "");
        explain_line(run, at == path ? "tried" : "", text, to);
    }
}

/* Mul, Add, Sub, Div and Neg by constants that stay are counted, not listed; a note says how many went. */
static void explain_affines(const struct run_report *run, FILE *to)
{
    const bnfuse_report *report = run->report;
    char line[300];
    for (size_t i = 0; i < report->affines_left_count; i++) {
        const bnfuse_affines_left *left = report->affines_left[i];
        snprintf(line, sizeof line, "%zu affine node%s stay%s: BNF%d %s", left->count, left->count == 1 ? "" : "s",
                 left->count == 1 ? "s" : "", left->code, left->reason);
        put_line(to, &run->terminal, INK_KEPT, line);
    }
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
        if (remark->code) explain_tried(run, remark->path, to);
        else explain_line(run, "path", remark->path, to);
        explain_line(run, "help", remark->help, to);
    }
    explain_affines(run, to);
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
