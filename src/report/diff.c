/* SPDX-License-Identifier: Apache-2.0
 *
 * What changed between two models, in the manner of diff: "-" was removed, "+" added, "!" changed, "=" is the same
 * under another name or stored elsewhere. */
#include "report/report.h"

#include <string.h>

static const char *sign_of(bnfuse_change_kind kind)
{
    static const char *const signs[] = { "+", "-", "!", "=", "=" };
    return signs[kind];
}

static void put(FILE *to, const char *before, const char *text, const char *after)
{
    char escaped[1024];
    bnfuse_escape(escaped, sizeof escaped, text);
    if (*text) fprintf(to, "%s%s%s", before, escaped, after);
}

static void put_change(FILE *to, const bnfuse_change *change)
{
    fprintf(to, "%s %s", sign_of(change->kind), bnfuse_change_subject_text(change->subject));
    put(to, " ", change->op, "");
    put(to, " \"", change->name, "\"");
    if (strcmp(change->other, change->name) != 0) put(to, " was \"", change->other, "\"");
    put(to, ": ", change->detail, "");
    put(to, ", in ", change->scope, "");
    fputc('\n', to);
}

bool report_diff(const struct run_report *run, FILE *to)
{
    if (!run->changes) return true;
    if (run->changes->count) {
        put(to, "--- ", run->model, "\n");
        put(to, "+++ ", run->other, "\n");
    }
    for (size_t i = 0; i < run->changes->count; i++) put_change(to, run->changes->changes[i]);
    return !ferror(to);
}
