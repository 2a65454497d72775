/* SPDX-License-Identifier: Apache-2.0
 *
 * ImageDecoder: small images of every format that is read, written here byte by byte, and files that lie. */
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
static const double COLOURS[] = { 255, 0, 0, 0, 255, 0, 0, 0, 255, 100, 100, 100 };

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
    expect(&p6, "RGB", "2,2,3", COLOURS);
    expect(&p6, "BGR", "2,2,3", (double[]){ 0, 0, 255, 0, 255, 0, 255, 0, 0, 100, 100, 100 });
    expect(&p6, "Grayscale", "2,2,1", (double[]){ 76, 150, 29, 100 });
    f = text_file("P3 2 2 255 255 0 0 0 255 0 0 0 255 100 100 100", "", 0);
    expect(&f, "RGB", "2,2,3", COLOURS);
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
static struct picture bmp(int bits, int height, const void *palette, size_t colours, const void *rows, size_t size)
{
    struct picture f = { .size = 0 };
    put(&f, "BM", 2);
    put_little(&f, 0, 8);
    put_little(&f, (uint32_t)(54 + 4 * colours), 4);
    put_little(&f, 40, 4);
    put_little(&f, 2, 4);
    put_little(&f, (uint32_t)height, 4);
    put_little(&f, 1, 2);
    put_little(&f, (uint32_t)bits, 2);
    for (int i = 0; i < 6; i++) put_little(&f, 0, 4);
    put(&f, palette, 4 * colours);
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
    expect(&f, "RGB", "2,2,3", COLOURS);
    f = bmp(24, 2, "", 0, up, sizeof up);
    expect(&f, "RGB", "2,2,3", COLOURS);
    f = bmp(4, 2, palette, 4, indices, sizeof indices);
    expect(&f, "RGB", "2,2,3", COLOURS);
}

static void put_chunk(struct picture *f, const char *type, const void *data, size_t size)
{
    put_big(f, (uint32_t)size);
    put(f, type, 4);
    put(f, data, size);
    put_big(f, 0); /* the checksum is not looked at */
}

static struct picture png(uint32_t width, uint32_t height, int bits, int kind, int interlaced, const void *palette,
                          size_t colours, const void *rows, size_t size)
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
    if (colours > 0) put_chunk(&f, "PLTE", palette, 3 * colours);
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
    expect(&f, "RGB", "2,2,3", COLOURS);
    f = png(2, 2, 2, 3, 0, palette, 4, indices, sizeof indices);
    expect(&f, "RGB", "2,2,3", COLOURS);
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
    put_tag(&f, 258, 3, 1, 8);
    put_tag(&f, 259, 3, 1, compression);
    put_tag(&f, 262, 3, 1, photometric);
    put_tag(&f, 273, 4, 1, 8 + 2 + 120 + 4);
    put_tag(&f, 277, 3, 1, samples);
    put_tag(&f, 278, 3, 1, 2);
    put_tag(&f, 279, 4, 1, (uint32_t)size);
    put_tag(&f, 317, 3, 1, predictor);
    put_little(&f, 0, 4);
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
    expect(&f, "RGB", "2,2,3", COLOURS);
    f = tiff(32773, 2, 3, 1, runs, sizeof runs);
    expect(&f, "RGB", "2,2,3", COLOURS);
    assert_int_equal(compress(packed, &length, steps, sizeof steps), Z_OK);
    f = tiff(8, 1, 1, 2, packed, length);
    expect(&f, "Grayscale", "2,2,1", (double[]){ 10, 20, 250, 14 });
    f = tiff(1, 0, 1, 1, steps, sizeof steps);
    expect(&f, "Grayscale", "2,2,1", (double[]){ 245, 245, 5, 235 });
    f = tiff(5, 2, 3, 1, rgb, sizeof rgb);
    refuse(&f, "TIFF images of this kind");
}

static void what_is_not_read_is_refused_by_name(void **state)
{
    struct picture f = text_file("RIFF", "\0\0\0\0WEBP", 8);
    (void)state;
    refuse(&f, "WebP images are not read");
    f = text_file("GIF89a", "", 0);
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
    refuse(&f, "broken or cut off");
    f = png(2, 2, 8, 3, 0, "", 0, rows, sizeof rows);
    refuse(&f, "broken or cut off");
    f = text_file("P6 2 2 255 ", "abc", 3);
    refuse(&f, "broken or cut off");
    f = bmp(24, 2, "", 0, "abc", 3);
    refuse(&f, "broken or cut off");
    f = tiff(1, 2, 3, 1, "abc", 3);
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
        cmocka_unit_test(what_is_not_read_is_refused_by_name),
        cmocka_unit_test(files_that_lie_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
