/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing: what nobody changed stays byte for byte, what was changed is there, and the target is whole or as it was. */
#include "onnx/write/write.h"

#include "build.h"
#include "bytes.h"
#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/index.h"
#include "onnx/read/external.h"
#include "onnx/write/data_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct build b;
static struct model model, again;
static struct net net, net_again;
static struct bnfuse_error error;
static char folder[64];

/* Linked in place of openat: a file system that has no files without a name. */
static bool names_only;
int __real_openat(int directory, const char *path, int flags, ...);
int __wrap_openat(int directory, const char *path, int flags, ...);

int __wrap_openat(int directory, const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
    va_end(list);
    if (!names_only || (flags & O_TMPFILE) != O_TMPFILE) return __real_openat(directory, path, flags, mode);
    errno = EOPNOTSUPP;
    return -1;
}

/* Linked in place of write: the signal arrives just then. */
static int signal_on_write;
ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);

ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
    if (signal_on_write) kill(getpid(), signal_on_write);
    return __real_write(fd, bytes, size);
}

static int open_folder(void **state)
{
    (void)state;
    names_only = false;
    strcpy(folder, "/tmp/write_test.XXXXXX");
    umask(022);
    if (!mkdtemp(folder) || chdir(folder)) return -1;
    build_open(&b, 8, 13);
    return 0;
}

static int close_folder(void **state)
{
    (void)state;
    char command[100];
    build_close(&b);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") || system(command);
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

static void save(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static uint8_t *contents(const char *path, size_t *size)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    *size = (size_t)status.st_size;
    uint8_t *bytes = arena_alloc(&b.arena, *size + 1);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

static void assert_same_files(const char *a, const char *c)
{
    size_t size_a, size_c;
    const uint8_t *bytes_a = contents(a, &size_a), *bytes_c = contents(c, &size_c);
    assert_int_equal(size_a, size_c);
    assert_memory_equal(bytes_a, bytes_c, size_a);
}

static size_t count_files(const char *path)
{
    DIR *directory = opendir(path);
    size_t count = 0;
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory));)
        count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    closedir(directory);
    return count;
}

/* ---- loading and writing ---------------------------------------------------------------------------------------- */

struct task {
    struct model *model;
    struct net *net;
    const char *path;
    const struct write_options *options;
    uint64_t bytes;
};

static bool load(void *context, struct bnfuse_error *e)
{
    struct task *task = context;
    return model_load(task->model, &b.arena, task->path, e) && net_index(task->net, &b.arena, task->model, e);
}

static void load_into(struct model *m, struct net *n, const char *path)
{
    struct task task = { .model = m, .net = n, .path = path };
    if (!guarded(&b.memory, load, &task, &error)) fail_msg("%s", error.message);
}

/* The model under construction, through a file. */
static void load_built(void)
{
    size_t size;
    const void *bytes = build_bytes(&b, &size);
    save("m.onnx", bytes, size);
    load_into(&model, &net, "m.onnx");
}

static bool write_net(void *context, struct bnfuse_error *e)
{
    struct task *task = context;
    return net_write(task->net, task->path, task->options, &task->bytes, e);
}

static bool write_to(const char *path, const char *external_data)
{
    struct write_options options = { .external_data = external_data };
    struct task task = { .net = &net, .path = path, .options = &options };
    struct stat status;
    error = (struct bnfuse_error){ 0 };
    bool ok = guarded(&b.memory, write_net, &task, &error);
    if (ok && !stat(path, &status) && S_ISREG(status.st_mode)) assert_int_equal(task.bytes, status.st_size);
    return ok;
}

static void assert_refused(const char *part)
{
    if (!strstr(error.message, part)) print_error("\"%s\" lacks \"%s\"\n", error.message, part);
    assert_non_null(strstr(error.message, part));
}

/* Writes, and reads what was written. */
static void write_and_read(const char *path, const char *external_data)
{
    if (!write_to(path, external_data)) fail_msg("%s", error.message);
    load_into(&again, &net_again, path);
}

static bool read_all(void *context, struct bnfuse_error *e)
{
    void **arguments = context;
    const struct tensor *tensor = arguments[0];
    return tensor_read_bytes(tensor, 0, tensor->count, arguments[1], e);
}

static const uint8_t *tensor_bytes(const struct tensor *tensor, size_t *size)
{
    int64_t bytes = 0;
    assert_true(dtype_bytes(tensor->type, tensor->count, &bytes));
    void *to = arena_alloc(&b.arena, (size_t)bytes);
    void *arguments[] = { (void *)tensor, to };
    assert_true(guarded(&b.memory, read_all, arguments, &error));
    *size = (size_t)bytes;
    return to;
}

static void assert_same_tensor(const struct tensor *a, const struct tensor *c)
{
    size_t size_a, size_c;
    const uint8_t *bytes_a = tensor_bytes(a, &size_a), *bytes_c = tensor_bytes(c, &size_c);
    assert_int_equal(a->type, c->type);
    assert_int_equal(a->rank, c->rank);
    for (int i = 0; i < a->rank; i++) assert_int_equal(a->dims[i], c->dims[i]);
    assert_int_equal(size_a, size_c);
    assert_memory_equal(bytes_a, bytes_c, size_a);
}

static const void *part_bytes(const struct model *m, const char *path, const void *message, size_t *size)
{
    size_t file_size;
    const struct part *part = model_part(m, message);
    assert_non_null(part);
    *size = part->head + part->size;
    return contents(path, &file_size) + part->start;
}

/* A message of m.onnx lies in `path` as it lay there. */
static void assert_kept(const void *old, const char *path, const void *new)
{
    size_t old_size, new_size;
    const void *old_bytes = part_bytes(&model, "m.onnx", old, &old_size);
    const void *new_bytes = part_bytes(&again, path, new, &new_size);
    assert_int_equal(old_size, new_size);
    assert_memory_equal(old_bytes, new_bytes, old_size);
}

/* ---- models ----------------------------------------------------------------------------------------------------- */

/* x -> Conv -> BatchNormalization -> Relu -> r, with a weight that stays in the file. */
static void build_conv_bn(void)
{
    build_input(&b, "x", DTYPE_FLOAT, "N,3,8,8");
    build_init(&b, "w", DTYPE_FLOAT, "16,3,3,3", 1);
    build_init(&b, "s", DTYPE_FLOAT, "16", 2);
    build_init(&b, "other", DTYPE_FLOAT, "300", 3);
    build_value_info(&b, "y", DTYPE_FLOAT, "N,16,6,6");
    build_value_info(&b, "z", DTYPE_FLOAT, "N,16,6,6");
    build_value_info(&b, "never_there", DTYPE_FLOAT, "1");
    build_node(&b, "Conv", "conv", "x w", "y", "group=1");
    build_node(&b, "BatchNormalization", "bn", "y s s s s", "z", "epsilon=0.001");
    build_node(&b, "Relu", "relu", "z", "r", NULL);
    build_node(&b, "Identity", "same", "other", "o", NULL);
    build_output(&b, "r", DTYPE_FLOAT, "N,16,6,6");
    build_output(&b, "o", DTYPE_FLOAT, "300");
}

static struct tensor *scaled(const struct tensor *tensor, double first)
{
    double *scale = NEW_ARRAY(&b.arena, double, (size_t)tensor->dims[0]);
    for (int64_t i = 0; i < tensor->dims[0]; i++) scale[i] = first + (double)i;
    struct factor factor = { 1, tensor->dims[0], 1, 1, tensor->count / tensor->dims[0], scale };
    return tensor_scaled(&b.arena, tensor, &factor);
}

/* What a fold does: the convolution takes the BatchNormalization's place, with other weights. */
static void fold(void)
{
    struct node *conv = build_find_node(&net, "conv"), *bn = build_find_node(&net, "bn");
    struct value *w = build_find_value(&net, "w"), *s = build_find_value(&net, "s"), *z = build_find_value(&net, "z");
    edit_set_input(conv, 1, edit_add_initializer(net.main, "w", scaled(w->initializer, 0.5)));
    edit_set_input(conv, 2, edit_add_initializer(net.main, "b", scaled(s->initializer, 2)));
    edit_take_output(conv, 0, z);
    edit_remove_node(bn);
    edit_remove_initializer(w);
    edit_remove_initializer(s);
}

/* ---- nothing changed -------------------------------------------------------------------------------------------- */

/* Valid, but as no serializer would write it. */
static void put_odd_model(struct bytes *to)
{
    static struct bytes graph, node, tensor, attribute, import;
    graph.size = node.size = tensor.size = attribute.size = import.size = 0;
    put_block(&graph, 900, "unknown", 7);
    put_text(&tensor, 8, "w");
    put_number(&tensor, 2, 1);
    put_block(&tensor, 1, "\x80\x02", 2); /* dims, packed */
    uint8_t raw[1024] = { 1, 2, 3 };
    put_block(&tensor, 9, raw, sizeof raw);
    put_number(&tensor, 77, 5);
    put_message(&graph, 5, &tensor);
    put_text(&node, 4, "Neg");
    put_text(&node, 2, "y");
    put_text(&node, 1, "w");
    put_block(&attribute, 8, "\x01\x02", 2); /* ints, packed */
    put_text(&attribute, 1, "__a");
    put_message(&node, 5, &attribute);
    put_tag(&node, 55, 5);
    put(&node, "1234", 4);
    put_tag(&graph, 1, 2);
    put(&graph, "", 0);
    uint8_t long_length[5] = { (uint8_t)(node.size | 0x80), 0x80, 0x80, 0x80, 0 };
    put(&graph, long_length, 5);
    put(&graph, node.data, node.size);
    node.size = 0;
    put_text(&node, 1, "y");
    put_text(&node, 2, "z");
    put_text(&node, 4, "Abs");
    put_message(&graph, 1, &node);
    node.size = 0;
    put_text(&node, 1, "z");
    put_message(&graph, 12, &node);
    put_text(&graph, 2, "first name");
    put_text(&graph, 2, "g");
    put_message(to, 7, &graph);
    put_number(&import, 2, 13);
    put_message(to, 8, &import);
    put_block(to, 99, "extra", 5);
    put_number(to, 1, 3);
    put_number(to, 1, 8);
}

static void an_unchanged_model_is_the_same_bytes(void **state)
{
    (void)state;
    static struct bytes odd;
    odd.size = 0;
    put_odd_model(&odd);
    save("m.onnx", odd.data, odd.size);
    load_into(&model, &net, "m.onnx");
    assert_true(write_to("out.onnx", NULL));
    assert_same_files("m.onnx", "out.onnx");
}

static void unknown_and_odd_fields_stay_in_a_changed_graph(void **state)
{
    (void)state;
    static struct bytes odd;
    odd.size = 0;
    put_odd_model(&odd);
    save("m.onnx", odd.data, odd.size);
    load_into(&model, &net, "m.onnx");
    struct node *last = net.main->last;
    edit_set_int(last, "__k", 1);
    write_and_read("out.onnx", NULL);
    const BnfuseOnnx__GraphProto *old = model.proto->graph, *new = again.proto->graph;
    assert_kept(old->node[0], "out.onnx", new->node[0]);
    assert_kept(old->initializer[0], "out.onnx", new->initializer[0]);
    assert_kept(old->output[0], "out.onnx", new->output[0]);
    assert_int_equal(node_int(net_again.main->last, "__k", 0), 1);
    assert_int_equal(new->base.n_unknown_fields, 1);
    assert_int_equal(again.proto->base.n_unknown_fields, 1);
    assert_int_equal(again.proto->ir_version, 8);
    assert_string_equal(new->name, "g");
}

static void a_model_from_memory_is_the_same_bytes(void **state)
{
    (void)state;
    size_t size, written_size;
    build_conv_bn();
    build_load(&b, &model, &net);
    const void *bytes = build_bytes(&b, &size);
    assert_true(write_to("out.onnx", NULL));
    const uint8_t *written = contents("out.onnx", &written_size);
    assert_int_equal(written_size, size);
    assert_memory_equal(written, bytes, size);
}

static void input_and_output_may_be_one_file(void **state)
{
    (void)state;
    size_t size, size_after;
    build_conv_bn();
    load_built();
    const uint8_t *before = contents("m.onnx", &size);
    assert_int_equal(chmod("m.onnx", 0640), 0);
    assert_true(write_to("m.onnx", NULL));
    const uint8_t *after = contents("m.onnx", &size_after);
    assert_int_equal(size, size_after);
    assert_memory_equal(before, after, size);
    fold();
    save("copy.onnx", before, size);
    assert_true(write_to("m.onnx", NULL));
    assert_true(write_to("out.onnx", NULL));
    assert_same_files("m.onnx", "out.onnx");
}

/* ---- what changed ----------------------------------------------------------------------------------------------- */

static void a_fold_changes_only_what_it_touches(void **state)
{
    (void)state;
    build_conv_bn();
    load_built();
    fold();
    write_and_read("out.onnx", NULL);
    const BnfuseOnnx__GraphProto *old = model.proto->graph, *new = again.proto->graph;
    assert_int_equal(new->n_node, 3);
    assert_kept(old->node[2], "out.onnx", new->node[1]);
    assert_kept(old->node[3], "out.onnx", new->node[2]);
    assert_int_equal(new->n_initializer, 3);
    assert_kept(old->initializer[2], "out.onnx", new->initializer[0]);
    assert_int_equal(new->n_value_info, 2);
    assert_kept(old->value_info[1], "out.onnx", new->value_info[0]);
    assert_kept(old->value_info[2], "out.onnx", new->value_info[1]);
    assert_kept(old->input[0], "out.onnx", new->input[0]);
    assert_kept(old->output[0], "out.onnx", new->output[0]);
    struct node *conv = build_find_node(&net_again, "conv"), *edited = build_find_node(&net, "conv");
    assert_string_equal(conv->outputs[0]->name, "z");
    assert_int_equal(conv->input_count, 3);
    assert_int_equal(node_int(conv, "group", 0), 1);
    for (size_t i = 1; i < 3; i++) {
        assert_string_equal(conv->inputs[i].value->name, edited->inputs[i].value->name);
        assert_same_tensor(conv->inputs[i].value->initializer, edited->inputs[i].value->initializer);
    }
}

static void the_same_edits_give_the_same_bytes_from_memory(void **state)
{
    (void)state;
    build_conv_bn();
    load_built();
    fold();
    assert_true(write_to("out.onnx", NULL));
    build_load(&b, &model, &net);
    fold();
    assert_true(write_to("out2.onnx", NULL));
    assert_same_files("out.onnx", "out2.onnx");
}

static void large_folded_weights_are_streamed(void **state)
{
    (void)state;
    static const enum dtype types[] = { DTYPE_FLOAT, DTYPE_FLOAT16, DTYPE_DOUBLE, DTYPE_BFLOAT16 };
    static const char *const names[] = { "a", "b", "c", "d" };
    build_input(&b, "x", DTYPE_FLOAT, "1");
    for (size_t i = 0; i < 4; i++) build_init(&b, names[i], types[i], "7,70001", i);
    build_node(&b, "Sum", NULL, "x", "y", NULL);
    build_output(&b, "y", DTYPE_FLOAT, "1");
    struct value *values[4];
    load_built();
    for (size_t i = 0; i < 4; i++) {
        struct value *old = build_find_value(&net, names[i]);
        values[i] = edit_add_initializer(net.main, "scaled", scaled(old->initializer, 1.0 / 3));
        edit_remove_initializer(old);
    }
    write_and_read("out.onnx", NULL);
    assert_int_equal(net_again.main->initializer_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_same_tensor(build_find_value(&net_again, values[i]->name)->initializer, values[i]->initializer);
}

static void tensors_of_every_kind_can_be_new(void **state)
{
    (void)state;
    const int64_t dims[] = { 2, 3 }, whole[] = { -8, 7, 0, 1, -1, 3 };
    const double real[] = { 0.5, -1, 3, 1e9, -0.0, 2 };
    char *const texts[] = { (char *)"a", (char *)"", (char *)"c\xc3\xa9", (char *)"d", (char *)"e", (char *)"f" };
    struct tensor strings = { .type = DTYPE_STRING, .rank = 2, .count = 6, .dims = dims, .strings = texts };
    build_conv_bn();
    load_built();
    edit_add_initializer(net.main, "int4", tensor_whole(&b.arena, DTYPE_INT4, 2, dims, whole));
    edit_add_initializer(net.main, "int64", tensor_whole(&b.arena, DTYPE_INT64, 2, dims, whole));
    edit_add_initializer(net.main, "half", tensor_exact(&b.arena, DTYPE_FLOAT16, 2, dims, real));
    edit_add_initializer(net.main, "scalar", tensor_exact(&b.arena, DTYPE_DOUBLE, 0, NULL, real));
    edit_add_initializer(net.main, "empty", tensor_exact(&b.arena, DTYPE_FLOAT, 1, (int64_t[]){ 0 }, NULL));
    edit_add_initializer(net.main, "strings", &strings);
    write_and_read("out.onnx", NULL);
    static const char *const names[] = { "int4", "int64", "half", "scalar", "empty" };
    for (size_t i = 0; i < 5; i++)
        assert_same_tensor(build_find_value(&net_again, names[i])->initializer,
                           build_find_value(&net, names[i])->initializer);
    const struct tensor *read = build_find_value(&net_again, "strings")->initializer;
    assert_int_equal(read->count, 6);
    for (size_t i = 0; i < 6; i++) assert_string_equal(read->strings[i], texts[i]);
}

static void new_nodes_stand_where_they_were_put(void **state)
{
    (void)state;
    build_conv_bn();
    load_built();
    struct value *x = build_find_value(&net, "x"), *r = build_find_value(&net, "r");
    edit_add_node(net.main, build_find_node(&net, "relu"), "Neg", "new_middle", &x, 1, x);
    edit_add_node(net.main, build_find_node(&net, "conv"), "Neg", "new_first", &x, 1, x);
    edit_add_node(net.main, NULL, "Neg", "new_last", &r, 1, r);
    edit_remove_node(build_find_node(&net, "new_first"));
    edit_add_node(net.main, net.main->first, "Abs", "new_front", &x, 1, x);
    write_and_read("out.onnx", NULL);
    static const char *const names[] = { "new_front", "conv", "bn", "new_middle", "relu", "same", "new_last" };
    const BnfuseOnnx__GraphProto *new = again.proto->graph;
    assert_int_equal(new->n_node, 7);
    for (size_t i = 0; i < 7; i++) assert_string_equal(new->node[i]->name, names[i]);
    for (size_t i = 0; i < 4; i++)
        assert_kept(model.proto->graph->node[i], "out.onnx", new->node[(const size_t[]){ 1, 2, 4, 5 }[i]]);
}

static void a_renamed_value_keeps_no_declaration(void **state)
{
    (void)state;
    build_conv_bn();
    load_built();
    edit_rename(build_find_value(&net, "y"));
    write_and_read("out.onnx", NULL);
    const struct value *y = build_find_node(&net, "conv")->outputs[0];
    assert_string_not_equal(y->name, "y");
    assert_string_equal(again.proto->graph->node[0]->output[0], y->name);
    assert_string_equal(again.proto->graph->node[1]->input[0], y->name);
    assert_int_equal(again.proto->graph->n_value_info, 2);
    assert_string_equal(again.proto->graph->value_info[0]->name, "z");
}

/* The attribute's tensor is not in memory; the node around it is packed anew. */
static void a_large_attribute_of_a_changed_node_stays_whole(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "300");
    build_node(&b, "Constant", "c", "", "k", NULL);
    build_attribute_tensor(&b, "value", build_tensor(&b, "", DTYPE_DOUBLE, "300", NEW_ARRAY(&b.arena, double, 300)));
    build_node(&b, "Cast", "cast", "k", "k32", "to=1");
    build_node(&b, "Mul", "mul", "x k32", "y", NULL);
    build_output(&b, "y", DTYPE_FLOAT, "300");
    load_built();
    assert_true(model_payload(&model, node_attribute(build_find_node(&net, "c"), "value")->t, &(struct span){ 0 }));
    edit_rename(build_find_value(&net, "k"));
    write_and_read("out.onnx", NULL);
    const BnfuseOnnx__AttributeProto *old = node_attribute(build_find_node(&net, "c"), "value");
    const BnfuseOnnx__AttributeProto *new = node_attribute(build_find_node(&net_again, "c"), "value");
    assert_kept(old, "out.onnx", new);
    assert_string_not_equal(again.proto->graph->node[0]->output[0], "k");
}

static void build_if(void)
{
    static const char *const bodies[] = { "then_branch", "else_branch" };
    build_input(&b, "x", DTYPE_FLOAT, "2,400");
    build_input(&b, "cond", DTYPE_BOOL, "");
    build_node(&b, "If", "if", "cond", "y", NULL);
    for (int i = 0; i < 2; i++) {
        build_body(&b, bodies[i]);
        build_init(&b, i ? "w_else" : "w_then", DTYPE_FLOAT, "400", 5);
        build_node(&b, "Mul", i ? "mul_else" : "mul_then", i ? "x w_else" : "x w_then", i ? "m_else" : "m_then", NULL);
        build_node(&b, "Relu", i ? "relu_else" : "relu_then", i ? "m_else" : "m_then", i ? "r_else" : "r_then", NULL);
        build_output(&b, i ? "r_else" : "r_then", DTYPE_FLOAT, "2,400");
        build_end(&b);
    }
    build_node(&b, "Neg", "neg", "y", "n", NULL);
    build_output(&b, "n", DTYPE_FLOAT, "2,400");
}

static void a_changed_body_leaves_its_sibling(void **state)
{
    (void)state;
    build_if();
    load_built();
    struct value *w = build_find_value(&net, "w_else");
    struct node *mul = build_find_node(&net, "mul_else");
    edit_set_input(mul, 1, edit_add_initializer(w->graph, "w_else", scaled(w->initializer, 3)));
    edit_remove_initializer(w);
    write_and_read("out.onnx", NULL);
    const BnfuseOnnx__NodeProto *old = model.proto->graph->node[0], *new = again.proto->graph->node[0];
    assert_kept(old->attribute[0], "out.onnx", new->attribute[0]);
    assert_kept(old->attribute[1]->g->node[1], "out.onnx", new->attribute[1]->g->node[1]);
    assert_kept(model.proto->graph->node[1], "out.onnx", again.proto->graph->node[1]);
    assert_int_equal(new->attribute[1]->g->n_initializer, 1);
    assert_same_tensor(build_find_node(&net_again, "mul_else")->inputs[1].value->initializer,
                       mul->inputs[1].value->initializer);
}

static void a_changed_body_in_a_changed_node_is_written_too(void **state)
{
    (void)state;
    build_if();
    load_built();
    edit_set_int(build_find_node(&net, "relu_then"), "__k", 7);
    edit_set_int(build_find_node(&net, "if"), "__k", 8);
    edit_rename(build_find_value(&net, "m_else"));
    write_and_read("out.onnx", NULL);
    assert_int_equal(node_int(build_find_node(&net_again, "relu_then"), "__k", 0), 7);
    assert_int_equal(node_int(build_find_node(&net_again, "if"), "__k", 0), 8);
    assert_string_equal(build_find_node(&net_again, "mul_else")->outputs[0]->name,
                        build_find_node(&net, "mul_else")->outputs[0]->name);
    assert_same_tensor(build_find_value(&net_again, "w_then")->initializer,
                       build_find_value(&net, "w_then")->initializer);
}

static void a_changed_function_body_is_written(void **state)
{
    (void)state;
    build_import(&b, "local", 1);
    build_input(&b, "x", DTYPE_FLOAT, "2");
    b.model->graph->node = NULL;
    build_node(&b, "F", "call", "x", "y", NULL);
    ((BnfuseOnnx__NodeProto *)b.model->graph->node[0])->domain = (char *)"local";
    build_output(&b, "y", DTYPE_FLOAT, "2");
    build_function(&b, "local", "F", "a", "c", NULL);
    build_import(&b, "", 13);
    build_node(&b, "Neg", "neg", "a", "n", NULL);
    build_node(&b, "Relu", "relu", "n", "c", NULL);
    build_end(&b);
    load_built();
    struct node *neg = build_find_node(&net, "neg"), *relu = build_find_node(&net, "relu");
    edit_set_input(relu, 0, neg->inputs[0].value);
    edit_remove_node(neg);
    write_and_read("out.onnx", NULL);
    assert_int_equal(again.proto->functions[0]->n_node, 1);
    assert_string_equal(again.proto->functions[0]->node[0]->input[0], "a");
    assert_kept(model.proto->graph, "out.onnx", again.proto->graph);
}

static void below_ir_4_new_initializers_are_inputs_too(void **state)
{
    (void)state;
    build_close(&b);
    build_open(&b, 3, 9);
    build_conv_bn();
    build_input(&b, "w", DTYPE_FLOAT, "16,3,3,3");
    build_input(&b, "s", DTYPE_FLOAT, "16");
    build_input(&b, "other", DTYPE_FLOAT, "300");
    load_built();
    fold();
    write_and_read("out.onnx", NULL);
    const BnfuseOnnx__GraphProto *new = again.proto->graph;
    assert_int_equal(new->n_input, 4);
    assert_kept(model.proto->graph->input[0], "out.onnx", new->input[0]);
    assert_kept(model.proto->graph->input[3], "out.onnx", new->input[1]);
    const struct value *w = build_find_node(&net_again, "conv")->inputs[1].value;
    assert_true(w->is_input);
    assert_string_equal(w->name, new->input[2]->name);
    const BnfuseOnnx__TypeProto__Tensor *type = new->input[2]->type->tensor_type;
    assert_int_equal(type->elem_type, DTYPE_FLOAT);
    assert_int_equal(type->shape->n_dim, 4);
    assert_int_equal(type->shape->dim[1]->dim_value, 3);
}

/* In the place of a computed value nothing was an input; in a body nothing could be. */
static void below_ir_4_new_constants_are_nodes(void **state)
{
    static const double numbers[16] = { 2, 3, 5 };
    (void)state;
    b.model->ir_version = 3;
    build_if();
    load_built();
    const size_t inputs = net.main->input_count;
    struct node *outer = build_find_node(&net, "neg"), *inner = build_find_node(&net, "mul_else");
    const int64_t one = 16;
    struct value *k = edit_add_constant(net.main, "k", tensor_exact(&b.arena, DTYPE_FLOAT, 1, &one, numbers));
    edit_set_input(outer, 0, k);
    struct value *m =
        edit_add_initializer(inner->graph, "m", tensor_exact(&b.arena, DTYPE_FLOAT, 0, NULL, &(double){ 7 }));
    edit_set_input(inner, 1, m);
    write_and_read("out.onnx", NULL);
    assert_int_equal(net_again.main->input_count, inputs);
    assert_int_equal(net_again.main->initializer_count, 0);
    const struct value *k_again = build_find_node(&net_again, "neg")->inputs[0].value;
    const struct value *m_again = build_find_node(&net_again, "mul_else")->inputs[1].value;
    assert_string_equal(k_again->writer->op, "Constant");
    assert_string_equal(m_again->writer->op, "Constant");
    assert_same_tensor(value_constant((struct value *)k_again), k->initializer);
    assert_same_tensor(value_constant((struct value *)m_again), m->initializer);
}

static void a_declaration_that_an_edit_takes_out_is_not_written(void **state)
{
    (void)state;
    build_conv_bn();
    load_built();
    const BnfuseOnnx__GraphProto *old = model.proto->graph;
    const size_t count = old->n_value_info;
    edit_redeclare(net.main, old->value_info[0], NULL);
    assert_null(declaration(&net, old->value_info[0]));
    write_and_read("out.onnx", NULL);
    assert_int_equal(again.proto->graph->n_value_info, count - 1);
    assert_kept(old->value_info[1], "out.onnx", again.proto->graph->value_info[0]);
}

static void a_frozen_input_goes_and_its_weights_stay(void **state)
{
    (void)state;
    build_conv_bn();
    build_input(&b, "w", DTYPE_FLOAT, "16,3,3,3");
    load_built();
    edit_remove_input(build_find_value(&net, "w"));
    write_and_read("out.onnx", NULL);
    assert_int_equal(again.proto->graph->n_input, 1);
    assert_kept(model.proto->graph->initializer[0], "out.onnx", again.proto->graph->initializer[0]);
}

static void an_output_that_is_another_value_keeps_its_type(void **state)
{
    (void)state;
    build_conv_bn();
    load_built();
    struct value *r = build_find_value(&net, "r"), *z = build_find_value(&net, "z");
    struct node *relu = build_find_node(&net, "relu");
    edit_replace_uses(r, z);
    edit_remove_node(relu);
    write_and_read("out.onnx", NULL);
    const BnfuseOnnx__ValueInfoProto *output = again.proto->graph->output[0];
    assert_string_equal(output->name, "z");
    assert_int_equal(output->type->tensor_type->shape->dim[1]->dim_value, 16);
    assert_kept(model.proto->graph->output[1], "out.onnx", again.proto->graph->output[1]);
}

static void annotations_of_what_is_gone_go(void **state)
{
    (void)state;
    BnfuseOnnx__TensorAnnotation annotations[] = { BNFUSE_ONNX__TENSOR_ANNOTATION__INIT,
                                                   BNFUSE_ONNX__TENSOR_ANNOTATION__INIT,
                                                   BNFUSE_ONNX__TENSOR_ANNOTATION__INIT };
    BnfuseOnnx__TensorAnnotation *list[] = { &annotations[0], &annotations[1], &annotations[2] };
    BnfuseOnnx__StringStringEntryProto entry = BNFUSE_ONNX__STRING_STRING_ENTRY_PROTO__INIT, *entries[] = { &entry };
    build_conv_bn();
    annotations[0].tensor_name = (char *)"y";
    annotations[1].tensor_name = (char *)"z";
    annotations[2].tensor_name = (char *)"r";
    annotations[2].quant_parameter_tensor_names = entries;
    annotations[2].n_quant_parameter_tensor_names = 1;
    entry.key = (char *)"SCALE_TENSOR";
    entry.value = (char *)"s";
    b.model->graph->quantization_annotation = list;
    b.model->graph->n_quantization_annotation = 3;
    load_built();
    fold();
    write_and_read("out.onnx", NULL);
    assert_int_equal(again.proto->graph->n_quantization_annotation, 1);
    assert_kept(&model.proto->graph->quantization_annotation[1]->base, "out.onnx",
                &again.proto->graph->quantization_annotation[0]->base);
}

/* ---- external data ---------------------------------------------------------------------------------------------- */

static void make_external(BnfuseOnnx__TensorProto *tensor, const char *location, size_t offset)
{
    FILE *file = fopen(location, "r+b");
    if (!file) file = fopen(location, "wb");
    assert_non_null(file);
    fseek(file, (long)offset, SEEK_SET);
    assert_int_equal(fwrite(tensor->raw_data.data, 1, tensor->raw_data.len, file), tensor->raw_data.len);
    fclose(file);
    build_external(&b, tensor, location, &offset);
}

/* w and other lie in weights.bin. */
static void load_external(const char *location)
{
    build_conv_bn();
    make_external(b.model->graph->initializer[0], location, 0);
    make_external(b.model->graph->initializer[2], location, 8192);
    load_built();
    size_t size;
    const uint8_t *bytes = contents(location, &size);
    save("weights.before", bytes, size);
}

static const char *location_of(const struct value *value)
{
    return external_key(value->proto, "location");
}

/* `<base>.<16 digits>.data` */
static void assert_digest_name(const char *name, const char *base)
{
    size_t length = strlen(base);
    assert_memory_equal(name, base, length);
    assert_int_equal(name[length], '.');
    assert_int_equal(strspn(name + length + 1, "0123456789abcdef"), 16);
    assert_string_equal(name + length + 17, ".data");
}

static void a_file_that_several_tensors_are_in_is_referred_to_once(void **state)
{
    (void)state;
    struct references references;
    build_conv_bn();
    make_external(b.model->graph->initializer[0], "weights.bin", 0);
    make_external(b.model->graph->initializer[1], "other.bin", 0);
    make_external(b.model->graph->initializer[2], "./weights.bin", 8192);
    load_built();
    references_of(&references, &b.arena, &model);
    assert_int_equal(references.count, 2);
    assert_string_equal(references.names[0], "weights.bin");
    assert_string_equal(references.names[1], "other.bin");
}

static void unchanged_external_data_stay_in_place(void **state)
{
    (void)state;
    load_external("weights.bin");
    assert_true(write_to("out.onnx", NULL));
    assert_same_files("m.onnx", "out.onnx");
    assert_int_equal(count_files("."), 4);
}

static void changed_external_data_go_to_a_file_of_their_own(void **state)
{
    (void)state;
    load_external("weights.bin");
    fold();
    write_and_read("out.onnx", NULL);
    const struct node *conv = build_find_node(&net_again, "conv"), *edited = build_find_node(&net, "conv");
    assert_digest_name(location_of(conv->inputs[1].value), "out.onnx");
    assert_null(location_of(conv->inputs[2].value));
    assert_string_equal(location_of(build_find_value(&net_again, "other")), "weights.bin");
    assert_kept(model.proto->graph->initializer[2], "out.onnx", again.proto->graph->initializer[0]);
    for (size_t i = 1; i < 3; i++)
        assert_same_tensor(conv->inputs[i].value->initializer, edited->inputs[i].value->initializer);
    assert_same_files("weights.bin", "weights.before");
}

static void the_data_file_of_the_original_is_never_written(void **state)
{
    (void)state;
    load_external("m.onnx.data");
    fold();
    write_and_read("m.onnx", NULL);
    assert_digest_name(location_of(build_find_node(&net_again, "conv")->inputs[1].value), "m.onnx");
    assert_string_equal(location_of(build_find_value(&net_again, "other")), "m.onnx.data");
    assert_same_files("m.onnx.data", "weights.before");
    assert_false(write_to("m2.onnx", "m.onnx.data"));
    assert_refused("holds data of the model that was read");
    assert_same_files("m.onnx.data", "weights.before");
}

static void in_another_folder_external_data_come_along(void **state)
{
    (void)state;
    load_external("out.onnx.data");
    assert_int_equal(mkdir("sub", 0755), 0);
    write_and_read("sub/out.onnx", NULL);
    assert_int_equal(count_files("sub"), 2);
    static const char *const names[] = { "w", "other" };
    for (size_t i = 0; i < 2; i++) {
        const struct value *value = build_find_value(&net_again, names[i]);
        assert_digest_name(location_of(value), "out.onnx");
        assert_int_equal(atoi(external_key(value->proto, "offset")) % 4096, 0);
        assert_same_tensor(value->initializer, build_find_value(&net, names[i])->initializer);
    }
    assert_kept(model.proto->graph->node[0], "sub/out.onnx", again.proto->graph->node[0]);
    assert_same_files("out.onnx.data", "weights.before");
}

static void all_large_tensors_move_when_asked(void **state)
{
    (void)state;
    build_conv_bn();
    b.model->graph->initializer[0]->doc_string = (char *)"kept";
    load_built();
    write_and_read("out.onnx", "weights.bin");
    static const char *const names[] = { "w", "other", "s" };
    for (size_t i = 0; i < 3; i++) {
        const struct value *value = build_find_value(&net_again, names[i]);
        if (i < 2) assert_string_equal(location_of(value), "weights.bin");
        else assert_null(location_of(value));
        assert_same_tensor(value->initializer, build_find_value(&net, names[i])->initializer);
    }
    assert_string_equal(build_find_value(&net_again, "w")->proto->doc_string, "kept");
    assert_false(write_to("out2.onnx", "../weights.bin"));
    assert_refused("must be the name of another file beside the model");
    assert_false(write_to("out2.onnx", "out2.onnx"));
    assert_refused("must be the name of another file beside the model");
    assert_false(write_to("out2.onnx", "m.onnx"));
    assert_refused("holds data of the model that was read");
    assert_false(write_to("/dev/null", "weights.bin"));
    assert_refused("external data needs a file to lie beside");
    assert_int_equal(count_files("."), 3);
}

static void nobody_gets_an_inline_model_of_two_gib(void **state)
{
    (void)state;
    build_conv_bn();
    load_built();
    save("sparse", "", 0);
    assert_int_equal(truncate("sparse", INT64_C(3) << 30), 0);
    struct file file = { .path = "sparse", .fd = open("sparse", O_RDONLY), .size = UINT64_C(3) << 30 };
    const int64_t dims[] = { INT64_C(3) << 30 };
    struct tensor huge = {
        .type = DTYPE_INT8, .rank = 1, .count = dims[0], .dims = dims, .span = { &file, 0, UINT64_C(3) << 30 }
    };
    edit_add_initializer(net.main, "huge", &huge);
    assert_false(write_to("out.onnx", NULL));
    assert_refused("--external-data");
    assert_int_equal(access("out.onnx", F_OK), -1);
    close(file.fd);
}

/* ---- the target ------------------------------------------------------------------------------------------------- */

static void a_replaced_file_keeps_its_mode_and_a_link_its_file(void **state)
{
    (void)state;
    struct stat status;
    build_conv_bn();
    load_built();
    assert_true(write_to("new.onnx", NULL));
    assert_int_equal(stat("new.onnx", &status), 0);
    assert_int_equal(status.st_mode & 07777, 0644);
    assert_int_equal(mkdir("real", 0755), 0);
    save("real/target.onnx", "old", 3);
    assert_int_equal(chmod("real/target.onnx", 0600), 0);
    assert_int_equal(symlink("real/target.onnx", "link.onnx"), 0);
    assert_true(write_to("link.onnx", NULL));
    assert_int_equal(lstat("link.onnx", &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(stat("real/target.onnx", &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_same_files("m.onnx", "real/target.onnx");
    assert_int_equal(count_files("real"), 1);
}

static void a_target_that_cannot_be_is_named(void **state)
{
    (void)state;
    build_conv_bn();
    load_built();
    assert_false(write_to("absent/out.onnx", NULL));
    assert_int_equal(error.status, BNFUSE_USAGE);
    assert_refused("absent/out.onnx: cannot create a file in its folder: No such file");
    assert_false(write_to(".", NULL));
    assert_refused("is a directory");
    assert_false(write_to("absent/", NULL));
    assert_refused("is a directory");
    assert_false(write_to("m.onnx/out.onnx", NULL));
    assert_refused("m.onnx/out.onnx: cannot");
    assert_int_equal(symlink("nowhere", "dangling"), 0);
    assert_false(write_to("dangling", NULL));
    assert_refused("cannot follow the symbolic link");
    assert_int_equal(mkdir("taken", 0755), 0);
    assert_false(write_to("out.onnx", "taken"));
    assert_refused("is no regular file; choose another name");
}

/* What goes to a stream lies somewhere until it is whole. */
static void assert_sent(const char *spool_folder)
{
    if (spool_folder) assert_int_equal(setenv("TMPDIR", spool_folder, 1), 0);
    else assert_int_equal(unsetenv("TMPDIR"), 0);
    int standard = dup(1), out = open("piped.onnx", O_WRONLY | O_CREAT, 0600);
    fflush(stdout);
    dup2(out, 1);
    close(out);
    bool ok = write_to("-", NULL);
    dup2(standard, 1);
    close(standard);
    assert_true(ok);
    assert_same_files("m.onnx", "piped.onnx");
    assert_int_equal(unlink("piped.onnx"), 0);
}

static void standard_output_receives_the_model(void **state)
{
    static const char *const folders[] = { NULL, "", ".", "absent" };
    (void)state;
    build_conv_bn();
    load_built();
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) assert_sent(folders[i]);
    unsetenv("TMPDIR");
    assert_true(write_to("/dev/null", NULL));
}

static void a_large_model_is_the_same_bytes(void **state)
{
    (void)state;
    build_init(&b, "w", DTYPE_FLOAT, "2400000", 1);
    build_node(&b, "Identity", NULL, "w", "y", NULL);
    build_output(&b, "y", DTYPE_FLOAT, "2400000");
    load_built();
    assert_true(write_to("out.onnx", NULL));
    assert_same_files("m.onnx", "out.onnx");
}

static void a_full_device_is_an_error(void **state)
{
    (void)state;
    build_conv_bn();
    load_built();
    assert_false(write_to("/dev/full", NULL));
    assert_int_equal(error.status, BNFUSE_USAGE);
    assert_refused("/dev/full: cannot write: No space left");
}

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* However far it came: the old file is whole, the temporary one gone. */
static void assert_failure_leaves_the_old_file(size_t size)
{
    save("out.onnx", "old", 3);
    size_t files = count_files("."), old_size;
    signal(SIGXFSZ, SIG_IGN);
    for (size_t limit = 0; limit < size; limit += 97) {
        set_file_limit(limit);
        bool ok = write_to("out.onnx", NULL);
        set_file_limit(RLIM_INFINITY);
        assert_false(ok);
        assert_refused("out.onnx: cannot write: File too large");
        assert_int_equal(count_files("."), files);
    }
    signal(SIGXFSZ, SIG_DFL);
    assert_memory_equal(contents("out.onnx", &old_size), "old", 3);
}

static void a_write_that_fails_leaves_the_old_file(void **state)
{
    (void)state;
    build_conv_bn();
    load_built();
    fold();
    size_t size;
    assert_true(write_to("full.onnx", NULL));
    contents("full.onnx", &size);
    for (int round = 0; round < 2; round++) {
        names_only = round;
        assert_failure_leaves_the_old_file(size);
        assert_true(write_to("out.onnx", NULL));
        assert_same_files("out.onnx", "full.onnx");
        assert_int_equal(count_files("."), 3);
    }
}

static void a_temporary_name_that_is_taken_is_left_alone(void **state)
{
    (void)state;
    char name[40];
    size_t size;
    build_conv_bn();
    load_built();
    snprintf(name, sizeof name, ".bnfuse-%ld-0.tmp", (long)getpid());
    save(name, "mine", 4);
    for (int round = 0; round < 2; round++) {
        names_only = round;
        assert_true(write_to("out.onnx", NULL));
        assert_same_files("m.onnx", "out.onnx");
        assert_memory_equal(contents(name, &size), "mine", 4);
        assert_int_equal(count_files("."), 3);
    }
}

static void a_killed_write_leaves_the_old_file(void **state)
{
    (void)state;
    build_conv_bn();
    load_built();
    save("out.onnx", "old", 3);
    int unnamed = open(".", O_TMPFILE | O_RDWR, 0600);
    if (unnamed >= 0) close(unnamed);
    pid_t child = fork();
    if (!child) {
        set_file_limit(500);
        signal(SIGXFSZ, SIG_DFL);
        write_to("out.onnx", NULL);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ);
    if (unnamed >= 0) assert_int_equal(count_files("."), 2);
    size_t size;
    assert_memory_equal(contents("out.onnx", &size), "old", 3);
    assert_int_equal(size, 3);
    assert_true(write_to("out.onnx", NULL));
    assert_same_files("m.onnx", "out.onnx");
}

/* With a name on the disk, whoever is asked to end removes it first. */
static void a_signal_leaves_no_temporary_file(void **state)
{
    (void)state;
    static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
    build_conv_bn();
    load_built();
    save("out.onnx", "old", 3);
    for (size_t i = 0; i < 3; i++) {
        pid_t child = fork();
        if (!child) {
            names_only = true;
            signal_on_write = signals[i];
            write_to("out.onnx", NULL);
            _exit(0);
        }
        int status;
        size_t size;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == signals[i]);
        assert_int_equal(count_files("."), 2);
        assert_memory_equal(contents("out.onnx", &size), "old", 3);
    }
}

static volatile sig_atomic_t signals_seen;

static void note_signal(int number)
{
    (void)number;
    signals_seen++;
}

static bool write_under(int number)
{
    signal_on_write = number;
    bool ok = write_to("out.onnx", NULL);
    signal_on_write = 0;
    return ok;
}

/* One that the caller handles ends the write; one that it ignores or holds back itself does not. */
static void a_signal_means_what_the_caller_says(void **state)
{
    (void)state;
    sigset_t held;
    build_conv_bn();
    load_built();
    names_only = true;
    signals_seen = 0;
    signal(SIGTERM, note_signal);
    assert_false(write_under(SIGTERM));
    assert_refused("out.onnx: interrupted; nothing was written");
    assert_int_equal(signals_seen, 1);
    assert_int_equal(count_files("."), 1);
    signal(SIGHUP, SIG_IGN);
    assert_true(write_under(SIGHUP));
    sigemptyset(&held);
    sigaddset(&held, SIGTERM);
    sigprocmask(SIG_BLOCK, &held, NULL);
    assert_true(write_under(SIGTERM));
    assert_int_equal(signals_seen, 1);
    sigprocmask(SIG_UNBLOCK, &held, NULL);
    assert_int_equal(signals_seen, 2);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
}

static void memory_running_out_leaves_the_old_file(void **state)
{
    (void)state;
    bool ok = false, failed = false;
    build_conv_bn();
    load_built();
    fold();
    save("out.onnx", "old", 3);
    size_t files = count_files("."), used = b.memory.used;
    for (size_t room = 100; !ok; room += 20011) {
        b.memory.limit = b.memory.used + room;
        ok = write_to("out.onnx", NULL);
        b.memory.limit = 0;
        if (ok) break;
        failed = true;
        assert_int_equal(error.status, BNFUSE_INTERNAL);
        assert_refused("memory"); /* out of it, or the file as written would take more than is left */
        assert_int_equal(count_files("."), files);
        assert_int_equal(b.memory.used, used);
    }
    assert_true(failed);
}

static void a_source_changed_meanwhile_is_noticed(void **state)
{
    (void)state;
    build_conv_bn();
    load_built();
    const struct timespec times[2] = { { 1, 0 }, { 1, 0 } };
    assert_int_equal(utimensat(AT_FDCWD, "m.onnx", times, 0), 0);
    assert_false(write_to("out.onnx", NULL));
    assert_refused("m.onnx: was changed while it was in use");
    assert_int_equal(count_files("."), 1);
}

/* As a faulty edit would leave it: a node is gone, and what it writes is read. */
static void an_index_that_is_not_valid_is_not_written(void **state)
{
    (void)state;
    build_conv_bn();
    load_built();
    struct node *conv = net.main->first;
    assert_true(conv->next && conv->outputs[0]->uses);
    net.main->first = conv->next;
    conv->next->previous = NULL;
    net.main->node_count--;
    net.edit_count++;
    assert_false(write_to("out.onnx", NULL));
    assert_int_equal(error.status, BNFUSE_INTERNAL);
    assert_refused("the fused model is not valid");
    assert_refused("reads what nothing defines");
    assert_int_equal(count_files("."), 1);
}

/* Small blocks below the buffer, long runs above it: every file arrives whole. */
static void runs_of_any_length_are_copied(void **state)
{
    (void)state;
    static const char *const dims[] = { "1", "255", "256", "20000", "65536", "100000", "700001" };
    build_input(&b, "x", DTYPE_FLOAT, "1");
    for (size_t i = 0; i < 7; i++) {
        char name[8];
        snprintf(name, sizeof name, "w%zu", i);
        build_init(&b, name, DTYPE_UINT8, dims[i], i);
    }
    build_node(&b, "Neg", "neg", "x", "y", NULL);
    build_output(&b, "y", DTYPE_FLOAT, "1");
    load_built();
    edit_remove_initializer(build_find_value(&net, "w1"));
    edit_set_int(build_find_node(&net, "neg"), "__k", 1);
    write_and_read("out.onnx", NULL);
    assert_int_equal(net_again.main->initializer_count, 6);
    for (size_t i = 0; i < 6; i++)
        assert_kept(model.proto->graph->initializer[i + (i > 0)], "out.onnx", again.proto->graph->initializer[i]);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, open_folder, close_folder)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(an_unchanged_model_is_the_same_bytes),
        IN_FOLDER(unknown_and_odd_fields_stay_in_a_changed_graph),
        IN_FOLDER(a_model_from_memory_is_the_same_bytes),
        IN_FOLDER(input_and_output_may_be_one_file),
        IN_FOLDER(a_fold_changes_only_what_it_touches),
        IN_FOLDER(the_same_edits_give_the_same_bytes_from_memory),
        IN_FOLDER(large_folded_weights_are_streamed),
        IN_FOLDER(tensors_of_every_kind_can_be_new),
        IN_FOLDER(new_nodes_stand_where_they_were_put),
        IN_FOLDER(a_renamed_value_keeps_no_declaration),
        IN_FOLDER(a_large_attribute_of_a_changed_node_stays_whole),
        IN_FOLDER(a_changed_body_leaves_its_sibling),
        IN_FOLDER(a_changed_body_in_a_changed_node_is_written_too),
        IN_FOLDER(a_changed_function_body_is_written),
        IN_FOLDER(below_ir_4_new_initializers_are_inputs_too),
        IN_FOLDER(below_ir_4_new_constants_are_nodes),
        IN_FOLDER(a_declaration_that_an_edit_takes_out_is_not_written),
        IN_FOLDER(a_frozen_input_goes_and_its_weights_stay),
        IN_FOLDER(an_output_that_is_another_value_keeps_its_type),
        IN_FOLDER(annotations_of_what_is_gone_go),
        IN_FOLDER(a_file_that_several_tensors_are_in_is_referred_to_once),
        IN_FOLDER(unchanged_external_data_stay_in_place),
        IN_FOLDER(changed_external_data_go_to_a_file_of_their_own),
        IN_FOLDER(the_data_file_of_the_original_is_never_written),
        IN_FOLDER(in_another_folder_external_data_come_along),
        IN_FOLDER(all_large_tensors_move_when_asked),
        IN_FOLDER(nobody_gets_an_inline_model_of_two_gib),
        IN_FOLDER(a_replaced_file_keeps_its_mode_and_a_link_its_file),
        IN_FOLDER(a_target_that_cannot_be_is_named),
        IN_FOLDER(standard_output_receives_the_model),
        IN_FOLDER(a_large_model_is_the_same_bytes),
        IN_FOLDER(a_full_device_is_an_error),
        IN_FOLDER(a_write_that_fails_leaves_the_old_file),
        IN_FOLDER(a_temporary_name_that_is_taken_is_left_alone),
        IN_FOLDER(a_killed_write_leaves_the_old_file),
        IN_FOLDER(a_signal_leaves_no_temporary_file),
        IN_FOLDER(a_signal_means_what_the_caller_says),
        IN_FOLDER(memory_running_out_leaves_the_old_file),
        IN_FOLDER(a_source_changed_meanwhile_is_noticed),
        IN_FOLDER(an_index_that_is_not_valid_is_not_written),
        IN_FOLDER(runs_of_any_length_are_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
