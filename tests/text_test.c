/* SPDX-License-Identifier: Apache-2.0
 *
 * Strings: stop words and case, joins, splits, n-grams. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <string.h>

#include <cmocka.h>

/* A string list attribute of the last node. */
static void strings_attribute(struct trial *t, BnfuseOnnx__NodeProto *node, const char *name,
                              const char *const *strings, size_t count)
{
    BnfuseOnnx__AttributeProto **list = NEW_ARRAY(&t->build.arena, BnfuseOnnx__AttributeProto *, node->n_attribute + 1);
    BnfuseOnnx__AttributeProto *attribute = NEW(&t->build.arena, BnfuseOnnx__AttributeProto);
    bnfuse_onnx__attribute_proto__init(attribute);
    attribute->name = (char *)name;
    attribute->has_type = 1;
    attribute->type = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS;
    attribute->n_strings = count;
    attribute->strings = NEW_ARRAY(&t->build.arena, ProtobufCBinaryData, count);
    for (size_t i = 0; i < count; i++) {
        attribute->strings[i].data = (uint8_t *)arena_copy_text(&t->build.arena, strings[i]);
        attribute->strings[i].len = strlen(strings[i]);
    }
    for (size_t i = 0; i < node->n_attribute; i++) list[i] = node->attribute[i];
    list[node->n_attribute] = attribute;
    node->attribute = list;
    node->n_attribute++;
}

static void stop_words_go_and_case_changes(void **state)
{
    (void)state;
    static const char *const words[] = { "Monday", "ÄPFEL", "tuesday", "été" };
    static const char *const stops[] = { "monday", "tuesday" };
    struct trial t;
    trial_open(&t, 10);
    trial_text(&t, "x", "4", words);
    BnfuseOnnx__NodeProto *sensitive =
        build_node(&t.build, "StringNormalizer", "a", "x", "a", "case_change_action=LOWER is_case_sensitive=1");
    strings_attribute(&t, sensitive, "stopwords", stops, 2);
    BnfuseOnnx__NodeProto *not = build_node(&t.build, "StringNormalizer", "b", "x", "b", "case_change_action=UPPER");
    strings_attribute(&t, not, "stopwords", stops, 2);
    trial_run(&t, "a b");
    trial_expect_text(&t, "a", "3", (const char *[]){ "monday", "äpfel", "été" });
    trial_expect_text(&t, "b", "2", (const char *[]){ "ÄPFEL", "ÉTÉ" });
    trial_close(&t);
}

static void nothing_left_is_one_empty_string(void **state)
{
    (void)state;
    static const char *const word[] = { "x" };
    struct trial t;
    trial_open(&t, 10);
    trial_text(&t, "x", "1,1", word);
    strings_attribute(&t, build_node(&t.build, "StringNormalizer", "a", "x", "y", NULL), "stopwords", word, 1);
    trial_run(&t, "y");
    trial_expect_text(&t, "y", "1,1", (const char *[]){ "" });
    trial_close(&t);
}

static void bytes_that_are_no_utf_8_stay(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 10);
    trial_text(&t, "x", "2",
               (const char *[]){ "a\xff"
                                 "b\xc3",
                                 "\xe2\x82" });
    build_node(&t.build, "StringNormalizer", "a", "x", "y", "case_change_action=UPPER");
    trial_run(&t, "y");
    trial_expect_text(&t, "y", "2",
                      (const char *[]){ "A\xff"
                                        "B\xc3",
                                        "\xe2\x82" });
    trial_close(&t);
}

static void strings_are_joined_with_broadcasting(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 20);
    trial_text(&t, "a", "2,1", (const char *[]){ "x", "y" });
    trial_text(&t, "b", "3", (const char *[]){ "1", "", "3" });
    build_node(&t.build, "StringConcat", "c", "a b", "z", NULL);
    trial_run(&t, "z");
    trial_expect_text(&t, "z", "2,3", (const char *[]){ "x1", "x", "x3", "y1", "y", "y3" });
    trial_close(&t);
}

static void strings_are_split_at_blanks_or_a_delimiter(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 20);
    trial_text(&t, "x", "2", (const char *[]){ " a  b c ", "" });
    build_node(&t.build, "StringSplit", "a", "x", "words counts", NULL);
    build_node(&t.build, "StringSplit", "b", "x", "parts pieces", "delimiter=b");
    build_node(&t.build, "StringSplit", "c", "x", "two some", "maxsplit=1");
    trial_run(&t, "words counts parts pieces two some");
    trial_expect_text(&t, "words", "2,3", (const char *[]){ "a", "b", "c", "", "", "" });
    trial_expect(&t, "counts", DTYPE_INT64, "2", (double[]){ 3, 0 });
    trial_expect_text(&t, "parts", "2,2", (const char *[]){ " a  ", " c ", "", "" });
    trial_expect(&t, "pieces", DTYPE_INT64, "2", (double[]){ 2, 1 });
    trial_expect_text(&t, "two", "2,2", (const char *[]){ "a", "b c ", "", "" });
    trial_expect(&t, "some", DTYPE_INT64, "2", (double[]){ 2, 0 });
    trial_close(&t);
}

/* Unigrams 2 3, bigrams (2 3) (3 2); columns 3 0 1 2. */
static void try_grams(const char *attributes, const double *y)
{
    struct trial t;
    trial_open(&t, 9);
    trial_input(&t, "x", DTYPE_INT32, "2,5", (double[]){ 2, 3, 2, 7, 3, 3, 3, 9, 2, 2 });
    char *all =
        arena_printf(&t.build.arena, "pool_int64s=2,3,2,3,3,2 ngram_counts=0,2 ngram_indexes=3,0,1,2 %s", attributes);
    build_node(&t.build, "TfIdfVectorizer", "v", "x", "y", all);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "2,4", y);
    trial_close(&t);
}

static void grams_are_counted_with_skips_and_weights(void **state)
{
    (void)state;
    try_grams("min_gram_length=1 max_gram_length=2 max_skip_count=0 mode=TF", (double[]){ 2, 1, 1, 2, 2, 0, 0, 2 });
    try_grams("min_gram_length=2 max_gram_length=2 max_skip_count=1 mode=TF", (double[]){ 0, 2, 1, 0, 0, 0, 1, 0 });
    try_grams("min_gram_length=1 max_gram_length=1 max_skip_count=9 mode=IDF weights=0.5,4.0,1.0,1.0",
              (double[]){ 4, 0, 0, 0.5, 4, 0, 0, 0.5 });
    try_grams("min_gram_length=1 max_gram_length=2 max_skip_count=0 mode=TFIDF weights=0.5,4.0,3.0,1.0",
              (double[]){ 8, 3, 1, 1, 8, 0, 0, 1 });
}

static void grams_of_strings_are_found(void **state)
{
    (void)state;
    static const char *const pool[] = { "a", "b", "b", "a" };
    struct trial t;
    trial_open(&t, 9);
    trial_text(&t, "x", "4", (const char *[]){ "b", "a", "c", "a" });
    BnfuseOnnx__NodeProto *node =
        build_node(&t.build, "TfIdfVectorizer", "v", "x", "y",
                   "ngram_counts=0,2 ngram_indexes=0,1,2 min_gram_length=1 max_gram_length=2 max_skip_count=0 mode=TF");
    strings_attribute(&t, node, "pool_strings", pool, 4);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "3", (double[]){ 2, 1, 1 });
    trial_close(&t);
}

static void a_pool_that_does_not_add_up_is_refused(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 9);
    trial_input(&t, "x", DTYPE_INT64, "2", (double[]){ 1, 2 });
    build_node(&t.build, "TfIdfVectorizer", "v", "x", "y",
               "pool_int64s=1,2,3 ngram_counts=0,9 ngram_indexes=0,1,2 min_gram_length=1 max_gram_length=2 "
               "max_skip_count=0 mode=TF");
    trial_fails(&t, "y", "do not fit its pool of 3 items");
    trial_close(&t);
}

static void either_side_may_be_stretched(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 20);
    trial_text(&t, "a", "2", (const char *[]){ "x", "y" });
    trial_text(&t, "b", "2,3,1", (const char *[]){ "1", "2", "3", "4", "5", "6" });
    build_node(&t.build, "StringConcat", "c", "a b", "z", NULL);
    trial_run(&t, "z");
    trial_expect_text(&t, "z", "2,3,2",
                      (const char *[]){ "x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4", "x5", "y5", "x6", "y6" });
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stop_words_go_and_case_changes),
        cmocka_unit_test(nothing_left_is_one_empty_string),
        cmocka_unit_test(bytes_that_are_no_utf_8_stay),
        cmocka_unit_test(strings_are_joined_with_broadcasting),
        cmocka_unit_test(strings_are_split_at_blanks_or_a_delimiter),
        cmocka_unit_test(grams_are_counted_with_skips_and_weights),
        cmocka_unit_test(grams_of_strings_are_found),
        cmocka_unit_test(a_pool_that_does_not_add_up_is_refused),
        cmocka_unit_test(either_side_may_be_stretched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
