/* SPDX-License-Identifier: Apache-2.0
 *
 * Every model of models/ as models/expect.tsv has it: what is left and why, fused equal to unfused, the fused model
 * well-formed and not changed by a second run. The fused models are kept beside the others for further judges:
 * <models>/fused/<model>.<n>.onnx, listed in <models>/fused/list.tsv but for those that are meant to differ. */
#include "bnfuse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define MOST_WORDS 8

/* A line of expect.tsv. */
struct expectation {
    char model[128], options[256], reasons[256];
    int left;
};

/* What its options come to. */
struct choice {
    bnfuse_fuse_options fuse;
    const char *enabled[MOST_WORDS], *disabled[MOST_WORDS], *skipped[MOST_WORDS];
};

static char models[2048], fused[2100];

static void choose_lowering(bnfuse_fuse_options *options, const char *word)
{
    options->lower_mul_add = strcmp(word, "mul-add") == 0;
    options->lower_conv = strcmp(word, "conv") == 0;
}

static void choose(struct choice *choice, char *options)
{
    bnfuse_fuse_options_init(&choice->fuse);
    choice->fuse.enabled.names = choice->enabled;
    choice->fuse.disabled.names = choice->disabled;
    choice->fuse.skipped.names = choice->skipped;
    choice->fuse.any_opset = true;
    if (strcmp(options, "-") == 0) return;
    for (char *word = strtok(options, " "); word; word = strtok(NULL, " ")) {
        if (strcmp(word, "--freeze-weights") == 0) choice->fuse.freeze_weights = true;
        else if (strcmp(word, "--assume-inference") == 0) choice->fuse.assume_inference = true;
        else if (strcmp(word, "--simplify") == 0) choice->fuse.simplify = true;
        else if (strcmp(word, "--lower") == 0) choose_lowering(&choice->fuse, strtok(NULL, " "));
        else if (strcmp(word, "--fold-limit") == 0) choice->fuse.fold_limit = strtoull(strtok(NULL, " "), NULL, 10);
        else if (strcmp(word, "--enable") == 0) choice->enabled[choice->fuse.enabled.count++] = strtok(NULL, " ");
        else if (strcmp(word, "--disable") == 0) choice->disabled[choice->fuse.disabled.count++] = strtok(NULL, " ");
        else if (strcmp(word, "--skip") == 0) choice->skipped[choice->fuse.skipped.count++] = strtok(NULL, " ");
        else fail_msg("models/expect.tsv: unknown option %s", word);
    }
}

/* "BNF101,BNF106" of those that stay, in file order; "-" for none. */
static void list_reasons(const bnfuse_report *report, char *text, size_t size)
{
    size_t used = 0;
    snprintf(text, size, "-");
    for (size_t i = 0; i < report->remark_count && used < size; i++)
        if (report->remarks[i]->code)
            used += (size_t)snprintf(text + used, size - used, "%sBNF%d", used ? "," : "", report->remarks[i]->code);
}

static bool is_good(bnfuse_verdict verdict)
{
    return verdict == BNFUSE_VERDICT_IDENTICAL || verdict == BNFUSE_VERDICT_PASS
           || verdict == BNFUSE_VERDICT_PASS_ROUNDING || verdict == BNFUSE_VERDICT_PASS_SITES;
}

static bool complain(const struct expectation *expected, const char *what, const char *found)
{
    print_error("%s %s: %s %s\n", expected->model, expected->options, what, found);
    return false;
}

static bool outcome_is(const struct expectation *expected, const bnfuse_report *report)
{
    char reasons[1024], left[32];
    list_reasons(report, reasons, sizeof reasons);
    snprintf(left, sizeof left, "%zu", report->left);
    bool good = true;
    if ((size_t)expected->left != report->left) good = complain(expected, "left:", left);
    if (strcmp(expected->reasons, reasons) != 0) good = complain(expected, "reasons:", reasons);
    return good;
}

static bool check_passes(const struct expectation *expected, bnfuse_model *model)
{
    bnfuse_check_options options;
    bnfuse_error error;
    bnfuse_check_options_init(&options);
    const bnfuse_check_result *result = bnfuse_check(model, &options, &error);
    if (!result) return complain(expected, "check:", error.message);
    if (!is_good(result->verdict)) return complain(expected, bnfuse_verdict_text(result->verdict), result->why);
    if (result->worst_site > 1e-12) {
        char worst[64];
        snprintf(worst, sizeof worst, "%.3g", result->worst_site);
        return complain(expected, "a site differs by", worst);
    }
    return true;
}

static bool same_bytes(const char *a, const char *b)
{
    FILE *first = fopen(a, "rb"), *second = fopen(b, "rb");
    bool same = first && second;
    for (int x = 0; same && x != EOF;) {
        x = getc(first);
        same = x == getc(second);
    }
    if (first) fclose(first);
    if (second) fclose(second);
    return same;
}

/* The fused model is read again, fused again, and written: nothing may change any more. */
static bool second_run_changes_nothing(const struct expectation *expected, const char *path,
                                       const bnfuse_fuse_options *options)
{
    char again[2200];
    bnfuse_error error;
    snprintf(again, sizeof again, "%s/again.onnx", fused);
    bnfuse_model *model = bnfuse_load(path, NULL, &error);
    bool good = model && bnfuse_fuse(model, options, &error) && bnfuse_write(model, again, NULL, &error);
    if (!good) complain(expected, "second run:", error.message);
    else if (!same_bytes(path, again)) good = complain(expected, "a second run changes", path);
    bnfuse_free(model);
    remove(again);
    return good;
}

static bool meets(const struct expectation *expected, int line, FILE *list)
{
    char from[2300], to[2300], options[256];
    struct choice choice = { 0 };
    bnfuse_error error;
    snprintf(from, sizeof from, "%s/%s.onnx", models, expected->model);
    snprintf(to, sizeof to, "%s/%s.%d.onnx", fused, expected->model, line);
    snprintf(options, sizeof options, "%s", expected->options);
    choose(&choice, options);
    bnfuse_model *model = bnfuse_load(from, NULL, &error);
    bool good = model && bnfuse_fuse(model, &choice.fuse, &error);
    if (!good) complain(expected, "error:", error.message);
    if (good) good = outcome_is(expected, bnfuse_get_report(model)) && check_passes(expected, model);
    if (good && !bnfuse_write(model, to, NULL, &error)) good = complain(expected, "write:", error.message);
    if (good && !choice.fuse.assume_inference) fprintf(list, "%s\t%s\n", from, to);
    bnfuse_free(model);
    return good && second_run_changes_nothing(expected, to, &choice.fuse);
}

static void every_model_ends_as_expected(void **state)
{
    (void)state;
    char path[2300], line[1024];
    snprintf(path, sizeof path, "%s/expect.tsv", models);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    snprintf(path, sizeof path, "%s/list.tsv", fused);
    FILE *list = fopen(path, "w");
    assert_non_null(list);

    int count = 0, wrong = 0;
    assert_non_null(fgets(line, sizeof line, file));
    for (; fgets(line, sizeof line, file); count++) {
        struct expectation expected;
        assert_int_equal(sscanf(line, "%127[^\t]\t%255[^\t]\t%d\t%255[^\t\n]", expected.model, expected.options,
                                &expected.left, expected.reasons),
                         4);
        wrong += !meets(&expected, count + 2, list);
    }
    fclose(file);
    fclose(list);
    print_message("%d lines of models/expect.tsv, %d not met\n", count, wrong);
    assert_true(count > 100);
    assert_int_equal(wrong, 0);
}

/* "BNF113:1,BNF121:4" of the affines that stay; "-" for none. */
static void list_affines(const bnfuse_report *report, char *text, size_t size)
{
    size_t used = 0;
    snprintf(text, size, "-");
    for (size_t i = 0; i < report->affines_left_count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%sBNF%d:%zu", used ? "," : "",
                                 report->affines_left[i]->code, report->affines_left[i]->count);
}

static void affines_end_as_expected(void **state)
{
    (void)state;
    char path[2300], line[1024], name[128], expected[256], found[256];
    size_t chains, count = 0;
    snprintf(path, sizeof path, "%s/affines.tsv", models);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    for (; fgets(line, sizeof line, file); count++) {
        bnfuse_error error;
        assert_int_equal(sscanf(line, "%127[^\t]\t%zu\t%255[^\t\n]", name, &chains, expected), 3);
        snprintf(path, sizeof path, "%s/%s.onnx", models, name);
        bnfuse_model *model = bnfuse_load(path, NULL, &error);
        if (!model || !bnfuse_fuse(model, NULL, &error)) fail_msg("%s", error.message);
        list_affines(bnfuse_get_report(model), found, sizeof found);
        assert_string_equal(found, expected);
        assert_int_equal(bnfuse_get_report(model)->affine_chains_folded, chains);
        bnfuse_free(model);
    }
    fclose(file);
    assert_int_equal(count, 2);
}

static size_t append_file(const char *name, char *text, size_t used, size_t size)
{
    char path[2300];
    snprintf(path, sizeof path, "%s/%s", models, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    used += fread(text + used, 1, size - used - 1, file);
    text[used] = '\0';
    fclose(file);
    return used;
}

/* A code without a model is a code nobody has seen. */
static void every_reason_has_a_model(void **state)
{
    (void)state;
    char text[1 << 16];
    append_file("affines.tsv", text, append_file("expect.tsv", text, 0, sizeof text), sizeof text);
    const bnfuse_reason *reason;
    for (size_t i = 0; (reason = bnfuse_get_reason(i)); i++) {
        char code[32];
        snprintf(code, sizeof code, "BNF%d", reason->code);
        if (!strstr(text, code)) fail_msg("no model of models/ ends with %s", code);
    }
}

int main(void)
{
    const char *folder = getenv("BNFUSE_MODELS");
    snprintf(models, sizeof models, "%s", folder ? folder : ".");
    snprintf(fused, sizeof fused, "%s/fused", models);
    mkdir(fused, 0777);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_model_ends_as_expected),
        cmocka_unit_test(affines_end_as_expected),
        cmocka_unit_test(every_reason_has_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
