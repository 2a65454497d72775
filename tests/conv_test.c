/* SPDX-License-Identifier: Apache-2.0
 *
 * Conv and ConvTranspose against their definitions, written down as plain loops over three spatial axes; models with
 * fewer axes have leading ones of size 1. */
#include "noise.h"
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MOST 40000 /* elements of any tensor here */

struct geometry {
    int rank; /* spatial axes; the last ones of the arrays below */
    int images, channels, outputs, group;
    int in[3], kernel[3], stride[3], dilation[3], begin[3], end[3], extra[3];
    bool bias;
};

static int out_size(const struct geometry *s, int a)
{
    return (s->in[a] + s->begin[a] + s->end[a] - (s->kernel[a] - 1) * s->dilation[a] - 1) / s->stride[a] + 1;
}

static int turned_size(const struct geometry *s, int a)
{
    return s->stride[a] * (s->in[a] - 1) + s->extra[a] + (s->kernel[a] - 1) * s->dilation[a] + 1 - s->begin[a]
           - s->end[a];
}

static int volume(const int *d)
{
    return d[0] * d[1] * d[2];
}

/* Every pair of an output o and a tap t along all axes: `see` gets the flat places and the input's, when inside. */
static void each_sight(const struct geometry *s, const int *out, const int *in,
                       void (*see)(void *context, int o, int tap, int i), void *context)
{
    for (int o = 0; o < volume(out); o++)
        for (int t = 0; t < volume(s->kernel); t++) {
            int at[3], rest_o = o, rest_t = t;
            bool inside = true;
            for (int a = 2; a >= 0; a--) {
                at[a] = rest_o % out[a] * s->stride[a] + rest_t % s->kernel[a] * s->dilation[a] - s->begin[a];
                inside = inside && at[a] >= 0 && at[a] < in[a];
                rest_o /= out[a];
                rest_t /= s->kernel[a];
            }
            if (inside) see(context, o, t, (at[0] * in[1] + at[1]) * in[2] + at[2]);
        }
}

struct sums {
    const struct geometry *s;
    const double *x, *w;
    double *y;
    int plane_in, plane_out;
};

static void add_conv(void *context, int o, int tap, int i)
{
    struct sums *sums = context;
    const struct geometry *s = sums->s;
    int per_group = s->channels / s->group, taps = volume(s->kernel);
    for (int n = 0; n < s->images; n++)
        for (int m = 0; m < s->outputs; m++)
            for (int c = 0; c < per_group; c++) {
                int channel = n * s->channels + m / (s->outputs / s->group) * per_group + c;
                sums->y[(n * s->outputs + m) * sums->plane_out + o] +=
                    sums->x[channel * sums->plane_in + i] * sums->w[(m * per_group + c) * taps + tap];
            }
}

/* The transposed one: output and input change places. */
static void add_transposed(void *context, int i, int tap, int o)
{
    struct sums *sums = context;
    const struct geometry *s = sums->s;
    int per_group = s->outputs / s->group, taps = volume(s->kernel);
    for (int n = 0; n < s->images; n++)
        for (int c = 0; c < s->channels; c++)
            for (int m = 0; m < per_group; m++) {
                int output = n * s->outputs + c / (s->channels / s->group) * per_group + m;
                sums->y[output * sums->plane_out + o] +=
                    sums->x[(n * s->channels + c) * sums->plane_in + i] * sums->w[(c * per_group + m) * taps + tap];
            }
}

static void write_dims(char *text, int first, int second, int rank, const int *spatial)
{
    text += sprintf(text, "%d,%d", first, second);
    for (int a = 3 - rank; a < 3; a++) text += sprintf(text, ",%d", spatial[a]);
}

static char *write_list(char *text, const char *name, int rank, const int *first, const int *second)
{
    text += sprintf(text, " %s=", name);
    for (int a = 3 - rank; a < 3; a++) text += sprintf(text, "%d,", first[a]);
    for (int a = 3 - rank; second && a < 3; a++) text += sprintf(text, "%d,", second[a]);
    return text;
}

static void write_attributes(char *text, const struct geometry *s, const char *more)
{
    text += sprintf(text, "group=%d %s", s->group, more ? more : "");
    text = write_list(text, "strides", s->rank, s->stride, NULL);
    text = write_list(text, "dilations", s->rank, s->dilation, NULL);
    if (!more) write_list(text, "pads", s->rank, s->begin, s->end);
}

static void run_shape(const struct geometry *s, bool turned, const char *more)
{
    static double x[MOST], w[MOST], bias[MOST], y[MOST];
    struct trial t;
    char dims[80], attributes[300];
    int out[3], taps = volume(s->kernel);
    for (int a = 0; a < 3; a++) out[a] = turned ? turned_size(s, a) : out_size(s, a);
    assert_in_range(s->images * s->outputs * volume(out), 0, MOST);
    memset(y, 0, sizeof y);
    struct sums sums = { s, fill_noise(x, MOST, 1), fill_noise(w, MOST, 2), y, volume(s->in), volume(out) };
    fill_noise(bias, MOST, 3);
    for (int i = 0; s->bias && i < s->images * s->outputs * volume(out); i++) y[i] = bias[i / volume(out) % s->outputs];
    if (turned) each_sight(s, s->in, out, add_transposed, &sums);
    else each_sight(s, out, s->in, add_conv, &sums);
    trial_open(&t, 13);
    write_dims(dims, s->images, s->channels, s->rank, s->in);
    trial_input(&t, "x", DTYPE_FLOAT, dims, x);
    if (turned) write_dims(dims, s->channels, s->outputs / s->group, s->rank, s->kernel);
    else write_dims(dims, s->outputs, s->channels / s->group, s->rank, s->kernel);
    trial_input(&t, "w", DTYPE_FLOAT, dims, w);
    sprintf(dims, "%d", s->outputs);
    if (s->bias) trial_input(&t, "b", DTYPE_FLOAT, dims, bias);
    write_attributes(attributes, s, more);
    if (turned) write_list(attributes + strlen(attributes), "output_padding", s->rank, s->extra, NULL);
    assert_true(taps > 0);
    build_node(&t.build, turned ? "ConvTranspose" : "Conv", "node", s->bias ? "x w b" : "x w", "y", attributes);
    trial_run(&t, "y");
    write_dims(dims, s->images, s->outputs, s->rank, out);
    trial_expect(&t, "y", DTYPE_FLOAT, dims, y);
    trial_close(&t);
}

#define ONES    \
    {           \
        1, 1, 1 \
    }

static void a_convolution_is_its_sum(void **state)
{
    (void)state;
    static const struct geometry shapes[] = {
        /* all sizes different, odd padding, both sides different */
        { 2, 2, 3, 5, 1, { 1, 7, 9 }, { 1, 3, 2 }, { 1, 2, 1 }, { 1, 1, 3 }, { 0, 1, 2 }, { 0, 2, 1 }, { 0 }, true },
        /* all sizes equal */
        { 2, 3, 3, 3, 1, { 1, 3, 3 }, { 1, 3, 3 }, ONES, ONES, { 0, 1, 1 }, { 0, 1, 1 }, { 0 }, false },
        /* more output channels than a tile has rows, more columns than it is wide */
        { 2, 1, 5, 19, 1, { 1, 11, 13 }, { 1, 3, 3 }, ONES, ONES, { 0, 1, 1 }, { 0, 1, 1 }, { 0 }, true },
        /* a sum longer than a step of the depth */
        { 2, 2, 32, 4, 1, { 1, 6, 5 }, { 1, 3, 3 }, ONES, ONES, { 0 }, { 0 }, { 0 }, true },
        /* 1 x 1: small planes side by side; a large one; with a stride; with padding */
        { 2, 3, 6, 4, 1, { 1, 5, 3 }, ONES, ONES, ONES, { 0 }, { 0 }, { 0 }, true },
        { 2, 2, 3, 5, 1, { 1, 17, 19 }, ONES, ONES, ONES, { 0 }, { 0 }, { 0 }, true },
        { 2, 2, 3, 5, 1, { 1, 7, 9 }, ONES, { 1, 2, 3 }, ONES, { 0 }, { 0 }, { 0 }, true },
        { 2, 2, 3, 5, 1, { 1, 4, 5 }, ONES, ONES, ONES, { 0, 1, 0 }, { 0, 0, 2 }, { 0 }, true },
        /* groups; 1 x 1 in groups */
        { 2, 2, 6, 4, 2, { 1, 5, 6 }, { 1, 2, 3 }, ONES, ONES, { 0, 0, 1 }, { 0, 1, 1 }, { 0 }, true },
        { 2, 2, 6, 9, 3, { 1, 4, 7 }, ONES, ONES, ONES, { 0 }, { 0 }, { 0 }, false },
        { 2, 2, 8, 40, 4, { 1, 9, 8 }, { 1, 3, 3 }, { 1, 2, 2 }, ONES, { 0, 1, 1 }, { 0, 1, 1 }, { 0 }, true },
        /* depthwise: plain, with a multiplier, with strides and dilations that share a divisor, wider than a chunk */
        { 2, 2, 5, 5, 5, { 1, 7, 6 }, { 1, 3, 3 }, ONES, ONES, { 0, 1, 1 }, { 0, 1, 1 }, { 0 }, true },
        { 2, 2, 3, 6, 3, { 1, 7, 6 }, { 1, 3, 2 }, { 1, 2, 3 }, { 1, 2, 1 }, { 0, 2, 1 }, { 0, 1, 0 }, { 0 }, false },
        { 2, 1, 2, 2, 2, { 1, 13, 12 }, { 1, 3, 3 }, { 1, 4, 6 }, { 1, 2, 4 }, { 0, 3, 5 }, { 0, 4, 2 }, { 0 }, true },
        { 2, 1, 1, 1, 1, { 1, 3, 2500 }, { 1, 2, 5 }, ONES, ONES, { 0, 0, 2 }, { 0, 1, 2 }, { 0 }, true },
        { 2, 1, 2, 14, 2, { 1, 5, 5 }, { 1, 3, 3 }, ONES, ONES, { 0 }, { 0 }, { 0 }, true },
        /* one and three axes */
        { 1, 3, 4, 6, 2, { 1, 1, 23 }, { 1, 1, 5 }, { 1, 1, 3 }, { 1, 1, 2 }, { 0, 0, 4 }, { 0, 0, 1 }, { 0 }, true },
        { 1, 2, 3, 3, 3, { 1, 1, 17 }, { 1, 1, 4 }, { 1, 1, 2 }, ONES, { 0, 0, 1 }, { 0, 0, 2 }, { 0 }, true },
        { 3, 2, 3, 4, 1, { 4, 5, 6 }, { 2, 3, 1 }, { 1, 2, 1 }, { 2, 1, 1 }, { 1, 0, 0 }, { 0, 1, 0 }, { 0 }, true },
        { 3, 1, 4, 4, 4, { 5, 4, 6 }, { 3, 2, 2 }, { 2, 1, 3 }, { 1, 2, 1 }, { 1, 1, 0 }, { 1, 0, 1 }, { 0 }, true },
        /* a last axis of size one, which the planes do without */
        { 2, 2, 3, 4, 1, { 1, 20, 1 }, { 1, 3, 1 }, ONES, ONES, { 0, 1, 0 }, { 0, 1, 0 }, { 0 }, true },
        /* the stride is wider than the kernel */
        { 2, 2, 2, 9, 1, { 1, 11, 11 }, { 1, 2, 2 }, { 1, 4, 5 }, ONES, { 0, 1, 0 }, { 0, 0, 1 }, { 0 }, true },
        /* no images */
        { 2, 0, 3, 5, 1, { 1, 7, 9 }, { 1, 3, 3 }, ONES, ONES, { 0 }, { 0 }, { 0 }, true },
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) run_shape(&shapes[i], false, NULL);
}

static void automatic_padding_is_split_as_asked(void **state)
{
    (void)state;
    /* ceil(7 / 2) = 4: 2 * 3 + 4 - 7 = 3 in all; ceil(9 / 3) = 3: 3 * 2 + 3 - 9 = 0 */
    struct geometry s = { 2,           2,           3,           4,           1,     { 1, 7, 9 }, { 1, 4, 2 },
                          { 1, 2, 3 }, { 1, 1, 2 }, { 0, 1, 0 }, { 0, 2, 0 }, { 0 }, true };
    run_shape(&s, false, "auto_pad=SAME_UPPER");
    s.begin[1] = 2;
    s.end[1] = 1;
    run_shape(&s, false, "auto_pad=SAME_LOWER");
    s.begin[1] = s.end[1] = 0;
    run_shape(&s, false, "auto_pad=VALID");
}

static void a_transposed_convolution_scatters(void **state)
{
    (void)state;
    static const struct geometry shapes[] = {
        { 2,
          2,
          3,
          5,
          1,
          { 1, 4, 6 },
          { 1, 3, 2 },
          { 1, 2, 3 },
          { 1, 1, 2 },
          { 0, 1, 2 },
          { 0, 2, 1 },
          { 0, 1, 2 },
          true },
        { 2, 3, 3, 3, 1, { 1, 3, 3 }, { 1, 3, 3 }, ONES, ONES, { 0, 1, 1 }, { 0, 1, 1 }, { 0 }, false },
        { 2, 2, 6, 4, 2, { 1, 3, 5 }, { 1, 2, 4 }, { 1, 3, 1 }, ONES, { 0 }, { 0 }, { 0, 2, 0 }, true },
        { 2, 1, 4, 4, 4, { 1, 5, 3 }, { 1, 2, 2 }, { 1, 2, 2 }, ONES, { 0 }, { 0 }, { 0 }, true },
        { 1, 2, 3, 2, 1, { 1, 1, 7 }, { 1, 1, 4 }, { 1, 1, 3 }, { 1, 1, 2 }, { 0, 0, 1 }, { 0 }, { 0 }, true },
        { 3, 1, 2, 3, 1, { 2, 3, 4 }, { 2, 1, 3 }, { 2, 1, 1 }, { 1, 1, 2 }, { 0, 0, 1 }, { 1, 0, 0 }, { 0 }, true },
        { 2, 0, 3, 5, 1, { 1, 4, 6 }, { 1, 3, 2 }, ONES, ONES, { 0 }, { 0 }, { 0 }, true },
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) run_shape(&shapes[i], true, NULL);
}

/* 3 * 3 + 1 + 5 - 13 = 2 and 2 * 4 + 3 - 8 = 3 are cut off; an odd one at the start unless SAME_UPPER. */
static void an_output_shape_wins_over_pads(void **state)
{
    (void)state;
    struct geometry s = { 2,           2,    3,           4,           1,           { 1, 4, 5 }, { 1, 5, 3 },
                          { 1, 3, 2 }, ONES, { 0, 1, 2 }, { 0, 1, 1 }, { 0, 1, 0 }, true };
    run_shape(&s, true, "pads=7,7,7,7 output_shape=13,8");
    run_shape(&s, true, "output_shape=2,4,13,8");
    s.begin[2] = 1;
    s.end[2] = 2;
    run_shape(&s, true, "auto_pad=SAME_UPPER output_shape=13,8");
}

static void an_output_shape_beyond_the_last_tap_is_filled(void **state)
{
    (void)state;
    struct geometry s = {
        2, 1, 2, 3, 1, { 1, 3, 3 }, { 1, 3, 2 }, { 1, 3, 2 }, ONES, { 0 }, { 0, -1, -2 }, { 0 }, true
    };
    run_shape(&s, true, "output_shape=10,8");
}

/* Output = input * stride; 5 - 2 = 3 and 4 - 2 = 2 are cut off. */
static void automatic_padding_multiplies_by_the_stride(void **state)
{
    (void)state;
    struct geometry s = { 2,           1,    2,           3,           1,     { 1, 4, 3 }, { 1, 5, 4 },
                          { 1, 2, 2 }, ONES, { 0, 1, 1 }, { 0, 2, 1 }, { 0 }, true };
    run_shape(&s, true, "auto_pad=SAME_UPPER");
    s.begin[1] = 2;
    s.end[1] = 1;
    run_shape(&s, true, "auto_pad=SAME_LOWER");
}

static void refuse(const char *op, const char *x, const char *w, const char *b, const char *attributes,
                   const char *part)
{
    static double values[MOST];
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, x, fill_noise(values, MOST, 1));
    trial_input(&t, "w", DTYPE_FLOAT, w, values);
    trial_input(&t, "b", DTYPE_FLOAT, b, values);
    build_node(&t.build, op, "node", "x w b", "y", attributes);
    trial_fails(&t, "y", part);
    trial_close(&t);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    refuse("Conv", "1,3,5,5", "4,2,3,3", "4", NULL, "2 input channels, there are 3");
    refuse("Conv", "1,3,5,5", "4,3,3,3", "5", NULL, "bias has 5 elements for 4");
    refuse("Conv", "1,3,5,5", "4,3,3,3", "4", "group=2", "group 2 does not divide");
    refuse("Conv", "1,3,5,5", "4,3,3,3", "4", "group=0", "group 0");
    refuse("Conv", "1,3,5,5", "4,3,3", "4", NULL, "dimensions");
    refuse("Conv", "1,3,5,5", "4,3,3,3", "4", "kernel_shape=3,2", "kernel_shape is 2");
    refuse("Conv", "1,3,5,5", "4,3,3,3", "4", "strides=0,1", "strides holds 0");
    refuse("Conv", "1,3,5,5", "4,3,3,3", "4", "dilations=1,-1", "dilations holds -1");
    refuse("Conv", "1,3,5,5", "4,3,3,3", "4", "strides=1,1,1", "strides has 3 entries");
    refuse("Conv", "1,3,5,5", "4,3,3,3", "4", "pads=1,1", "pads has 2 entries");
    refuse("Conv", "1,3,5,5", "4,3,3,3", "4", "pads=1,-1,1,1", "pads holds -1");
    refuse("Conv", "1,3,5,5", "4,3,3,3", "4", "dilations=1,3", "larger than the padded input");
    refuse("Conv", "1,3,5,5", "4,3,3,3", "4", "auto_pad=SAME", "auto_pad \"SAME\"");
    refuse("Conv", "3,5", "4,3", "4", NULL, "at least 3");
    refuse("ConvTranspose", "1,3,5,5", "4,2,3,3", "2", NULL, "4 input channels, there are 3");
    refuse("ConvTranspose", "1,3,5,5", "3,2,3,3", "2", "pads=9,9,9,9", "size");
    refuse("ConvTranspose", "1,3,5,5", "3,2,3,3", "2", "output_shape=1,", "output_shape has 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_convolution_is_its_sum),
        cmocka_unit_test(automatic_padding_is_split_as_asked),
        cmocka_unit_test(a_transposed_convolution_scatters),
        cmocka_unit_test(an_output_shape_wins_over_pads),
        cmocka_unit_test(an_output_shape_beyond_the_last_tap_is_filled),
        cmocka_unit_test(automatic_padding_multiplies_by_the_stride),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
