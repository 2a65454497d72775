/* SPDX-License-Identifier: Apache-2.0
 *
 * Thresholds, keys and splits, as tensors over what the model stores. See threshold.h. */
#include "check/threshold.h"

#include "check/measure.h"
#include "onnx/graph/operator.h"

#include <math.h>
#include <string.h>

/* ---- the same numbers ---- */

void follow(struct followed *followed, const struct value *value)
{
    for (size_t i = 0; i < followed->count; i++)
        if (followed->values[i] == value) return;
    if (value && followed->count < MAX_FOLLOWED) followed->values[followed->count++] = value;
}

bool passes_numbers_on(const struct use *use)
{
    if (!use->node || !use->node->row) return false;
    return use->node->row->passes == ALL_SLOTS || (use->slot < 32 && use->node->row->passes & SLOT(use->slot));
}

/* What a call passes is a parameter of the function; and what a loop starts with or steps through, one of its body, at
 * the same place. */
void follow_use(struct followed *followed, const struct use *use)
{
    const struct node *node = use->node;
    if (passes_numbers_on(use)) follow(followed, node_output(node, 0));
    if (node->function && use->slot < node->function->input_count) follow(followed, node->function->inputs[use->slot]);
    for (size_t i = 0; i < node->inner_count; i++)
        if (use->slot < node->inner[i]->input_count) follow(followed, node->inner[i]->inputs[use->slot]);
}

/* ---- what they are held against ---- */

static void add(struct thresholds *thresholds, const struct tensor *tensor)
{
    if (!tensor || tensor->count <= 0) return;
    if (thresholds->count == thresholds->space) {
        size_t space = 2 * thresholds->space + 4;
        thresholds->list =
            arena_grow(thresholds->arena, thresholds->list, thresholds->space, space, sizeof *thresholds->list);
        thresholds->space = space;
    }
    thresholds->list[thresholds->count++] = *tensor;
}

static void add_list(struct thresholds *thresholds, enum dtype type, const void *bytes, size_t count)
{
    int64_t *dims = NEW_ARRAY(thresholds->arena, int64_t, 1);
    dims[0] = (int64_t)count;
    add(thresholds, &(struct tensor){ .type = type, .rank = 1, .count = dims[0], .dims = dims, .bytes = bytes });
}

static void add_texts(struct thresholds *thresholds, const ProtobufCBinaryData *texts, size_t count)
{
    char **strings = NEW_ARRAY(thresholds->arena, char *, count);
    /* model.c ends each with a NUL, but has no bytes of an empty one. */
    for (size_t i = 0; i < count; i++) strings[i] = texts[i].len ? (char *)texts[i].data : "";
    add(thresholds, &(struct tensor){ .type = DTYPE_STRING, .count = (int64_t)count, .strings = strings });
}

/* Keys and splits stand in lists; a single number is an option, unless the row says otherwise. */
static void add_attribute(struct thresholds *thresholds, const struct node *node,
                          const BnfuseOnnx__AttributeProto *attribute)
{
    const struct model *model = node->graph->net->model;
    const char *fixed = node->row->fixed_attribute;
    struct tensor tensor;
    if (attribute->has_f && fixed && strcmp(fixed, attribute->name) == 0)
        add_list(thresholds, DTYPE_FLOAT, &attribute->f, 1);
    add_list(thresholds, DTYPE_FLOAT, attribute->floats, attribute->n_floats);
    add_list(thresholds, DTYPE_INT64, attribute->ints, attribute->n_ints);
    if (attribute->n_strings) add_texts(thresholds, attribute->strings, attribute->n_strings);
    if (attribute->t && tensor_from_proto(&tensor, thresholds->arena, model, attribute->t, NULL))
        add(thresholds, &tensor);
}

/* A comparison gives flags; and some operators compare what they choose by with a number. */
static const struct tensor *threshold_in(const struct node *node, size_t slot, const struct value *value)
{
    struct value *other = node_input(node, slot);
    const struct tensor *constant =
        other && other != value && other->type == value->type ? value_constant(other) : NULL;
    bool steers = constant && constant->count == 1 && slot < 32 && node->row->sizes & SLOT(slot);
    return node->row->type == DTYPE_BOOL || steers ? constant : NULL;
}

static void add_of_reader(struct thresholds *thresholds, const struct value *value, const struct use *use)
{
    const struct node *node = use->node;
    if (!node->row || passes_numbers_on(use)) return;
    for (size_t slot = 0; slot < node->input_count; slot++) add(thresholds, threshold_in(node, slot, value));
    for (size_t i = 0; i < node->proto->n_attribute; i++) add_attribute(thresholds, node, node->proto->attribute[i]);
}

void thresholds_collect(struct thresholds *thresholds, const struct value *value)
{
    struct followed followed = { .count = 0 };
    follow(&followed, value);
    for (size_t done = 0; done < followed.count; done++)
        for (const struct use *use = followed.values[done]->uses; use; use = use->next) {
            if (!use->node) continue;
            add_of_reader(thresholds, followed.values[done], use);
            follow_use(&followed, use);
        }
}

bool thresholds_have(const struct thresholds *thresholds, enum kind kind)
{
    for (size_t i = 0; i < thresholds->count; i++)
        if (dtype_kind(thresholds->list[i].type) == kind) return true;
    return false;
}

bool thresholds_number(const struct thresholds *thresholds)
{
    enum { MOST_READ = 64 };
    int64_t number;
    for (size_t i = 0; i < thresholds->count; i++) {
        const struct tensor *tensor = &thresholds->list[i];
        for (int64_t k = 0; dtype_kind(tensor->type) == KIND_WHOLE && k < tensor->count && k < MOST_READ; k++)
            if (tensor_read_whole(tensor, k, 1, &number, NULL) && number != 0 && number != 1) return true;
    }
    return false;
}

/* ---- one of them ---- */

/* The first of the kind from a place on that the bits choose. */
static const struct tensor *choose(const struct thresholds *thresholds, enum kind kind, uint64_t bits)
{
    for (size_t i = 0; i < thresholds->count; i++) {
        const struct tensor *tensor = &thresholds->list[(bits + i) % thresholds->count];
        if (dtype_kind(tensor->type) == kind) return tensor;
    }
    return NULL;
}

/* What is compared element by element has its own threshold at the place, counted from the end. */
static int64_t choose_element(const struct tensor *tensor, const struct threshold_choice *choice)
{
    const uint64_t any = choice->element >> 1;
    return choice->element & 1 ? choice->place % tensor->count : (int64_t)(any % (uint64_t)tensor->count);
}

static bool is_above(const struct threshold_choice *choice)
{
    return choice->which >> 32 & 1;
}

/* Whole, or of a few bits: 0, 0.5 and 100000 are meant as they are, unless they were rounded to another precision. */
static bool is_meant(double number)
{
    float rounded = (float)number;
    uint32_t bits;
    memcpy(&bits, &rounded, sizeof bits);
    return number == floor(number) || ((double)rounded == number && (bits & 0xffff) == 0);
}

/* The largest number of a type says that there is no limit. */
#define LARGEST_MEANT 1e9

bool thresholds_real(const struct thresholds *thresholds, const struct threshold_choice *choice, double *number)
{
    const struct tensor *tensor = choose(thresholds, KIND_REAL, choice->which);
    if (!tensor || !tensor_read_real(tensor, choose_element(tensor, choice), 1, number, NULL)) return false;
    if (!(fabs(*number) <= LARGEST_MEANT)) return false;
    if (choice->meets) return thresholds->precision == DTYPE_UNDEFINED && is_meant(*number);
    const double beside = 4 * fmax(resolution_of(tensor->type), resolution_of(thresholds->precision));
    *number *= is_above(choice) ? 1 + beside : 1 - beside;
    return *number != 0;
}

bool thresholds_whole(const struct thresholds *thresholds, const struct threshold_choice *choice, int64_t *number)
{
    const struct tensor *tensor = choose(thresholds, KIND_WHOLE, choice->which);
    if (!tensor || !tensor_read_whole(tensor, choose_element(tensor, choice), 1, number, NULL)) return false;
    if (choice->meets) return true;
    if (is_above(choice) && *number < INT64_MAX) ++*number;
    else if (*number > INT64_MIN) --*number;
    return true;
}

const char *thresholds_text(const struct thresholds *thresholds, const struct threshold_choice *choice)
{
    const struct tensor *tensor = choose(thresholds, KIND_STRING, choice->which);
    return tensor ? tensor->strings[choose_element(tensor, choice)] : NULL;
}
