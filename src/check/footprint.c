/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows, strides and fixed sizes of a site. See footprint.h. */
#include "check/footprint.h"

#include "onnx/graph/attr.h"
#include "onnx/graph/operator.h"
#include "runtime/plan.h"

#include <math.h>

enum { LARGEST = 4096, FEW = 64 };

static void pin(struct footprint *footprint, int64_t n)
{
    if (n < 2 || footprint_pins(footprint, n)) return;
    if (footprint->pinned_count == MOST_PINNED) footprint->is_unknown = true;
    else footprint->pinned[footprint->pinned_count++] = n;
}

static int64_t largest_of(const int64_t *values, size_t count)
{
    int64_t largest = 1;
    for (size_t i = 0; i < count; i++) largest = values[i] > largest ? values[i] : largest;
    return largest;
}

static int64_t largest_int(const struct node *node, const char *name)
{
    const int64_t *values;
    size_t count = node_ints(node, name, &values);
    return largest_of(values, count);
}

/* A kernel without an attribute for its shape has that of its weight. */
static int64_t kernel_of(const struct node *node)
{
    const struct value *weight = node->input_count > 1 ? node->inputs[1].value : NULL;
    int64_t kernel = largest_int(node, "kernel_shape");
    if (kernel > 1 || !node_attribute(node, "strides") || !weight || !weight->initializer) return kernel;
    const struct tensor *tensor = weight->initializer;
    return tensor->rank > 2 ? largest_of(tensor->dims + 2, (size_t)tensor->rank - 2) : kernel;
}

/* What one window widens is at most its extent times the strides before it, and those are at most all of them. */
static void add_window(struct footprint *footprint, const struct node *node)
{
    int64_t extent, stride = largest_int(node, "strides");
    if (!size_multiply(kernel_of(node) - 1, largest_int(node, "dilations"), &extent)
        || !size_multiply(footprint->step, stride, &footprint->step) || footprint->step > LARGEST
        || !size_multiply(extent, footprint->step, &extent) || extent > LARGEST - footprint->extent)
        footprint->is_unknown = true;
    else footprint->extent += extent;
}

static void add_limit(struct footprint *footprint, double limit)
{
    if (fabs(limit) < 1e6) footprint->reach = fmax(footprint->reach, fabs(limit));
}

static void add_attributes(struct footprint *footprint, const struct node *node)
{
    for (size_t i = 0; i < node->proto->n_attribute; i++) {
        const BnfuseOnnx__AttributeProto *attribute = node->proto->attribute[i];
        for (size_t k = 0; k < attribute->n_ints; k++) pin(footprint, attribute->ints[k]);
        if (node->row && node->row->hides) add_limit(footprint, (double)attribute->f);
    }
}

static void add_constant(struct footprint *footprint, const struct tensor *constant)
{
    int64_t whole[FEW];
    double real[FEW];
    for (int axis = 0; axis < constant->rank; axis++) pin(footprint, constant->dims[axis]);
    if (constant->count > FEW) return;
    if (dtype_kind(constant->type) == KIND_WHOLE && tensor_read_whole(constant, 0, constant->count, whole, NULL))
        for (int64_t i = 0; i < constant->count; i++) pin(footprint, whole[i]);
    if (constant->count <= 4 && dtype_kind(constant->type) == KIND_REAL
        && tensor_read_real(constant, 0, constant->count, real, NULL))
        for (int64_t i = 0; i < constant->count; i++) add_limit(footprint, real[i]);
}

static void add_schedule(struct footprint *footprint, const struct schedule *schedule);

static void add_step(struct footprint *footprint, const struct step *step)
{
    const struct node *node = step->node;
    footprint->is_unknown |= node->inner_count > 0;
    footprint->hides |= node->inner_count > 0 || (node->row && node->row->hides);
    if (step->function) add_schedule(footprint, step->function);
    if (node->proto) add_attributes(footprint, node);
    add_window(footprint, node);
    for (size_t i = 0; i < node->input_count; i++) {
        struct value *value = node->inputs[i].value;
        const struct tensor *constant = !value ? NULL : value->initializer ? value->initializer : value_constant(value);
        if (constant) add_constant(footprint, constant);
    }
}

static void add_schedule(struct footprint *footprint, const struct schedule *schedule)
{
    for (size_t i = 0; i < schedule->step_count; i++) add_step(footprint, schedule->steps[i]);
}

/* The two parts of a site read alike, so the wider of them counts. */
void footprint_add(struct footprint *footprint, const struct plan *plan)
{
    struct footprint part = *footprint;
    part.extent = part.step = 1;
    add_schedule(&part, plan->schedule);
    if (footprint->extent > part.extent) part.extent = footprint->extent;
    if (footprint->step > part.step) part.step = footprint->step;
    *footprint = part;
}

bool footprint_pins(const struct footprint *footprint, int64_t n)
{
    for (size_t i = 0; i < footprint->pinned_count; i++)
        if (footprint->pinned[i] == n) return true;
    return false;
}

int64_t footprint_least(const struct footprint *footprint)
{
    int64_t least = footprint->extent + footprint->step;
    return least < 3 ? 3 : least;
}

int64_t footprint_below(const struct footprint *footprint)
{
    return footprint->extent / 2 > 0 ? footprint->extent / 2 : 1;
}

int64_t footprint_size(const struct footprint *footprint, int64_t n)
{
    int64_t least = footprint_least(footprint);
    if (footprint->is_unknown || n <= least + footprint->step) return n;
    return least + (n - least) % footprint->step;
}
