/* SPDX-License-Identifier: Apache-2.0
 *
 * fill IN OUT: gives numbers to the tensors of a model that were written down with dimensions only.
 *
 * A model as text says what a tensor is, not its numbers: an initializer without data is filled with pseudo-random
 * numbers from the range that its doc_string names ("uniform LOW HIGH"; without one -1 to 1), seeded by its name, so
 * that every build makes the same bytes. Tensors with data are left as they are. Bodies of If and Loop are walked too.
 * A tool of the build, for the models beside it; it trusts what it reads. */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "onnx.pb-c.h"

static void die(const char *file, const char *what)
{
    fprintf(stderr, "fill: %s: %s\n", file, what);
    exit(1);
}

static void *get(size_t size)
{
    void *memory = malloc(size ? size : 1);
    if (!memory)
        die("memory", strerror(ENOMEM));
    return memory;
}

/* FNV-1a over the name, then a 64-bit linear congruential generator whose upper bits are used. */
static uint64_t seed_of(const char *name)
{
    uint64_t hash = 14695981039346656037u;
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 1099511628211u;
    return hash;
}

static double next_uniform(uint64_t *state, double low, double high)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return low + (high - low) * ((double)(*state >> 32) / 4294967296.0);
}

/* Numbers of small magnitude only, truncated: enough for weights made here. */
static uint16_t half_of(double number)
{
    float single = (float)number;
    uint32_t bits;
    memcpy(&bits, &single, sizeof bits);
    int32_t exponent = (int32_t)(bits >> 23 & 0xff) - 127 + 15;
    uint32_t sign = bits >> 16 & 0x8000;
    if (exponent <= 0 || exponent >= 31)
        return (uint16_t)sign;
    return (uint16_t)(sign | (uint32_t)exponent << 10 | (bits >> 13 & 0x3ff));
}

static uint16_t brain_of(double number)
{
    float single = (float)number;
    uint32_t bits;
    memcpy(&bits, &single, sizeof bits);
    return (uint16_t)(bits >> 16);
}

static size_t size_of(int32_t type)
{
    switch (type) {
    case BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__INT8: return 1;
    case BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16:
    case BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16: return 2;
    case BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT: return 4;
    case BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE: return 8;
    default: return 0;
    }
}

static void put(uint8_t *at, int32_t type, double number)
{
    float single = (float)number;
    int8_t whole = (int8_t)floor(number);
    uint16_t bits = type == BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16 ? half_of(number) : brain_of(number);
    const void *from = type == BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT    ? (const void *)&single
                       : type == BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE ? (const void *)&number
                       : type == BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__INT8   ? (const void *)&whole
                                                                              : (const void *)&bits;
    memcpy(at, from, size_of(type));
}

static bool has_data(const BnfuseOnnx__TensorProto *tensor)
{
    return tensor->has_raw_data || tensor->n_float_data || tensor->n_int32_data || tensor->n_string_data ||
           tensor->n_int64_data || tensor->n_double_data || tensor->n_uint64_data || tensor->n_external_data;
}

static void fill_tensor(BnfuseOnnx__TensorProto *tensor)
{
    size_t size = size_of(tensor->data_type);
    size_t count = 1;
    for (size_t i = 0; i < tensor->n_dims; i++)
        count *= (size_t)tensor->dims[i];
    if (has_data(tensor) || count == 0)
        return;
    if (size == 0)
        die(tensor->name, "a type that cannot be filled");

    double low = -1, high = 1;
    bool ranged = tensor->doc_string && sscanf(tensor->doc_string, "uniform %lf %lf", &low, &high) == 2;
    uint64_t state = seed_of(tensor->name);
    tensor->raw_data.len = count * size;
    tensor->raw_data.data = get(tensor->raw_data.len);
    tensor->has_raw_data = true;
    for (size_t i = 0; i < count; i++)
        put(tensor->raw_data.data + i * size, tensor->data_type, next_uniform(&state, low, high));
    if (ranged) {
        free(tensor->doc_string);
        tensor->doc_string = NULL;
    }
}

/* The models here are written by hand: bodies lie two deep at most. */
static void fill_graph(BnfuseOnnx__GraphProto *graph)
{
    for (size_t i = 0; i < graph->n_initializer; i++)
        fill_tensor(graph->initializer[i]);
    for (size_t i = 0; i < graph->n_node; i++)
        for (size_t k = 0; k < graph->node[i]->n_attribute; k++)
            if (graph->node[i]->attribute[k]->g)
                fill_graph(graph->node[i]->attribute[k]->g);
}

static BnfuseOnnx__ModelProto *read_model(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        die(path, strerror(errno));
    size_t size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = get(size);
    if (fread(bytes, 1, size, file) != size)
        die(path, "cannot be read");
    fclose(file);
    BnfuseOnnx__ModelProto *model = bnfuse_onnx__model_proto__unpack(NULL, size, bytes);
    if (!model)
        die(path, "not a model");
    free(bytes);
    return model;
}

static void write_model(const char *path, const BnfuseOnnx__ModelProto *model)
{
    size_t size = bnfuse_onnx__model_proto__get_packed_size(model);
    uint8_t *bytes = get(size);
    bnfuse_onnx__model_proto__pack(model, bytes);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
        die(path, "cannot be written");
    free(bytes);
}

int main(int count, char **argument)
{
    if (count != 3)
        die("usage", "fill IN OUT");
    BnfuseOnnx__ModelProto *model = read_model(argument[1]);
    if (model->graph)
        fill_graph(model->graph);
    write_model(argument[2], model);
    bnfuse_onnx__model_proto__free_unpacked(model, NULL);
    return 0;
}
