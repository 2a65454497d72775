/* SPDX-License-Identifier: Apache-2.0
 *
 * Teams: every piece is done once, by whoever comes, and nobody is left behind. */
#include "runtime/team.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MOST 5000

struct tally {
    int members;
    unsigned char done[MOST];
};

static void count_pieces(const void *context, int64_t first, int64_t end, int member)
{
    struct tally *tally = *(struct tally *const *)context;
    if (member < 0 || member >= tally->members) return;
    for (int64_t i = first; i < end; i++) tally->done[i]++;
}

static void run_and_check(struct team *team, int64_t count, int64_t piece)
{
    struct tally tally = { .members = team_members(team) }, *context = &tally;
    team_run(team, count, piece, count_pieces, &context);
    for (int64_t i = 0; i < count; i++) assert_int_equal(tally.done[i], 1);
    for (int64_t i = count; i < MOST; i++) assert_int_equal(tally.done[i], 0);
}

static void every_piece_is_done_once(void **state)
{
    (void)state;
    for (int members = 1; members <= 5; members++) {
        struct memory memory = { 0 };
        struct arena arena;
        arena_open(&arena, &memory);
        struct team *team = team_open(&arena, members);
        for (int64_t count = 0; count < MOST; count = count * 3 + 1)
            for (int64_t piece = 0; piece < 20; piece += 7) run_and_check(team, count, piece);
        arena_close(&arena);
        assert_int_equal(memory.used, 0);
    }
}

/* Helpers that come late to many short jobs must not take pieces of the next one for the last one's. */
static void jobs_follow_each_other_at_once(void **state)
{
    (void)state;
    struct memory memory = { 0 };
    struct arena arena;
    arena_open(&arena, &memory);
    struct team *team = team_open(&arena, 4);
    for (int i = 0; i < 2000; i++) run_and_check(team, 3 + i % 11, 1);
    arena_close(&arena);
}

static void without_a_team_the_caller_does_it_all(void **state)
{
    (void)state;
    assert_int_equal(team_members(NULL), 1);
    run_and_check(NULL, 100, 3);
}

static void a_team_that_never_worked_closes(void **state)
{
    (void)state;
    struct memory memory = { 0 };
    struct arena arena;
    arena_open(&arena, &memory);
    assert_int_equal(team_members(team_open(&arena, 3)), 3);
    assert_int_equal(team_members(team_open(&arena, -1)), 1);
    arena_close(&arena);
}

static void little_work_stays_in_one_piece(void **state)
{
    (void)state;
    assert_int_equal(team_piece(10, 100), 10);
    assert_int_equal(team_piece(10, 100000000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_piece_is_done_once),
        cmocka_unit_test(jobs_follow_each_other_at_once),
        cmocka_unit_test(without_a_team_the_caller_does_it_all),
        cmocka_unit_test(a_team_that_never_worked_closes),
        cmocka_unit_test(little_work_stays_in_one_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
