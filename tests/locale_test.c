/* SPDX-License-Identifier: Apache-2.0
 *
 * The library in a program whose locale writes 0,5 for a half. */
#include "bnfuse.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "locale_test.XXXXXX";
static bool is_there;

/* Makes such a locale where the system has what it takes. */
static int open_locale(void **state)
{
    (void)state;
    char command[200];
    if (!mkdtemp(folder)) return 1;
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >/dev/null 2>&1", folder);
    is_there = system(command) == 0 && setenv("LOCPATH", folder, 1) == 0 && setlocale(LC_ALL, "de_DE.UTF-8")
               && strcmp(localeconv()->decimal_point, ",") == 0;
    return 0;
}

static int close_locale(void **state)
{
    (void)state;
    char command[200];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static bnfuse_model *load(const char *name)
{
    char path[4096];
    bnfuse_error error;
    snprintf(path, sizeof path, "%s/%s.onnx", getenv("BNFUSE_MODELS"), name);
    bnfuse_model *model = bnfuse_load(path, NULL, &error);
    if (!model) fail_msg("%s", error.message);
    return model;
}

struct text {
    char bytes[8192];
    size_t size;
};

static bool add(void *context, const void *bytes, size_t size)
{
    struct text *text = context;
    if (size >= sizeof text->bytes - text->size) return false;
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
    text->bytes[text->size] = 0;
    return true;
}

static void print(const char *name, struct text *text)
{
    bnfuse_error error;
    bnfuse_model *model = load(name);
    text->size = 0;
    if (!bnfuse_print(model, add, text, &error)) fail_msg("%s", error.message);
    bnfuse_free(model);
}

static void models_are_printed_with_points(void **state)
{
    (void)state;
    struct text there, here;
    if (!is_there) skip();
    print("gelu_written_out", &there);
    assert_non_null(setlocale(LC_NUMERIC, "C"));
    print("gelu_written_out", &here);
    assert_non_null(setlocale(LC_NUMERIC, "de_DE.UTF-8"));
    assert_non_null(strstr(here.bytes, "0.5"));
    assert_string_equal(there.bytes, here.bytes);
}

/* The formulas that are looked for hold numbers with points. */
static void what_is_written_out_is_found(void **state)
{
    (void)state;
    static const char *const enabled[] = { "gelu" };
    bnfuse_error error;
    bnfuse_fuse_options options;
    bnfuse_model *model = load("form_gelu");
    if (!is_there) skip();
    bnfuse_fuse_options_init(&options);
    options.simplify = true;
    options.enabled = (bnfuse_names){ enabled, 1 };
    if (!bnfuse_fuse(model, &options, &error)) fail_msg("%s", error.message);
    assert_true(bnfuse_get_report(model)->rewrite_count > 0);
    bnfuse_free(model);
}

static void the_callers_locale_is_as_it_was(void **state)
{
    (void)state;
    char number[8];
    struct text text;
    if (!is_there) skip();
    print("gelu_written_out", &text);
    snprintf(number, sizeof number, "%.1f", 0.5);
    assert_string_equal(number, "0,5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_are_printed_with_points),
        cmocka_unit_test(what_is_written_out_is_found),
        cmocka_unit_test(the_callers_locale_is_as_it_was),
    };
    return cmocka_run_group_tests(tests, open_locale, close_locale);
}
