/* SPDX-License-Identifier: Apache-2.0
 *
 * Data files: .npy, .npz and the three messages of .pb. The first byte says which; the rest is the file. What could be
 * read is written and read again, and must be the same. */
#include "fuzz/fuzz.h"
#include "io/npy.h"
#include "io/npz.h"
#include "io/pb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MEMORY = 16 << 20 };

struct input {
    struct arena arena;
    struct bytes bytes;
    const struct format *format;
};

/* ---- .npy ---- */

/* As doubles; NULL where they are none. */
static double *numbers(const struct tensor *tensor, struct arena *arena)
{
    double *values = NULL;
    return tensor->type != DTYPE_STRING && tensor_values(tensor, arena, &values, NULL) ? values : NULL;
}

static void require_equal(const struct tensor *a, const struct tensor *b, struct arena *arena)
{
    REQUIRE(a->rank == b->rank && a->count == b->count);
    for (int i = 0; i < a->rank; i++) REQUIRE(a->dims[i] == b->dims[i]);
    const double *x = numbers(a, arena), *y = numbers(b, arena);
    for (int64_t i = 0; x && y && i < a->count; i++) REQUIRE(x[i] == y[i] || (x[i] != x[i] && y[i] != y[i]));
}

static bool parse_npy(struct input *input, struct bnfuse_error *error)
{
    struct tensor tensor, again;
    struct bytes parts[2];
    if (!npy_parse(&tensor, &input->arena, "input", input->bytes, error)) return false;
    if (!npy_format(&tensor, &input->arena, parts, error)) return false;
    uint8_t *whole = arena_alloc(&input->arena, parts[0].size + parts[1].size);
    memcpy(mempcpy(whole, parts[0].at, parts[0].size), parts[1].at, parts[1].size);
    struct bytes written = { whole, parts[0].size + parts[1].size };
    REQUIRE(npy_parse(&again, &input->arena, "written", written, error));
    require_equal(&tensor, &again, &input->arena);
    return true;
}

/* ---- files, for what is read from one ---- */

/* The same file of memory every time; its path. */
static const char *file_of(struct bytes bytes)
{
    static char path[64];
    static int fd = -1;
    if (fd < 0) {
        fd = memfd_create("fuzz", 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    REQUIRE(fd >= 0 && ftruncate(fd, 0) == 0);
    REQUIRE(pwrite(fd, bytes.at, bytes.size, 0) == (ssize_t)bytes.size);
    return path;
}

static bool parse_npz(struct input *input, struct bnfuse_error *error)
{
    struct datum *data, *again;
    struct pending_files files;
    size_t count, count_again;
    const char *path = file_of(input->bytes);
    if (!npz_read(&data, &count, &input->arena, path, error)) return false;
    pending_open(&files, &input->arena);
    if (!npz_write(data, count, &files, path, error) || !pending_commit(&files, error)) return false;
    REQUIRE(npz_read(&again, &count_again, &input->arena, path, error) && count_again == count);
    for (size_t i = 0; i < count; i++) {
        REQUIRE(strcmp(data[i].name, again[i].name) == 0);
        require_equal(&data[i].tensor, &again[i].tensor, &input->arena);
    }
    return true;
}

/* ---- .pb ---- */

static BnfuseOnnx__TypeProto float_tensor, sequence, optional;
static BnfuseOnnx__TypeProto__Tensor tensor_type;
static BnfuseOnnx__TypeProto__Sequence sequence_type;
static BnfuseOnnx__TypeProto__Optional optional_type;

static void build_types(void)
{
    bnfuse_onnx__type_proto__init(&float_tensor);
    bnfuse_onnx__type_proto__init(&sequence);
    bnfuse_onnx__type_proto__init(&optional);
    bnfuse_onnx__type_proto__tensor__init(&tensor_type);
    bnfuse_onnx__type_proto__sequence__init(&sequence_type);
    bnfuse_onnx__type_proto__optional__init(&optional_type);
    tensor_type.has_elem_type = 1;
    tensor_type.elem_type = DTYPE_FLOAT;
    float_tensor.value_case = BNFUSE_ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    float_tensor.tensor_type = &tensor_type;
    sequence.value_case = BNFUSE_ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE;
    sequence.sequence_type = &sequence_type;
    sequence_type.elem_type = &float_tensor;
    optional.value_case = BNFUSE_ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE;
    optional.optional_type = &optional_type;
    optional_type.elem_type = &float_tensor;
}

static void require_same(const struct datum *a, const struct datum *b, struct arena *arena)
{
    REQUIRE(a->form == b->form && a->count == b->count);
    for (size_t i = 0; i < a->count; i++) require_same(&a->items[i], &b->items[i], arena);
    if (a->form == FORM_TENSOR) require_equal(&a->tensor, &b->tensor, arena);
}

static bool parse_pb(struct input *input, const BnfuseOnnx__TypeProto *type, struct bnfuse_error *error)
{
    struct datum datum, again;
    struct pending_files files;
    if (!pb_parse(&datum, &input->arena, "input", input->bytes, type, error)) return false;
    const char *path = file_of(input->bytes);
    pending_open(&files, &input->arena);
    if (!pb_write(&datum, &files, path, type, error) || !pending_commit(&files, error)) return false;
    REQUIRE(pb_read(&again, &input->arena, path, type, error));
    require_same(&datum, &again, &input->arena);
    return true;
}

static bool parse_tensor(struct input *input, struct bnfuse_error *error)
{
    return parse_pb(input, NULL, error);
}

static bool parse_sequence(struct input *input, struct bnfuse_error *error)
{
    return parse_pb(input, &sequence, error);
}

static bool parse_optional(struct input *input, struct bnfuse_error *error)
{
    return parse_pb(input, &optional, error);
}

/* ---- */

static const struct format {
    char letter;
    bool (*parse)(struct input *input, struct bnfuse_error *error);
} formats[] = {
    { 'n', parse_npy }, { 'z', parse_npz }, { 't', parse_tensor }, { 's', parse_sequence }, { 'o', parse_optional },
};

static bool run(void *context, struct bnfuse_error *error)
{
    struct input *input = context;
    return input->format->parse(input, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct memory memory = { .limit = MEMORY };
    struct input input = { .format = NULL };
    struct bnfuse_error error = { .status = BNFUSE_OK };
    if (!size) return 0;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (formats[i].letter == bytes[0]) input.format = &formats[i];
    if (!input.format) return 0;
    if (!float_tensor.base.descriptor) build_types();
    input.bytes = (struct bytes){ bytes + 1, size - 1 };
    arena_open(&input.arena, &memory);
    if (!guarded(&memory, run, &input, &error)) REQUIRE(error.status != BNFUSE_OK && *error.message);
    arena_close(&input.arena);
    REQUIRE(memory.used == 0);
    return 0;
}
