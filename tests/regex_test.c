/* SPDX-License-Identifier: Apache-2.0
 *
 * RegexFullMatch: RE2's syntax, what is refused of it, and patterns that make others take for ever. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void open_pattern(struct trial *t, const char *pattern, const char *text)
{
    trial_open(t, 20);
    trial_text(t, "x", "1", &text);
    BnfuseOnnx__NodeProto *node = build_node(&t->build, "RegexFullMatch", "match", "x", "y", "pattern=.");
    node->attribute[0]->s =
        (ProtobufCBinaryData){ strlen(pattern), (uint8_t *)arena_copy_text(&t->build.arena, pattern) };
}

static void match(const char *pattern, const char *text, bool expected)
{
    struct trial t;
    open_pattern(&t, pattern, text);
    trial_run(&t, "y");
    if (trial_output(&t, "y", false)->i64[0] != expected)
        fail_msg("\"%s\" %s \"%s\"", pattern, expected ? "does not match" : "matches", text);
    trial_close(&t);
}

static void refuse(const char *pattern, const char *part)
{
    struct trial t;
    open_pattern(&t, pattern, "x");
    trial_fails(&t, "y", part);
    trial_close(&t);
}

static void patterns_match_whole_strings(void **state)
{
    static const struct {
        const char *pattern, *yes, *no;
    } cases[] = {
        { "abc", "abc", "abcd" },
        { "a|bc|", "bc", "b" },
        { "a|bc|", "", "ab" },
        { "(a|b)*c", "abbac", "abd" },
        { "(?:ab)+", "abab", "aba" },
        { "(?P<n>a)b?", "a", "abb" },
        { "a{3}", "aaa", "aa" },
        { "a{2,}", "aaaaa", "a" },
        { "a{1,3}b", "aab", "aaaab" },
        { "a{0,2}", "", "aaa" },
        { "a{0}b", "b", "ab" },
        { "(ab|c{2}){2}", "abcc", "ababab" },
        { "(a?){3}", "aa", "aaaa" },
        { "x*?y+?z??", "xxyyz", "xz" },
        { "a{,2}", "a{,2}", "aa" },
        { "[a-c]+[^x]", "abcd", "abcx" },
        { "[]a-]+", "]a-", "b" },
        { "[^\\d\\s]+", "ab_", "a1" },
        { "[\\w.-]+@\\w+\\.(com|org)", "a.b-c@d_1.org", "a b@c.com" },
        { "[[:alpha:]]+[[:digit:]]", "aZ9", "a" },
        { "\\d\\D\\w\\W\\s\\S", "1a_ \tz", "aa_ \tz" },
        { "a.c",
          "a\xc3\xa9"
          "c",
          "a\nc" },
        { "\xc3\xa9+", "\xc3\xa9\xc3\xa9", "\xc3\xa9\xa9" },
        { "\\x41\\x{42}\\t", "AB\t", "AB" },
        { "\\bab\\b.\\Bc?", "ab ", "abc" },
        { "^a$", "a", "ab" },
        { "(\\W|^)[\\w.\\-]{0,25}@(yahoo|gmail)\\.com(\\W|$)", "x.y@gmail.com", "x@aol.com" },
        { "\\+\\*\\(\\\\", "+*(\\", "+*(" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        match(cases[i].pattern, cases[i].yes, true);
        match(cases[i].pattern, cases[i].no, false);
    }
}

static void what_is_not_known_is_refused_by_name(void **state)
{
    (void)state;
    refuse("(?i)a", "flags");
    refuse("\\pL", "a Unicode class");
    refuse("[[:cntrl:]]", "a named class");
    refuse("(a", "a group that does not end");
    refuse("a)", "a parenthesis too many");
    refuse("[a", "a class that does not end");
    refuse("[b-a]", "a range that is none");
    refuse("*a", "a repetition of nothing");
    refuse("a{1001}", "beyond 1000");
    refuse("\\", "a backslash");
    refuse("((a{900}){900}){900}", "too many repetitions");
}

/* A thousand choices of nothing or a, and then a thousand a: a matcher that goes back would try 2^1000 ways. */
static void time_is_bounded_whatever_the_pattern(void **state)
{
    char text[1001];
    (void)state;
    memset(text, 'a', 1000);
    text[1000] = 0;
    match("(a?){1000}a{1000}", text, true);
    match("(a*)*b", text, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match_whole_strings),
        cmocka_unit_test(what_is_not_known_is_refused_by_name),
        cmocka_unit_test(time_is_bounded_whatever_the_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
