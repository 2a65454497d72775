/* SPDX-License-Identifier: Apache-2.0
 *
 * The scan before protobuf-c: every defect by its byte and reason, and nothing that crashes what comes after. */
#include "onnx/read/model.h"

#include "bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#undef fail

enum {
    MODEL_GRAPH = 7,
    GRAPH_NODE = 1,
    GRAPH_NAME = 2,
    GRAPH_INITIALIZER = 5,
    NODE_INPUT = 1,
    NODE_OP = 4,
    NODE_ATTRIBUTE = 5,
    ATTRIBUTE_G = 6,
    ATTRIBUTE_INTS = 8,
    TENSOR_FLOATS = 4,
    TENSOR_RAW = 9
};

struct reading {
    struct memory memory;
    struct arena arena;
    struct model model;
    const void *bytes;
    size_t size;
    struct bnfuse_error error;
    bool ok;
};

static bool read_model(void *context, struct bnfuse_error *error)
{
    struct reading *reading = context;
    return model_read(&reading->model, &reading->arena, "m.onnx", reading->bytes, reading->size, error);
}

/* The bytes at their exact size, so that the sanitizer sees a read beyond them. */
static void start_reading(struct reading *reading, const void *bytes, size_t size, size_t limit)
{
    *reading = (struct reading){ .memory = { .limit = limit }, .size = size };
    void *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    if (size) memcpy(copy, bytes, size);
    reading->bytes = copy;
    arena_open(&reading->arena, &reading->memory);
    reading->ok = guarded(&reading->memory, read_model, reading, &reading->error);
}

static void end_reading(struct reading *reading)
{
    arena_close(&reading->arena);
    assert_int_equal(reading->memory.used, 0);
    free((void *)reading->bytes);
}

static void assert_message(const struct bnfuse_error *error, const char *part)
{
    if (!strstr(error->message, part)) print_error("message \"%s\" lacks \"%s\"\n", error->message, part);
    assert_non_null(strstr(error->message, part));
}

static void assert_refused(const struct bytes *bytes, const char *part)
{
    struct reading reading;
    start_reading(&reading, bytes->data, bytes->size, 0);
    assert_false(reading.ok);
    assert_int_equal(reading.error.status, BNFUSE_INVALID);
    assert_message(&reading.error, "m.onnx: ");
    assert_message(&reading.error, part);
    end_reading(&reading);
}

/* `content` as the graph of a model: two bytes (of a short graph) lie in front of it. */
static void assert_graph_refused(const struct bytes *content, const char *part)
{
    struct bytes model = { 0 };
    put_message(&model, MODEL_GRAPH, content);
    assert_refused(&model, part);
}

static void a_field_without_number_is_refused(void **state)
{
    (void)state;
    struct bytes graph = { 0 };
    put_text(&graph, GRAPH_NAME, "g");
    put_tag(&graph, 0, 0);
    put_varint(&graph, 0);
    assert_graph_refused(&graph, "byte 5 (GraphProto): no field has such a number");
}

static void wire_types_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const reasons[] = {
        [3] = "a group", [4] = "a group", [6] = "not a protobuf field", [7] = "not a protobuf field"
    };
    for (uint32_t wire = 3; wire <= 7; wire += wire == 4 ? 2 : 1) {
        struct bytes graph = { 0 };
        put_tag(&graph, 99, wire);
        put_varint(&graph, 0);
        assert_graph_refused(&graph, "byte 2 (GraphProto): ");
        assert_graph_refused(&graph, reasons[wire]);
    }
}

static void a_known_field_of_another_type_is_refused(void **state)
{
    (void)state;
    struct bytes graph = { 0 };
    put_number(&graph, GRAPH_NAME, 7);
    assert_graph_refused(&graph, "byte 2 (GraphProto.name): lies there as another type");
}

static void a_message_longer_than_the_one_around_it_is_refused(void **state)
{
    (void)state;
    struct bytes graph = { 0 }, model = { 0 };
    put_tag(&graph, GRAPH_NODE, 2);
    put_varint(&graph, 5);
    put_text(&graph, GRAPH_NAME, "g");
    put_message(&model, MODEL_GRAPH, &graph);
    put_number(&model, 1, 8);
    assert_refused(&model, "byte 2 (GraphProto.node): reaches beyond the end of the message around it");
}

static void a_file_cut_short_is_named_so(void **state)
{
    (void)state;
    struct bytes model = { 0 };
    put_number(&model, 1, 8);
    put_tag(&model, MODEL_GRAPH, 2);
    put_varint(&model, 1000);
    assert_refused(&model,
                   "cut short, or not a valid ONNX model: byte 2 (ModelProto.graph) announces 1000 bytes but the "
                   "file ends after 0");
}

static void numbers_without_end_are_refused(void **state)
{
    (void)state;
    static const uint8_t endless[11] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    struct bytes value = { 0 }, tag = { 0 }, length = { 0 }, packed = { 0 }, node = { 0 }, graph = { 0 };
    put_tag(&value, 99, 0);
    put(&value, endless, 11);
    assert_graph_refused(&value, "byte 2 (GraphProto): a number of too many bytes");
    put(&tag, endless, 11);
    assert_graph_refused(&tag, "byte 2 (GraphProto): a number of too many bytes");
    put_tag(&length, GRAPH_NAME, 2);
    put(&length, endless, 11);
    assert_graph_refused(&length, "byte 2 (GraphProto.name): a number of too many bytes");
    put_block(&packed, ATTRIBUTE_INTS, "\x01\x80", 2);
    put_message(&node, NODE_ATTRIBUTE, &packed);
    put_message(&graph, GRAPH_NODE, &node);
    assert_graph_refused(&graph, "byte 9 (AttributeProto.ints): a number without end");
}

static void packed_floats_that_do_not_fill_their_bytes_are_refused(void **state)
{
    (void)state;
    struct bytes tensor = { 0 }, graph = { 0 };
    put_block(&tensor, TENSOR_FLOATS, "1234567", 7);
    put_message(&graph, GRAPH_INITIALIZER, &tensor);
    assert_graph_refused(&graph, "byte 4 (TensorProto.float_data): its length is no multiple");
}

static void a_second_graph_is_refused(void **state)
{
    (void)state;
    struct bytes graph = { 0 }, model = { 0 };
    put_text(&graph, GRAPH_NAME, "g");
    put_message(&model, MODEL_GRAPH, &graph);
    put_message(&model, MODEL_GRAPH, &graph);
    assert_refused(&model, "byte 5 (ModelProto.graph): there for the second time");
}

static void a_nul_inside_a_name_is_refused(void **state)
{
    (void)state;
    struct bytes node = { 0 }, graph = { 0 };
    put_block(&node, NODE_INPUT, "a\0b", 3);
    put_message(&graph, GRAPH_NODE, &node);
    assert_graph_refused(&graph, "byte 4 (NodeProto.input): a NUL inside a name");
}

/* model > graph > (node > attribute > graph) * levels. */
static void put_nested(struct bytes *model, int levels)
{
    static struct bytes inner, outer;
    inner.size = 0;
    put_text(&inner, GRAPH_NAME, "g");
    for (int i = 0; i < 3 * levels; i++) {
        static const uint32_t fields[] = { ATTRIBUTE_G, NODE_ATTRIBUTE, GRAPH_NODE };
        outer.size = 0;
        put_message(&outer, fields[i % 3], &inner);
        inner = outer;
    }
    put_message(model, MODEL_GRAPH, &inner);
}

static void nesting_has_a_bound(void **state)
{
    (void)state;
    struct bytes deepest = { 0 }, deeper = { 0 }, abyss = { 0 };
    struct reading reading;
    put_nested(&deepest, (WIRE_DEPTH - 2) / 3);
    start_reading(&reading, deepest.data, deepest.size, 0);
    assert_true(reading.ok);
    end_reading(&reading);
    put_nested(&deeper, (WIRE_DEPTH - 2) / 3 + 1);
    assert_refused(&deeper, "nested deeper than any ONNX model");
    put_nested(&abyss, 3000);
    assert_refused(&abyss, "nested deeper than any ONNX model");
}

static void a_structure_beyond_the_memory_limit_is_refused(void **state)
{
    (void)state;
    struct bytes graph = { 0 }, model = { 0 };
    struct reading reading;
    for (int i = 0; i < 12000; i++)
        put_block(&graph, GRAPH_NODE,
                  "\x22\x01"
                  "A",
                  3);
    put_message(&model, MODEL_GRAPH, &graph);
    start_reading(&reading, model.data, model.size, 3 << 20);
    assert_false(reading.ok);
    assert_message(&reading.error, "m.onnx: its structure alone (");
    end_reading(&reading);
    start_reading(&reading, model.data, model.size, 64 << 20);
    assert_true(reading.ok);
    assert_int_equal(reading.model.proto->graph->n_node, 12000);
    end_reading(&reading);
}

/* Whatever the limit: no real model is of this kind. */
static void messages_that_cost_more_than_they_say_are_refused(void **state)
{
    (void)state;
    enum { COUNT = 400000, NODE = 5, SIZE = COUNT * NODE };
    static const uint8_t node[NODE] = { 0x0a, 3, 0x22, 1, 'A' };
    struct bytes graph = { 0 }, model = { 0 };
    struct reading reading;
    uint8_t *many = malloc(4 + SIZE);
    assert_non_null(many);
    memcpy(many, (uint8_t[]){ MODEL_GRAPH << 3 | 2, (SIZE & 127) | 128, (SIZE >> 7 & 127) | 128, SIZE >> 14 }, 4);
    for (size_t i = 0; i < COUNT; i++) memcpy(many + 4 + i * NODE, node, NODE);
    start_reading(&reading, many, 4 + SIZE, 0);
    assert_false(reading.ok);
    assert_message(&reading.error, "its structure would take more than 40 times its bytes");
    end_reading(&reading);
    free(many);
    put_block(&graph, GRAPH_NODE, "", 0);
    put_message(&model, MODEL_GRAPH, &graph);
    assert_refused(&model, "byte 2 (GraphProto.node): is empty");
}

static void a_model_without_graph_and_an_empty_file_are_refused(void **state)
{
    (void)state;
    struct bytes model = { 0 };
    assert_refused(&model, "is empty");
    put_number(&model, 1, 8);
    assert_refused(&model, "holds no graph");
}

#define KNOWN(text, what)            \
    {                                \
        text, sizeof(text) - 1, what \
    }

static void files_of_other_kinds_are_recognized(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *what;
    } files[] = {
        KNOWN("version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        KNOWN("PK\3\4\0\0\0\0", "zip archive"),
        KNOWN("PK\3\4\0\0\0\0model/data.pkl", "PyTorch checkpoint"),
        KNOWN("PK\3\4\0\0\0\0model/constants.pkl", "TorchScript"),
        KNOWN("PK\3\4\0\0\0\0metadata.json", "Keras"),
        KNOWN("\x80\2\x8a\nl\xfc\x9c", "torch.onnx.export"),
        KNOWN("\x89HDF\r\n\x1a\n", "tf2onnx.convert --saved-model"),
        KNOWN("\x0a\x1a\x0a\1x\x12\x0bPlaceholder*\x0b\n\5dtype\x12\2\x30\1", "TensorFlow GraphDef"),
        { "\x08\1\x12\x20\x0a\x1e\x12\x0c\x0a\x0a\x0a\3"
          "Add\x12\3"
          "abc\x22\5serve",
          27, "SavedModel" },
        KNOWN("\x08\4\x12\x0c\x0a\x0a\x0a\5image\x1a\1z", "Core ML"),
        KNOWN("\x0a\x10\x08\0\x10\xff\xff\xff\xff\x0f\x1a\4\x0a\2xx", "paddle2onnx"),
        KNOWN("\x0a\5lenet\xa2\6\3abc", "Caffe"),
        KNOWN("\x40\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"F32\"}}", "safetensors"),
        KNOWN("<?xml version=\"1.0\"?>\n<net name=\"m\" version=\"11\">", "OpenVINO"),
        KNOWN("{\"base_code\":{\"magic\":\"pir\"}}", "PaddlePaddle"),
        KNOWN("{\"format\":\"graph-model\",\"modelTopology\":{}}", "TensorFlow.js"),
        KNOWN("{\"a\":1}", "JSON"),
        KNOWN("ptrt\0\0\0\0", "TensorRT"),
        KNOWN("GGUF\3\0\0\0", "GGUF"),
        KNOWN("7767517\n75 83\n", "ncnn"),
        KNOWN("\x93NUMPY\1\0", "NumPy"),
        KNOWN("\x1f\x8b\x08\0", "gunzip"),
        { "\x7f"
          "ELF\2\1",
          6, "a program" },
        KNOWN("    ORTM", "ONNX Runtime"),
        KNOWN("node {\n  name: \"x\"\n", "GraphDef as text"),
        KNOWN("<!DOCTYPE html>", "web page"),
        KNOWN("ir_version: 8\ngraph {", "a model as text"),
        KNOWN("hello, world\n", "it is text"),
        KNOWN("\x1c\0\0\0TFL3", "TensorFlow Lite"),
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct bytes bytes = { 0 };
        put(&bytes, files[i].bytes, files[i].size);
        assert_refused(&bytes, "not an ONNX model: it is ");
        assert_refused(&bytes, files[i].what);
    }
}

/* A model with something of everything the scan treats in its own way. */
static void put_sample(struct bytes *model)
{
    static struct bytes graph, node, attribute, tensor, type, tensor_type, shape, dim, info, entry, opset;
    struct bytes *const all[] = { &graph, &node, &attribute, &tensor, &type, &tensor_type,
                                  &shape, &dim,  &info,      &entry,  &opset };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) all[i]->size = 0;
    uint8_t large[WIRE_PAYLOAD];
    memset(large, 0x5a, sizeof large);
    put_number(model, 1, 8);
    put_number(&opset, 2, 13);
    put_message(model, 8, &opset);
    put_text(&attribute, 1, "value");
    put_number(&tensor, 1, 256);
    put_number(&tensor, 2, 1);
    put_block(&tensor, TENSOR_RAW, large, sizeof large);
    put_message(&attribute, 5, &tensor);
    put_number(&attribute, ATTRIBUTE_INTS, 3);
    put_block(&attribute, ATTRIBUTE_INTS, "\x04\x05", 2);
    put_text(&node, NODE_INPUT, "x");
    put_text(&node, 2, "y");
    put_text(&node, NODE_OP, "Relu");
    put_message(&node, NODE_ATTRIBUTE, &attribute);
    put_message(&graph, GRAPH_NODE, &node);
    tensor.size = 0;
    put_text(&tensor, 8, "w");
    put_block(&tensor, TENSOR_RAW, large, sizeof large - 1);
    put_block(&tensor, TENSOR_RAW, large, sizeof large);
    put_message(&graph, GRAPH_INITIALIZER, &tensor);
    put_text(&dim, 2, "N");
    put_message(&shape, 1, &dim);
    put_number(&tensor_type, 1, 1);
    put_message(&tensor_type, 2, &shape);
    put_message(&type, 1, &tensor_type);
    put_text(&info, 1, "x");
    put_message(&info, 2, &type);
    put_message(&graph, 11, &info);
    put_block(&graph, 500, "unknown", 7);
    put_text(&graph, GRAPH_NAME, "g");
    put_message(model, MODEL_GRAPH, &graph);
    put_text(&entry, 1, "key");
    put_message(model, 14, &entry);
}

static void payloads_leave_the_skeleton_and_nothing_else_does(void **state)
{
    (void)state;
    struct bytes model = { 0 };
    struct reading reading;
    put_sample(&model);
    start_reading(&reading, model.data, model.size, 0);
    assert_true(reading.ok);
    const BnfuseOnnx__GraphProto *graph = reading.model.proto->graph;
    BnfuseOnnx__ModelProto *whole = bnfuse_onnx__model_proto__unpack(NULL, model.size, model.data);
    uint8_t ours[sizeof model.data], theirs[sizeof model.data];
    size_t size = bnfuse_onnx__model_proto__pack(whole, theirs);
    assert_int_equal(bnfuse_onnx__model_proto__pack(reading.model.proto, ours), size);
    assert_memory_equal(ours, theirs, size);
    bnfuse_onnx__model_proto__free_unpacked(whole, NULL);
    const uint8_t *raw = graph->initializer[0]->raw_data.data, *bytes = reading.bytes;
    assert_true(raw > bytes && raw < bytes + model.size);
    assert_int_equal(graph->initializer[0]->raw_data.len, WIRE_PAYLOAD);
    assert_int_equal(graph->node[0]->attribute[0]->t->raw_data.len, WIRE_PAYLOAD);
    end_reading(&reading);
}

static void of_several_raw_data_the_last_one_counts(void **state)
{
    (void)state;
    struct bytes tensor = { 0 }, graph = { 0 }, model = { 0 };
    uint8_t large[WIRE_PAYLOAD] = { 1 };
    struct reading reading;
    put_block(&tensor, TENSOR_RAW, large, sizeof large);
    put_block(&tensor, TENSOR_RAW, "small", 5);
    put_message(&graph, GRAPH_INITIALIZER, &tensor);
    put_message(&model, MODEL_GRAPH, &graph);
    start_reading(&reading, model.data, model.size, 0);
    assert_true(reading.ok);
    assert_int_equal(reading.model.proto->graph->initializer[0]->raw_data.len, 5);
    assert_memory_equal(reading.model.proto->graph->initializer[0]->raw_data.data, "small", 5);
    end_reading(&reading);
}

/* Whatever the bytes: an answer with a message, or a model whose parts all lie where they say. */
static void read_anything(const void *bytes, size_t size)
{
    struct reading reading;
    start_reading(&reading, bytes, size, 64 << 20);
    if (!reading.ok) assert_int_not_equal(strlen(reading.error.message), 0);
    for (size_t i = 0; reading.ok && i < reading.model.part_count; i++) {
        const struct part *part = &reading.model.parts[i];
        assert_true(part_end(part) <= size);
        assert_ptr_equal(model_part(&reading.model, part->message), part);
    }
    end_reading(&reading);
}

static void no_truncation_crashes(void **state)
{
    (void)state;
    struct bytes model = { 0 };
    put_sample(&model);
    for (size_t size = 0; size < model.size; size++) read_anything(model.data, size);
}

static void no_single_byte_crashes(void **state)
{
    (void)state;
    struct bytes model = { 0 };
    static const uint8_t edges[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
    put_sample(&model);
    for (size_t at = 0; at < model.size; at++) {
        uint8_t byte = model.data[at];
        /* Inside a payload one byte is like the other. */
        if (byte == 0x5a && at > 0 && model.data[at - 1] == 0x5a) continue;
        for (int bit = 0; bit < 8; bit++) {
            model.data[at] = (uint8_t)(byte ^ 1 << bit);
            read_anything(model.data, model.size);
        }
        for (size_t i = 0; i < sizeof edges; i++) {
            model.data[at] = edges[i];
            read_anything(model.data, model.size);
        }
        model.data[at] = byte;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_field_without_number_is_refused),
        cmocka_unit_test(wire_types_that_are_none_are_refused),
        cmocka_unit_test(a_known_field_of_another_type_is_refused),
        cmocka_unit_test(a_message_longer_than_the_one_around_it_is_refused),
        cmocka_unit_test(a_file_cut_short_is_named_so),
        cmocka_unit_test(numbers_without_end_are_refused),
        cmocka_unit_test(packed_floats_that_do_not_fill_their_bytes_are_refused),
        cmocka_unit_test(a_second_graph_is_refused),
        cmocka_unit_test(a_nul_inside_a_name_is_refused),
        cmocka_unit_test(nesting_has_a_bound),
        cmocka_unit_test(a_structure_beyond_the_memory_limit_is_refused),
        cmocka_unit_test(messages_that_cost_more_than_they_say_are_refused),
        cmocka_unit_test(a_model_without_graph_and_an_empty_file_are_refused),
        cmocka_unit_test(files_of_other_kinds_are_recognized),
        cmocka_unit_test(payloads_leave_the_skeleton_and_nothing_else_does),
        cmocka_unit_test(of_several_raw_data_the_last_one_counts),
        cmocka_unit_test(no_truncation_crashes),
        cmocka_unit_test(no_single_byte_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
