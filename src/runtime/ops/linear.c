/* SPDX-License-Identifier: Apache-2.0
 *
 * Models of ai.onnx.ml that are sums of products: LinearRegressor, LinearClassifier; and what they share with others
 * (ml.h). */
#include "runtime/ops/ml.h"

#include "runtime/element.h"
#include "runtime/ops/operators.h"

#include <math.h>
#include <string.h>

/* ---- scores ---- */

bool ml_read_transform(struct call *call, enum post_transform *post)
{
    static const char *const names[] = { "NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT" };
    const char *name = node_text(call->node, "post_transform", "NONE");
    for (int i = POST_NONE; i <= POST_PROBIT; i++) {
        *post = (enum post_transform)i;
        if (strcmp(name, names[i]) == 0) return true;
    }
    return call_fail(call, "has an unknown post_transform");
}

/* The number below which a standard normal one lies with probability p: bisection, for it is rarely asked. */
static double probit(double p)
{
    double low = -40, high = 40;
    if (!(p > 0 && p < 1)) return p <= 0 ? -INFINITY : p >= 1 ? INFINITY : p;
    for (int i = 0; i < 100; i++) {
        double middle = (low + high) / 2;
        if (erfc(-middle * sqrt(0.5)) / 2 < p) low = middle;
        else high = middle;
    }
    return (low + high) / 2;
}

static void softmax(double *scores, int64_t count, bool skips_zero)
{
    double most = scores[ml_greatest(scores, count)], sum = 0;
    for (int64_t i = 0; i < count; i++)
        if (scores[i] != 0 || !skips_zero) sum += scores[i] = exp(scores[i] - most);
    for (int64_t i = 0; i < count; i++) scores[i] /= sum > 0 ? sum : 1;
}

void ml_transform(enum post_transform post, double *scores, int64_t count)
{
    if (post == POST_SOFTMAX || post == POST_SOFTMAX_ZERO) softmax(scores, count, post == POST_SOFTMAX_ZERO);
    for (int64_t i = 0; i < count; i++) {
        if (post == POST_LOGISTIC) scores[i] = 1 / (1 + exp(-scores[i]));
        else if (post == POST_PROBIT) scores[i] = probit(scores[i]);
    }
}

void ml_two_scores(double score, bool is_share, bool is_logistic, double *scores)
{
    scores[0] = is_share ? 1 - score : -score;
    scores[1] = score;
    if (is_logistic) ml_transform(POST_LOGISTIC, scores, 2);
}

int64_t ml_greatest(const double *scores, int64_t count)
{
    int64_t at = 0;
    for (int64_t i = 1; i < count; i++)
        if (scores[i] > scores[at]) at = i;
    return at;
}

/* ---- classes ---- */

/* Under either of the two names that the operators have for whole labels. */
static size_t whole_labels(const struct node *node, const int64_t **labels)
{
    size_t count = node_ints(node, "classlabels_int64s", labels);
    return count ? count : node_ints(node, "classlabels_ints", labels);
}

int64_t ml_label_count(const struct node *node)
{
    const int64_t *labels;
    const BnfuseOnnx__AttributeProto *texts = node_attribute(node, "classlabels_strings");
    size_t count = whole_labels(node, &labels);
    return (int64_t)(count ? count : texts ? texts->n_strings : 0);
}

bool ml_put_classes(struct call *call, const int64_t *chosen, const double *scores, int64_t rows, int64_t classes)
{
    const int64_t *labels;
    const BnfuseOnnx__AttributeProto *texts = node_attribute(call->node, "classlabels_strings");
    bool whole = whole_labels(call->node, &labels) > 0;
    enum dtype type = whole ? DTYPE_INT64 : DTYPE_STRING;
    if (!whole && !texts) return call_fail(call, "has no labels");
    struct array *y = array_new(call->pool, type, store_of(type, call->exact), 1, &rows);
    for (int64_t row = 0; row < rows; row++) {
        if (whole) y->i64[row] = labels[chosen[row]];
        else {
            ProtobufCBinaryData text = texts->strings[chosen[row]];
            y->text[row] = pool_text(call->pool, text.data, text.len);
        }
    }
    call_give(call, 0, y);
    struct array *all = call_output(call, 1, DTYPE_FLOAT, 2, (int64_t[]){ rows, classes });
    for (int64_t i = 0; call_wants(call, 1) && i < all->count; i++) element_put(all, i, scores[i]);
    return true;
}

bool ml_shape_scores(struct shaping *s, int64_t classes)
{
    const int64_t *labels;
    struct dim dims[2] = { input_rank(s, 0) == 2 ? input_dim(s, 0, 0) : fresh_dim(s), number_dim(classes) };
    return set_output(s, 0, whole_labels(s->node, &labels) ? DTYPE_INT64 : DTYPE_STRING, 1, dims)
           && set_output(s, 1, DTYPE_FLOAT, 2, dims);
}

bool ml_shape_classes(struct shaping *s)
{
    return ml_shape_scores(s, ml_label_count(s->node));
}

/* ---- linear models ---- */

bool ml_read_rows(struct call *call, struct ml_rows *r)
{
    r->x = call_input(call, 0);
    if (!r->x || !(is_real(r->x) || is_whole(r->x)) || r->x->rank < 1 || r->x->rank > 2)
        return call_fail(call, "needs rows of numbers");
    r->count = r->x->rank == 2 ? r->x->dims[0] : 1;
    r->width = r->x->dims[r->x->rank - 1];
    return true;
}

/* [rows, targets]: coefficients are [targets, width]. NULL after call_fail. */
static double *products(struct call *call, const struct ml_rows *r, int64_t targets)
{
    const float *coefficients, *intercepts = NULL;
    int64_t total;
    size_t count = node_floats(call->node, "coefficients", &coefficients);
    size_t shifts = node_floats(call->node, "intercepts", &intercepts);
    if (targets < 1 || !size_multiply(targets, r->width, &total) || (int64_t)count != total
        || (shifts != 0 && (int64_t)shifts != targets)) {
        call_fail(call, "has %zu coefficients and %zu intercepts for %lld targets of %lld features", count, shifts,
                  (long long)targets, (long long)r->width);
        return NULL;
    }
    CALL_WORK(call, r->count, total, WORK_ELEMENT);
    double *scores = NEW_ARRAY(call->scratch, double, (size_t)(r->count * targets));
    for (int64_t i = 0; i < r->count * targets; i++) {
        int64_t row = i / targets, t = i % targets;
        scores[i] = shifts ? (double)intercepts[t] : 0;
        for (int64_t k = 0; k < r->width; k++)
            scores[i] += element_real(r->x, row * r->width + k) * (double)coefficients[t * r->width + k];
    }
    return scores;
}

void ml_put_scores(struct call *call, enum post_transform post, double *scores, int64_t rows, int64_t targets)
{
    struct array *y = call_output(call, 0, DTYPE_FLOAT, 2, (int64_t[]){ rows, targets });
    for (int64_t row = 0; row < rows; row++) ml_transform(post, scores + row * targets, targets);
    for (int64_t i = 0; i < y->count; i++) element_put(y, i, scores[i]);
}

static bool linear_regressor(struct call *call)
{
    struct ml_rows r = { 0 };
    enum post_transform post;
    int64_t targets = node_int(call->node, "targets", 1);
    if (!ml_read_rows(call, &r) || !ml_read_transform(call, &post)) return false;
    double *scores = products(call, &r, targets);
    if (!scores) return false;
    ml_put_scores(call, post, scores, r.count, targets);
    return true;
}

/* One row of coefficients may stand for two classes: its score is that of the second. */
static bool linear_classifier(struct call *call)
{
    struct ml_rows r = { 0 };
    enum post_transform post;
    const float *coefficients;
    int64_t classes = ml_label_count(call->node);
    if (!ml_read_rows(call, &r) || !ml_read_transform(call, &post)) return false;
    bool one = classes == 2 && (int64_t)node_floats(call->node, "coefficients", &coefficients) == r.width;
    if (one && post == POST_PROBIT) return call_unsupported(call, "PROBIT of one score");
    double *scores = products(call, &r, one ? 1 : classes);
    if (!scores) return false;
    int64_t *chosen = NEW_ARRAY(call->scratch, int64_t, (size_t)r.count);
    double *all = one ? NEW_ARRAY(call->scratch, double, 2 * (size_t)r.count) : scores;
    for (int64_t row = 0; row < r.count; row++) {
        double *own = all + row * classes;
        chosen[row] = one ? scores[row] > 0 : ml_greatest(own, classes);
        if (one) ml_two_scores(scores[row], post != POST_LOGISTIC, post == POST_LOGISTIC, own);
        else ml_transform(post, own, classes);
    }
    return ml_put_classes(call, chosen, all, r.count, classes);
}

/* ---- shapes ---- */

bool ml_shape_targets(struct shaping *s)
{
    struct dim dims[2] = { input_rank(s, 0) == 2 ? input_dim(s, 0, 0) : fresh_dim(s),
                           number_dim(node_int(s->node, "targets", 1)) };
    return set_output(s, 0, DTYPE_FLOAT, 2, dims);
}

const struct operator_row linear_operators[] = {
    { "ai.onnx.ml:LinearClassifier", 1, 5, .run = linear_classifier, .shape = ml_shape_classes, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, ".irg > . f32",
                           "classlabels_ints:I classlabels_strings:S coefficients!F intercepts:F multi_class:i "
                           "post_transform:s" }) },
    { "ai.onnx.ml:LinearRegressor", 1, 5, .run = linear_regressor, .shape = ml_shape_targets, .type = DTYPE_FLOAT,
      .schemas = SCHEMAS({ 1, LATEST, ".irg > f32", "coefficients:F intercepts:F post_transform:s targets:i" }) },
    { 0 },
};
