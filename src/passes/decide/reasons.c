/* SPDX-License-Identifier: Apache-2.0
 *
 * The reason table as data. */
#include "passes/decide/reasons.h"

const struct bnfuse_reason reasons[] = {
#define ROW(code, name, text, help) { code, #name, text, help },
    REASONS(ROW)
#undef ROW
};
const size_t reason_count = sizeof reasons / sizeof *reasons;

const struct bnfuse_reason *reason_find(enum reason reason)
{
    static const struct bnfuse_reason none = { 0, "", "", "" };
    for (size_t i = 0; i < reason_count; i++)
        if (reasons[i].code == (int)reason) return &reasons[i];
    return &none;
}
