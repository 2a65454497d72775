/* SPDX-License-Identifier: Apache-2.0
 *
 * Verification of what was written: every message of a written model is changed in every field, one at a time, and each
 * change is found. */
#include "onnx/write/verify.h"

#include "build.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/index.h"
#include "onnx/read/model.h"
#include "onnx/write/write.h"
#include "onnx/write/writer.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct build b;
static struct model model;
static struct net net;
static struct bnfuse_error error;
static char folder[64];
static const char *data_name; /* NULL: the new model has no data file */

static int open_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/verify_test.XXXXXX");
    data_name = NULL;
    return mkdtemp(folder) && !chdir(folder) ? 0 : -1;
}

static int close_folder(void **state)
{
    (void)state;
    char command[100];
    build_close(&b);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") || system(command);
}

/* ---- a model with a message of every kind ---- */

#define MESSAGE(type, init)                                                          \
    ((BnfuseOnnx__##type *)memcpy(arena_alloc(&b.arena, sizeof(BnfuseOnnx__##type)), \
                                  &(BnfuseOnnx__##type)BNFUSE_ONNX__##init##__INIT, sizeof(BnfuseOnnx__##type)))
#define LIST(type, ...) arena_copy(&b.arena, (type[]){ __VA_ARGS__ }, sizeof((type[]){ __VA_ARGS__ }))

static void *arena_copy(struct arena *arena, const void *bytes, size_t size)
{
    return memcpy(arena_alloc(arena, size), bytes, size);
}

static void add_unknown(ProtobufCMessage *message)
{
    ProtobufCMessageUnknownField field = { .tag = 900, .wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, .len = 4 };
    field.data = arena_copy(&b.arena, "\3abc", 4);
    message->n_unknown_fields = 1;
    message->unknown_fields = arena_copy(&b.arena, &field, sizeof field);
}

static BnfuseOnnx__StringStringEntryProto *entry(const char *key, const char *value)
{
    BnfuseOnnx__StringStringEntryProto *made = MESSAGE(StringStringEntryProto, STRING_STRING_ENTRY_PROTO);
    made->key = (char *)key;
    made->value = (char *)value;
    return made;
}

static void add_sparse(BnfuseOnnx__GraphProto *graph)
{
    BnfuseOnnx__SparseTensorProto *sparse = MESSAGE(SparseTensorProto, SPARSE_TENSOR_PROTO);
    sparse->values = build_tensor(&b, "few", DTYPE_FLOAT, "2", (double[]){ 1, 2 });
    sparse->indices = build_tensor(&b, "where", DTYPE_INT64, "2", (double[]){ 0, 3 });
    sparse->n_dims = 1;
    sparse->dims = LIST(int64_t, 5);
    graph->n_sparse_initializer = 1;
    graph->sparse_initializer = LIST(BnfuseOnnx__SparseTensorProto *, sparse);
}

static void add_texts(void)
{
    BnfuseOnnx__TensorProto *texts = build_init(&b, "texts", DTYPE_FLOAT, "2", 0);
    texts->data_type = DTYPE_STRING;
    texts->has_raw_data = false;
    texts->n_string_data = 2;
    texts->string_data = NEW_ARRAY(&b.arena, ProtobufCBinaryData, 2);
    for (size_t i = 0; i < 2; i++) texts->string_data[i] = (ProtobufCBinaryData){ 3, (uint8_t *)(i ? "two" : "one") };
}

/* A node that nobody knows, of which one attribute holds two bodies. */
static void add_list_of_bodies(void)
{
    build_import(&b, "custom", 1);
    BnfuseOnnx__NodeProto *many = build_node(&b, "Many", "many", "q", "few_of_many", NULL);
    many->domain = (char *)"custom";
    for (int i = 0; i < 2; i++) {
        build_body(&b, i ? "second" : "bodies");
        build_node(&b, "Neg", i ? "neg_second" : "neg_first", "q", i ? "n2" : "n1", NULL);
        build_output(&b, i ? "n2" : "n1", DTYPE_FLOAT, "2");
        build_end(&b);
    }
    BnfuseOnnx__AttributeProto *list = many->attribute[0];
    list->graphs = LIST(BnfuseOnnx__GraphProto *, list->g, many->attribute[1]->g);
    list->n_graphs = 2;
    list->g = NULL;
    list->type = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPHS;
    many->n_attribute = 1;
}

static void add_annotations(BnfuseOnnx__GraphProto *graph)
{
    static const char *const names[] = { "r", "few", "y" }; /* the last one goes */
    graph->n_quantization_annotation = 3;
    graph->quantization_annotation = NEW_ARRAY(&b.arena, BnfuseOnnx__TensorAnnotation *, 3);
    for (size_t i = 0; i < 3; i++) {
        BnfuseOnnx__TensorAnnotation *made = MESSAGE(TensorAnnotation, TENSOR_ANNOTATION);
        made->tensor_name = (char *)names[i];
        made->n_quant_parameter_tensor_names = 1;
        made->quant_parameter_tensor_names = LIST(BnfuseOnnx__StringStringEntryProto *, entry("SCALE_TENSOR", "other"));
        graph->quantization_annotation[i] = made;
    }
}

static void add_bodies(void)
{
    static const char *const branches[] = { "then_branch", "else_branch" };
    build_node(&b, "If", "choice", "c", "chosen", NULL);
    for (int i = 0; i < 2; i++) {
        build_body(&b, branches[i]);
        build_init(&b, i ? "own_else" : "own_then", DTYPE_FLOAT, "2", 4);
        build_node(&b, "Mul", i ? "mul_else" : "mul_then", i ? "q own_else" : "q own_then", i ? "e" : "t", NULL);
        build_output(&b, i ? "e" : "t", DTYPE_FLOAT, "2");
        build_end(&b);
    }
}

static void add_function(void)
{
    build_import(&b, "local", 1);
    build_node(&b, "F", "call", "q", "called", "alpha=0.5");
    ((BnfuseOnnx__NodeProto *)b.model->graph->node[b.model->graph->n_node - 1])->domain = (char *)"local";
    build_function(&b, "local", "F", "a", "d", "alpha");
    build_import(&b, "", 13);
    build_node(&b, "LeakyRelu", "leaky", "a", "l", "alpha=@alpha");
    build_node(&b, "Mul", "by", "l l", "d", NULL);
    build_end(&b);
    b.model->functions[0]->doc_string = (char *)"a function";
}

/* Conv and BatchNormalization, which are folded, beside much else, which stays. */
static void build_rich(int64_t ir)
{
    build_open(&b, ir, 13);
    build_input(&b, "x", DTYPE_FLOAT, "N,3,8,8");
    build_input(&b, "c", DTYPE_BOOL, "");
    build_input(&b, "q", DTYPE_FLOAT, "2");
    build_init(&b, "w", DTYPE_FLOAT, "16,3,3,3", 1);
    build_init(&b, "s", DTYPE_FLOAT, "16", 2);
    build_init(&b, "other", DTYPE_FLOAT, "300", 3);
    if (ir < 4) build_input(&b, "w", DTYPE_FLOAT, "16,3,3,3");
    if (ir < 4) build_input(&b, "s", DTYPE_FLOAT, "16");
    if (ir < 4) build_input(&b, "other", DTYPE_FLOAT, "300");
    build_value_info(&b, "y", DTYPE_FLOAT, "N,16,6,6");
    build_value_info(&b, "z", DTYPE_FLOAT, "N,16,?,6");
    build_node(&b, "Conv", "conv", "x w", "y", "group=1 pads=0,0,0,0 auto_pad=NOTSET");
    build_node(&b, "BatchNormalization", "bn", "y s s s s", "z", "epsilon=0.001");
    build_node(&b, "Relu", "relu", "z", "r", NULL)->doc_string = (char *)"a node";
    build_node(&b, "Identity", "same", "other", "o", NULL);
    build_node(&b, "Constant", NULL, "", "k", NULL);
    build_attribute_tensor(&b, "value", build_tensor(&b, NULL, DTYPE_FLOAT, "2", (double[]){ 1, 2 }));
    build_node(&b, "Constant", NULL, "", "k2", "value_floats=1.0,2.5");
    build_node(&b, "Constant", NULL, "", "k3", "value_strings=|a|b");
    add_bodies();
    add_list_of_bodies();
    if (ir > 7) add_function();
    if (ir > 7) add_texts();
    if (ir > 7) add_sparse(b.model->graph);
    add_annotations(b.model->graph);
    build_output(&b, "r", DTYPE_FLOAT, "N,16,6,6");
    build_output(&b, "o", DTYPE_FLOAT, "300");
    build_output(&b, "chosen", DTYPE_FLOAT, "2");
    build_output(&b, "k3", 0, NULL);
    if (ir > 7) build_output(&b, "called", DTYPE_FLOAT, "2");
    b.model->n_metadata_props = 1;
    b.model->metadata_props = LIST(BnfuseOnnx__StringStringEntryProto *, entry("author", "nobody"));
    b.model->producer_name = (char *)"a producer";
    add_unknown(&b.model->base);
    add_unknown(&b.model->graph->node[2]->base);
}

static bool load(void *path, struct bnfuse_error *e)
{
    return model_load(&model, &b.arena, path, e) && net_index(&net, &b.arena, &model, e);
}

static bool write_net(void *path, struct bnfuse_error *e)
{
    const struct write_options options = { .external_data = data_name };
    return net_write(&net, path, &options, NULL, e);
}

static void save(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static struct tensor *scaled(const struct tensor *tensor)
{
    double *scale = NEW_ARRAY(&b.arena, double, 16);
    for (int i = 0; i < 16; i++) scale[i] = i + 0.5;
    struct factor factor = { 1, 16, 1, 1, tensor->count / 16, scale };
    return tensor_scaled(&b.arena, tensor, &factor);
}

static void edit(void)
{
    struct node *conv = build_find_node(&net, "conv"), *mul = build_find_node(&net, "mul_then");
    struct value *w = build_find_value(&net, "w"), *s = build_find_value(&net, "s");
    edit_set_input(conv, 1, edit_add_initializer(net.main, "w", scaled(w->initializer)));
    edit_set_input(conv, 2, edit_add_initializer(net.main, "b", scaled(s->initializer)));
    edit_take_output(conv, 0, build_find_value(&net, "z"));
    edit_remove_node(build_find_node(&net, "bn"));
    edit_remove_initializer(w);
    edit_remove_initializer(s);
    edit_set_input(mul, 1,
                   edit_add_initializer(mul->graph, "n", tensor_exact(&b.arena, DTYPE_FLOAT, 0, NULL, &(double){ 7 })));
    if (!net.function_count) return;
    struct node *by = net.functions[0]->last;
    edit_set_input(by, 1,
                   edit_add_initializer(by->graph, "n", tensor_exact(&b.arena, DTYPE_FLOAT, 0, NULL, &(double){ 7 })));
}

/* Written, and unpacked again. */
static BnfuseOnnx__ModelProto *write_rich(int64_t ir)
{
    size_t size;
    build_rich(ir);
    const void *bytes = build_bytes(&b, &size);
    save("m.onnx", bytes, size);
    if (!guarded(&b.memory, load, "m.onnx", &error)) fail_msg("%s", error.message);
    edit();
    if (!guarded(&b.memory, write_net, "out.onnx", &error)) fail_msg("%s", error.message);
    FILE *file = fopen("out.onnx", "rb");
    assert_non_null(file);
    static uint8_t read[1 << 16];
    size = fread(read, 1, sizeof read, file);
    fclose(file);
    BnfuseOnnx__ModelProto *written = bnfuse_onnx__model_proto__unpack(NULL, size, read);
    assert_non_null(written);
    return written;
}

/* ---- one change ---- */

static struct file open_file(const char *path)
{
    struct file file = { .path = path, .fd = open(path, O_RDONLY) };
    assert_true(file.fd >= 0);
    file.size = (uint64_t)lseek(file.fd, 0, SEEK_END);
    return file;
}

static bool verify(void *context, struct bnfuse_error *e)
{
    const struct written *written = context;
    struct model again;
    struct arena arena;
    arena_open(&arena, &b.memory);
    bool good =
        model_scan_file(&again, &arena, written->file, written->directory, e) && verify_model(written, &again, e);
    arena_close(&arena);
    return good;
}

/* Whether the message, as a file, is taken for what was to be written. */
static bool is_taken(const BnfuseOnnx__ModelProto *message)
{
    static uint8_t packed[1 << 16];
    struct held_list held = { .count = 0 };
    assert_true(bnfuse_onnx__model_proto__get_packed_size(message) < sizeof packed);
    save("changed.onnx", packed, bnfuse_onnx__model_proto__pack(message, packed));
    struct file file = open_file("changed.onnx"), data = { .fd = -1 };
    if (data_name) data = open_file(data_name);
    struct written written = { .net = &net, .held = &held, .data_held = &held, .file = &file };
    written.directory = ".";
    written.location = data_name;
    if (data_name) written.data_file = &data;
    bool taken = guarded(&b.memory, verify, &written, &error);
    close(file.fd);
    if (data_name) close(data.fd);
    return taken;
}

struct changes {
    BnfuseOnnx__ModelProto *root;
    bool (*is_free)(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);
    int made;
};

static void require_found(struct changes *c, const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                          const char *what)
{
    c->made++;
    if (is_taken(c->root) && !(c->is_free && c->is_free(message, field)))
        fail_msg("%s of %s: %s, and nobody sees it", field ? field->name : "an unknown field",
                 message->descriptor->short_name, what);
}

/* ---- every change ---- */

static void change_message(struct changes *c, ProtobufCMessage *message);

static size_t scalar_size(ProtobufCType type)
{
    bool is_wide = type == PROTOBUF_C_TYPE_INT64 || type == PROTOBUF_C_TYPE_UINT64 || type == PROTOBUF_C_TYPE_DOUBLE;
    return is_wide ? 8 : 4;
}

static void change_value(struct changes *c, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, void *at)
{
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        change_message(c, *(ProtobufCMessage **)at);
    } else if (field->type == PROTOBUF_C_TYPE_STRING) {
        /* A name of nothing, of an input, and of initializers of two kinds. */
        static const char *const texts[] = { "changed", "x", "other", "few" };
        char *old = *(char **)at;
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
            if (!strcmp(old, texts[i])) continue;
            *(char **)at = (char *)texts[i];
            require_found(c, message, field, "another text");
        }
        *(char **)at = old;
    } else if (field->type == PROTOBUF_C_TYPE_BYTES) {
        ProtobufCBinaryData *data = at, old = *data;
        if (!old.len) return;
        data->data[old.len - 1] ^= 0x40;
        require_found(c, message, field, "another byte");
        data->data[old.len - 1] ^= 0x40;
        data->len--;
        require_found(c, message, field, "a byte less");
        *data = old;
    } else {
        ((uint8_t *)at)[scalar_size(field->type) - 2] ^= 1;
        require_found(c, message, field, "another number");
        ((uint8_t *)at)[scalar_size(field->type) - 2] ^= 1;
    }
}

static size_t element_size(ProtobufCType type)
{
    if (type == PROTOBUF_C_TYPE_BYTES) return sizeof(ProtobufCBinaryData);
    return type == PROTOBUF_C_TYPE_STRING || type == PROTOBUF_C_TYPE_MESSAGE ? sizeof(void *) : scalar_size(type);
}

/* Into a list without elements. */
static void put_one_in(struct changes *c, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    char *text = (char *)"put in";
    ProtobufCBinaryData bytes = { 6, (uint8_t *)text };
    uint64_t number = 1;
    void **list = (void **)((char *)message + field->offset), *old = *list;
    size_t *count = (size_t *)((char *)message + field->quantifier_offset);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) return;
    *list = field->type == PROTOBUF_C_TYPE_STRING  ? (void *)&text
            : field->type == PROTOBUF_C_TYPE_BYTES ? (void *)&bytes
                                                   : (void *)&number;
    *count = 1;
    require_found(c, message, field, "one where there was none");
    *count = 0;
    *list = old;
}

static void change_list(struct changes *c, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    void **list = (void **)((char *)message + field->offset), *old = *list;
    size_t *count = (size_t *)((char *)message + field->quantifier_offset), size = element_size(field->type);
    if (!*count) {
        put_one_in(c, message, field);
        return;
    }
    for (size_t i = 0; i < *count; i++) change_value(c, message, field, (char *)old + i * size);
    --*count;
    require_found(c, message, field, "one less");
    ++*count;
    char *longer = malloc((*count + 1) * size);
    memcpy(longer, old, *count * size);
    memcpy(longer + *count * size, longer + (*count - 1) * size, size);
    *list = longer;
    ++*count;
    require_found(c, message, field, "one more");
    --*count;
    *list = old;
    free(longer);
}

/* A field that may be absent: left out. */
static void leave_out(struct changes *c, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    char *at = (char *)message + field->offset, *quantifier = (char *)message + field->quantifier_offset;
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        *(uint32_t *)quantifier = 0;
        require_found(c, message, field, "left out");
        *(uint32_t *)quantifier = field->id;
    } else if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE) {
        void *old = *(void **)at;
        *(void **)at = NULL;
        require_found(c, message, field, "left out");
        *(void **)at = old;
    } else {
        *(protobuf_c_boolean *)quantifier = false;
        require_found(c, message, field, "left out");
        *(protobuf_c_boolean *)quantifier = true;
    }
}

/* A field that is absent: put in. */
static void put_in(struct changes *c, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    char *at = (char *)message + field->offset, *quantifier = (char *)message + field->quantifier_offset;
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF || field->type == PROTOBUF_C_TYPE_MESSAGE) return;
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        void *old = *(void **)at;
        *(void **)at = (char *)"put in";
        require_found(c, message, field, "put in");
        *(void **)at = old;
    } else {
        *(protobuf_c_boolean *)quantifier = true;
        require_found(c, message, field, "put in");
        *(protobuf_c_boolean *)quantifier = false;
    }
}

static bool is_there(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const char *at = (const char *)message + field->offset,
               *quantifier = (const char *)message + field->quantifier_offset;
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) return *(const uint32_t *)quantifier == field->id;
    if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE)
        return *(void *const *)at && *(void *const *)at != field->default_value;
    return *(const protobuf_c_boolean *)quantifier;
}

static void change_unknown(struct changes *c, ProtobufCMessage *message)
{
    static uint8_t other[] = { 3, 'a', 'b', 'd' };
    ProtobufCMessageUnknownField added = { 901, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, 4, other },
                                 *old = message->unknown_fields;
    const unsigned count = message->n_unknown_fields;
    ProtobufCMessageUnknownField fields[] = { count ? old[0] : added, added };
    message->unknown_fields = fields;
    message->n_unknown_fields = count + 1;
    require_found(c, message, NULL, "one more");
    message->n_unknown_fields = 1;
    fields[0].data = other;
    if (count) require_found(c, message, NULL, "other bytes");
    if (count) fields[0] = old[0];
    fields[0].wire_type = PROTOBUF_C_WIRE_TYPE_32BIT;
    if (count) require_found(c, message, NULL, "another wire type");
    if (count) fields[0] = old[0];
    fields[0].data = (uint8_t *)"\2ab";
    fields[0].len = 3;
    if (count) require_found(c, message, NULL, "a byte less");
    fields[0].tag = 902;
    if (count) require_found(c, message, NULL, "another number");
    message->n_unknown_fields = 0;
    if (count) require_found(c, message, NULL, "left out");
    message->n_unknown_fields = count;
    message->unknown_fields = old;
}

static void change_message(struct changes *c, ProtobufCMessage *message)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            change_list(c, message, field);
        } else if (is_there(message, field)) {
            change_value(c, message, field, (char *)message + field->offset);
            leave_out(c, message, field);
        } else {
            put_in(c, message, field);
        }
    }
    change_unknown(c, message);
}

static void require_all_found(BnfuseOnnx__ModelProto *written,
                              bool (*is_free)(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field))
{
    struct changes c = { .root = written, .is_free = is_free };
    if (!is_taken(written)) fail_msg("%s", error.message);
    change_message(&c, &written->base);
    assert_true(c.made > 500);
    assert_true(is_taken(written));
    bnfuse_onnx__model_proto__free_unpacked(written, NULL);
}

/* Where a new tensor's elements lie is free as long as they are the same. */
static bool is_place_of_data(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    if (message->descriptor != &bnfuse_onnx__tensor_proto__descriptor || !field) return false;
    const BnfuseOnnx__TensorProto *tensor = (const BnfuseOnnx__TensorProto *)message;
    return !strcmp(field->name, "data_location") || (!strcmp(field->name, "raw_data") && tensor->raw_data.len == 0);
}

/* Nor is asked what the declaration of a new initializer says besides its type and shape. */
static bool is_free_in_old(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    bool is_of_declaration =
        type == &bnfuse_onnx__value_info_proto__descriptor || type == &bnfuse_onnx__type_proto__descriptor
        || type == &bnfuse_onnx__tensor_shape_proto__descriptor || type == &bnfuse_onnx__type_proto__tensor__descriptor
        || type == &bnfuse_onnx__tensor_shape_proto__dimension__descriptor;
    if (is_place_of_data(message, field)) return true;
    return is_of_declaration && (!field || !strcmp(field->name, "denotation") || !strcmp(field->name, "doc_string"));
}

/* Beside a data file, entries that say where data lie are free as long as they lead there. */
static bool is_free_beside_data(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    if (is_place_of_data(message, field)) return true;
    if (message->descriptor == &bnfuse_onnx__tensor_proto__descriptor)
        return field && !strcmp(field->name, "external_data");
    if (message->descriptor != &bnfuse_onnx__string_string_entry_proto__descriptor) return false;
    const char *value = ((const BnfuseOnnx__StringStringEntryProto *)message)->value;
    return !field || !value || strspn(value, "0123456789") == strlen(value);
}

static void every_change_of_a_message_is_found(void **state)
{
    (void)state;
    require_all_found(write_rich(8), is_place_of_data);
}

static void every_change_of_an_old_model_is_found(void **state)
{
    (void)state;
    require_all_found(write_rich(3), is_free_in_old);
}

static void every_change_beside_a_data_file_is_found(void **state)
{
    (void)state;
    data_name = "out.data";
    require_all_found(write_rich(8), is_free_beside_data);
}

static BnfuseOnnx__NodeProto *written_node(const BnfuseOnnx__ModelProto *written, const char *name)
{
    for (size_t i = 0; i < written->graph->n_node; i++)
        if (written->graph->node[i]->name && !strcmp(written->graph->node[i]->name, name))
            return written->graph->node[i];
    fail_msg("there is no node %s", name);
    return NULL;
}

static void a_declaration_where_there_was_none_is_found(void **state)
{
    BnfuseOnnx__ModelProto *written = write_rich(8);
    BnfuseOnnx__GraphProto *body = written_node(written, "choice")->attribute[0]->g;
    (void)state;
    assert_true(body && !body->n_value_info);
    body->value_info = written->graph->value_info;
    body->n_value_info = 1;
    assert_false(is_taken(written));
    body->value_info = NULL;
    body->n_value_info = 0;
    assert_true(is_taken(written));
    bnfuse_onnx__model_proto__free_unpacked(written, NULL);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, open_folder, close_folder)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(every_change_of_a_message_is_found),
        IN_FOLDER(every_change_of_an_old_model_is_found),
        IN_FOLDER(every_change_beside_a_data_file_is_found),
        IN_FOLDER(a_declaration_where_there_was_none_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
