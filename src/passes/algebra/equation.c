/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the equation of an Einsum. */
#include "passes/algebra/equation.h"

#include "onnx/graph/attr.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

int term_axis(struct term term, char letter)
{
    for (int i = 0; i < term.count; i++)
        if (term.letters[i] == letter) return i;
    return -1;
}

static bool is_plain(struct term term)
{
    for (int i = 0; i < term.count; i++) {
        const char letter = term.letters[i];
        if (!isalpha((unsigned char)letter) && (letter < 1 || letter > TENSOR_MAX_RANK)) return false;
        if (term_axis(term, letter) != i) return false;
    }
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

static struct term term_new(struct arena *arena, size_t room)
{
    return (struct term){ NEW_ARRAY(arena, char, room), 0 };
}

static void add_letter(struct term *term, char letter)
{
    term->letters[term->count++] = letter;
}

/* The axes that an ellipsis stands for, aligned at the right, get letters of their own: their number from the right. */
static void add_ellipsis(struct term *term, int axes)
{
    for (int i = axes; i > 0; i--) add_letter(term, (char)i);
}

/* The text of a term of `rank` axes, or of one whose ellipsis stands for so many where rank is below zero. False where
 * the two do not go together. */
static bool expand(struct arena *arena, const char *text, size_t length, int rank, int *ellipsis, struct term *term)
{
    static const char dots[] = "...";
    const size_t dot_count = sizeof dots - 1;
    *term = term_new(arena, length + TENSOR_MAX_RANK);
    bool has_ellipsis = false;
    for (size_t i = 0; i < length; i++) {
        if (length - i < dot_count || memcmp(text + i, dots, dot_count) != 0) {
            add_letter(term, text[i]);
            continue;
        }
        if (has_ellipsis || (rank < 0 && *ellipsis < 0)) return false;
        if (rank >= 0) *ellipsis = rank - (int)(length - dot_count);
        if (*ellipsis < 0 || *ellipsis > TENSOR_MAX_RANK) return false;
        add_ellipsis(term, *ellipsis);
        has_ellipsis = true;
        i += dot_count - 1;
    }
    return true;
}

static int occurrences(const struct equation *equation, char letter)
{
    int count = 0;
    for (int i = 0; i < equation->count; i++) count += term_axis(equation->operands[i], letter) >= 0;
    return count;
}

/* Without an arrow: what the ellipses stand for, then the letters that appear once, in order. */
static struct term implied_result(struct arena *arena, const struct equation *equation, int ellipsis)
{
    struct term result = term_new(arena, UCHAR_MAX);
    add_ellipsis(&result, ellipsis);
    for (int letter = 'A'; letter <= 'z'; letter++)
        if (isalpha(letter) && occurrences(equation, (char)letter) == 1) add_letter(&result, (char)letter);
    return result;
}

bool equation_read(struct arena *arena, const struct node *einsum, struct equation *equation)
{
    const char *at = without_blanks(arena, node_text(einsum, "equation", "")), *arrow = strstr(at, "->");
    int axes = 0;
    *equation = (struct equation){ .count = (int)einsum->input_count };
    if (einsum->input_count > 2) return false;
    for (size_t i = 0; i < einsum->input_count; i++) {
        const struct value *operand = node_input(einsum, i);
        const bool is_last = i + 1 == einsum->input_count;
        const char *end = is_last ? (arrow ? arrow : at + strlen(at)) : strchr(at, ',');
        int ellipsis = -1;
        if (!end || (arrow && end > arrow) || (is_last && memchr(at, ',', (size_t)(end - at)))) return false;
        if (!expand(arena, at, (size_t)(end - at), operand->shape.rank, &ellipsis, &equation->operands[i]))
            return false;
        if (ellipsis > axes) axes = ellipsis;
        at = end + !is_last;
    }
    if (!arrow) equation->result = implied_result(arena, equation, axes);
    else if (!expand(arena, arrow + 2, strlen(arrow + 2), -1, &axes, &equation->result)) return false;
    for (int i = axes; i > 0; i--)
        if (term_axis(equation->result, (char)i) < 0) return false;
    return is_plain(equation->operands[0]) && is_plain(equation->operands[1]) && is_plain(equation->result);
}
