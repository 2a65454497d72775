/* SPDX-License-Identifier: Apache-2.0
 *
 * One parser for each kind of argument. */
#include "cli/values.h"

#include "cli/spelling.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(struct settings, field)

/* 1024, 64K, 256MiB, 1G */
static bool parse_size(const char *text, uint64_t *size)
{
    static const char units[] = "KMGT";
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || end == text || *text == '-') return false;
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (unit) end++;
    if (unit && *end == 'i') end++;
    if (*end == 'B') end++;
    if (*end) return false;
    for (ptrdiff_t i = 0; unit && i <= unit - units; i++)
        if (__builtin_mul_overflow(value, 1024ull, &value)) return false;
    *size = value;
    return true;
}

static bool parse_number(const char *text, uint64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return !errno && end != text && !*end && *text != '-';
}

static bool parse_real(const char *text, double *real)
{
    char *end;
    *real = strtod(text, &end);
    return end != text && !*end && *real >= 0 && isfinite(*real);
}

/* FULL for what is none, which is_choice refuses. */
static bnfuse_level level_named(const char *text)
{
    unsigned level = 0;
    while (level < BNFUSE_LEVEL_FULL && strcmp(text, bnfuse_level_text((bnfuse_level)level)) != 0) level++;
    return (bnfuse_level)level;
}

/* More than 0, and no more than a timer holds. */
static bool parse_seconds(const char *text, double *seconds)
{
    return parse_real(text, seconds) && *seconds > 0 && *seconds <= 1e9;
}

static bool no_good(bnfuse_error *error, const struct option_row *row, const char *text)
{
    static const char *const wanted[] = {
        [OPTION_SIZE] = " (bytes: 4096, 64K, 512M, 2G)", [OPTION_NUMBER] = " (a whole number)",
        [OPTION_REQUIRE] = " (a whole number)",          [OPTION_REAL] = " (a number)",
        [OPTION_SECONDS] = " (a number above 0)",        [OPTION_SHARD] = " with K from 1 to N, such as 2/5",
        [OPTION_TOLERANCE] = ", such as 1e-5",
    };
    const char *more = (size_t)row->kind < sizeof wanted / sizeof *wanted ? wanted[row->kind] : NULL;
    return usage(error, "--%s wants %s%s, not \"%s\"", row->name, row->argument, more ? more : "", text);
}

/* To a list of make_lists, which has room for the whole command line. */
void add_name(bnfuse_names *list, const char *name)
{
    ((const char **)list->names)[list->count++] = name;
}

/* The entry of an output; NULL without memory. */
static bnfuse_tolerance *tolerance_named(struct settings *settings, const char *name, size_t length)
{
    for (size_t i = 0; i < settings->tolerance_count; i++)
        if (strncmp(settings->tolerances[i].name, name, length) == 0 && !settings->tolerances[i].name[length])
            return &settings->tolerances[i];
    char *copy = strndup(name, length);
    bnfuse_tolerance *list =
        realloc(settings->tolerances, (settings->tolerance_count + 1) * sizeof *settings->tolerances);
    if (list) settings->tolerances = list;
    if (!copy || !list) {
        free(copy);
        return NULL;
    }
    list[settings->tolerance_count] = (bnfuse_tolerance){ copy, -1, -1 };
    return &list[settings->tolerance_count++];
}

/* 1e-5, boxes:1e-3, or both and more between commas; a name may hold ':' itself: the last one counts. */
static bool parse_tolerance(struct settings *settings, const struct option_row *row, const char *argument)
{
    bool is_atol = row->offset == AT(check.atol);
    while (*argument) {
        size_t length = strcspn(argument, ","), colon = length;
        double number;
        char text[40], *end;
        while (colon > 0 && argument[colon - 1] != ':') colon--;
        if (length - colon >= sizeof text) return false;
        memcpy(text, argument + colon, length - colon);
        text[length - colon] = 0;
        number = strtod(text, &end);
        if (end == text || *end || !(number >= 0)) return false;
        bnfuse_tolerance *own = colon > 1 ? tolerance_named(settings, argument, colon - 1) : NULL;
        if (colon > 0 && !own) return false;
        if (own) *(is_atol ? &own->atol : &own->rtol) = number;
        else *(is_atol ? &settings->check.atol : &settings->check.rtol) = number;
        argument += length + (argument[length] == ',');
    }
    return true;
}

static bool is_choice(const struct option_row *row, const char *argument, bnfuse_error *error)
{
    const char *name, *help, *comma = "";
    char names[400] = "", hint[100];
    struct spelling spelling;
    spelling_open(&spelling, argument, strlen(argument));
    for (size_t i = 0; (name = option_choice(row, i, &help)); comma = ", ", i++) {
        if (strcmp(name, argument) == 0) return true;
        spelling_offer(&spelling, name);
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", comma, name);
    }
    return usage(error, "--%s wants %s, not \"%s\"%s", row->name, names, argument,
                 spelling_hint(&spelling, "", hint, sizeof hint));
}

static bool parse_shard(const char *text, struct shard *shard)
{
    char *end;
    errno = 0;
    shard->index = strtoull(text, &end, 10);
    if (errno || end == text || *text == '-' || *end != '/') return false;
    return parse_number(end + 1, &shard->count) && shard->index >= 1 && shard->index <= shard->count;
}

/* The library's type of a choice. */
static bool parse_precision(const struct option_row *row, const char *argument, bnfuse_dtype *type, bnfuse_error *error)
{
    for (int i = BNFUSE_DTYPE_FLOAT; i <= BNFUSE_DTYPE_INT2; i++)
        if (strcmp(bnfuse_dtype_text((bnfuse_dtype)i), argument) == 0) *type = (bnfuse_dtype)i;
    return is_choice(row, argument, error);
}

bool option_apply(struct settings *settings, const struct option_row *row, const char *argument, bnfuse_error *error)
{
    void *at = (char *)settings + row->offset;
    switch (row->kind) {
    case OPTION_FLAG: *(bool *)at = true; return true;
    case OPTION_TEXT:
    case OPTION_OUT_FILE:
    case OPTION_OUT_DIR:
    case OPTION_NEW_DIR:
    case OPTION_IN_DIR: *(const char **)at = argument; return true;
    case OPTION_SHELL: *(const char **)at = argument; return is_choice(row, argument, error);
    case OPTION_LOWER:
        settings->fuse.lower_mul_add = strcmp(argument, "mul-add") == 0;
        settings->fuse.lower_conv = strcmp(argument, "conv") == 0;
        return is_choice(row, argument, error);
    case OPTION_PRECISION: return parse_precision(row, argument, at, error);
    case OPTION_SHARD: return parse_shard(argument, at) || no_good(error, row, argument);
    case OPTION_LIST: add_name(at, argument); return true;
    case OPTION_EXTRAS:
    case OPTION_PASSES: add_name(at, argument); return is_choice(row, argument, error);
    case OPTION_SIZE: return parse_size(argument, at) || no_good(error, row, argument);
    case OPTION_NUMBER: return parse_number(argument, at) || no_good(error, row, argument);
    case OPTION_REAL: return parse_real(argument, at) || no_good(error, row, argument);
    case OPTION_TOLERANCE: return parse_tolerance(settings, row, argument) || no_good(error, row, argument);
    case OPTION_SECONDS: return parse_seconds(argument, at) || no_good(error, row, argument);
    case OPTION_CHECK:
        settings->no_check = false;
        if (argument) *(bnfuse_level *)at = level_named(argument);
        return !argument || is_choice(row, argument, error);
    case OPTION_REQUIRE:
        settings->has_require = true;
        return parse_number(argument, at) || no_good(error, row, argument);
    }
    return false;
}

/* ---- --dim and --shape ---- */

static bool parse_extent(const char *text, char **end, int64_t *size)
{
    errno = 0;
    long long value = strtoll(text, end, 10);
    *size = value;
    return !errno && *end != text && value >= 1;
}

bool parse_dims(struct settings *settings, bnfuse_error *error)
{
    bnfuse_dim *dims = calloc(settings->dims.count + 1, sizeof *dims);
    settings->check.dims = dims;
    for (size_t i = 0; dims && i < settings->dims.count; i++) {
        const char *text = settings->dims.names[i], *equals = strrchr(text, '=');
        char *end;
        if (!equals || equals == text || !parse_extent(equals + 1, &end, &dims[i].size) || *end)
            return usage(error, "--dim wants NAME=N with N >= 1, not \"%s\"", text);
        dims[i].name = strndup(text, (size_t)(equals - text));
        if (!dims[i].name) return out_of_memory(error);
        settings->check.dim_count++;
    }
    settings->fuse.dims = dims;
    settings->fuse.dim_count = settings->check.dim_count;
    return dims || out_of_memory(error);
}

static bool parse_shape(const char *text, bnfuse_shape *shape)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text) return false;
    int64_t *dims = calloc(strlen(colon) + 1, sizeof *dims);
    shape->name = strndup(text, (size_t)(colon - text));
    shape->dims = dims;
    if (!dims) return true;
    for (const char *at = colon + 1; *at; shape->rank++) {
        char *end;
        if (shape->rank == 32 || !parse_extent(at, &end, &dims[shape->rank])) return false;
        at = *end == 'x' || *end == ',' ? end + 1 : end;
        if (*end && (at == end || !*at)) return false;
    }
    return true;
}

bool parse_shapes(struct settings *settings, bnfuse_error *error)
{
    bnfuse_shape *shapes = calloc(settings->shapes.count + 1, sizeof *shapes);
    settings->check.shapes = shapes;
    for (size_t i = 0; shapes && i < settings->shapes.count; i++) {
        bool good = parse_shape(settings->shapes.names[i], &shapes[i]);
        settings->check.shape_count++;
        if (good && (!shapes[i].name || !shapes[i].dims)) return out_of_memory(error);
        if (!good) return usage(error, "--shape wants NAME:AxBxC, not \"%s\"", settings->shapes.names[i]);
    }
    settings->fuse.shapes = shapes;
    settings->fuse.shape_count = settings->check.shape_count;
    return shapes || out_of_memory(error);
}

void free_dims(struct settings *settings)
{
    for (size_t i = 0; i < settings->check.dim_count; i++) free((void *)settings->check.dims[i].name);
    free((void *)settings->check.dims);
}

void free_shapes(struct settings *settings)
{
    for (size_t i = 0; i < settings->check.shape_count; i++) {
        free((void *)settings->check.shapes[i].name);
        free((void *)settings->check.shapes[i].dims);
    }
    free((void *)settings->check.shapes);
}
