/* SPDX-License-Identifier: Apache-2.0
 *
 * Signals: transforms against their definition, frames, windows, mel bands. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>
#include <stdio.h>

#include <cmocka.h>

/* X[k] as the definition has it: the sum of x[n] exp(sign 2 pi i k n / length). */
static void define(const double *re, const double *im, int length, int k, int sign, double *to_re, double *to_im)
{
    *to_re = *to_im = 0;
    for (int n = 0; n < length; n++) {
        double angle = sign * 2 * M_PI * (k * n % length) / length, c = cos(angle), s = sin(angle);
        *to_re += re[n] * c - im[n] * s;
        *to_im += re[n] * s + im[n] * c;
    }
}

/* A complex signal of any length, forward and inverse. */
static void try_length(int length)
{
    enum { MOST = 64 };
    struct trial t;
    char dims[32];
    double x[2 * MOST], re[MOST], im[MOST], forward[2 * MOST], inverse[2 * MOST];
    for (int i = 0; i < length; i++) {
        x[2 * i] = re[i] = sin(3.0 * i) + i % 3;
        x[2 * i + 1] = im[i] = cos(5.0 * i) - i % 2;
    }
    for (int k = 0; k < length; k++) {
        define(re, im, length, k, -1, &forward[2 * k], &forward[2 * k + 1]);
        define(re, im, length, k, 1, &inverse[2 * k], &inverse[2 * k + 1]);
        inverse[2 * k] /= length;
        inverse[2 * k + 1] /= length;
    }
    snprintf(dims, sizeof dims, "1,%d,2", length);
    trial_open(&t, 20);
    trial_input(&t, "x", DTYPE_DOUBLE, dims, x);
    build_node(&t.build, "DFT", "a", "x", "forward", NULL);
    build_node(&t.build, "DFT", "b", "x", "inverse", "inverse=1");
    build_node(&t.build, "DFT", "c", "forward", "back", "inverse=1");
    trial_run(&t, "forward inverse back");
    trial_expect(&t, "forward", DTYPE_DOUBLE, dims, forward);
    trial_expect(&t, "inverse", DTYPE_DOUBLE, dims, inverse);
    trial_expect(&t, "back", DTYPE_DOUBLE, dims, x);
    trial_close(&t);
}

static void a_transform_of_any_length_is_what_its_definition_says(void **state)
{
    (void)state;
    static const int lengths[] = { 1, 2, 3, 4, 5, 7, 8, 12, 16, 31, 60, 64 };
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) try_length(lengths[i]);
}

static void a_one_sided_spectrum_goes_back_to_its_signal(void **state)
{
    (void)state;
    struct trial t;
    static const double x[] = { 1, 10, 2, 20, 4, 40, -3, -30, 5, 50, 0, 0 };
    double spectrum[2 * 4 * 2], zeros[6] = { 0 };
    for (int column = 0; column < 2; column++)
        for (int k = 0; k < 4; k++) {
            double line[6], re, im;
            for (int n = 0; n < 6; n++) line[n] = x[2 * n + column];
            define(line, zeros, 6, k, -1, &re, &im);
            spectrum[(2 * k + column) * 2] = re;
            spectrum[(2 * k + column) * 2 + 1] = im;
        }
    trial_open(&t, 20);
    trial_input(&t, "x", DTYPE_FLOAT, "6,2,1", x);
    trial_input(&t, "axis", DTYPE_INT64, "", (double[]){ 0 });
    build_node(&t.build, "DFT", "a", "x _ axis", "y", "onesided=1");
    build_node(&t.build, "DFT", "b", "y _ axis", "z", "onesided=1 inverse=1");
    trial_run(&t, "y z");
    trial_expect(&t, "y", DTYPE_FLOAT, "4,2,2", spectrum);
    trial_expect(&t, "z", DTYPE_FLOAT, "6,2,1", x);
    trial_close(&t);
}

static void dft_length_cuts_or_pads_with_zeros(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 17);
    trial_input(&t, "x", DTYPE_FLOAT, "1,3,1", (double[]){ 1, 2, 3 });
    trial_input(&t, "two", DTYPE_INT64, "", (double[]){ 2 });
    trial_input(&t, "four", DTYPE_INT64, "", (double[]){ 4 });
    build_node(&t.build, "DFT", "a", "x two", "short", NULL);
    build_node(&t.build, "DFT", "b", "x four", "long", "axis=-2");
    trial_run(&t, "short long");
    trial_expect(&t, "short", DTYPE_FLOAT, "1,2,2", (double[]){ 3, 0, -1, 0 });
    trial_expect(&t, "long", DTYPE_FLOAT, "1,4,2", (double[]){ 6, 0, -2, -2, 2, 0, -2, 2 });
    trial_close(&t);
}

static void a_transform_of_no_length_is_refused(void **state)
{
    (void)state;
    static const double lengths[] = { 0, -1, 1e18 };
    for (int i = 0; i < 3; i++) {
        struct trial t;
        trial_open(&t, 17);
        trial_input(&t, "x", DTYPE_FLOAT, "1,3,1", (double[]){ 1, 2, 3 });
        trial_input(&t, "length", DTYPE_INT64, "", &lengths[i]);
        build_node(&t.build, "DFT", "a", "x length", "y", NULL);
        trial_fails(&t, "y", "no transform of length");
        trial_close(&t);
    }
}

static void stft_transforms_windowed_frames(void **state)
{
    (void)state;
    struct trial t;
    static const double x[] = { 1, 2, 3, 4, 5, 6, 7 }, window[] = { 1, 0.5, 0.25, 2 }, zeros[4] = { 0 };
    double y[2 * 3 * 2];
    for (int frame = 0; frame < 2; frame++)
        for (int k = 0; k < 3; k++) {
            double line[4];
            for (int n = 0; n < 4; n++) line[n] = x[3 * frame + n] * window[n];
            define(line, zeros, 4, k, -1, &y[(frame * 3 + k) * 2], &y[(frame * 3 + k) * 2 + 1]);
        }
    trial_open(&t, 17);
    trial_input(&t, "x", DTYPE_FLOAT, "1,7,1", x);
    trial_input(&t, "step", DTYPE_INT64, "", (double[]){ 3 });
    trial_input(&t, "window", DTYPE_FLOAT, "4", window);
    build_node(&t.build, "STFT", "s", "x step window", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,2,3,2", y);
    trial_close(&t);
}

static void stft_refuses_frames_longer_than_the_signal_and_no_step(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 17);
    trial_input(&t, "x", DTYPE_FLOAT, "1,3,1", (double[3]){ 0 });
    trial_input(&t, "step", DTYPE_INT64, "", (double[]){ 1 });
    trial_input(&t, "length", DTYPE_INT64, "", (double[]){ 4 });
    build_node(&t.build, "STFT", "s", "x step _ length", "y", NULL);
    trial_fails(&t, "y", "frames of 4 samples");
    trial_close(&t);

    trial_open(&t, 17);
    trial_input(&t, "x", DTYPE_FLOAT, "1,3,1", (double[3]){ 0 });
    trial_input(&t, "step", DTYPE_INT64, "", (double[]){ 0 });
    build_node(&t.build, "STFT", "s", "x step", "y", NULL);
    trial_fails(&t, "y", "frame_step");
    trial_close(&t);
}

static void windows_are_periodic_or_symmetric(void **state)
{
    (void)state;
    struct trial t;
    double h = 25.0 / 46;
    trial_open(&t, 17);
    trial_input(&t, "n", DTYPE_INT32, "", (double[]){ 4 });
    trial_input(&t, "one", DTYPE_INT64, "", (double[]){ 1 });
    build_node(&t.build, "HannWindow", "a", "n", "hann", NULL);
    build_node(&t.build, "HammingWindow", "b", "n", "hamming", "periodic=0 output_datatype=11");
    build_node(&t.build, "BlackmanWindow", "c", "n", "blackman", NULL);
    build_node(&t.build, "HannWindow", "d", "one", "single", "periodic=0");
    trial_run(&t, "hann hamming blackman single");
    trial_expect(&t, "hann", DTYPE_FLOAT, "4", (double[]){ 0, 0.5, 1, 0.5 });
    trial_expect(&t, "hamming", DTYPE_DOUBLE, "4",
                 (double[]){ 2 * h - 1, h + (1 - h) / 2, h + (1 - h) / 2, 2 * h - 1 });
    trial_expect(&t, "blackman", DTYPE_FLOAT, "4", (double[]){ 0, 0.34, 1, 0.34 });
    trial_expect(&t, "single", DTYPE_FLOAT, "1", (double[]){ 1 });
    trial_close(&t);
}

static void mel_bands_are_triangles_within_the_spectrogram(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 17);
    trial_input(&t, "bands", DTYPE_INT64, "", (double[]){ 8 });
    trial_input(&t, "length", DTYPE_INT64, "", (double[]){ 64 });
    trial_input(&t, "rate", DTYPE_INT64, "", (double[]){ 8192 });
    trial_input(&t, "low", DTYPE_FLOAT, "", (double[]){ 0 });
    trial_input(&t, "high", DTYPE_FLOAT, "", (double[]){ 4096 });
    build_node(&t.build, "MelWeightMatrix", "m", "bands length rate low high", "y", NULL);
    trial_run(&t, "y");
    const struct array *y = trial_output(&t, "y", true);
    assert_int_equal(y->rank, 2);
    assert_int_equal(y->dims[0], 33);
    assert_int_equal(y->dims[1], 8);
    for (int band = 0, last = -1; band < 8; band++) {
        double peak = 0;
        int at = -1;
        for (int bin = 0; bin < 33; bin++)
            if (y->f64[bin * 8 + band] > peak) {
                peak = y->f64[bin * 8 + band];
                at = bin;
            }
        assert_true(peak == 1 && at > last);
        last = at;
    }
    trial_close(&t);
}

static void mel_bands_beyond_the_spectrogram_are_refused(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 17);
    trial_input(&t, "bands", DTYPE_INT64, "", (double[]){ 8 });
    trial_input(&t, "length", DTYPE_INT64, "", (double[]){ 16 });
    trial_input(&t, "rate", DTYPE_INT64, "", (double[]){ 8192 });
    trial_input(&t, "low", DTYPE_FLOAT, "", (double[]){ 0 });
    trial_input(&t, "high", DTYPE_FLOAT, "", (double[]){ 1e9 });
    build_node(&t.build, "MelWeightMatrix", "m", "bands length rate low high", "y", NULL);
    trial_fails(&t, "y", "outside of its 9 spectrogram bins");
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transform_of_any_length_is_what_its_definition_says),
        cmocka_unit_test(a_one_sided_spectrum_goes_back_to_its_signal),
        cmocka_unit_test(dft_length_cuts_or_pads_with_zeros),
        cmocka_unit_test(a_transform_of_no_length_is_refused),
        cmocka_unit_test(stft_transforms_windowed_frames),
        cmocka_unit_test(stft_refuses_frames_longer_than_the_signal_and_no_step),
        cmocka_unit_test(windows_are_periodic_or_symmetric),
        cmocka_unit_test(mel_bands_are_triangles_within_the_spectrogram),
        cmocka_unit_test(mel_bands_beyond_the_spectrogram_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
