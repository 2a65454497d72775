/* SPDX-License-Identifier: Apache-2.0
 *
 * Models as files: any bytes are scanned, unpacked, indexed, validated, written unchanged and written after edits. What
 * is read and not changed must come out as the same bytes, and what was changed must be readable again. */
#include "fuzz/fuzz.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/index.h"
#include "onnx/graph/validate.h"
#include "onnx/write/splice.h"

#include <string.h>

const size_t fuzz_prefix = 0;

enum { MEMORY = 256 << 20 };

struct input {
    struct arena arena;
    const uint8_t *bytes;
    size_t size;
};

/* The extents of a model from memory, one after the other. */
static const uint8_t *assemble(const struct extents *extents, struct arena *arena)
{
    uint8_t *to = arena_alloc(arena, extents->size), *at = to;
    for (size_t i = 0; i < extents->count; i++) {
        const struct piece *piece = extents_piece(extents, i);
        const struct span span = { piece->file, piece->offset, piece->size };
        if (piece->kind == PIECE_HEAD) memcpy(at, piece->head, piece->size);
        else if (piece->kind == PIECE_BYTES) memcpy(at, piece->bytes, piece->size);
        else if (piece->kind == PIECE_FILE) REQUIRE(span_read(&span, 0, at, piece->size, NULL));
        else REQUIRE(tensor_read_bytes(piece->tensor, 0, piece->tensor->count, at, NULL));
        at += piece->size;
    }
    REQUIRE(at == to + extents->size);
    return to;
}

static void edit_node(struct graph *graph, struct node *node, size_t count)
{
    if (count % 3 == 0) edit_set_int(node, "fuzz", (int64_t)count);
    if (count % 5 == 0 && graph->input_count) edit_set_input(node, node->input_count, graph->inputs[0]);
    if (count % 7 == 0) edit_add_node(graph, node, "Identity", "new", NULL, 0, NULL);
    struct value *output = node_output(node, 0);
    if (count % 11 == 0 && output && !output->is_output) edit_rename(output);
    if (count % 13 == 0 && output && node->output_count == 1 && !output->uses && !output->is_output)
        edit_remove_node(node);
}

/* Those that nobody reads go, some of the others get a successor of other values. */
static void edit_initializer(struct graph *graph, struct value *value, size_t count)
{
    const int64_t dims[] = { 3 };
    const double values[] = { 1, 2, 3 };
    if (count % 2 == 0 && !graph->function)
        edit_replace_uses(
            value, edit_add_initializer(graph, "new", tensor_exact(graph->net->arena, DTYPE_FLOAT, 1, dims, values)));
    if (!value->uses && !value->is_output) edit_remove_initializer(value);
}

/* Something to every part of the graphs that the splicer treats in a way of its own. */
static void edit_everything(struct net *net)
{
    size_t count = 0;
    for (struct graph *graph = NULL; (graph = net_next_graph(net, graph));) {
        for (struct node *node = graph->first, *next; node; node = next) {
            next = node->next;
            edit_node(graph, node, ++count);
        }
        for (size_t i = graph->initializer_count; i--;) edit_initializer(graph, graph->initializers[i], ++count);
    }
}

static bool run(void *context, struct bnfuse_error *error)
{
    struct input *input = context;
    struct model model, again;
    struct net net, net_again;
    struct extents extents;
    struct side_data side = { 0 };
    if (!model_read(&model, &input->arena, "input", input->bytes, input->size, error)) return false;
    model.opener = (struct opener){ fuzz_find_data, NULL };
    if (!net_index(&net, &input->arena, &model, error)) return false;
    if (!splice_net(&extents, &side, &net, &input->arena, error)) return false;
    REQUIRE(extents.count == 1 && extents.size == input->size && extents_piece(&extents, 0)->bytes == input->bytes);
    if (!net_validate(&net, error)) return false;
    edit_everything(&net);
    if (!splice_net(&extents, &side, &net, &input->arena, error)) return false;
    const uint8_t *written = assemble(&extents, &input->arena);
    REQUIRE(model_read(&again, &input->arena, "output", written, extents.size, error));
    again.opener = model.opener;
    REQUIRE(net_index(&net_again, &input->arena, &again, error));
    side = (struct side_data){ .location = "side.data", .all_large = true, .all_external = true };
    return splice_net(&extents, &side, &net, &input->arena, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct memory memory = { .limit = MEMORY };
    struct input input = { .bytes = bytes, .size = size };
    struct bnfuse_error error = { .status = BNFUSE_OK };
    arena_open(&input.arena, &memory);
    if (!guarded(&memory, run, &input, &error)) REQUIRE(error.status != BNFUSE_OK && *error.message);
    arena_close(&input.arena);
    REQUIRE(memory.used == 0);
    return 0;
}
