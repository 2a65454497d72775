/* SPDX-License-Identifier: Apache-2.0
 *
 * A table by magic numbers, and a few formats that have none: protobuf messages by their first fields, text by what it
 * says. */
#include "onnx/read/foreign.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct head {
    const unsigned char *bytes;
    size_t size;
};

/* ---- protobuf without a magic number ---- */

/* The length of a field with this tag at *at, which is moved to its first byte. False when there is none. */
static bool take_field(struct head head, unsigned char tag, size_t *at, uint64_t *length)
{
    int shift = 0;
    if (*at >= head.size || head.bytes[*at] != tag) return false;
    *length = 0;
    for (++*at; *at < head.size && shift < 63; shift += 7) {
        unsigned char byte = head.bytes[(*at)++];
        *length |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return true;
    }
    return false;
}

enum { FIRST = 0x0a, SECOND = 0x12, FIRST_NUMBER = 0x08, SECOND_NUMBER = 0x10 }; /* tags: messages or text; varints */

/* GraphDef: nodes (1), each of a name (1) and an operator (2). */
static bool is_graph_def(struct head head)
{
    size_t at = 0;
    uint64_t node, name;
    if (!take_field(head, FIRST, &at, &node) || !take_field(head, FIRST, &at, &name)) return false;
    return name < head.size - at && head.bytes[at + name] == SECOND;
}

/* ProgramDesc: blocks (1), each of an index (1) and that of its parent (2). */
static bool is_program(struct head head)
{
    size_t at = 0;
    uint64_t block, index;
    if (!take_field(head, FIRST, &at, &block) || !take_field(head, FIRST_NUMBER, &at, &index)) return false;
    return index == 0 && at < head.size && head.bytes[at] == SECOND_NUMBER;
}

/* NetParameter: a name (1), then layers (100). */
static bool is_caffe(struct head head)
{
    size_t at = 0;
    uint64_t name;
    return take_field(head, FIRST, &at, &name) && name + 2 < head.size - at
           && memcmp(head.bytes + at + name, "\xa2\x06", 2) == 0;
}

/* A version (1), then a message (2) that begins with a message (1): in ONNX, the second field is text. */
static bool is_versioned(struct head head, uint64_t least, uint64_t most)
{
    size_t at = 0;
    uint64_t version, length;
    if (!take_field(head, FIRST_NUMBER, &at, &version) || version < least || version > most) return false;
    return take_field(head, SECOND, &at, &length) && at < head.size && head.bytes[at] == FIRST;
}

static bool contains(struct head head, const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i + length <= head.size; i++)
        if (memcmp(head.bytes + i, text, length) == 0) return true;
    return false;
}

static bool is_saved_model(struct head head)
{
    return is_versioned(head, 1, 1) && (contains(head, "serve") || contains(head, "tensorflow"));
}

static bool is_core_ml(struct head head)
{
    return is_versioned(head, 1, 20);
}

/* ---- others without one ---- */

/* The length of a JSON header, 8 bytes, and the header. */
static bool is_safetensors(struct head head)
{
    return head.size > 9 && memcmp(head.bytes + 5, "\0\0\0{\"", 5) == 0;
}

static bool is_pickle(struct head head)
{
    return head.size > 1 && head.bytes[0] == 0x80 && head.bytes[1] >= 2 && head.bytes[1] <= 5;
}

static bool is_text(struct head head)
{
    for (size_t i = 0; i < head.size && i < 512; i++)
        if (head.bytes[i] < ' ' && !strchr("\t\r\n\f", head.bytes[i] ? head.bytes[i] : 1)) return false;
    return true;
}

#define TORCH           "export it from Python with torch.onnx.export"
#define TF2ONNX(option) "convert it with python -m tf2onnx.convert " option " --output model.onnx"
#define ORIGIN          "take the model it was made from"

/* The first row that fits counts: `magic` stands at `at`, `also` anywhere in the head. */
static const struct format {
    size_t at;
    const char *magic, *also;
    bool (*fits)(struct head head);
    const char *what;
} formats[] = {
    { 0, "version https://git-lfs", NULL, NULL, "a Git LFS pointer; fetch the model itself with git lfs pull" },
    { 0, "PK\3\4", "constants.pkl", NULL, "a TorchScript archive; load it with torch.jit.load and " TORCH },
    { 0, "PK\3\4", "/code/", NULL, "a TorchScript archive; load it with torch.jit.load and " TORCH },
    { 0, "PK\3\4", "data.pkl", NULL, "a PyTorch checkpoint; load it into its model and " TORCH },
    { 0, "PK\3\4", "metadata.json", NULL,
      "a Keras model; load it with keras.models.load_model and use model.export "
      "with format=\"onnx\"" },
    { 0, "PK\3\4", ".npy", NULL, "an archive of NumPy arrays; --input takes it, beside a model" },
    { 0, "PK\3\4", NULL, NULL, "a zip archive; unpack it, or if it is a PyTorch checkpoint, " TORCH },
    { 0, NULL, NULL, is_pickle, "a Python pickle; if it is a PyTorch checkpoint, load it into its model and " TORCH },
    { 0, "\x89HDF", NULL, NULL,
      "an HDF5 file, as Keras writes; load it with keras.models.load_model, save it as a SavedModel, "
      "and " TF2ONNX("--saved-model DIR") },
    { 4, "TFL3", NULL, NULL, "a TensorFlow Lite model; " TF2ONNX("--tflite FILE") },
    { 4, "ORTM", NULL, NULL, "in ONNX Runtime's own format; " ORIGIN },
    { 0, "GGUF", NULL, NULL, "a GGUF file; " ORIGIN },
    { 0, "ptrt", NULL, NULL, "a TensorRT engine; " ORIGIN },
    { 0, "ftrt", NULL, NULL, "a TensorRT engine; " ORIGIN },
    { 0, "RKNN", NULL, NULL, "an RKNN model; " ORIGIN },
    { 0, "\x93NUMPY", NULL, NULL, "a NumPy array; --input NAME=FILE takes it, beside a model" },
    { 0, "7767517", NULL, NULL, "an ncnn param file; " ORIGIN },
    { 0, "\x1f\x8b", NULL, NULL, "compressed; unpack it with gunzip" },
    { 0,
      "\xfd"
      "7zXZ",
      NULL, NULL, "compressed; unpack it with unxz" },
    { 0, "\x28\xb5\x2f\xfd", NULL, NULL, "compressed; unpack it with unzstd" },
    { 0,
      "\x7f"
      "ELF",
      NULL, NULL, "a program; name the model it belongs to" },
    { 0, NULL, NULL, is_safetensors,
      "a safetensors file, which holds weights and no graph; load it into its model and " TORCH },
    { 0, "<", "<net", NULL, "an OpenVINO model; " ORIGIN },
    { 0, "<", NULL, NULL, "a web page or XML; the download may have failed" },
    { 0, "{", "\"modelTopology\"", NULL, "a TensorFlow.js model; " TF2ONNX("--tfjs FILE") },
    { 0, "{", "\"pir\"", NULL, "a PaddlePaddle model; convert it with paddle2onnx" },
    { 0, "{", NULL, NULL, "JSON; take the binary form of the model, or repeat the download if it failed" },
    { 0, "ir_version:", NULL, NULL, "a model as text; turn it into the binary form with protoc --encode" },
    { 0, "node {", NULL, NULL,
      "a TensorFlow GraphDef as text; save it in binary form, then " TF2ONNX("--graphdef FILE") },
    { 0, "[net]", NULL, NULL, "a Darknet configuration; export the model with the tool it was trained with" },
    { 0, NULL, NULL, is_program,
      "a PaddlePaddle model; convert it with paddle2onnx --model_dir DIR --save_file model.onnx" },
    { 0, NULL, NULL, is_caffe,
      "a Caffe model; load it in a framework that exports ONNX, or convert it with caffe2onnx" },
    { 0, NULL, NULL, is_graph_def, "a TensorFlow GraphDef; " TF2ONNX("--graphdef FILE --inputs X:0 --outputs Y:0") },
    { 0, NULL, NULL, is_saved_model, "a TensorFlow SavedModel; " TF2ONNX("--saved-model DIR") " on its folder" },
    { 0, NULL, NULL, is_core_ml, "a Core ML model; " ORIGIN },
    { 0, NULL, NULL, is_text, "text; take the binary form of the model" },
};

static bool fits(const struct format *format, struct head head)
{
    size_t length = format->magic ? strlen(format->magic) : 0;
    if (head.size < format->at + length
        || memcmp(head.bytes + format->at, format->magic ? format->magic : "", length) != 0)
        return false;
    return (!format->also || contains(head, format->also)) && (!format->fits || format->fits(head));
}

const char *foreign_format(const void *bytes, size_t size)
{
    const struct head head = { bytes, size };
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (fits(&formats[i], head)) return formats[i].what;
    return NULL;
}

const char *foreign_folder(const char *path)
{
    static const struct {
        const char *file, *what;
    } folders[] = {
        { "saved_model.pb", "a TensorFlow SavedModel; " TF2ONNX("--saved-model DIR") " on it" },
        { "Manifest.json", "a Core ML package; " ORIGIN },
        { "__model__", "a PaddlePaddle model; convert it with paddle2onnx --model_dir DIR --save_file model.onnx" },
    };
    char name[4096];
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(name, sizeof name, "%s/%s", path, folders[i].file);
        if (access(name, F_OK) == 0) return folders[i].what;
    }
    return NULL;
}
