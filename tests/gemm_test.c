/* SPDX-License-Identifier: Apache-2.0
 *
 * Gemm in all its forms, and MatMul of any ranks. */
#include "noise.h"
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdio.h>

#include <cmocka.h>

#define ROWS    5
#define COLUMNS 7
#define DEPTH   11

static double a[256], b[256], c[256], y[1024];

/* C as [rows, columns], each of them whole or 1. */
static void gemm_oracle(bool turn_a, bool turn_b, double alpha, double beta, int c_rows, int c_columns)
{
    for (int r = 0; r < ROWS; r++)
        for (int j = 0; j < COLUMNS; j++) {
            double sum = 0;
            for (int k = 0; k < DEPTH; k++)
                sum += a[turn_a ? k * ROWS + r : r * DEPTH + k] * b[turn_b ? j * DEPTH + k : k * COLUMNS + j];
            double term = c_rows ? c[(c_rows == 1 ? 0 : r * c_columns) + (c_columns == 1 ? 0 : j)] : 0;
            y[r * COLUMNS + j] = alpha * sum + beta * term;
        }
}

static void try_gemm(int64_t opset, bool turn_a, bool turn_b, double alpha, double beta, const char *c_dims, int c_rows,
                     int c_columns, enum dtype type)
{
    struct trial t;
    char attributes[120];
    trial_open(&t, opset);
    gemm_oracle(turn_a, turn_b, alpha, beta, c_rows, c_columns);
    trial_input(&t, "a", type, turn_a ? "11,5" : "5,11", a);
    trial_input(&t, "b", type, turn_b ? "7,11" : "11,7", b);
    if (c_dims) trial_input(&t, "c", type, c_dims, c);
    sprintf(attributes, "transA=%d transB=%d alpha=%.3f beta=%.3f broadcast=1", turn_a, turn_b, alpha, beta);
    build_node(&t.build, "Gemm", "gemm", c_dims ? "a b c" : "a b", "y", attributes);
    trial_run(&t, "y");
    trial_expect(&t, "y", type, "5,7", y);
    trial_close(&t);
}

static void gemm_broadcasts_every_form_of_c(void **state)
{
    (void)state;
    static const struct {
        const char *dims;
        int rows, columns;
    } forms[] = { { NULL, 0, 0 },  { "", 1, 1 },    { "1", 1, 1 },   { "7", 1, 7 },
                  { "1,7", 1, 7 }, { "5,1", 5, 1 }, { "1,1", 1, 1 }, { "5,7", 5, 7 } };
    fill_noise(a, 256, 1);
    fill_noise(b, 256, 2);
    fill_noise(c, 256, 3);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        for (int turned = 0; turned < 4; turned++) {
            try_gemm(13, turned & 1, turned & 2, 1, 1, forms[i].dims, forms[i].rows, forms[i].columns, DTYPE_FLOAT);
            try_gemm(11, turned & 1, turned & 2, 0.5, -1.25, forms[i].dims, forms[i].rows, forms[i].columns,
                     DTYPE_DOUBLE);
        }
    try_gemm(6, false, true, 2, 0.25, "7", 1, 7, DTYPE_FLOAT);
    try_gemm(1, true, false, 1, 1, "5,7", 5, 7, DTYPE_FLOAT);
}

static void gemm_of_whole_numbers(void **state)
{
    (void)state;
    for (int i = 0; i < 256; i++) {
        a[i] = 64 * noise(1, i);
        b[i] = 64 * noise(2, i);
        c[i] = 64 * noise(3, i);
    }
    try_gemm(13, true, true, 2, -3, "5,1", 5, 1, DTYPE_INT32);
    try_gemm(13, false, false, 1, 1, NULL, 0, 0, DTYPE_INT64);
}

/* Products of many matrices: a_dims and b_dims as given, the stacks described by how far they move per matrix. */
static void try_matmul(const char *a_dims, const char *b_dims, const char *y_dims, int rows, int depth, int columns,
                       const int *a_at, const int *b_at, int count)
{
    struct trial t;
    fill_noise(a, 256, 4);
    fill_noise(b, 256, 5);
    for (int i = 0; i < count; i++)
        for (int r = 0; r < rows; r++)
            for (int j = 0; j < columns; j++) {
                double *sum = &y[(i * rows + r) * columns + j];
                *sum = 0;
                for (int k = 0; k < depth; k++)
                    *sum += a[a_at[i] * rows * depth + r * depth + k] * b[b_at[i] * depth * columns + k * columns + j];
            }
    trial_open(&t, 13);
    trial_input(&t, "a", DTYPE_FLOAT, a_dims, a);
    trial_input(&t, "b", DTYPE_FLOAT, b_dims, b);
    build_node(&t.build, "MatMul", "m", "a b", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, y_dims, y);
    trial_close(&t);
}

static void matmul_treats_vectors_and_stacks_as_numpy_does(void **state)
{
    (void)state;
    const int first[] = { 0, 0, 0, 0, 0, 0 }, each[] = { 0, 1, 2, 3, 4, 5 };
    const int slow[] = { 0, 0, 0, 1, 1, 1 }, fast[] = { 0, 1, 2, 0, 1, 2 };
    try_matmul("5", "5", "", 1, 5, 1, first, first, 1);
    try_matmul("5", "5,3", "3", 1, 5, 3, first, first, 1);
    try_matmul("4,5", "5", "4", 4, 5, 1, first, first, 1);
    try_matmul("4,5", "5,3", "4,3", 4, 5, 3, first, first, 1);
    try_matmul("3,4,5", "5,2", "3,4,2", 4, 5, 2, each, first, 3);
    try_matmul("4,5", "3,5,2", "3,4,2", 4, 5, 2, first, each, 3);
    try_matmul("2,1,4,3", "3,3,2", "2,3,4,2", 4, 3, 2, slow, fast, 6);
    try_matmul("3,4,3", "2,1,3,2", "2,3,4,2", 4, 3, 2, fast, slow, 6);
    try_matmul("2,3,2,3", "2,3,3,2", "2,3,2,2", 2, 3, 2, each, each, 6);
    try_matmul("3", "2,3,2", "2,2", 1, 3, 2, first, each, 2);
    try_matmul("2,4,3", "1,1,3,2", "1,2,4,2", 4, 3, 2, each, first, 2);
    try_matmul("0,4", "4,3", "0,3", 0, 4, 3, first, first, 1);
    try_matmul("2,0", "0,3", "2,3", 2, 0, 3, first, first, 1);
    try_matmul("3,2,4", "3,4,0", "3,2,0", 2, 4, 0, each, each, 3);
}

static void whole_matmul_wraps(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "a", DTYPE_INT32, "1,2", (double[]){ 65536, 3 });
    trial_input(&t, "b", DTYPE_INT32, "2,1", (double[]){ 65537, 5 });
    build_node(&t.build, "MatMul", "m", "a b", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_INT32, "1,1", (double[]){ 65536 + 15 });
    trial_close(&t);
}

static void refuse(const char *op, int64_t opset, const char *a_dims, const char *b_dims, const char *c_dims,
                   const char *part)
{
    struct trial t;
    trial_open(&t, opset);
    trial_input(&t, "a", DTYPE_FLOAT, a_dims, a);
    trial_input(&t, "b", DTYPE_FLOAT, b_dims, b);
    if (c_dims) trial_input(&t, "c", DTYPE_FLOAT, c_dims, c);
    build_node(&t.build, op, "node", c_dims ? "a b c" : "a b", "y", NULL);
    trial_fails(&t, "y", part);
    trial_close(&t);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    refuse("Gemm", 13, "2,3", "4,5", NULL, "over 3 elements of A, but 4 of B");
    refuse("Gemm", 13, "2,3,1", "3,5", NULL, "2 are needed");
    refuse("Gemm", 13, "2,3", "3,5", "2", "does not fit");
    refuse("Gemm", 13, "2,3", "3,5", "1,2,5", "does not fit");
    refuse("Gemm", 6, "2,3", "3,5", "5", "does not fit");
    refuse("MatMul", 13, "2,3", "4,5", NULL, "over 3 elements of A, but 4 of B");
    refuse("MatMul", 13, "2,2,3", "3,3,5", NULL, "broadcast");
    refuse("MatMul", 13, "", "3,5", NULL, "scalar");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gemm_broadcasts_every_form_of_c),
        cmocka_unit_test(gemm_of_whole_numbers),
        cmocka_unit_test(matmul_treats_vectors_and_stacks_as_numpy_does),
        cmocka_unit_test(whole_matmul_wraps),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
