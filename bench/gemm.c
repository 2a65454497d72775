/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_gemm [SIZE]: products of SIZE x SIZE matrices (1536) on one thread, ours and OpenBLAS's in turn, by the time of
 * the process. Medians of five; without OpenBLAS, ours alone. Prints rows of a Markdown table. */
#include "runtime/math/product.h"
#include "runtime/math/simd.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 5

typedef void sgemm(int order, int a_turned, int b_turned, int rows, int columns, int depth, float alpha, const float *a,
                   int a_row, const float *b, int b_row, float beta, float *c, int c_row);
typedef void dgemm(int order, int a_turned, int b_turned, int rows, int columns, int depth, double alpha,
                   const double *a, int a_row, const double *b, int b_row, double beta, double *c, int c_row);

enum { ROW_MAJOR = 101, AS_IT_IS = 111 }; /* of the CBLAS interface */

struct bench {
    struct memory memory;
    struct arena arena;
    struct array_pool pool;
    struct bnfuse_error error;
    int size;
    sgemm *f32; /* OpenBLAS's; NULL: not there */
    dgemm *f64;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void find_openblas(struct bench *b)
{
    setenv("OPENBLAS_NUM_THREADS", "1", true);
    void *library = dlopen("libopenblas.so.0", RTLD_NOW);
    if (!library) return;
    *(void **)&b->f32 = dlsym(library, "cblas_sgemm");
    *(void **)&b->f64 = dlsym(library, "cblas_dgemm");
}

static struct array *new_noise(struct bench *b, enum store store)
{
    int64_t dims[] = { b->size, b->size };
    struct array *array = array_new(&b->pool, store == STORE_F32 ? DTYPE_FLOAT : DTYPE_DOUBLE, store, 2, dims);
    for (int64_t i = 0; i < array->count; i++) {
        double value = (double)(i * 7919 % 1009) / 1009 - 0.5;
        if (store == STORE_F32) array->f32[i] = (float)value;
        else array->f64[i] = value;
    }
    return array;
}

static double time_ours(struct bench *b, const struct array *x, const struct array *y, struct array *z)
{
    struct call call = { .threads = 1, .pool = &b->pool, .scratch = &b->arena, .error = &b->error };
    struct product product = { .store = x->store,
                               .rows = b->size,
                               .columns = b->size,
                               .depth = b->size,
                               .a_row = b->size,
                               .a_step = 1,
                               .b_step = b->size,
                               .b_column = 1,
                               .c_row = b->size,
                               .c_column = 1,
                               .each = &(struct operands){ .a = x->data, .b = y->data, .c = z->data },
                               .count = 1 };
    double start = now();
    product_run(&call, &product);
    return now() - start;
}

static double time_theirs(struct bench *b, const struct array *x, const struct array *y, struct array *z)
{
    int n = b->size;
    double start = now();
    if (x->store == STORE_F32) b->f32(ROW_MAJOR, AS_IT_IS, AS_IT_IS, n, n, n, 1, x->f32, n, y->f32, n, 0, z->f32, n);
    else b->f64(ROW_MAJOR, AS_IT_IS, AS_IT_IS, n, n, n, 1, x->f64, n, y->f64, n, 0, z->f64, n);
    return now() - start;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, by_size);
    return values[ROUNDS / 2];
}

static void compare(struct bench *b, enum store store, bool with_theirs)
{
    struct array *x = new_noise(b, store), *y = new_noise(b, store), *z = new_noise(b, store);
    double ours[ROUNDS], theirs[ROUNDS] = { 0 }, ratios[ROUNDS] = { 0 },
                         work = (double)b->size * b->size * b->size / 1e9;
    for (int i = 0; i < ROUNDS; i++) {
        ours[i] = time_ours(b, x, y, z);
        if (!with_theirs) continue;
        theirs[i] = time_theirs(b, x, y, z);
        ratios[i] = theirs[i] / ours[i];
    }
    const char *type = store == STORE_F32 ? "float" : "double";
    printf("| %d x %d x %d, %s | %.1f |", b->size, b->size, b->size, type, work / median(ours));
    if (with_theirs) printf(" %.1f | %.2f |\n", work / median(theirs), median(ratios));
    else puts(" - | - |");
    array_drop(x);
    array_drop(y);
    array_drop(z);
}

static bool run_all(void *context, struct bnfuse_error *error)
{
    struct bench *b = context;
    (void)error;
    printf("| product (%s) | GMAC/s | OpenBLAS | ratio |\n|---|--:|--:|--:|\n", simd_for(STORE_F32, 0)->name);
    compare(b, STORE_F32, b->f32 != NULL);
    compare(b, STORE_F64, b->f64 != NULL);
    return true;
}

int main(int count, char **arguments)
{
    struct bench b = { .size = count > 1 ? atoi(arguments[1]) : 1536 };
    if (b.size < 1) {
        fprintf(stderr, "usage: bench_gemm [SIZE]\n");
        return 2;
    }
    find_openblas(&b);
    arena_open(&b.arena, &b.memory);
    pool_open(&b.pool, &b.memory);
    bool good = guarded(&b.memory, run_all, &b, &b.error);
    if (!good) fprintf(stderr, "%s\n", b.error.message);
    pool_close(&b.pool);
    arena_close(&b.arena);
    return good ? 0 : 1;
}
