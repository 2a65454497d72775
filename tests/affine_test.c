/* SPDX-License-Identifier: Apache-2.0
 *
 * The algebra of affines, and above all where a channel axis goes in a Reshape: every answer is held against the
 * elements themselves, for all small shapes. */
#include "passes/algebra/affine.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct memory memory;
static struct arena arena;

static int open_arena(void **state)
{
    (void)state;
    memory = (struct memory){ 0 };
    arena_open(&arena, &memory);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    arena_close(&arena);
    return 0;
}

static struct affine *ramp(int axis, int64_t channels, int64_t period)
{
    double *scale, *shift;
    struct affine *a = affine_blank(&arena, axis, channels, &scale, &shift);
    for (int64_t c = 0; c < channels; c++) {
        scale[c] = (double)(2 + c % period);
        shift[c] = (double)(-1 - c % period);
    }
    return a;
}

static struct shape shape_of(struct dim *dims, const int64_t *sizes, int rank)
{
    for (int i = 0; i < rank; i++) dims[i] = (struct dim){ sizes[i], 0 };
    return (struct shape){ rank, dims };
}

/* Where element `flat` of a tensor of these dims stands along an axis. */
static int64_t place_along(int axis, const int64_t *dims, int rank, int64_t flat)
{
    int64_t inner = 1;
    for (int i = axis + 1; i < rank; i++) inner *= dims[i];
    return flat / inner % dims[axis];
}

/* Which channel of `a` element `flat` of a tensor of these dims belongs to. */
static int64_t channel_at(const struct affine *a, const int64_t *dims, int rank, int64_t flat)
{
    int64_t channel = 0, channels = 1;
    if (a->axis == AXIS_ANY) return 0;
    if (a->axis != AXIS_SEVERAL) {
        assert_true(a->axis < rank && dims[a->axis] == a->channels);
        return place_along(a->axis, dims, rank, flat);
    }
    assert_true(a->spread->count > 1);
    for (int i = 0; i < a->spread->count; i++) {
        int axis = a->spread->axes[i];
        assert_true(axis < rank && dims[axis] == a->spread->sizes[i]);
        channel = channel * dims[axis] + place_along(axis, dims, rank, flat);
        channels *= dims[axis];
    }
    assert_int_equal(channels, a->channels);
    return channel;
}

static void same_on_all_elements(const struct affine *a, const int64_t *from, int from_rank, const struct affine *b,
                                 const int64_t *to, int to_rank)
{
    int64_t count = 1;
    for (int i = 0; i < from_rank; i++) count *= from[i];
    for (int64_t i = 0; i < count; i++) {
        int64_t x = channel_at(a, from, from_rank, i), y = channel_at(b, to, to_rank, i);
        assert_true(a->scale[x] == b->scale[y] && a->shift[x] == b->shift[y]);
    }
}

/* All ways to write `count` as a product of `rank` sizes, one after the other. */
static bool next_factors(int64_t *dims, int rank, int64_t count)
{
    for (;;) {
        int at = rank - 1;
        while (at >= 0 && dims[at] == count) dims[at--] = 1;
        if (at < 0) return false;
        dims[at]++;
        int64_t product = 1;
        for (int i = 0; i < rank; i++) product *= dims[i];
        if (product == count) return true;
    }
}

static void a_reshaped_affine_is_the_same_on_every_element(void **state)
{
    static const int64_t counts[] = { 1, 4, 6, 8, 12 };
    int found = 0;
    (void)state;
    for (size_t n = 0; n < 5; n++)
        for (int from_rank = 2; from_rank <= 4; from_rank++)
            for (int to_rank = 1; to_rank <= 3; to_rank++) {
                int64_t from[4] = { 1, 1, 1, 1 }, to[4];
                from[from_rank - 1] = 0;
                while (next_factors(from, from_rank, counts[n])) {
                    for (int i = 0; i < to_rank; i++) to[i] = 1;
                    to[to_rank - 1] = 0;
                    while (next_factors(to, to_rank, counts[n]))
                        for (int64_t period = 1; period <= from[1]; period++) {
                            struct dim from_dims[4], to_dims[4];
                            struct shape f = shape_of(from_dims, from, from_rank), t = shape_of(to_dims, to, to_rank);
                            struct affine *a = ramp(1, from[1], period);
                            bool varies;
                            struct affine *b = affine_reshaped(&arena, a, &f, &t, &varies);
                            if (!b) continue;
                            found++;
                            same_on_all_elements(a, from, from_rank, b, to, to_rank);
                        }
                }
            }
    assert_true(found > 1000);
}

/* The affine of `a` on a tensor of these dims after the last two axes are exchanged. */
static struct affine *exchanged(const struct affine *a, int rank)
{
    struct axis_set set = *a->spread;
    for (int i = 0; i < set.count; i++)
        if (set.axes[i] >= rank - 2) set.axes[i] = 2 * rank - 3 - set.axes[i];
    return affine_over(&arena, a, &set);
}

/* Elements in their order after the exchange, where they stood before. */
static int64_t before_exchange(const int64_t *dims, int rank, int64_t flat)
{
    int64_t rows = dims[rank - 2], columns = dims[rank - 1], page = flat / (rows * columns),
            rest = flat % (rows * columns);
    return page * rows * columns + rest % rows * columns + rest / rows;
}

static void axes_that_were_split_may_change_places_and_merge(void **state)
{
    static const int64_t from[] = { 2, 12, 1 };
    int found = 0, spread = 0;
    (void)state;
    for (int rank = 2; rank <= 4; rank++)
        for (int last_rank = 1; last_rank <= 3; last_rank++) {
            int64_t middle[4] = { 1, 1, 1, 1 }, to[4];
            middle[rank - 1] = 0;
            while (next_factors(middle, rank, 24)) {
                struct dim from_dims[4], middle_dims[4], swapped_dims[4], to_dims[4];
                struct shape f = shape_of(from_dims, from, 3), m = shape_of(middle_dims, middle, rank);
                struct affine *a = ramp(1, 12, 12);
                bool varies;
                const struct affine *b = affine_reshaped(&arena, a, &f, &m, &varies);
                if (!b || b->axis != AXIS_SEVERAL) continue;
                spread++;
                int64_t swapped[4];
                memcpy(swapped, middle, sizeof swapped);
                swapped[rank - 2] = middle[rank - 1];
                swapped[rank - 1] = middle[rank - 2];
                struct shape s = shape_of(swapped_dims, swapped, rank);
                for (int i = 0; i < last_rank; i++) to[i] = 1;
                to[last_rank - 1] = 0;
                while (next_factors(to, last_rank, 24)) {
                    struct shape t = shape_of(to_dims, to, last_rank);
                    const struct affine *c = affine_reshaped(&arena, exchanged(b, rank), &s, &t, &varies);
                    if (!c) continue;
                    found++;
                    for (int64_t i = 0; i < 24; i++) {
                        int64_t x = channel_at(a, from, 3, before_exchange(middle, rank, i));
                        int64_t y = channel_at(c, to, last_rank, i);
                        assert_true(a->scale[x] == c->scale[y] && a->shift[x] == c->shift[y]);
                    }
                }
            }
        }
    assert_true(spread > 50 && found > 200);
}

/* Sizes behind symbols: what is proven must hold for every size the symbol may have. */
static void a_symbol_is_never_taken_for_a_size(void **state)
{
    static const struct {
        struct dim from[4], to[4];
        int from_rank, to_rank, axis; /* axis: where the channels go; -3: not provable */
    } cases[] = {
        { { { -1, 1 }, { 4, 0 }, { -1, 2 }, { -1, 3 } }, { { -1, 1 }, { 4, 0 }, { -1, 0 } }, 4, 3, 1 },
        { { { -1, 1 }, { 4, 0 }, { -1, 2 }, { -1, 2 } }, { { -1, 2 }, { 4, 0 }, { -1, 1 }, { -1, 2 } }, 4, 4, -3 },
        { { { -1, 1 }, { 4, 0 }, { -1, 2 }, { -1, 3 } }, { { -1, 1 }, { -1, 0 }, { 4, 0 } }, 4, 3, -3 },
        { { { -1, 0 }, { 4, 0 }, { -1, 0 } }, { { -1, 0 }, { 4, 0 }, { -1, 0 } }, 3, 3, -3 },
        { { { -1, 1 }, { 4, 0 }, { 3, 0 }, { 3, 0 } }, { { -1, 1 }, { 36, 0 } }, 4, 2, 1 },
        { { { -1, 1 }, { -1, 2 }, { 4, 0 } }, { { -1, 0 }, { 4, 0 } }, 3, 2, -3 },
        { { { 4, 0 }, { 4, 0 }, { 4, 0 } }, { { 4, 0 }, { 16, 0 } }, 3, 2, 1 },
        { { { -1, 1 }, { 4, 0 }, { -1, 2 } }, { { -1, 1 }, { 2, 0 }, { 2, 0 }, { -1, 2 } }, 3, 4, AXIS_SEVERAL },
        { { { -1, 1 }, { 4, 0 }, { -1, 2 } }, { { -1, 1 }, { 2, 0 }, { 2, 0 }, { -1, 3 } }, 3, 4, AXIS_SEVERAL },
        { { { -1, 1 }, { 4, 0 }, { -1, 2 } }, { { -1, 0 }, { 2, 0 }, { 2, 0 }, { -1, 0 } }, 3, 4, -3 },
        { { { -1, 1 }, { 4, 0 } }, { { 4, 0 }, { -1, 1 } }, 2, 2, -3 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct dim from_dims[4], to_dims[4];
        memcpy(from_dims, cases[i].from, sizeof from_dims);
        memcpy(to_dims, cases[i].to, sizeof to_dims);
        struct shape from = { cases[i].from_rank, from_dims }, to = { cases[i].to_rank, to_dims };
        bool varies;
        struct affine *b = affine_reshaped(&arena, ramp(1, 4, 4), &from, &to, &varies);
        assert_int_equal(b ? b->axis : -3, cases[i].axis);
    }
}

static void composition_is_application_in_order(void **state)
{
    struct affine *first = ramp(1, 3, 3), *second = ramp(1, 3, 2), *any = ramp(AXIS_ANY, 1, 1);
    (void)state;
    const struct affine *both = affine_compose(&arena, first, second), *wide = affine_compose(&arena, any, first);
    for (int c = 0; c < 3; c++) {
        double x = 0.75, y = first->scale[c] * x + first->shift[c];
        assert_true(both->scale[c] * x + both->shift[c] == second->scale[c] * y + second->shift[c]);
        y = any->scale[0] * x + any->shift[0];
        assert_true(wide->scale[c] * x + wide->shift[c] == first->scale[c] * y + first->shift[c]);
    }
    assert_null(affine_compose(&arena, first, ramp(2, 3, 3)));
    assert_null(affine_compose(&arena, first, ramp(1, 4, 4)));
}

static struct affine *spread_ramp(void)
{
    struct axis_set *set = NEW(&arena, struct axis_set);
    struct affine *a = ramp(1, 6, 6);
    *set = (struct axis_set){ .count = 2, .axes = { 1, 2 }, .sizes = { 2, 3 } };
    return affine_over(&arena, a, set);
}

/* Of affines over several axes no sum is made, and one of two composed may be such. */
static void what_does_not_go_together_is_none(void **state)
{
    const struct affine *a = ramp(1, 6, 6), *spread = spread_ramp(), *any = ramp(AXIS_ANY, 1, 1);
    (void)state;
    assert_true(affine_is_equal(a, ramp(1, 6, 6)));
    assert_false(affine_is_equal(a, ramp(2, 6, 6)));
    assert_false(affine_is_equal(a, ramp(1, 5, 6)));
    assert_false(affine_is_equal(a, ramp(1, 6, 5)));
    assert_false(affine_is_equal(spread, spread) || affine_is_equal(spread, spread_ramp()));
    assert_null(affine_compose(&arena, spread, spread_ramp()));
    assert_non_null(affine_compose(&arena, spread, any));
    assert_null(affine_sum(&arena, spread, 1, any));
    assert_null(affine_sum(&arena, any, 1, spread));
    assert_null(affine_sum(&arena, a, 1, ramp(2, 6, 6)));
    assert_null(affine_along(&arena, any, 1, MOST_CHANNELS + 1));
    assert_non_null(affine_along(&arena, any, 1, 5));
    const struct affine *difference = affine_sum(&arena, a, -1, any);
    for (int c = 0; c < 6; c++)
        assert_true(difference->scale[c] == a->scale[c] - any->scale[0] && difference->shift[c] == a->shift[c] + 1);
}

/* Sizes whose products do not fit are sizes that nothing is known of. */
static void a_reshape_beyond_all_bounds_moves_nothing(void **state)
{
    bool varies;
    struct dim from[4], to[4];
    (void)state;
    const struct shape a = shape_of(from, (int64_t[]){ 1, 6, INT64_MAX / 2, 4 }, 4);
    const struct shape b = shape_of(to, (int64_t[]){ 1, 3, INT64_MAX / 2, 8 }, 4);
    assert_null(affine_reshaped(&arena, ramp(1, 6, 6), &a, &b, &varies));
    const struct shape none = { -1, NULL };
    assert_null(affine_reshaped(&arena, ramp(1, 6, 6), &none, &b, &varies));
    assert_null(affine_reshaped(&arena, ramp(1, 6, 6), &a, &none, &varies));
    assert_null(affine_reshaped(&arena, ramp(4, 6, 6), &a, &b, &varies));
    assert_null(affine_uniform(&arena, ramp(1, 0, 1)));
    assert_null(affine_reshaped(&arena, ramp(1, 0, 1), &a, &b, &varies));
}

static void only_equal_channels_are_uniform(void **state)
{
    (void)state;
    assert_null(affine_uniform(&arena, ramp(1, 3, 2)));
    const struct affine *one = affine_uniform(&arena, ramp(1, 3, 1));
    assert_int_equal(one->axis, AXIS_ANY);
    assert_int_equal(one->channels, 1);
    assert_true(one->scale[0] == 2 && one->shift[0] == -1);
}

static void what_is_not_finite_is_named_by_its_channel(void **state)
{
    double *scale, *shift;
    (void)state;
    struct affine *a = affine_blank(&arena, 1, 3, &scale, &shift);
    for (int c = 0; c < 3; c++) scale[c] = shift[c] = 0;
    assert_int_equal(affine_not_finite(a), -1);
    shift[2] = 1.0 / 0.0;
    assert_int_equal(affine_not_finite(a), 2);
    scale[1] = 0.0 / 0.0;
    assert_int_equal(affine_not_finite(a), 1);
}

/* In every place of a vector, whatever stands beside it. */
static void one_channel_is_enough_for_a_scale_or_a_shift(void **state)
{
    (void)state;
    static const double scales[] = { -1, 0, 1 + 2.3e-16, 1 - 1.2e-16 }, shifts[] = { 5e-324, -5e-324, 1 };
    for (int64_t channels = 1; channels < 35; channels++)
        for (int64_t c = 0; c < channels; c++) {
            double *scale, *shift;
            const struct affine *a = affine_blank(&arena, 1, channels, &scale, &shift);
            for (int64_t i = 0; i < channels; i++) {
                scale[i] = 1;
                shift[i] = i % 2 ? -0.0 : 0;
            }
            assert_true(affine_is_identity(a));
            for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
                scale[c] = scales[i];
                assert_true(affine_has_scale(a) && !affine_has_shift(a) && !affine_is_identity(a));
            }
            scale[c] = 1;
            for (size_t i = 0; i < sizeof shifts / sizeof *shifts; i++) {
                shift[c] = shifts[i];
                assert_true(affine_has_shift(a) && !affine_has_scale(a) && !affine_is_identity(a));
            }
            shift[c] = -HUGE_VAL;
            assert_int_equal(affine_not_finite(a), c);
            shift[c] = 0;
            scale[c] = NAN;
            assert_int_equal(affine_not_finite(a), c);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_reshaped_affine_is_the_same_on_every_element, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(axes_that_were_split_may_change_places_and_merge, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(a_symbol_is_never_taken_for_a_size, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(composition_is_application_in_order, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(what_does_not_go_together_is_none, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(a_reshape_beyond_all_bounds_moves_nothing, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(only_equal_channels_are_uniform, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(what_is_not_finite_is_named_by_its_channel, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(one_channel_is_enough_for_a_scale_or_a_shift, open_arena, close_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
