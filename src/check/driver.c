/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers made for a segment, within what its values can be. */
#include "check/driver.h"

#include "base/hash.h"
#include "check/input.h"
#include "onnx/graph/attr.h"
#include "onnx/graph/operator.h"

#include <math.h>
#include <string.h>

struct seen {
    double scale;
    bool is_whole, is_positive, is_flag; /* nothing but 0 and 1 */
    struct interval within;
};

/* A bound of a clamp; `absent` where there is none, or none that is constant. */
static double bound_number(const struct node *node, const struct bound *bound, double absent)
{
    struct value *value = bound->kind == BOUND_INPUT ? node_input(node, bound->slot) : NULL;
    const struct tensor *constant = value_constant(value);
    double number = absent;
    if (bound->kind == BOUND_ZERO) return 0;
    if (bound->kind == BOUND_ATTRIBUTE) return (double)node_float(node, bound->attribute, (float)absent);
    return constant && constant->count == 1 && tensor_read_real(constant, 0, 1, &number, NULL) ? number : absent;
}

enum { DEEPEST = 24 };

static struct interval interval_of(const struct value *value)
{
    for (int depth = 0; value && value->writer && depth < DEEPEST; depth++) {
        const struct node *node = value->writer;
        const struct operator_row *row = node->row;
        if (row && row->within.low < row->within.high) return row->within;
        if (row && row->clamp)
            return (struct interval){ bound_number(node, &row->clamp->low, -INFINITY),
                                      bound_number(node, &row->clamp->high, INFINITY) };
        if (!row || !row->keeps_range) break;
        value = node_input(node, 0);
    }
    return (struct interval){ -INFINITY, INFINITY };
}

/* Fewer numbers may all be positive by chance. */
enum { ENOUGH_SIGNS = 16 };

static struct seen look_at(const struct array *array, const struct value *origin)
{
    struct seen seen = { .is_whole = true, .is_positive = true, .within = interval_of(origin) };
    for (int64_t i = 0; i < array->count; i++) {
        double x = array->f64[i];
        if (!isfinite(x)) continue;
        seen.scale = fmax(seen.scale, fabs(x));
        seen.is_whole &= x == floor(x);
        seen.is_positive &= x >= 0;
    }
    seen.is_whole &= seen.scale > 0;
    seen.is_flag = seen.is_whole && seen.is_positive && seen.scale == 1;
    seen.is_positive &= seen.is_whole || array->count >= ENOUGH_SIGNS;
    if (!(seen.scale > 0)) {
        seen.scale = 1;
        seen.is_positive = false;
    }
    return seen;
}

/* Into what the value can be at all. */
static double confine(const struct seen *seen, double x)
{
    struct interval in = seen->within;
    if (seen->is_flag) return x > 0;
    if (seen->is_whole) x = nearbyint(x);
    if (seen->is_positive) x = fabs(x);
    if (in.low >= 0 && x < 0) x = -x;
    if (x >= in.low && x <= in.high) return x;
    if (!isfinite(in.low) || !isfinite(in.high)) return fmin(fmax(x, in.low), in.high);
    double part = fmod(fabs(x - in.low), in.high - in.low);
    return in.low + part;
}

static int64_t channel_of(const struct array *array, int64_t i)
{
    int axis = array->rank > 2 ? 1 : array->rank - 1;
    for (int k = array->rank - 1; k > axis; k--) i /= array->dims[k] ? array->dims[k] : 1;
    return array->rank ? i % array->dims[axis] : 0;
}

static double driven(enum drive drive, double normal, double scale, double reach, uint64_t bits, bool is_chosen)
{
    switch (drive) {
    case DRIVE_POSITIVE: return fabs(normal) * scale;
    case DRIVE_CHANNEL: return is_chosen ? 10 * scale * normal : 0;
    case DRIVE_REACH: return 2 * fmax(reach, scale) * (bits & 1 ? fabs(normal) : -fabs(normal));
    case DRIVE_SPARSE: return bits % 16 == 0 ? 10 * scale * normal : 0;
    case DRIVE_LARGE: return 20 * scale * normal;
    default: return scale * normal / 2;
    }
}

static struct array *drive_array(const struct driver *driver, size_t input, const int64_t *dims, enum drive drive)
{
    const struct array *array = driver->site->fed[input];
    struct array *made = array_new(array->pool, array->type, array->store, array->rank, dims ? dims : array->dims);
    const struct seen seen = driver->seen[input];
    uint64_t seed = driver->seed + 100 * driver->round + drive + 1, bits = seed;
    random_normal(made->f64, made->count, seed, driver->site->origins[input]->name);
    for (int64_t i = 0; i < made->count; i++) {
        bits = bits * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        int axis = made->rank > 2 ? 1 : made->rank - 1;
        uint64_t channels = made->rank ? (uint64_t)made->dims[axis] : 1;
        bool chosen =
            (bits >> 33) % channels < 1 + channels / 64 || (uint64_t)channel_of(made, i) == (bits >> 40) % channels;
        double x = driven(drive, made->f64[i], seen.scale, driver->site->reach, bits >> 33, chosen);
        made->f64[i] = confine(&seen, x);
    }
    return made;
}

static struct array *flipped(const struct array *array, bool to)
{
    struct array *made = array_new(array->pool, array->type, array->store, array->rank, array->dims);
    for (int64_t i = 0; i < made->count; i++) made->i64[i] = to;
    return made;
}

bool is_driven(const struct driver *driver, size_t i)
{
    const struct array *array = driver->site->fed[i];
    struct value *origin = driver->site->origins[i];
    return array && array->store == STORE_F64 && !pointer_map_get(driver->sizes, origin) && !site_is_fixed(origin);
}

bool is_code(const struct driver *driver, size_t i)
{
    const struct array *array = driver->site->fed[i];
    struct value *origin = driver->site->origins[i];
    return array && array->store == STORE_I64 && (array->type == DTYPE_UINT8 || array->type == DTYPE_INT8)
           && !pointer_map_get(driver->sizes, origin) && !site_is_fixed(origin);
}

static bool is_flag(const struct driver *driver, size_t i)
{
    const struct array *array = driver->site->fed[i];
    return array && array->store == STORE_I64 && array->type == DTYPE_BOOL && !site_is_fixed(driver->site->origins[i]);
}

/* Any of them. */
static struct array *drive_codes(const struct driver *driver, size_t input, enum drive drive)
{
    const struct array *array = driver->site->fed[input];
    struct array *made = array_new(array->pool, array->type, array->store, array->rank, array->dims);
    const int64_t least = array->type == DTYPE_INT8 ? -128 : 0;
    uint64_t bits = hash_mix(driver->seed + 100 * driver->round + drive, input);
    for (int64_t i = 0; i < made->count; i++) {
        bits = bits * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        made->i64[i] = least + (int64_t)(bits >> 56);
    }
    return made;
}

/* A graph's input may be anything of its type; what is computed is not below zero where it never was. */
static bool can_be(const struct array *array, const struct value *origin, int64_t number)
{
    bool is_positive = origin->writer && number < 0;
    if (dtype_wrap(array->type, number) != number) return false;
    for (int64_t i = 0; i < array->count && is_positive; i++) is_positive &= array->i64[i] >= 0;
    return !is_positive;
}

/* Puts a threshold in the place of an element; leaves it where there is none. */
static void put_threshold(const struct driver *driver, size_t input, struct array *made, int64_t i,
                          const struct threshold_choice *choice)
{
    const struct thresholds *thresholds = &driver->thresholds[input];
    const char *text;
    double number;
    int64_t whole;
    if (made->store == STORE_TEXT && (text = thresholds_text(thresholds, choice))) made->text[i] = text;
    if (made->store == STORE_I64 && thresholds_whole(thresholds, choice, &whole)
        && can_be(driver->site->fed[input], driver->site->origins[input], whole))
        made->i64[i] = whole;
    if (made->store == STORE_F64 && thresholds_real(thresholds, choice, &number)
        && confine(&driver->seen[input], number) == number)
        made->f64[i] = number;
}

/* Each element by itself; in every other round all at one, so that one of them does not hide another. */
static struct array *drive_to_thresholds(const struct driver *driver, size_t input, bool meets)
{
    const struct array *array = driver->site->fed[input];
    struct array *made = array_new(array->pool, array->type, array->store, array->rank, array->dims);
    const uint64_t of_round = hash_mix(driver->seed + driver->round, input);
    uint64_t bits = of_round;
    if (made->count) memcpy(made->data, array->data, (size_t)made->count * store_size(made->store));
    for (int64_t i = 0; i < made->count; i++) {
        bits = hash_mix(bits, (uint64_t)i);
        const struct threshold_choice choice = { driver->round % 2 ? of_round : bits, bits >> 8, i, meets };
        if (bits % 8) put_threshold(driver, input, made, i, &choice);
    }
    return made;
}

static bool has_threshold(const struct driver *driver, size_t i)
{
    const struct array *array = driver->site->fed[i];
    struct value *origin = driver->site->origins[i];
    bool is_sequence = !array || array->store == STORE_SEQUENCE;
    return !is_sequence && array->type != DTYPE_BOOL && thresholds_have(&driver->thresholds[i], dtype_kind(array->type))
           && !pointer_map_get(driver->sizes, origin) && !site_is_fixed(origin);
}

bool has_thresholds(const struct driver *driver)
{
    for (size_t i = 0; i < driver->site->given_count; i++)
        if (has_threshold(driver, i)) return true;
    return false;
}

struct array *drive_value(const struct driver *driver, size_t i, const int64_t *dims, enum drive drive)
{
    struct array *array = driver->site->fed[i];
    if (drive >= DRIVE_COUNT && has_threshold(driver, i)) return drive_to_thresholds(driver, i, drive == DRIVE_MEET);
    if (drive >= DRIVE_COUNT) return array ? array_keep(array) : NULL;
    if (is_code(driver, i)) return drive_codes(driver, i, drive);
    if (is_flag(driver, i)) return flipped(array, drive % 2);
    if (is_driven(driver, i)) return drive_array(driver, i, dims, drive);
    return array ? array_keep(array) : NULL;
}

/* Of both models, for they may differ. */
static struct thresholds thresholds_of(const struct prover *prover, const struct site *site, size_t i)
{
    struct thresholds thresholds = { .arena = prover->scratch,
                                     .precision = (enum dtype)prover->options->asked.precision };
    thresholds_collect(&thresholds, site->origins[i]);
    thresholds_collect(&thresholds, site->given[i]);
    return thresholds;
}

struct driver open_driver(const struct prover *prover, const struct site *site)
{
    struct driver driver = { .site = site, .sizes = prover->sizes, .seed = prover->options->asked.seed };
    driver.seen = NEW_ARRAY(prover->scratch, struct seen, site->given_count);
    driver.thresholds = NEW_ARRAY(prover->scratch, struct thresholds, site->given_count);
    for (size_t i = 0; i < site->given_count; i++) {
        if (is_driven(&driver, i)) driver.seen[i] = look_at(site->fed[i], site->origins[i]);
        driver.thresholds[i] = thresholds_of(prover, site, i);
    }
    return driver;
}
