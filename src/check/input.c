/* SPDX-License-Identifier: Apache-2.0
 *
 * Random inputs. A dim is, in this order: what --shape says, what the model says, what --dim says of its name, what
 * follows from the dims of other inputs, what a reader needs (a Conv knows its channels), a guess. */
#include "check/input.h"

#include "check/footprint.h"
#include "check/threshold.h"
#include "onnx/graph/attr.h"
#include "onnx/graph/need.h"
#include "onnx/graph/operator.h"
#include "onnx/shape/infer.h"
#include "onnx/shape/symbol.h"
#include "runtime/ops/random.h"

#include <math.h>
#include <string.h>

const struct guess guesses[] = {
    { 2, 224, 32, 16 }, { 1, 224, 32, 16 },   { 2, 64, 8, 4 },      { 1, 64, 16, 1 }, { 1, 32, 4, 8 },
    { 1, 256, 64, 32 }, { 1, 128, 128, 128 }, { 1, 512, 256, 256 }, { 1, 28, 1, 64 }, { 1, 8, 2, 2 },
    { 1, 1, 1, 1 },     { 1, 64, 8, 512 },    { 2, 64, 8, 4096 },
};
const size_t guess_count = sizeof guesses / sizeof *guesses;

void chooser_open(struct chooser *chooser, struct arena *arena, const struct check_options *options,
                  const struct symbols *symbols, const struct guess *guess)
{
    static const struct draw normal = { .name = "normal", .scale = 1, .rounds = 2 };
    *chooser =
        (struct chooser){ .arena = arena, .options = options, .terms = symbols, .guess = guess, .draw = &normal };
    chooser->sizes.arena = arena;
}

/* ---- dims ---- */

/* Keys of the map of sizes: a symbol, and an unknown that a symbol is no more than. */
static const void *symbol_key(int symbol)
{
    return (const void *)(uintptr_t)(2 * (uint64_t)(unsigned)symbol);
}

static const void *unknown_key(int unknown)
{
    return (const void *)(uintptr_t)(2 * (uint64_t)(unsigned)unknown + 1);
}

static void remember(struct chooser *chooser, const void *key, int64_t size)
{
    if (pointer_map_get(&chooser->sizes, key)) return;
    int64_t *known = NEW(chooser->arena, int64_t);
    *known = size;
    pointer_map_set(&chooser->sizes, key, known);
}

static void remember_symbol(struct chooser *chooser, int symbol, int64_t size)
{
    if (!symbol) return;
    const int unknown = chooser->terms ? symbol_unknown(chooser->terms, symbol) : 0;
    remember(chooser, symbol_key(symbol), size);
    if (unknown) remember(chooser, unknown_key(unknown), size);
}

static bool size_of_unknown(void *context, int unknown, int64_t *size)
{
    struct chooser *chooser = context;
    const int64_t *known = pointer_map_get(&chooser->sizes, unknown_key(unknown));
    if (!known && chooser->invented > 0) remember(chooser, unknown_key(unknown), chooser->invented);
    *size = known ? *known : chooser->invented;
    return *size > 0 || known;
}

/* A size that is computed from others follows from them. */
static int64_t recall_symbol(struct chooser *chooser, int symbol)
{
    int64_t size;
    const int64_t *known = symbol ? pointer_map_get(&chooser->sizes, symbol_key(symbol)) : NULL;
    if (known) return *known;
    return chooser->terms && symbol_evaluate(chooser->terms, symbol, size_of_unknown, chooser, &size) && size > 0 ? size
                                                                                                                  : -1;
}

void chooser_learn(struct chooser *chooser, const struct value *value, int rank, const int64_t *dims)
{
    for (int axis = 0; value->shape.rank == rank && axis < rank; axis++)
        remember_symbol(chooser, value->shape.dims[axis].symbol, dims[axis]);
}

static int64_t named_size(const struct check_options *options, const char *name)
{
    for (size_t i = 0; name && i < options->asked.dim_count; i++)
        if (strcmp(options->asked.dims[i].name, name) == 0) return options->asked.dims[i].size;
    return -1;
}

static int needed_rank(const struct value *value)
{
    for (const struct use *use = value->uses; use; use = use->next)
        if (use_needs_rank(use) > 0) return use_needs_rank(use);
    return 4;
}

static int64_t needed_size(const struct value *value, int rank, int axis)
{
    int64_t size = -1;
    for (const struct use *use = value->uses; use && size < 0; use = use->next) size = use_needs_size(use, rank, axis);
    return size;
}

/* The second axis of a state [layers, batch, width] is the batch. */
static bool is_batch(const struct value *value, int rank, int axis)
{
    const struct dim *dims = value->shape.dims;
    bool is_state = rank == 3 && value->shape.rank == 3 && dims[0].size > 0 && dims[2].size > 0;
    return axis == 0 || (axis == 1 && is_state);
}

/* A volume gets about as many elements as an image, though no fewer than 64 along an axis. */
static int64_t volume_side(int64_t side, int axes)
{
    int64_t n = side;
    while (n > 64 && pow((double)n, axes) > (double)side * (double)side) n -= n / 8;
    return n;
}

static int64_t guessed_size(const struct chooser *chooser, const struct value *value, const int64_t *dims, int rank,
                            int axis)
{
    if (is_batch(value, rank, axis)) return chooser->guess->batch;
    if (rank < 4) return chooser->guess->length;
    if (axis == 1) return 3;
    return volume_side(dims[1] <= 4 ? chooser->guess->image : chooser->guess->map, rank - 2);
}

static int64_t clipped_size(const struct chooser *chooser, int64_t size, int rank, int axis)
{
    const struct footprint *footprint = chooser->footprint;
    bool is_image = chooser->clip == CLIP_IMAGES && rank >= 4;
    switch (chooser->clip) {
    case CLIP_IMAGES:
    case CLIP_UNPINNED:
        if (is_image ? axis == 1 : footprint_pins(footprint, size)) return size;
        if (is_image && axis == 0 && size > 2) return 2;
        return footprint_size(footprint, size);
    case CLIP_BUT_SECOND: return axis != 1 && size > CLIPPED ? CLIPPED : size;
    case CLIP_BUT_LAST: return axis != rank - 1 && size > CLIPPED ? CLIPPED : size;
    case CLIP_ROWS: return axis == 0 && rank > 1 && size > MANY_ROWS ? CLIPPED : size;
    case CLIP_NONE: break;
    }
    return size;
}

/* The unknowns that the dim is computed from become four times as large as the dim would, as strides may lie
 * between. */
static int64_t invented_size(struct chooser *chooser, int symbol, int64_t size)
{
    chooser->invented = 4 * size;
    int64_t followed = recall_symbol(chooser, symbol);
    chooser->invented = 0;
    return followed;
}

static int64_t chosen_size(struct chooser *chooser, const struct value *value, const int64_t *dims, int rank, int axis)
{
    struct dim dim = value->shape.rank == rank ? value->shape.dims[axis] : (struct dim){ -1, 0 };
    int64_t size = dim.size > 0 ? dim.size : named_size(chooser->options, value_dim_name(value, axis));
    int64_t followed = size < 0 ? recall_symbol(chooser, dim.symbol) : -1;
    if (followed >= 0) return followed;
    bool is_open = size < 0 && (size = needed_size(value, rank, axis)) < 0;
    if (is_open) size = guessed_size(chooser, value, dims, rank, axis);
    int64_t clipped = clipped_size(chooser, size, rank, axis);
    chooser->clipped |= clipped != size;
    chooser->guessed |= is_open;
    bool is_computed = is_open && symbol_is_computed(chooser->terms, dim.symbol);
    chooser->computed |= is_computed;
    if (is_computed && chooser->invents) followed = invented_size(chooser, dim.symbol, clipped);
    if (followed >= 0) return followed;
    remember_symbol(chooser, dim.symbol, clipped);
    return clipped;
}

static int choose_dims(struct chooser *chooser, const struct value *value, int64_t *dims)
{
    const struct check_options *options = chooser->options;
    for (size_t i = 0; i < options->asked.shape_count; i++) {
        const struct bnfuse_shape *choice = &options->asked.shapes[i];
        if (strcmp(choice->name, value->name) != 0) continue;
        memcpy(dims, choice->dims, (size_t)choice->rank * sizeof *dims);
        chooser_learn(chooser, value, choice->rank, dims);
        return choice->rank;
    }
    int rank = value->shape.rank >= 0 ? value->shape.rank : needed_rank(value);
    if (rank > TENSOR_MAX_RANK) rank = TENSOR_MAX_RANK;
    for (int axis = 0; axis < rank; axis++) dims[axis] = chosen_size(chooser, value, dims, rank, axis);
    return rank;
}

/* ---- what their readers can take ---- */

/* Of whole numbers, where `high` is a limit at all; and of real ones. */
struct range {
    int64_t low, high;
    struct interval real;
};

#define UNLIMITED               \
    {                           \
        INT64_MIN, INT64_MAX,   \
        {                       \
            -INFINITY, INFINITY \
        }                       \
    }

static void limit(struct range *range, int64_t low, int64_t high)
{
    if (high < low) high = low;
    if (low > range->low) range->low = low;
    if (high < range->high) range->high = high;
    if (range->high < range->low) range->high = range->low;
}

static int64_t input_dim(const struct node *node, size_t slot, int64_t axis)
{
    const struct value *value = node_input(node, slot);
    if (!value || value->shape.rank <= 0) return -1;
    if (axis < 0) axis += value->shape.rank;
    return axis >= 0 && axis < value->shape.rank ? value->shape.dims[axis].size : -1;
}

static void limit_index_along_axis(struct chooser *chooser, const struct node *node, struct range *range)
{
    (void)chooser;
    int64_t size = input_dim(node, 0, node_int(node, "axis", 0));
    limit(range, 0, size > 0 ? size - 1 : 0);
}

static void limit_index_of_all_axes(struct chooser *chooser, const struct node *node, struct range *range)
{
    (void)chooser;
    const struct value *data = node_input(node, 0);
    int64_t least = data && data->shape.rank > 0 ? INT64_MAX : 1;
    for (int axis = 0; data && axis < data->shape.rank; axis++)
        if (data->shape.dims[axis].size < least) least = data->shape.dims[axis].size;
    limit(range, 0, least > 0 ? least - 1 : 0);
}

static void limit_depth(struct chooser *chooser, const struct node *node, struct range *range)
{
    struct value *depth = node_input(node, 1);
    const struct tensor *constant = value_constant(depth);
    double size = 1;
    if (constant && constant->count > 0 && !tensor_read_real(constant, 0, 1, &size, NULL)) size = 1;
    (void)chooser;
    limit(range, 0, size >= 1 && size < 1e9 ? (int64_t)size - 1 : 0);
}

static void limit_sequence_length(struct chooser *chooser, const struct node *node, struct range *range)
{
    const struct value *sequence = node_input(node, 0);
    int64_t dims[TENSOR_MAX_RANK];
    int rank = sequence ? choose_dims(chooser, sequence, dims) : 0;
    limit(range, 1, rank > 0 ? dims[0] : 1);
}

static void limit_to_two(struct chooser *chooser, const struct node *node, struct range *range)
{
    (void)chooser;
    (void)node;
    limit(range, 2, 2);
}

static void limit_to_rounds(struct chooser *chooser, const struct node *node, struct range *range)
{
    (void)node;
    limit(range, chooser->draw->rounds, chooser->draw->rounds);
}

static void limit_to_zero(struct chooser *chooser, const struct node *node, struct range *range)
{
    (void)chooser;
    (void)node;
    limit(range, 0, 0);
}

static void look_beyond(struct chooser *chooser, int draws)
{
    if (draws > chooser->beyond) chooser->beyond = draws;
}

/* A factor of sizes: 1 keeps them, and with them every model runs. */
static void limit_to_one(struct chooser *chooser, const struct node *node, struct range *range)
{
    (void)node;
    limit(range, 1, chooser->draw->is_anything ? 2 : 1);
    look_beyond(chooser, 2);
}

/* Far enough from zero to be divided by. */
static void limit_to_positive(struct chooser *chooser, const struct node *node, struct range *range)
{
    (void)chooser;
    (void)node;
    range->real.low = fmax(range->real.low, 0x1p-6);
}

static void limit_to_share(struct chooser *chooser, const struct node *node, struct range *range)
{
    (void)chooser;
    (void)node;
    range->real.low = fmax(range->real.low, 0);
    range->real.high = fmin(range->real.high, 1);
}

/* By enum number_limit. */
static void (*const narrow[])(struct chooser *chooser, const struct node *node, struct range *range) = {
    [LIMIT_INDEX] = limit_index_along_axis,
    [LIMIT_ANY_INDEX] = limit_index_of_all_axes,
    [LIMIT_DEPTH] = limit_depth,
    [LIMIT_LENGTH] = limit_sequence_length,
    [LIMIT_ZERO] = limit_to_zero,
    [LIMIT_ONE] = limit_to_one,
    [LIMIT_TWO] = limit_to_two,
    [LIMIT_ROUNDS] = limit_to_rounds,
    [LIMIT_POSITIVE] = limit_to_positive,
    [LIMIT_SHARE] = limit_to_share,
};

/* Whether the reader limits it at all. */
static bool narrow_by_reader(struct chooser *chooser, const struct use *use, struct range *range)
{
    if (!use->node->row || use->slot >= LIMITED_SLOTS || !use->node->row->limits[use->slot]) return false;
    narrow[use->node->row->limits[use->slot]](chooser, use->node, range);
    return true;
}

static struct range range_of_type(enum dtype type)
{
    switch (type) {
    case DTYPE_UINT8: return (struct range){ .low = 0, .high = 255 };
    case DTYPE_INT8: return (struct range){ .low = -128, .high = 127 };
    default: return (struct range){ .low = 0, .high = 1 };
    }
}

/* Follows the value through what only moves it, and narrows the range at every reader with limits. False where whole
 * numbers have none. */
static bool find_range(struct chooser *chooser, const struct value *value, struct range *found)
{
    *found = (struct range)UNLIMITED;
    struct followed followed = { .count = 0 };
    bool limited = false;
    if (chooser->unlimited && pointer_map_get(chooser->unlimited, value)) return false;
    follow(&followed, value);
    for (size_t done = 0; done < followed.count; done++)
        for (const struct use *use = followed.values[done]->uses; use; use = use->next) {
            if (!use->node) continue;
            limited |= narrow_by_reader(chooser, use, found);
            follow_use(&followed, use);
        }
    if (chooser->unlimited && !limited) pointer_map_set(chooser->unlimited, value, chooser);
    return found->low > INT64_MIN && found->high < INT64_MAX;
}

/* Mirrored at the limit that it is beyond; taken around where there are two. */
static double fold_into(const struct interval *limits, double number)
{
    if (number >= limits->low && number <= limits->high) return number;
    if (isfinite(limits->low) && isfinite(limits->high)) {
        double part = fabs(number) - floor(fabs(number));
        return limits->low + part * (limits->high - limits->low);
    }
    return isfinite(limits->low) ? 2 * limits->low - number : 2 * limits->high - number;
}

/* ---- numbers ---- */

/* Four 16-bit uniform numbers at a time; twelve have variance 1. */
static double next_normal(uint64_t *state)
{
    int64_t sum = 0;
    for (int i = 0; i < 3; i++) {
        uint64_t bits = random_bits(state);
        for (int k = 0; k < 4; k++, bits >>= 16) sum += (int64_t)(bits & 0xffff);
    }
    return (double)(sum - 6 * 65535) / 65536;
}

static uint64_t state_of(uint64_t seed, const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    return hash ^ seed * UINT64_C(0x2545f4914f6cdd1d);
}

void random_normal(double *numbers, int64_t count, uint64_t seed, const char *name)
{
    uint64_t state = state_of(seed, name);
    for (int64_t i = 0; i < count; i++) numbers[i] = next_normal(&state);
}

static void draw_whole(const struct range *range, int64_t *values, int64_t count, uint64_t state)
{
    uint64_t span = (uint64_t)(range->high - range->low) + 1;
    for (int64_t i = 0; i < count; i++) values[i] = range->low + (int64_t)((random_bits(&state) >> 11) % span);
}

/* Every draw has numbers of its own. */
static uint64_t seed_of(const struct chooser *chooser)
{
    return chooser->options->asked.seed + (uint64_t)chooser->draw->form * 1000 + (uint64_t)(chooser->draw->scale * 100)
           - 100;
}

/* Turns a normal number (the sum of twelve uniform ones: within six) into one of the draw's distribution. */
static double drawn(const struct draw *draw, double normal, double first, uint64_t i)
{
    switch (draw->form) {
    case DRAW_UNIFORM: return draw->scale * (normal * 4096 - floor(normal * 4096));
    case DRAW_POSITIVE: return draw->scale * fabs(normal);
    case DRAW_SPARSE: return (i * UINT64_C(0x9e3779b97f4a7c15)) >> 60 ? 0 : draw->scale * normal;
    case DRAW_CONSTANT: return draw->scale * (first < 0 ? -1 : 1);
    case DRAW_NORMAL: break;
    }
    return draw->scale * normal;
}

/* Real numbers that are sizes or indices are whole; a variance is none below zero. */
static void fill_real(struct chooser *chooser, const struct value *value, enum dtype type, int64_t count, void *bytes)
{
    double *values = NEW_ARRAY(chooser->arena, double, (size_t)count);
    struct range range;
    if (find_range(chooser, value, &range)) {
        int64_t *whole = NEW_ARRAY(chooser->arena, int64_t, (size_t)count);
        draw_whole(&range, whole, count, state_of(seed_of(chooser), value->name));
        for (int64_t i = 0; i < count; i++) values[i] = (double)whole[i];
    } else {
        random_normal(values, count, seed_of(chooser), value->name);
        if (isfinite(range.real.low) || isfinite(range.real.high)) look_beyond(chooser, 1);
        if (chooser->draw->is_anything) range = (struct range)UNLIMITED;
        for (int64_t i = 0; i < count; i++)
            values[i] = fold_into(&range.real, drawn(chooser->draw, values[i], values[0], (uint64_t)i));
    }
    dtype_store_real(type, values, count, bytes);
}

/* What shapes tell of the elements is what they are. */
static void take_content(const struct value *value, int64_t *values, int64_t count)
{
    if (!value->content || value->content_count != count) return;
    for (int64_t i = 0; i < count; i++)
        if (value->content[i].size >= 0) values[i] = value->content[i].size;
}

/* What is made of it is a whole number again, and another. */
static bool is_number_to(const struct value *value, const struct use *use)
{
    const struct operator_row *row = use->node ? use->node->row : NULL;
    const struct value *made = row ? node_output(use->node, 0) : NULL;
    if (!made || !(row->arithmetic || row->laws & ELEMENTWISE) || passes_numbers_on(use)) return false;
    return made->type == value->type;
}

/* Whether some reader takes it for a number rather than a flag. */
static bool is_computed_with(const struct value *value)
{
    for (const struct use *use = value->uses; use; use = use->next)
        if (is_number_to(value, use)) return true;
    return false;
}

static struct range range_of_numbers(enum dtype type)
{
    const bool has_sign = type == DTYPE_INT16 || type == DTYPE_INT32 || type == DTYPE_INT64;
    if (type == DTYPE_INT8 || type == DTYPE_UINT8) return range_of_type(type);
    return (struct range){ .low = has_sign ? -100 : 0, .high = 100 };
}

static struct thresholds find_thresholds(const struct chooser *chooser, const struct value *value)
{
    struct thresholds thresholds = { .arena = chooser->arena };
    thresholds_collect(&thresholds, value);
    if (chooser->other) thresholds_collect(&thresholds, chooser->other);
    return thresholds;
}

/* A draw meets few of many thresholds. */
static int draws_for(const struct thresholds *thresholds, enum kind kind)
{
    return thresholds_have(thresholds, kind) ? MOST_DRAWS_BEYOND : 1;
}

/* Any numbers: of three, two are small, or such that a reader holds them against. */
enum { SMALL_NUMBERS = 9 };

static void draw_any(const struct chooser *chooser, const struct value *value, const struct thresholds *thresholds,
                     int64_t *values, int64_t count)
{
    const struct range range = range_of_numbers(value->type);
    uint64_t state = state_of(seed_of(chooser), value->name);
    draw_whole(&range, values, count, state);
    for (int64_t i = 0; i < count; i++) {
        uint64_t bits = random_bits(&state) >> 11;
        const struct threshold_choice choice = { bits, bits >> 8, i, bits >> 33 & 1 };
        if (bits % 3 == 0) continue;
        if (!thresholds_whole(thresholds, &choice, &values[i])) values[i] %= SMALL_NUMBERS;
    }
}

static bool is_number(const struct chooser *chooser, const struct value *value, const struct thresholds *thresholds)
{
    return thresholds_number(thresholds) || is_computed_with(value)
           || (chooser->other && is_computed_with(chooser->other));
}

static void fill_whole(struct chooser *chooser, const struct value *value, struct tensor *tensor, void *bytes)
{
    struct range range = { .low = 0, .high = 1 };
    struct thresholds thresholds = { .count = 0 };
    bool any_number = false;
    int64_t *values = NEW_ARRAY(chooser->arena, int64_t, (size_t)tensor->count);
    if (tensor->type != DTYPE_BOOL && !find_range(chooser, value, &range)) {
        range = range_of_type(value->type);
        thresholds = find_thresholds(chooser, value);
        any_number = is_number(chooser, value, &thresholds);
        if (any_number) look_beyond(chooser, draws_for(&thresholds, KIND_WHOLE));
    }
    if (any_number && chooser->draw->is_anything) draw_any(chooser, value, &thresholds, values, tensor->count);
    else draw_whole(&range, values, tensor->count, state_of(seed_of(chooser), value->name));
    take_content(value, values, tensor->count);
    dtype_store_whole(tensor->type, values, tensor->count, bytes);
}

/* One letter; or what a reader looks for, as it is and within others. */
static char *draw_text(const struct chooser *chooser, const struct thresholds *thresholds, uint64_t bits)
{
    const int letter = (int)(bits % 26);
    const struct threshold_choice choice = { .which = bits >> 8, .element = bits >> 16 };
    const char *sought = chooser->draw->is_anything ? thresholds_text(thresholds, &choice) : NULL;
    if (!chooser->draw->is_anything || bits % 5 == 0) return arena_printf(chooser->arena, "%c", 'a' + letter);
    if (!sought) return arena_printf(chooser->arena, "%c %c", 'A' + letter, 'a' + letter);
    if (bits % 5 == 1) return arena_printf(chooser->arena, "%c%s%c", 'A' + letter, sought, 'a' + letter);
    return arena_copy_text(chooser->arena, sought);
}

static void fill_text(struct chooser *chooser, const struct value *value, struct tensor *tensor)
{
    char **strings = NEW_ARRAY(chooser->arena, char *, (size_t)tensor->count);
    const struct thresholds thresholds = find_thresholds(chooser, value);
    uint64_t state = state_of(seed_of(chooser), value->name);
    for (int64_t i = 0; i < tensor->count; i++) strings[i] = draw_text(chooser, &thresholds, random_bits(&state));
    look_beyond(chooser, draws_for(&thresholds, KIND_STRING));
    tensor->strings = strings;
}

static bool is_tensor(const struct value *value)
{
    const BnfuseOnnx__TypeProto *type = value->info ? value->info->type : NULL;
    return !type || type->value_case == BNFUSE_ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
}

static bool is_optional(const struct value *value)
{
    const BnfuseOnnx__TypeProto *type = value->info ? value->info->type : NULL;
    return type && type->value_case == BNFUSE_ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE;
}

bool choose_input(struct chooser *chooser, struct datum *datum, struct value *value, struct bnfuse_error *error)
{
    *datum = (struct datum){ .name = value->name, .form = FORM_ABSENT };
    if (is_optional(value)) return true;
    enum kind kind = dtype_kind(value->type);
    if (!is_tensor(value) || kind == KIND_NONE)
        return fail(error, BNFUSE_UNSUPPORTED, "no random data for \"%s\": its type is %s; give data with --input",
                    value->name, is_tensor(value) ? dtype_name(value->type) : "no tensor");
    int64_t *dims = NEW_ARRAY(chooser->arena, int64_t, TENSOR_MAX_RANK);
    struct tensor tensor = { .type = value->type, .dims = dims, .count = 1 };
    tensor.rank = choose_dims(chooser, value, dims);
    int64_t size = 0;
    for (int axis = 0; axis < tensor.rank; axis++)
        if (!size_multiply(tensor.count, dims[axis], &tensor.count)) memory_exhausted(chooser->arena->memory);
    if (kind != KIND_STRING && !dtype_bytes(tensor.type, tensor.count, &size)) memory_exhausted(chooser->arena->memory);
    void *bytes = arena_alloc(chooser->arena, (size_t)size);
    if (kind == KIND_REAL) fill_real(chooser, value, tensor.type, tensor.count, bytes);
    if (kind == KIND_COMPLEX) fill_real(chooser, value, dtype_part(tensor.type), 2 * tensor.count, bytes);
    if (kind == KIND_WHOLE) fill_whole(chooser, value, &tensor, bytes);
    if (kind == KIND_STRING) fill_text(chooser, value, &tensor);
    else tensor.bytes = bytes;
    datum->form = FORM_TENSOR;
    datum->tensor = tensor;
    return true;
}

const struct datum *find_datum(const struct input_set *set, const char *name)
{
    for (size_t i = 0; set && i < set->count; i++)
        if (strcmp(set->data[i].name, name) == 0) return &set->data[i];
    return NULL;
}

const char *describe_input(struct arena *arena, const char *name, const struct datum *datum)
{
    if (datum->form == FORM_ABSENT) return arena_printf(arena, "%s absent", name);
    if (datum->form == FORM_SEQUENCE) return arena_printf(arena, "%s a sequence of %zu", name, datum->count);
    return arena_printf(arena, "%s %s", name, tensor_type_text(arena, &datum->tensor));
}
