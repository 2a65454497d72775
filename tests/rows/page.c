/* SPDX-License-Identifier: Apache-2.0
 *
 * docs/operators.md from the rows of operators, and from tests/rows.tsv, which names a test for each.
 *
 *     operators_page tests/rows.tsv > docs/operators.md */
#include "onnx/graph/operator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char tests[1 << 16];

static int by_name(const void *a, const void *b)
{
    const struct operator_row *x = *(const struct operator_row *const *)a, *y = *(const struct operator_row *const *)b;
    int names = strcmp(x->name, y->name);
    return names ? names : (x->first > y->first) - (x->first < y->first);
}

/* The type of output 0, where the row says it. */
static void print_type(const struct operator_row *row)
{
    if (row->type != DTYPE_UNDEFINED) printf("%s", dtype_name(row->type));
    else if (row->type_from) printf("of input %d", row->type_from);
}

static void print_shape(const struct operator_row *row)
{
    if (row->open_shape) printf("open: %s", row->open_shape);
    else printf("rule%s", row->content ? ", with elements" : "");
}

static void print_complex(const struct operator_row *row)
{
    static const char *const words[] = { [NO_COMPLEX] = "", [MOVES_COMPLEX] = "yes", [COMPLEX_BY_PARTS] = "by parts" };
    printf("%s", words[row->complex]);
}

static void print_test(const struct operator_row *row)
{
    char line[200];
    snprintf(line, sizeof line, "\n%s %lld\t", row->name, (long long)row->first);
    const char *found = strstr(tests, line);
    if (found) printf("%.*s", (int)strcspn(found + strlen(line), "\n"), found + strlen(line));
}

static void print_row(const struct operator_row *row)
{
    printf("| %s | %lld", row->name, (long long)row->first);
    if (row->last == LATEST) printf("- | ");
    else if (row->last != row->first) printf("-%lld | ", (long long)row->last);
    else printf(" | ");
    printf("%s | ", row->run ? "yes" : "refused");
    print_type(row);
    printf(" | ");
    print_shape(row);
    printf(" | ");
    print_complex(row);
    printf(" | ");
    print_test(row);
    printf(" |\n");
}

static bool read_tests(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file) return false;
    size_t size = fread(tests, 1, sizeof tests - 1, file);
    fclose(file);
    return size < sizeof tests - 1;
}

int main(int count, char **arguments)
{
    static const struct operator_row *rows[2048];
    size_t row_count = 0;
    if (count != 2 || !read_tests(arguments[1])) {
        fprintf(stderr, "usage: operators_page tests/rows.tsv\n");
        return 2;
    }
    for (const struct operator_row *const *family = operator_families; *family; family++)
        for (const struct operator_row *row = *family; row->name && row_count < 2048; row++) rows[row_count++] = row;
    qsort(rows, row_count, sizeof *rows, by_name);
    printf(
        "# Operators\n\nMade by `operators_page tests/rows.tsv` from the rows at the ends of `src/runtime/ops/*.c`, up "
        "to opset %d of ai.onnx.\n\n"
        "*Type* is that of the first output where the operator fixes it, or the input it comes from if that is not "
        "the first. *Shape*: a\nrule, with elements where those of small tensors are followed too; or why it stays "
        "open. *Complex*: whether elements\nmay be complex; by parts: the real and the imaginary ones go through the "
        "kernel one after the other. *Tested by*: a test\nthat fails when the row is taken away "
        "(`scripts/lost_rows.sh`).\n\nWebAssembly goes without GroupQueryAttention, MatMulNBits, "
        "GatherBlockQuantized, MoE, QMoE, "
        "DynamicQuantizeLSTM, Gradient, Adagrad, Adam and Momentum.\n\n"
        "| operator | opsets | runs | type | shape | complex | tested by |\n|---|---|---|---|---|---|---|\n",
        LATEST_OPSET);
    for (size_t i = 0; i < row_count; i++) print_row(rows[i]);
    return 0;
}
