/* SPDX-License-Identifier: Apache-2.0
 *
 * RegexFullMatch: whether a pattern in the syntax of RE2 matches a whole string.
 *
 * The pattern becomes a program (Thompson's construction) that is run on all its threads at once, so that time is the
 * length of the string times the length of the program, whatever the pattern (Cox: Regular Expression Matching: the
 * Virtual Machine Approach, 2009). Characters are code points of UTF-8; a byte that begins none is a character of its
 * own. What RE2 has and this has not (flags, Unicode classes, \Q, \C) is refused by name. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/kernel.h"
#include "runtime/ops/operators.h"

#include <string.h>

#define MOST_REPEATS 1000  /* RE2's own limit */
#define MOST_CODE    65536 /* instructions */
#define MOST_DEPTH   200   /* of groups */

enum instruction { CHAR, SET, SPLIT, JUMP, ASSERT, DONE };

/* Zero-width tests. */
enum test_place { TEXT_BEGIN, TEXT_END, WORD_EDGE, NO_WORD_EDGE };

struct range {
    uint32_t low, high;
};

struct code {
    enum instruction op;
    uint32_t character;         /* CHAR; ASSERT: enum test_place */
    size_t next, other;         /* SPLIT: both; JUMP: next; relative to the program */
    const struct range *ranges; /* SET */
    size_t range_count;
    bool negated;
};

struct regex {
    struct call *call;
    const char *at, *end; /* of the pattern that is left */
    struct code *code;
    size_t count, room;
    int depth;
    bool failed;
};

/* ---- characters ---- */

/* The code point at *at, which moves on; *at is before the end. */
static uint32_t next_character(const char **at, const char *end)
{
    const unsigned char *s = (const unsigned char *)*at;
    int more = s[0] >= 0xf0 && s[0] < 0xf8 ? 3 : s[0] >= 0xe0 && s[0] < 0xf0 ? 2 : s[0] >= 0xc2 && s[0] < 0xe0 ? 1 : 0;
    uint32_t c = more == 3 ? s[0] & 7u : more == 2 ? s[0] & 15u : more == 1 ? s[0] & 31u : s[0];
    if (end - *at <= more) more = 0;
    for (int i = 1; i <= more; i++)
        if ((s[i] & 0xc0) != 0x80) more = 0;
    for (int i = 1; i <= more; i++) c = c << 6 | (s[i] & 63u);
    *at += more + 1;
    return more || s[0] < 0x80 ? c : 0x110000u + s[0];
}

static bool is_word(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static const struct range digits[] = { { '0', '9' } },
                          words[] = { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } },
                          spaces[] = { { '\t', '\n' }, { '\f', '\r' }, { ' ', ' ' } }, newline[] = { { '\n', '\n' } };

static const struct named_set {
    char letter;
    const struct range *ranges;
    size_t count;
} named_sets[] = { { 'd', digits, 1 }, { 'w', words, 4 }, { 's', spaces, 3 } };

/* The set that \d and the like stand for; a capital is all else. */
static const struct named_set *find_set(char letter, bool *negated)
{
    *negated = letter >= 'A' && letter <= 'Z';
    for (size_t i = 0; i < sizeof named_sets / sizeof *named_sets; i++)
        if (named_sets[i].letter == (*negated ? letter - 'A' + 'a' : letter)) return &named_sets[i];
    return NULL;
}

/* ---- the program ---- */

static void refuse(struct regex *r, const char *what)
{
    if (!r->failed) call_unsupported(r->call, "a pattern with %s is not supported", what);
    r->failed = true;
}

static void mistake(struct regex *r, const char *what)
{
    if (!r->failed) call_fail(r->call, "has a pattern with %s", what);
    r->failed = true;
}

static struct code *emit(struct regex *r, enum instruction op)
{
    if (r->count == MOST_CODE) {
        refuse(r, "too many repetitions");
        r->count = 0;
    }
    if (r->count == r->room) {
        size_t room = r->room ? 2 * r->room : 64;
        r->code = arena_grow(r->call->scratch, r->code, r->count, room, sizeof *r->code);
        r->room = room;
    }
    struct code *code = &r->code[r->count++];
    *code = (struct code){ .op = op };
    return code;
}

/* Room for one instruction before `at`: what follows moves, with all that leads into it. */
static struct code *insert(struct regex *r, size_t at, enum instruction op)
{
    emit(r, op);
    if (r->failed) return &r->code[0];
    memmove(&r->code[at + 1], &r->code[at], (r->count - 1 - at) * sizeof *r->code);
    for (size_t i = at + 1; i < r->count; i++) {
        if (r->code[i].next >= at) r->code[i].next++;
        if (r->code[i].other >= at) r->code[i].other++;
    }
    r->code[at] = (struct code){ .op = op };
    return &r->code[at];
}

/* Once more what is from `from` to `to`. */
static void repeat(struct regex *r, size_t from, size_t to)
{
    size_t by = r->count - from;
    for (size_t i = from; i < to && !r->failed; i++) {
        struct code copy = r->code[i];
        copy.next += by;
        copy.other += by;
        *emit(r, copy.op) = copy;
    }
}

static void emit_set(struct regex *r, const struct range *ranges, size_t count, bool negated)
{
    struct code *code = emit(r, SET);
    code->ranges = ranges;
    code->range_count = count;
    code->negated = negated;
}

/* ---- syntax ---- */

static uint32_t hex_character(struct regex *r)
{
    uint32_t value = 0;
    bool braces = r->at < r->end && *r->at == '{';
    int count = 0;
    r->at += braces;
    for (; r->at < r->end && count < (braces ? 6 : 2); count++, r->at++) {
        const char *digit = strchr("0123456789abcdef", *r->at | 0x20);
        if (!*r->at || !digit) break;
        value = value * 16 + (uint32_t)(digit - "0123456789abcdef");
    }
    if (count == 0 || (!braces && count != 2) || (braces && (r->at == r->end || *r->at++ != '}')))
        mistake(r, "a \\x that is no character");
    return value;
}

/* The character that a backslash and a letter stand for; false where it is none. */
static bool escaped_character(struct regex *r, uint32_t *c)
{
    static const char letters[] = "aftnrv", meanings[] = "\a\f\t\n\r\v";
    const char *found = r->at < r->end && *r->at ? strchr(letters, *r->at) : NULL;
    if (r->at == r->end) return false;
    if (*r->at == 'x') {
        r->at++;
        *c = hex_character(r);
        return true;
    }
    if (is_word((unsigned char)*r->at) && *r->at != '_' && !found) return false;
    *c = found ? (uint32_t)meanings[found - letters] : (unsigned char)*r->at;
    if (found || (unsigned char)*r->at < 0x80) r->at++;
    else *c = next_character(&r->at, r->end);
    return true;
}

static void parse_escape(struct regex *r)
{
    static const struct {
        char letter;
        enum test_place place;
    } places[] = { { 'A', TEXT_BEGIN }, { 'z', TEXT_END }, { 'b', WORD_EDGE }, { 'B', NO_WORD_EDGE } };
    bool negated;
    uint32_t c;
    const struct named_set *set = r->at < r->end ? find_set(*r->at, &negated) : NULL;
    for (size_t i = 0; r->at < r->end && i < sizeof places / sizeof *places; i++)
        if (places[i].letter == *r->at) {
            emit(r, ASSERT)->character = places[i].place;
            r->at++;
            return;
        }
    if (set) {
        emit_set(r, set->ranges, set->count, negated);
        r->at++;
    } else if (escaped_character(r, &c)) emit(r, CHAR)->character = c;
    else if (r->at < r->end && strchr("pPQECkg", *r->at)) refuse(r, "a Unicode class, a quotation or a single byte");
    else mistake(r, "a backslash before what it has no meaning for");
}

/* Ranges of a class as they are collected. */
struct class
{
    struct range *ranges;
    size_t count, room;
};

static void class_add(struct regex *r, struct class *class, uint32_t low, uint32_t high)
{
    if (class->count == class->room) {
        size_t room = class->room ? 2 * class->room : 8;
        class->ranges = arena_grow(r->call->scratch, class->ranges, class->count, room, sizeof *class->ranges);
        class->room = room;
    }
    class->ranges[class->count++] = (struct range){ low, high };
}

/* A named set, or what is between its ranges. */
static void class_add_set(struct regex *r, struct class *class, const struct named_set *set, bool negated)
{
    uint32_t from = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (!negated) class_add(r, class, set->ranges[i].low, set->ranges[i].high);
        else if (set->ranges[i].low > from) class_add(r, class, from, set->ranges[i].low - 1);
        from = set->ranges[i].high + 1;
    }
    if (negated) class_add(r, class, from, UINT32_MAX);
}

/* One character of a class; false when it was a set, which is added. */
static bool class_character(struct regex *r, struct class *class, uint32_t *c)
{
    bool negated;
    if (*r->at != '\\') {
        *c = next_character(&r->at, r->end);
        return true;
    }
    r->at++;
    const struct named_set *set = r->at < r->end ? find_set(*r->at, &negated) : NULL;
    if (set) {
        class_add_set(r, class, set, negated);
        r->at++;
        return false;
    }
    if (!escaped_character(r, c)) refuse(r, "an escape in a class that is not known");
    return true;
}

/* [:alpha:] and the like. */
static bool class_named(struct regex *r, struct class *class)
{
    static const struct {
        const char *name;
        struct range ranges[3];
    } posix[] = { { "[:alpha:]", { { 'A', 'Z' }, { 'a', 'z' } } },
                  { "[:digit:]", { { '0', '9' } } },
                  { "[:alnum:]", { { '0', '9' }, { 'A', 'Z' }, { 'a', 'z' } } },
                  { "[:lower:]", { { 'a', 'z' } } },
                  { "[:upper:]", { { 'A', 'Z' } } },
                  { "[:space:]", { { '\t', '\r' }, { ' ', ' ' } } },
                  { "[:xdigit:]", { { '0', '9' }, { 'A', 'F' }, { 'a', 'f' } } } };
    if (r->end - r->at < 2 || r->at[1] != ':') return false;
    for (size_t i = 0; i < sizeof posix / sizeof *posix; i++) {
        size_t length = strlen(posix[i].name);
        if ((size_t)(r->end - r->at) < length || memcmp(r->at, posix[i].name, length) != 0) continue;
        for (int k = 0; k < 3 && posix[i].ranges[k].high; k++)
            class_add(r, class, posix[i].ranges[k].low, posix[i].ranges[k].high);
        r->at += length;
        return true;
    }
    refuse(r, "a named class that is not known");
    return true;
}

/* Behind the opening bracket. A bracket that comes first, and a dash that comes first or last, are characters. */
static void parse_class(struct regex *r)
{
    struct class class = { 0 };
    bool negated = r->at < r->end && *r->at == '^', first = true;
    r->at += negated;
    for (; r->at < r->end && (*r->at != ']' || first) && !r->failed; first = false) {
        uint32_t low, high;
        if (*r->at == '[' && class_named(r, &class)) continue;
        if (!class_character(r, &class, &low)) continue;
        high = low;
        if (r->end - r->at >= 2 && r->at[0] == '-' && r->at[1] != ']') {
            r->at++;
            if (!class_character(r, &class, &high) || high < low) mistake(r, "a range that is none");
        }
        class_add(r, &class, low, high);
    }
    if (r->at == r->end) mistake(r, "a class that does not end");
    r->at++;
    emit_set(r, class.ranges, class.count, negated);
}

static void parse_choice(struct regex *r);

/* Behind the opening parenthesis. What a group captures is of no use here. */
static void parse_group(struct regex *r)
{
    if (r->end - r->at >= 2 && r->at[0] == '?') {
        if (r->at[1] == ':') r->at += 2;
        else if (r->at[1] == 'P' && r->end - r->at >= 3 && r->at[2] == '<') {
            while (r->at < r->end && *r->at != '>') r->at++;
            r->at += r->at < r->end;
        } else refuse(r, "flags");
    }
    if (++r->depth > MOST_DEPTH) refuse(r, "groups so deep");
    if (!r->failed) parse_choice(r);
    r->depth--;
    if (!r->failed && (r->at == r->end || *r->at != ')')) mistake(r, "a group that does not end");
    r->at++;
}

static void parse_atom(struct regex *r)
{
    const char *from = r->at;
    uint32_t c = next_character(&r->at, r->end);
    if (c == '(') parse_group(r);
    else if (c == '[') parse_class(r);
    else if (c == '\\') parse_escape(r);
    else if (c == '.') emit_set(r, newline, 1, true);
    else if (c == '^' || c == '$') emit(r, ASSERT)->character = c == '^' ? TEXT_BEGIN : TEXT_END;
    else if (c == '*' || c == '+' || c == '?') mistake(r, "a repetition of nothing");
    else emit(r, CHAR)->character = c;
    if (r->failed) r->at = from < r->end ? r->end : from;
}

/* {n}, {n,} or {n,m} behind the brace; false, with the place as it was, where it is none. */
static bool read_counts(struct regex *r, long *least, long *most)
{
    const char *at = r->at;
    long numbers[2] = { -1, -1 };
    int place = 0;
    *least = *most = 0;
    for (; at < r->end && *at != '}'; at++) {
        if (*at == ',' && place == 0 && numbers[0] >= 0) place = 1;
        else if (*at >= '0' && *at <= '9') {
            numbers[place] = (numbers[place] < 0 ? 0 : numbers[place]) * 10 + (*at - '0');
            if (numbers[place] > MOST_REPEATS) {
                mistake(r, "a repetition beyond 1000");
                return true;
            }
        } else return false;
    }
    if (at == r->end || numbers[0] < 0) return false;
    *least = numbers[0];
    *most = place == 0 ? numbers[0] : numbers[1]; /* -1: no end */
    if (*most >= 0 && *most < *least) mistake(r, "a repetition that ends before it begins");
    r->at = at + 1;
    return true;
}

static void make_optional(struct regex *r, size_t from)
{
    struct code *split = insert(r, from, SPLIT);
    split->next = from + 1;
    split->other = r->count;
}

static void make_loop(struct regex *r, size_t from)
{
    make_optional(r, from);
    emit(r, JUMP)->next = from;
    if (!r->failed) r->code[from].other = r->count;
}

/* What is from `from` on, `least` to `most` times (-1: without end): so many copies, then a loop of one, or copies that
 * may each be left out. */
static void make_counted(struct regex *r, size_t from, long least, long most)
{
    size_t to = r->count, unit = from;
    for (long i = 1; i < least && !r->failed; i++) repeat(r, from, to);
    if (most == least && least > 0) return;
    if (least > 0) {
        unit = r->count;
        repeat(r, from, to);
    }
    if (r->failed) return;
    if (most < 0) make_loop(r, unit);
    else if (most == 0) r->count = from;
    else make_optional(r, unit);
    for (long i = least + 1; i < most && !r->failed; i++) repeat(r, unit, unit + (to - from) + 1);
}

static void parse_repeated(struct regex *r)
{
    size_t from = r->count;
    long least, most;
    parse_atom(r);
    while (r->at < r->end && !r->failed) {
        char c = *r->at;
        if (c == '*' || c == '+' || c == '?') {
            r->at++;
            least = c == '+';
            most = c == '?' ? 1 : -1;
        } else if (c == '{') {
            r->at++;
            if (!read_counts(r, &least, &most)) {
                r->at--;
                return;
            }
        } else return;
        if (r->at < r->end && *r->at == '?') r->at++; /* lazily or not: a full match is one all the same */
        if (!r->failed) make_counted(r, from, least, most);
    }
}

static void parse_sequence(struct regex *r)
{
    while (r->at < r->end && *r->at != '|' && *r->at != ')' && !r->failed) {
        if (*r->at == '{') {
            emit(r, CHAR)->character = '{';
            r->at++;
        } else parse_repeated(r);
    }
}

/* a|b: split into both, and jump over the other. */
static void parse_choice(struct regex *r)
{
    size_t from = r->count;
    parse_sequence(r);
    if (r->failed || r->at == r->end || *r->at != '|') return;
    r->at++;
    struct code *split = insert(r, from, SPLIT);
    split->next = from + 1;
    size_t jump = r->count;
    emit(r, JUMP);
    if (r->failed) return;
    r->code[from].other = r->count;
    if (++r->depth > MOST_DEPTH) refuse(r, "so many alternatives");
    if (!r->failed) parse_choice(r);
    r->depth--;
    if (!r->failed) r->code[jump].next = r->count;
}

static bool compile(struct regex *r, const char *pattern)
{
    r->at = pattern;
    r->end = pattern + strlen(pattern);
    parse_choice(r);
    if (!r->failed && r->at < r->end) mistake(r, "a parenthesis too many");
    emit(r, DONE);
    return !r->failed;
}

/* ---- the run ---- */

/* The threads at one place of the text: each instruction once. */
struct threads {
    size_t *places, count;
    size_t *seen; /* by instruction: the step it was last added in */
    size_t *stack;
};

static bool holds(enum test_place place, const char *text, const char *at, const char *end)
{
    bool before = at > text && is_word((unsigned char)at[-1]), after = at < end && is_word((unsigned char)*at);
    if (place == TEXT_BEGIN) return at == text;
    if (place == TEXT_END) return at == end;
    return (before != after) == (place == WORD_EDGE);
}

static void push(struct threads *t, size_t *depth, size_t place, size_t step)
{
    if (t->seen[place] == step) return;
    t->seen[place] = step;
    t->stack[(*depth)++] = place;
}

/* Follows what reads nothing from `place` on. */
static void add_thread(const struct regex *r, struct threads *t, size_t place, size_t step, const char *text,
                       const char *at, const char *end)
{
    size_t depth = 0;
    push(t, &depth, place, step);
    while (depth > 0) {
        place = t->stack[--depth];
        const struct code *code = &r->code[place];
        if (code->op == JUMP || code->op == SPLIT) push(t, &depth, code->next, step);
        if (code->op == SPLIT) push(t, &depth, code->other, step);
        if (code->op == ASSERT && holds((enum test_place)code->character, text, at, end))
            push(t, &depth, place + 1, step);
        if (code->op == CHAR || code->op == SET || code->op == DONE) t->places[t->count++] = place;
    }
}

static bool takes(const struct code *code, uint32_t c)
{
    bool in = false;
    if (code->op == CHAR) return code->character == c;
    for (size_t i = 0; code->op == SET && i < code->range_count && !in; i++)
        in = c >= code->ranges[i].low && c <= code->ranges[i].high;
    return code->op == SET && in != code->negated;
}

static bool matches(const struct regex *r, struct threads t[2], const char *text, size_t *step)
{
    const char *at = text, *end = text + strlen(text);
    int now = 0;
    t[now].count = 0;
    add_thread(r, &t[now], 0, ++*step, text, at, end);
    while (at < end && t[now].count > 0) {
        uint32_t c = next_character(&at, end);
        struct threads *next = &t[!now];
        next->count = 0;
        ++*step;
        for (size_t i = 0; i < t[now].count; i++)
            if (takes(&r->code[t[now].places[i]], c)) add_thread(r, next, t[now].places[i] + 1, *step, text, at, end);
        now = !now;
    }
    for (size_t i = 0; at == end && i < t[now].count; i++)
        if (r->code[t[now].places[i]].op == DONE) return true;
    return false;
}

static bool regex_full_match(struct call *call)
{
    const struct array *x = call_input(call, 0);
    const char *pattern = node_text(call->node, "pattern", NULL);
    struct regex r = { .call = call };
    struct threads t[2];
    size_t step = 0;
    if (!x || !is_text(x) || !pattern) return call_fail(call, "needs a tensor of strings and a pattern");
    if (!compile(&r, pattern)) return false;
    for (int i = 0; i < 2; i++) {
        t[i].places = NEW_ARRAY(call->scratch, size_t, r.count);
        t[i].stack = NEW_ARRAY(call->scratch, size_t, r.count);
        t[i].seen = NEW_ARRAY(call->scratch, size_t, r.count);
    }
    struct array *y = call_output(call, 0, DTYPE_BOOL, x->rank, x->dims);
    for (int64_t i = 0; i < x->count; i++) {
        CALL_WORK(call, (int64_t)strlen(x->text[i]) + 1, (int64_t)r.count, WORK_ELEMENT);
        y->i64[i] = matches(&r, t, x->text[i], &step);
    }
    return true;
}

const struct operator_row regex_operators[] = {
    { "RegexFullMatch", 20, LATEST, .run = regex_full_match, .shape = shape_same, .type = DTYPE_BOOL, .hides = true,
      .schemas = SCHEMAS({ 20, LATEST, "text > bool", "pattern:s" }) },
    { 0 },
};
