/* SPDX-License-Identifier: Apache-2.0
 *
 * Einsum against the sum it stands for, written down over all labels at once. */
#include "noise.h"
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* i..n have these sizes. */
static const int SIZES[] = { 2, 3, 4, 5, 6, 7 };

static int size_of(char label)
{
    return SIZES[label - 'i'];
}

static int place_in(const char *term, size_t length, const int *at)
{
    int place = 0;
    for (size_t k = 0; k < length; k++) place = place * size_of(term[k]) + at[term[k] - 'i'];
    return place;
}

static void write_dims(char *dims, const char *term, size_t length)
{
    *dims = '\0';
    for (size_t k = 0; k < length; k++) dims += sprintf(dims, k ? ",%d" : "%d", size_of(term[k]));
}

/* All assignments of i..n; those of labels nobody names only once. */
static void sum_up(const char *equation, double (*x)[2000], const char *output, double *y)
{
    int at[6] = { 0 };
    memset(y, 0, 2000 * sizeof *y);
    for (int all = 0; all < 2 * 3 * 4 * 5 * 6 * 7; all++) {
        int rest = all;
        bool wanted = true;
        for (int l = 0; l < 6; l++) {
            at[l] = rest % SIZES[l];
            rest /= SIZES[l];
            wanted = wanted && (at[l] == 0 || strchr(equation, 'i' + l));
        }
        double product = 1;
        const char *term = equation;
        for (int t = 0; wanted && *term != '-'; t++) {
            size_t length = strcspn(term, ",-");
            product *= x[t][place_in(term, length, at)];
            term += length + (term[length] == ',');
        }
        if (wanted) y[place_in(output, strlen(output), at)] += product;
    }
}

static void an_equation_is_its_sum(void **state)
{
    (void)state;
    static const char *const equations[] = {
        "ij,jk->ik",    "ij,jk->ki",   "ij->ji",         "ij->",         "ij->i",        "ijk->j",
        "i,j->ij",      "ij,ij->",     "ij,ij->ij",      "ijk,ikl->ijl", "ijk,ikl->lji", "kij,kjl->ikl",
        "ij,jk,kl->il", "ij,kl->ijkl", "ijk,ij->ki",     "ijk,l->ijl",   "ijkl,kj->il",  "ij,jk,ik->",
        "i,i,i->i",     "ij,k->",      "ijk,jkl,lm->im", "ijk,kj->i",    "mn,nl,lm->mn",
    };
    static double x[4][2000], y[2000];
    for (int t = 0; t < 4; t++) fill_noise(x[t], 2000, (uint64_t)t + 1);
    for (size_t i = 0; i < sizeof equations / sizeof *equations; i++) {
        struct trial t;
        char dims[60], inputs[40] = "", attribute[60];
        const char *term = equations[i], *names[] = { "a", "b", "c", "d" };
        trial_open(&t, 12);
        for (int k = 0; *term != '-'; k++) {
            size_t length = strcspn(term, ",-");
            write_dims(dims, term, length);
            trial_input(&t, names[k], DTYPE_DOUBLE, dims, x[k]);
            strcat(strcat(inputs, " "), names[k]);
            term += length + (term[length] == ',');
        }
        sum_up(equations[i], x, term + 2, y);
        sprintf(attribute, "equation=%s", equations[i]);
        build_node(&t.build, "Einsum", "e", inputs, "y", attribute);
        trial_run(&t, "y");
        write_dims(dims, term + 2, strlen(term + 2));
        trial_expect(&t, "y", DTYPE_DOUBLE, dims, y);
        trial_close(&t);
    }
}

static void expect(const char *equation, const char *a_dims, const char *b_dims, enum dtype type, const char *y_dims,
                   const double *y)
{
    struct trial t;
    char attribute[60];
    trial_open(&t, 12);
    trial_input(&t, "a", type, a_dims, (double[]){ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 });
    if (b_dims) trial_input(&t, "b", type, b_dims, (double[]){ 1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6 });
    sprintf(attribute, "equation=%s", equation);
    build_node(&t.build, "Einsum", "e", b_dims ? "a b" : "a", "y", attribute);
    trial_run(&t, "y");
    trial_expect(&t, "y", type, y_dims, y);
    trial_close(&t);
}

static void a_repeated_label_is_the_diagonal(void **state)
{
    (void)state;
    expect("ii->i", "3,3", NULL, DTYPE_FLOAT, "3", (double[]){ 1, 5, 9 });
    expect("ii", "3,3", NULL, DTYPE_FLOAT, "", (double[]){ 15 });
    expect("iij->j", "2,2,3", NULL, DTYPE_FLOAT, "3", (double[]){ 11, 13, 15 });
}

static void an_ellipsis_stands_for_the_other_axes(void **state)
{
    (void)state;
    expect("...i->...", "2,3", NULL, DTYPE_FLOAT, "2", (double[]){ 6, 15 });
    expect("...ij,...jk->...ik", "2,1,2", "2,2,1", DTYPE_FLOAT, "2,1,1", (double[]){ -1, -2 });
    expect("i...,...->i...", "2,3", "3", DTYPE_FLOAT, "2,3", (double[]){ 1, -2, 6, 4, -5, 12 });
}

static void an_output_left_out_has_the_lonely_labels_in_order(void **state)
{
    (void)state;
    expect("ba", "2,3", NULL, DTYPE_FLOAT, "3,2", (double[]){ 1, 4, 2, 5, 3, 6 });
    expect("ij,jk", "1,2", "2,2", DTYPE_FLOAT, "1,2", (double[]){ 5, -5 });
}

static void an_axis_of_one_is_stretched(void **state)
{
    (void)state;
    expect("ij,ij->ij", "2,1", "2,3", DTYPE_FLOAT, "2,3", (double[]){ 1, -1, 2, -4, 6, -6 });
    expect("ij,ij->i", "2,1", "2,3", DTYPE_FLOAT, "2", (double[]){ 2, -4 });
}

static void whole_numbers_stay_whole(void **state)
{
    (void)state;
    expect("ij,jk->ik", "2,2", "2,2", DTYPE_INT32, "2,2", (double[]){ 5, -5, 11, -11 });
}

static void refuse(const char *equation, const char *a_dims, const char *b_dims, const char *part)
{
    struct trial t;
    static const double zeros[64];
    char attribute[60];
    trial_open(&t, 12);
    trial_input(&t, "a", DTYPE_FLOAT, a_dims, zeros);
    trial_input(&t, "b", DTYPE_FLOAT, b_dims, zeros);
    sprintf(attribute, "equation=%s", equation);
    build_node(&t.build, "Einsum", "e", "a b", "y", attribute);
    trial_fails(&t, "y", part);
    trial_close(&t);
}

static void a_wrong_equation_is_refused(void **state)
{
    (void)state;
    refuse("ij->i", "2,3", "3,2", "too few terms");
    refuse("ij,jk->iz", "2,3", "3,2", "no term has");
    refuse("ij,jk->ii", "2,3", "3,2", "twice");
    refuse("ij,jk->i,k", "2,3", "3,2", "goes on");
    refuse("ijk,jk->i", "2,3", "3,2", "names 3 axes, input 0 has 2");
    refuse("ij,jk->ik", "2,3", "4,2", "share a label");
    refuse("i?,jk->ik", "2,3", "3,2", "'?'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_equation_is_its_sum),
        cmocka_unit_test(a_repeated_label_is_the_diagonal),
        cmocka_unit_test(an_ellipsis_stands_for_the_other_axes),
        cmocka_unit_test(an_output_left_out_has_the_lonely_labels_in_order),
        cmocka_unit_test(an_axis_of_one_is_stretched),
        cmocka_unit_test(whole_numbers_stay_whole),
        cmocka_unit_test(a_wrong_equation_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
