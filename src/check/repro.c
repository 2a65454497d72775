/* SPDX-License-Identifier: Apache-2.0
 *
 * Cutting a segment out of its model: the nodes between what is fed and the value, their constants, the functions they
 * call. See repro.h. */
#include "check/repro.h"

#include "base/pointer_map.h"
#include "io/pb.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_CUT = 2000 }; /* nodes */

struct cutting {
    const struct net *net;
    struct value *const *given;
    size_t given_count;
    struct value *wanted;
    struct arena *arena;
    struct pointer_map seen; /* nodes and values */
    BnfuseOnnx__GraphProto *graph;
    size_t node_room, constant_room;
};

static bool is_given(const struct cutting *cutting, const struct value *value)
{
    for (size_t i = 0; i < cutting->given_count; i++)
        if (cutting->given[i] == value) return true;
    return false;
}

static bool add_constant(struct cutting *cutting, const struct value *value, struct bnfuse_error *error)
{
    struct arena *arena = cutting->arena;
    BnfuseOnnx__GraphProto *graph = cutting->graph;
    const struct tensor *tensor = value->initializer;
    if (!tensor || tensor->type == DTYPE_STRING)
        return fail(error, BNFUSE_UNSUPPORTED, "\"%s\": sparse and text constants are not cut out", value->name);
    BnfuseOnnx__TensorProto *proto = NEW(arena, BnfuseOnnx__TensorProto);
    int64_t size = 0;
    bnfuse_onnx__tensor_proto__init(proto);
    proto->name = arena_copy_text(arena, value->name);
    proto->has_data_type = 1;
    proto->data_type = (int)tensor->type;
    proto->n_dims = (size_t)tensor->rank;
    proto->dims = NEW_ARRAY(arena, int64_t, proto->n_dims);
    if (tensor->rank) memcpy(proto->dims, tensor->dims, proto->n_dims * sizeof *proto->dims);
    if (!dtype_bytes(tensor->type, tensor->count, &size)) memory_exhausted(arena->memory);
    proto->has_raw_data = 1;
    proto->raw_data.len = (size_t)size;
    proto->raw_data.data = arena_alloc(arena, (size_t)size);
    if (tensor->count && !tensor_read_bytes(tensor, 0, tensor->count, proto->raw_data.data, error)) return false;
    if (graph->n_initializer == cutting->constant_room) {
        size_t room = 2 * cutting->constant_room + 8;
        graph->initializer =
            arena_grow(arena, graph->initializer, graph->n_initializer, room, sizeof *graph->initializer);
        cutting->constant_room = room;
    }
    graph->initializer[graph->n_initializer++] = proto;
    return true;
}

static bool add_value(struct cutting *cutting, struct value *value, struct bnfuse_error *error);

/* What bodies capture comes along. */
static bool add_inputs(struct cutting *cutting, const struct node *node, struct bnfuse_error *error)
{
    for (size_t i = 0; i < node->input_count; i++)
        if (!add_value(cutting, node_input(node, i), error)) return false;
    for (size_t i = 0; i < node->inner_count; i++)
        for (const struct node *inner = node->inner[i]->first; inner; inner = inner->next)
            if (!add_inputs(cutting, inner, error)) return false;
    return true;
}

/* Upstream nodes first, so that the list is in order. Segments are short: the depth is that of one. */
static bool add_value(struct cutting *cutting, struct value *value, struct bnfuse_error *error)
{
    struct arena *arena = cutting->arena;
    BnfuseOnnx__GraphProto *graph = cutting->graph;
    if (!value || value->graph != cutting->wanted->graph || is_given(cutting, value)
        || pointer_map_get(&cutting->seen, value))
        return true;
    pointer_map_set(&cutting->seen, value, cutting);
    if (!value->writer) return add_constant(cutting, value, error);
    if (pointer_map_get(&cutting->seen, value->writer)) return true;
    pointer_map_set(&cutting->seen, value->writer, cutting);
    if (graph->n_node > MOST_CUT)
        return fail(error, BNFUSE_UNSUPPORTED, "a segment of more than %d nodes is not cut out", MOST_CUT);
    if (!add_inputs(cutting, value->writer, error)) return false;
    if (graph->n_node == cutting->node_room) {
        size_t room = 2 * cutting->node_room + 16;
        graph->node = arena_grow(arena, graph->node, graph->n_node, room, sizeof *graph->node);
        cutting->node_room = room;
    }
    graph->node[graph->n_node++] = (BnfuseOnnx__NodeProto *)value->writer->proto;
    return true;
}

static BnfuseOnnx__ValueInfoProto *describe(struct arena *arena, const char *name, const struct datum *datum)
{
    BnfuseOnnx__ValueInfoProto *info = NEW(arena, BnfuseOnnx__ValueInfoProto);
    BnfuseOnnx__TypeProto *type = NEW(arena, BnfuseOnnx__TypeProto);
    BnfuseOnnx__TypeProto__Tensor *tensor = NEW(arena, BnfuseOnnx__TypeProto__Tensor);
    bnfuse_onnx__value_info_proto__init(info);
    bnfuse_onnx__type_proto__init(type);
    bnfuse_onnx__type_proto__tensor__init(tensor);
    info->name = arena_copy_text(arena, name);
    info->type = type;
    type->value_case = BNFUSE_ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    tensor->has_elem_type = 1;
    tensor->elem_type = (int)datum->tensor.type;
    return info;
}

static bool cut(struct cutting *cutting, const struct site *site, BnfuseOnnx__ModelProto *model,
                struct bnfuse_error *error)
{
    struct arena *arena = cutting->arena;
    BnfuseOnnx__GraphProto *graph = cutting->graph = NEW(arena, BnfuseOnnx__GraphProto);
    bnfuse_onnx__graph_proto__init(graph);
    cutting->seen.arena = arena;
    graph->name = arena_copy_text(arena, "segment");
    graph->input = NEW_ARRAY(arena, BnfuseOnnx__ValueInfoProto *, cutting->given_count);
    graph->output = NEW_ARRAY(arena, BnfuseOnnx__ValueInfoProto *, 1);
    for (size_t i = 0; i < cutting->given_count; i++)
        graph->input[graph->n_input++] = describe(arena, site->origins[i]->name, &site->witness[i]);
    graph->output[graph->n_output++] = describe(arena, site->origin->name, &site->witness[cutting->given_count]);
    if (!add_value(cutting, cutting->wanted, error)) return false;
    const BnfuseOnnx__ModelProto *from = cutting->net->model->proto;
    bnfuse_onnx__model_proto__init(model);
    model->has_ir_version = 1;
    model->ir_version = from->ir_version;
    model->opset_import = from->opset_import;
    model->n_opset_import = from->n_opset_import;
    model->functions = from->functions;
    model->n_functions = from->n_functions;
    model->graph = graph;
    return true;
}

static bool write_file(const char *path, const void *bytes, size_t size, struct bnfuse_error *error)
{
    FILE *file = fopen(path, "we");
    bool written = file && (!size || fwrite(bytes, size, 1, file) == 1);
    if (file && fclose(file) != 0) written = false;
    return written || fail_system(error, errno, "%s: cannot be written", path);
}

/* The second model has names of its own: Identity nodes lead from the first's to them, and back. */
static void lead_names(struct cutting *cutting, const struct site *site)
{
    struct arena *arena = cutting->arena;
    BnfuseOnnx__GraphProto *graph = cutting->graph;
    BnfuseOnnx__NodeProto **list = NEW_ARRAY(arena, BnfuseOnnx__NodeProto *, graph->n_node + site->given_count + 1);
    size_t count = 0;
    for (size_t i = 0; i <= site->given_count; i++) {
        bool is_output = i == site->given_count;
        const char *mine = is_output ? site->value->name : site->given[i]->name;
        const char *first = is_output ? site->origin->name : site->origins[i]->name;
        if (is_output && graph->n_node) {
            memcpy(list + count, graph->node, graph->n_node * sizeof *list);
            count += graph->n_node;
        }
        if (strcmp(mine, first) == 0) continue;
        BnfuseOnnx__NodeProto *node = NEW(arena, BnfuseOnnx__NodeProto);
        bnfuse_onnx__node_proto__init(node);
        node->op_type = arena_copy_text(arena, "Identity");
        node->n_input = node->n_output = 1;
        node->input = NEW_ARRAY(arena, char *, 1);
        node->output = NEW_ARRAY(arena, char *, 1);
        node->input[0] = arena_copy_text(arena, is_output ? mine : first);
        node->output[0] = arena_copy_text(arena, is_output ? first : mine);
        list[count++] = node;
    }
    graph->node = list;
    graph->n_node = count;
}

static bool write_model(struct cutting *cutting, const struct site *site, bool is_second, const char *path,
                        struct bnfuse_error *error)
{
    BnfuseOnnx__ModelProto *model = NEW(cutting->arena, BnfuseOnnx__ModelProto);
    if (!cut(cutting, site, model, error)) return false;
    if (is_second) lead_names(cutting, site);
    size_t size = bnfuse_onnx__model_proto__get_packed_size(model);
    void *bytes = arena_alloc(cutting->arena, size);
    bnfuse_onnx__model_proto__pack(model, bytes);
    return write_file(path, bytes, size, error);
}

static bool make_directory(const char *path, struct bnfuse_error *error)
{
    return mkdir(path, 0777) == 0 || errno == EEXIST
           || fail(error, BNFUSE_USAGE, "%s: cannot be made: %s", path, strerror(errno));
}

static bool write_data(const struct site *site, struct arena *arena, const char *directory, struct bnfuse_error *error)
{
    const char *set = arena_printf(arena, "%s/test_data_set_0", directory);
    struct pending_files files;
    if (!make_directory(set, error)) return false;
    pending_open(&files, arena);
    for (size_t i = 0; i < site->given_count; i++)
        if (!pb_write(&site->witness[i], &files, arena_printf(arena, "%s/input_%zu.pb", set, i), NULL, error))
            return false;
    return pb_write(&site->witness[site->given_count], &files, arena_printf(arena, "%s/output_0.pb", set), NULL, error)
           && pending_commit(&files, error);
}

bool write_repro(const struct net *a, const struct net *b, const struct site *site, struct arena *arena,
                 const char *directory, struct bnfuse_error *error)
{
    struct cutting first = { a, site->origins, site->given_count, site->origin, arena, { .arena = arena }, NULL, 0, 0 },
                   second = { b, site->given, site->given_count, site->value, arena, { .arena = arena }, NULL, 0, 0 };
    static const char command[] = "bnfuse compare first.onnx second.onnx --data .\n"
                                  "bnfuse run second.onnx --data . --exact --rtol 1e-6\n";
    return make_directory(directory, error)
           && write_model(&first, site, false, arena_printf(arena, "%s/first.onnx", directory), error)
           && write_model(&second, site, true, arena_printf(arena, "%s/second.onnx", directory), error)
           && write_data(site, arena, directory, error)
           && write_file(arena_printf(arena, "%s/command.txt", directory), command, sizeof command - 1, error);
}
