/* SPDX-License-Identifier: Apache-2.0
 *
 * Formats of images that the libraries of others read: libjpeg, libpng, libtiff, libwebp, OpenJPEG.
 *
 * Each is there if the build found it (cmake/libraries.cmake), else its format is refused by name. A reader goes
 * through the file twice: first for the size alone, so that room is taken while the library holds nothing and an escape
 * cannot pass through it. What the library may take besides is bounded by the size, and asked of the budget before. */
#include "runtime/ops/image.h"

#include <setjmp.h>
#include <string.h>

/* Sets width and height; then, where `image->rgb` is there, the pixels. False for what is broken, or of a kind that is
 * not read. */
typedef bool image_pass(struct image *image);

/* `working`: bytes for each pixel that the library takes for itself, at most. */
__attribute__((unused)) static bool read_twice(struct image *image, const char *format, image_pass *pass,
                                               int64_t working)
{
    struct memory *memory = image->call->pool->memory;
    bool sized = pass(image);
    if (sized && !image_set_size(image, image->width, image->height, format)) return false;
    if (sized) {
        size_t size = (size_t)image->width * (size_t)image->height * (size_t)working;
        memory_give(memory, memory_take(memory, size), size);
    }
    if (sized && pass(image)) return true;
    if (!image->kind) return image_broken(image, format);
    return call_unsupported(image->call, "%s images %s are not read", format, image->kind);
}

__attribute__((unused)) static bool refuse(struct image *image, const char *format, const char *library)
{
    return call_unsupported(image->call, "%s images are not read: this program was built without %s", format, library);
}

/* What a library has not read yet. */
struct source {
    const uint8_t *bytes;
    size_t size, at;
};

__attribute__((unused)) static size_t source_read(struct source *source, void *to, size_t size)
{
    size_t left = source->size - source->at, count = size < left ? size : left;
    memcpy(to, source->bytes + source->at, count);
    source->at += count;
    return count;
}

/* ---- JPEG ---- */

#ifdef BNFUSE_JPEG
#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h>

struct jpeg_failure {
    struct jpeg_error_mgr manager; /* first: libjpeg hands out a pointer to it */
    jmp_buf escape;
};

static void leave_jpeg(j_common_ptr common)
{
    longjmp(((struct jpeg_failure *)common->err)->escape, 1);
}

/* libjpeg would go on with gray where the file ends. */
static void warn_jpeg(j_common_ptr common, int level)
{
    int code = common->err->msg_code;
    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER)) leave_jpeg(common);
}

static void read_jpeg_rows(struct jpeg_decompress_struct *jpeg, struct image *image)
{
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = image->rgb + (size_t)jpeg->output_scanline * (size_t)image->width * 3;
        jpeg_read_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_decompress(jpeg);
}

static bool pass_jpeg(struct image *image)
{
    struct jpeg_decompress_struct jpeg;
    struct jpeg_failure failure;
    jpeg.err = jpeg_std_error(&failure.manager);
    failure.manager.error_exit = leave_jpeg;
    failure.manager.emit_message = warn_jpeg;
    if (setjmp(failure.escape)) {
        jpeg_destroy_decompress(&jpeg);
        return false;
    }
    jpeg_create_decompress(&jpeg);
    jpeg_mem_src(&jpeg, image->bytes, image->size);
    jpeg_read_header(&jpeg, TRUE);
    if (jpeg.num_components == 4) image->kind = "of four colors";
    jpeg.out_color_space = JCS_RGB;
    image->width = jpeg.image_width;
    image->height = jpeg.image_height;
    if (image->rgb) read_jpeg_rows(&jpeg, image);
    jpeg_destroy_decompress(&jpeg);
    return !image->kind;
}

bool image_read_jpeg(struct image *image)
{
    return read_twice(image, "JPEG", pass_jpeg, 3 * (int64_t)sizeof(JCOEF));
}

#else

bool image_read_jpeg(struct image *image)
{
    return refuse(image, "JPEG", "libjpeg");
}

#endif

/* ---- PNG ---- */

#ifdef BNFUSE_PNG
#include <png.h>

static void take_png(png_structp png, png_bytep to, size_t size)
{
    if (source_read(png_get_io_ptr(png), to, size) < size) png_longjmp(png, 1);
}

static void fail_png(png_structp png, png_const_charp text)
{
    (void)text;
    png_longjmp(png, 1);
}

static void warn_png(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void read_png_rows(png_structp png, png_infop info, struct image *image)
{
    png_set_expand(png);
    png_set_strip_16(png);
    png_set_strip_alpha(png);
    png_set_gray_to_rgb(png);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    if (png_get_rowbytes(png, info) != (size_t)image->width * 3) png_longjmp(png, 1);
    for (; passes > 0; passes--)
        for (int64_t y = 0; y < image->height; y++) png_read_row(png, image->rgb + y * image->width * 3, NULL);
    png_read_end(png, NULL);
}

static bool pass_png(struct image *image)
{
    struct source source = { image->bytes, image->size, 0 };
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, fail_png, warn_png);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info || setjmp(png_jmpbuf(png))) {
        png_destroy_read_struct(&png, &info, NULL);
        return false;
    }
    png_set_user_limits(png, INT32_MAX, INT32_MAX);
    png_set_read_fn(png, &source, take_png);
    png_read_info(png, info);
    image->width = png_get_image_width(png, info);
    image->height = png_get_image_height(png, info);
    if (image->rgb) read_png_rows(png, info, image);
    png_destroy_read_struct(&png, &info, NULL);
    return true;
}

/* Two rows of at most eight bytes for each pixel, and one byte more. */
bool image_read_png(struct image *image)
{
    return read_twice(image, "PNG", pass_png, 17);
}

#else

bool image_read_png(struct image *image)
{
    return refuse(image, "PNG", "libpng");
}

#endif

/* ---- TIFF ---- */

#ifdef BNFUSE_TIFF
#include <dlfcn.h>
#include <tiffio.h>

/* libtiff brings seven libraries along, whose loading would double the time that the program takes to start. So it is
 * loaded by the first image that needs it, and stays. TIFF_LIBRARY is the name by which programs that were linked with
 * it ask for it (cmake/libraries.cmake). */
#define TIFF_FUNCTIONS(row)                                                                                      \
    row(TIFFOpenOptionsAlloc) row(TIFFOpenOptionsFree) row(TIFFOpenOptionsSetMaxSingleMemAlloc)                  \
        row(TIFFOpenOptionsSetErrorHandlerExtR) row(TIFFOpenOptionsSetWarningHandlerExtR) row(TIFFClientOpenExt) \
            row(TIFFGetField) row(TIFFRGBAImageOK) row(TIFFReadRGBAImageOriented) row(TIFFClose)

struct tiff_library {
#define TIFF_MEMBER(name) __typeof__(&(name)) name;
    TIFF_FUNCTIONS(TIFF_MEMBER)
};

/* POSIX lets the address of a function be stored where a pointer to an object would be. */
static bool load_tiff_library(struct tiff_library *library)
{
    void *handle = dlopen(TIFF_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    bool found = handle != NULL;
#define TIFF_LOAD(name) found = found && (*(void **)&library->name = dlsym(handle, #name));
    TIFF_FUNCTIONS(TIFF_LOAD)
    return found;
}

#define TIFF_BYTES 32 /* for each pixel: the raster, and a strip or tile that may be the whole image */

static tmsize_t read_tiff(thandle_t handle, void *to, tmsize_t size)
{
    return size < 0 ? -1 : (tmsize_t)source_read((struct source *)handle, to, (size_t)size);
}

static tmsize_t write_tiff(thandle_t handle, void *from, tmsize_t size)
{
    (void)handle;
    (void)from;
    (void)size;
    return -1;
}

static toff_t seek_tiff(thandle_t handle, toff_t to, int whence)
{
    struct source *source = (struct source *)handle;
    uint64_t base = whence == SEEK_CUR ? source->at : whence == SEEK_END ? source->size : 0;
    uint64_t place = base + to;
    if (place > source->size) return (toff_t)-1;
    source->at = (size_t)place;
    return place;
}

static int close_tiff(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t size_tiff(thandle_t handle)
{
    return ((struct source *)handle)->size;
}

static int quiet_tiff(TIFF *tiff, void *user, const char *module, const char *format, va_list values)
{
    (void)tiff;
    (void)user;
    (void)module;
    (void)format;
    (void)values;
    return 1;
}

static TIFF *open_tiff(const struct tiff_library *library, struct source *source, tmsize_t most)
{
    TIFFOpenOptions *options = library->TIFFOpenOptionsAlloc();
    if (!options) return NULL;
    library->TIFFOpenOptionsSetMaxSingleMemAlloc(options, most);
    library->TIFFOpenOptionsSetErrorHandlerExtR(options, quiet_tiff, NULL);
    library->TIFFOpenOptionsSetWarningHandlerExtR(options, quiet_tiff, NULL);
    TIFF *tiff = library->TIFFClientOpenExt("image", "rm", source, read_tiff, write_tiff, seek_tiff, close_tiff,
                                            size_tiff, NULL, NULL, options);
    library->TIFFOpenOptionsFree(options);
    return tiff;
}

static bool read_tiff_raster(const struct tiff_library *library, TIFF *tiff, struct image *image, uint32_t *raster)
{
    if (!library->TIFFReadRGBAImageOriented(tiff, (uint32_t)image->width, (uint32_t)image->height, raster,
                                            ORIENTATION_TOPLEFT, 1))
        return false;
    for (int64_t i = 0; i < image->width * image->height; i++) {
        image->rgb[3 * i] = (uint8_t)TIFFGetR(raster[i]);
        image->rgb[3 * i + 1] = (uint8_t)TIFFGetG(raster[i]);
        image->rgb[3 * i + 2] = (uint8_t)TIFFGetB(raster[i]);
    }
    return true;
}

static bool pass_tiff(struct image *image)
{
    struct source source = { image->bytes, image->size, 0 };
    struct tiff_library library;
    size_t pixels = image->rgb ? (size_t)image->width * (size_t)image->height : 0;
    uint32_t *raster = NEW_ARRAY(image->call->scratch, uint32_t, pixels), width = 0, height = 0;
    if (!load_tiff_library(&library)) {
        image->kind = "without " TIFF_LIBRARY;
        return false;
    }
    TIFF *tiff = open_tiff(&library, &source, (tmsize_t)((1 << 20) + pixels * TIFF_BYTES));
    char why[1024];
    if (!tiff) return false;
    bool good = library.TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &width)
                && library.TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &height) && width <= INT32_MAX
                && height <= INT32_MAX;
    if (good && !library.TIFFRGBAImageOK(tiff, why)) {
        image->kind = "of this kind";
        good = false;
    }
    image->width = width;
    image->height = height;
    if (good && image->rgb) good = read_tiff_raster(&library, tiff, image, raster);
    library.TIFFClose(tiff);
    return good;
}

bool image_read_tiff(struct image *image)
{
    return read_twice(image, "TIFF", pass_tiff, TIFF_BYTES);
}

#else

bool image_read_tiff(struct image *image)
{
    return refuse(image, "TIFF", "libtiff");
}

#endif

/* ---- WebP ---- */

#ifdef BNFUSE_WEBP
#include <webp/decode.h>

static bool pass_webp(struct image *image)
{
    int width, height;
    if (!WebPGetInfo(image->bytes, image->size, &width, &height)) return false;
    image->width = width;
    image->height = height;
    if (!image->rgb) return true;
    size_t row = (size_t)width * 3;
    return WebPDecodeRGBInto(image->bytes, image->size, image->rgb, row * (size_t)height, (int)row) != NULL;
}

bool image_read_webp(struct image *image)
{
    return read_twice(image, "WebP", pass_webp, 8);
}

#else

bool image_read_webp(struct image *image)
{
    return refuse(image, "WebP", "libwebp");
}

#endif

/* ---- JPEG 2000 ---- */

#ifdef BNFUSE_OPENJPEG
#include <openjpeg.h>

#define MOST_COMPONENTS 4

static OPJ_SIZE_T read_jpeg2000(void *to, OPJ_SIZE_T size, void *user)
{
    size_t count = source_read(user, to, size);
    return count > 0 ? count : (OPJ_SIZE_T)-1;
}

static OPJ_OFF_T skip_jpeg2000(OPJ_OFF_T count, void *user)
{
    struct source *source = user;
    if (count < 0 || (size_t)count > source->size - source->at) return -1;
    source->at += (size_t)count;
    return count;
}

static OPJ_BOOL seek_jpeg2000(OPJ_OFF_T to, void *user)
{
    struct source *source = user;
    if (to < 0 || (size_t)to > source->size) return OPJ_FALSE;
    source->at = (size_t)to;
    return OPJ_TRUE;
}

static opj_stream_t *open_jpeg2000(struct source *source)
{
    opj_stream_t *stream = opj_stream_default_create(OPJ_TRUE);
    if (!stream) return NULL;
    opj_stream_set_user_data(stream, source, NULL);
    opj_stream_set_user_data_length(stream, source->size);
    opj_stream_set_read_function(stream, read_jpeg2000);
    opj_stream_set_skip_function(stream, skip_jpeg2000);
    opj_stream_set_seek_function(stream, seek_jpeg2000);
    return stream;
}

/* Why an image is not read; NULL for one that is. */
static const char *jpeg2000_kind(const opj_image_t *from)
{
    if (from->numcomps < 1 || from->numcomps > MOST_COMPONENTS) return "of so many components";
    if (from->color_space == OPJ_CLRSPC_SYCC || from->color_space == OPJ_CLRSPC_EYCC
        || from->color_space == OPJ_CLRSPC_CMYK)
        return "in other colors than red, green, blue and gray";
    for (OPJ_UINT32 i = 0; i < from->numcomps; i++) {
        const opj_image_comp_t *comp = &from->comps[i];
        if (comp->dx != from->comps[0].dx || comp->dy != from->comps[0].dy) return "with subsampled components";
        if (comp->prec < 1 || comp->prec > 16) return "of more than 16 bits";
    }
    return NULL;
}

static bool is_known_jpeg2000(struct image *image, const opj_image_t *from)
{
    image->kind = jpeg2000_kind(from);
    return !image->kind;
}

static bool put_jpeg2000(struct image *image, const opj_image_t *from)
{
    for (int c = 0; c < 3; c++) {
        const opj_image_comp_t *comp = &from->comps[from->numcomps < 3 ? 0 : c];
        int64_t most = (INT64_C(1) << comp->prec) - 1, zero = comp->sgnd ? (most + 1) / 2 : 0;
        if (!comp->data || comp->w != image->width || comp->h != image->height) return false;
        for (int64_t i = 0; i < image->width * image->height; i++) {
            int64_t value = comp->data[i] + zero;
            value = value < 0 ? 0 : value > most ? most : value;
            image->rgb[3 * i + c] = (uint8_t)((value * 255 + most / 2) / most);
        }
    }
    return true;
}

static bool decode_jpeg2000(struct image *image, opj_codec_t *codec, opj_stream_t *stream)
{
    opj_dparameters_t parameters;
    opj_image_t *from = NULL;
    opj_set_default_decoder_parameters(&parameters);
    bool good = opj_setup_decoder(codec, &parameters) && opj_read_header(stream, codec, &from)
                && is_known_jpeg2000(image, from);
    if (good) {
        image->width = from->comps[0].w;
        image->height = from->comps[0].h;
    }
    if (good && image->rgb)
        good = opj_decode(codec, stream, from) && opj_end_decompress(codec, stream)
               && is_known_jpeg2000(image, from) /* only now it says which colors these are */
               && put_jpeg2000(image, from);
    opj_image_destroy(from);
    return good;
}

static bool pass_jpeg2000(struct image *image)
{
    struct source source = { image->bytes, image->size, 0 };
    opj_stream_t *stream = open_jpeg2000(&source);
    opj_codec_t *codec = opj_create_decompress(image->bytes[0] == 0 ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K);
    bool good = stream && codec && decode_jpeg2000(image, codec, stream);
    if (codec) opj_destroy_codec(codec);
    if (stream) opj_stream_destroy(stream);
    return good;
}

/* Whole numbers of 32 bits: of the image, of its tiles, and on the way between. */
bool image_read_jpeg2000(struct image *image)
{
    return read_twice(image, "JPEG 2000", pass_jpeg2000, 3 * MOST_COMPONENTS * 4);
}

#else

bool image_read_jpeg2000(struct image *image)
{
    return refuse(image, "JPEG 2000", "OpenJPEG");
}

#endif
