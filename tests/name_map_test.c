/* SPDX-License-Identifier: Apache-2.0
 *
 * The name map: what was added is found, what was taken out is not, and the others stay where they are found. */
#include "base/name_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail

enum { COUNT = 5000 };

struct thing {
    const char *name;
    bool is_in;
};

static struct thing *things(struct arena *arena)
{
    struct thing *list = NEW_ARRAY(arena, struct thing, COUNT);
    for (int i = 0; i < COUNT; i++)
        list[i].name = arena_printf(arena, "%.*s%d", i % 40, "a name that is longer than eight bytes, long", i);
    return list;
}

static void assert_found(const struct name_map *map, const struct thing *list)
{
    size_t count = 0;
    for (int i = 0; i < COUNT; i++) {
        assert_ptr_equal(name_map_get(map, list[i].name), list[i].is_in ? &list[i] : NULL);
        assert_ptr_equal(name_map_get_hashed(map, list[i].name, name_hash(list[i].name)),
                         list[i].is_in ? &list[i] : NULL);
        count += list[i].is_in;
    }
    assert_int_equal(map->count, count);
}

static bool add_and_remove(void *context, struct bnfuse_error *error)
{
    struct name_map *map = NEW(context, struct name_map);
    struct thing *list = things(context), other = { list[7].name, false };
    (void)error;
    name_map_open(map, context);
    assert_found(map, list);
    for (int i = 0; i < COUNT; i++) assert_true(list[i].is_in = name_map_add(map, &list[i]));
    assert_found(map, list);
    assert_false(name_map_add(map, &other));
    assert_found(map, list);
    for (int round = 0; round < 4; round++) {
        for (int i = round; i < COUNT; i += 3) {
            if (list[i].is_in) name_map_remove(map, list[i].name);
            else assert_true(name_map_add(map, &list[i]));
            list[i].is_in = !list[i].is_in;
        }
        assert_found(map, list);
    }
    name_map_clear(map);
    for (int i = 0; i < COUNT; i++) list[i].is_in = false;
    assert_found(map, list);
    return true;
}

static void what_was_added_is_found_until_it_is_removed(void **state)
{
    (void)state;
    struct memory memory = { 0 };
    struct arena arena;
    arena_open(&arena, &memory);
    assert_true(guarded(&memory, add_and_remove, &arena, NULL));
    arena_close(&arena);
    assert_int_equal(memory.used, 0);
}

/* Names that differ anywhere, or are the same but shorter, are different names. */
static bool tell_apart(void *context, struct bnfuse_error *error)
{
    struct name_map *map = NEW(context, struct name_map);
    struct thing *list = NEW_ARRAY(context, struct thing, 65);
    char text[66] = "";
    (void)error;
    name_map_open(map, context);
    for (int i = 0; i < 65; i++) {
        list[i].name = arena_copy_text(context, text);
        assert_true(name_map_add(map, &list[i]));
        text[i] = 'x';
    }
    for (int i = 0; i < 65; i++) assert_ptr_equal(name_map_get(map, list[i].name), &list[i]);
    for (int i = 0; i < 64; i++) {
        memset(text, 'x', 64);
        text[64] = '\0';
        text[i] = 'y';
        assert_null(name_map_get(map, text));
    }
    return true;
}

static void names_that_differ_in_one_byte_are_told_apart(void **state)
{
    (void)state;
    struct memory memory = { 0 };
    struct arena arena;
    arena_open(&arena, &memory);
    assert_true(guarded(&memory, tell_apart, &arena, NULL));
    arena_close(&arena);
}

/* A set tells those that were added from those that were not, and the same in every run. */
static bool fill_set(void *context, struct bnfuse_error *error)
{
    struct name_set *set = NEW(context, struct name_set);
    char name[24];
    (void)error;
    name_set_open(set, context);
    assert_false(name_set_has(set, "0"));
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "%d", i);
        name_set_add(set, name);
        name_set_add(set, name);
        assert_int_equal(set->count, i + 1);
    }
    for (int i = 0; i < 2 * COUNT; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_int_equal(name_set_has(set, name), i < COUNT);
    }
    name_set_close(set);
    assert_false(name_set_has(set, "0"));
    name_set_add(set, "0");
    assert_true(name_set_has(set, "0"));
    return true;
}

static void a_set_has_what_was_added(void **state)
{
    (void)state;
    struct memory memory = { 0 };
    struct arena arena;
    arena_open(&arena, &memory);
    assert_true(guarded(&memory, fill_set, &arena, NULL));
    arena_close(&arena);
    assert_int_equal(memory.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_found_until_it_is_removed),
        cmocka_unit_test(names_that_differ_in_one_byte_are_told_apart),
        cmocka_unit_test(a_set_has_what_was_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
