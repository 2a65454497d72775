/* SPDX-License-Identifier: Apache-2.0
 *
 * Complex elements in the operators that take them. Most move elements, so the same node on the real parts and on the
 * imaginary ones gives the two parts of the result, to the bit. */
#include "runtime/element.h"
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What the nodes read. A complex input has two real twins: with ".0" after its name its real parts, with ".1" the
 * imaginary ones. */
static const struct given {
    const char *name, *dims;
    enum dtype type;
    double values[24];
} givens[] = {
    { "z", "2,3", DTYPE_COMPLEX64, { 1, -2, 3, 4.5, -5, 6, 7, -8, -0.0, 10, 11, 12 } },
    { "u", "2,3", DTYPE_COMPLEX64, { 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32 } },
    { "v", "1,4,1,2", DTYPE_COMPLEX64, { 1, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47 } },
    { "w", "2", DTYPE_COMPLEX64, { 0.5, -1, 2, 8 } },
    { "k", "1", DTYPE_COMPLEX64, { 4, -3 } },
    { "yes", "3", DTYPE_BOOL, { 1, 0, 1 } },
    { "zero", "1", DTYPE_INT64, { 0 } },
    { "one", "1", DTYPE_INT64, { 1 } },
    { "index", "2", DTYPE_INT64, { 2, 0 } },
    { "places", "2,2", DTYPE_INT64, { 1, 2, 0, 0 } },
    { "pair", "1,2", DTYPE_INT64, { 1, 2 } },
    { "lengths", "3", DTYPE_INT64, { 1, 2, 2 } },
    { "shape", "2", DTYPE_INT64, { 3, 2 } },
    { "spread", "3", DTYPE_INT64, { 2, 2, 3 } },
    { "pads", "4", DTYPE_INT64, { 0, 1, 1, 0 } },
    { "crop", "2", DTYPE_INT64, { 1, 5 } },
    { "scales", "4", DTYPE_FLOAT, { 1, 1, 2, 2 } },
    { "grid", "1,1,2,2", DTYPE_FLOAT, { 0.25, -0.5, -0.75, 0.125 } },
    { "image", "2", DTYPE_INT64, { 2, 2 } },
    { "block", "2", DTYPE_INT64, { 2, 1 } },
    { "column", "1,4,2", DTYPE_COMPLEX64, { 1, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47 } },
    { "cache", "2,4,1", DTYPE_COMPLEX64, { 1, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47 } },
    { "updates", "2,2", DTYPE_COMPLEX64, { 100, 101, 102, 103, 104, 105, 106, 107 } },
    { "wide", "1,1,2,4", DTYPE_COMPLEX64, { 1, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47 } },
    { "update", "2,1,1", DTYPE_COMPLEX64, { 100, 101, 102, 103 } },
    { "depth", "", DTYPE_INT64, { 3 } },
    { "rounds", "", DTYPE_INT64, { 2 } },
    { "ends", "2", DTYPE_INT64, { 2, 3 } },
};

static const struct node_case {
    const char *op;
    int64_t opset;
    const char *inputs, *attributes;
} cases[] = {
    { "CenterCropPad", 18, "z crop", NULL },
    { "Col2Im", 18, "column image block", NULL },
    { "Compress", 11, "z yes", "axis=1" },
    { "Concat", 13, "z u", "axis=1" },
    { "DepthToSpace", 13, "v", "blocksize=2" },
    { "Expand", 13, "z spread", NULL },
    { "Flatten", 13, "v", "axis=2" },
    { "Gather", 13, "z index", "axis=1" },
    { "GatherElements", 13, "z places", "axis=1" },
    { "GatherND", 13, "z pair", NULL },
    { "GridSample", 16, "v grid", "mode=bilinear" },
    { "Identity", 13, "z", NULL },
    { "OneHot", 11, "index depth w", NULL },
    { "Pad", 13, "z pads k", NULL },
    { "Pad", 13, "z pads", NULL },
    { "Pad", 13, "z pads", "mode=reflect" },
    { "Reshape", 13, "z shape", NULL },
    { "Resize", 13, "v _ scales", "mode=nearest" },
    { "Resize", 13, "v _ scales", "mode=linear" },
    { "ReverseSequence", 10, "z lengths", "batch_axis=1 time_axis=0" },
    { "Scatter", 9, "z places updates", "axis=1" },
    { "ScatterElements", 13, "z places updates", "axis=1" },
    { "ScatterElements", 16, "z places updates", "axis=1 reduction=add" },
    { "ScatterND", 13, "z pair k", NULL },
    { "Slice", 13, "z zero one", NULL },
    { "SpaceToDepth", 13, "wide", "blocksize=2" },
    { "Split", 13, "z", "axis=0" },
    { "Squeeze", 13, "v zero", NULL },
    { "TensorScatter", 24, "cache update", NULL },
    { "Tile", 13, "z shape", NULL },
    { "Transpose", 13, "z", NULL },
    { "Transpose", 13, "v", "perm=3,1,0,2" },
    { "Trilu", 14, "z", NULL },
    { "Unsqueeze", 13, "z one", NULL },
    { "Upsample", 7, "v", "mode=nearest scales=1.0,1.0,2.0,2.0" },
    { "Upsample", 9, "v scales", "mode=linear" },
    { "Where", 13, "yes z u", NULL },
};

static const struct given *find_given(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof givens / sizeof *givens; i++)
        if (strlen(givens[i].name) == length && memcmp(givens[i].name, name, length) == 0) return &givens[i];
    return NULL;
}

static bool is_complex_type(enum dtype type)
{
    return type == DTYPE_COMPLEX64 || type == DTYPE_COMPLEX128;
}

/* The names with that of each complex value replaced by its twin's. */
static const char *twins(struct build *b, const char *names, const char *part)
{
    const char *text = "";
    for (size_t length; *names; names += length + (names[length] == ' ')) {
        length = strcspn(names, " ");
        const struct given *given = find_given(names, length);
        bool is_twin = !given ? *names != '_' : is_complex_type(given->type);
        text = arena_printf(&b->arena, "%s%s%.*s%s", text, *text ? " " : "", (int)length, names, is_twin ? part : "");
    }
    return text;
}

static int64_t count_of(const char *dims)
{
    int64_t count = 1;
    for (const char *at = dims; *at; at += *at == ',') {
        int64_t dim = 0;
        for (; *at >= '0' && *at <= '9'; at++) dim = 10 * dim + *at - '0';
        count *= dim;
    }
    return count;
}

static void add_given(struct trial *t, const struct given *given, enum dtype type)
{
    double parts[2][12];
    if (!is_complex_type(given->type)) {
        trial_input(t, given->name, given->type, given->dims, given->values);
        return;
    }
    trial_input(t, given->name, type, given->dims, given->values);
    for (int64_t i = 0; i < 2 * count_of(given->dims); i++) parts[i & 1][i / 2] = given->values[i];
    for (int part = 0; part < 2; part++) {
        const char *name = arena_printf(&t->build.arena, "%s.%d", given->name, part);
        trial_input(t, name, dtype_part(type), given->dims, parts[part]);
    }
}

static void add_inputs(struct trial *t, const char *names, enum dtype type)
{
    for (size_t length; *names; names += length + (names[length] == ' ')) {
        length = strcspn(names, " ");
        const struct given *given = find_given(names, length);
        if (given) add_given(t, given, type);
        else assert_int_equal(*names, '_');
    }
}

static void expect_parts(const struct trial *t, enum dtype type, bool exact)
{
    const struct array *y = trial_output(t, "y", exact), *half[2];
    half[0] = trial_output(t, "y.0", exact);
    half[1] = trial_output(t, "y.1", exact);
    assert_string_equal(dtype_name(y->type), dtype_name(type));
    const struct array parts = element_parts(y);
    for (int part = 0; part < 2; part++) {
        assert_int_equal(y->rank, half[part]->rank);
        for (int axis = 0; axis < y->rank; axis++) assert_int_equal(y->dims[axis], half[part]->dims[axis]);
    }
    assert_true(y->count > 0);
    for (int64_t i = 0; i < parts.count; i++) {
        double is = element_real(&parts, i), must = element_real(half[i & 1], i / 2);
        assert_memory_equal(&is, &must, sizeof is);
    }
}

/* The same nodes thrice: of the complex values, and of either part of them. */
typedef void add_nodes(struct trial *t, const void *what, const char *part);

static void try_parts(int64_t opset, const char *names, add_nodes *add, const void *what)
{
    const enum dtype types[] = { DTYPE_COMPLEX64, DTYPE_COMPLEX128 };
    for (size_t i = 0; i < 2; i++) {
        struct trial t;
        trial_open(&t, opset);
        add_inputs(&t, names, types[i]);
        add(&t, what, "");
        add(&t, what, ".0");
        add(&t, what, ".1");
        trial_run(&t, "y y.0 y.1");
        expect_parts(&t, types[i], false);
        expect_parts(&t, types[i], true);
        trial_close(&t);
    }
}

static void add_node(struct trial *t, const void *what, const char *part)
{
    const struct node_case *c = what;
    build_node(&t->build, c->op, NULL, twins(&t->build, c->inputs, part), twins(&t->build, "y", part), c->attributes);
}

static void the_parts_of_a_result_are_the_results_of_the_parts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("%s\n", cases[i].op);
        try_parts(cases[i].opset, cases[i].inputs, add_node, &cases[i]);
    }
}

static void nodes_in_turn(struct trial *t, const char *part, const char *const (*nodes)[4])
{
    for (; (*nodes)[0]; nodes++)
        build_node(&t->build, (*nodes)[0], NULL, twins(&t->build, (*nodes)[1], part),
                   twins(&t->build, (*nodes)[2], part), (*nodes)[3]);
}

static void add_sequence(struct trial *t, const void *what, const char *part)
{
    static const char *const nodes[][4] = {
        { "SplitToSequence", "v", "a", "axis=1 keepdims=0" },
        { "SequenceErase", "a zero", "b", NULL },
        { "SequenceAt", "b one", "at", NULL },
        { "SequenceConstruct", "at at", "c", NULL },
        { "SequenceInsert", "c at zero", "d", NULL },
        { "Optional", "d", "o", NULL },
        { "OptionalGetElement", "o", "e", NULL },
        { "ConcatFromSequence", "e", "y", "axis=0 new_axis=1" },
        { NULL },
    };
    (void)what;
    nodes_in_turn(t, part, nodes);
}

static void sequences_and_optionals_hold_complex_tensors(void **state)
{
    (void)state;
    try_parts(18, "v zero one", add_sequence, NULL);
}

/* A body of Identities, each of which `copies` names by its input and its output. */
static void add_body(struct trial *t, const char *part, const char *inputs, const char *outputs, const char *copies)
{
    char *names = arena_copy_text(&t->build.arena, inputs);
    build_body(&t->build, "body");
    for (char *name = strtok(names, " "); name; name = strtok(NULL, " "))
        build_input(&t->build, twins(&t->build, name, part), DTYPE_UNDEFINED, NULL);
    names = arena_copy_text(&t->build.arena, copies);
    for (char *name = strtok(names, " "); name; name = strtok(NULL, " ")) {
        const char *copy = strtok(NULL, " ");
        build_node(&t->build, "Identity", NULL, twins(&t->build, name, part), twins(&t->build, copy, part), NULL);
    }
    names = arena_copy_text(&t->build.arena, outputs);
    for (char *name = strtok(names, " "); name; name = strtok(NULL, " "))
        build_output(&t->build, twins(&t->build, name, part), DTYPE_UNDEFINED, NULL);
    build_end(&t->build);
}

static void add_loop(struct trial *t, const void *what, const char *part)
{
    (void)what;
    build_node(&t->build, "Loop", NULL, twins(&t->build, "rounds _ z", part), twins(&t->build, "last y", part), NULL);
    add_body(t, part, "i go s", "on next row", "go on s next s row");
}

static void add_scan(struct trial *t, const void *what, const char *part)
{
    const char *attributes = what;
    build_node(&t->build, "Scan", NULL, twins(&t->build, "w z", part), twins(&t->build, "last y", part), attributes);
    add_body(t, part, "s x", "next row", "s next x row");
}

static void add_old_scan(struct trial *t, const void *what, const char *part)
{
    (void)what;
    build_node(&t->build, "Scan", NULL, twins(&t->build, "ends z u", part), twins(&t->build, "last y", part),
               "num_scan_inputs=1");
    add_body(t, part, "s x", "next row", "s next x row");
}

static void add_map(struct trial *t, const void *what, const char *part)
{
    (void)what;
    build_node(&t->build, "SplitToSequence", NULL, twins(&t->build, "z", part), twins(&t->build, "a", part), NULL);
    build_node(&t->build, "SequenceMap", NULL, twins(&t->build, "a", part), twins(&t->build, "m", part), NULL);
    add_body(t, part, "x", "row", "x row");
    build_node(&t->build, "ConcatFromSequence", NULL, twins(&t->build, "m", part), twins(&t->build, "y", part),
               "axis=0");
}

static void bodies_pass_complex_states_and_rows(void **state)
{
    (void)state;
    try_parts(13, "z rounds", add_loop, NULL);
    try_parts(13, "w z", add_scan, "num_scan_inputs=1 scan_input_axes=1, scan_output_axes=1,");
    try_parts(8, "z u ends", add_old_scan, NULL);
    try_parts(17, "z", add_map, NULL);
}

static void open_numbers(struct trial *t, int64_t opset, enum dtype type, const char *dims, const double *parts)
{
    trial_open(t, opset);
    trial_input(t, "z", type, dims, parts);
}

static void sizes_and_presence_are_told_of_complex_tensors(void **state)
{
    struct trial t;
    (void)state;
    open_numbers(&t, 18, DTYPE_COMPLEX128, "1,2", (double[]){ 1, 2, 3, 4 });
    build_node(&t.build, "Shape", NULL, "z", "shape", NULL);
    build_node(&t.build, "Size", NULL, "z", "size", NULL);
    build_node(&t.build, "SequenceConstruct", NULL, "z z z", "s", NULL);
    build_node(&t.build, "SequenceLength", NULL, "s", "length", NULL);
    build_node(&t.build, "Optional", NULL, "z", "o", NULL);
    build_node(&t.build, "OptionalHasElement", NULL, "o", "has", NULL);
    build_node(&t.build, "RandomNormalLike", NULL, "z", "normal", "dtype=1");
    build_node(&t.build, "RandomUniformLike", NULL, "z", "uniform", "dtype=1 low=2.0 high=2.0");
    build_node(&t.build, "Shape", NULL, "normal", "drawn", NULL);
    trial_run(&t, "shape size length has drawn uniform");
    trial_expect(&t, "shape", DTYPE_INT64, "2", (double[]){ 1, 2 });
    trial_expect(&t, "size", DTYPE_INT64, "", (double[]){ 2 });
    trial_expect(&t, "length", DTYPE_INT64, "", (double[]){ 3 });
    trial_expect(&t, "has", DTYPE_BOOL, "", (double[]){ 1 });
    trial_expect(&t, "drawn", DTYPE_INT64, "2", (double[]){ 1, 2 });
    trial_expect(&t, "uniform", DTYPE_FLOAT, "1,2", (double[]){ 2, 2 });
    trial_close(&t);
}

/* A complex number is zero when both of its parts are, and in order by the real part, then by the imaginary one. */
static void complex_numbers_are_told_from_zero_and_from_each_other(void **state)
{
    struct trial t;
    (void)state;
    open_numbers(&t, 13, DTYPE_COMPLEX64, "5", (double[]){ 2, 1, 0, 3, 0, 0, 2, 1, 2, -1 });
    build_node(&t.build, "NonZero", NULL, "z", "places", NULL);
    build_node(&t.build, "Unique", NULL, "z", "y first of counts", NULL);
    trial_run(&t, "places y first of counts");
    trial_expect(&t, "places", DTYPE_INT64, "1,4", (double[]){ 0, 1, 3, 4 });
    trial_expect(&t, "first", DTYPE_INT64, "4", (double[]){ 2, 1, 4, 0 });
    trial_expect(&t, "of", DTYPE_INT64, "5", (double[]){ 3, 1, 0, 3, 2 });
    trial_expect(&t, "counts", DTYPE_INT64, "4", (double[]){ 1, 1, 1, 2 });
    const struct array *y = trial_output(&t, "y", false);
    static const float sorted[] = { 0, 0, 0, 3, 2, -1, 2, 1 };
    assert_memory_equal(y->f32, sorted, sizeof sorted);
    trial_close(&t);
}

static void rows_of_complex_numbers_are_unique_as_a_whole(void **state)
{
    struct trial t;
    (void)state;
    open_numbers(&t, 13, DTYPE_COMPLEX128, "3,2", (double[]){ 1, 1, 2, 2, 1, 1, 2, 3, 1, 1, 2, 2 });
    build_node(&t.build, "Unique", NULL, "z", "y first _ counts", "axis=0");
    trial_run(&t, "first counts");
    trial_expect(&t, "first", DTYPE_INT64, "2", (double[]){ 0, 1 });
    trial_expect(&t, "counts", DTYPE_INT64, "2", (double[]){ 2, 1 });
    trial_close(&t);
}

static void scattered_products_are_complex_products(void **state)
{
    struct trial t;
    (void)state;
    open_numbers(&t, 16, DTYPE_COMPLEX64, "2", (double[]){ 1, 2, 5, 0 });
    trial_input(&t, "at", DTYPE_INT64, "1,1", (double[]){ 0 });
    trial_input(&t, "by", DTYPE_COMPLEX64, "1", (double[]){ 3, -4 });
    build_node(&t.build, "ScatterND", NULL, "z at by", "y", "reduction=mul");
    trial_run(&t, "y");
    static const float product[] = { 11, 2, 5, 0 };
    assert_memory_equal(trial_output(&t, "y", false)->f32, product, sizeof product);
    trial_close(&t);
}

static void complex_numbers_have_no_order_to_scatter_by(void **state)
{
    struct trial t;
    (void)state;
    open_numbers(&t, 18, DTYPE_COMPLEX64, "2", (double[]){ 1, 2, 5, 0 });
    trial_input(&t, "at", DTYPE_INT64, "1,1", (double[]){ 0 });
    trial_input(&t, "by", DTYPE_COMPLEX64, "1", (double[]){ 3, -4 });
    build_node(&t.build, "ScatterND", NULL, "z at by", "y", "reduction=max");
    trial_fails(&t, "y", "reduction \"max\" is not defined for complex64");
    trial_close(&t);
}

static void operators_of_real_numbers_refuse_complex_ones(void **state)
{
    static const char *const nodes[][3] = { { "Add", "z z", NULL },
                                            { "Relu", "z", NULL },
                                            { "ReduceSum", "z", NULL },
                                            { "MatMul", "z z", NULL },
                                            { "Cast", "z", "to=1" },
                                            { "Softmax", "z", NULL },
                                            { "Equal", "z z", NULL },
                                            { "TopK", "z k", NULL },
                                            { "CumSum", "z k", NULL },
                                            { "Clip", "z", NULL },
                                            { "BatchNormalization", "z z z z z", NULL } };
    (void)state;
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        struct trial t;
        open_numbers(&t, 13, i & 1 ? DTYPE_COMPLEX64 : DTYPE_COMPLEX128, "2,2", (double[]){ 1, 2, 3, 4, 5, 6, 7, 8 });
        trial_input(&t, "k", DTYPE_INT64, "1", (double[]){ 1 });
        build_node(&t.build, nodes[i][0], NULL, nodes[i][1], "y", nodes[i][2]);
        trial_fails(&t, "y", "is not defined for elements of type complex");
        trial_close(&t);
    }
}

/* Signaling NaNs and the sign of zero, too. */
static void single_precision_is_carried_bit_for_bit(void **state)
{
    static const uint32_t bits[] = { 0x7f800001, 0x80000000, 0xffc12345, 0x00000001 };
    struct trial t;
    (void)state;
    trial_open(&t, 13);
    BnfuseOnnx__TensorProto *raw = build_tensor(&t.build, "c", DTYPE_DOUBLE, "2", (double[]){ 0, 0 });
    raw->data_type = DTYPE_COMPLEX64;
    memcpy(raw->raw_data.data, bits, sizeof bits);
    build_node(&t.build, "Constant", NULL, "", "z", NULL);
    build_attribute_tensor(&t.build, "value", raw);
    trial_input(&t, "index", DTYPE_INT64, "2", (double[]){ 1, 0 });
    build_node(&t.build, "Gather", NULL, "z index", "turned", NULL);
    build_node(&t.build, "Gather", NULL, "turned index", "y", NULL);
    trial_run(&t, "y");
    assert_memory_equal(trial_output(&t, "y", false)->f32, bits, sizeof bits);
    trial_close(&t);
}

static void parts_may_be_listed_in_the_typed_field(void **state)
{
    static float parts[] = { 1, -2, 3, -4 };
    struct trial t;
    (void)state;
    trial_open(&t, 13);
    BnfuseOnnx__TensorProto *typed = build_init_values(&t.build, "c", DTYPE_DOUBLE, "2", (double[]){ 0, 0 });
    typed->data_type = DTYPE_COMPLEX64;
    typed->has_raw_data = false;
    typed->float_data = parts;
    typed->n_float_data = 4;
    build_node(&t.build, "Identity", NULL, "c", "y", NULL);
    trial_run(&t, "y");
    assert_memory_equal(trial_output(&t, "y", false)->f32, parts, sizeof parts);
    trial_close(&t);
}

static bool is_tried(const char *op)
{
    static const char *const elsewhere[] = {
        "ConcatFromSequence",
        "Loop",
        "NonZero",
        "Optional",
        "OptionalGetElement",
        "OptionalHasElement",
        "RandomNormalLike",
        "RandomUniformLike",
        "Scan",
        "SequenceAt",
        "SequenceConstruct",
        "SequenceErase",
        "SequenceInsert",
        "SequenceLength",
        "SequenceMap",
        "Shape",
        "Size",
        "SplitToSequence",
        "Unique",
    };
    bool found = false;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) found |= strcmp(op, cases[i].op) == 0;
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) found |= strcmp(op, elsewhere[i]) == 0;
    return found;
}

static void every_operator_that_takes_complex_numbers_is_tried_here(void **state)
{
    (void)state;
    for (const struct operator_row *const *family = operator_families; *family; family++)
        for (const struct operator_row *row = *family; row->name; row++)
            if (row->complex != NO_COMPLEX && !is_tried(row->name)) fail_msg("%s is not tried", row->name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_of_a_result_are_the_results_of_the_parts),
        cmocka_unit_test(sequences_and_optionals_hold_complex_tensors),
        cmocka_unit_test(bodies_pass_complex_states_and_rows),
        cmocka_unit_test(sizes_and_presence_are_told_of_complex_tensors),
        cmocka_unit_test(complex_numbers_are_told_from_zero_and_from_each_other),
        cmocka_unit_test(rows_of_complex_numbers_are_unique_as_a_whole),
        cmocka_unit_test(scattered_products_are_complex_products),
        cmocka_unit_test(complex_numbers_have_no_order_to_scatter_by),
        cmocka_unit_test(operators_of_real_numbers_refuse_complex_ones),
        cmocka_unit_test(single_precision_is_carried_bit_for_bit),
        cmocka_unit_test(parts_may_be_listed_in_the_typed_field),
        cmocka_unit_test(every_operator_that_takes_complex_numbers_is_tried_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
