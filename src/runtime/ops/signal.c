/* SPDX-License-Identifier: Apache-2.0
 *
 * Signals: DFT, STFT, the window functions, MelWeightMatrix. All in double, since expected zeros are compared with
 * tolerances far below a float's rounding. Complex numbers are a last axis of 2. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/kernel.h"
#include "runtime/math/fourier.h"
#include "runtime/ops/operators.h"

#include <math.h>
#include <string.h>

static bool read_whole(struct call *call, size_t slot, const char *what, int64_t *value)
{
    const struct array *input = call_input(call, slot);
    if (!input) return true;
    if (!is_whole(input) || input->count != 1) return call_fail(call, "takes %s as one whole number", what);
    *value = input->i64[0];
    return true;
}

/* Lines of a tensor [outer, length, inner, parts] along one axis, parts 1 (real) or 2 (complex). */
struct lines {
    int64_t outer, length, inner, parts;
};

static int64_t line_at(struct lines lines, int64_t o, int64_t a, int64_t i)
{
    return ((o * lines.length + a) * lines.inner + i) * lines.parts;
}

struct dft {
    struct lines in, out;
    int64_t length;
    bool inverse, onesided;
    struct fourier *fourier;
    struct complexes line;
};

/* The line's first `length` elements, zeros after its end. */
static void load_line(const struct dft *dft, const struct array *x, int64_t o, int64_t i)
{
    bool mirrored = dft->inverse && dft->onesided;
    int64_t most = mirrored ? dft->length / 2 + 1 : dft->length;
    for (int64_t a = 0; a < dft->length; a++) {
        bool stored = a < dft->in.length && a < most;
        int64_t at = stored ? line_at(dft->in, o, a, i) : 0;
        dft->line.re[a] = stored ? element_real(x, at) : 0;
        dft->line.im[a] = stored && dft->in.parts == 2 ? element_real(x, at + 1) : 0;
    }
    if (!mirrored) return;
    dft->line.im[0] = 0; /* the spectrum of a real signal: X[n - k] is the conjugate of X[k] */
    if (dft->length % 2 == 0) dft->line.im[dft->length / 2] = 0;
    for (int64_t k = most; k < dft->length; k++) {
        dft->line.re[k] = dft->line.re[dft->length - k];
        dft->line.im[k] = -dft->line.im[dft->length - k];
    }
}

static void dft_line(const struct dft *dft, const struct array *x, struct array *y, int64_t o, int64_t i)
{
    load_line(dft, x, o, i);
    fourier_run(dft->fourier, dft->line, dft->inverse);
    for (int64_t k = 0; k < dft->out.length; k++) {
        int64_t at = line_at(dft->out, o, k, i);
        element_put(y, at, dft->line.re[k]);
        if (dft->out.parts == 2) element_put(y, at + 1, dft->line.im[k]);
    }
}

/* The axis is an attribute before opset 20, an input from then on; the last axis holds the parts and cannot be it. */
static bool read_dft(struct call *call, const struct array *x, struct dft *dft, int *axis)
{
    int64_t wanted = node_int(call->node, "axis", 1);
    if (!x || !is_real(x) || x->rank < 2 || x->dims[x->rank - 1] < 1 || x->dims[x->rank - 1] > 2)
        return call_fail(call, "needs a real tensor whose last dimension is 1 or 2");
    if (call->node->opset >= 20) {
        wanted = -2;
        if (!read_whole(call, 2, "its axis", &wanted)) return false;
    }
    if (!call_axis(call, wanted, x->rank, axis)) return false;
    if (*axis == x->rank - 1) return call_fail(call, "transforms the axis of real and imaginary parts");
    dft->inverse = node_int(call->node, "inverse", 0) != 0;
    dft->onesided = node_int(call->node, "onesided", 0) != 0;
    dft->in = (struct lines){ dims_product(x->dims, 0, *axis), x->dims[*axis],
                              dims_product(x->dims, *axis + 1, x->rank - 1), x->dims[x->rank - 1] };
    if (dft->in.length > INT64_MAX / 4) return call_fail(call, "has lines beyond all bounds");
    dft->length = dft->inverse && dft->onesided ? 2 * (dft->in.length - 1) : dft->in.length;
    if (!read_whole(call, 1, "its length", &dft->length)) return false;
    if (dft->onesided && !dft->inverse && dft->in.parts == 2)
        return call_fail(call, "makes a one-sided spectrum of a complex signal");
    return true;
}

static bool dft(struct call *call)
{
    const struct array *x = call_input(call, 0);
    struct dft dft = { 0 };
    int axis = 0;
    if (!read_dft(call, x, &dft, &axis)) return false;
    CALL_WORK(call, dft.in.outer * dft.in.inner + 1, fourier_work(dft.length));
    dft.fourier = fourier_new(call->scratch, dft.length);
    if (!dft.fourier) return call_fail(call, "has no transform of length %lld", (long long)dft.length);
    int64_t dims[ARRAY_MAX_RANK];
    memcpy(dims, x->dims, sizeof dims);
    dft.out = dft.in;
    dft.out.length = dims[axis] = dft.onesided && !dft.inverse ? dft.length / 2 + 1 : dft.length;
    dft.out.parts = dims[x->rank - 1] = dft.onesided && dft.inverse ? 1 : 2;
    struct array *y = call_output(call, 0, x->type, x->rank, dims);
    dft.line.re = NEW_ARRAY(call->scratch, double, (size_t)dft.length);
    dft.line.im = NEW_ARRAY(call->scratch, double, (size_t)dft.length);
    for (int64_t o = 0; y->count > 0 && o < dft.in.outer; o++)
        for (int64_t i = 0; i < dft.in.inner; i++) dft_line(&dft, x, y, o, i);
    return true;
}

/* ---- STFT ---- */

struct stft {
    const struct array *signal, *window;
    int64_t step, length, frames, bins;
};

static bool read_stft(struct call *call, struct stft *stft)
{
    const struct array *signal = stft->signal = call_input(call, 0), *window = stft->window = call_input(call, 2);
    bool onesided = node_int(call->node, "onesided", 1) != 0;
    if (!signal || !is_real(signal) || signal->rank != 3 || signal->dims[2] < 1 || signal->dims[2] > 2)
        return call_fail(call, "needs a signal [batch, length, 1 or 2]");
    if (window && (!is_real(window) || window->rank != 1)) return call_fail(call, "needs a window of one dimension");
    stft->length = window ? window->count : signal->dims[1];
    if (!read_whole(call, 1, "frame_step", &stft->step) || !read_whole(call, 3, "frame_length", &stft->length))
        return false;
    if (stft->step < 1) return call_fail(call, "needs a frame_step of 1 or more");
    if (stft->length < 1 || stft->length > signal->dims[1] || (window && window->count != stft->length))
        return call_fail(call, "has frames of %lld samples, a window of %lld and a signal of %lld",
                         (long long)stft->length, (long long)(window ? window->count : stft->length),
                         (long long)signal->dims[1]);
    if (onesided && signal->dims[2] == 2) return call_fail(call, "makes a one-sided spectrum of a complex signal");
    stft->frames = 1 + (signal->dims[1] - stft->length) / stft->step;
    stft->bins = onesided ? stft->length / 2 + 1 : stft->length;
    return true;
}

static bool stft(struct call *call)
{
    struct stft s = { 0 };
    if (!read_stft(call, &s)) return false;
    CALL_WORK(call, s.signal->dims[0] * s.frames + 1, fourier_work(s.length));
    struct fourier *fourier = fourier_new(call->scratch, s.length);
    if (!fourier) return call_fail(call, "has no transform of length %lld", (long long)s.length);
    int64_t batch = s.signal->dims[0], parts = s.signal->dims[2];
    struct array *y = call_output(call, 0, s.signal->type, 4, (int64_t[]){ batch, s.frames, s.bins, 2 });
    struct complexes line = { NEW_ARRAY(call->scratch, double, (size_t)s.length),
                              NEW_ARRAY(call->scratch, double, (size_t)s.length) };
    for (int64_t frame = 0; frame < batch * s.frames; frame++) {
        int64_t first = frame / s.frames * s.signal->dims[1] + frame % s.frames * s.step;
        for (int64_t j = 0; j < s.length; j++) {
            double weight = s.window ? element_real(s.window, j) : 1;
            line.re[j] = weight * element_real(s.signal, (first + j) * parts);
            line.im[j] = parts == 2 ? weight * element_real(s.signal, (first + j) * parts + 1) : 0;
        }
        fourier_run(fourier, line, false);
        for (int64_t k = 0; k < s.bins; k++) {
            element_put(y, (frame * s.bins + k) * 2, line.re[k]);
            element_put(y, (frame * s.bins + k) * 2 + 1, line.im[k]);
        }
    }
    return true;
}

/* ---- Windows ---- */

/* w(n) = a - b cos(2 pi n / N) + c cos(4 pi n / N), N the size, or one less for a symmetric window. */
struct window {
    double a, b, c;
};

static const struct window hann = { 0.5, 0.5, 0 };
static const struct window hamming = { 25.0 / 46, 21.0 / 46, 0 };
static const struct window blackman = { 0.42, 0.5, 0.08 };

/* An output of the type that output_datatype names, made in double whatever the run. */
static struct array *typed_output(struct call *call, int rank, const int64_t *dims)
{
    int64_t type = node_int(call->node, "output_datatype", DTYPE_FLOAT);
    bool whole = dtype_kind(type) == KIND_WHOLE;
    if (!whole && dtype_kind(type) != KIND_REAL) {
        call_fail(call, "cannot make numbers of type %lld", (long long)type);
        return NULL;
    }
    struct array *array = array_new(call->pool, (enum dtype)type, whole ? STORE_I64 : STORE_F64, rank, dims);
    call_give(call, 0, array);
    return array;
}

static bool window(struct call *call)
{
    const struct window *window = call->row->data;
    int64_t size = -1;
    if (!read_whole(call, 0, "its size", &size)) return false;
    if (size < 0) return call_fail(call, "needs a size of 0 or more");
    CALL_WORK(call, size, 5, WORK_ELEMENT); /* two cosines */
    struct array *y = typed_output(call, 1, &size);
    if (!y) return false;
    int64_t period = node_int(call->node, "periodic", 1) ? size : size - 1;
    for (int64_t n = 0; n < size; n++) {
        double angle = period > 0 ? 2 * M_PI * (double)n / (double)period : M_PI;
        element_put(y, n, window->a - window->b * cos(angle) + window->c * cos(2 * angle));
    }
    return true;
}

/* ---- MelWeightMatrix ---- */

static double mel_of(double hertz)
{
    return 2595 * log10(1 + hertz / 700);
}

static double hertz_of(double mel)
{
    return 700 * (pow(10, mel / 2595) - 1);
}

struct mel {
    int64_t bands, length, rate, bins;
    double low, high;
};

static bool read_mel(struct call *call, struct mel *mel)
{
    const struct array *low = call_input(call, 3), *high = call_input(call, 4);
    mel->bands = mel->length = mel->rate = -1;
    if (!read_whole(call, 0, "num_mel_bins", &mel->bands) || !read_whole(call, 1, "dft_length", &mel->length)
        || !read_whole(call, 2, "sample_rate", &mel->rate))
        return false;
    if (mel->bands < 0 || mel->bands > INT32_MAX || mel->length < 0 || mel->length > INT32_MAX || mel->rate < 1)
        return call_fail(call, "needs num_mel_bins and dft_length of 0 or more and a sample_rate");
    if (!low || !high || !is_real(low) || !is_real(high) || low->count != 1 || high->count != 1)
        return call_fail(call, "takes its edges as one real number each");
    mel->low = mel_of(element_real(low, 0));
    mel->high = mel_of(element_real(high, 0));
    mel->bins = mel->length / 2 + 1;
    return true;
}

/* The spectrogram bin that edge `i` of bands + 2 falls in; -1 when it is outside the spectrogram. */
static int64_t mel_edge(const struct mel *mel, int64_t i)
{
    double step = (mel->high - mel->low) / (double)(mel->bands + 2);
    double bin = floor((double)(mel->length + 1) * hertz_of((double)i * step + mel->low) / (double)mel->rate);
    return bin >= 0 && bin < (double)mel->bins ? (int64_t)bin : -1;
}

/* A triangle over three edges with its peak of 1 at the middle one. */
static void put_band(const struct mel *mel, struct array *y, int64_t band, const int64_t *edge)
{
    int64_t rise = edge[1] - edge[0], fall = edge[2] - edge[1];
    if (rise == 0) element_put(y, edge[1] * mel->bands + band, 1);
    for (int64_t j = edge[0]; rise > 0 && j <= edge[1]; j++)
        element_put(y, j * mel->bands + band, (double)(j - edge[0]) / (double)rise);
    for (int64_t j = edge[1]; fall > 0 && j < edge[2]; j++)
        element_put(y, j * mel->bands + band, (double)(edge[2] - j) / (double)fall);
}

static bool mel_weight_matrix(struct call *call)
{
    struct mel mel = { 0 };
    if (!read_mel(call, &mel)) return false;
    struct array *y = typed_output(call, 2, (int64_t[]){ mel.bins, mel.bands });
    if (!y) return false;
    for (int64_t i = 0; i < y->count; i++) element_put(y, i, 0);
    for (int64_t band = 0; band < mel.bands; band++) {
        int64_t edge[] = { mel_edge(&mel, band), mel_edge(&mel, band + 1), mel_edge(&mel, band + 2) };
        if (edge[0] < 0 || edge[1] < 0 || edge[2] < 0)
            return call_fail(call, "has band %lld outside of its %lld spectrogram bins", (long long)band,
                             (long long)mel.bins);
        put_band(&mel, y, band, edge);
    }
    return true;
}

/* ---- shapes ---- */

static bool shape_window_function(struct shaping *s)
{
    const struct dim *size = input_content(s, 0);
    struct dim dim = symbol_dim(s, size && symbol_minimum(s->symbols, size[0].symbol) >= 0 ? size[0].symbol : 0);
    return set_output(s, 0, type_attribute(s, "output_datatype", DTYPE_FLOAT), 1, &dim);
}

/* Half of a spectrum that is its own mirror image: n/2 + 1. */
static struct dim one_side(struct shaping *s, struct dim length)
{
    int half = symbol_divide(s->symbols, dim_symbol(s, length), symbol_number(s->symbols, 2));
    return add_to_dim(s, symbol_dim(s, half), 1);
}

/* A length that an input gives, else `absent`; fresh where the input is not known. */
static struct dim given_length(struct shaping *s, size_t slot, struct dim absent)
{
    int64_t number;
    if (!node_input(s->node, slot)) return absent;
    return input_number(s, slot, &number) ? number_dim(number) : fresh_dim(s);
}

static bool shape_dft(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), at;
    bool inverse = node_int(s->node, "inverse", 0) != 0, onesided = node_int(s->node, "onesided", 0) != 0;
    bool by_input = s->node->opset >= 20;
    int64_t axis = by_input ? -2 : node_int(s->node, "axis", 1);
    if (rank < 0) return shape_any(s);
    if (by_input && node_input(s->node, 2) && !input_number(s, 2, &axis)) return set_rank(s, 0, rule_type(s), rank);
    if (!normal_axis(axis, rank, &at) || at == rank - 1) return false;
    memcpy(dims, input_dims(s, 0), (size_t)rank * sizeof *dims);
    struct dim whole = inverse && onesided ? scale_dim(s, add_to_dim(s, dims[at], -1), 2) : dims[at];
    whole = given_length(s, 1, whole);
    dims[at] = onesided && !inverse ? one_side(s, whole) : whole;
    dims[rank - 1] = number_dim(onesided && inverse ? 1 : 2);
    return set_output(s, 0, rule_type(s), rank, dims);
}

/* [batch, frames, bins, 2]; frames = 1 + (signal - length) / step */
static bool shape_stft(struct shaping *s)
{
    int64_t step = 0;
    if (input_rank(s, 0) != 3) return input_rank(s, 0) < 0 && set_rank(s, 0, rule_type(s), 4);
    struct dim signal = input_dim(s, 0, 1), frames = fresh_dim(s);
    struct dim length = input_rank(s, 2) == 1 ? input_dim(s, 2, 0) : node_input(s->node, 2) ? fresh_dim(s) : signal;
    length = given_length(s, 3, length);
    if (input_number(s, 1, &step) && step > 0) {
        int room = symbol_subtract(s->symbols, dim_symbol(s, signal), dim_symbol(s, length));
        int more = symbol_divide(s->symbols, room, symbol_number(s->symbols, step));
        frames = symbol_dim(s, symbol_add(s->symbols, more, symbol_number(s->symbols, 1)));
    }
    struct dim bins = node_int(s->node, "onesided", 1) ? one_side(s, length) : length;
    return set_output(s, 0, rule_type(s), 4, (struct dim[]){ input_dim(s, 0, 0), frames, bins, number_dim(2) });
}

static bool shape_mel_weight_matrix(struct shaping *s)
{
    struct dim bands = given_length(s, 0, fresh_dim(s)), length = given_length(s, 1, fresh_dim(s));
    return set_output(s, 0, type_attribute(s, "output_datatype", DTYPE_FLOAT), 2,
                      (struct dim[]){ one_side(s, length), bands });
}

const struct operator_row signal_operators[] = {
    { "BlackmanWindow", 17, LATEST, .run = window, .data = &blackman, .shape = shape_window_function, .sizes = SLOT(0),
      .schemas = SCHEMAS({ 17, LATEST, ".i > .", "output_datatype:e=nh periodic:i" }) },
    { "DFT", 17, LATEST, .gradient = gradient_dft, .run = dft, .shape = shape_dft, .sizes = SLOT(1) | SLOT(2),
      .schemas = SCHEMAS({ 17, 19, "Tfh ?.i > T", "axis:i inverse:i onesided:i" },
                         { 20, LATEST, "Tfh ?.i ?i64 > T", "inverse:i onesided:i" }) },
    { "HammingWindow", 17, LATEST, .run = window, .data = &hamming, .shape = shape_window_function, .sizes = SLOT(0),
      .schemas = SCHEMAS({ 17, LATEST, ".i > .", "output_datatype:e=nh periodic:i" }) },
    { "HannWindow", 17, LATEST, .run = window, .data = &hann, .shape = shape_window_function, .sizes = SLOT(0),
      .schemas = SCHEMAS({ 17, LATEST, ".i > .", "output_datatype:e=nh periodic:i" }) },
    { "MelWeightMatrix", 17, LATEST, .run = mel_weight_matrix, .shape = shape_mel_weight_matrix,
      .sizes = SLOT(0) | SLOT(1) | SLOT(2) | SLOT(3) | SLOT(4),
      .schemas = SCHEMAS({ 17, LATEST, "Ti T T Ufh U > .", "output_datatype:e=nh" }) },
    { "STFT", 17, LATEST, .run = stft, .shape = shape_stft, .sizes = SLOT(1) | SLOT(3),
      .schemas = SCHEMAS({ 17, LATEST, "Tfh Ui ?T ?U > T", "onesided:i" }) },
    { 0 },
};
