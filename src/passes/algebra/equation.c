/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the equation of an Einsum. */
#include "passes/algebra/equation.h"

#include "onnx/graph/attr.h"

#include <ctype.h>
#include <string.h>

int term_axis(struct term term, char letter)
{
    for (int i = 0; i < term.count; i++)
        if (term.letters[i] == letter) return i;
    return -1;
}

static bool is_plain(struct term term)
{
    for (int i = 0; i < term.count; i++)
        if (!isalpha((unsigned char)term.letters[i]) || term_axis(term, term.letters[i]) != i) return false;
    return true;
}

static char *without_blanks(struct arena *arena, const char *text)
{
    char *copy = arena_copy_text(arena, text), *to = copy;
    for (const char *from = copy; *from; from++)
        if (*from != ' ') *to++ = *from;
    *to = '\0';
    return copy;
}

bool equation_read(struct arena *arena, const struct node *einsum, struct equation *equation)
{
    const char *text = without_blanks(arena, node_text(einsum, "equation", "")), *arrow = strstr(text, "->");
    if (!arrow || einsum->input_count < 1 || einsum->input_count > 2) return false;
    const char *comma = memchr(text, ',', (size_t)(arrow - text));
    if ((einsum->input_count == 2) != (comma != NULL)) return false;
    const char *end = comma ? comma : arrow;
    *equation = (struct equation){ .count = comma ? 2 : 1 };
    equation->operands[0] = (struct term){ text, (int)(end - text) };
    if (comma) equation->operands[1] = (struct term){ comma + 1, (int)(arrow - comma - 1) };
    equation->result = (struct term){ arrow + 2, (int)strlen(arrow + 2) };
    return is_plain(equation->operands[0]) && is_plain(equation->operands[1]) && is_plain(equation->result);
}
