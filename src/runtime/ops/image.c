/* SPDX-License-Identifier: Apache-2.0
 *
 * ImageDecoder: bytes of an image file as [height, width, channels].
 *
 * BMP, PNM, PNG and TIFF (8 bits; raw, PackBits or Deflate) are read here, JPEG by libjpeg where the program was built
 * with it. Formats that are known and not read are refused by name. A size that a file states is charged to the budgets
 * before anything is decoded. Every format comes to rows of red, green and blue; an alpha channel is left out. */
#include "onnx/shape/rules.h"
#include "runtime/kernel.h"
#include "runtime/ops/operators.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#ifdef BNFUSE_JPEG
#include <jpeglib.h>
#include <setjmp.h>
#endif

struct image {
    struct call *call;
    const uint8_t *bytes;
    size_t size;
    int64_t width, height;
    uint8_t *rgb; /* height * width * 3 */
};

static bool broken(struct image *image, const char *format)
{
    return call_fail(image->call, "has a %s image that is broken or cut off", format);
}

/* Room for the pixels; the budgets have the last word. */
static bool set_size(struct image *image, int64_t width, int64_t height, const char *format)
{
    int64_t pixels, size;
    if (width < 1 || height < 1) return broken(image, format);
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

/* Sample `i` of a packed row of 1, 2, 4, 8 or 16 bits; of 16 the high byte. */
static unsigned sample(const uint8_t *row, int64_t i, int bits)
{
    if (bits == 16) return row[2 * i];
    if (bits == 8) return row[i];
    int64_t bit = i * bits;
    return (unsigned)(row[bit / 8] >> (8 - bits - bit % 8)) & ((1u << bits) - 1);
}

static unsigned stretched(unsigned value, int bits)
{
    return bits >= 8 ? value : value * 255 / ((1u << bits) - 1);
}

/* ---- BMP ---- */

static bool decode_bmp(struct image *image)
{
    size_t data = little(image, 10, 4), header = little(image, 14, 4), table = 14 + header;
    int32_t width = (int32_t)little(image, 18, 4), height = (int32_t)little(image, 22, 4);
    int bits = (int)little(image, 28, 2);
    uint32_t packing = little(image, 30, 4);
    bool masked = packing == 3 && bits == 32;
    if (header < 40) return call_unsupported(image->call, "BMP images of the old header are not read");
    if (packing != 0 && !masked) return call_unsupported(image->call, "compressed BMP images are not read");
    if (bits != 1 && bits != 4 && bits != 8 && bits != 24 && bits != 32) return broken(image, "BMP");
    int64_t rows = height < 0 ? -(int64_t)height : height;
    if (width < 1 || rows < 1) return broken(image, "BMP");
    int64_t stride = ((int64_t)width * bits + 31) / 32 * 4;
    if ((int64_t)image->size - (int64_t)data < 0 || ((int64_t)image->size - (int64_t)data) / stride < rows)
        return broken(image, "BMP");
    if (!set_size(image, width, rows, "BMP")) return false;
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

static bool decode_pnm(struct image *image)
{
    struct pnm pnm = { .kind = image->bytes[1] - '0', .most = 1 };
    bool is_bitmap = pnm.kind == 1 || pnm.kind == 4;
    size_t at = 2;
    int64_t width, height;
    if (!pnm_number(image, &at, &width, false) || !pnm_number(image, &at, &height, false)
        || (!is_bitmap && !pnm_number(image, &at, &pnm.most, false)) || pnm.most < 1 || pnm.most > 65535)
        return broken(image, "PNM");
    pnm.channels = pnm.kind == 3 || pnm.kind == 6 ? 3 : 1;
    pnm.bytes = pnm.most > 255 ? 2 : 1;
    if (pnm.kind >= 4) at++; /* one blank before the pixels */
    if (at > image->size || width < 1 || (int64_t)(image->size - at) < (height - 1) / 8 * (width / 8))
        return broken(image, "PNM");
    if (!set_size(image, width, height, "PNM")) return false;
    for (int64_t i = 0; i < width * height; i++) {
        int64_t values[3] = { 0 };
        for (int c = 0; c < pnm.channels; c++) {
            if (!pnm_sample(image, &pnm, &at, i % width, &values[c]) || values[c] > pnm.most)
                return broken(image, "PNM");
            values[c] = is_bitmap ? 255 * !values[c] : (values[c] * 255 + pnm.most / 2) / pnm.most;
        }
        bool gray = pnm.channels == 1;
        put_pixel(image, i % width, i / width, (unsigned)values[0], (unsigned)values[gray ? 0 : 1],
                  (unsigned)values[gray ? 0 : 2]);
    }
    return true;
}

/* ---- PNG ---- */

struct png {
    int bits, kind, channels; /* kind: 0 gray, 2 colour, 3 palette, 4 gray and alpha, 6 colour and alpha */
    bool interlaced;
    const uint8_t *palette;
    size_t colours;
};

/* The seven passes of an interlaced image, and the one of another. */
static const struct pass {
    int x, y, step_x, step_y;
} passes[] = { { 0, 0, 8, 8 }, { 4, 0, 8, 8 }, { 0, 4, 4, 8 }, { 2, 0, 4, 4 },
               { 0, 2, 2, 4 }, { 1, 0, 2, 2 }, { 0, 1, 1, 2 }, { 0, 0, 1, 1 } };

static int64_t pass_length(int64_t size, int first, int step)
{
    return size > first ? (size - first + step - 1) / step : 0;
}

static int64_t row_bytes(const struct png *png, int64_t width)
{
    return (width * png->channels * png->bits + 7) / 8;
}

static unsigned nearest_of(int a, int b, int c)
{
    int p = a + b - c, to_a = abs(p - a), to_b = abs(p - b), to_c = abs(p - c);
    return (unsigned)(to_a <= to_b && to_a <= to_c ? a : to_b <= to_c ? b : c);
}

/* Adds to each byte what the row's filter guesses from the bytes to the left (a), above (b) and both (c). */
static bool unfilter(int filter, uint8_t *row, const uint8_t *above, int64_t size, int64_t pixel)
{
    for (int64_t i = 0; i < size; i++) {
        unsigned a = i >= pixel ? row[i - pixel] : 0, b = above ? above[i] : 0,
                 c = above && i >= pixel ? above[i - pixel] : 0;
        unsigned guesses[] = { 0, a, b, (a + b) / 2, nearest_of((int)a, (int)b, (int)c) };
        if (filter > 4) return false;
        row[i] = (uint8_t)(row[i] + guesses[filter]);
    }
    return true;
}

static void put_png_pixel(struct image *image, const struct png *png, const uint8_t *row, int64_t i, int64_t x,
                          int64_t y)
{
    unsigned v[3];
    if (png->kind == 3) {
        size_t at = sample(row, i, png->bits);
        const uint8_t *colour = png->palette + 3 * (at < png->colours ? at : 0);
        put_pixel(image, x, y, colour[0], colour[1], colour[2]);
        return;
    }
    bool gray = png->kind == 0 || png->kind == 4;
    for (int c = 0; c < 3; c++) v[c] = stretched(sample(row, i * png->channels + (gray ? 0 : c), png->bits), png->bits);
    put_pixel(image, x, y, v[0], v[1], v[2]);
}

static bool png_pass(struct image *image, const struct png *png, const struct pass *pass, uint8_t **data)
{
    int64_t width = pass_length(image->width, pass->x, pass->step_x),
            height = pass_length(image->height, pass->y, pass->step_y);
    int64_t size = row_bytes(png, width), pixel = (png->channels * png->bits + 7) / 8;
    const uint8_t *above = NULL;
    for (int64_t y = 0; width > 0 && y < height; y++) {
        uint8_t *row = *data + 1;
        if (!unfilter(**data, row, above, size, pixel)) return false;
        for (int64_t x = 0; x < width; x++)
            put_png_pixel(image, png, row, x, pass->x + x * pass->step_x, pass->y + y * pass->step_y);
        above = row;
        *data += size + 1;
    }
    return true;
}

/* Bytes of the unpacked rows, with one for the filter of each. */
static int64_t png_size(const struct image *image, const struct png *png, const struct pass *first,
                        const struct pass *end)
{
    int64_t size = 0;
    for (const struct pass *p = first; p < end; p++) {
        int64_t width = pass_length(image->width, p->x, p->step_x);
        if (width > 0) size += (row_bytes(png, width) + 1) * pass_length(image->height, p->y, p->step_y);
    }
    return size;
}

static bool png_header(struct image *image, struct png *png)
{
    static const int channels[] = { 1, 0, 3, 1, 2, 0, 4 };
    png->bits = (int)big(image, 24, 1);
    png->kind = (int)big(image, 25, 1);
    png->interlaced = big(image, 28, 1) != 0;
    uint32_t width = big(image, 16, 4), height = big(image, 20, 4);
    bool known = png->bits == 1 || png->bits == 2 || png->bits == 4 || png->bits == 8 || png->bits == 16;
    if (image->size < 33 || !known || png->kind > 6 || channels[png->kind] == 0 || width > INT32_MAX
        || height > INT32_MAX)
        return broken(image, "PNG");
    png->channels = channels[png->kind];
    return set_size(image, width, height, "PNG");
}

static bool decode_png(struct image *image)
{
    struct png png = { 0 };
    if (!png_header(image, &png)) return false;
    uint8_t *packed = arena_alloc(image->call->scratch, image->size);
    size_t count = 0;
    for (size_t at = 33; at + 12 <= image->size;) {
        size_t length = big(image, at, 4);
        const uint8_t *type = image->bytes + at + 4;
        if (length > image->size - at - 12) return broken(image, "PNG");
        if (memcmp(type, "PLTE", 4) == 0) {
            png.palette = type + 4;
            png.colours = length / 3;
        }
        if (memcmp(type, "IDAT", 4) == 0) {
            memcpy(packed + count, type + 4, length);
            count += length;
        }
        at += length + 12;
    }
    if (png.kind == 3 && png.colours == 0) return broken(image, "PNG");
    const struct pass *first = png.interlaced ? passes : passes + 7, *end = png.interlaced ? passes + 7 : passes + 8;
    int64_t size = png_size(image, &png, first, end);
    uint8_t *data = arena_alloc(image->call->scratch, (size_t)size);
    uLongf unpacked = (uLongf)size;
    if (uncompress(data, &unpacked, packed, (uLong)count) != Z_OK || (int64_t)unpacked != size)
        return broken(image, "PNG");
    for (const struct pass *p = first; p < end; p++)
        if (!png_pass(image, &png, p, &data)) return broken(image, "PNG");
    return true;
}

/* ---- TIFF ---- */

struct tiff {
    bool is_big;
    uint32_t bits, compression, photometric, samples, rows, planar, predictor;
    size_t strips, strip_count, sizes; /* where lists begin in the file */
    int strip_width, size_width;       /* bytes of their elements */
    size_t palette;
};

static uint32_t tiff_number(const struct image *image, const struct tiff *t, size_t at, int count)
{
    return t->is_big ? big(image, at, count) : little(image, at, count);
}

static void tiff_tag(struct image *image, struct tiff *t, size_t at, uint32_t *width, uint32_t *height)
{
    uint32_t tag = tiff_number(image, t, at, 2), type = tiff_number(image, t, at + 2, 2),
             count = tiff_number(image, t, at + 4, 4);
    int size = type == 4 ? 4 : type == 3 ? 2 : 1;
    size_t place = (uint64_t)count * (uint64_t)size > 4 ? tiff_number(image, t, at + 8, 4) : at + 8;
    uint32_t value = tiff_number(image, t, place, size);
    switch (tag) {
    case 256: *width = value; break;
    case 257: *height = value; break;
    case 258: t->bits = value; break;
    case 259: t->compression = value; break;
    case 262: t->photometric = value; break;
    case 277: t->samples = value; break;
    case 278: t->rows = value; break;
    case 284: t->planar = value; break;
    case 317: t->predictor = value; break;
    case 320: t->palette = place; break;
    case 273:
        t->strips = place;
        t->strip_count = count;
        t->strip_width = size;
        break;
    case 279:
        t->sizes = place;
        t->size_width = size;
        break;
    default: break;
    }
}

/* Runs: a count below 128 says that so many bytes and one follow, above it that the next is there 257 - count times. */
static bool unpack_bits(const uint8_t *from, size_t count, uint8_t *to, size_t size)
{
    size_t at = 0, done = 0;
    while (done < size && at < count) {
        unsigned n = from[at++];
        size_t length = n < 128 ? n + 1 : n > 128 ? 257 - n : 0;
        if (length > size - done || (n < 128 && length > count - at) || (n > 128 && at == count)) return false;
        if (n < 128) memcpy(to + done, from + at, length);
        else if (n > 128) memset(to + done, from[at], length);
        at += n < 128 ? length : n > 128;
        done += length;
    }
    return done == size;
}

static bool tiff_strip(const struct tiff *t, const uint8_t *from, size_t count, uint8_t *to, size_t size)
{
    uLongf unpacked = (uLongf)size;
    if (t->compression == 32773) return unpack_bits(from, count, to, size);
    if (t->compression == 8 || t->compression == 32946)
        return uncompress(to, &unpacked, from, (uLong)count) == Z_OK && unpacked == size;
    if (count < size) return false;
    memcpy(to, from, size);
    return true;
}

static void put_tiff_row(struct image *image, const struct tiff *t, uint8_t *row, int64_t y)
{
    int64_t samples = t->samples;
    for (int64_t i = samples; t->predictor == 2 && i < image->width * samples; i++)
        row[i] = (uint8_t)(row[i] + row[i - samples]);
    for (int64_t x = 0; x < image->width; x++) {
        const uint8_t *pixel = row + x * samples;
        unsigned gray = t->photometric == 0 ? 255u - pixel[0] : pixel[0];
        if (t->photometric == 2) put_pixel(image, x, y, pixel[0], pixel[1], pixel[2]);
        else if (t->photometric != 3) put_pixel(image, x, y, gray, gray, gray);
        else { /* three tables of 256 numbers of 16 bits */ size_t at = t->palette + 2 * (size_t)pixel[0];
            put_pixel(image, x, y, tiff_number(image, t, at, 2) >> 8, tiff_number(image, t, at + 512, 2) >> 8,
                      tiff_number(image, t, at + 1024, 2) >> 8);
        }
    }
}

static bool read_tiff(struct image *image, struct tiff *t)
{
    uint32_t width = 0, height = 0;
    size_t at = tiff_number(image, t, 4, 4), tags = tiff_number(image, t, at, 2);
    for (size_t i = 0; i < tags && at + 2 + 12 * (i + 1) <= image->size; i++)
        tiff_tag(image, t, at + 2 + 12 * i, &width, &height);
    bool packed = t->compression == 1 || t->compression == 32773 || t->compression == 8 || t->compression == 32946;
    if (!packed || t->bits != 8 || t->planar != 1 || t->photometric > 3)
        return call_unsupported(image->call,
                                "TIFF images of this kind (compression %u, %u bits, photometric %u) are not read",
                                t->compression, t->bits, t->photometric);
    if (width > INT32_MAX || height > INT32_MAX || t->samples < (t->photometric == 2 ? 3u : 1u) || t->samples > 16
        || t->strip_count == 0 || t->sizes == 0 || (t->photometric == 3 && t->palette == 0))
        return broken(image, "TIFF");
    if (t->rows == 0 || t->rows > height) t->rows = height;
    return set_size(image, width, height, "TIFF");
}

static bool decode_tiff(struct image *image)
{
    struct tiff t = { .is_big = image->bytes[0] == 'M', .bits = 1, .compression = 1, .samples = 1, .planar = 1 };
    if (!read_tiff(image, &t)) return false;
    size_t row = (size_t)image->width * t.samples;
    uint8_t *data = arena_array(image->call->scratch, t.rows, row);
    for (int64_t y = 0, strip = 0; y < image->height; y += t.rows, strip++) {
        int64_t rows = image->height - y < (int64_t)t.rows ? image->height - y : (int64_t)t.rows;
        if ((size_t)strip >= t.strip_count) return broken(image, "TIFF");
        size_t from = tiff_number(image, &t, t.strips + (size_t)(strip * t.strip_width), t.strip_width);
        size_t count = tiff_number(image, &t, t.sizes + (size_t)(strip * t.size_width), t.size_width);
        if (from > image->size || count > image->size - from
            || !tiff_strip(&t, image->bytes + from, count, data, (size_t)rows * row))
            return broken(image, "TIFF");
        for (int64_t i = 0; i < rows; i++) put_tiff_row(image, &t, data + (size_t)i * row, y + i);
    }
    return true;
}

/* ---- JPEG ---- */

#ifdef BNFUSE_JPEG

struct jpeg_failure {
    struct jpeg_error_mgr manager; /* first: libjpeg hands out a pointer to it */
    jmp_buf escape;
};

static void leave_jpeg(j_common_ptr common)
{
    longjmp(((struct jpeg_failure *)common->err)->escape, 1);
}

static void ignore_jpeg(j_common_ptr common)
{
    (void)common;
}

/* libjpeg's own memory is bounded by the size of a row of blocks, or for progressive images by what it may take. */
static void read_jpeg_rows(struct jpeg_decompress_struct *jpeg, struct image *image)
{
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = image->rgb + (size_t)jpeg->output_scanline * (size_t)image->width * 3;
        jpeg_read_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_decompress(jpeg);
}

/* The size alone, so that room is taken while libjpeg holds nothing: an escape must not pass through it. */
static bool read_jpeg(struct image *image, bool size_only)
{
    struct jpeg_decompress_struct jpeg;
    struct jpeg_failure failure;
    jpeg.err = jpeg_std_error(&failure.manager);
    failure.manager.error_exit = leave_jpeg;
    failure.manager.output_message = ignore_jpeg;
    if (setjmp(failure.escape)) {
        jpeg_destroy_decompress(&jpeg);
        return false;
    }
    jpeg_create_decompress(&jpeg);
    jpeg.mem->max_memory_to_use = 64 << 20;
    jpeg_mem_src(&jpeg, image->bytes, image->size);
    jpeg_read_header(&jpeg, TRUE);
    jpeg.out_color_space = JCS_RGB;
    image->width = jpeg.image_width;
    image->height = jpeg.image_height;
    if (!size_only) read_jpeg_rows(&jpeg, image);
    jpeg_destroy_decompress(&jpeg);
    return true;
}

static bool decode_jpeg(struct image *image)
{
    if (!read_jpeg(image, true) || !set_size(image, image->width, image->height, "JPEG")) return broken(image, "JPEG");
    return read_jpeg(image, false) || broken(image, "JPEG");
}

#else

static bool decode_jpeg(struct image *image)
{
    return call_unsupported(image->call, "JPEG images are not read: this program was built without libjpeg");
}

#endif

/* ---- which it is ---- */

static bool refuse_webp(struct image *image)
{
    return call_unsupported(image->call, "WebP images are not read");
}

static bool refuse_jpeg2000(struct image *image)
{
    return call_unsupported(image->call, "JPEG 2000 images are not read");
}

static const struct format {
    const char *magic;
    size_t length;
    bool (*decode)(struct image *image);
} formats[] = {
    { "BM", 2, decode_bmp },
    { "P1", 2, decode_pnm },
    { "P2", 2, decode_pnm },
    { "P3", 2, decode_pnm },
    { "P4", 2, decode_pnm },
    { "P5", 2, decode_pnm },
    { "P6", 2, decode_pnm },
    { "\x89PNG\r\n\x1a\n", 8, decode_png },
    { "II*\0", 4, decode_tiff },
    { "MM\0*", 4, decode_tiff },
    { "\xff\xd8\xff", 3, decode_jpeg },
    { "RIFF", 4, refuse_webp },
    { "\0\0\0\x0cjP  ", 8, refuse_jpeg2000 },
    { "\xff\x4f\xff\x51", 4, refuse_jpeg2000 },
};

static bool decode(struct image *image)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (image->size > formats[i].length && memcmp(image->bytes, formats[i].magic, formats[i].length) == 0)
            return formats[i].decode(image);
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
      .schemas = SCHEMAS({ 20, LATEST, "u8 > u8", "pixel_format:s" }) },
    { 0 },
};
