/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensors in files: numpy's .npy and .npz, and the single messages of ONNX's test layout. */
#include "io/datum.h"
#include "io/npy.h"
#include "io/npz.h"
#include "io/pb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct memory memory;
static struct arena arena;
static struct pending_files files;
static char path[] = "npy_test.XXXXXX.npz";

static int open_arena(void **state)
{
    (void)state;
    memory = (struct memory){ 0 };
    arena_open(&arena, &memory);
    pending_open(&files, &arena);
    strcpy(path, "npy_test.XXXXXX.npz");
    int fd = mkstemps(path, 4);
    if (fd < 0) return 1;
    close(fd);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    arena_close(&arena);
    unlink(path);
    return memory.used != 0;
}

/* A file that was prepared takes its name. */
static bool committed(bool prepared)
{
    return prepared && pending_commit(&files, NULL);
}

static bool write_file(struct bytes bytes)
{
    return committed(pending_add(&files, path, &bytes, 1, NULL));
}

/* A file as numpy writes it: version 1.0, a dict, the elements. */
static struct bytes npy_file(const char *dict, const void *elements, size_t size)
{
    size_t length = strlen(dict);
    unsigned char *at = arena_alloc(&arena, 10 + length + size);
    memcpy(at, "\x93NUMPY\x01\x00", 8);
    at[8] = (unsigned char)length;
    at[9] = (unsigned char)(length >> 8);
    memcpy(at + 10, dict, length);
    if (size) memcpy(at + 10 + length, elements, size);
    return (struct bytes){ at, 10 + length + size };
}

static struct tensor parsed(struct bytes bytes)
{
    struct tensor tensor;
    struct bnfuse_error error = { 0 };
    if (!npy_parse(&tensor, &arena, "x.npy", bytes, &error)) fail_msg("%s", error.message);
    return tensor;
}

static void assert_refused(struct bytes bytes, const char *words)
{
    struct tensor tensor;
    struct bnfuse_error error = { 0 };
    assert_false(npy_parse(&tensor, &arena, "x.npy", bytes, &error));
    assert_int_equal(error.status, BNFUSE_USAGE);
    assert_non_null(strstr(error.message, "x.npy"));
    if (!strstr(error.message, words)) fail_msg("%s", error.message);
}

static void assert_values(const struct tensor *tensor, const double *expected, int64_t count)
{
    double values[64];
    assert_int_equal(tensor->count, count);
    assert_true(tensor_read_real(tensor, 0, count, values, NULL));
    for (int64_t i = 0; i < count; i++) assert_true(values[i] == expected[i]);
}

static void reads_what_numpy_writes(void **state)
{
    (void)state;
    float elements[] = { 1, 2, 3, 4, 5, 6 };
    struct tensor tensor =
        parsed(npy_file("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n", elements, sizeof elements));
    assert_int_equal(tensor.type, DTYPE_FLOAT);
    assert_int_equal(tensor.rank, 2);
    assert_int_equal(tensor.dims[0], 2);
    assert_int_equal(tensor.dims[1], 3);
    assert_values(&tensor, (double[]){ 1, 2, 3, 4, 5, 6 }, 6);
}

static void fortran_order_is_turned_into_c_order(void **state)
{
    (void)state;
    int16_t elements[] = { 11, 21, 12, 22, 13, 23 };
    struct tensor tensor =
        parsed(npy_file("{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }\n", elements, sizeof elements));
    assert_values(&tensor, (double[]){ 11, 12, 13, 21, 22, 23 }, 6);
}

static void big_endian_elements_are_turned_round(void **state)
{
    (void)state;
    unsigned char elements[] = { 0x01, 0x02, 0xff, 0xfe };
    struct tensor tensor = parsed(npy_file("{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }\n", elements, 4));
    assert_values(&tensor, (double[]){ 0x0102, -2 }, 2);
}

static void scalars_and_empty_arrays_have_no_and_zero_dims(void **state)
{
    (void)state;
    double element = 2.5;
    struct tensor scalar = parsed(npy_file("{'descr': '<f8', 'fortran_order': False, 'shape': (), }\n", &element, 8));
    struct tensor empty = parsed(npy_file("{'descr': '|b1', 'fortran_order': False, 'shape': (3, 0), }\n", NULL, 0));
    assert_int_equal(scalar.rank, 0);
    assert_values(&scalar, (double[]){ 2.5 }, 1);
    assert_int_equal(empty.count, 0);
    assert_int_equal(empty.type, DTYPE_BOOL);
}

static void unicode_strings_become_utf8(void **state)
{
    (void)state;
    uint32_t elements[] = { 'h', 0xe9, 0, 0x4e2d, 0x1f600, 'z' };
    struct tensor tensor =
        parsed(npy_file("{'descr': '<U3', 'fortran_order': False, 'shape': (2,), }\n", elements, sizeof elements));
    assert_int_equal(tensor.type, DTYPE_STRING);
    assert_string_equal(tensor.strings[0], "h\xc3\xa9");
    assert_string_equal(tensor.strings[1], "\xe4\xb8\xad\xf0\x9f\x98\x80z");
}

static void pickles_and_broken_files_are_refused(void **state)
{
    (void)state;
    char elements[64] = "";
    assert_refused(npy_file("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }\n", elements, 16),
                   "not supported");
    assert_refused(npy_file("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", elements, 23), "shorter");
    assert_refused(
        npy_file("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }\n", elements, 64),
        "not a .npy");
    assert_refused(npy_file("{'descr': '<f4', 'shape': (2, 3), }\n", elements, 24), "not a .npy");
    assert_refused((struct bytes){ (const unsigned char *)"\x93NUMPY\x01\x00\xff\xff", 10 }, "not a .npy");
    assert_refused((struct bytes){ (const unsigned char *)"PK", 2 }, "not a .npy");
}

static struct tensor numbers(enum dtype type, int rank, const int64_t *dims, const double *values)
{
    return *tensor_exact(&arena, type, rank, dims, values);
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    static const enum dtype types[] = { DTYPE_FLOAT, DTYPE_DOUBLE, DTYPE_FLOAT16 };
    double values[] = { 0.5, -1, 2, 1024, -0.25, 3 };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct tensor tensor = numbers(types[i], 3, (int64_t[]){ 1, 3, 2 }, values), back;
        assert_true(committed(npy_write(&tensor, &files, path, NULL)));
        assert_true(npy_read(&back, &arena, path, NULL));
        assert_int_equal(back.type, types[i]);
        assert_int_equal(back.rank, 3);
        assert_int_equal(back.dims[1], 3);
        assert_values(&back, values, 6);
    }
}

static void types_that_numpy_lacks_are_written_as_wider_ones(void **state)
{
    (void)state;
    double values[] = { 1.5, -2 };
    struct tensor tensor = numbers(DTYPE_BFLOAT16, 1, (int64_t[]){ 2 }, values), back;
    assert_true(committed(npy_write(&tensor, &files, path, NULL)));
    assert_true(npy_read(&back, &arena, path, NULL));
    assert_int_equal(back.type, DTYPE_FLOAT);
    assert_values(&back, values, 2);

    struct tensor nibbles = {
        .type = DTYPE_INT4, .rank = 1, .count = 3, .dims = (int64_t[]){ 3 }, .bytes = "\xe1\x07"
    };
    assert_true(committed(npy_write(&nibbles, &files, path, NULL)));
    assert_true(npy_read(&back, &arena, path, NULL));
    assert_int_equal(back.type, DTYPE_INT8);
    assert_values(&back, (double[]){ 1, -2, 7 }, 3);
}

static void stand_ins_become_the_type_they_stand_for(void **state)
{
    (void)state;
    double values[] = { 1.5, -2 };
    struct datum wide = { .name = "x", .tensor = numbers(DTYPE_FLOAT, 1, (int64_t[]){ 2 }, values) };
    assert_true(datum_convert(&wide, &arena, DTYPE_BFLOAT16));
    assert_int_equal(wide.tensor.type, DTYPE_BFLOAT16);
    assert_values(&wide.tensor, values, 2);
    assert_false(datum_convert(&wide, &arena, DTYPE_FLOAT));

    struct datum bytes = {
        .name = "x",
        .tensor = { .type = DTYPE_INT8, .rank = 1, .count = 3, .dims = (int64_t[]){ 3 }, .bytes = "\x01\xfe\x07" }
    };
    assert_true(datum_convert(&bytes, &arena, DTYPE_INT4));
    assert_values(&bytes.tensor, (double[]){ 1, -2, 7 }, 3);

    struct datum precise = { .name = "x", .tensor = numbers(DTYPE_DOUBLE, 1, (int64_t[]){ 2 }, values) };
    assert_false(datum_convert(&precise, &arena, DTYPE_FLOAT));
}

static void the_elements_of_a_file_start_at_a_multiple_of_64(void **state)
{
    (void)state;
    struct tensor tensor = numbers(DTYPE_FLOAT, 1, (int64_t[]){ 1 }, (double[]){ 1 });
    struct bytes parts[2];
    assert_true(npy_format(&tensor, &arena, parts, NULL));
    assert_int_equal(parts[0].size % 64, 0);
    assert_int_equal(parts[0].at[parts[0].size - 1], '\n');
}

static void strings_survive_a_file(void **state)
{
    (void)state;
    char *strings[] = { "", "caf\xc3\xa9", "abc" };
    struct tensor tensor = {
        .type = DTYPE_STRING, .rank = 1, .count = 3, .dims = (int64_t[]){ 3 }, .strings = strings
    };
    struct tensor back;
    assert_true(committed(npy_write(&tensor, &files, path, NULL)));
    assert_true(npy_read(&back, &arena, path, NULL));
    for (int i = 0; i < 3; i++) assert_string_equal(back.strings[i], strings[i]);
}

static void a_file_that_cannot_be_written_says_so(void **state)
{
    (void)state;
    struct tensor tensor = numbers(DTYPE_FLOAT, 1, (int64_t[]){ 1 }, (double[]){ 1 });
    struct bnfuse_error error = { 0 };
    assert_false(npy_write(&tensor, &files, "no/such/directory/x.npy", &error));
    assert_int_equal(error.status, BNFUSE_USAGE);
    assert_non_null(strstr(error.message, "no/such/directory/x.npy"));
}

static void an_archive_keeps_names_and_tensors(void **state)
{
    (void)state;
    struct datum data[] = {
        { .name = "first", .tensor = numbers(DTYPE_FLOAT, 1, (int64_t[]){ 2 }, (double[]){ 1, 2 }) },
        { .name = "second one", .tensor = numbers(DTYPE_DOUBLE, 0, NULL, (double[]){ 7 }) },
    };
    struct datum *back;
    size_t count;
    assert_true(committed(npz_write(data, 2, &files, path, NULL)));
    assert_true(npz_read(&back, &count, &arena, path, NULL));
    assert_int_equal(count, 2);
    assert_string_equal(back[0].name, "first");
    assert_string_equal(back[1].name, "second one");
    assert_values(&back[0].tensor, (double[]){ 1, 2 }, 2);
    assert_values(&back[1].tensor, (double[]){ 7 }, 1);
}

static void an_archive_that_is_none_is_refused(void **state)
{
    (void)state;
    struct datum *data;
    size_t count;
    struct bnfuse_error error = { 0 };
    assert_true(write_file((struct bytes){ (const unsigned char *)"no archive", 10 }));
    assert_false(npz_read(&data, &count, &arena, path, &error));
    assert_int_equal(error.status, BNFUSE_USAGE);
}

/* A name may be anything in a model; in an archive it must not lead out of a folder. */
static void names_that_would_be_paths_are_escaped(void **state)
{
    (void)state;
    static const char *const names[] = { "../../up", "/up", "a/b", "C:x", ".hidden", "100%", "%2F", "a\nb" };
    enum { COUNT = sizeof names / sizeof *names };
    struct datum data[COUNT], *back;
    struct bytes bytes;
    size_t count;
    for (size_t i = 0; i < COUNT; i++)
        data[i] = (struct datum){ .name = names[i], .tensor = numbers(DTYPE_FLOAT, 0, NULL, (double[]){ 1 }) };
    assert_true(committed(npz_write(data, COUNT, &files, path, NULL)));
    assert_true(npz_read(&back, &count, &arena, path, NULL));
    assert_int_equal(count, COUNT);
    for (size_t i = 0; i < COUNT; i++) assert_string_equal(back[i].name, names[i]);
    assert_true(bytes_read(&bytes, &arena, path, NULL));
    assert_non_null(memmem(bytes.at, bytes.size, "a%2Fb.npy", 9));
    assert_null(memchr(bytes.at, '/', bytes.size));
}

/* Stored and deflated, as numpy's savez and savez_compressed write them: 'a' is float32 [0, 1, 2]. */
static void every_cut_and_every_changed_byte_of_an_archive_is_survived(void **state)
{
    (void)state;
    struct datum data[] = { { .name = "a",
                              .tensor = numbers(DTYPE_FLOAT, 1, (int64_t[]){ 3 }, (double[]){ 0, 1, 2 }) } };
    struct datum *back;
    struct bytes whole;
    size_t count;
    assert_true(committed(npz_write(data, 1, &files, path, NULL)));
    assert_true(bytes_read(&whole, &arena, path, NULL));
    for (size_t size = 0; size < whole.size; size++) {
        assert_true(write_file((struct bytes){ whole.at, size }));
        assert_false(npz_read(&back, &count, &arena, path, NULL));
    }
    unsigned char *changed = arena_alloc(&arena, whole.size);
    for (size_t i = 0; i < whole.size; i++) {
        struct bnfuse_error error = { 0 };
        memcpy(changed, whole.at, whole.size);
        changed[i] ^= 0xff;
        assert_true(write_file((struct bytes){ changed, whole.size }));
        if (!npz_read(&back, &count, &arena, path, &error)) assert_int_equal(error.status, BNFUSE_USAGE);
    }
}

/* python3 -c 'numpy.savez_compressed("a.npz", a=numpy.zeros(64, numpy.float32))', without its time. */
static void a_deflated_archive_is_read(void **state)
{
    (void)state;
    static const unsigned char archive[] = {
        80,  75,  3,   4,   20,  0,   0,   0,   8,   0,   0,   0,   33,  0,   69,  35,  109, 191, 72,  0,
        0,   0,   128, 1,   0,   0,   5,   0,   20,  0,   97,  46,  110, 112, 121, 1,   0,   16,  0,   128,
        1,   0,   0,   0,   0,   0,   0,   72,  0,   0,   0,   0,   0,   0,   0,   155, 236, 23,  234, 27,
        16,  201, 200, 80,  198, 80,  173, 158, 146, 90,  156, 92,  164, 110, 165, 160, 110, 147, 102, 162,
        174, 163, 160, 158, 150, 95,  84,  82,  148, 152, 23,  159, 95,  148, 146, 10,  18,  119, 75,  204,
        41,  78,  5,   138, 23,  103, 36,  22,  164, 2,   249, 26,  102, 38,  58,  154, 58,  10,  181, 10,
        228, 3,   46,  134, 17,  14,  0,   80,  75,  1,   2,   20,  3,   20,  0,   0,   0,   8,   0,   0,
        0,   33,  0,   69,  35,  109, 191, 72,  0,   0,   0,   128, 1,   0,   0,   5,   0,   0,   0,   0,
        0,   0,   0,   0,   0,   0,   0,   128, 1,   0,   0,   0,   0,   97,  46,  110, 112, 121, 80,  75,
        5,   6,   0,   0,   0,   0,   1,   0,   1,   0,   51,  0,   0,   0,   127, 0,   0,   0,   0,   0
    };
    struct datum *back;
    size_t count;
    assert_true(write_file((struct bytes){ archive, sizeof archive }));
    assert_true(npz_read(&back, &count, &arena, path, NULL));
    assert_int_equal(count, 1);
    assert_string_equal(back[0].name, "a");
    assert_int_equal(back[0].tensor.count, 64);
    assert_values(&back[0].tensor, (double[64]){ 0 }, 64);
}

/* ---- archives with the fields of more than 4 GiB, which hold small numbers as well ---- */

struct writer {
    unsigned char bytes[1024];
    size_t size;
};

static void put_number(struct writer *to, int size, uint64_t value)
{
    for (int i = 0; i < size; i++, value >>= 8) to->bytes[to->size++] = (unsigned char)value;
}

static uint64_t number_at(const unsigned char *at, int size)
{
    uint64_t value = 0;
    for (int i = size; i-- > 0;) value = value << 8 | at[i];
    return value;
}

/* The archive with its sizes and places in zip64 fields; the entry's lies after an extra field of another kind. */
static struct writer as_zip64(struct bytes archive)
{
    enum { CENTRAL = 46, END = 22 };
    struct writer to = { .size = 0 };
    const unsigned char *end = archive.at + archive.size - END;
    const size_t directory = (size_t)number_at(end + 16, 4);
    const unsigned char *entry = archive.at + directory;
    const uint64_t name = number_at(entry + 28, 2), packed = number_at(entry + 20, 4), size = number_at(entry + 24, 4),
                   place = number_at(entry + 42, 4);
    memcpy(to.bytes, archive.at, directory + CENTRAL + name);
    to.size = directory + 20;
    put_number(&to, 8, UINT64_MAX); /* packed, size */
    to.size = directory + 30;
    put_number(&to, 2, 4 + 4 + 24);
    to.size = directory + 42;
    put_number(&to, 4, UINT32_MAX);
    to.size = directory + CENTRAL + name;
    put_number(&to, 4, 0x7075); /* of no length */
    put_number(&to, 4, 24 << 16 | 1);
    put_number(&to, 8, size);
    put_number(&to, 8, packed);
    put_number(&to, 8, place);
    const size_t end64 = to.size;
    put_number(&to, 4, 0x06064b50);
    put_number(&to, 8, 44);
    put_number(&to, 4, 45 << 16 | 45);
    put_number(&to, 8, 0); /* disks */
    put_number(&to, 8, 1);
    put_number(&to, 8, 1);
    put_number(&to, 8, end64 - directory);
    put_number(&to, 8, directory);
    put_number(&to, 4, 0x07064b50);
    put_number(&to, 4, 0);
    put_number(&to, 8, end64);
    put_number(&to, 4, 1);
    put_number(&to, 4, 0x06054b50);
    put_number(&to, 4, 0);
    put_number(&to, 4, UINT32_MAX); /* entries */
    put_number(&to, 8, UINT64_MAX); /* size and place */
    put_number(&to, 2, 0);
    return to;
}

static void an_archive_may_say_its_sizes_in_64_bits(void **state)
{
    (void)state;
    enum { END = 22, LOCATOR = 20 };
    struct datum data[] = { { .name = "a",
                              .tensor = numbers(DTYPE_FLOAT, 1, (int64_t[]){ 3 }, (double[]){ 5, 1, 2 }) } };
    struct datum *back;
    struct bytes whole;
    size_t count;
    assert_true(committed(npz_write(data, 1, &files, path, NULL)));
    assert_true(bytes_read(&whole, &arena, path, NULL));
    const struct writer zip64 = as_zip64(whole);
    assert_true(write_file((struct bytes){ zip64.bytes, zip64.size }));
    assert_true(npz_read(&back, &count, &arena, path, NULL));
    assert_int_equal(count, 1);
    assert_string_equal(back[0].name, "a");
    assert_values(&back[0].tensor, (double[]){ 5, 1, 2 }, 3);
    /* Without a locator, and with one that leads elsewhere or beyond the end. */
    static const struct {
        int64_t from_end;
        unsigned char value;
    } changes[] = { { END + LOCATOR, 'Q' }, { END + LOCATOR - 8, 1 }, { END + LOCATOR - 12, 99 } };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct writer changed = zip64;
        struct bnfuse_error error = { 0 };
        changed.bytes[changed.size - (size_t)changes[i].from_end] = changes[i].value;
        assert_true(write_file((struct bytes){ changed.bytes, changed.size }));
        assert_false(npz_read(&back, &count, &arena, path, &error));
        assert_int_equal(error.status, BNFUSE_USAGE);
    }
    /* The end alone. */
    struct bnfuse_error error = { 0 };
    assert_true(write_file((struct bytes){ zip64.bytes + zip64.size - END, END }));
    assert_false(npz_read(&back, &count, &arena, path, &error));
    assert_non_null(strstr(error.message, "zip64"));
}

/* ---- the messages of ONNX's test layout ---- */

static BnfuseOnnx__TypeProto tensor_type = BNFUSE_ONNX__TYPE_PROTO__INIT;
static BnfuseOnnx__TypeProto__Tensor float_type = BNFUSE_ONNX__TYPE_PROTO__TENSOR__INIT;

static const BnfuseOnnx__TypeProto *float_tensor(void)
{
    float_type.has_elem_type = 1;
    float_type.elem_type = DTYPE_FLOAT;
    tensor_type.value_case = BNFUSE_ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    tensor_type.tensor_type = &float_type;
    return &tensor_type;
}

static void a_tensor_message_reads_back(void **state)
{
    (void)state;
    struct datum datum = { .name = "x", .tensor = numbers(DTYPE_FLOAT, 2, (int64_t[]){ 1, 2 }, (double[]){ 3, 4 }) };
    struct datum back;
    assert_true(committed(pb_write(&datum, &files, path, float_tensor(), NULL)));
    assert_true(pb_read(&back, &arena, path, float_tensor(), NULL));
    assert_int_equal(back.form, FORM_TENSOR);
    assert_string_equal(back.name, "x");
    assert_values(&back.tensor, (double[]){ 3, 4 }, 2);
}

static void a_sequence_of_sequences_reads_back(void **state)
{
    (void)state;
    struct datum leaves[] = {
        { .name = "", .tensor = numbers(DTYPE_FLOAT, 1, (int64_t[]){ 2 }, (double[]){ 1, 2 }) },
        { .name = "", .tensor = numbers(DTYPE_FLOAT, 1, (int64_t[]){ 1 }, (double[]){ 3 }) },
    };
    struct datum inner[] = { { .name = "", .form = FORM_SEQUENCE, .items = leaves, .count = 2 },
                             { .name = "", .form = FORM_SEQUENCE } };
    struct datum outer = { .name = "s", .form = FORM_SEQUENCE, .items = inner, .count = 2 }, back;
    BnfuseOnnx__TypeProto__Sequence sequence = BNFUSE_ONNX__TYPE_PROTO__SEQUENCE__INIT;
    BnfuseOnnx__TypeProto type = BNFUSE_ONNX__TYPE_PROTO__INIT;
    sequence.elem_type = (BnfuseOnnx__TypeProto *)float_tensor();
    type.value_case = BNFUSE_ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE;
    type.sequence_type = &sequence;
    assert_true(committed(pb_write(&outer, &files, path, &type, NULL)));
    assert_true(pb_read(&back, &arena, path, &type, NULL));
    assert_int_equal(back.form, FORM_SEQUENCE);
    assert_int_equal(back.count, 2);
    assert_int_equal(back.items[0].count, 2);
    assert_int_equal(back.items[1].count, 0);
    assert_values(&back.items[0].items[1].tensor, (double[]){ 3 }, 1);
}

static void an_optional_is_its_content_or_absent(void **state)
{
    (void)state;
    struct datum full = { .name = "o", .tensor = numbers(DTYPE_FLOAT, 0, NULL, (double[]){ 5 }) };
    struct datum empty = { .name = "o", .form = FORM_ABSENT }, back;
    BnfuseOnnx__TypeProto__Optional optional = BNFUSE_ONNX__TYPE_PROTO__OPTIONAL__INIT;
    BnfuseOnnx__TypeProto type = BNFUSE_ONNX__TYPE_PROTO__INIT;
    optional.elem_type = (BnfuseOnnx__TypeProto *)float_tensor();
    type.value_case = BNFUSE_ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE;
    type.optional_type = &optional;
    assert_true(committed(pb_write(&full, &files, path, &type, NULL)));
    assert_true(pb_read(&back, &arena, path, &type, NULL));
    assert_int_equal(back.form, FORM_TENSOR);
    assert_values(&back.tensor, (double[]){ 5 }, 1);
    assert_true(committed(pb_write(&empty, &files, path, &type, NULL)));
    assert_true(pb_read(&back, &arena, path, &type, NULL));
    assert_int_equal(back.form, FORM_ABSENT);
}

/* A sequence in a sequence, and so on: 40 deep would be refused before any stack is at risk. */
static void deeply_nested_messages_are_refused(void **state)
{
    (void)state;
    unsigned char bytes[200];
    size_t size = 0;
    for (int depth = 40; depth-- > 0;) {
        bytes[size++] = 5 << 3 | 2;
        bytes[size++] = (unsigned char)(2 * depth);
    }
    BnfuseOnnx__TypeProto__Sequence sequence = BNFUSE_ONNX__TYPE_PROTO__SEQUENCE__INIT;
    BnfuseOnnx__TypeProto type = BNFUSE_ONNX__TYPE_PROTO__INIT;
    type.value_case = BNFUSE_ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE;
    type.sequence_type = &sequence;
    struct datum datum;
    struct bnfuse_error error = { 0 };
    assert_false(pb_parse(&datum, &arena, "s.pb", (struct bytes){ bytes, size }, &type, &error));
    assert_non_null(strstr(error.message, "s.pb"));
    assert_true(pb_parse(&datum, &arena, "s.pb", (struct bytes){ bytes + 60, 20 }, &type, &error));
}

/* A lone tensor has no folder in which its data could be. */
static void external_data_of_a_lone_tensor_is_refused(void **state)
{
    (void)state;
    static const unsigned char message[] = "\x08\x01\x08\x08\x08\x01\x10\x01\x6a\x0d\x0a\x08location\x12\x01x\x70\x01";
    struct bytes bytes = { message, sizeof message - 1 };
    struct bnfuse_error error = { 0 };
    struct datum datum;
    assert_false(pb_parse(&datum, &arena, "set/input_0.pb", bytes, float_tensor(), &error));
    assert_int_equal(error.status, BNFUSE_USAGE);
    assert_non_null(strstr(error.message, "set/input_0.pb: tensor \"\": its data lies in another file"));
}

static void what_protobuf_would_stumble_over_is_refused_by_the_scan(void **state)
{
    (void)state;
    static const unsigned char nul_in_name[] = "\x10\x01\x42\x03"
                                               "a\0b";
    struct bnfuse_error error = { 0 };
    struct datum datum;
    assert_false(pb_parse(&datum, &arena, "x.pb", (struct bytes){ nul_in_name, 7 }, float_tensor(), &error));
    assert_int_equal(error.status, BNFUSE_USAGE);
    assert_non_null(strstr(error.message, "x.pb: not a valid TensorProto: byte 2 (TensorProto.name): a NUL inside"));
}

static void truncated_messages_are_refused(void **state)
{
    (void)state;
    struct datum datum = { .name = "x", .tensor = numbers(DTYPE_FLOAT, 1, (int64_t[]){ 8 }, (double[8]){ 1 }) }, back;
    struct bytes bytes;
    assert_true(committed(pb_write(&datum, &files, path, NULL, NULL)));
    assert_true(bytes_read(&bytes, &arena, path, NULL));
    for (size_t size = 1; size < bytes.size; size++) {
        struct bnfuse_error error = { 0 };
        if (pb_parse(&back, &arena, "x.pb", (struct bytes){ bytes.at, size }, NULL, &error))
            assert_true(back.tensor.count < 8);
    }
}

/* ---- through the arrays of a run ---- */

static struct datum through_an_array(const struct datum *datum)
{
    struct array_pool pool;
    struct bnfuse_error error;
    struct array *array;
    struct datum back;
    pool_open(&pool, &memory);
    const struct run_options options = { .pool = &pool, .memory = &memory };
    if (!array_from_datum(&array, datum, &options, &error)) fail_msg("%s", error.message);
    datum_from_array(&back, &arena, "back", array);
    array_drop(array);
    pool_close(&pool);
    return back;
}

static void strings_and_sequences_survive_a_run(void **state)
{
    (void)state;
    char *strings[] = { "", "caf\xc3\xa9" };
    struct datum text = {
        .name = "t",
        .tensor = { .type = DTYPE_STRING, .rank = 1, .count = 2, .dims = (int64_t[]){ 2 }, .strings = strings }
    };
    struct datum items[] = {
        { .name = "", .tensor = numbers(DTYPE_FLOAT, 1, (int64_t[]){ 2 }, (double[]){ 1, 2 }) },
        { .name = "", .tensor = numbers(DTYPE_FLOAT, 1, (int64_t[]){ 1 }, (double[]){ 3 }) },
    };
    struct datum list = { .name = "l", .form = FORM_SEQUENCE, .type = DTYPE_FLOAT, .items = items, .count = 2 };
    struct datum back = through_an_array(&text);
    assert_int_equal(back.form, FORM_TENSOR);
    for (int i = 0; i < 2; i++) assert_string_equal(back.tensor.strings[i], strings[i]);
    back = through_an_array(&list);
    assert_int_equal(back.form, FORM_SEQUENCE);
    assert_int_equal(back.type, DTYPE_FLOAT);
    assert_int_equal(back.count, 2);
    assert_values(&back.items[0].tensor, (double[]){ 1, 2 }, 2);
    assert_values(&back.items[1].tensor, (double[]){ 3 }, 1);
}

static void what_a_format_has_no_place_for_is_refused(void **state)
{
    (void)state;
    struct datum absent = { .name = "", .form = FORM_ABSENT };
    struct datum list = { .name = "l", .form = FORM_SEQUENCE, .type = DTYPE_FLOAT, .items = &absent, .count = 1 };
    struct bnfuse_error error = { 0 };
    BnfuseOnnx__TypeProto__Sequence sequence = BNFUSE_ONNX__TYPE_PROTO__SEQUENCE__INIT;
    BnfuseOnnx__TypeProto type = BNFUSE_ONNX__TYPE_PROTO__INIT;
    sequence.elem_type = (BnfuseOnnx__TypeProto *)float_tensor();
    type.value_case = BNFUSE_ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE;
    type.sequence_type = &sequence;
    assert_false(pb_write(&list, &files, path, &type, &error));
    assert_non_null(strstr(error.message, "an absent value inside a sequence"));
    assert_false(npz_write(&list, 1, &files, path, &error));
    assert_non_null(strstr(error.message, "is no tensor"));
}

static void strings_are_a_message_too(void **state)
{
    (void)state;
    char *strings[] = { "a", "caf\xc3\xa9" };
    struct datum back, datum = {
        .name = "x",
        .tensor = { .type = DTYPE_STRING, .rank = 1, .count = 2, .dims = (int64_t[]){ 2 }, .strings = strings }
    };
    BnfuseOnnx__TypeProto type = BNFUSE_ONNX__TYPE_PROTO__INIT;
    BnfuseOnnx__TypeProto__Tensor text = BNFUSE_ONNX__TYPE_PROTO__TENSOR__INIT;
    text.has_elem_type = true;
    text.elem_type = DTYPE_STRING;
    type.value_case = BNFUSE_ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type.tensor_type = &text;
    assert_true(committed(pb_write(&datum, &files, path, &type, NULL)));
    assert_true(pb_read(&back, &arena, path, &type, NULL));
    for (int i = 0; i < 2; i++) assert_string_equal(back.tensor.strings[i], strings[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)
        TEST(reads_what_numpy_writes),
        TEST(fortran_order_is_turned_into_c_order),
        TEST(big_endian_elements_are_turned_round),
        TEST(scalars_and_empty_arrays_have_no_and_zero_dims),
        TEST(unicode_strings_become_utf8),
        TEST(pickles_and_broken_files_are_refused),
        TEST(what_is_written_reads_back),
        TEST(types_that_numpy_lacks_are_written_as_wider_ones),
        TEST(stand_ins_become_the_type_they_stand_for),
        TEST(the_elements_of_a_file_start_at_a_multiple_of_64),
        TEST(strings_survive_a_file),
        TEST(a_file_that_cannot_be_written_says_so),
        TEST(an_archive_keeps_names_and_tensors),
        TEST(an_archive_that_is_none_is_refused),
        TEST(names_that_would_be_paths_are_escaped),
        TEST(every_cut_and_every_changed_byte_of_an_archive_is_survived),
        TEST(a_deflated_archive_is_read),
        TEST(an_archive_may_say_its_sizes_in_64_bits),
        TEST(a_tensor_message_reads_back),
        TEST(a_sequence_of_sequences_reads_back),
        TEST(an_optional_is_its_content_or_absent),
        TEST(deeply_nested_messages_are_refused),
        TEST(external_data_of_a_lone_tensor_is_refused),
        TEST(what_protobuf_would_stumble_over_is_refused_by_the_scan),
        TEST(truncated_messages_are_refused),
        TEST(strings_are_a_message_too),
        TEST(strings_and_sequences_survive_a_run),
        TEST(what_a_format_has_no_place_for_is_refused),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
