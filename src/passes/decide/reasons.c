/* SPDX-License-Identifier: Apache-2.0
 *
 * The reason table as data. */
#include "passes/decide/reasons.h"

#include <stddef.h>

const struct reason_row reason_rows[] = {
#define ROW(code, name, text, help) { REASON_##name, text, help },
    REASONS(ROW)
#undef ROW
};
const size_t reason_count = sizeof(reason_rows) / sizeof(*reason_rows);

static const struct reason_row *find(enum reason reason)
{
    static const struct reason_row none = { REASON_NONE, "", "" };
    for (size_t i = 0; i < reason_count; i++)
        if (reason_rows[i].reason == reason) return &reason_rows[i];
    return &none;
}

const char *reason_text(enum reason reason)
{
    return find(reason)->text;
}

const char *reason_help(enum reason reason)
{
    return find(reason)->help;
}
