/* SPDX-License-Identifier: Apache-2.0
 *
 * Readers of BMP and PNM, and what all readers share. */
#include "runtime/ops/image.h"

#include "runtime/ops/operators.h"

#include <string.h>

bool image_broken(struct image *image, const char *format)
{
    return call_fail(image->call, "has a %s image that is broken or cut off", format);
}

bool image_set_size(struct image *image, int64_t width, int64_t height, const char *format)
{
    int64_t pixels, size;
    if (width < 1 || height < 1) return image_broken(image, format);
    if (!size_multiply(width, height, &pixels) || !size_multiply(pixels, 3, &size))
        memory_exhausted(image->call->pool->memory);
    CALL_WORK(image->call, pixels, 3, WORK_ELEMENT);
    image->width = width;
    image->height = height;
    image->rgb = arena_alloc(image->call->scratch, (size_t)size);
    return true;
}

static void put_pixel(struct image *image, int64_t x, int64_t y, unsigned r, unsigned g, unsigned b)
{
    uint8_t *to = image->rgb + (y * image->width + x) * 3;
    to[0] = (uint8_t)r;
    to[1] = (uint8_t)g;
    to[2] = (uint8_t)b;
}

/* `count` bytes at `at`, as a number; 0 beyond the end. */
static uint32_t little(const struct image *image, size_t at, int count)
{
    uint32_t value = 0;
    for (int i = count; i-- > 0;)
        value = value << 8 | (at + (size_t)i < image->size ? image->bytes[at + (size_t)i] : 0);
    return value;
}

static uint32_t big(const struct image *image, size_t at, int count)
{
    uint32_t value = 0;
    for (int i = 0; i < count; i++)
        value = value << 8 | (at + (size_t)i < image->size ? image->bytes[at + (size_t)i] : 0);
    return value;
}

/* Sample `i` of a packed row of 1, 2, 4 or 8 bits. */
static unsigned sample(const uint8_t *row, int64_t i, int bits)
{
    if (bits == 8) return row[i];
    int64_t bit = i * bits;
    return (unsigned)(row[bit / 8] >> (8 - bits - bit % 8)) & ((1u << bits) - 1);
}

/* ---- BMP ---- */

bool image_read_bmp(struct image *image)
{
    size_t data = little(image, 10, 4), header = little(image, 14, 4), table = 14 + header;
    int32_t width = (int32_t)little(image, 18, 4), height = (int32_t)little(image, 22, 4);
    int bits = (int)little(image, 28, 2);
    uint32_t packing = little(image, 30, 4);
    bool masked = packing == 3 && bits == 32;
    if (header < 40) return call_unsupported(image->call, "BMP images of the old header are not read");
    if (packing != 0 && !masked) return call_unsupported(image->call, "compressed BMP images are not read");
    if (bits != 1 && bits != 4 && bits != 8 && bits != 24 && bits != 32) return image_broken(image, "BMP");
    int64_t rows = height < 0 ? -(int64_t)height : height;
    if (width < 1 || rows < 1) return image_broken(image, "BMP");
    int64_t stride = ((int64_t)width * bits + 31) / 32 * 4;
    if ((int64_t)image->size - (int64_t)data < 0 || ((int64_t)image->size - (int64_t)data) / stride < rows)
        return image_broken(image, "BMP");
    if (!image_set_size(image, width, rows, "BMP")) return false;
    for (int64_t y = 0; y < rows; y++) {
        const uint8_t *row = image->bytes + data + (size_t)((height < 0 ? y : rows - 1 - y) * stride);
        for (int64_t x = 0; x < width; x++) {
            const uint8_t *pixel = row + x * (bits / 8);
            size_t at = table + 4 * (size_t)(bits <= 8 ? sample(row, x, bits) : 0);
            if (bits <= 8)
                put_pixel(image, x, y, little(image, at + 2, 1), little(image, at + 1, 1), little(image, at, 1));
            else put_pixel(image, x, y, pixel[2], pixel[1], pixel[0]);
        }
    }
    return true;
}

/* ---- PNM: P1 to P6 ---- */

/* The next number of the text; comments go from # to the end of the line. False at the end. */
static bool pnm_number(const struct image *image, size_t *at, int64_t *value, bool one_digit)
{
    while (*at < image->size && (image->bytes[*at] < '0' || image->bytes[*at] > '9')) {
        if (image->bytes[*at] == '#')
            while (*at < image->size && image->bytes[*at] != '\n') ++*at;
        else ++*at;
    }
    if (*at == image->size) return false;
    for (*value = 0; *at < image->size && image->bytes[*at] >= '0' && image->bytes[*at] <= '9'; ++*at) {
        *value = *value * 10 + (image->bytes[*at] - '0');
        if (*value > INT32_MAX) return false;
        if (one_digit) {
            ++*at;
            break;
        }
    }
    return true;
}

struct pnm {
    int kind; /* 1 to 6 */
    int64_t most;
    int channels, bytes; /* of a sample, where they are binary */
};

static bool pnm_sample(const struct image *image, const struct pnm *pnm, size_t *at, int64_t x, int64_t *value)
{
    if (pnm->kind < 4) return pnm_number(image, at, value, pnm->kind == 1);
    if (pnm->kind == 4) { /* rows of bits begin at a byte */
        if (*at >= image->size) return false;
        *value = sample(image->bytes + *at, x % 8, 1);
        if (x % 8 == 7 || x == image->width - 1) ++*at;
        return true;
    }
    if (image->size - *at < (size_t)pnm->bytes) return false;
    *value = big(image, *at, pnm->bytes);
    *at += (size_t)pnm->bytes;
    return true;
}

bool image_read_pnm(struct image *image)
{
    struct pnm pnm = { .kind = image->bytes[1] - '0', .most = 1 };
    bool is_bitmap = pnm.kind == 1 || pnm.kind == 4;
    size_t at = 2;
    int64_t width, height;
    if (!pnm_number(image, &at, &width, false) || !pnm_number(image, &at, &height, false)
        || (!is_bitmap && !pnm_number(image, &at, &pnm.most, false)) || pnm.most < 1 || pnm.most > 65535)
        return image_broken(image, "PNM");
    pnm.channels = pnm.kind == 3 || pnm.kind == 6 ? 3 : 1;
    pnm.bytes = pnm.most > 255 ? 2 : 1;
    if (pnm.kind >= 4) at++; /* one blank before the pixels */
    if (at > image->size || width < 1 || (int64_t)(image->size - at) < (height - 1) / 8 * (width / 8))
        return image_broken(image, "PNM");
    if (!image_set_size(image, width, height, "PNM")) return false;
    for (int64_t i = 0; i < width * height; i++) {
        int64_t values[3] = { 0 };
        for (int c = 0; c < pnm.channels; c++) {
            if (!pnm_sample(image, &pnm, &at, i % width, &values[c]) || values[c] > pnm.most)
                return image_broken(image, "PNM");
            values[c] = is_bitmap ? 255 * !values[c] : (values[c] * 255 + pnm.most / 2) / pnm.most;
        }
        bool gray = pnm.channels == 1;
        put_pixel(image, i % width, i / width, (unsigned)values[0], (unsigned)values[gray ? 0 : 1],
                  (unsigned)values[gray ? 0 : 2]);
    }
    return true;
}
