/* SPDX-License-Identifier: Apache-2.0
 *
 * The arithmetic of element-wise operators on real numbers, included twice by elementwise.c: REAL is float, then double;
 * NAME(f) is the function's name for it. p[] are the operator's attributes. */

#define UNARY(name, expression)   UNARY_STRIP(NAME(name), REAL, REAL, expression)
#define VECTOR(name)              VECTOR_STRIP(NAME(name), name)
#define PAIR(name)                PAIR_STRIP(NAME(name), REAL, name)
#define BINARY(name, expression)  BINARY_STRIP(NAME(name), REAL, REAL, expression)
#define TEST(name, expression)    UNARY_STRIP(NAME(name), REAL, int64_t, expression)
#define COMPARE(name, expression) BINARY_STRIP(NAME(name), REAL, int64_t, expression)

VECTOR(absolute)
UNARY(acos, acos(x))
UNARY(acosh, acosh(x))
UNARY(asin, asin(x))
UNARY(asinh, asinh(x))
UNARY(atan, atan(x))
UNARY(atanh, atanh(x))
VECTOR(ceil)
VECTOR(celu)
UNARY(cos, cos(x))
UNARY(cosh, cosh(x))
VECTOR(elu)
VECTOR(erf)
VECTOR(exp)
VECTOR(floor)
VECTOR(gelu)
VECTOR(gelu_tanh)
VECTOR(hard_sigmoid)
VECTOR(hard_swish)
VECTOR(leaky_relu)
VECTOR(log)
VECTOR(mish)
VECTOR(negate)
VECTOR(reciprocal)
VECTOR(relu)
VECTOR(round_even)
VECTOR(selu)
UNARY(shrink, x<-p[1] ? x + p[0] : x> p[1] ? x - p[0] : 0)
VECTOR(sigmoid)
UNARY(sign, x > 0 ? 1 : x < 0 ? -1 : x)
UNARY(sin, sin(x))
UNARY(sinh, sinh(x))
VECTOR(softplus)
VECTOR(softsign)
UNARY(sqrt, SQRT(x))
VECTOR(swish)
UNARY(tan, tan(x))
VECTOR(tanh)
UNARY(thresholded_relu, x > p[0] || x != x ? x : 0)
VECTOR(times)

PAIR(add)
PAIR(subtract)
PAIR(multiply)
PAIR(divide)
PAIR(maximum)
PAIR(minimum)
BINARY(power, POWER(x, y))
BINARY(modulo, floored_remainder(x, y))
BINARY(remainder, fmod(x, y))
PAIR(prelu)
BINARY(swiglu, x *logistic(p[0] * x) * y)
CLIP_STRIP(NAME(clip))

TEST(is_nan, x != x)
TEST(is_infinite, (x == (REAL)INFINITY && p[0] != 0) || (x == -(REAL)INFINITY && p[1] != 0))
COMPARE(equal, x == y)
COMPARE(less, x < y)
COMPARE(less_or_equal, x <= y)
COMPARE(greater, x > y)
COMPARE(greater_or_equal, x >= y)

#undef UNARY
#undef VECTOR
#undef PAIR
#undef BINARY
#undef TEST
#undef COMPARE
#undef REAL
#undef NAME
#undef SQRT
