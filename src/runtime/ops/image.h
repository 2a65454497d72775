/* SPDX-License-Identifier: Apache-2.0
 *
 * What ImageDecoder and the readers of its formats share. */
#ifndef RUNTIME_OPS_IMAGE_H
#define RUNTIME_OPS_IMAGE_H

#include "runtime/kernel.h"

struct image {
    struct call *call;
    const uint8_t *bytes;
    size_t size;
    int64_t width, height;
    uint8_t *rgb;     /* height * width * 3 */
    const char *kind; /* what is not read of a format, where it is that */
};

/* From bytes to width, height and rgb. */
typedef bool image_reader(struct image *image);
image_reader image_read_bmp, image_read_pnm, image_read_jpeg, image_read_png, image_read_tiff, image_read_webp,
    image_read_jpeg2000;

bool image_broken(struct image *image, const char *format);
/* Room for the pixels; the budgets have the last word. It may escape, so no library may hold anything meanwhile. */
bool image_set_size(struct image *image, int64_t width, int64_t height, const char *format);

#endif
