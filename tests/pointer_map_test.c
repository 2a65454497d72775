/* SPDX-License-Identifier: Apache-2.0
 *
 * The pointer map: what was set is found, nothing else is. */
#include "base/pointer_map.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#undef fail

static bool fill(void *context, struct bnfuse_error *error)
{
    (void)error;
    enum { COUNT = 5000 };
    struct pointer_map map = { .arena = context };
    char *keys = NEW_ARRAY(context, char, 16 * COUNT);
    assert_null(pointer_map_get(&map, keys));
    for (int i = 0; i < COUNT; i++) pointer_map_set(&map, keys + 16 * i, keys + i);
    pointer_map_set(&map, keys, keys + 7);
    assert_int_equal(map.count, COUNT);
    assert_ptr_equal(pointer_map_get(&map, keys), keys + 7);
    for (int i = 1; i < COUNT; i++) assert_ptr_equal(pointer_map_get(&map, keys + 16 * i), keys + i);
    for (int i = 0; i < COUNT; i++) assert_null(pointer_map_get(&map, keys + 16 * i + 8));
    return true;
}

static void what_was_set_is_found(void **state)
{
    (void)state;
    struct memory memory = { 0 };
    struct arena arena;
    arena_open(&arena, &memory);
    assert_true(guarded(&memory, fill, &arena, NULL));
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_was_set_is_found) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
