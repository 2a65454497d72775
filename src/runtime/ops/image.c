/* SPDX-License-Identifier: Apache-2.0
 *
 * ImageDecoder: bytes of an image file as [height, width, channels].
 *
 * BMP and PNM are read here, the other formats by their libraries (image_libraries.c). A size that a file states is
 * charged to the budgets before anything is decoded. Every format comes to rows of red, green and blue; an alpha
 * channel is left out. */
#include "runtime/ops/image.h"

#include "onnx/shape/rules.h"
#include "runtime/ops/operators.h"

#include <string.h>

/* ---- which it is ---- */

static const struct format {
    const char *magic;
    size_t length;
    image_reader *read;
} formats[] = {
    { "BM", 2, image_read_bmp },
    { "P1", 2, image_read_pnm },
    { "P2", 2, image_read_pnm },
    { "P3", 2, image_read_pnm },
    { "P4", 2, image_read_pnm },
    { "P5", 2, image_read_pnm },
    { "P6", 2, image_read_pnm },
    { "\xff\xd8\xff", 3, image_read_jpeg },
    { "\x89PNG\r\n\x1a\n", 8, image_read_png },
    { "II*\0", 4, image_read_tiff },
    { "MM\0*", 4, image_read_tiff },
    { "II+\0", 4, image_read_tiff },
    { "MM\0+", 4, image_read_tiff },
    { "RIFF", 4, image_read_webp },
    { "\0\0\0\x0cjP  ", 8, image_read_jpeg2000 },
    { "\xff\x4f\xff\x51", 4, image_read_jpeg2000 },
};

static bool decode(struct image *image)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (image->size > formats[i].length && memcmp(image->bytes, formats[i].magic, formats[i].length) == 0)
            return formats[i].read(image);
    return call_unsupported(image->call, "its bytes are no image of a format that is known");
}

/* ITU-R BT.601, in 16 bits behind the point. */
static int64_t luma(const uint8_t *rgb)
{
    return (rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16;
}

static bool image_decoder(struct call *call)
{
    const struct array *x = call_input(call, 0);
    const char *order = node_text(call->node, "pixel_format", "RGB");
    bool gray = strcmp(order, "Grayscale") == 0, bgr = strcmp(order, "BGR") == 0;
    struct image image = { .call = call };
    if (!x || x->store != STORE_I64 || x->type != DTYPE_UINT8) return call_fail(call, "needs the bytes of an image");
    if (!gray && !bgr && strcmp(order, "RGB") != 0) return call_fail(call, "has an unknown pixel_format");
    uint8_t *bytes = arena_alloc(call->scratch, (size_t)x->count);
    for (int64_t i = 0; i < x->count; i++) bytes[i] = (uint8_t)x->i64[i];
    image.bytes = bytes;
    image.size = (size_t)x->count;
    if (!decode(&image)) return false;
    struct array *y = call_output(call, 0, DTYPE_UINT8, 3, (int64_t[]){ image.height, image.width, gray ? 1 : 3 });
    for (int64_t i = 0; i < y->count; i++) {
        if (gray) y->i64[i] = luma(image.rgb + 3 * i);
        else y->i64[i] = image.rgb[bgr ? i - i % 3 + 2 - i % 3 : i];
    }
    return true;
}

static bool shape_image(struct shaping *s)
{
    bool gray = strcmp(node_text(s->node, "pixel_format", "RGB"), "Grayscale") == 0;
    struct dim dims[] = { fresh_dim(s), fresh_dim(s), number_dim(gray ? 1 : 3) };
    return set_output(s, 0, DTYPE_UINT8, 3, dims);
}

const struct operator_row image_operators[] = {
    { "ImageDecoder", 20, LATEST, .run = image_decoder, .shape = shape_image, .type = DTYPE_UINT8, .hides = true,
      .schemas = SCHEMAS({ 20, LATEST, "u8 > u8", "pixel_format:s=RGB|BGR|Grayscale" }) },
    { 0 },
};
