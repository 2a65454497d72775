/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of operators: in order, found by name, each with a shape rule or the reason why there is none, each run by a
 * test that tests/rows.tsv names (scripts/lost_rows.sh makes that list, by taking each row away in turn). */
#include "onnx/graph/operator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Each row, and the one before it in its table (NULL for the first). */
static void for_each_row(void (*visit)(const struct operator_row *row, const struct operator_row *before))
{
    size_t count = 0;
    for (const struct operator_row *const *family = operator_families; *family; family++)
        for (const struct operator_row *row = *family; row->name; row++, count++)
            visit(row, row == *family ? NULL : row - 1);
    assert_true(count > 200);
}

static void check_order(const struct operator_row *row, const struct operator_row *before)
{
    bool together = before && strcmp(before->name, row->name) == 0;
    if (row->first < 1 || row->last < row->first)
        fail_msg("%s %lld holds for no opset", row->name, (long long)row->first);
    if (together && row->first != before->last + 1)
        fail_msg("%s %lld does not follow on %lld", row->name, (long long)row->first, (long long)before->last);
}

static void the_opsets_of_an_operator_follow_on_each_other(void **state)
{
    (void)state;
    for_each_row(check_order);
}

static struct operator_index *operators;

static void check_found(const struct operator_row *row, const struct operator_row *before)
{
    char domain[64] = "";
    const char *colon = strchr(row->name, ':');
    (void)before;
    if (colon) snprintf(domain, sizeof domain, "%.*s", (int)(colon - row->name), row->name);
    const char *op = colon ? colon + 1 : row->name;
    int64_t last = row->last == LATEST ? LATEST_OPSET : row->last;
    if (operator_find(operators, domain, op, row->first) != row || operator_find(operators, domain, op, last) != row)
        fail_msg("%s %lld is not what its name finds", row->name, (long long)row->first);
}

static void every_row_is_found_by_its_name_and_opset(void **state)
{
    struct memory memory = { 0 };
    struct arena arena;
    (void)state;
    arena_open(&arena, &memory);
    operators = operator_index_new(&arena);
    for_each_row(check_found);
    assert_null(operator_find(operators, "", "Relu", LATEST_OPSET + 1));
    assert_null(operator_find(operators, "", "Relu", 0));
    assert_null(operator_find(operators, "com.example", "Relu", 13));
    assert_null(operator_find(operators, "", "ai.onnx.ml:Scalers", 1));
    arena_close(&arena);
}

static void check_shape(const struct operator_row *row, const struct operator_row *before)
{
    (void)before;
    bool reason = row->open_shape && strlen(row->open_shape) > 10;
    if (!row->shape == !reason) fail_msg("%s %lld: a shape rule, or a reason", row->name, (long long)row->first);
    if (row->content && !row->shape) fail_msg("%s: elements without a shape", row->name);
}

static void every_row_has_a_shape_rule_or_says_why_not(void **state)
{
    (void)state;
    for_each_row(check_shape);
}

static void check_kernel(const struct operator_row *row, const struct operator_row *before)
{
    (void)before;
    if (!row->run == !row->refused)
        fail_msg("%s %lld has no kernel, or one and a refusal", row->name, (long long)row->first);
}

static void every_row_runs_or_is_refused(void **state)
{
    (void)state;
    for_each_row(check_kernel);
}

/* tests/rows.tsv: a line "NAME FIRST\tTEST" for each row. */
static char listed[1 << 16];

static void check_tested(const struct operator_row *row, const struct operator_row *before)
{
    char line[200], test[100] = "", path[1024];
    (void)before;
    snprintf(line, sizeof line, "\n%s %lld\t", row->name, (long long)row->first);
    const char *found = strstr(listed, line);
    if (!found || sscanf(found + strlen(line), "%99[a-z0-9_]", test) != 1)
        fail_msg("%s %lld is run by no test; see scripts/lost_rows.sh", row->name, (long long)row->first);
    snprintf(path, sizeof path, "%s/%s.c", getenv("BNFUSE_TESTS"), test);
    if (access(path, R_OK) != 0) fail_msg("%s %lld: there is no %s", row->name, (long long)row->first, test);
}

static void every_row_is_run_by_a_named_test(void **state)
{
    char path[1024];
    (void)state;
    snprintf(path, sizeof path, "%s/rows.tsv", getenv("BNFUSE_TESTS"));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t size = fread(listed, 1, sizeof listed - 1, file);
    fclose(file);
    assert_true(size > 0 && size < sizeof listed - 1);
    for_each_row(check_tested);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_opsets_of_an_operator_follow_on_each_other),
        cmocka_unit_test(every_row_is_found_by_its_name_and_opset),
        cmocka_unit_test(every_row_has_a_shape_rule_or_says_why_not),
        cmocka_unit_test(every_row_runs_or_is_refused),
        cmocka_unit_test(every_row_is_run_by_a_named_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
