/* SPDX-License-Identifier: Apache-2.0
 *
 * Detection: NonMaxSuppression and RoiAlign. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/kernel.h"
#include "runtime/math/order.h"
#include "runtime/ops/operators.h"

#include <math.h>
#include <string.h>

/* ---- NonMaxSuppression ---- */

struct box {
    double left, right, top, bottom;
};

/* Corners in any diagonal order (y1, x1, y2, x2), or center and size (x, y, w, h). */
static struct box read_box(const struct array *boxes, int64_t at, bool centerd)
{
    double a = element_real(boxes, at), b = element_real(boxes, at + 1);
    double c = element_real(boxes, at + 2), d = element_real(boxes, at + 3);
    if (centerd) return (struct box){ a - c / 2, a + c / 2, b - d / 2, b + d / 2 };
    return (struct box){ fmin(b, d), fmax(b, d), fmin(a, c), fmax(a, c) };
}

/* Intersection over union; 0 for boxes that do not overlap or have no area. */
static double overlap(struct box a, struct box b)
{
    double width = fmin(a.right, b.right) - fmax(a.left, b.left);
    double height = fmin(a.bottom, b.bottom) - fmax(a.top, b.top);
    if (!(width > 0) || !(height > 0)) return 0;
    double shared = width * height;
    double area_a = (a.right - a.left) * (a.bottom - a.top), area_b = (b.right - b.left) * (b.bottom - b.top);
    double all = area_a + area_b - shared;
    return area_a > 0 && area_b > 0 && all > 0 ? shared / all : 0;
}

struct suppression {
    const struct array *boxes, *scores;
    int64_t most;      /* boxes per batch element and class */
    double iou, score; /* thresholds; -infinity where a score of any size will do */
    bool centerd;
    struct box *kept; /* room for the boxes of one class */
    uint64_t *keys;
    int64_t *order;
    int64_t *selected, count, room; /* triples (batch, class, box) */
};

static void select_box(struct call *call, struct suppression *s, int64_t batch, int64_t class, int64_t box)
{
    if (s->count == s->room) {
        int64_t room = s->room ? 2 * s->room : 64;
        s->selected =
            arena_grow(call->scratch, s->selected, 3 * (size_t)s->count, 3 * (size_t)room, sizeof *s->selected);
        s->room = room;
    }
    int64_t *triple = s->selected + 3 * s->count++;
    triple[0] = batch;
    triple[1] = class;
    triple[2] = box;
}

/* Boxes of one class, best score first, each kept unless it overlaps one kept before. A score equal to the threshold
 * does not pass: that is how every known implementation reads the specification, and zero scores meet it often. */
static void suppress(struct call *call, struct suppression *s, int64_t batch, int64_t class)
{
    int64_t boxes = s->boxes->dims[1], candidates = 0, kept = 0;
    int64_t scores = (batch * s->scores->dims[1] + class) * boxes;
    for (int64_t i = 0; i < boxes; i++) s->keys[i] = order_key(s->scores, scores + i);
    order_best(s->keys, boxes, boxes, s->order);
    while (candidates < boxes && kept < s->most) {
        int64_t box = s->order[candidates++];
        if (!(element_real(s->scores, scores + box) > s->score)) continue;
        struct box candidate = read_box(s->boxes, (batch * boxes + box) * 4, s->centerd);
        bool covered = false;
        for (int64_t i = 0; i < kept && !covered; i++) {
            double iou = overlap(candidate, s->kept[i]);
            covered = (call->exact ? iou : (double)(float)iou) > s->iou;
        }
        if (covered) continue;
        s->kept[kept++] = candidate;
        select_box(call, s, batch, class, box);
    }
}

static bool read_threshold(struct call *call, size_t slot, double absent, double *value)
{
    const struct array *input = call_input(call, slot);
    *value = absent;
    if (!input) return true;
    if (!is_real(input) || input->count > 1) return call_fail(call, "takes input %zu as one real number", slot + 1);
    if (input->count == 1) *value = element_real(input, 0);
    return true;
}

static bool read_suppression(struct call *call, struct suppression *s)
{
    const struct array *boxes = call_input(call, 0), *scores = call_input(call, 1), *most = call_input(call, 2);
    if (!boxes || !scores || !is_real(boxes) || !is_real(scores) || boxes->rank != 3 || scores->rank != 3
        || boxes->dims[2] != 4)
        return call_fail(call, "takes boxes as [batch, boxes, 4] and scores as [batch, classes, boxes]");
    if (scores->dims[0] != boxes->dims[0] || scores->dims[2] != boxes->dims[1])
        return call_fail(call, "has boxes [%lld, %lld, 4] and scores [%lld, %lld, %lld]", (long long)boxes->dims[0],
                         (long long)boxes->dims[1], (long long)scores->dims[0], (long long)scores->dims[1],
                         (long long)scores->dims[2]);
    if (most && (!is_whole(most) || most->count > 1))
        return call_fail(call, "takes max_output_boxes_per_class as one whole number");
    s->boxes = boxes;
    s->scores = scores;
    s->most = most && most->count == 1 ? most->i64[0] : 0;
    s->centerd = node_int(call->node, "center_point_box", 0) != 0;
    return read_threshold(call, 3, 0, &s->iou) && read_threshold(call, 4, -INFINITY, &s->score);
}

static bool non_max_suppression(struct call *call)
{
    struct suppression s = { 0 };
    if (!read_suppression(call, &s)) return false;
    if (s.most > s.boxes->dims[1]) s.most = s.boxes->dims[1];
    if (s.most > 0 && s.scores->count > 0) {
        size_t boxes = (size_t)s.boxes->dims[1];
        s.kept = NEW_ARRAY(call->scratch, struct box, (size_t)s.most);
        s.keys = NEW_ARRAY(call->scratch, uint64_t, boxes);
        s.order = NEW_ARRAY(call->scratch, int64_t, boxes);
        CALL_WORK(call, s.scores->count, s.most + WORK_ELEMENT, WORK_ELEMENT);
        for (int64_t batch = 0; batch < s.scores->dims[0]; batch++)
            for (int64_t class = 0; class < s.scores->dims[1]; class ++) suppress(call, &s, batch, class);
    }
    struct array *selected = call_output(call, 0, DTYPE_INT64, 2, (int64_t[]){ s.count, 3 });
    if (s.count > 0) memcpy(selected->i64, s.selected, 3 * (size_t)s.count * sizeof *s.selected);
    return true;
}

/* ---- RoiAlign ---- */

#define MOST_SAMPLES (1 << 22) /* of one region; real ones have some thousands */

/* One sample point: four neighbors and their weights. */
struct sample {
    int64_t at[4];
    double weight[4];
};

struct align {
    const struct array *x, *rois, *batch;
    int64_t channels, height, width, out_height, out_width, ratio;
    double scale, shift;
    bool half_pixel, max;
    struct sample *samples; /* of one region, bin after bin */
    int64_t room;
};

/* Along one axis: the two neighbors of a coordinate and the weight of the second; false outside the map. */
static bool neighbors(double at, int64_t size, int64_t *low, int64_t *high, double *weight)
{
    if (!(at >= -1.0 && at <= (double)size)) return false;
    at = fmax(at, 0);
    *low = (int64_t)at;
    if (*low >= size - 1) {
        *low = *high = size - 1;
        *weight = 0;
    } else {
        *high = *low + 1;
        *weight = at - (double)*low;
    }
    return true;
}

static struct sample make_sample(const struct align *align, double y, double x)
{
    int64_t top, bottom, left, right;
    double down, across;
    struct sample sample = { 0 };
    if (!neighbors(y, align->height, &top, &bottom, &down) || !neighbors(x, align->width, &left, &right, &across))
        return sample;
    return (struct sample){ { top * align->width + left, top * align->width + right, bottom * align->width + left,
                              bottom * align->width + right },
                            { (1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across } };
}

/* A region along one axis: start, size of a bin, samples in a bin (not yet whole). */
struct extent {
    double start, bin, grid;
};

static struct extent region_extent(const struct align *align, double from, double to, int64_t bins)
{
    double start = from * align->scale - align->shift, size = to * align->scale - align->shift - start;
    if (!align->half_pixel) size = fmax(size, 1);
    double bin = size / (double)bins;
    return (struct extent){ start, bin, align->ratio > 0 ? (double)align->ratio : ceil(bin) };
}

static bool region_samples(struct call *call, struct align *align, int64_t roi, int64_t *rows, int64_t *columns)
{
    const struct array *rois = align->rois;
    struct extent across =
        region_extent(align, element_real(rois, 4 * roi), element_real(rois, 4 * roi + 2), align->out_width);
    struct extent down =
        region_extent(align, element_real(rois, 4 * roi + 1), element_real(rois, 4 * roi + 3), align->out_height);
    double bins = (double)align->out_height * (double)align->out_width;
    double all = fmax(down.grid, 0) * fmax(across.grid, 0) * bins;
    if (!(all <= MOST_SAMPLES) || !isfinite(down.grid) || !isfinite(across.grid))
        return call_fail(call, "region %lld needs more than %d samples", (long long)roi, MOST_SAMPLES);
    *rows = down.grid > 0 ? (int64_t)down.grid : 0;
    *columns = across.grid > 0 ? (int64_t)across.grid : 0;
    int64_t count = *rows * *columns * align->out_height * align->out_width, next = 0;
    if (count > align->room) {
        align->samples = NEW_ARRAY(call->scratch, struct sample, (size_t)count);
        align->room = count;
    }
    for (int64_t bin = 0; count > 0 && bin < align->out_height * align->out_width; bin++) {
        double top = down.start + (double)(bin / align->out_width) * down.bin;
        double left = across.start + (double)(bin % align->out_width) * across.bin;
        for (int64_t iy = 0; iy < *rows; iy++)
            for (int64_t ix = 0; ix < *columns; ix++)
                align->samples[next++] = make_sample(align, top + ((double)iy + 0.5) * down.bin / (double)*rows,
                                                     left + ((double)ix + 0.5) * across.bin / (double)*columns);
    }
    return true;
}

/* The mean of the samples' values, or the greatest single weighted neighbor. */
static double pool_samples(const struct align *align, const struct sample *samples, int64_t count, int64_t plane)
{
    double result = 0;
    for (int64_t i = 0; i < count; i++) {
        double terms[4];
        for (int j = 0; j < 4; j++) terms[j] = samples[i].weight[j] * element_real(align->x, plane + samples[i].at[j]);
        double most = fmax(fmax(terms[0], terms[1]), fmax(terms[2], terms[3]));
        if (!align->max) result += terms[0] + terms[1] + terms[2] + terms[3];
        else if (i == 0 || most > result) result = most;
    }
    return align->max || count == 0 ? result : result / (double)count;
}

/* Adds to dx how much the loss grows with what the samples see, given how much it grows with what became of them. */
static void spread_samples(const struct align *align, const struct sample *samples, int64_t count, int64_t plane,
                           double grows, struct array *dx)
{
    int64_t best = 0; /* of all neighbors of all samples */
    double most = -INFINITY;
    for (int64_t i = 0; i < 4 * count; i++) {
        int64_t at = plane + samples[i / 4].at[i % 4];
        double weight = samples[i / 4].weight[i % 4], term = weight * element_real(align->x, at);
        if (term > most) best = i;
        most = fmax(most, term);
        if (!align->max) element_put(dx, at, element_real(dx, at) + grows * weight / (double)count);
    }
    if (!align->max || count == 0) return;
    int64_t at = plane + samples[best / 4].at[best % 4];
    element_put(dx, at, element_real(dx, at) + grows * samples[best / 4].weight[best % 4]);
}

static bool read_align(struct call *call, struct align *align)
{
    const struct array *x = call_input(call, 0), *rois = call_input(call, 1), *batch = call_input(call, 2);
    if (!x || !is_real(x) || x->rank != 4) return call_fail(call, "needs a real input of 4 dimensions");
    if (!rois || !is_real(rois) || rois->rank != 2 || rois->dims[1] != 4 || !batch || !is_whole(batch)
        || batch->count != rois->dims[0])
        return call_fail(call, "takes rois as [n, 4] and batch_indices as [n]");
    for (int64_t i = 0; i < batch->count; i++)
        if (batch->i64[i] < 0 || batch->i64[i] >= x->dims[0])
            return call_fail(call, "has batch index %lld with %lld batch elements", (long long)batch->i64[i],
                             (long long)x->dims[0]);
    const char *mode = node_text(call->node, "mode", "avg");
    const char *shift = node_text(call->node, "coordinate_transformation_mode", call->row->data);
    *align = (struct align){ .x = x,
                             .rois = rois,
                             .batch = batch,
                             .channels = x->dims[1],
                             .height = x->dims[2],
                             .width = x->dims[3],
                             .out_height = node_int(call->node, "output_height", 1),
                             .out_width = node_int(call->node, "output_width", 1),
                             .ratio = node_int(call->node, "sampling_ratio", 0),
                             .scale = (double)node_float(call->node, "spatial_scale", 1),
                             .max = strcmp(mode, "max") == 0,
                             .samples = NEW(call->scratch, struct sample),
                             .room = 1 };
    align->half_pixel = strcmp(shift, "half_pixel") == 0;
    align->shift = align->half_pixel ? 0.5 : 0;
    if (align->out_height < 1 || align->out_width < 1 || align->ratio < 0)
        return call_fail(call, "needs output_height and output_width of 1 or more and sampling_ratio of 0 or more");
    return true;
}

static bool roi_align(struct call *call)
{
    struct align align = { 0 };
    if (!read_align(call, &align)) return false;
    int64_t dims[] = { align.rois->dims[0], align.channels, align.out_height, align.out_width };
    struct array *y = call_output(call, 0, align.x->type, 4, dims);
    if (y->count == 0) return true;
    if (align.x->count == 0) return call_fail(call, "samples an empty feature map");
    for (int64_t roi = 0, next = 0; roi < dims[0]; roi++) {
        int64_t rows = 0, columns = 0;
        if (!region_samples(call, &align, roi, &rows, &columns)) return false;
        CALL_WORK(call, align.channels, dims[2] * dims[3], rows * columns + 1, WORK_ELEMENT);
        for (int64_t c = 0; c < align.channels; c++) {
            int64_t plane = (align.batch->i64[roi] * align.channels + c) * align.height * align.width;
            for (int64_t bin = 0; bin < dims[2] * dims[3]; bin++)
                element_put(y, next++,
                            pool_samples(&align, align.samples + bin * rows * columns, rows * columns, plane));
        }
    }
    return true;
}

/* By the input; what a region's corners do is not known. */
static void gradient_roi_align(struct backward *b)
{
    struct call *call = b->f.call;
    struct align align = { 0 };
    b->f.failed = !read_align(call, &align);
    if (b->f.failed) return;
    const struct array *dy = gradient_dy(b, 0);
    struct array *dx = gradient_zeros(b, align.x);
    int64_t bins = align.out_height * align.out_width;
    for (int64_t roi = 0, next = 0; roi < dy->dims[0] && dy->count > 0; roi++) {
        int64_t rows = 0, columns = 0;
        b->f.failed = !region_samples(call, &align, roi, &rows, &columns);
        if (b->f.failed) return;
        CALL_WORK(call, align.channels, bins, rows * columns + 1, WORK_ELEMENT);
        for (int64_t c = 0; c < align.channels; c++) {
            int64_t plane = (align.batch->i64[roi] * align.channels + c) * align.height * align.width;
            for (int64_t bin = 0; bin < bins; bin++)
                spread_samples(&align, align.samples + bin * rows * columns, rows * columns, plane,
                               element_real(dy, next++), dx);
        }
    }
    gradient_give(b, 0, dx);
}

/* ---- shapes ---- */

static bool shape_roi_align(struct shaping *s)
{
    struct dim dims[4] = { shape_first_dim(s, 1), shape_channel_dim(s),
                           number_dim(node_int(s->node, "output_height", 1)),
                           number_dim(node_int(s->node, "output_width", 1)) };
    return set_output(s, 0, rule_type(s), 4, dims);
}

static bool shape_non_max_suppression(struct shaping *s)
{
    struct dim dims[2] = { fresh_dim(s), number_dim(3) };
    return set_output(s, 0, DTYPE_INT64, 2, dims);
}

const struct operator_row detect_operators[] = {
    { "NonMaxSuppression", 10, LATEST, .limits = { [3] = LIMIT_SHARE }, .run = non_max_suppression,
      .shape = shape_non_max_suppression, .hides = true, .sizes = SLOT(2) | SLOT(3) | SLOT(4),
      .schemas = SCHEMAS({ 10, LATEST, "f32[bn4] f32[b_n] ?i64[1] ?f32[1] ?f32[1] > i64", "center_point_box:b" }) },
    /* Two rows: the same node means another thing from opset 16 on. */
    { "RoiAlign", 10, 15, .gradient = gradient_roi_align, .run = roi_align, .data = "output_half_pixel",
      .shape = shape_roi_align, .fixed_attribute = "spatial_scale", .sizes = SLOT(1) | SLOT(2),
      .schemas =
          SCHEMAS({ 10, 15, "Tf[____] T[r4] i64[r] > T",
                    "mode:s=avg|max output_height:n output_width:n sampling_ratio:i spatial_scale:f" },
                  { 16, LATEST, "Tf22h[____] T[r4] i64[r] > T",
                    "coordinate_transformation_mode:s=half_pixel|output_half_pixel mode:s=avg|max output_height:n "
                    "output_width:n "
                    "sampling_ratio:i spatial_scale:f" }) },
    { "RoiAlign", 16, LATEST, .gradient = gradient_roi_align, .run = roi_align, .data = "half_pixel",
      .shape = shape_roi_align, .fixed_attribute = "spatial_scale", .sizes = SLOT(1) | SLOT(2) },
    { 0 },
};
