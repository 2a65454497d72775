/* SPDX-License-Identifier: Apache-2.0
 *
 * What the writer held against its source, and what of that counts for a tensor of the new file. */
#include "onnx/write/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct file here = { .path = "here", .fd = 3, .size = 5000 }, there = { .path = "there", .fd = 4 };
static const double third = 1.0 / 3;
static const struct factor factor = { 1, 1, 1, 1, 10, &third };

/* Bytes 50 to 1049 of a file were copied to 100, and a folded weight was written after them. */
static const struct tensor run = { .type = DTYPE_UINT8, .count = 1000, .span = { &here, 50, 1000 } };
static const struct tensor folded = {
    .type = DTYPE_FLOAT, .count = 10, .span = { &here, 2000, 40 }, .factors = &factor, .factor_count = 1
};

static bool was_held(uint64_t offset, const struct tensor *tensor)
{
    struct held list[] = { { 100, &run }, { 1100, &folded } };
    const struct held_list held = { .list = list, .count = 2, .room = 2 };
    return extents_held(&held, offset, tensor);
}

static struct tensor stored(const struct file *file, uint64_t offset, uint64_t size)
{
    return (struct tensor){ .type = DTYPE_FLOAT, .count = (int64_t)size / 4, .span = { file, offset, size } };
}

static void a_tensor_of_a_copied_run_is_held_where_the_run_put_it(void **state)
{
    (void)state;
    const struct tensor first = stored(&here, 50, 40), last = stored(&here, 1010, 40);
    assert_true(was_held(100, &first));
    assert_true(was_held(1060, &last));
    assert_false(was_held(99, &first));
    assert_false(was_held(101, &first));
    assert_false(was_held(1100, &first));
}

static void nothing_else_is_held_by_a_run(void **state)
{
    (void)state;
    const struct tensor elsewhere = stored(&there, 50, 40), before = stored(&here, 46, 40),
                        beyond = stored(&here, 1011, 40);
    struct tensor scaled = stored(&here, 50, 40), in_memory = { .type = DTYPE_FLOAT, .count = 10, .bytes = &third };
    scaled.factors = &factor;
    scaled.factor_count = 1;
    assert_false(was_held(100, &elsewhere));
    assert_false(was_held(96, &before));
    assert_false(was_held(1061, &beyond));
    assert_false(was_held(100, &scaled));
    assert_false(was_held(100, &in_memory));
}

static void a_folded_weight_is_held_for_itself_alone(void **state)
{
    (void)state;
    struct tensor again = folded;
    const struct tensor source = stored(&here, 2000, 40);
    assert_true(was_held(1100, &folded));
    assert_false(was_held(1104, &folded));
    assert_false(was_held(1100, &again));
    assert_false(was_held(1100, &source));
}

static void nothing_is_held_by_an_empty_list(void **state)
{
    (void)state;
    assert_false(extents_held(&(struct held_list){ 0 }, 0, &folded));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tensor_of_a_copied_run_is_held_where_the_run_put_it),
        cmocka_unit_test(nothing_else_is_held_by_a_run),
        cmocka_unit_test(a_folded_weight_is_held_for_itself_alone),
        cmocka_unit_test(nothing_is_held_by_an_empty_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
