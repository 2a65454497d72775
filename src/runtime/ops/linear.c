/* SPDX-License-Identifier: Apache-2.0
 *
 * Models of ai.onnx.ml that are sums of products: LinearRegressor, LinearClassifier, SVMRegressor; and what they share with
 * trees (ml.h). */
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
            char *copy = arena_alloc(&call->pool->text, text.len + 1);
            if (text.len > 0) memcpy(copy, text.data, text.len);
            y->text[row] = copy;
        }
    }
    call_give(call, 0, y);
    struct array *all = call_output(call, 1, DTYPE_FLOAT, 2, (int64_t[]){ rows, classes });
    for (int64_t i = 0; call_wants(call, 1) && i < all->count; i++) element_put(all, i, scores[i]);
    return true;
}

bool ml_shape_classes(struct shaping *s)
{
    const int64_t *labels;
    struct dim dims[2] = { input_rank(s, 0) == 2 ? input_dim(s, 0, 0) : fresh_dim(s),
                           number_dim(ml_label_count(s->node)) };
    return set_output(s, 0, whole_labels(s->node, &labels) ? DTYPE_INT64 : DTYPE_STRING, 1, dims)
           && set_output(s, 1, DTYPE_FLOAT, 2, dims);
}

/* ---- linear models ---- */

struct rows {
    const struct array *x;
    int64_t count, width;
};

static bool read_rows(struct call *call, struct rows *r)
{
    r->x = call_input(call, 0);
    if (!r->x || !(is_real(r->x) || is_whole(r->x)) || r->x->rank < 1 || r->x->rank > 2)
        return call_fail(call, "needs rows of numbers");
    r->count = r->x->rank == 2 ? r->x->dims[0] : 1;
    r->width = r->x->dims[r->x->rank - 1];
    return true;
}

/* [rows, targets]: coefficients are [targets, width]. NULL after call_fail. */
static double *products(struct call *call, const struct rows *r, int64_t targets)
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

static void put_scores(struct call *call, enum post_transform post, double *scores, int64_t rows, int64_t targets)
{
    struct array *y = call_output(call, 0, DTYPE_FLOAT, 2, (int64_t[]){ rows, targets });
    for (int64_t row = 0; row < rows; row++) ml_transform(post, scores + row * targets, targets);
    for (int64_t i = 0; i < y->count; i++) element_put(y, i, scores[i]);
}

static bool linear_regressor(struct call *call)
{
    struct rows r = { 0 };
    enum post_transform post;
    int64_t targets = node_int(call->node, "targets", 1);
    if (!read_rows(call, &r) || !ml_read_transform(call, &post)) return false;
    double *scores = products(call, &r, targets);
    if (!scores) return false;
    put_scores(call, post, scores, r.count, targets);
    return true;
}

static bool linear_classifier(struct call *call)
{
    struct rows r = { 0 };
    enum post_transform post;
    const float *coefficients;
    int64_t classes = ml_label_count(call->node);
    if (!read_rows(call, &r) || !ml_read_transform(call, &post)) return false;
    if (classes == 2 && (int64_t)node_floats(call->node, "coefficients", &coefficients) == r.width)
        return call_unsupported(call, "two classes by one row of coefficients");
    double *scores = products(call, &r, classes);
    if (!scores) return false;
    int64_t *chosen = NEW_ARRAY(call->scratch, int64_t, (size_t)r.count);
    for (int64_t row = 0; row < r.count; row++) {
        chosen[row] = ml_greatest(scores + row * classes, classes);
        ml_transform(post, scores + row * classes, classes);
    }
    return ml_put_classes(call, chosen, scores, r.count, classes);
}

/* ---- SVMRegressor: the sum over support vectors of coefficient * kernel(vector, x), and rho ---- */

struct kernel {
    const char *name;
    double (*of)(double product, double distance, const double *parameters); /* gamma, coef0, degree */
};

static double kernel_linear(double product, double distance, const double *p)
{
    (void)distance, (void)p;
    return product;
}

static double kernel_poly(double product, double distance, const double *p)
{
    (void)distance;
    return pow(p[0] * product + p[1], p[2]);
}

static double kernel_rbf(double product, double distance, const double *p)
{
    (void)product;
    return exp(-p[0] * distance);
}

static double kernel_sigmoid(double product, double distance, const double *p)
{
    (void)distance;
    return tanh(p[0] * product + p[1]);
}

static const struct kernel kernels[] = {
    { "LINEAR", kernel_linear }, { "POLY", kernel_poly }, { "RBF", kernel_rbf }, { "SIGMOID", kernel_sigmoid }
};

static const struct kernel *find_kernel(const struct node *node)
{
    const char *name = node_text(node, "kernel_type", "LINEAR");
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        if (strcmp(kernels[i].name, name) == 0) return &kernels[i];
    return NULL;
}

/* Between a row and a support vector. */
static double kernel_at(const struct kernel *kernel, const struct rows *r, int64_t row, const float *vector,
                        const double *parameters)
{
    double product = 0, distance = 0;
    for (int64_t k = 0; k < r->width; k++) {
        double x = element_real(r->x, row * r->width + k), v = (double)vector[k];
        product += x * v;
        distance += (x - v) * (x - v);
    }
    return kernel->of(product, distance, parameters);
}

static bool svm_regressor(struct call *call)
{
    struct rows r = { 0 };
    enum post_transform post;
    const float *coefficients, *vectors, *rho = NULL, *given = NULL;
    double parameters[3] = { 0 };
    const struct kernel *kernel = find_kernel(call->node);
    if (!read_rows(call, &r) || !ml_read_transform(call, &post)) return false;
    size_t count = node_floats(call->node, "coefficients", &coefficients), rhos = node_floats(call->node, "rho", &rho);
    size_t cells = node_floats(call->node, "support_vectors", &vectors);
    size_t known = node_floats(call->node, "kernel_params", &given);
    int64_t supports = node_int(call->node, "n_supports", 0), total;
    if (!kernel || supports < 1 || (int64_t)count != supports || rhos < 1 || !size_multiply(supports, r.width, &total)
        || (int64_t)cells != total || (known != 0 && known != 3))
        return call_fail(call,
                         "has %zu coefficients and %zu cells of support vectors for %lld supports of %lld features",
                         count, cells, (long long)supports, (long long)r.width);
    for (size_t i = 0; i < known; i++) parameters[i] = (double)given[i];
    CALL_WORK(call, r.count, total, WORK_ELEMENT);
    double *scores = NEW_ARRAY(call->scratch, double, (size_t)r.count);
    for (int64_t row = 0; row < r.count; row++) {
        scores[row] = (double)rho[0];
        for (int64_t s = 0; s < supports; s++)
            scores[row] += (double)coefficients[s] * kernel_at(kernel, &r, row, vectors + s * r.width, parameters);
        if (node_int(call->node, "one_class", 0)) scores[row] = scores[row] > 0 ? 1 : -1;
    }
    put_scores(call, post, scores, r.count, 1);
    return true;
}

/* ---- shapes ---- */

static bool shape_targets(struct shaping *s)
{
    struct dim dims[2] = { input_rank(s, 0) == 2 ? input_dim(s, 0, 0) : fresh_dim(s),
                           number_dim(node_int(s->node, "targets", 1)) };
    return set_output(s, 0, DTYPE_FLOAT, 2, dims);
}

const struct operator_row linear_operators[] = {
    { "ai.onnx.ml:LinearClassifier", 1, 5, .run = linear_classifier, .shape = ml_shape_classes, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, ". > . f32",
                           "classlabels_ints:I classlabels_strings:S coefficients!F intercepts:F multi_class:i "
                           "post_transform:s" }) },
    { "ai.onnx.ml:LinearRegressor", 1, 5, .run = linear_regressor, .shape = shape_targets, .type = DTYPE_FLOAT,
      .schemas = SCHEMAS({ 1, LATEST, ". > f32", "coefficients:F intercepts:F post_transform:s targets:i" }) },
    { "ai.onnx.ml:SVMRegressor", 1, 5, .run = svm_regressor, .shape = shape_targets, .type = DTYPE_FLOAT,
      .schemas = SCHEMAS({ 1, LATEST, ". > f32",
                           "coefficients:F kernel_params:F kernel_type:s n_supports:i one_class:i "
                           "post_transform:s rho:F support_vectors:F" }) },
    { 0 },
};
