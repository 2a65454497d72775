/* SPDX-License-Identifier: Apache-2.0
 *
 * Gradients of operators that work element by element: dx = dy * slope(x, y) for those of one input. */
#include "runtime/element.h"
#include "runtime/gradient.h"

#include <math.h>
#include <string.h>

/* ---- one input ---- */

/* The slope at x, whose y is known; a and b are the node's attributes. */
typedef double slope_function(double x, double y, double a, double b);

static void slope(struct backward *b, slope_function *at, double first, double second)
{
    const struct array *x = gradient_x(b, 0), *y = gradient_y(b, 0), *dy = gradient_dy(b, 0);
    if (!x || !is_real(x) || !dy) return;
    struct array *dx = array_new(b->f.call->pool, x->type, x->store, x->rank, x->dims);
    for (int64_t i = 0; i < x->count; i++)
        element_put(dx, i, element_real(dy, i) * at(element_real(x, i), element_real(y, i), first, second));
    gradient_give(b, 0, formula_hold(&b->f, dx));
}

static double attribute(const struct backward *b, const char *name, double absent)
{
    return (double)node_float(gradient_node(b), name, (float)absent);
}

#define SLOPE_OF(name, first, second, expression)                             \
    static double name##_slope(double x, double y, double alpha, double beta) \
    {                                                                         \
        (void)x, (void)y, (void)alpha, (void)beta;                            \
        return expression;                                                    \
    }                                                                         \
    void gradient_##name(struct backward *b)                                  \
    {                                                                         \
        slope(b, name##_slope, first, second);                                \
    }
#define SLOPE(name, expression)               SLOPE_OF(name, 0, 0, expression)
#define SLOPE_ALPHA(name, absent, expression) SLOPE_OF(name, attribute(b, "alpha", absent), 0, expression)

static double logistic(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

static double mish_slope_at(double x)
{
    double t = tanh(fmax(x, 0) + log1p(exp(-fabs(x))));
    return t + x * (1 - t * t) * logistic(x);
}

static double gelu_slope_at(double x, bool by_tanh)
{
    const double root = sqrt(2 / M_PI), cubic = 0.044715;
    if (!by_tanh) return (1 + erf(x * sqrt(0.5))) / 2 + x * exp(-x * x / 2) / sqrt(2 * M_PI);
    double t = tanh(root * (x + cubic * x * x * x));
    return (1 + t) / 2 + x / 2 * (1 - t * t) * root * (1 + 3 * cubic * x * x);
}

static bool is_by_tanh(const struct backward *b)
{
    return strcmp(node_text(gradient_node(b), "approximate", "none"), "tanh") == 0;
}

SLOPE(abs, x > 0 ? 1 : x < 0 ? -1 : 0)
SLOPE(acos, -1 / sqrt(1 - x * x))
SLOPE(acosh, 1 / sqrt(x * x - 1))
SLOPE(asin, 1 / sqrt(1 - x * x))
SLOPE(asinh, 1 / sqrt(x * x + 1))
SLOPE(atan, 1 / (1 + x * x))
SLOPE(atanh, 1 / (1 - x * x))
SLOPE_ALPHA(celu, 1, x > 0 ? 1 : exp(x / alpha))
SLOPE(cos, -sin(x))
SLOPE(cosh, sinh(x))
SLOPE_ALPHA(elu, 1, x > 0 ? 1 : y + alpha)
SLOPE(erf, 2 / sqrt(M_PI) * exp(-x * x))
SLOPE(exp, y)
SLOPE_OF(gelu, is_by_tanh(b), 0, gelu_slope_at(x, alpha != 0))
SLOPE_OF(hard_sigmoid, attribute(b, "alpha", 0.2), attribute(b, "beta", 0.5),
         alpha *x + beta > 0 && alpha * x + beta < 1 ? alpha : 0)
SLOPE(hard_swish, x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5)
SLOPE_ALPHA(leaky_relu, 0.01, x < 0 ? alpha : 1)
SLOPE(log, 1 / x)
SLOPE(mish, mish_slope_at(x))
SLOPE(neg, -1)
SLOPE(reciprocal, -y *y)
SLOPE(relu, x > 0 ? 1 : 0)
SLOPE_OF(selu, attribute(b, "alpha", 1.67326319217681884765625), attribute(b, "gamma", 1.05070102214813232421875),
         x > 0 ? beta : y + alpha * beta)
SLOPE_OF(shrink, attribute(b, "lambd", 0.5), 0, fabs(x) > alpha ? 1 : 0)
SLOPE(sigmoid, y *(1 - y))
SLOPE(sin, cos(x))
SLOPE(sinh, cosh(x))
SLOPE(softplus, logistic(x))
SLOPE(softsign, 1 / ((1 + fabs(x)) * (1 + fabs(x))))
SLOPE(sqrt, 0.5 / y)
SLOPE_ALPHA(swish, 1, logistic(alpha *x) * (1 + alpha * x * (1 - logistic(alpha * x))))
SLOPE(tan, 1 + y * y)
SLOPE(tanh, 1 - y * y)
SLOPE_ALPHA(thresholded_relu, 1, x > alpha ? 1 : 0)

/* A number of another type; whole ones stop it. */
void gradient_cast(struct backward *b)
{
    const struct array *y = gradient_y(b, 0);
    if (y && is_real(y)) gradient_give(b, 0, gradient_dy(b, 0));
    else b->is_flat = true;
}

/* It multiplies each element by a number that does not depend on it, and draws the same again. */
void gradient_dropout(struct backward *b)
{
    struct call *call = b->f.call;
    struct array **inputs = NEW_ARRAY(call->scratch, struct array *, call->input_count);
    struct array **outputs = NEW_ARRAY(call->scratch, struct array *, call->output_count);
    for (size_t i = 0; i < call->input_count; i++) inputs[i] = gradient_x(b, i);
    inputs[0] = gradient_dy(b, 0);
    if (formula_repeat(&b->f, inputs, call->input_count, outputs)) gradient_give(b, 0, outputs[0]);
}

/* ---- two inputs and more ---- */

void gradient_add(struct backward *b)
{
    gradient_give(b, 0, gradient_dy(b, 0));
    gradient_give(b, 1, gradient_dy(b, 0));
}

void gradient_sub(struct backward *b)
{
    gradient_give(b, 0, gradient_dy(b, 0));
    gradient_give(b, 1, formula_scaled(&b->f, gradient_dy(b, 0), -1));
}

void gradient_mul(struct backward *b)
{
    struct array *dy = gradient_dy(b, 0);
    gradient_give(b, 0, formula_mul(&b->f, dy, gradient_x(b, 1)));
    gradient_give(b, 1, formula_mul(&b->f, dy, gradient_x(b, 0)));
}

/* y = u / v: du = dy / v, dv = -du * y */
void gradient_div(struct backward *b)
{
    struct array *du = formula_div(&b->f, gradient_dy(b, 0), gradient_x(b, 1));
    gradient_give(b, 0, du);
    gradient_give(b, 1, formula_scaled(&b->f, formula_mul(&b->f, du, gradient_y(b, 0)), -1));
}

/* The kind of loop that two inputs broadcast to the shape of y need: `at` says what dy is multiplied by. */
typedef double pair_slope(double u, double v);

static struct array *pair_gradient(struct backward *b, pair_slope *at)
{
    struct array *y = gradient_y(b, 0), *dy = gradient_dy(b, 0);
    struct array *u = formula_expanded(&b->f, gradient_x(b, 0), y->rank, y->dims);
    struct array *v = formula_expanded(&b->f, gradient_x(b, 1), y->rank, y->dims);
    if (b->f.failed) return NULL;
    struct array *d = array_new(b->f.call->pool, y->type, y->store, y->rank, y->dims);
    for (int64_t i = 0; i < d->count; i++)
        element_put(d, i, element_real(dy, i) * at(element_real(u, i), element_real(v, i)));
    return formula_hold(&b->f, d);
}

static double power_by_base(double u, double v)
{
    return v == 0 ? 0 : v * pow(u, v - 1);
}

/* Where the base is not positive the exponent cannot move. */
static double power_by_exponent(double u, double v)
{
    return u > 0 ? pow(u, v) * log(u) : 0;
}

static double prelu_by_x(double u, double v)
{
    return u < 0 ? v : 1;
}

static double prelu_by_factor(double u, double v)
{
    (void)v;
    return u < 0 ? u : 0;
}

void gradient_pow(struct backward *b)
{
    gradient_give(b, 0, pair_gradient(b, power_by_base));
    if (is_real(gradient_x(b, 1))) gradient_give(b, 1, pair_gradient(b, power_by_exponent));
}

void gradient_prelu(struct backward *b)
{
    gradient_give(b, 0, pair_gradient(b, prelu_by_x));
    gradient_give(b, 1, pair_gradient(b, prelu_by_factor));
}

void gradient_sum(struct backward *b)
{
    for (size_t i = 0; i < b->f.call->input_count; i++) gradient_give(b, i, gradient_dy(b, 0));
}

void gradient_mean(struct backward *b)
{
    struct array *share = formula_scaled(&b->f, gradient_dy(b, 0), 1 / (double)b->f.call->input_count);
    for (size_t i = 0; i < b->f.call->input_count; i++) gradient_give(b, i, share);
}

/* Max and Min: those that are equal share it. */
void gradient_extreme(struct backward *b)
{
    struct array *y = gradient_y(b, 0), *ties = NULL;
    size_t count = b->f.call->input_count;
    for (size_t i = 0; i < count; i++) {
        struct array *is = formula_equal(&b->f, gradient_x(b, i), y);
        ties = ties ? formula_add(&b->f, ties, is) : is;
    }
    struct array *share = formula_div(&b->f, gradient_dy(b, 0), ties);
    for (size_t i = 0; i < count; i++)
        gradient_give(b, i, formula_mul(&b->f, share, formula_equal(&b->f, gradient_x(b, i), y)));
}

/* The bounds get what x does not. */
void gradient_clip(struct backward *b)
{
    struct array *x = gradient_x(b, 0), *y = gradient_y(b, 0), *dy = gradient_dy(b, 0);
    if (!x || !is_real(x) || !dy) return;
    struct array *parts[3];
    for (int k = 0; k < 3; k++) parts[k] = gradient_zeros(b, x);
    for (int64_t i = 0; i < x->count; i++) {
        double from = element_real(x, i), to = element_real(y, i);
        element_put(parts[to > from ? 1 : to < from ? 2 : 0], i, element_real(dy, i));
    }
    for (size_t k = 0; k < 3; k++) gradient_give(b, k, parts[k]);
}

static bool swiglu_formula(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *gate = formula_swish(&f, call_input(call, 0), (double)node_float(call->node, "alpha", 1));
    formula_give(&f, 0, formula_mul(&f, gate, call_input(call, 1)));
    return formula_close(&f);
}

void gradient_swiglu(struct backward *b)
{
    gradient_through(b, swiglu_formula);
}
