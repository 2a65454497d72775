/* SPDX-License-Identifier: Apache-2.0
 *
 * Strings: StringNormalizer, StringConcat, StringSplit, and TfIdfVectorizer, which counts n-grams of strings or whole
 * numbers. New strings live in the pool. Upper and lower case are those of Unicode, in UTF-8, whatever the locale. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/kernel.h"
#include "runtime/math/order.h"
#include "runtime/ops/operators.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

/* A string list attribute, NUL-terminated, in the scratch arena. */
static size_t read_strings(struct call *call, const char *name, const char ***strings)
{
    const BnfuseOnnx__AttributeProto *attribute = node_attribute(call->node, name);
    size_t count = attribute ? attribute->n_strings : 0;
    *strings = NEW_ARRAY(call->scratch, const char *, count);
    for (size_t i = 0; i < count; i++) {
        char *text = arena_alloc(call->scratch, attribute->strings[i].len + 1);
        if (attribute->strings[i].len > 0) memcpy(text, attribute->strings[i].data, attribute->strings[i].len);
        (*strings)[i] = text;
    }
    return count;
}

/* ---- StringNormalizer ---- */

struct normalizer {
    const char **stopwords;
    size_t stopword_count;
    bool case_sensitive;
    wint_t (*change)(wint_t character, locale_t locale); /* NULL: leave */
    locale_t locale;
};

static void release_locale(void *locale)
{
    freelocale((locale_t)locale);
}

/* The text with every character changed; in `arena`. Bytes that are no UTF-8 stay. */
static const char *change_case(struct call *call, struct arena *arena, const char *text, const struct normalizer *n,
                               wint_t (*change)(wint_t, locale_t))
{
    size_t length = strlen(text), from = 0, to = 0;
    CALL_WORK(call, (int64_t)length, 8, WORK_ELEMENT);
    char *changed = arena_alloc(arena, 4 * length + 1);
    mbstate_t in = { 0 }, out = { 0 };
    locale_t before = uselocale(n->locale);
    while (from < length) {
        wchar_t character;
        size_t taken = mbrtowc(&character, text + from, length - from, &in), made = (size_t)-1;
        if (taken > 0 && taken < (size_t)-2)
            made = wcrtomb(changed + to, (wchar_t)change((wint_t)character, n->locale), &out);
        if (made == (size_t)-1) {
            memset(&in, 0, sizeof in);
            memset(&out, 0, sizeof out);
            changed[to] = text[from];
            taken = made = 1;
        }
        from += taken;
        to += made;
    }
    uselocale(before);
    return changed;
}

static bool is_stopword(struct call *call, const struct normalizer *n, const char *text)
{
    CALL_WORK(call, (int64_t)n->stopword_count, 4, WORK_ELEMENT);
    if (!n->case_sensitive && n->stopword_count > 0) text = change_case(call, call->scratch, text, n, towlower_l);
    for (size_t i = 0; i < n->stopword_count; i++)
        if (strcmp(text, n->stopwords[i]) == 0) return true;
    return false;
}

static bool read_normalizer(struct call *call, struct normalizer *n)
{
    const char *action = node_text(call->node, "case_change_action", "NONE");
    n->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (n->locale == (locale_t)0) return call_fail(call, "needs the locale C.UTF-8, which this system lacks");
    arena_defer(call->scratch, release_locale, n->locale);
    n->case_sensitive = node_int(call->node, "is_case_sensitive", 0) != 0;
    n->stopword_count = read_strings(call, "stopwords", &n->stopwords);
    for (size_t i = 0; !n->case_sensitive && i < n->stopword_count; i++)
        n->stopwords[i] = change_case(call, call->scratch, n->stopwords[i], n, towlower_l);
    if (strcmp(action, "LOWER") == 0) n->change = towlower_l;
    else if (strcmp(action, "UPPER") == 0) n->change = towupper_l;
    else if (strcmp(action, "NONE") != 0) return call_fail(call, "has a case_change_action it does not know");
    return true;
}

static bool string_normalizer(struct call *call)
{
    const struct array *x = call_input(call, 0);
    struct normalizer n = { 0 };
    if (!x || !is_text(x) || !(x->rank == 1 || (x->rank == 2 && x->dims[0] == 1)))
        return call_fail(call, "needs strings [C] or [1, C]");
    if (!read_normalizer(call, &n)) return false;
    const char **kept = NEW_ARRAY(call->scratch, const char *, (size_t)x->count + 1);
    int64_t count = 0;
    for (int64_t i = 0; i < x->count; i++) {
        if (is_stopword(call, &n, x->text[i])) continue;
        kept[count++] = n.change ? change_case(call, &call->pool->text, x->text[i], &n, n.change) : x->text[i];
    }
    if (count == 0) kept[count++] = ""; /* nothing left: one empty string */
    int64_t dims[] = { 1, count };
    struct array *y = call_output(call, 0, DTYPE_STRING, x->rank, x->rank == 1 ? dims + 1 : dims);
    memcpy(y->text, kept, (size_t)count * sizeof *kept);
    return true;
}

/* ---- StringConcat ---- */

static bool string_concat(struct call *call)
{
    const struct array *a = call_input(call, 0), *b = call_input(call, 1);
    int64_t dims[ARRAY_MAX_RANK] = { 0 };
    int rank = 0;
    if (!a || !b || !is_text(a) || !is_text(b)) return call_fail(call, "needs two tensors of strings");
    if (!broadcast_dims(a->rank, a->dims, b->rank, b->dims, &rank, dims))
        return call_fail(call, "has inputs that do not broadcast");
    struct array *y = call_output(call, 0, DTYPE_STRING, rank, dims);
    for (int64_t i = 0; i < y->count; i++) {
        int64_t at = 0, bt = 0, rest = i, a_step = 1, b_step = 1;
        for (int d = rank - 1; d >= 0; d--) {
            int64_t index = rest % dims[d];
            int ad = d - (rank - a->rank), bd = d - (rank - b->rank);
            rest /= dims[d];
            if (ad >= 0) at += a->dims[ad] == 1 ? 0 : index * a_step;
            if (bd >= 0) bt += b->dims[bd] == 1 ? 0 : index * b_step;
            if (ad >= 0) a_step *= a->dims[ad];
            if (bd >= 0) b_step *= b->dims[bd];
        }
        size_t a_length = strlen(a->text[at]), b_length = strlen(b->text[bt]);
        char *both = pool_text(call->pool, NULL, a_length + b_length);
        memcpy(both, a->text[at], a_length);
        memcpy(both + a_length, b->text[bt], b_length);
        y->text[i] = both;
    }
    return true;
}

/* ---- StringSplit ---- */

#define BLANKS " \t\n\v\f\r"

/* The next part of *text, which moves on; `last`: all that is left is one part. NULL at the end. */
static const char *next_part(struct call *call, const char **text, const char *delimiter, bool last)
{
    const char *start = *text, *end;
    if (!start) return NULL;
    if (*delimiter == '\0') {
        start += strspn(start, BLANKS);
        if (*start == '\0') return NULL;
        end = last ? start + strlen(start) : start + strcspn(start, BLANKS);
        *text = end;
    } else {
        end = last ? NULL : strstr(start, delimiter);
        *text = end ? end + strlen(delimiter) : NULL;
        if (!end) end = start + strlen(start);
    }
    return pool_text(call->pool, start, (size_t)(end - start));
}

struct parts {
    const char **items;
    int64_t count, room;
};

static void add_part(struct call *call, struct parts *parts, const char *part)
{
    if (parts->count == parts->room) {
        int64_t room = parts->room ? 2 * parts->room : 64;
        parts->items =
            arena_grow(call->scratch, parts->items, (size_t)parts->count, (size_t)room, sizeof *parts->items);
        parts->room = room;
    }
    parts->items[parts->count++] = part;
}

static bool string_split(struct call *call)
{
    const struct array *x = call_input(call, 0);
    const char *delimiter = node_text(call->node, "delimiter", "");
    int64_t splits = node_int(call->node, "maxsplit", INT64_MAX), most = 0, next = 0, dims[ARRAY_MAX_RANK];
    struct parts parts = { 0 };
    if (!x || !is_text(x) || x->rank + 1 > ARRAY_MAX_RANK) return call_fail(call, "needs a tensor of strings");
    if (splits < 0) splits = INT64_MAX;
    struct array *counts = array_new(call->pool, DTYPE_INT64, STORE_I64, x->rank, x->dims);
    for (int64_t i = 0; i < x->count; i++) {
        const char *text = x->text[i], *part;
        counts->i64[i] = 0;
        while ((part = next_part(call, &text, delimiter, counts->i64[i] == splits)) != NULL) {
            add_part(call, &parts, part);
            counts->i64[i]++;
        }
        if (counts->i64[i] > most) most = counts->i64[i];
    }
    memcpy(dims, x->dims, sizeof dims);
    dims[x->rank] = most;
    struct array *y = call_output(call, 0, DTYPE_STRING, x->rank + 1, dims);
    for (int64_t i = 0; most > 0 && i < x->count; i++)
        for (int64_t j = 0; j < most; j++) y->text[i * most + j] = j < counts->i64[i] ? parts.items[next++] : "";
    call_give(call, 1, counts);
    return true;
}

/* ---- TfIdfVectorizer ---- */

/* The pool of n-grams: those of n items are in items starts[n-1] .. starts[n]-1, gram after gram. */
struct grams {
    const char **strings; /* or */
    const int64_t *numbers;
    int64_t item_count;
    const int64_t *starts;
    int64_t start_count;
    const int64_t *columns; /* of the output, per gram */
    int64_t gram_count, width;
    const float *weights; /* per gram; NULL: all 1 */
    int64_t least, most, skips;
    bool once; /* IDF: how often does not matter */
};

/* The grams of one size, sorted. */
struct shelf {
    const struct grams *grams;
    const struct array *x; /* where a wanted gram is looked up from */
    int64_t size, first_item, first_gram, count;
    int64_t *order;
};

static int compare_items(const struct grams *grams, int64_t a, int64_t b)
{
    if (grams->strings) return strcmp(grams->strings[a], grams->strings[b]);
    return (grams->numbers[a] > grams->numbers[b]) - (grams->numbers[a] < grams->numbers[b]);
}

static int compare_grams(const void *context, int64_t a, int64_t b)
{
    const struct shelf *shelf = context;
    for (int64_t i = 0; i < shelf->size; i++) {
        int order = compare_items(shelf->grams, shelf->first_item + a * shelf->size + i,
                                  shelf->first_item + b * shelf->size + i);
        if (order) return order;
    }
    return 0;
}

/* Gram `a` against the items of x at `at`, at + step, ... */
static int compare_to_input(const struct shelf *shelf, int64_t a, int64_t at, int64_t step)
{
    for (int64_t i = 0; i < shelf->size; i++) {
        int64_t item = shelf->first_item + a * shelf->size + i, other = at + i * step;
        int order;
        if (shelf->grams->strings) order = strcmp(shelf->grams->strings[item], shelf->x->text[other]);
        else {
            int64_t a_number = shelf->grams->numbers[item], number = shelf->x->i64[other];
            order = (a_number > number) - (a_number < number);
        }
        if (order) return order;
    }
    return 0;
}

/* The gram's number in the whole pool, or -1. */
static int64_t find_gram(const struct shelf *shelf, int64_t at, int64_t step)
{
    int64_t low = 0, high = shelf->count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        int order = compare_to_input(shelf, shelf->order[middle], at, step);
        if (order == 0) return shelf->first_gram + shelf->order[middle];
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return -1;
}

static bool read_pool(struct call *call, const struct array *x, struct grams *g)
{
    const int64_t *numbers;
    size_t number_count = node_ints(call->node, "pool_int64s", &numbers);
    if (is_text(x)) {
        g->item_count = (int64_t)read_strings(call, "pool_strings", &g->strings);
    } else {
        g->item_count = (int64_t)number_count;
        g->numbers = numbers;
    }
    g->start_count = (int64_t)node_ints(call->node, "ngram_counts", &g->starts);
    g->gram_count = (int64_t)node_ints(call->node, "ngram_indexes", &g->columns);
    for (int64_t i = 0; i < g->start_count; i++)
        if (g->starts[i] < (i ? g->starts[i - 1] : 0) || g->starts[i] > g->item_count)
            return call_fail(call, "has ngram_counts that do not fit its pool of %lld items", (long long)g->item_count);
    for (int64_t i = 0; i < g->gram_count; i++) {
        if (g->columns[i] < 0 || g->columns[i] == INT64_MAX) return call_fail(call, "has an ngram_indexes below 0");
        if (g->columns[i] >= g->width) g->width = g->columns[i] + 1;
    }
    return true;
}

static bool read_grams(struct call *call, const struct array *x, struct grams *g)
{
    const char *mode = node_text(call->node, "mode", "");
    const float *weights;
    size_t weight_count = node_floats(call->node, "weights", &weights);
    if (!read_pool(call, x, g)) return false;
    g->least = node_int(call->node, "min_gram_length", 1);
    g->most = node_int(call->node, "max_gram_length", 1);
    g->skips = node_int(call->node, "max_skip_count", 0);
    if (g->least < 1 || g->skips < 0)
        return call_fail(call, "has a min_gram_length below 1 or a max_skip_count below 0");
    if (g->most > g->start_count) g->most = g->start_count;
    g->once = strcmp(mode, "IDF") == 0;
    if (!g->once && strcmp(mode, "TF") != 0 && strcmp(mode, "TFIDF") != 0)
        return call_fail(call, "has a mode that is neither TF, IDF nor TFIDF");
    if (strcmp(mode, "TF") == 0 || weight_count == 0) return true;
    if ((int64_t)weight_count != g->gram_count) return call_fail(call, "needs one weight for each of its n-grams");
    g->weights = weights;
    return true;
}

/* Shelf `size` (from 1), numbering its grams after those before; false when the pool and ngram_indexes disagree. */
static bool fill_shelf(struct call *call, const struct grams *g, struct shelf *shelf, int64_t size, int64_t first_gram)
{
    int64_t end = size < g->start_count ? g->starts[size] : g->item_count;
    shelf->grams = g;
    shelf->size = size;
    shelf->first_item = g->starts[size - 1];
    shelf->first_gram = first_gram;
    shelf->count = (end - shelf->first_item) / size;
    if (first_gram + shelf->count > g->gram_count)
        return call_fail(call, "has fewer ngram_indexes than n-grams in its pool");
    shelf->order = NEW_ARRAY(call->scratch, int64_t, (size_t)shelf->count);
    int64_t *spare = NEW_ARRAY(call->scratch, int64_t, (size_t)shelf->count);
    for (int64_t i = 0; i < shelf->count; i++) shelf->order[i] = i;
    order_sort(shelf->order, spare, shelf->count, compare_grams, shelf);
    return true;
}

/* Counts the grams of one shelf in one row, items taken next to each other or up to `skips` apart. */
static void count_row(const struct shelf *shelf, int64_t first, int64_t length, double *counts)
{
    const struct grams *g = shelf->grams;
    for (int64_t step = 1; step - 1 <= g->skips; step++) {
        if (step > 1 && (shelf->size == 1 || step >= length)) return;
        for (int64_t at = 0; at < length && (length - 1 - at) / step >= shelf->size - 1; at++) {
            int64_t gram = find_gram(shelf, first + at, step);
            if (gram >= 0) counts[gram]++;
        }
    }
}

static void put_counts(const struct grams *g, double *counts, struct array *y, int64_t row)
{
    for (int64_t c = 0; c < g->width; c++) element_put(y, row * g->width + c, 0);
    for (int64_t i = 0; i < g->gram_count; i++) {
        int64_t at = row * g->width + g->columns[i];
        double count = g->once && counts[i] > 1 ? 1 : counts[i];
        element_put(y, at, element_real(y, at) + count * (g->weights ? (double)g->weights[i] : 1));
        counts[i] = 0;
    }
}

static bool tf_idf(struct call *call)
{
    const struct array *x = call_input(call, 0);
    struct grams g = { 0 };
    if (!x || !(is_text(x) || is_whole(x)) || x->rank > 2)
        return call_fail(call, "needs strings or whole numbers [C] or [N, C]");
    if (!read_grams(call, x, &g)) return false;
    struct shelf *shelves = NEW_ARRAY(call->scratch, struct shelf, (size_t)(g.most > 0 ? g.most : 0) + 1);
    for (int64_t size = 1, first = 0; size <= g.most; first += shelves[size].count, size++) {
        if (!fill_shelf(call, &g, &shelves[size], size, first)) return false;
        shelves[size].x = x;
    }
    int64_t rows = x->rank == 2 ? x->dims[0] : 1, length = x->rank == 0 ? 1 : x->dims[x->rank - 1];
    int64_t dims[] = { rows, g.width };
    struct array *y = call_output(call, 0, DTYPE_FLOAT, x->rank == 2 ? 2 : 1, x->rank == 2 ? dims : dims + 1);
    CALL_WORK(call, rows, length + g.gram_count, g.most, g.skips < INT64_MAX ? g.skips + 1 : g.skips, WORK_ELEMENT);
    double *counts = NEW_ARRAY(call->scratch, double, (size_t)g.gram_count);
    for (int64_t row = 0; y->count > 0 && row < rows; row++) {
        for (int64_t size = g.least; size <= g.most; size++) count_row(&shelves[size], row * length, length, counts);
        put_counts(&g, counts, y, row);
    }
    return true;
}

/* ---- shapes ---- */

/* One column for each index that the n-grams are given. */
static bool shape_tf_idf(struct shaping *s)
{
    const int64_t *columns;
    size_t count = node_ints(s->node, "ngram_indexes", &columns);
    int64_t width = 0;
    int rank = input_rank(s, 0);
    for (size_t i = 0; i < count; i++) width = columns[i] >= width && columns[i] < INT64_MAX ? columns[i] + 1 : width;
    if (rank < 0 || rank > 2) return rank < 0 && set_type(s, 0, DTYPE_FLOAT);
    if (rank < 2) return set_output(s, 0, DTYPE_FLOAT, 1, (struct dim[]){ number_dim(width) });
    return set_output(s, 0, DTYPE_FLOAT, 2, (struct dim[]){ input_dim(s, 0, 0), number_dim(width) });
}

const struct operator_row text_operators[] = {
    { "StringConcat", 20, LATEST, .run = string_concat, .shape = shape_broadcast, .type = DTYPE_STRING,
      .schemas = SCHEMAS({ 20, LATEST, "text text > text", "" }) },
    { "StringNormalizer", 10, LATEST, .run = string_normalizer,
      .open_shape = "how many words are left depends on the words",
      .schemas = SCHEMAS({ 10, LATEST, "text > text",
                           "case_change_action:s=LOWER|UPPER|NONE is_case_sensitive:i locale:s stopwords:S" }) },
    { "StringSplit", 20, LATEST, .run = string_split, .open_shape = "how many pieces there are depends on the text",
      .schemas = SCHEMAS({ 20, LATEST, "text > text i64", "delimiter:s maxsplit:i" }) },
    { "TfIdfVectorizer", 9, LATEST, .run = tf_idf, .shape = shape_tf_idf,
      .schemas = SCHEMAS({ 9, LATEST, ".is > f32",
                           "max_gram_length!n max_skip_count!i min_gram_length!n mode!s ngram_counts!I "
                           "ngram_indexes!I pool_int64s:I pool_strings:S weights:F" }) },
    { 0 },
};
