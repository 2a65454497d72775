/* SPDX-License-Identifier: Apache-2.0
 *
 * Cast, CastLike and BitCast. Wide real types are rounded by the runner; narrow ones (8 and 4 bits) here, since
 * attributes decide what happens beyond their range. Real to whole truncates, then wraps; numbers out of int64's range
 * go to its ends. */
#include "onnx/shape/content.h"
#include "onnx/shape/reals.h"
#include "runtime/gradient.h"
#include "runtime/kernel.h"
#include "runtime/ops/operators.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The narrow real types: their largest number, from where on a number rounds beyond it, and what that becomes when it
 * is not to saturate. */
struct narrow {
    enum dtype type;
    double largest, beyond, overflow;
};

static const struct narrow narrow_types[] = {
    { DTYPE_FLOAT8E4M3FN, 448, 0x1.d000000000001p8, NAN },
    { DTYPE_FLOAT8E4M3FNUZ, 240, 248, NAN },
    { DTYPE_FLOAT8E5M2, 57344, 61440, INFINITY },
    { DTYPE_FLOAT8E5M2FNUZ, 57344, 61440, NAN },
};

struct cast {
    enum dtype to;
    bool saturate;
    const char *round_mode; /* of FLOAT8E8M0 */
};

/* Powers of two only; zero and what is smaller becomes the smallest. */
static double to_power_of_two(double value, const struct cast *cast)
{
    double size = fabs(value), below;
    if (isnan(size)) return NAN;
    if (size < 0x1p-127) return 0x1p-127;
    below = isinf(size) ? size : ldexp(1, ilogb(size));
    bool up = strcmp(cast->round_mode, "down") == 0      ? false
              : strcmp(cast->round_mode, "nearest") == 0 ? size >= 1.5 * below
                                                         : size > below;
    double power = up ? 2 * below : below;
    return power <= 0x1p127 ? power : cast->saturate ? 0x1p127 : NAN;
}

static double to_narrow(double value, const struct cast *cast)
{
    if (cast->to == DTYPE_FLOAT8E8M0) return to_power_of_two(value, cast);
    if (cast->to == DTYPE_FLOAT4E2M1 && isnan(value)) return -0.0; /* it has no NaN; ONNX's tests want this */
    for (size_t i = 0; i < sizeof narrow_types / sizeof *narrow_types; i++) {
        const struct narrow *narrow = &narrow_types[i];
        if (narrow->type != cast->to || !(fabs(value) >= narrow->beyond)) continue;
        return copysign(cast->saturate ? narrow->largest : narrow->overflow, value);
    }
    return dtype_round(cast->to, value);
}

static double real_at(const struct array *array, int64_t i)
{
    return array->store == STORE_F32 ? (double)array->f32[i] : array->f64[i];
}

static int64_t whole_at(const struct array *array, int64_t i, enum dtype to)
{
    double value = real_at(array, i);
    if (to == DTYPE_BOOL) return value != 0;
    if (to == DTYPE_UINT64 && value >= 0x1p63) return value < 0x1p64 ? (int64_t)(uint64_t)value : -1;
    if (!(value >= -0x1p63)) return value != value ? 0 : INT64_MIN;
    return value >= 0x1p63 ? INT64_MAX : (int64_t)value;
}

/* Work of a number as text: a real one is printed and read until it reads back. */
#define PRINT_WHOLE 600
#define PRINT_REAL  10000

/* The shortest decimal that reads back as the same number. */
static void print_real(char *text, size_t size, double value, enum dtype type)
{
    int length = 0;
    for (int digits = 1; digits <= 17; digits++) {
        length = snprintf(text, size, "%.*g", digits, value);
        if (dtype_round(type, strtod(text, NULL)) == value) break;
    }
    if (!strpbrk(text, ".en")) snprintf(text + length, size - (size_t)length, ".0");
}

static const char *printed(struct array_pool *pool, const struct array *x, int64_t i)
{
    char text[64];
    if (x->type == DTYPE_BOOL) return x->i64[i] ? "True" : "False";
    if (x->store != STORE_I64 && isnan(real_at(x, i))) return "NaN";
    if (x->store != STORE_I64 && isinf(real_at(x, i))) return real_at(x, i) > 0 ? "INF" : "-INF";
    if (x->store != STORE_I64) print_real(text, sizeof text, real_at(x, i), x->type);
    else snprintf(text, sizeof text, x->type == DTYPE_UINT64 ? "%llu" : "%lld", (unsigned long long)x->i64[i]);
    return pool_text(pool, text, strlen(text));
}

static void to_text(struct call *call, const struct array *x, struct array *y)
{
    CALL_WORK(call, x->count, x->store == STORE_I64 ? PRINT_WHOLE : PRINT_REAL);
    for (int64_t i = 0; i < x->count; i++) y->text[i] = printed(call->pool, x, i);
}

static void from_text(const struct array *x, struct array *y)
{
    for (int64_t i = 0; i < x->count; i++) {
        if (y->store == STORE_F32) y->f32[i] = (float)strtod(x->text[i], NULL);
        else if (y->store == STORE_F64) y->f64[i] = strtod(x->text[i], NULL);
        else
            y->i64[i] =
                y->type == DTYPE_UINT64 ? (int64_t)strtoull(x->text[i], NULL, 10) : strtoll(x->text[i], NULL, 10);
    }
}

/* Through double, so that the runner rounds to a 16-bit type but once. */
static struct array *to_real(struct call *call, struct array *x, const struct cast *cast)
{
    bool is_wide = cast->to == DTYPE_FLOAT || cast->to == DTYPE_DOUBLE;
    struct array *stored = array_stored(x, x->store == STORE_I64 && !is_wide ? STORE_F64 : call->real);
    struct array *y = array_new(call->pool, cast->to, stored->store, x->rank, x->dims);
    bool is_narrow = dtype_bits(cast->to) <= 8;
    if (y->store == STORE_F32)
        for (int64_t i = 0; i < x->count; i++)
            y->f32[i] = is_narrow ? (float)to_narrow(stored->f32[i], cast) : stored->f32[i];
    else
        for (int64_t i = 0; i < x->count; i++) y->f64[i] = is_narrow ? to_narrow(stored->f64[i], cast) : stored->f64[i];
    array_drop(stored);
    return y;
}

static struct array *to_other(struct call *call, struct array *x, const struct cast *cast)
{
    struct array *y = call_output(call, 0, cast->to, x->rank, x->dims);
    if (x->store == STORE_TEXT && y->store != STORE_TEXT) from_text(x, y);
    else if (y->store == STORE_TEXT) to_text(call, x, y);
    else if (x->store == STORE_I64) memcpy(y->i64, x->i64, (size_t)x->count * sizeof *y->i64);
    else
        for (int64_t i = 0; i < x->count; i++) y->i64[i] = whole_at(x, i, cast->to);
    return y;
}

static bool cast_to(struct call *call, int64_t type)
{
    struct array *x = call_input(call, 0);
    enum kind kind = dtype_kind(type);
    struct cast cast = { (enum dtype)type, node_int(call->node, "saturate", 1) != 0,
                         node_text(call->node, "round_mode", "up") };
    if (!x || x->store == STORE_SEQUENCE) return call_fail(call, "input 0 must be a tensor");
    if (kind == KIND_NONE || kind == KIND_COMPLEX)
        return call_unsupported(call, "cannot cast to elements of type %s", dtype_name(type));
    if (cast.to == x->type) call_give(call, 0, array_keep(x));
    else if (kind == KIND_REAL && x->store != STORE_TEXT) call_give(call, 0, to_real(call, x, &cast));
    else to_other(call, x, &cast);
    return true;
}

static bool cast_by_number(struct call *call)
{
    return cast_to(call, node_int(call->node, "to", DTYPE_UNDEFINED));
}

/* Before opset 6 the type is named. */
static bool cast_by_name(struct call *call)
{
    static const char *const names[] = {
#define ROW(name, number, text, bits, kind, ...) [number] = #name,
        DTYPES(ROW)
#undef ROW
    };
    const char *wanted = node_text(call->node, "to", "");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i] && strcasecmp(names[i], wanted) == 0) return cast_to(call, (int64_t)i);
    return call_fail(call, "no element type is named \"%s\"", wanted);
}

static bool cast_like(struct call *call)
{
    const struct array *like = call_input(call, 1);
    if (!like) return call_fail(call, "input 1 is missing");
    return cast_to(call, like->type);
}

/* ---- shapes ---- */

/* Between types: true is 1; a whole number that the new type holds exactly stays. */
static void content_cast(struct shaping *s)
{
    int symbols[CONTENT_MAX];
    int64_t number;
    struct small input;
    bool to_bool = node_output(s->node, 0)->type == DTYPE_BOOL;
    if (!small_input(s, 0, &input)) return;
    for (int64_t i = 0; i < input.count; i++) {
        symbols[i] = small_element(&input, i);
        if (!to_bool) continue;
        if (symbol_is_number(s->symbols, symbols[i], &number)) symbols[i] = content_truth(s, number != 0);
        else symbols[i] = symbol_minimum(s->symbols, symbols[i]) > 0 ? content_truth(s, true) : 0;
    }
    set_content(s, 0, symbols);
}

/* What BitCast's source and target share are the bytes of their packed elements. */
static bool bit_cast(struct call *call)
{
    const struct array *x = call_input(call, 0);
    if (!x) return call_fail(call, "input 0 is missing");
    int64_t to = node_int(call->node, "to", 0), bytes;
    if (x->store > STORE_I64 || dtype_bits(to) != dtype_bits(x->type) || dtype_kind(to) == KIND_COMPLEX)
        return call_fail(call, "cannot turn %s into %s", dtype_name(x->type), dtype_name(to));
    if (!dtype_bytes(x->type, x->count, &bytes)) return call_fail(call, "too large");
    void *packed = arena_alloc(call->scratch, (size_t)bytes);
    array_to_bytes(x, packed);
    call_give(call, 0, array_from_bytes(call->pool, (enum dtype)to, call->exact, x->rank, x->dims, packed));
    return true;
}

const struct operator_row cast_operators[] = {
    { "BitCast", 26, LATEST, .run = bit_cast, .shape = shape_cast,
      .schemas = SCHEMAS({ 26, LATEST, ".nhbceqpod > .", "to!e=nhbceqpod" }), .exact = EXACT },
    { "Cast", 1, 5, .gradient = gradient_cast, .run = cast_by_name, .shape = shape_cast,
      .laws = ELEMENTWISE | IDENTITY_OF_TYPE, .idle = true, .hides = true, .content = content_cast, .reals = reals_cast,
      .passes = SLOT(0), .arithmetic = true,
      .schemas =
          SCHEMAS({ 1, 5, ".nb > .", "to!s" }, { 6, 18, ".nb9s13h > .", "to!e=nb9s13h" },
                  { 19, 23, ".nhbse21q23p > .", "saturate:i to!e=nhbse21q23p" },
                  { 24, LATEST, ".nhbseqpo25d > .", "round_mode:s=up|down|nearest saturate:i to!e=nhbseqpo25d" }),
      .exact = EXACT },
    { "Cast", 6, LATEST, .gradient = gradient_cast, .run = cast_by_number, .shape = shape_cast,
      .laws = ELEMENTWISE | IDENTITY_OF_TYPE, .idle = true, .hides = true, .content = content_cast, .reals = reals_cast,
      .passes = SLOT(0), .arithmetic = true, .exact = EXACT },
    { "CastLike", 15, LATEST, .gradient = gradient_cast, .run = cast_like, .shape = shape_same,
      .laws = IDENTITY_OF_TYPE, .type_from = 1, .content = content_cast, .arithmetic = true,
      .schemas = SCHEMAS({ 15, 18, ".nhbs Tnhbs > T", "" }, { 19, 23, ".nhbse21q23p Tnhbse21q23p > T", "saturate:i" },
                         { 24, LATEST, ".nhbseqpo25d Tnhbseqpo25d > T", "round_mode:s=up|down|nearest saturate:i" }),
      .exact = EXACT },
    { 0 },
};
