/* SPDX-License-Identifier: Apache-2.0
 *
 * The library in a program whose locale writes 0,5 for a half, which rounds upward, and to which subnormal numbers are
 * zero. */
#include "bnfuse.h"

#include <fenv.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef __SSE2__
#include <xmmintrin.h>
#endif

/* What libc reads LOCPATH into, it never frees. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:__argz_add_sep";
}

static char folder[] = "environment_test.XXXXXX";
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

/* What fusing and checking make of a model. */
struct made {
    void *bytes;
    size_t size;
    double worst_site, noise;
};

static void make(const char *name, struct made *made)
{
    bnfuse_error error;
    bnfuse_model *model = load(name);
    if (!bnfuse_fuse(model, NULL, &error)) fail_msg("%s", error.message);
    const bnfuse_check_result *result = bnfuse_check(model, NULL, &error);
    if (!result) fail_msg("%s", error.message);
    made->worst_site = result->worst_site;
    made->noise = result->outputs[0]->deployment.relative;
    if (!bnfuse_write_bytes(model, &made->bytes, &made->size, &error)) fail_msg("%s", error.message);
    bnfuse_free(model);
}

static void set_strange_arithmetic(void)
{
    assert_int_equal(fesetround(FE_UPWARD), 0);
#ifdef __SSE2__
    _mm_setcsr(_mm_getcsr() | 0x8040); /* subnormal results and operands are zero */
#endif
}

static void results_do_not_depend_on_the_callers_arithmetic(void **state)
{
    (void)state;
    struct made usual, strange;
    make("trained_cnn", &usual);
    set_strange_arithmetic();
    make("trained_cnn", &strange);
    int rounding = fegetround();
    fesetenv(FE_DFL_ENV);
    assert_int_equal(rounding, FE_UPWARD);
    assert_true(usual.worst_site > 0 && usual.noise > 0);
    assert_true(usual.worst_site == strange.worst_site && usual.noise == strange.noise);
    assert_int_equal(usual.size, strange.size);
    assert_memory_equal(usual.bytes, strange.bytes, usual.size);
    bnfuse_free_bytes(usual.bytes);
    bnfuse_free_bytes(strange.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_are_printed_with_points),
        cmocka_unit_test(what_is_written_out_is_found),
        cmocka_unit_test(the_callers_locale_is_as_it_was),
        cmocka_unit_test(results_do_not_depend_on_the_callers_arithmetic),
    };
    return cmocka_run_group_tests(tests, open_locale, close_locale);
}
