/* SPDX-License-Identifier: Apache-2.0
 *
 * A failing model made smaller, one step at a time: a step is tried in a child process and kept when the same failure
 * is still found. Steps: an output goes; a node steps aside (its readers read its first input); what nobody reads
 * goes. */
#include "random_check.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 20

/* What a child finds, or that it crashed. */
static enum failure try_in_child(const struct random_graph *graph, const char *directory, struct finding *finding)
{
    int ends[2], status;
    if (pipe(ends) != 0) abort();
    pid_t child = fork();
    if (child == 0) {
        struct finding found;
        alarm(SECONDS);
        random_check(graph, directory, &found);
        ssize_t written = write(ends[1], &found, sizeof found);
        _exit(written == (ssize_t)sizeof found ? 0 : 1);
    }
    close(ends[1]);
    ssize_t got = read(ends[0], finding, sizeof *finding);
    close(ends[0]);
    waitpid(child, &status, 0);
    if (got == (ssize_t)sizeof *finding) return finding->failure;
    *finding = (struct finding){ .failure = FAILURE_CRASH };
    snprintf(finding->text, sizeof finding->text, "crash: signal %d, exit %d",
             WIFSIGNALED(status) ? WTERMSIG(status) : 0, WIFEXITED(status) ? WEXITSTATUS(status) : 0);
    return FAILURE_CRASH;
}

/* Whether two findings are of one kind: the same line, numbers aside. A failure about a planted BatchNormalization must
 * not turn into one about a model that has lost the home. */
static bool alike(const struct finding *a, const struct finding *b)
{
    const char *x = a->text, *y = b->text;
    while (a->failure == b->failure) {
        x += strspn(x, "0123456789.e+-");
        y += strspn(y, "0123456789.e+-");
        if (*x != *y) return false;
        if (!*x) return true;
        x++;
        y++;
    }
    return false;
}

/* Graphs of a model, outer before inner. */
#define MAX_GRAPHS 256

static size_t list_graphs(BnfuseOnnx__ModelProto *model, BnfuseOnnx__GraphProto **graphs)
{
    size_t count = 1;
    graphs[0] = model->graph;
    for (size_t g = 0; g < count; g++)
        for (size_t n = 0; n < graphs[g]->n_node; n++)
            for (size_t a = 0; a < graphs[g]->node[n]->n_attribute; a++)
                if (graphs[g]->node[n]->attribute[a]->g && count < MAX_GRAPHS)
                    graphs[count++] = graphs[g]->node[n]->attribute[a]->g;
    return count;
}

static void replace_reads(BnfuseOnnx__ModelProto *model, const char *from, char *to)
{
    BnfuseOnnx__GraphProto *graphs[MAX_GRAPHS];
    size_t count = list_graphs(model, graphs);
    for (size_t g = 0; g < count; g++) {
        for (size_t n = 0; n < graphs[g]->n_node; n++)
            for (size_t i = 0; i < graphs[g]->node[n]->n_input; i++)
                if (strcmp(graphs[g]->node[n]->input[i], from) == 0) graphs[g]->node[n]->input[i] = to;
        for (size_t o = 0; o < graphs[g]->n_output; o++)
            if (strcmp(graphs[g]->output[o]->name, from) == 0) graphs[g]->output[o]->name = to;
    }
}

static bool is_read(BnfuseOnnx__ModelProto *model, const char *name)
{
    BnfuseOnnx__GraphProto *graphs[MAX_GRAPHS];
    size_t count = list_graphs(model, graphs);
    for (size_t g = 0; g < count; g++) {
        for (size_t n = 0; n < graphs[g]->n_node; n++)
            for (size_t i = 0; i < graphs[g]->node[n]->n_input; i++)
                if (strcmp(graphs[g]->node[n]->input[i], name) == 0) return true;
        for (size_t o = 0; o < graphs[g]->n_output; o++)
            if (strcmp(graphs[g]->output[o]->name, name) == 0) return true;
    }
    return false;
}

static void take_out(void *list, size_t *count, size_t at)
{
    void **items;
    memcpy(&items, list, sizeof items);
    memmove(&items[at], &items[at + 1], (*count - at - 1) * sizeof *items);
    --*count;
}

static bool any_output_read(BnfuseOnnx__ModelProto *model, const BnfuseOnnx__NodeProto *node)
{
    for (size_t i = 0; i < node->n_output; i++)
        if (*node->output[i] && is_read(model, node->output[i])) return true;
    return false;
}

static void remove_unread(BnfuseOnnx__ModelProto *model)
{
    BnfuseOnnx__GraphProto *graphs[MAX_GRAPHS];
    size_t count = list_graphs(model, graphs);
    for (size_t g = 0; g < count; g++) {
        BnfuseOnnx__GraphProto *graph = graphs[g];
        for (size_t n = graph->n_node; n-- > 0;)
            if (!any_output_read(model, graph->node[n])) take_out(&graph->node, &graph->n_node, n);
        for (size_t i = graph->n_initializer; i-- > 0;)
            if (!is_read(model, graph->initializer[i]->name)) take_out(&graph->initializer, &graph->n_initializer, i);
        for (size_t i = graph->n_input; g == 0 && i-- > 0;)
            if (!is_read(model, graph->input[i]->name)) take_out(&graph->input, &graph->n_input, i);
    }
}

/* Copies, which steps may change, live in the graph's arena. */
static void *take_memory(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void keep_memory(void *arena, void *block)
{
    (void)arena;
    (void)block;
}

static BnfuseOnnx__ModelProto *copy_model(struct random_graph *graph)
{
    ProtobufCAllocator allocator = { take_memory, keep_memory, &graph->build.arena };
    size_t size = bnfuse_onnx__model_proto__get_packed_size(graph->build.model);
    uint8_t *bytes = arena_alloc(&graph->build.arena, size);
    bnfuse_onnx__model_proto__pack(graph->build.model, bytes);
    return bnfuse_onnx__model_proto__unpack(&allocator, size, bytes);
}

/* Whether the node belongs to the segment of the planted BatchNormalization that the finding is about: without it there
 * would be no home. */
static bool is_home(const struct random_graph *graph, const struct finding *finding, const BnfuseOnnx__NodeProto *node)
{
    const char *digits = node->n_output ? node->output[0] : "";
    while (*digits && !isdigit((unsigned char)*digits)) digits++;
    for (size_t i = 0; i < graph->planted_count && finding->failure == FAILURE_PLANTED; i++) {
        const struct planted *planted = &graph->planted[i];
        size_t length = strlen(planted->node);
        if (strncmp(finding->text, planted->node, length) == 0 && finding->text[length] == ' ')
            return atoi(digits) >= planted->from && atoi(digits) <= planted->to;
    }
    return false;
}

/* The steps, numbered: outputs of the main graph first, then every node of every graph with each of its inputs. False
 * when there is no such step. */
static bool apply_step(const struct random_graph *graph, const struct finding *finding, size_t step)
{
    BnfuseOnnx__ModelProto *model = graph->build.model;
    BnfuseOnnx__GraphProto *graphs[MAX_GRAPHS];
    size_t count = list_graphs(model, graphs);
    if (step < model->graph->n_output) {
        if (model->graph->n_output > 1) take_out(&model->graph->output, &model->graph->n_output, step);
        return true;
    }
    step -= model->graph->n_output;
    for (size_t g = 0; g < count; g++) {
        for (size_t n = graphs[g]->n_node; n-- > 0;) {
            BnfuseOnnx__NodeProto *node = graphs[g]->node[n];
            if (step >= node->n_input) {
                step -= node->n_input;
                continue;
            }
            if (node->n_output && !is_home(graph, finding, node))
                replace_reads(model, node->output[0], node->input[step]);
            return true;
        }
    }
    return false;
}

static size_t count_nodes(BnfuseOnnx__ModelProto *model)
{
    BnfuseOnnx__GraphProto *graphs[MAX_GRAPHS];
    size_t count = list_graphs(model, graphs), nodes = 0;
    for (size_t g = 0; g < count; g++) nodes += graphs[g]->n_node;
    return nodes;
}

size_t random_shrink(struct random_graph *graph, const char *directory, struct finding *finding)
{
    bool shrunk = try_in_child(graph, directory, finding) != FAILURE_NONE;
    while (shrunk) {
        shrunk = false;
        for (size_t step = 0;; step++) {
            struct random_graph smaller = *graph;
            struct finding found;
            smaller.build.model = copy_model(graph);
            if (!apply_step(&smaller, finding, step)) break;
            remove_unread(smaller.build.model);
            if (bnfuse_onnx__model_proto__get_packed_size(smaller.build.model)
                >= bnfuse_onnx__model_proto__get_packed_size(graph->build.model))
                continue;
            try_in_child(&smaller, directory, &found);
            if (!alike(finding, &found)) continue;
            graph->build.model = smaller.build.model;
            *finding = found;
            shrunk = true;
            break;
        }
    }
    return count_nodes(graph->build.model);
}
