/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory: whatever allocation fails, control comes back to the innermost guarded call and the arena stays whole. */
#include "base/memory.h"

#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#undef fail

/* A refused malloc is NULL here too; the sanitizer would end the program. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

struct scene {
    struct memory *memory;
    struct arena arena;
    size_t size;
    int released, steps;
    bool inner_ok;
};

static void count_release(void *scene)
{
    ((struct scene *)scene)->released++;
}

static bool allocate_many(void *context, struct bnfuse_error *error)
{
    (void)error;
    struct scene *scene = context;
    for (int i = 0; i < 40; i++) {
        unsigned char *bytes = arena_alloc(&scene->arena, (size_t)i * 37);
        for (int k = 0; k < i * 37; k++) assert_int_equal(bytes[k], 0);
        memset(bytes, 0xa5, (size_t)i * 37);
        scene->steps++;
        arena_defer(&scene->arena, count_release, scene);
    }
    arena_printf(&scene->arena, "%0*d", 70000, 1);
    return true;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    bool succeeded = false, failed = false;
    for (size_t limit = 1; !succeeded; limit += 997) {
        struct memory memory = { .limit = limit };
        struct scene scene = { .memory = &memory };
        struct bnfuse_error error = { 0 };
        arena_open(&scene.arena, &memory);
        succeeded = guarded(&memory, allocate_many, &scene, &error);
        failed |= !succeeded;
        assert_int_equal(error.status, succeeded ? BNFUSE_OK : BNFUSE_INTERNAL);
        if (!succeeded) assert_non_null(strstr(error.message, "out of memory"));
        assert_null(memory.escape);
        assert_true(memory.used <= limit);
        int steps = scene.steps;
        int before_close = scene.released;
        assert_in_range(before_close, 0, 1);
        arena_close(&scene.arena);
        assert_int_equal(scene.released, steps);
        assert_int_equal(memory.used, 0);
    }
    assert_true(failed);
}

static bool refuse(void *context, struct bnfuse_error *error)
{
    return fail(error, BNFUSE_INVALID, "refused %d", *(int *)context);
}

static void an_error_of_the_work_passes_through(void **state)
{
    (void)state;
    struct memory memory = { 0 };
    struct bnfuse_error error;
    int number = 9;
    assert_false(guarded(&memory, refuse, &number, &error));
    assert_int_equal(error.status, BNFUSE_INVALID);
    assert_string_equal(error.message, "refused 9");
    assert_null(memory.escape);
}

static bool ask_for_size(void *context, struct bnfuse_error *error)
{
    (void)error;
    struct scene *scene = context;
    arena_alloc(&scene->arena, scene->size);
    return true;
}

static bool nest(void *context, struct bnfuse_error *error)
{
    struct scene *scene = context;
    scene->inner_ok = guarded(scene->memory, ask_for_size, scene, error);
    arena_alloc(&scene->arena, 10);
    scene->steps = 1;
    arena_alloc(&scene->arena, scene->size);
    scene->steps = 2;
    return true;
}

static void the_innermost_guard_catches_then_the_outer_one(void **state)
{
    (void)state;
    struct memory memory = { .limit = 1 << 20 };
    struct scene scene = { .memory = &memory, .size = 2 << 20 };
    struct bnfuse_error error;
    arena_open(&scene.arena, &memory);
    assert_false(guarded(&memory, nest, &scene, &error));
    assert_false(scene.inner_ok);
    assert_int_equal(scene.steps, 1);
    assert_null(memory.escape);
    arena_close(&scene.arena);
}

static void a_size_no_machine_has_is_an_error(void **state)
{
    (void)state;
    static const size_t sizes[] = { SIZE_MAX, SIZE_MAX - 15, SIZE_MAX - 40, SIZE_MAX / 2, (size_t)1 << 60 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct memory memory = { 0 };
        struct scene scene = { .memory = &memory, .size = sizes[i] };
        struct bnfuse_error error;
        arena_open(&scene.arena, &memory);
        assert_false(guarded(&memory, ask_for_size, &scene, &error));
        assert_int_equal(error.status, BNFUSE_INTERNAL);
        arena_close(&scene.arena);
        assert_int_equal(memory.used, 0);
    }
}

static bool ask_for_array(void *context, struct bnfuse_error *error)
{
    (void)error;
    arena_array(&((struct scene *)context)->arena, SIZE_MAX / 4 + 2, 4);
    return true;
}

static void an_array_whose_size_wraps_is_an_error(void **state)
{
    (void)state;
    struct memory memory = { 0 };
    struct scene scene = { .memory = &memory };
    arena_open(&scene.arena, &memory);
    assert_false(guarded(&memory, ask_for_array, &scene, NULL));
    arena_close(&scene.arena);
}

static bool take_and_give(void *context, struct bnfuse_error *error)
{
    (void)error;
    struct memory *memory = context;
    void *block = memory_take(memory, 100);
    assert_int_equal(memory->used, 100);
    memory_give(memory, block, 100);
    memory_give(memory, NULL, 0);
    memory_take(memory, 101);
    return true;
}

static void taken_blocks_count_against_the_limit(void **state)
{
    (void)state;
    struct memory memory = { .limit = 100 };
    assert_false(guarded(&memory, take_and_give, &memory, NULL));
    assert_int_equal(memory.used, 0);
}

/* ---- large pages ---- */

enum { TENANTS = 24, PASSES = 400 };

/* One that holds an arena and a block, both filled with its number. */
struct tenant {
    struct arena arena;
    unsigned char *room, *block;
    size_t room_size, block_size;
};

static void move_in(struct tenant *tenant, struct memory *memory, int number, uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    arena_open(&tenant->arena, memory);
    tenant->room_size = 1 + (*state >> 8) % (3 << 19);
    tenant->block_size = 1 + (*state >> 12) % (5 << 18);
    arena_alloc(&tenant->arena, 1 + *state % 4000);
    tenant->room = arena_alloc(&tenant->arena, tenant->room_size);
    for (size_t i = 0; i < tenant->room_size; i++) assert_int_equal(tenant->room[i], 0);
    tenant->block = memory_take(memory, tenant->block_size);
    memset(tenant->room, number, tenant->room_size);
    memset(tenant->block, number, tenant->block_size);
}

static void move_out(struct tenant *tenant, struct memory *memory, int number)
{
    for (size_t i = 0; i < tenant->room_size; i++) assert_int_equal(tenant->room[i], number);
    for (size_t i = 0; i < tenant->block_size; i++) assert_int_equal(tenant->block[i], number);
    memory_give(memory, tenant->block, tenant->block_size);
    arena_close(&tenant->arena);
    tenant->room = NULL;
}

static bool move_about(void *context, struct bnfuse_error *error)
{
    struct memory *memory = context;
    static struct tenant tenants[TENANTS];
    uint32_t state = 7;
    size_t early = 0;
    (void)error;
    for (int pass = 0; pass < PASSES; pass++) {
        const int i = (int)((state >> 16) % TENANTS);
        if (tenants[i].room) move_out(&tenants[i], memory, i + 1);
        else move_in(&tenants[i], memory, i + 1, &state);
        state = state * 1664525 + 1013904223;
        if (pass == PASSES / 4) early = memory->page_count;
    }
    assert_true(memory->page_count <= early + early / 2); /* what is given back is taken again */
    for (int i = 0; i < TENANTS; i++)
        if (tenants[i].room) move_out(&tenants[i], memory, i + 1);
    return true;
}

static void pieces_of_large_pages_are_apart_and_cleared_and_taken_again(void **state)
{
    (void)state;
    struct memory memory = { 0 };
    assert_true(guarded(&memory, move_about, &memory, NULL));
    assert_int_equal(memory.used, 0);
    assert_int_equal(memory.page_count, 0);
}

static void append_digit(void *object)
{
    char **text = object;
    strcat(text[0], text[1]);
}

static bool defer_three(void *context, struct bnfuse_error *error)
{
    (void)error;
    struct scene *scene = context;
    static char trace[8];
    static char *one[] = { trace, "1" }, *two[] = { trace, "2" }, *three[] = { trace, "3" };
    *trace = 0;
    arena_defer(&scene->arena, append_digit, one);
    arena_defer(&scene->arena, append_digit, two);
    arena_defer(&scene->arena, append_digit, three);
    arena_close(&scene->arena);
    assert_string_equal(trace, "321");
    assert_string_equal(arena_copy_text(&scene->arena, "again"), "again");
    return true;
}

static void what_was_deferred_runs_last_first_and_the_arena_opens_again(void **state)
{
    (void)state;
    struct memory memory = { 0 };
    struct scene scene = { .memory = &memory };
    arena_open(&scene.arena, &memory);
    assert_true(guarded(&memory, defer_three, &scene, NULL));
    arena_close(&scene.arena);
    assert_int_equal(memory.used, 0);
}

static bool grow_and_align(void *context, struct bnfuse_error *error)
{
    (void)error;
    struct arena *arena = &((struct scene *)context)->arena;
    int32_t *numbers = NEW_ARRAY(arena, int32_t, 3);
    for (int i = 0; i < 3; i++) numbers[i] = i + 1;
    int32_t *more = arena_grow(arena, numbers, 3, 5, sizeof *numbers);
    assert_memory_equal(more, ((int32_t[]){ 1, 2, 3, 0, 0 }), 5 * sizeof *more);
    assert_int_equal(numbers[2], 3);
    assert_non_null(arena_grow(arena, NULL, 0, 0, 8));
    for (size_t size = 0; size < 70; size++)
        assert_int_equal((uintptr_t)arena_alloc(arena, size) % (size && size % 16 == 0 ? 16 : 8), 0);
    assert_string_equal(arena_printf(arena, "%s-%d", "x", 12), "x-12");
    return true;
}

static void allocations_are_aligned_and_grow_by_copy(void **state)
{
    (void)state;
    struct memory memory = { 0 };
    struct scene scene = { .memory = &memory };
    arena_open(&scene.arena, &memory);
    assert_true(guarded(&memory, grow_and_align, &scene, NULL));
    arena_close(&scene.arena);
}

static void sizes_that_wrap_or_are_negative_are_refused(void **state)
{
    (void)state;
    int64_t result = 77;
    assert_false(size_multiply(INT64_MAX, 2, &result));
    assert_false(size_multiply(-1, 2, &result));
    assert_false(size_multiply(2, -1, &result));
    assert_false(size_add(INT64_MAX, 1, &result));
    assert_false(size_add(-1, 1, &result));
    assert_int_equal(result, 77);
    assert_true(size_multiply(3, 5, &result));
    assert_int_equal(result, 15);
    assert_true(size_add(3, 5, &result));
    assert_int_equal(result, 8);
}

static bool clear_again_and_again(void *context, struct bnfuse_error *error)
{
    struct scene *scene = context;
    struct arena *scratch = arena_scratch(&scene->arena);
    size_t most = 0;
    (void)error;
    for (int round = 0; round < 50; round++) {
        unsigned char *bytes = arena_alloc(scratch, 1000);
        for (int i = 0; i < 1000; i++) assert_int_equal(bytes[i], 0);
        memset(bytes, 0xa5, 1000);
        arena_defer(scratch, count_release, scene);
        arena_alloc(scratch, 3 << 20);
        if (!round) most = scene->memory->used;
        assert_true(scene->memory->used <= most);
        arena_clear(scratch);
        assert_int_equal(scene->released, round + 1);
        assert_true(scene->memory->used < 3 << 20);
    }
    arena_alloc(scratch, 100);
    arena_clear(scratch);
    /* What spilled over several blocks fits those that were kept, and holds what it held but for what is zeroed. */
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 9; i++) memset(arena_room(scratch, 100, 1000), 0xa5, 100000);
        const unsigned char *zeroed = arena_array(scratch, 100, 1000);
        for (int i = 0; i < 100000; i++) assert_int_equal(zeroed[i], 0);
        if (!round) most = scene->memory->used;
        assert_int_equal(scene->memory->used, most);
        arena_clear(scratch);
    }
    return true;
}

static void a_cleared_arena_is_empty_and_zeroed(void **state)
{
    (void)state;
    struct memory memory = { 0 };
    struct scene scene = { .memory = &memory };
    arena_open(&scene.arena, &memory);
    assert_true(guarded(&memory, clear_again_and_again, &scene, NULL));
    arena_close(&scene.arena);
    assert_int_equal(memory.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(an_error_of_the_work_passes_through),
        cmocka_unit_test(the_innermost_guard_catches_then_the_outer_one),
        cmocka_unit_test(a_size_no_machine_has_is_an_error),
        cmocka_unit_test(an_array_whose_size_wraps_is_an_error),
        cmocka_unit_test(taken_blocks_count_against_the_limit),
        cmocka_unit_test(pieces_of_large_pages_are_apart_and_cleared_and_taken_again),
        cmocka_unit_test(what_was_deferred_runs_last_first_and_the_arena_opens_again),
        cmocka_unit_test(a_cleared_arena_is_empty_and_zeroed),
        cmocka_unit_test(allocations_are_aligned_and_grow_by_copy),
        cmocka_unit_test(sizes_that_wrap_or_are_negative_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
