/* SPDX-License-Identifier: Apache-2.0
 *
 * bnfuse reasons. */
#include "cli/commands.h"

#include <errno.h>
#include <string.h>

static bnfuse_status print_reason(const char *code)
{
    if (report_reason_text(code, stdout)) return BNFUSE_OK;
    bnfuse_error error;
    usage(&error, "there is no reason \"%s\"; bnfuse reasons lists them", code);
    fprintf(stderr, "bnfuse: %s\n", error.message);
    return error.status;
}

bnfuse_status print_reasons(const struct settings *settings)
{
    if (settings->operands.count) return print_reason(settings->operands.names[0]);
    bool printed = settings->json             ? report_reasons_json(stdout)
                   : settings->markdown_table ? report_reasons_markdown(stdout)
                                              : report_reasons_text(stdout);
    if ((printed && fflush(stdout) == 0) || reader_is_gone()) return BNFUSE_OK;
    int reason = errno;
    fprintf(stderr, "bnfuse: standard output: cannot be written: %s\n", strerror(reason));
    return reason == ENOMEM ? BNFUSE_INTERNAL : BNFUSE_USAGE;
}
