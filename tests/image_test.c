/* SPDX-License-Identifier: Apache-2.0
 *
 * ImageDecoder: small images of every format, written here byte by byte, and files that lie. A format that the build
 * has no library for must be refused by its name. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#define MOST_BYTES 4096

struct picture {
    uint8_t bytes[MOST_BYTES];
    size_t size;
};

static void put(struct picture *f, const void *bytes, size_t size)
{
    assert_true(f->size + size <= MOST_BYTES);
    memcpy(f->bytes + f->size, bytes, size);
    f->size += size;
}

static void put_little(struct picture *f, uint32_t value, int count)
{
    for (; count > 0; count--, value >>= 8) put(f, &(uint8_t){ (uint8_t)value }, 1);
}

static void put_big(struct picture *f, uint32_t value)
{
    for (int i = 3; i >= 0; i--) put(f, &(uint8_t){ (uint8_t)(value >> 8 * i) }, 1);
}

static void open_file(struct trial *t, const struct picture *f, const char *format)
{
    static double values[MOST_BYTES];
    char dims[20], attributes[40];
    for (size_t i = 0; i < f->size; i++) values[i] = f->bytes[i];
    snprintf(dims, sizeof dims, "%zu", f->size);
    snprintf(attributes, sizeof attributes, "pixel_format=%s", format);
    trial_open(t, 20);
    trial_input(t, "x", DTYPE_UINT8, dims, values);
    build_node(&t->build, "ImageDecoder", "decode", "x", "y", attributes);
}

static void expect(const struct picture *f, const char *format, const char *dims, const double *pixels)
{
    struct trial t;
    open_file(&t, f, format);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_UINT8, dims, pixels);
    trial_close(&t);
}

static void refuse(const struct picture *f, const char *part)
{
    struct trial t;
    open_file(&t, f, "RGB");
    trial_fails(&t, "y", part);
    trial_close(&t);
}

/* Two rows: red, green; blue, gray. */
static const double COLORS[] = { 255, 0, 0, 0, 255, 0, 0, 0, 255, 100, 100, 100 };

/* Whether the build has a library for the format; if not, it is refused here and now. */
static bool is_read(const struct picture *f, const char *format)
{
    if (strstr(" " IMAGE_FORMATS " ", format)) return true;
    refuse(f, "images are not read: this program was built without");
    return false;
}

static struct picture text_file(const char *text, const void *more, size_t size)
{
    struct picture f = { .size = 0 };
    put(&f, text, strlen(text));
    put(&f, more, size);
    return f;
}

static void pnm_of_every_kind(void **state)
{
    static const uint8_t rgb[] = { 255, 0, 0, 0, 255, 0, 0, 0, 255, 100, 100, 100 };
    static const double bits[] = { 255, 0, 0, 255 }, grays[] = { 0, 85, 170, 255 };
    struct picture p6 = text_file("P6\n# a comment\n2 2\n255\n", rgb, sizeof rgb), f;
    (void)state;
    expect(&p6, "RGB", "2,2,3", COLORS);
    expect(&p6, "BGR", "2,2,3", (double[]){ 0, 0, 255, 0, 255, 0, 255, 0, 0, 100, 100, 100 });
    expect(&p6, "Grayscale", "2,2,1", (double[]){ 76, 150, 29, 100 });
    f = text_file("P3 2 2 255 255 0 0 0 255 0 0 0 255 100 100 100", "", 0);
    expect(&f, "RGB", "2,2,3", COLORS);
    f = text_file("P5 2 2 3 ", "\0\1\2\3", 4);
    expect(&f, "Grayscale", "2,2,1", grays);
    f = text_file("P5 2 2 65535 ", "\0\0\x55\x55\xaa\xaa\xff\xff", 8);
    expect(&f, "Grayscale", "2,2,1", grays);
    f = text_file("P2 2 2 3 0 1 2 3", "", 0);
    expect(&f, "Grayscale", "2,2,1", grays);
    f = text_file("P1 2 2 01 10", "", 0);
    expect(&f, "Grayscale", "2,2,1", bits);
    f = text_file("P4 2 2 ", "\x40\x80", 2);
    expect(&f, "Grayscale", "2,2,1", bits);
}

/* A BMP of 2 x 2, bottom row first unless `height` is negative. */
static struct picture bmp(int bits, int height, const void *palette, size_t colors, const void *rows, size_t size)
{
    struct picture f = { .size = 0 };
    put(&f, "BM", 2);
    put_little(&f, 0, 8);
    put_little(&f, (uint32_t)(54 + 4 * colors), 4);
    put_little(&f, 40, 4);
    put_little(&f, 2, 4);
    put_little(&f, (uint32_t)height, 4);
    put_little(&f, 1, 2);
    put_little(&f, (uint32_t)bits, 2);
    for (int i = 0; i < 6; i++) put_little(&f, 0, 4);
    put(&f, palette, 4 * colors);
    put(&f, rows, size);
    return f;
}

static void bmp_up_and_down(void **state)
{
    static const uint8_t down[] = { 0, 0, 255, 0, 255, 0, 0, 0, 255, 0, 0, 100, 100, 100, 0, 0 },
                         up[] = { 255, 0, 0, 100, 100, 100, 0, 0, 0, 0, 255, 0, 255, 0, 0, 0 },
                         palette[] = { 0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 100, 100, 100, 0 },
                         indices[] = { 0x23, 0, 0, 0, 0x01, 0, 0, 0 };
    struct picture f = bmp(24, -2, "", 0, down, sizeof down);
    (void)state;
    expect(&f, "RGB", "2,2,3", COLORS);
    f = bmp(24, 2, "", 0, up, sizeof up);
    expect(&f, "RGB", "2,2,3", COLORS);
    f = bmp(4, 2, palette, 4, indices, sizeof indices);
    expect(&f, "RGB", "2,2,3", COLORS);
}

static void put_chunk(struct picture *f, const char *type, const void *data, size_t size)
{
    put_big(f, (uint32_t)size);
    put(f, type, 4);
    put(f, data, size);
    put_big(f, (uint32_t)crc32(0, f->bytes + f->size - size - 4, (uInt)size + 4));
}

static struct picture png(uint32_t width, uint32_t height, int bits, int kind, int interlaced, const void *palette,
                          size_t colors, const void *rows, size_t size)
{
    struct picture f = { .size = 0 }, header = { .size = 0 };
    uint8_t packed[512];
    uLongf length = sizeof packed;
    assert_int_equal(compress(packed, &length, rows, (uLong)size), Z_OK);
    put(&f, "\x89PNG\r\n\x1a\n", 8);
    put_big(&header, width);
    put_big(&header, height);
    put(&header, (uint8_t[]){ (uint8_t)bits, (uint8_t)kind, 0, 0, (uint8_t)interlaced }, 5);
    put_chunk(&f, "IHDR", header.bytes, header.size);
    if (colors > 0) put_chunk(&f, "PLTE", palette, 3 * colors);
    put_chunk(&f, "IDAT", packed, length / 2); /* in two parts */
    put_chunk(&f, "IDAT", packed + length / 2, length - length / 2);
    put_chunk(&f, "IEND", "", 0);
    return f;
}

static void png_of_every_filter_and_depth(void **state)
{
    /* left; up */
    static const uint8_t rgb[] = { 1, 255, 0, 0, 1, 255, 0, 2, 1, 0, 255, 100, 101, 100 },
                         palette[] = { 255, 0, 0, 0, 255, 0, 0, 0, 255, 100, 100, 100 },
                         indices[] = { 0, 0x10, 0, 0xb0 },
                         alpha[] = { 0, 10, 255, 20, 0, 3, 25, 255, 17, 0 }, /* average, of gray and alpha */
        deep[] = { 4, 10, 99, 20, 0, 4, 20, 0, 7, 0 };                       /* Paeth, 16 bits */
    struct picture f = png(2, 2, 8, 2, 0, "", 0, rgb, sizeof rgb);
    (void)state;
    if (!is_read(&f, " png ")) return;
    expect(&f, "RGB", "2,2,3", COLORS);
    f = png(2, 2, 2, 3, 0, palette, 4, indices, sizeof indices);
    expect(&f, "RGB", "2,2,3", COLORS);
    f = png(2, 2, 8, 4, 0, "", 0, alpha, sizeof alpha);
    expect(&f, "Grayscale", "2,2,1", (double[]){ 10, 20, 30, 42 });
    f = png(2, 2, 16, 0, 0, "", 0, deep, sizeof deep);
    expect(&f, "Grayscale", "2,2,1", (double[]){ 10, 30, 30, 37 });
}

/* Of 3 x 3: passes 1, 4, 5, 6 and 7 have pixels (0,0); (2,0); (0,2), (2,2); (1,0), (1,2); the row between. */
static void an_interlaced_png(void **state)
{
    static const uint8_t rows[] = { 0, 1, 0, 3, 0, 7, 9, 0, 2, 0, 8, 0, 4, 5, 6 };
    struct picture f = png(3, 3, 8, 0, 1, "", 0, rows, sizeof rows);
    (void)state;
    if (!is_read(&f, " png ")) return;
    expect(&f, "Grayscale", "3,3,1", (double[]){ 1, 2, 3, 4, 5, 6, 7, 8, 9 });
}

static void put_tag(struct picture *f, uint32_t tag, uint32_t type, uint32_t count, uint32_t value)
{
    put_little(f, tag, 2);
    put_little(f, type, 2);
    put_little(f, count, 4);
    put_little(f, value, 4);
}

/* Of 2 x 2, one strip behind the tags. */
static struct picture tiff(uint32_t compression, uint32_t photometric, uint32_t samples, uint32_t predictor,
                           const void *strip, size_t size)
{
    struct picture f = { .size = 0 };
    put(&f, "II*\0", 4);
    put_little(&f, 8, 4);
    put_little(&f, 10, 2);
    put_tag(&f, 256, 3, 1, 2);
    put_tag(&f, 257, 3, 1, 2);
    if (samples == 1) put_tag(&f, 258, 3, 1, 8);
    else put_tag(&f, 258, 3, 3, 8 + 2 + 120 + 4);
    put_tag(&f, 259, 3, 1, compression);
    put_tag(&f, 262, 3, 1, photometric);
    put_tag(&f, 273, 4, 1, 8 + 2 + 120 + 4 + 6);
    put_tag(&f, 277, 3, 1, samples);
    put_tag(&f, 278, 3, 1, 2);
    put_tag(&f, 279, 4, 1, (uint32_t)size);
    put_tag(&f, 317, 3, 1, predictor);
    put_little(&f, 0, 4);
    for (int i = 0; i < 3; i++) put_little(&f, 8, 2); /* bits of three samples */
    put(&f, strip, size);
    return f;
}

static void tiff_raw_and_packed(void **state)
{
    static const uint8_t rgb[] = { 255, 0, 0, 0, 255, 0, 0, 0, 255, 100, 100, 100 },
                         runs[] = { 0, 255, 0xfe, 0, 0, 255, 0xfe, 0, 0, 255, 0xfe, 100 },
                         steps[] = { 10, 10, 250, 20 };
    uint8_t packed[64];
    uLongf length = sizeof packed;
    struct picture f = tiff(1, 2, 3, 1, rgb, sizeof rgb);
    (void)state;
    if (!is_read(&f, " tiff ")) return;
    expect(&f, "RGB", "2,2,3", COLORS);
    f = tiff(32773, 2, 3, 1, runs, sizeof runs);
    expect(&f, "RGB", "2,2,3", COLORS);
    assert_int_equal(compress(packed, &length, steps, sizeof steps), Z_OK);
    f = tiff(8, 1, 1, 2, packed, length);
    expect(&f, "Grayscale", "2,2,1", (double[]){ 10, 20, 250, 14 });
    f = tiff(1, 0, 1, 1, steps, sizeof steps);
    expect(&f, "Grayscale", "2,2,1", (double[]){ 245, 245, 5, 235 });
    f = tiff(5, 2, 3, 1, rgb, sizeof rgb); /* no LZW */
    refuse(&f, "broken or cut off");
    f = tiff(1, 32844, 1, 1, rgb, sizeof rgb); /* CIE L*u*v*, 8 bits */
    refuse(&f, "TIFF images of this kind are not read");
}

/* Made by the libraries' own encoders, without loss. */
static const uint8_t
    WEBP[] = { 82, 73, 70,  70, 50,  0,  0,   0,  87,  69,  66,  80,  86, 80, 56, 76,  38, 0,   0,  0,
               47, 1,  64,  0,  0,   31, 32,  16, 32,  120, 245, 191, 96, 67, 32, 144, 36, 187, 63, 194,
               2,  1,  130, 87, 255, 11, 230, 63, 240, 201, 81,  193, 13, 24, 34, 250, 31, 2 },
    JPEG_2000[] = { 0,   0,   0,   12,  106, 80,  32,  32,  13,  10,  135, 10,  0,  0,  0,   20,  102, 116, 121, 112,
                    106, 112, 50,  32,  0,   0,   0,   0,   106, 112, 50,  32,  0,  0,  0,   45,  106, 112, 50,  104,
                    0,   0,   0,   22,  105, 104, 100, 114, 0,   0,   0,   2,   0,  0,  0,   2,   0,   3,   7,   7,
                    0,   0,   0,   0,   0,   15,  99,  111, 108, 114, 1,   0,   0,  0,  0,   0,   16,  0,   0,   0,
                    153, 106, 112, 50,  99,  255, 79,  255, 81,  0,   47,  0,   0,  0,  0,   0,   2,   0,   0,   0,
                    2,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   2,  0,  0,   0,   2,   0,   0,   0,
                    0,   0,   0,   0,   0,   0,   3,   7,   1,   1,   7,   1,   1,  7,  1,   1,   255, 82,  0,   12,
                    0,   0,   0,   1,   1,   0,   4,   4,   0,   1,   255, 92,  0,  4,  64,  64,  255, 100, 0,   37,
                    0,   1,   67,  114, 101, 97,  116, 101, 100, 32,  98,  121, 32, 79, 112, 101, 110, 74,  80,  69,
                    71,  32,  118, 101, 114, 115, 105, 111, 110, 32,  50,  46,  53, 46, 48,  255, 144, 0,   10,  0,
                    0,   0,   0,   0,   33,  0,   1,   255, 147, 207, 180, 20,  9,  75, 173, 245, 223, 223, 128, 24,
                    10,  116, 31,  223, 128, 16,  3,   24,  255, 217 },
    JPEG[] = { 255, 216, 255, 224, 0, 16, 74, 70, 73,  70,  0,   1,   1,  0,  0, 1, 0,  1, 0,  0,   255, 219, 0,
               67,  0,   1,   1,   1, 1,  1,  1,  1,   1,   1,   1,   1,  1,  1, 1, 1,  1, 1,  1,   1,   1,   1,
               1,   1,   1,   1,   1, 1,  1,  1,  1,   1,   1,   1,   1,  1,  1, 1, 1,  1, 1,  1,   1,   1,   1,
               1,   1,   1,   1,   1, 1,  1,  1,  1,   1,   1,   1,   1,  1,  1, 1, 1,  1, 1,  1,   255, 192, 0,
               11,  8,   0,   8,   0, 8,  1,  1,  17,  0,   255, 196, 0,  20, 0, 1, 0,  0, 0,  0,   0,   0,   0,
               0,   0,   0,   0,   0, 0,  0,  0,  9,   255, 196, 0,   20, 16, 1, 0, 0,  0, 0,  0,   0,   0,   0,
               0,   0,   0,   0,   0, 0,  0,  0,  255, 218, 0,   8,   1,  1,  0, 0, 63, 0, 25, 223, 255, 217 },
    JPEG_OF_FOUR[] = { 255, 216, 255, 238, 0,  14, 65, 100, 111, 98,  101, 0,   100, 0,   0,   0,   0,  0,  255, 219,
                       0,   67,  0,   1,   1,  1,  1,  1,   1,   1,   1,   1,   1,   1,   1,   1,   1,  1,  1,   1,
                       1,   1,   1,   1,   1,  1,  1,  1,   1,   1,   1,   1,   1,   1,   1,   1,   1,  1,  1,   1,
                       1,   1,   1,   1,   1,  1,  1,  1,   1,   1,   1,   1,   1,   1,   1,   1,   1,  1,  1,   1,
                       1,   1,   1,   1,   1,  1,  1,  255, 192, 0,   20,  8,   0,   8,   0,   8,   4,  67, 17,  0,
                       77,  17,  0,   89,  17, 0,  75, 17,  0,   255, 196, 0,   20,  0,   1,   0,   0,  0,  0,   0,
                       0,   0,   0,   0,   0,  0,  0,  0,   0,   0,   9,   255, 196, 0,   20,  16,  1,  0,  0,   0,
                       0,   0,   0,   0,   0,  0,  0,  0,   0,   0,   0,   0,   0,   255, 218, 0,   14, 4,  67,  0,
                       77,  0,   89,  0,   75, 0,  0,  63,  0,   25,  195, 56,  103, 12,  239, 255, 217 };

static struct picture bytes_file(const uint8_t *bytes, size_t size)
{
    struct picture f = { .size = 0 };
    put(&f, bytes, size);
    return f;
}

static void webp(void **state)
{
    struct picture f = bytes_file(WEBP, sizeof WEBP);
    (void)state;
    if (!is_read(&f, " webp ")) return;
    expect(&f, "RGB", "2,2,3", COLORS);
    f.size -= 10;
    refuse(&f, "WebP image that is broken or cut off");
    f = text_file("RIFF", "\x20\0\0\0WAVEfmt", 11);
    refuse(&f, "WebP image that is broken or cut off");
}

static void jpeg_2000(void **state)
{
    struct picture f = bytes_file(JPEG_2000, sizeof JPEG_2000), other = f;
    (void)state;
    if (!is_read(&f, " jpeg2k ")) return;
    expect(&f, "RGB", "2,2,3", COLORS);
    other.bytes[76] = 18; /* luma and chroma */
    refuse(&other, "JPEG 2000 images in other colors than red, green, blue and gray are not read");
    for (size_t i = 0; i < 8; i++) other.bytes[93 + i] = 0x7f; /* the size of the grid */
    refuse(&other, "");
    f.size = 150;
    refuse(&f, "JPEG 2000 image that is broken or cut off");
}

static void jpeg(void **state)
{
    struct picture f = bytes_file(JPEG, sizeof JPEG);
    double gray[64];
    (void)state;
    for (int i = 0; i < 64; i++) gray[i] = 77;
    if (!is_read(&f, " jpeg ")) return;
    expect(&f, "Grayscale", "8,8,1", gray);
    f.size -= 4; /* its last block */
    refuse(&f, "JPEG image that is broken or cut off");
    f.bytes[95] = f.bytes[97] = 0xff; /* 65,288 x 65,288 */
    refuse(&f, "");
    f = bytes_file(JPEG_OF_FOUR, sizeof JPEG_OF_FOUR);
    refuse(&f, "JPEG images of four colors are not read");
}

static void what_is_no_image_is_refused(void **state)
{
    struct picture f = text_file("GIF89a", "", 0);
    (void)state;
    refuse(&f, "no image of a format that is known");
    f = text_file("\xff\xd8\xff", "\xe0\0\0", 3);
    refuse(&f, "JPEG image"); /* broken; or none is read */
}

static void files_that_lie_are_refused(void **state)
{
    static const uint8_t rows[] = { 0, 1, 0, 3 };
    struct picture f = png(2000000000, 2000000000, 8, 2, 0, "", 0, rows, sizeof rows);
    (void)state;
    refuse(&f, "");
    f = png(2, 2, 8, 2, 0, "", 0, rows, sizeof rows);
    if (is_read(&f, " png ")) refuse(&f, "broken or cut off");
    f = png(2, 2, 8, 3, 0, "", 0, rows, sizeof rows); /* no palette */
    if (is_read(&f, " png ")) refuse(&f, "broken or cut off");
    f = text_file("P6 2 2 255 ", "abc", 3);
    refuse(&f, "broken or cut off");
    f = bmp(24, 2, "", 0, "abc", 3);
    refuse(&f, "broken or cut off");
    f = tiff(1, 2, 3, 1, "abc", 3);
    if (!is_read(&f, " tiff ")) return;
    refuse(&f, "broken or cut off");
    f = tiff(32773, 2, 3, 1,
             "\x7f"
             "ab",
             3);
    refuse(&f, "broken or cut off");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pnm_of_every_kind),
        cmocka_unit_test(bmp_up_and_down),
        cmocka_unit_test(png_of_every_filter_and_depth),
        cmocka_unit_test(an_interlaced_png),
        cmocka_unit_test(tiff_raw_and_packed),
        cmocka_unit_test(webp),
        cmocka_unit_test(jpeg_2000),
        cmocka_unit_test(jpeg),
        cmocka_unit_test(what_is_no_image_is_refused),
        cmocka_unit_test(files_that_lie_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
