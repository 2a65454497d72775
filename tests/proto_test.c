/* SPDX-License-Identifier: Apache-2.0
 *
 * Holds proto/onnx.proto against two other statements of the same format: Debian's onnx.proto (libonnx-dev, an older
 * IR version, so ours may have more) and a table of the fields of IR version 14 (exactly what ours has).
 *
 * Every side is brought to one form, a sorted list of rows: "enum <enum> <name> <number>" and
 * "field <message> <name> <number> <label> <type> <options>", with tabs between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "onnx.pb-c.h"
#ifdef DEBIAN_ONNX_PROTO
#include "onnx/onnx.pb-c.h"
#endif

#define MOST_ROWS  1000
#define MOST_TYPES 200

struct rows {
    char *row[MOST_ROWS];
    size_t count;
    const void *seen[MOST_TYPES]; /* descriptors already listed */
    size_t seen_count;
};

static void add_row(struct rows *rows, const char *text)
{
    assert_true(rows->count < MOST_ROWS);
    rows->row[rows->count] = strdup(text);
    assert_non_null(rows->row[rows->count]);
    rows->count++;
}

static void free_rows(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) free(rows->row[i]);
}

static int compare_rows(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool has_row(const struct rows *rows, const char *row)
{
    return bsearch(&row, rows->row, rows->count, sizeof row, compare_rows) != NULL;
}

static bool first_visit(struct rows *rows, const void *descriptor)
{
    for (size_t i = 0; i < rows->seen_count; i++)
        if (rows->seen[i] == descriptor) return false;
    assert_true(rows->seen_count < MOST_TYPES);
    rows->seen[rows->seen_count++] = descriptor;
    return true;
}

static const char *without_package(const char *name, const char *package)
{
    return name + strlen(package) + 1;
}

static void list_enum(struct rows *rows, const ProtobufCEnumDescriptor *type)
{
    if (!first_visit(rows, type)) return;
    for (unsigned i = 0; i < type->n_values; i++) {
        char row[256];
        snprintf(row, sizeof row, "enum\t%s\t%s\t%d\t\t\t", without_package(type->name, type->package_name),
                 type->values[i].name, type->values[i].value);
        add_row(rows, row);
    }
}

static const char *const scalar_names[] = {
    [PROTOBUF_C_TYPE_INT32] = "int32", [PROTOBUF_C_TYPE_INT64] = "int64",   [PROTOBUF_C_TYPE_UINT64] = "uint64",
    [PROTOBUF_C_TYPE_FLOAT] = "float", [PROTOBUF_C_TYPE_DOUBLE] = "double", [PROTOBUF_C_TYPE_STRING] = "string",
    [PROTOBUF_C_TYPE_BYTES] = "bytes",
};

static const char *type_name(const ProtobufCFieldDescriptor *field, const char *package)
{
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return without_package(((const ProtobufCMessageDescriptor *)field->descriptor)->name, package);
    if (field->type == PROTOBUF_C_TYPE_ENUM)
        return without_package(((const ProtobufCEnumDescriptor *)field->descriptor)->name, package);
    assert_true(field->type < sizeof scalar_names / sizeof *scalar_names && scalar_names[field->type]);
    return scalar_names[field->type];
}

static const char *label_name(const ProtobufCFieldDescriptor *field)
{
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) return "oneof";
    return field->label == PROTOBUF_C_LABEL_REPEATED   ? "repeated"
           : field->label == PROTOBUF_C_LABEL_OPTIONAL ? "optional"
                                                       : "required";
}

/* Lists a message and, by way of its fields, every message and enum it leads to. The depth is that of the schema. */
static void list_message(struct rows *rows, const ProtobufCMessageDescriptor *message)
{
    if (!first_visit(rows, message)) return;
    for (unsigned i = 0; i < message->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->fields[i];
        char row[256];
        snprintf(row, sizeof row, "field\t%s\t%s\t%u\t%s\t%s\t%s",
                 without_package(message->name, message->package_name), field->name, field->id, label_name(field),
                 type_name(field, message->package_name), field->flags & PROTOBUF_C_FIELD_FLAG_PACKED ? "packed" : "");
        add_row(rows, row);
        if (field->type == PROTOBUF_C_TYPE_MESSAGE) list_message(rows, field->descriptor);
        if (field->type == PROTOBUF_C_TYPE_ENUM) list_enum(rows, field->descriptor);
    }
}

static void list_ours(struct rows *rows)
{
    list_message(rows, &bnfuse_onnx__model_proto__descriptor);
    list_enum(rows, &bnfuse_onnx__version__descriptor);
    list_enum(rows, &bnfuse_onnx__operator_status__descriptor);
    list_enum(rows, &bnfuse_onnx__tensor_proto__data_type__descriptor);
    qsort(rows->row, rows->count, sizeof *rows->row, compare_rows);
}

/* Tells of every row of `a` that `b` lacks; the name of the newest version moves on with each version. */
static size_t count_missing(const struct rows *a, const struct rows *b, const char *of)
{
    size_t missing = 0;
    for (size_t i = 0; i < a->count; i++) {
        if (has_row(b, a->row[i]) || strncmp(a->row[i], "enum\tVersion\tIR_VERSION\t", 24) == 0) continue;
        print_error("%s lacks: %s\n", of, a->row[i]);
        missing++;
    }
    return missing;
}

#ifdef DEBIAN_ONNX_PROTO
/* Messages and enums as the text declares them: the walk from ModelProto must have met them all. */
static size_t count_declarations(const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char line[1000], name[100];
    size_t count = 0;
    while (fgets(line, sizeof line, file))
        count += sscanf(line, " message %99s {", name) == 1 || sscanf(line, " enum %99s {", name) == 1;
    fclose(file);
    return count;
}

static void everything_in_debians_format_is_here_alike(void **state)
{
    (void)state;
    static struct rows ours, debian;
    list_ours(&ours);
    list_message(&debian, &onnx__model_proto__descriptor);
    list_enum(&debian, &onnx__version__descriptor);
    list_enum(&debian, &onnx__operator_status__descriptor);
    list_enum(&debian, &onnx__tensor_proto__data_type__descriptor);
    assert_int_equal(debian.seen_count, count_declarations(DEBIAN_ONNX_PROTO));
    assert_int_equal(count_missing(&debian, &ours, "proto/onnx.proto"), 0);
    free_rows(&ours);
    free_rows(&debian);
}
#else
static void everything_in_debians_format_is_here_alike(void **state)
{
    (void)state;
    print_message("skipped: libonnx-dev was not there when this was built\n");
    skip();
}
#endif

/* The table names the oneof a field belongs to, which the generated descriptors do not know. */
static void add_table_row(struct rows *rows, char *line)
{
    line[strcspn(line, "\r\n")] = '\0';
    char *oneof = strstr(line, "\toneof ");
    if (oneof) {
        char *type = strchr(oneof + 1, '\t');
        assert_non_null(type);
        memmove(oneof + strlen("\toneof"), type, strlen(type) + 1);
    }
    add_row(rows, line);
}

static bool read_table(struct rows *rows, const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file) return false;
    char line[1000];
    bool heading = fgets(line, sizeof line, file) != NULL;
    while (heading && fgets(line, sizeof line, file)) add_table_row(rows, line);
    fclose(file);
    qsort(rows->row, rows->count, sizeof *rows->row, compare_rows);
    return true;
}

static void the_table_of_ir_version_14_is_met_exactly(void **state)
{
    (void)state;
    static struct rows ours, table;
    const char *shared = getenv("BNFUSE_SHARED");
    char path[4096];
    snprintf(path, sizeof path, "%s/onnx-ir14.tsv", shared ? shared : ".");
    if (!read_table(&table, path)) {
        print_message("skipped: no %s\n", path);
        skip();
    }
    list_ours(&ours);
    assert_true(table.count > 0);
    assert_int_equal(count_missing(&table, &ours, "proto/onnx.proto"), 0);
    assert_int_equal(count_missing(&ours, &table, "the table"), 0);
    free_rows(&ours);
    free_rows(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_in_debians_format_is_here_alike),
        cmocka_unit_test(the_table_of_ir_version_14_is_met_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
