/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading: weights stay in the file, messages are found again, external data is confined to the model's folder. */
#include "onnx/read/external.h"

#include "bytes.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail

struct folder {
    char path[64];
    struct memory memory;
    struct arena arena;
    struct model model;
    struct bnfuse_error error;
    const char *file;
    struct file open;
};

static int make_folder(void **state)
{
    struct folder *folder = calloc(1, sizeof *folder);
    snprintf(folder->path, sizeof folder->path, "/tmp/model_test.XXXXXX");
    if (!mkdtemp(folder->path) || chdir(folder->path)) return -1;
    arena_open(&folder->arena, &folder->memory);
    *state = folder;
    return 0;
}

static int remove_folder(void **state)
{
    struct folder *folder = *state;
    char command[100];
    arena_close(&folder->arena);
    assert_int_equal(folder->memory.used, 0);
    snprintf(command, sizeof command, "rm -rf %s", folder->path);
    int status = chdir("/") || system(command);
    free(folder);
    return status;
}

static void save(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static bool load(void *context, struct bnfuse_error *error)
{
    struct folder *folder = context;
    return model_load(&folder->model, &folder->arena, folder->file, error);
}

static bool load_file(struct folder *folder, const char *path)
{
    folder->file = path;
    return guarded(&folder->memory, load, folder, &folder->error);
}

static void assert_message(const struct folder *folder, const char *part)
{
    if (!strstr(folder->error.message, part)) print_error("\"%s\" lacks \"%s\"\n", folder->error.message, part);
    assert_non_null(strstr(folder->error.message, part));
}

static void put_tensor(struct bytes *graph, const char *name, uint8_t fill, size_t size)
{
    struct bytes tensor = { 0 };
    uint8_t content[4096];
    memset(content, fill, size);
    put_text(&tensor, 8, name);
    put_block(&tensor, 9, content, size);
    put_message(graph, 5, &tensor);
}

static void put_node(struct bytes *graph, const char *op)
{
    struct bytes node = { 0 };
    put_text(&node, 4, op);
    put_message(graph, 1, &node);
}

static void save_model(const char *path, const struct bytes *graph)
{
    struct bytes model = { 0 };
    put_number(&model, 1, 8);
    put_message(&model, 7, graph);
    save(path, model.data, model.size);
}

static void large_weights_stay_in_the_file(void **state)
{
    struct folder *folder = *state;
    struct bytes graph = { 0 };
    struct span span;
    uint8_t byte;
    put_tensor(&graph, "a", 0xaa, 4096);
    put_tensor(&graph, "b", 0xbb, WIRE_PAYLOAD);
    put_tensor(&graph, "c", 0xcc, WIRE_PAYLOAD - 1);
    save_model("m.onnx", &graph);
    assert_true(load_file(folder, "m.onnx"));
    BnfuseOnnx__TensorProto **tensors = folder->model.proto->graph->initializer;
    assert_true(model_payload(&folder->model, tensors[0], &span));
    assert_int_equal(span.size, 4096);
    assert_true(span_read(&span, 4095, &byte, 1, NULL));
    assert_int_equal(byte, 0xaa);
    assert_true(model_payload(&folder->model, tensors[1], &span));
    assert_true(span_read(&span, 0, &byte, 1, NULL));
    assert_int_equal(byte, 0xbb);
    assert_true(tensors[1]->has_raw_data);
    assert_int_equal(tensors[1]->raw_data.len, 0);
    assert_false(model_payload(&folder->model, tensors[2], &span));
    assert_int_equal(tensors[2]->raw_data.len, WIRE_PAYLOAD - 1);
}

static void messages_are_found_whatever_their_order(void **state)
{
    struct folder *folder = *state;
    struct bytes graph = { 0 };
    put_node(&graph, "First");
    put_tensor(&graph, "a", 1, 2000);
    put_node(&graph, "Second");
    put_tensor(&graph, "b", 2, 2000);
    put_node(&graph, "Third");
    save_model("m.onnx", &graph);
    assert_true(load_file(folder, "m.onnx"));
    const BnfuseOnnx__GraphProto *proto = folder->model.proto->graph;
    static const uint32_t fields[] = { 0, 7, 1, 5, 1, 5, 1 };
    const void *const messages[] = { folder->model.proto,   proto,          proto->node[0],
                                     proto->initializer[0], proto->node[1], proto->initializer[1],
                                     proto->node[2] };
    assert_int_equal(folder->model.part_count, 7);
    for (size_t i = 0; i < 7; i++) {
        assert_ptr_equal(model_part(&folder->model, messages[i]), &folder->model.parts[i]);
        assert_int_equal(folder->model.parts[i].field, fields[i]);
        assert_ptr_equal(part_next(folder->model.parts, &folder->model.parts[i]),
                         &folder->model.parts[i < 2 ? 7 : i + 1]);
    }
    assert_string_equal(proto->node[2]->op_type, "Third");
    assert_null(model_part(&folder->model, folder));
    assert_null(model_part(&folder->model, NULL));
}

static void a_pipe_is_read_like_a_file(void **state)
{
    struct folder *folder = *state;
    struct bytes graph = { 0 };
    struct span span;
    int pipes[2], standard = dup(0);
    put_tensor(&graph, "a", 0xaa, 4096);
    save_model("m.onnx", &graph);
    assert_int_equal(pipe(pipes), 0);
    struct bytes model = { 0 };
    FILE *file = fopen("m.onnx", "rb");
    model.size = fread(model.data, 1, sizeof model.data, file);
    fclose(file);
    assert_int_equal(write(pipes[1], model.data, model.size), model.size);
    close(pipes[1]);
    dup2(pipes[0], 0);
    close(pipes[0]);
    bool ok = load_file(folder, "-");
    dup2(standard, 0);
    close(standard);
    assert_true(ok);
    assert_string_equal(folder->model.name, "standard input");
    assert_int_equal(folder->model.size, model.size);
    assert_true(model_payload(&folder->model, folder->model.proto->graph->initializer[0], &span));
}

static void what_is_no_readable_file_is_named(void **state)
{
    struct folder *folder = *state;
    assert_false(load_file(folder, "absent.onnx"));
    assert_int_equal(folder->error.status, BNFUSE_USAGE);
    assert_message(folder, "absent.onnx: cannot open: No such file");
    assert_false(load_file(folder, "."));
    assert_int_equal(folder->error.status, BNFUSE_USAGE);
    assert_message(folder, "is a directory");
    save("empty.onnx", "", 0);
    assert_false(load_file(folder, "empty.onnx"));
    assert_int_equal(folder->error.status, BNFUSE_INVALID);
    assert_message(folder, "empty.onnx: is empty");
}

static void a_file_cut_while_open_is_an_error(void **state)
{
    struct folder *folder = *state;
    struct bytes graph = { 0 };
    struct span span;
    uint8_t byte;
    put_tensor(&graph, "a", 1, 2000);
    save_model("m.onnx", &graph);
    assert_true(load_file(folder, "m.onnx"));
    assert_true(model_payload(&folder->model, folder->model.proto->graph->initializer[0], &span));
    assert_int_equal(truncate("m.onnx", 100), 0);
    assert_false(span_read(&span, 1000, &byte, 1, &folder->error));
    assert_message(folder, "m.onnx: ends at byte");
}

static void opsets_are_found_by_domain(void **state)
{
    (void)state;
    BnfuseOnnx__OperatorSetIdProto standard = BNFUSE_ONNX__OPERATOR_SET_ID_PROTO__INIT, other = standard;
    BnfuseOnnx__OperatorSetIdProto *imports[] = { &other, &standard };
    other.domain = (char *)"com.example";
    other.version = 3;
    standard.version = 13;
    assert_int_equal(opset_version(imports, 2, ""), 13);
    assert_int_equal(opset_version(imports, 2, "ai.onnx"), 13);
    assert_int_equal(opset_version(imports, 2, "com.example"), 3);
    assert_int_equal(opset_version(imports, 2, "ai.onnx.ml"), 0);
    standard.domain = (char *)"ai.onnx";
    assert_int_equal(opset_version(imports, 2, ""), 13);
}

/* An external tensor; NULL leaves a key out. */
static void put_external(struct bytes *graph, const char *location, const char *offset, const char *length)
{
    struct bytes tensor = { 0 };
    const char *const pairs[][2] = { { "location", location }, { "offset", offset }, { "length", length } };
    put_text(&tensor, 8, "w");
    put_number(&tensor, 14, 1);
    for (size_t i = 0; i < 3; i++) {
        struct bytes entry = { 0 };
        if (!pairs[i][1]) continue;
        put_text(&entry, 1, pairs[i][0]);
        put_text(&entry, 2, pairs[i][1]);
        put_message(&tensor, 13, &entry);
    }
    put_message(graph, 5, &tensor);
}

struct opening {
    struct folder *folder;
    struct span span;
    int64_t bytes;
    size_t tensor;
};

static bool open_span(void *context, struct bnfuse_error *error)
{
    struct opening *opening = context;
    const struct model *model = &opening->folder->model;
    const BnfuseOnnx__TensorProto *tensor = model->proto->graph->initializer[opening->tensor];
    assert_true(tensor_is_external(tensor));
    return external_open(&opening->span, model, tensor, opening->bytes, error);
}

static bool open_external(struct folder *folder, size_t tensor, int64_t bytes, struct span *span)
{
    struct opening opening = { .folder = folder, .bytes = bytes, .tensor = tensor };
    bool ok = guarded(&folder->memory, open_span, &opening, &folder->error);
    *span = opening.span;
    return ok;
}

static void external_data_is_found_beside_the_model(void **state)
{
    struct folder *folder = *state;
    struct bytes graph = { 0 };
    struct span first, second;
    char text[4];
    assert_int_equal(mkdir("sub", 0755), 0);
    assert_int_equal(mkdir("sub/deep", 0755), 0);
    save("sub/deep/w.bin", "0123456789", 10);
    put_external(&graph, "deep/w.bin", "3", "4");
    put_external(&graph, "deep/w.bin", "7", NULL);
    put_external(&graph, "./deep/w.bin", NULL, NULL);
    save_model("sub/m.onnx", &graph);
    assert_true(load_file(folder, "sub/m.onnx"));
    assert_true(open_external(folder, 0, 4, &first));
    assert_true(span_read(&first, 1, text, 3, NULL));
    assert_memory_equal(text, "456", 3);
    assert_true(open_external(folder, 1, 3, &second));
    assert_ptr_equal(second.file, first.file);
    assert_int_equal(second.offset, 7);
    assert_true(open_external(folder, 2, 10, &second));
    assert_int_equal(second.offset, 0);
}

static void assert_external_refused(struct folder *folder, const char *location, const char *offset, const char *length,
                                    const char *why)
{
    struct bytes graph = { 0 };
    struct span span;
    put_external(&graph, location, offset, length);
    save_model("m.onnx", &graph);
    assert_true(load_file(folder, "m.onnx"));
    assert_false(open_external(folder, 0, 4, &span));
    assert_int_equal(folder->error.status, BNFUSE_INVALID);
    assert_message(folder, "m.onnx: tensor \"w\": external data");
    assert_message(folder, why);
}

static void external_data_never_leaves_the_folder(void **state)
{
    struct folder *folder = *state;
    assert_int_equal(mkdir("inner", 0755), 0);
    save("w.bin", "0123", 4);
    save("inner/x.bin", "0123", 4);
    assert_int_equal(symlink("w.bin", "link.bin"), 0);
    assert_int_equal(symlink("inner", "linked"), 0);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_external_refused(folder, "/etc/hostname", NULL, NULL, "beneath the model's folder");
    assert_external_refused(folder, "../w.bin", NULL, NULL, "beneath the model's folder");
    assert_external_refused(folder, "inner/../w.bin", NULL, NULL, "beneath the model's folder");
    assert_external_refused(folder, "", NULL, NULL, "beneath the model's folder");
    assert_external_refused(folder, "link.bin", NULL, NULL, "is a symbolic link");
    assert_external_refused(folder, "linked/x.bin", NULL, NULL, "symbolic link");
    assert_external_refused(folder, "absent.bin", NULL, NULL, "no such file");
    assert_external_refused(folder, "inner", NULL, NULL, "not a regular file");
    assert_external_refused(folder, "fifo", NULL, NULL, "not a regular file");
    assert_int_equal(link("w.bin", "second.bin"), 0);
    assert_external_refused(folder, "w.bin", NULL, NULL, "several hard links");
}

static void external_keys_must_fit_tensor_and_file(void **state)
{
    struct folder *folder = *state;
    save("w.bin", "0123456789", 10);
    assert_external_refused(folder, NULL, NULL, NULL, "its location is missing");
    assert_external_refused(folder, "w.bin", "7", "4", "the file ends before the tensor does");
    assert_external_refused(folder, "w.bin", "9223372036854775807", "4", "the file ends before the tensor does");
    assert_external_refused(folder, "w.bin", "9223372036854775808", "4", "its offset is not a number");
    assert_external_refused(folder, "w.bin", "-1", "4", "its offset is not a number");
    assert_external_refused(folder, "w.bin", "", "4", "its offset is not a number");
    assert_external_refused(folder, "w.bin", "0", "0x4", "its length is not a number");
    assert_external_refused(folder, "w.bin", "0", "5", "its length does not fit");
}

static bool load_open(void *context, struct bnfuse_error *error)
{
    struct folder *folder = context;
    return model_load_file(&folder->model, &folder->arena, &folder->open, ".", error);
}

/* Whoever cuts a file while it is read gets an error; a mapping would get a signal. */
static void a_file_that_shrinks_is_an_error(void **state)
{
    struct folder *folder = *state;
    struct bytes graph = { 0 };
    struct stat status;
    put_tensor(&graph, "a", 0xaa, 4096);
    for (int i = 0; i < 100; i++) put_node(&graph, "Neg");
    save_model("m.onnx", &graph);
    assert_int_equal(stat("m.onnx", &status), 0);
    folder->open = (struct file){ .path = "m.onnx", .fd = open("m.onnx", O_RDONLY), .size = (uint64_t)status.st_size };
    for (off_t size = status.st_size - 1; size > 0; size -= 131) {
        assert_int_equal(truncate("m.onnx", size), 0);
        assert_false(guarded(&folder->memory, load_open, folder, &folder->error));
        assert_int_equal(folder->error.status, BNFUSE_USAGE);
        assert_message(folder, "m.onnx: ends at byte");
    }
    close(folder->open.fd);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(large_weights_stay_in_the_file),
        IN_FOLDER(messages_are_found_whatever_their_order),
        IN_FOLDER(a_pipe_is_read_like_a_file),
        IN_FOLDER(what_is_no_readable_file_is_named),
        IN_FOLDER(a_file_cut_while_open_is_an_error),
        cmocka_unit_test(opsets_are_found_by_domain),
        IN_FOLDER(a_file_that_shrinks_is_an_error),
        IN_FOLDER(external_data_is_found_beside_the_model),
        IN_FOLDER(external_data_never_leaves_the_folder),
        IN_FOLDER(external_keys_must_fit_tensor_and_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
