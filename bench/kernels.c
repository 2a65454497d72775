/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_kernels [THREADS [LINE]]: billions of multiply-adds per second that convolutions and matrix products of usual
 * shapes reach, in float and in double. By the time of the process, so that a busy machine shows little less; the best
 * of some runs. With LINE, only the line of that number, for a profiler. */
#include "base/platform.h"
#include "runtime/math/product.h"
#include "runtime/ops/conv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ATTRIBUTE(name) BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__##name
#define LEAST_SECONDS   0.2 /* for the runs of one shape */

struct layer {
    int images, channels, outputs, size, kernel, stride, group;
};

static const struct layer convs[] = {
    { 2, 3, 32, 224, 3, 2, 1 },   { 1, 3, 64, 224, 7, 2, 1 },    { 2, 32, 32, 112, 3, 1, 32 },
    { 2, 96, 96, 112, 3, 2, 96 }, { 2, 16, 96, 112, 1, 1, 1 },   { 2, 96, 24, 56, 1, 1, 1 },
    { 2, 192, 32, 28, 1, 1, 1 },  { 2, 960, 160, 7, 1, 1, 1 },   { 2, 320, 1280, 7, 1, 1, 1 },
    { 2, 64, 64, 56, 3, 1, 1 },   { 2, 256, 256, 14, 3, 1, 1 },  { 2, 512, 512, 7, 3, 1, 1 },
    { 1, 64, 64, 224, 3, 1, 1 },  { 2, 128, 128, 56, 3, 1, 32 }, { 1, 16, 16, 256, 3, 1, 1 },
    { 1, 512, 512, 1, 1, 1, 1 },
};

static const int64_t products[][3] = {
    /* rows, depth, columns */
    { 512, 512, 512 }, { 1024, 1024, 1024 }, { 2, 1280, 1000 }, { 1, 4096, 4096 }, { 64, 64, 64 }, { 128, 768, 3072 },
};

struct bench {
    struct memory memory;
    struct arena arena;
    struct array_pool pool;
    struct bnfuse_error error;
    struct node node;
    struct call call;
    int line; /* -1: all */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static struct array *new_noise(struct bench *b, enum store store, int rank, const int64_t *dims)
{
    struct array *array = array_new(&b->pool, store == STORE_F32 ? DTYPE_FLOAT : DTYPE_DOUBLE, store, rank, dims);
    for (int64_t i = 0; i < array->count; i++) {
        double value = (double)(i * 7919 % 1009) / 1009 - 0.5;
        if (store == STORE_F32) array->f32[i] = (float)value;
        else array->f64[i] = value;
    }
    return array;
}

static void add_ints(struct bench *b, BnfuseOnnx__NodeProto *node, const char *name, size_t count,
                     const int64_t *values)
{
    BnfuseOnnx__AttributeProto *attribute = NEW(&b->arena, BnfuseOnnx__AttributeProto);
    bnfuse_onnx__attribute_proto__init(attribute);
    attribute->name = arena_copy_text(&b->arena, name);
    attribute->has_type = true;
    attribute->type = count ? ATTRIBUTE(INTS) : ATTRIBUTE(INT);
    attribute->has_i = true;
    attribute->i = values[0];
    attribute->n_ints = count;
    attribute->ints = arena_grow(&b->arena, values, count, count, sizeof *values);
    node->attribute[node->n_attribute++] = attribute;
}

static void conv_node(struct bench *b, const struct layer *s)
{
    BnfuseOnnx__NodeProto *proto = NEW(&b->arena, BnfuseOnnx__NodeProto);
    int64_t pad = s->kernel / 2, group = s->group;
    bnfuse_onnx__node_proto__init(proto);
    proto->attribute = NEW_ARRAY(&b->arena, BnfuseOnnx__AttributeProto *, 3);
    add_ints(b, proto, "group", 0, &group);
    add_ints(b, proto, "strides", 2, (int64_t[]){ s->stride, s->stride });
    add_ints(b, proto, "pads", 4, (int64_t[]){ pad, pad, pad, pad });
    b->node = (struct node){ .proto = proto, .op = "Conv" };
}

/* Seconds of one conv, the best. */
static double time_conv(struct bench *b, const struct layer *s, enum store store, double *work)
{
    conv_node(b, s);
    struct array *x = new_noise(b, store, 4, (int64_t[]){ s->images, s->channels, s->size, s->size });
    struct array *w = new_noise(b, store, 4, (int64_t[]){ s->outputs, s->channels / s->group, s->kernel, s->kernel });
    double best = 1e9;
    for (double start = now(); now() - start < LEAST_SECONDS;) {
        double begin = now();
        struct array *y = conv(&b->call, x, w, NULL);
        double taken = now() - begin;
        if (taken < best) best = taken;
        *work = y ? (double)y->count * s->channels / s->group * s->kernel * s->kernel : 0;
        array_drop(y);
    }
    array_drop(x);
    array_drop(w);
    return best;
}

static double time_product(struct bench *b, const int64_t *s, bool turned, enum store store)
{
    struct array *x = new_noise(b, store, 2, (int64_t[]){ s[0], s[1] });
    struct array *y = new_noise(b, store, 2, (int64_t[]){ s[1], s[2] });
    struct array *z = new_noise(b, store, 2, (int64_t[]){ s[0], s[2] });
    struct product p = { .store = store,
                         .rows = s[0],
                         .depth = s[1],
                         .columns = s[2],
                         .a_row = s[1],
                         .a_step = 1,
                         .b_step = turned ? 1 : s[2],
                         .b_column = turned ? s[1] : 1,
                         .c_row = s[2],
                         .c_column = 1,
                         .each = &(struct operands){ .a = x->data, .b = y->data, .c = z->data },
                         .count = 1 };
    double best = 1e9;
    for (double start = now(); now() - start < LEAST_SECONDS;) {
        double begin = now();
        product_run(&b->call, &p);
        double taken = now() - begin;
        if (taken < best) best = taken;
    }
    array_drop(x);
    array_drop(y);
    array_drop(z);
    return best;
}

static bool run_all(void *context, struct bnfuse_error *error)
{
    struct bench *b = context;
    double work = 0;
    (void)error;
    b->call.team = team_open(&b->arena, b->call.threads);
    puts("| convolution | float GMAC/s | double GMAC/s |\n|---|--:|--:|");
    for (size_t i = 0; i < sizeof convs / sizeof *convs; i++) {
        const struct layer *s = &convs[i];
        if (b->line >= 0 && b->line != (int)i) continue;
        double f32 = time_conv(b, s, STORE_F32, &work), f64 = time_conv(b, s, STORE_F64, &work);
        printf("| %d x %d x %d x %d, %d of %d x %d, stride %d, group %d | %.1f | %.1f |\n", s->images, s->channels,
               s->size, s->size, s->outputs, s->kernel, s->kernel, s->stride, s->group, work / f32 / 1e9,
               work / f64 / 1e9);
    }
    puts("\n| product | float GMAC/s | double GMAC/s |\n|---|--:|--:|");
    for (size_t i = 0; i < 2 * sizeof products / sizeof *products; i++) {
        const int64_t *s = products[i / 2];
        if (b->line >= 0 && b->line != (int)(i + sizeof convs / sizeof *convs)) continue;
        work = (double)s[0] * (double)s[1] * (double)s[2];
        double f32 = time_product(b, s, i % 2, STORE_F32), f64 = time_product(b, s, i % 2, STORE_F64);
        printf("| %lld x %lld by %lld%s | %.1f | %.1f |\n", (long long)s[0], (long long)s[1], (long long)s[2],
               i % 2 ? " transposed" : "", work / f32 / 1e9, work / f64 / 1e9);
    }
    return true;
}

int main(int count, char **arguments)
{
    struct bench b = { .line = count > 2 ? atoi(arguments[2]) : -1 };
    arena_open(&b.arena, &b.memory);
    pool_open(&b.pool, &b.memory);
    b.call = (struct call){ .node = &b.node,
                            .threads = count > 1 ? atoi(arguments[1]) : platform_processors(),
                            .pool = &b.pool,
                            .scratch = &b.arena,
                            .error = &b.error };
    bool good = guarded(&b.memory, run_all, &b, &b.error);
    if (!good) fprintf(stderr, "%s\n", b.error.message);
    pool_close(&b.pool);
    arena_close(&b.arena);
    return good ? 0 : 1;
}
