/* SPDX-License-Identifier: Apache-2.0
 *
 * Elements of small tensors as far as shape arithmetic goes: what Shape, Gather, Concat, Mul, ... compute on the way to
 * a Reshape or Expand. A rule is asked when the type and shape of output 0 are known and small. An element that cannot
 * be told is 0. */
#include "onnx/shape/rules.h"

#include <string.h>

/* A small tensor while its elements are moved about. */
struct small {
    int rank;
    int64_t count, dims[SHAPE_MAX_RANK];
    const struct dim *elements; /* NULL: nothing known */
};

static bool small_of(struct shaping *s, struct value *value, struct small *small)
{
    *small = (struct small){ .count = value ? shape_count(&value->shape) : -1 };
    if (small->count < 0) return false;
    small->rank = value->shape.rank;
    for (int i = 0; i < small->rank; i++) small->dims[i] = value->shape.dims[i].size;
    small->elements = value_content(s, value);
    return true;
}

static bool small_input(struct shaping *s, size_t slot, struct small *small)
{
    return small_of(s, node_input(s->node, slot), small) && small->elements;
}

static void small_output(struct shaping *s, struct small *small)
{
    small_of(s, node_output(s->node, 0), small);
}

static int element(const struct small *small, int64_t at)
{
    return small->elements ? small->elements[at].symbol : 0;
}

/* The index along each axis of element `at`. */
static void unravel(const struct small *small, int64_t at, int64_t *index)
{
    for (int i = small->rank - 1; i >= 0; i--) {
        index[i] = at % small->dims[i];
        at /= small->dims[i];
    }
}

static int64_t ravel(const struct small *small, const int64_t *index)
{
    int64_t at = 0;
    for (int i = 0; i < small->rank; i++) at = at * small->dims[i] + index[i];
    return at;
}

/* The element of an input that broadcasts to output index `index`. */
static int broadcast_element(const struct small *input, const struct small *output, const int64_t *index)
{
    int64_t at = 0;
    for (int i = 0; i < input->rank; i++) {
        int64_t along = index[output->rank - input->rank + i];
        at = at * input->dims[i] + (input->dims[i] == 1 ? 0 : along);
    }
    return element(input, at);
}

/* Element by element */

static int add(struct shaping *s, int a, int b)
{
    return symbol_add(s->symbols, a, b);
}

static int subtract(struct shaping *s, int a, int b)
{
    return symbol_subtract(s->symbols, a, b);
}

static int multiply(struct shaping *s, int a, int b)
{
    return symbol_multiply(s->symbols, a, b);
}

/* Whole numbers divide towards zero, so signs must be known; real ones have a whole quotient or none that we follow. */
static int divide(struct shaping *s, int a, int b)
{
    int64_t x, y;
    bool real = dtype_kind(node_output(s->node, 0)->type) == KIND_REAL;
    if (symbol_is_number(s->symbols, a, &x) && symbol_is_number(s->symbols, b, &y)) {
        if (y == 0 || (y == -1 && x == INT64_MIN) || (real && x % y != 0)) return 0;
        return symbol_number(s->symbols, x / y);
    }
    if (real || symbol_minimum(s->symbols, a) < 0 || symbol_minimum(s->symbols, b) < 0) return 0;
    return symbol_divide(s->symbols, a, b);
}

/* Signs agree in every convention only where nothing is negative. */
static int modulo(struct shaping *s, int a, int b)
{
    if (symbol_minimum(s->symbols, a) < 0 || symbol_minimum(s->symbols, b) < 1) return 0;
    return symbol_subtract(s->symbols, a, symbol_multiply(s->symbols, symbol_divide(s->symbols, a, b), b));
}

static int maximum(struct shaping *s, int a, int b)
{
    return symbol_maximum(s->symbols, a, b);
}

static int least(struct shaping *s, int a, int b)
{
    return symbol_least(s->symbols, a, b);
}

static int truth(struct shaping *s, bool is)
{
    return symbol_number(s->symbols, is);
}

/* -1, 0, 1, or 2 when the order of the two is not certain. */
static int compare(struct shaping *s, int a, int b)
{
    if (!a || !b) return 2;
    if (a == b) return 0;
    if (symbol_minimum(s->symbols, symbol_subtract(s->symbols, a, b)) > 0) return 1;
    return symbol_minimum(s->symbols, symbol_subtract(s->symbols, b, a)) > 0 ? -1 : 2;
}

static int equal(struct shaping *s, int a, int b)
{
    int order = compare(s, a, b);
    return order == 2 ? 0 : truth(s, order == 0);
}

static int greater(struct shaping *s, int a, int b)
{
    int order = compare(s, a, b);
    return order == 2 ? 0 : truth(s, order > 0);
}

static int less(struct shaping *s, int a, int b)
{
    return greater(s, b, a);
}

static int invert(struct shaping *s, int a, int b)
{
    int64_t number;
    (void)b;
    return symbol_is_number(s->symbols, a, &number) ? truth(s, number == 0) : 0;
}

static int greater_or_equal(struct shaping *s, int a, int b)
{
    return invert(s, less(s, a, b), 0);
}

static int less_or_equal(struct shaping *s, int a, int b)
{
    return invert(s, greater(s, a, b), 0);
}

static int both(struct shaping *s, int a, int b)
{
    int64_t x = 1, y = 1;
    bool a_known = symbol_is_number(s->symbols, a, &x), b_known = symbol_is_number(s->symbols, b, &y);
    if (x == 0 || y == 0) return truth(s, false);
    return a_known && b_known ? truth(s, true) : 0;
}

static int either(struct shaping *s, int a, int b)
{
    return invert(s, both(s, invert(s, a, 0), invert(s, b, 0)), 0);
}

static int negate(struct shaping *s, int a, int b)
{
    (void)b;
    return symbol_subtract(s->symbols, symbol_number(s->symbols, 0), a);
}

static int absolute(struct shaping *s, int a, int b)
{
    return symbol_minimum(s->symbols, a) >= 0 ? a : symbol_maximum(s->symbols, a, negate(s, a, b));
}

static void unary(struct shaping *s, const struct content_rule *rule)
{
    int symbols[CONTENT_MAX];
    struct small input;
    if (!small_input(s, 0, &input)) return;
    for (int64_t i = 0; i < input.count; i++) symbols[i] = rule->combine(s, element(&input, i), 0);
    set_content(s, 0, symbols);
}

/* All inputs, from the left. */
static void binary(struct shaping *s, const struct content_rule *rule)
{
    int symbols[CONTENT_MAX];
    int64_t index[SHAPE_MAX_RANK];
    struct small input, output;
    small_output(s, &output);
    if (s->node->opset < 7 && node_int(s->node, "broadcast", 0)) return;
    for (size_t slot = 0; slot < s->node->input_count; slot++) {
        if (!small_input(s, slot, &input)) return;
        for (int64_t i = 0; i < output.count; i++) {
            unravel(&output, i, index);
            int other = broadcast_element(&input, &output, index);
            symbols[i] = slot ? rule->combine(s, symbols[i], other) : other;
        }
    }
    set_content(s, 0, symbols);
}

static void where(struct shaping *s, const struct content_rule *rule)
{
    (void)rule;
    int symbols[CONTENT_MAX];
    int64_t index[SHAPE_MAX_RANK], truth_value;
    struct small condition, yes, no, output;
    small_output(s, &output);
    bool known = small_of(s, node_input(s->node, 0), &condition) && small_of(s, node_input(s->node, 1), &yes)
                 && small_of(s, node_input(s->node, 2), &no);
    for (int64_t i = 0; known && i < output.count; i++) {
        unravel(&output, i, index);
        int a = broadcast_element(&yes, &output, index), b = broadcast_element(&no, &output, index);
        bool certain = symbol_is_number(s->symbols, broadcast_element(&condition, &output, index), &truth_value);
        symbols[i] = certain ? (truth_value ? a : b) : a == b ? a : 0;
    }
    if (known) set_content(s, 0, symbols);
}

/* Between types: true is 1; a whole number that the new type holds exactly stays. */
static void cast(struct shaping *s, const struct content_rule *rule)
{
    (void)rule;
    int symbols[CONTENT_MAX];
    int64_t number;
    struct small input;
    bool to_bool = node_output(s->node, 0)->type == DTYPE_BOOL;
    if (!small_input(s, 0, &input)) return;
    for (int64_t i = 0; i < input.count; i++) {
        symbols[i] = element(&input, i);
        if (!to_bool) continue;
        if (symbol_is_number(s->symbols, symbols[i], &number)) symbols[i] = truth(s, number != 0);
        else symbols[i] = symbol_minimum(s->symbols, symbols[i]) > 0 ? truth(s, true) : 0;
    }
    set_content(s, 0, symbols);
}

/* Sizes */

static void shape_elements(struct shaping *s, const struct content_rule *rule)
{
    (void)rule;
    int symbols[CONTENT_MAX], rank = input_rank(s, 0);
    int64_t start = node_int(s->node, "start", 0), count = shape_count(&node_output(s->node, 0)->shape);
    if (rank < 0) return;
    start = start < -rank ? 0 : start < 0 ? start + rank : start;
    for (int64_t i = 0; i < count; i++) symbols[i] = dim_symbol(s, input_dim(s, 0, (int)(start + i)));
    set_content(s, 0, symbols);
}

static void size_element(struct shaping *s, const struct content_rule *rule)
{
    (void)rule;
    if (input_rank(s, 0) < 0) return;
    int symbol = dim_symbol(s, product_dim(s, input_dims(s, 0), 0, input_rank(s, 0)));
    set_content(s, 0, &symbol);
}

/* Movers */

/* The same elements under other dims. */
static void same_elements(struct shaping *s, const struct content_rule *rule)
{
    (void)rule;
    int symbols[CONTENT_MAX];
    struct small input, output;
    small_output(s, &output);
    if (!small_input(s, 0, &input) || input.count != output.count) return;
    for (int64_t i = 0; i < input.count; i++) symbols[i] = element(&input, i);
    set_content(s, 0, symbols);
}

static void transpose(struct shaping *s, const struct content_rule *rule)
{
    (void)rule;
    int symbols[CONTENT_MAX];
    int64_t index[SHAPE_MAX_RANK], from[SHAPE_MAX_RANK];
    const int64_t *perm;
    struct small input, output;
    bool listed = node_ints(s->node, "perm", &perm) != 0;
    small_output(s, &output);
    if (!small_input(s, 0, &input)) return;
    for (int64_t i = 0; i < output.count; i++) {
        unravel(&output, i, index);
        for (int d = 0; d < output.rank; d++) {
            int axis = output.rank - 1 - d;
            if (listed) normal_axis(perm[d], output.rank, &axis);
            from[axis] = index[d];
        }
        symbols[i] = element(&input, ravel(&input, from));
    }
    set_content(s, 0, symbols);
}

static void gather(struct shaping *s, const struct content_rule *rule)
{
    (void)rule;
    int symbols[CONTENT_MAX], axis;
    int64_t inner = 1, pick, middle;
    struct small input, picks, output;
    small_output(s, &output);
    if (!small_input(s, 0, &input) || !small_input(s, 1, &picks) || output.count == 0) return;
    if (!normal_axis(node_int(s->node, "axis", 0), input.rank, &axis)) return;
    middle = input.dims[axis];
    for (int d = axis + 1; d < input.rank; d++) inner *= input.dims[d];
    for (int64_t i = 0; i < output.count; i++) {
        int64_t outer = i / (picks.count * inner), at = i / inner % picks.count;
        bool known = symbol_is_number(s->symbols, element(&picks, at), &pick);
        if (known && pick < 0) pick += middle;
        symbols[i] =
            known && pick >= 0 && pick < middle ? element(&input, (outer * middle + pick) * inner + i % inner) : 0;
    }
    set_content(s, 0, symbols);
}

/* Start and step along each axis, for elements known to be there. */
struct strides {
    int64_t start[SHAPE_MAX_RANK], step[SHAPE_MAX_RANK];
};

static bool slice_axis(const struct small *input, struct strides *strides, int64_t axis, int64_t start, int64_t step)
{
    int normal;
    if (!normal_axis(axis, input->rank, &normal)) return false;
    int64_t size = input->dims[normal], last = step > 0 ? size : size - 1;
    if (start < 0) start += size;
    strides->start[normal] = start < 0 ? 0 : start > last ? last : start;
    strides->step[normal] = step;
    return true;
}

static bool read_slice(struct shaping *s, const struct small *input, struct strides *strides)
{
    struct axes starts, axes, steps;
    bool attributes = s->node->opset < 10;
    if (attributes) axes_from_attribute(s, "starts", &starts);
    else axes_from_input(s, 1, &starts);
    if (attributes) axes_from_attribute(s, "axes", &axes);
    else axes_from_input(s, 3, &axes);
    if (attributes) steps = (struct axes){ .known = AXES_ABSENT };
    else axes_from_input(s, 4, &steps);
    if (starts.known != AXES_KNOWN || axes.known > AXES_KNOWN || steps.known > AXES_KNOWN) return false;
    for (int i = 0; i < starts.count; i++) {
        int64_t axis = axes.known == AXES_KNOWN ? axes.at[i] : i, step = steps.known == AXES_KNOWN ? steps.at[i] : 1;
        if (!slice_axis(input, strides, axis, starts.at[i], step)) return false;
    }
    return true;
}

/* The output's shape says where each slice ends. */
static void slice(struct shaping *s, const struct content_rule *rule)
{
    (void)rule;
    int symbols[CONTENT_MAX];
    int64_t index[SHAPE_MAX_RANK];
    struct small input, output;
    struct strides strides = { { 0 }, { 0 } };
    small_output(s, &output);
    if (!small_input(s, 0, &input)) return;
    for (int d = 0; d < input.rank; d++) strides.step[d] = 1;
    if (!read_slice(s, &input, &strides)) return;
    for (int64_t i = 0; i < output.count; i++) {
        unravel(&output, i, index);
        for (int d = 0; d < input.rank; d++) index[d] = strides.start[d] + index[d] * strides.step[d];
        symbols[i] = element(&input, ravel(&input, index));
    }
    set_content(s, 0, symbols);
}

static void concat(struct shaping *s, const struct content_rule *rule)
{
    (void)rule;
    int symbols[CONTENT_MAX] = { 0 }, axis;
    int64_t index[SHAPE_MAX_RANK], before = 0;
    struct small input, output;
    small_output(s, &output);
    if (!normal_axis(node_int(s->node, "axis", 1), output.rank, &axis)) return;
    for (size_t slot = 0; slot < s->node->input_count; slot++) {
        if (!small_of(s, node_input(s->node, slot), &input)) return;
        for (int64_t i = 0; i < input.count; i++) {
            unravel(&input, i, index);
            index[axis] += before;
            symbols[ravel(&output, index)] = element(&input, i);
        }
        before += input.dims[axis];
    }
    set_content(s, 0, symbols);
}

/* The pieces of a list. */
static void split(struct shaping *s, const struct content_rule *rule)
{
    (void)rule;
    int symbols[CONTENT_MAX];
    int64_t before = 0;
    struct small input, piece;
    if (!small_input(s, 0, &input) || input.rank != 1) return;
    for (size_t slot = 0; slot < s->node->output_count; slot++) {
        struct value *output = node_output(s->node, slot);
        if (!output || !small_of(s, output, &piece) || before + piece.count > input.count) return;
        for (int64_t i = 0; i < piece.count; i++) symbols[i] = element(&input, before + i);
        before += piece.count;
        set_content(s, slot, symbols);
    }
}

/* Tile and Expand: element (i mod size) along every axis. */
static void repeat(struct shaping *s, const struct content_rule *rule)
{
    (void)rule;
    int symbols[CONTENT_MAX];
    int64_t index[SHAPE_MAX_RANK];
    struct small input, output;
    small_output(s, &output);
    if (!small_input(s, 0, &input) || input.rank > output.rank) return;
    for (int64_t i = 0; i < output.count; i++) {
        unravel(&output, i, index);
        for (int d = 0; d < input.rank; d++) index[d] = index[output.rank - input.rank + d] % input.dims[d];
        symbols[i] = element(&input, ravel(&input, index));
    }
    set_content(s, 0, symbols);
}

static void filled(struct shaping *s, const struct content_rule *rule)
{
    (void)rule;
    int symbols[CONTENT_MAX];
    double value = 0;
    int64_t count = shape_count(&node_output(s->node, 0)->shape);
    const BnfuseOnnx__AttributeProto *attribute = node_attribute(s->node, "value");
    if (attribute && attribute->t) {
        struct tensor tensor;
        if (!tensor_from_proto(&tensor, s->scratch, s->net->model, attribute->t, NULL) || tensor.count != 1
            || (dtype_kind(tensor.type) != KIND_REAL && dtype_kind(tensor.type) != KIND_WHOLE)
            || !tensor_read_real(&tensor, 0, 1, &value, NULL))
            return;
    }
    bool whole = value > -1e15 && value < 1e15 && value == (double)(int64_t)value;
    for (int64_t i = 0; i < count; i++) symbols[i] = whole ? symbol_number(s->symbols, (int64_t)value) : 0;
    set_content(s, 0, symbols);
}

static void range(struct shaping *s, const struct content_rule *rule)
{
    (void)rule;
    int symbols[CONTENT_MAX];
    const struct dim *start = input_content(s, 0), *delta = input_content(s, 2);
    int64_t count = shape_count(&node_output(s->node, 0)->shape);
    if (!start || !delta) return;
    for (int64_t i = 0; i < count; i++)
        symbols[i] = i ? symbol_add(s->symbols, symbols[i - 1], delta[0].symbol) : start[0].symbol;
    set_content(s, 0, symbols);
}

/* Over all elements of a list. */
static void reduce(struct shaping *s, const struct content_rule *rule)
{
    struct small input, output;
    small_output(s, &output);
    if (!small_input(s, 0, &input) || input.rank != 1 || input.count == 0 || output.count != 1) return;
    int symbol = element(&input, 0);
    for (int64_t i = 1; i < input.count; i++) symbol = rule->combine(s, symbol, element(&input, i));
    set_content(s, 0, &symbol);
}

static void non_zero(struct shaping *s, const struct content_rule *rule)
{
    (void)rule;
    int symbols[CONTENT_MAX];
    int64_t index[SHAPE_MAX_RANK], number, found = 0;
    struct small input, output;
    small_output(s, &output);
    if (!small_input(s, 0, &input)) return;
    for (int64_t i = 0; i < input.count; i++) {
        if (!symbol_is_number(s->symbols, element(&input, i), &number)) return;
        if (number == 0) continue;
        unravel(&input, i, index);
        for (int d = 0; d < input.rank; d++) symbols[d * output.dims[1] + found] = symbol_number(s->symbols, index[d]);
        found++;
    }
    set_content(s, 0, symbols);
}

const struct content_rule shape_content_rules[] = { { "Abs", unary, absolute },
                                                    { "Add", binary, add },
                                                    { "And", binary, both },
                                                    { "Cast", cast, NULL },
                                                    { "CastLike", cast, NULL },
                                                    { "Ceil", same_elements, NULL },
                                                    { "Concat", concat, NULL },
                                                    { "ConstantOfShape", filled, NULL },
                                                    { "Div", binary, divide },
                                                    { "Equal", binary, equal },
                                                    { "Expand", repeat, NULL },
                                                    { "Flatten", same_elements, NULL },
                                                    { "Floor", same_elements, NULL },
                                                    { "Gather", gather, NULL },
                                                    { "Greater", binary, greater },
                                                    { "GreaterOrEqual", binary, greater_or_equal },
                                                    { "Identity", same_elements, NULL },
                                                    { "Less", binary, less },
                                                    { "LessOrEqual", binary, less_or_equal },
                                                    { "Max", binary, maximum },
                                                    { "Min", binary, least },
                                                    { "Mod", binary, modulo },
                                                    { "Mul", binary, multiply },
                                                    { "Neg", unary, negate },
                                                    { "NonZero", non_zero, NULL },
                                                    { "Not", unary, invert },
                                                    { "Or", binary, either },
                                                    { "Range", range, NULL },
                                                    { "ReduceMax", reduce, maximum },
                                                    { "ReduceMin", reduce, least },
                                                    { "ReduceProd", reduce, multiply },
                                                    { "ReduceSum", reduce, add },
                                                    { "Reshape", same_elements, NULL },
                                                    { "Round", same_elements, NULL },
                                                    { "Shape", shape_elements, NULL },
                                                    { "Size", size_element, NULL },
                                                    { "Slice", slice, NULL },
                                                    { "Split", split, NULL },
                                                    { "Squeeze", same_elements, NULL },
                                                    { "Sub", binary, subtract },
                                                    { "Sum", binary, add },
                                                    { "Tile", repeat, NULL },
                                                    { "Transpose", transpose, NULL },
                                                    { "Unsqueeze", same_elements, NULL },
                                                    { "Where", where, NULL },
                                                    { 0 } };
