/* SPDX-License-Identifier: Apache-2.0
 *
 * A run report read from JSON. Strings stay in the JSON tree, which lives as long as the report; lists are blocks in a
 * chain. A member that is absent or null is "", 0 or NaN: a newer program may leave out what this one knows. */
#include "report/json_text.h"
#include "report/report.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct block {
    struct block *next;
    max_align_t bytes[];
};

struct kept {
    struct run_report run; /* first: the address of both is one */
    json_t *root;
    struct block *blocks;
    bool failed; /* no memory */
};

static void *kept_alloc(struct kept *kept, size_t count, size_t size)
{
    struct block *block = calloc(1, sizeof *block + (count + 1) * size);
    if (!block) {
        kept->failed = true;
        return NULL;
    }
    block->next = kept->blocks;
    kept->blocks = block;
    return block->bytes;
}

/* ---- members ---- */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static const char *text_or_null(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static int64_t whole_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* What is not finite is written as null, and so is what was not measured, -1. */
static double number_of(const json_t *object, const char *key, double if_null)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : if_null;
}

static bool flag_of(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

/* An array of pointers to structs of `size` bytes, each filled in from its element. */
static void *read_list(struct kept *kept, const json_t *list, size_t size, size_t *count,
                       void (*read)(struct kept *kept, const json_t *element, void *to))
{
    size_t all = json_array_size(list);
    void **pointers = kept_alloc(kept, all, sizeof *pointers);
    char *structs = kept_alloc(kept, all, size);
    *count = 0;
    for (size_t i = 0; pointers && structs && i < all; i++) {
        pointers[i] = structs + i * size;
        read(kept, json_array_get(list, i), pointers[i]);
        *count = i + 1;
    }
    return pointers;
}

/* ---- BatchNormalizations ---- */

/* BNF101: 101; 0 where it is none. */
static int number_of_code(const char *code)
{
    long number = strtol(code + strcspn(code, "0123456789"), NULL, 10);
    return number > 0 && number < 1000 ? (int)number : 0;
}

/* [{"direction": "upstream", "operators": [...], "code": "BNF106"}] as "upstream: ... (BNF106)". */
static const char *read_path(struct kept *kept, const json_t *list)
{
    size_t room = 1, i, k;
    json_t *step, *op;
    json_array_foreach(list, i, step)
    {
        room += strlen(text_of(step, "direction")) + sizeof "; : nothing ()" + strlen(text_of(step, "code"));
        json_array_foreach(json_object_get(step, "operators"), k, op) room += json_string_length(op) + sizeof " -> ";
    }
    char *path = kept_alloc(kept, room, 1), *at = path;
    if (!path) return "";
    json_array_foreach(list, i, step)
    {
        const json_t *operators = json_object_get(step, "operators");
        at += sprintf(at, "%s%s: %s", i ? "; " : "", text_of(step, "direction"),
                      json_array_size(operators) ? "" : "nothing");
        json_array_foreach(operators, k, op) at +=
            sprintf(at, "%s%s", k ? " -> " : "", json_string_value(op) ? json_string_value(op) : "");
        const char *code = text_of(step, "code");
        if (*code) at += sprintf(at, " (%s)", code);
    }
    return path;
}

static bnfuse_outcome outcome_of(const char *text)
{
    int outcome = 0;
    while (outcome < BNFUSE_OUTCOME_STAYS && strcmp(bnfuse_outcome_text((bnfuse_outcome)outcome), text) != 0) outcome++;
    return (bnfuse_outcome)outcome;
}

static void read_remark(struct kept *kept, const json_t *element, void *to)
{
    bnfuse_remark *remark = to;
    const char *code = text_of(element, "code");
    const char *where = json_string_value(json_array_get(json_object_get(element, "where"), 0));
    *remark = (bnfuse_remark){ .node = text_of(element, "node"),
                               .output = text_of(element, "output"),
                               .scope = text_of(element, "scope"),
                               .outcome = outcome_of(text_of(element, "outcome")),
                               .code = number_of_code(code),
                               .reason = text_of(element, "reason"),
                               .help = text_of(element, "help"),
                               .where = where ? where : "",
                               .detail = text_of(element, "detail"),
                               .path = read_path(kept, json_object_get(element, "path")) };
}

static void read_rewrite(struct kept *kept, const json_t *element, void *to)
{
    (void)kept;
    *(bnfuse_rewrite *)to = (bnfuse_rewrite){ .rule = text_of(element, "rule"),
                                              .node = text_of(element, "node"),
                                              .op = text_of(element, "op"),
                                              .scope = text_of(element, "scope"),
                                              .where = text_of(element, "where") };
}

static void read_count(struct kept *kept, const json_t *element, void *to)
{
    (void)kept;
    *(bnfuse_op_count *)to =
        (bnfuse_op_count){ text_of(element, "op"), whole_of(element, "before"), whole_of(element, "after") };
}

static void read_affines_left(struct kept *kept, const json_t *element, void *to)
{
    (void)kept;
    const char *code = text_of(element, "code");
    *(bnfuse_affines_left *)to =
        (bnfuse_affines_left){ (int)strtol(strlen(code) > 3 ? code + 3 : "", NULL, 10), text_of(element, "reason"),
                               (size_t)whole_of(element, "count") };
}

static void read_affines(struct kept *kept, const json_t *affines, bnfuse_report *report)
{
    report->affine_chains_folded = (size_t)whole_of(affines, "chains_folded");
    report->affines_folded = (size_t)whole_of(affines, "folded");
    report->affines_left = read_list(kept, json_object_get(affines, "left"), sizeof(bnfuse_affines_left),
                                     &report->affines_left_count, read_affines_left);
}

static bnfuse_size size_of(const json_t *root, const char *side)
{
    return (bnfuse_size){ whole_of(json_object_get(root, "nodes"), side),
                          whole_of(json_object_get(root, "parameters"), side),
                          (uint64_t)whole_of(json_object_get(root, "bytes"), side) };
}

static const char *const *read_texts(struct kept *kept, const json_t *list, size_t *count)
{
    const char **texts = kept_alloc(kept, json_array_size(list), sizeof *texts);
    for (*count = 0; texts && *count < json_array_size(list); ++*count) {
        const char *text = json_string_value(json_array_get(list, *count));
        texts[*count] = text ? text : "";
    }
    return texts;
}

static const bnfuse_report *read_report(struct kept *kept, const json_t *root)
{
    bnfuse_report *report = kept_alloc(kept, 1, sizeof *report);
    if (!report) return NULL;
    report->remarks = read_list(kept, json_object_get(root, "batch_normalizations"), sizeof(bnfuse_remark),
                                &report->remark_count, read_remark);
    report->ops =
        read_list(kept, json_object_get(root, "operators"), sizeof(bnfuse_op_count), &report->op_count, read_count);
    report->rewrites = read_list(kept, json_object_get(root, "rewrites"), sizeof(bnfuse_rewrite),
                                 &report->rewrite_count, read_rewrite);
    read_affines(kept, json_object_get(root, "affines"), report);
    report->folded = (size_t)whole_of(root, "folded");
    report->left = (size_t)whole_of(root, "left");
    report->before = size_of(root, "before");
    report->after = size_of(root, "after");
    report->multiply_adds_saved = whole_of(root, "multiply_adds_saved");
    report->grown = (uint64_t)whole_of(root, "grown_bytes");
    report->notes = read_texts(kept, json_object_get(root, "notes"), &report->note_count);
    return report;
}

/* ---- The check ---- */

static bnfuse_difference difference_of(const json_t *object)
{
    return (bnfuse_difference){ .largest = number_of(object, "largest", NAN),
                                .relative = number_of(object, "relative", NAN),
                                .root_mean_square = number_of(object, "root_mean_square", NAN),
                                .at = whole_of(object, "at"),
                                .shape_differs = flag_of(object, "shape_differs"),
                                .pattern_differs = flag_of(object, "pattern_differs"),
                                .degenerate = flag_of(object, "degenerate"),
                                .near_overflow = flag_of(object, "near_overflow"),
                                .compared = whole_of(object, "compared") };
}

/* null: not measured. */
static bnfuse_difference measured_of(const json_t *object)
{
    return json_is_object(object) ? difference_of(object) : (bnfuse_difference){ .relative = -1 };
}

static void read_site(struct kept *kept, const json_t *element, void *to)
{
    (void)kept;
    *(bnfuse_site *)to = (bnfuse_site){ .value = text_of(element, "value"),
                                        .node = text_of(element, "node"),
                                        .scope = text_of(element, "scope"),
                                        .checked = flag_of(element, "checked"),
                                        .bits_equal = flag_of(element, "bits_equal"),
                                        .bits_differ = json_is_false(json_object_get(element, "bits_equal")),
                                        .ill_conditioned = flag_of(element, "ill_conditioned"),
                                        .why = text_of(element, "why"),
                                        .difference = difference_of(json_object_get(element, "difference")),
                                        .noise = number_of(element, "noise", NAN),
                                        .accumulated = number_of(element, "accumulated", NAN) };
}

static bnfuse_place place_of(const json_t *object)
{
    return (bnfuse_place){ number_of(object, "difference", NAN), whole_of(object, "at"),
                           number_of(object, "before", NAN), number_of(object, "after", NAN) };
}

static const int64_t *read_wholes(struct kept *kept, const json_t *list, size_t *count)
{
    int64_t *numbers = kept_alloc(kept, json_array_size(list), sizeof *numbers);
    for (*count = 0; numbers && *count < json_array_size(list); ++*count)
        numbers[*count] = json_integer_value(json_array_get(list, *count));
    return numbers;
}

static const bnfuse_metrics *read_metrics(struct kept *kept, const json_t *object)
{
    bnfuse_metrics *metrics = json_is_object(object) ? kept_alloc(kept, 1, sizeof *metrics) : NULL;
    if (!metrics) return NULL;
    const json_t *nan = json_object_get(object, "nan"), *infinite = json_object_get(object, "infinite");
    *metrics = (bnfuse_metrics){ .elements = whole_of(object, "elements"),
                                 .compared = whole_of(object, "compared"),
                                 .largest = place_of(json_object_get(object, "largest")),
                                 .most_relative = place_of(json_object_get(object, "most_relative")),
                                 .root_mean_square = number_of(object, "root_mean_square", NAN),
                                 .cosine = number_of(object, "cosine", NAN),
                                 .signal_to_noise = number_of(object, "signal_to_noise", INFINITY),
                                 .ulp_median = number_of(object, "ulp_median", INFINITY),
                                 .ulp_99 = number_of(object, "ulp_99", INFINITY),
                                 .ulp_largest = number_of(object, "ulp_largest", INFINITY),
                                 .outside = number_of(object, "outside", NAN),
                                 .nan_before = whole_of(nan, "before"),
                                 .nan_after = whole_of(nan, "after"),
                                 .infinite_before = whole_of(infinite, "before"),
                                 .infinite_after = whole_of(infinite, "after"),
                                 .top1 = number_of(object, "top1", -1),
                                 .top5 = number_of(object, "top5", -1) };
    metrics->ulps = read_wholes(kept, json_object_get(object, "ulps"), &metrics->ulp_count);
    return metrics;
}

static void read_output(struct kept *kept, const json_t *element, void *to)
{
    *(bnfuse_output *)to = (bnfuse_output){ .name = text_of(element, "name"),
                                            .algebra = measured_of(json_object_get(element, "algebra")),
                                            .rounding = measured_of(json_object_get(element, "rounding")),
                                            .deployment = difference_of(json_object_get(element, "deployment")),
                                            .noise = number_of(element, "noise", -1),
                                            .truth_before = number_of(element, "truth_before", -1),
                                            .truth_after = number_of(element, "truth_after", -1),
                                            .within_tolerance = flag_of(element, "within_tolerance"),
                                            .heals = flag_of(element, "heals"),
                                            .metrics = read_metrics(kept, json_object_get(element, "metrics")) };
}

static void read_depth(struct kept *kept, const json_t *element, void *to)
{
    (void)kept;
    *(bnfuse_depth *)to = (bnfuse_depth){ text_of(element, "value"), number_of(element, "before", NAN),
                                          number_of(element, "after", NAN) };
}

static bnfuse_verdict verdict_of(const char *text)
{
    for (int i = 0; i <= BNFUSE_VERDICT_CANNOT_TELL; i++)
        if (strcmp(bnfuse_verdict_text((bnfuse_verdict)i), text) == 0) return (bnfuse_verdict)i;
    return BNFUSE_VERDICT_NOT_CHECKED;
}

static bnfuse_level level_of(const char *text)
{
    for (int i = 0; i <= BNFUSE_LEVEL_FULL; i++)
        if (strcmp(bnfuse_level_text((bnfuse_level)i), text) == 0) return (bnfuse_level)i;
    return BNFUSE_LEVEL_STANDARD;
}

static const bnfuse_check_result *read_check(struct kept *kept, const json_t *object)
{
    bnfuse_check_result *check = json_is_object(object) ? kept_alloc(kept, 1, sizeof *check) : NULL;
    if (!check) return NULL;
    check->verdict = verdict_of(text_of(object, "verdict"));
    check->level = level_of(text_of(object, "level"));
    check->why = text_of(object, "why");
    check->first_divergent = text_or_null(object, "first_divergent");
    check->last_agreed = text_or_null(object, "last_agreed");
    check->note = text_of(object, "note");
    check->inputs = text_of(object, "inputs");
    check->seed = (uint64_t)whole_of(object, "seed");
    check->set_count = (size_t)whole_of(object, "sets");
    check->worst_site = number_of(object, "worst_site", NAN);
    check->sites =
        read_list(kept, json_object_get(object, "sites"), sizeof(bnfuse_site), &check->site_count, read_site);
    check->outputs =
        read_list(kept, json_object_get(object, "outputs"), sizeof(bnfuse_output), &check->output_count, read_output);
    check->depth =
        read_list(kept, json_object_get(object, "depth"), sizeof(bnfuse_depth), &check->depth_count, read_depth);
    for (size_t i = 0; i < check->site_count; i++) check->sites_checked += check->sites[i]->checked;
    return check;
}

/* ---- The run ---- */

static void read_node(struct kept *kept, const json_t *element, void *to)
{
    bnfuse_node *node = to;
    *node = (bnfuse_node){ .name = text_of(element, "name"), .op = text_of(element, "op"), .scope = "" };
    node->inputs = read_texts(kept, json_object_get(element, "inputs"), &node->input_count);
    node->outputs = read_texts(kept, json_object_get(element, "outputs"), &node->output_count);
}

static void read_nodes(struct kept *kept, const json_t *list, int side)
{
    kept->run.nodes[side] = read_list(kept, list, sizeof(bnfuse_node), &kept->run.node_count[side], read_node);
}

static void read_run(struct kept *kept)
{
    const json_t *root = kept->root, *hashes = json_object_get(root, "sha256"),
                 *options = json_object_get(root, "options");
    kept->run = (struct run_report){ .command = text_of(root, "command"),
                                     .model = text_of(root, "model"),
                                     .other = text_or_null(root, "other"),
                                     .output = text_or_null(root, "output"),
                                     .atol = number_of(options, "atol", NAN),
                                     .rtol = number_of(options, "rtol", NAN),
                                     .command_line = text_of(options, "command_line"),
                                     .hash_before = text_of(hashes, "model"),
                                     .hash_after = text_of(hashes, "output"),
                                     .seconds = number_of(root, "seconds", 0),
                                     .status = (bnfuse_status)whole_of(root, "status"),
                                     .message = text_of(root, "message") };
    if (json_object_get(root, "batch_normalizations")) kept->run.report = read_report(kept, root);
    kept->run.check = read_check(kept, json_object_get(root, "check"));
    read_nodes(kept, json_object_get(json_object_get(root, "around"), "before"), 0);
    read_nodes(kept, json_object_get(json_object_get(root, "around"), "after"), 1);
}

/* Takes over the tree. */
static struct run_report *run_report_from(json_t *root)
{
    struct kept *kept = root ? calloc(1, sizeof *kept) : NULL;
    if (!kept) {
        json_decref(root);
        return NULL;
    }
    kept->root = root;
    read_run(kept);
    if (!kept->failed) return &kept->run;
    run_report_drop(&kept->run);
    return NULL;
}

struct run_report *run_report_keep(const struct run_report *run)
{
    return run_report_from(run_object(run));
}

static bool is_at_end(FILE *from)
{
    int next;
    do next = getc(from);
    while (next == ' ' || next == '\n' || next == '\r' || next == '\t');
    if (next != EOF) ungetc(next, from);
    return next == EOF;
}

struct run_report *run_report_read(FILE *from, char *why, size_t size)
{
    json_error_t error;
    *why = '\0';
    if (is_at_end(from)) {
        if (ferror(from)) snprintf(why, size, "cannot be read");
        return NULL;
    }
    json_t *root = json_loadf(from, JSON_DISABLE_EOF_CHECK, &error);
    if (!root) {
        snprintf(why, size, "is no JSON: %.100s", error.text);
        return NULL;
    }
    if (whole_of(root, "schema_version") != SCHEMA_VERSION) {
        snprintf(why, size, "is no report of schema_version %d", SCHEMA_VERSION);
        json_decref(root);
        return NULL;
    }
    struct run_report *run = run_report_from(root);
    if (!run) snprintf(why, size, "out of memory");
    return run;
}

void run_report_drop(struct run_report *run)
{
    struct kept *kept = (struct kept *)run;
    if (!kept) return;
    for (struct block *next, *block = kept->blocks; block; block = next) {
        next = block->next;
        free(block);
    }
    json_decref(kept->root);
    free(kept);
}

/* ---- Many runs ---- */

bnfuse_status worse_status(bnfuse_status a, bnfuse_status b)
{
    static const bnfuse_status order[] = { BNFUSE_INTERNAL, BNFUSE_CANCELLED, BNFUSE_TIMEOUT,     BNFUSE_DIFFER,
                                           BNFUSE_USAGE,    BNFUSE_INVALID,   BNFUSE_UNSUPPORTED, BNFUSE_POLICY };
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (a == order[i] || b == order[i]) return order[i];
    return BNFUSE_OK;
}

bnfuse_status worst_status(const struct run_list *list)
{
    bnfuse_status worst = BNFUSE_OK;
    for (size_t i = 0; i < list->count; i++) worst = worse_status(worst, list->runs[i]->status);
    return worst;
}
