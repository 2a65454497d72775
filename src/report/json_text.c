/* SPDX-License-Identifier: Apache-2.0
 *
 * Strings, numbers and the end of a report in JSON. */
#include "report/json_text.h"

#include "bnfuse.h"

#include <math.h>

json_t *json_text(const char *from)
{
    json_t *string = from ? json_string(from) : json_null();
    if (string) return string;
    char escaped[4096];
    bnfuse_escape(escaped, sizeof escaped, from);
    return json_string(escaped);
}

json_t *json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

bool json_print(json_t *root, FILE *to)
{
    bool written = root && json_dumpf(root, to, JSON_INDENT(2) | JSON_PRESERVE_ORDER) == 0 && fputc('\n', to) != EOF;
    json_decref(root);
    return written;
}
