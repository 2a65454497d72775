/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors: one line that no terminal obeys. */
#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#undef fail

static void assert_escaped(const char *text, const char *expected)
{
    char to[200];
    escape_text(to, sizeof to, text);
    assert_string_equal(to, expected);
}

static void plain_text_and_valid_utf8_stay(void **state)
{
    (void)state;
    assert_escaped("conv1/BatchNorm:0", "conv1/BatchNorm:0");
    assert_escaped("", "");
    assert_escaped("Gr\xc3\xb6\xc3\x9f\x65 \xe2\x82\xac \xf0\x9f\x98\x80",
                   "Gr\xc3\xb6\xc3\x9f\x65 \xe2\x82\xac \xf0\x9f\x98\x80");
}

static void control_characters_become_escapes(void **state)
{
    (void)state;
    assert_escaped("a\nb\tc\rd\\e", "a\\nb\\tc\\rd\\\\e");
    assert_escaped("\x1b[31mred\x7f", "\\x1b[31mred\\x7f");
    assert_escaped("\xc2\x9b"
                   "31m",
                   "\\xc2\\x9b31m");
    assert_escaped("\xe2\x80\xae"
                   "evil",
                   "\\xe2\\x80\\xae"
                   "evil");
}

/* GitHub, Azure and TeamCity obey these wherever they stand in a line. */
static void commands_of_a_ci_are_broken_up(void **state)
{
    (void)state;
    assert_escaped("x ##vso[task.setvariable variable=A]b", "x #\\x23vso[task.setvariable variable=A]b");
    assert_escaped("##[error]x", "#\\x23[error]x");
    assert_escaped("###teamcity[x]", "#\\x23\\x23teamcity[x]");
    assert_escaped("# a #", "# a #");
    assert_escaped("::error::x", "\\x3a:error::x");
    assert_escaped(" \xc2\xa0::stop-commands::x", " \xc2\xa0\\x3a:stop-commands::x");
    assert_escaped("aten::add", "aten::add");
}

static void characters_that_xml_does_not_know_become_escapes(void **state)
{
    (void)state;
    assert_escaped("\xef\xbf\xbd\xef\xbf\xbe\xef\xbf\xbf", "\xef\xbf\xbd\\xef\\xbf\\xbe\\xef\\xbf\\xbf");
}

static void a_system_s_reason_decides_the_status(void **state)
{
    (void)state;
    struct bnfuse_error error = { 0 };
    assert_false(fail_system(&error, ENOENT, "%s: cannot be read", "a\nb"));
    assert_int_equal(error.status, BNFUSE_USAGE);
    assert_string_equal(error.message, "a\\nb: cannot be read: No such file or directory");
    assert_false(fail_system(&error, ENOMEM, "x"));
    assert_int_equal(error.status, BNFUSE_INTERNAL);
}

static void broken_utf8_becomes_escapes(void **state)
{
    (void)state;
    assert_escaped("\xff\x80", "\\xff\\x80");
    assert_escaped("\xc0\xaf", "\\xc0\\xaf");
    assert_escaped("\xed\xa0\x80", "\\xed\\xa0\\x80");
    assert_escaped("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
    assert_escaped("cut \xe2\x82", "cut \\xe2\\x82");
}

static void what_does_not_fit_is_cut_between_characters(void **state)
{
    (void)state;
    char to[8];
    memset(to, 'x', sizeof to);
    escape_text(to, 5, "abc\xe2\x82\xac");
    assert_string_equal(to, "abc");
    escape_text(to, 5, "abc\x01");
    assert_string_equal(to, "abc");
    escape_text(to, 5, "abcdef");
    assert_string_equal(to, "abcd");
    escape_text(to, 1, "abc");
    assert_string_equal(to, "");
    assert_int_equal(to[5], 'x');
}

static void fail_fills_status_and_escaped_line(void **state)
{
    (void)state;
    struct bnfuse_error error = { 0 };
    assert_false(fail(&error, BNFUSE_INVALID, "node \"%s\" %d", "a\nb", 7));
    assert_int_equal(error.status, BNFUSE_INVALID);
    assert_string_equal(error.message, "node \"a\\nb\" 7");
    assert_false(fail(NULL, BNFUSE_USAGE, "nobody listens"));
}

static void a_long_line_is_cut_not_overrun(void **state)
{
    (void)state;
    char name[3000];
    memset(name, 1, sizeof name - 1);
    name[sizeof name - 1] = 0;
    struct bnfuse_error error;
    fail(&error, BNFUSE_INVALID, "%s", name);
    assert_int_equal(strlen(error.message), 1020);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_and_valid_utf8_stay),
        cmocka_unit_test(control_characters_become_escapes),
        cmocka_unit_test(commands_of_a_ci_are_broken_up),
        cmocka_unit_test(characters_that_xml_does_not_know_become_escapes),
        cmocka_unit_test(a_system_s_reason_decides_the_status),
        cmocka_unit_test(broken_utf8_becomes_escapes),
        cmocka_unit_test(what_does_not_fit_is_cut_between_characters),
        cmocka_unit_test(fail_fills_status_and_escaped_line),
        cmocka_unit_test(a_long_line_is_cut_not_overrun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
