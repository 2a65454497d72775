/* SPDX-License-Identifier: Apache-2.0
 *
 * Support vector machines of ai.onnx.ml.
 *
 *   SVMRegressor    the sum over support vectors of coefficient * kernel(vector, x), and rho
 *   SVMClassifier   such a sum for every pair of classes, which votes for one of them; or, without vectors, a row of
 *                   coefficients for each class */
#include "runtime/ops/ml.h"

#include "runtime/element.h"
#include "runtime/ops/operators.h"

#include <math.h>
#include <string.h>

/* ---- kernels ---- */

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
static double kernel_at(const struct kernel *kernel, const struct ml_rows *r, int64_t row, const float *vector,
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

struct svm {
    const struct kernel *kernel;
    double parameters[3];
    const float *coefficients, *vectors, *rho;
    size_t coefficient_count, rho_count;
    int64_t supports;
};

/* What both have, for `supports` vectors that are as wide as the rows. */
static bool read_svm(struct call *call, struct svm *m, const struct ml_rows *r, int64_t supports)
{
    const float *given = NULL;
    size_t cells = node_floats(call->node, "support_vectors", &m->vectors);
    size_t known = node_floats(call->node, "kernel_params", &given);
    int64_t total;
    m->kernel = find_kernel(call->node);
    m->supports = supports;
    m->coefficient_count = node_floats(call->node, "coefficients", &m->coefficients);
    m->rho_count = node_floats(call->node, "rho", &m->rho);
    if (!m->kernel || supports < 0 || m->rho_count < 1 || !size_multiply(supports, r->width, &total)
        || (int64_t)cells != total || (known != 0 && known != 3))
        return call_fail(call,
                         "has %zu coefficients and %zu cells of support vectors for %lld supports of %lld features",
                         m->coefficient_count, cells, (long long)supports, (long long)r->width);
    for (size_t i = 0; i < known; i++) m->parameters[i] = (double)given[i];
    CALL_WORK(call, r->count, total, WORK_ELEMENT);
    return true;
}

static bool svm_regressor(struct call *call)
{
    struct ml_rows r = { 0 };
    struct svm m = { 0 };
    enum post_transform post;
    int64_t supports = node_int(call->node, "n_supports", 0);
    if (!ml_read_rows(call, &r) || !ml_read_transform(call, &post) || !read_svm(call, &m, &r, supports)) return false;
    if (supports < 1 || (int64_t)m.coefficient_count != supports)
        return call_fail(call, "has %zu coefficients for %lld supports", m.coefficient_count, (long long)supports);
    double *scores = NEW_ARRAY(call->scratch, double, (size_t)r.count);
    for (int64_t row = 0; row < r.count; row++) {
        scores[row] = (double)m.rho[0];
        for (int64_t s = 0; s < supports; s++)
            scores[row] +=
                (double)m.coefficients[s] * kernel_at(m.kernel, &r, row, m.vectors + s * r.width, m.parameters);
        if (node_int(call->node, "one_class", 0)) scores[row] = scores[row] > 0 ? 1 : -1;
    }
    ml_put_scores(call, post, scores, r.count, 1);
    return true;
}

/* ---- SVMClassifier ---- */

/* Coefficients are [classes - 1, supports]: of a pair of classes i < j, row j - 1 holds those of i's vectors and row i
 * those of j's. */
struct pairs {
    struct svm svm;
    int64_t classes, count; /* of pairs */
    const int64_t *per_class;
    int64_t *first;               /* vector of each class */
    const float *prob_a, *prob_b; /* of each pair; NULL: no probabilities are asked for */
    double *kernels, *sums;       /* of the row at hand: with each vector, of each pair */
    double *spare, *q;            /* of the classes; q: of their pairs, both ways */
};

static bool read_pairs(struct call *call, struct pairs *p, const struct ml_rows *r)
{
    int64_t supports = 0, total = 0;
    size_t lists = node_ints(call->node, "vectors_per_class", &p->per_class);
    p->classes = ml_label_count(call->node);
    p->first = NEW_ARRAY(call->scratch, int64_t, lists);
    for (size_t i = 0; i < lists; i++) {
        p->first[i] = supports;
        if (p->per_class[i] < 0 || !size_add(supports, p->per_class[i], &supports))
            return call_fail(call, "has a negative number of support vectors");
    }
    if (!read_svm(call, &p->svm, r, supports)) return false;
    size_t as = node_floats(call->node, "prob_a", &p->prob_a), bs = node_floats(call->node, "prob_b", &p->prob_b);
    if (p->classes < 1 || !size_multiply(p->classes, p->classes - 1, &p->count)
        || !size_multiply(supports ? p->classes - 1 : p->classes, supports ? supports : r->width, &total)
        || (int64_t)p->svm.coefficient_count != total)
        return call_fail(call, "has %zu coefficients for %lld classes and %lld supports", p->svm.coefficient_count,
                         (long long)p->classes, (long long)supports);
    p->count /= 2;
    if (as == 0 || supports == 0) p->prob_a = NULL;
    if (supports
        && ((int64_t)lists != p->classes || (int64_t)p->svm.rho_count != p->count || as != bs
            || (p->prob_a && (int64_t)as != p->count)))
        return call_fail(call, "needs a rho, a prob_a and a prob_b for each of %lld pairs of classes",
                         (long long)p->count);
    CALL_WORK(call, r->count, total, WORK_ELEMENT);
    p->kernels = NEW_ARRAY(call->scratch, double, (size_t)supports);
    p->sums = NEW_ARRAY(call->scratch, double, (size_t)p->count);
    p->spare = NEW_ARRAY(call->scratch, double, (size_t)p->classes);
    if (p->prob_a) {
        CALL_WORK(call, r->count, p->count, WORK_ELEMENT);
        p->q = arena_array(call->scratch, (size_t)p->classes, (size_t)p->classes * sizeof *p->q);
    }
    return true;
}

/* The part of the vectors of one class in the sum of a pair. */
static double part(const struct pairs *p, int64_t row, int64_t class)
{
    const float *coefficients = p->svm.coefficients + row * p->svm.supports;
    double sum = 0;
    for (int64_t s = p->first[class]; s < p->first[class] + p->per_class[class]; s++)
        sum += (double)coefficients[s] * p->kernels[s];
    return sum;
}

/* The sums of all pairs; the class that most of them voted for. */
static int64_t vote(const struct pairs *p)
{
    int64_t at = 0;
    double *votes = p->spare;
    memset(votes, 0, (size_t)p->classes * sizeof *votes);
    for (int64_t i = 0; i < p->classes; i++)
        for (int64_t j = i + 1; j < p->classes; j++, at++) {
            p->sums[at] = (double)p->svm.rho[at] + part(p, j - 1, i) + part(p, i, j);
            votes[p->sums[at] > 0 ? i : j]++;
        }
    return ml_greatest(votes, p->classes);
}

/* Q of the quadratic form that the probabilities of the classes make least, from r[i][j], that of i against j (Wu, Lin
 * and Weng: Probability Estimates for Multi-class Classification by Pairwise Coupling, 2004; the second approach). */
static void couple(const struct pairs *p)
{
    int64_t k = p->classes, at = 0;
    double *q = p->q;
    memset(q, 0, (size_t)(k * k) * sizeof *q);
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = i + 1; j < k; j++, at++) {
            double r = 1 / (1 + exp(p->sums[at] * (double)p->prob_a[at] + (double)p->prob_b[at]));
            r = fmin(fmax(r, 1e-7), 1 - 1e-7);
            q[i * k + i] += (1 - r) * (1 - r);
            q[j * k + j] += r * r;
            q[i * k + j] = q[j * k + i] = -r * (1 - r);
        }
}

/* The greatest difference of an element of Qp from p'Qp, which are written too. */
static double residual(const double *q, const double *p, double *qp, double *pqp, int64_t k)
{
    double worst = 0;
    *pqp = 0;
    for (int64_t i = 0; i < k; i++) {
        qp[i] = 0;
        for (int64_t j = 0; j < k; j++) qp[i] += q[i * k + j] * p[j];
        *pqp += p[i] * qp[i];
    }
    for (int64_t i = 0; i < k; i++) worst = fmax(worst, fabs(qp[i] - *pqp));
    return worst;
}

/* One element at a time, all being made to sum up to 1 after each; at most so many rounds as libsvm does. */
static void solve(const double *q, double *p, double *qp, int64_t k)
{
    int64_t rounds = k > 100 ? k : 100;
    double pqp;
    for (int64_t i = 0; i < k; i++) p[i] = 1 / (double)k;
    while (rounds-- > 0 && residual(q, p, qp, &pqp, k) >= 0.005 / (double)k)
        for (int64_t t = 0; t < k; t++) {
            double step = (pqp - qp[t]) / q[t * k + t], whole = 1 + step;
            p[t] += step;
            pqp = (pqp + step * (step * q[t * k + t] + 2 * qp[t])) / (whole * whole);
            for (int64_t j = 0; j < k; j++) {
                qp[j] = (qp[j] + step * q[t * k + j]) / whole;
                p[j] /= whole;
            }
        }
}

/* Scores of one row: probabilities, or the sums of the pairs. */
static int64_t classify(const struct pairs *p, const struct ml_rows *r, int64_t row, double *scores)
{
    const struct svm *m = &p->svm;
    for (int64_t s = 0; s < m->supports; s++)
        p->kernels[s] = kernel_at(m->kernel, r, row, m->vectors + s * r->width, m->parameters);
    int64_t chosen = vote(p);
    if (p->prob_a) {
        couple(p);
        solve(p->q, scores, p->spare, p->classes);
    } else memcpy(scores, p->sums, (size_t)p->count * sizeof *scores);
    return chosen;
}

/* Without support vectors; the kernel is linear whatever is said of it. */
static int64_t classify_linearly(const struct pairs *p, const struct ml_rows *r, int64_t row, double *scores)
{
    for (int64_t c = 0; c < p->classes; c++)
        scores[c] = (double)p->svm.rho[0]
                    + kernel_at(&kernels[0], r, row, p->svm.coefficients + c * r->width, p->svm.parameters);
    return ml_greatest(scores, p->classes);
}

static bool svm_classifier(struct call *call)
{
    struct ml_rows r = { 0 };
    struct pairs p = { 0 };
    enum post_transform post;
    if (!ml_read_rows(call, &r) || !ml_read_transform(call, &post) || !read_pairs(call, &p, &r)) return false;
    bool pairs = p.svm.supports > 0 && !p.prob_a, one = pairs && p.classes == 2;
    int64_t width = pairs && !one ? p.count : p.classes;
    if (one && post == POST_PROBIT) return call_unsupported(call, "PROBIT of one score");
    int64_t *chosen = NEW_ARRAY(call->scratch, int64_t, (size_t)r.count);
    double *scores = arena_array(call->scratch, (size_t)r.count, (size_t)width * sizeof *scores);
    for (int64_t row = 0; row < r.count; row++) {
        double *own = scores + row * width;
        chosen[row] = p.svm.supports > 0 ? classify(&p, &r, row, own) : classify_linearly(&p, &r, row, own);
        if (!one) ml_transform(post, own, width);
        else ml_two_scores(own[0], post == POST_SOFTMAX || post == POST_SOFTMAX_ZERO, post == POST_LOGISTIC, own);
    }
    return ml_put_classes(call, chosen, scores, r.count, width);
}

/* Without probabilities there is a score for each pair of classes. */
static bool shape_svm_classes(struct shaping *s)
{
    const struct node *node = s->node;
    int64_t classes = ml_label_count(node);
    bool pairs = node_attribute(node, "vectors_per_class") && !node_attribute(node, "prob_a");
    return ml_shape_scores(s, pairs && classes != 2 ? classes * (classes - 1) / 2 : classes);
}

const struct operator_row svm_operators[] = {
    { "ai.onnx.ml:SVMClassifier", 1, 5, .run = svm_classifier, .shape = shape_svm_classes, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, ".irg > . f32",
                           "classlabels_ints:I classlabels_strings:S coefficients:F kernel_params:F kernel_type:s "
                           "post_transform:s prob_a:F prob_b:F rho:F support_vectors:F vectors_per_class:I" }) },
    { "ai.onnx.ml:SVMRegressor", 1, 5, .run = svm_regressor, .shape = ml_shape_targets, .type = DTYPE_FLOAT,
      .schemas = SCHEMAS({ 1, LATEST, ".irg > f32",
                           "coefficients:F kernel_params:F kernel_type:s n_supports:i one_class:i "
                           "post_transform:s rho:F support_vectors:F" }) },
    { 0 },
};
