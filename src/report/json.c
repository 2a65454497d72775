/* SPDX-License-Identifier: Apache-2.0
 *
 * For machines: docs/json.md describes every member. Members are only ever added. Strings are the model's own where
 * they are valid UTF-8, else escaped; a number that is not finite is null. */
#include "report/json_text.h"
#include "report/report.h"
#include "report/views.h"

#include <jansson.h>
#include <string.h>

/* "a -> b -> c" as a list. `to` ends it. */
static json_t *operator_list(const char *from, const char *to)
{
    static const char arrow[] = " -> ";
    json_t *list = json_array();
    while (from < to) {
        const char *end = strstr(from, arrow);
        if (!end || end > to) end = to;
        json_append(&list, json_part(from, (size_t)(end - from)));
        from = end + (end < to ? strlen(arrow) : 0);
    }
    return list;
}

/* "Transpose -> MatMul (BNF106)": what was visited, and the code of what is in the way, if anything is. */
static json_t *step_object(const char *direction, size_t length, const char *from, const char *end)
{
    json_t *step = json_object();
    const char *code = from;
    while (code < end && strncmp(code, " (BNF", strlen(" (BNF")) != 0) code++;
    bool nothing = strncmp(from, "nothing", strlen("nothing")) == 0;
    json_put(&step, "direction", json_part(direction, length));
    json_put(&step, "operators", operator_list(nothing ? code : from, code));
    json_put(&step, "code", end - code > 3 ? json_part(code + 2, (size_t)(end - code - 3)) : json_null());
    return step;
}

/* "upstream: Transpose -> MatMul (BNF106); downstream: nothing (BNF102)": an object for each direction that was
 * tried. */
static json_t *path_list(const char *path)
{
    json_t *list = json_array();
    for (const char *at = path, *colon; (colon = strstr(at, ": "));) {
        const char *end = strstr(colon, "; ");
        if (!end) end = colon + strlen(colon);
        json_append(&list, step_object(at, (size_t)(colon - at), colon + 2, end));
        at = end + (*end ? 2 : 0);
    }
    return list;
}

static json_t *remark_object(const bnfuse_remark *remark)
{
    json_t *object = json_object();
    json_put(&object, "node", json_text(remark->node));
    json_put(&object, "output", json_text(remark->output));
    json_put(&object, "scope", json_text(remark->scope));
    json_put(&object, "outcome", json_text(bnfuse_outcome_text(remark->outcome)));
    json_put(&object, "code", remark->code ? json_sprintf("BNF%d", remark->code) : json_null());
    json_put(&object, "reason", json_text(remark->reason));
    json_put(&object, "help", json_text(remark->help));
    json_put(&object, "where", *remark->where ? json_pack("[o]", json_text(remark->where)) : json_array());
    json_put(&object, "detail", json_text(remark->detail));
    json_put(&object, "path", path_list(remark->path));
    return object;
}

static json_t *affines_object(const bnfuse_report *report)
{
    json_t *object = json_object(), *left = json_array();
    for (size_t i = 0; i < report->affines_left_count; i++) {
        const bnfuse_affines_left *row = report->affines_left[i];
        json_t *item = json_object();
        json_put(&item, "code", json_sprintf("BNF%d", row->code));
        json_put(&item, "reason", json_text(row->reason));
        json_put(&item, "count", json_integer((json_int_t)row->count));
        json_append(&left, item);
    }
    json_put(&object, "chains_folded", json_integer((json_int_t)report->affine_chains_folded));
    json_put(&object, "folded", json_integer((json_int_t)report->affines_folded));
    json_put(&object, "left", left);
    return object;
}

static json_t *pair(int64_t before, int64_t after)
{
    return json_pack("{s:I, s:I}", "before", (json_int_t)before, "after", (json_int_t)after);
}

static json_t *rewrite_object(const bnfuse_rewrite *rewrite)
{
    json_t *object = json_object();
    json_put(&object, "rule", json_text(rewrite->rule));
    json_put(&object, "node", json_text(rewrite->node));
    json_put(&object, "op", json_text(rewrite->op));
    json_put(&object, "scope", json_text(rewrite->scope));
    json_put(&object, "where", json_text(rewrite->where));
    return object;
}

/* Only where something was simplified. */
static void add_rewrites(json_t **root, const bnfuse_report *report)
{
    json_t *rewrites = json_array();
    for (size_t i = 0; i < report->rewrite_count; i++) json_append(&rewrites, rewrite_object(report->rewrites[i]));
    if (report->rewrite_count) json_put(root, "rewrites", rewrites);
    else json_decref(rewrites);
}

static void add_report(json_t **root, const bnfuse_report *report)
{
    json_t *remarks = json_array(), *ops = json_array(), *notes = json_array();
    for (size_t i = 0; i < report->remark_count; i++) json_append(&remarks, remark_object(report->remarks[i]));
    for (size_t i = 0; i < report->op_count; i++) {
        json_t *op = pair(report->ops[i]->before, report->ops[i]->after);
        json_put(&op, "op", json_text(report->ops[i]->op));
        json_append(&ops, op);
    }
    for (size_t i = 0; i < report->note_count; i++) json_append(&notes, json_text(report->notes[i]));
    json_put(root, "batch_normalizations", remarks);
    json_put(root, "folded", json_integer((json_int_t)report->folded));
    json_put(root, "left", json_integer((json_int_t)report->left));
    json_put(root, "operators", ops);
    json_put(root, "nodes", pair(report->before.nodes, report->after.nodes));
    json_put(root, "parameters", pair(report->before.parameters, report->after.parameters));
    json_put(root, "bytes", pair((int64_t)report->before.bytes, (int64_t)report->after.bytes));
    json_put(root, "multiply_adds_saved", json_integer(report->multiply_adds_saved));
    json_put(root, "affines", affines_object(report));
    json_put(root, "grown_bytes", json_integer((json_int_t)report->grown));
    json_put(root, "notes", notes);
    add_rewrites(root, report);
}

static json_t *difference_object(const bnfuse_difference *difference)
{
    json_t *object = json_object();
    json_put(&object, "largest", json_number(difference->largest));
    json_put(&object, "relative", json_number(difference->relative));
    json_put(&object, "root_mean_square", json_number(difference->root_mean_square));
    json_put(&object, "at", json_integer(difference->at));
    json_put(&object, "shape_differs", json_boolean(difference->shape_differs));
    json_put(&object, "pattern_differs", json_boolean(difference->pattern_differs));
    json_put(&object, "degenerate", json_boolean(difference->degenerate));
    json_put(&object, "near_overflow", json_boolean(difference->near_overflow));
    json_put(&object, "compared", json_integer(difference->compared));
    return object;
}

/* null where it was not measured. */
static json_t *measured(const bnfuse_difference *difference)
{
    return difference->relative < 0 ? json_null() : difference_object(difference);
}

static json_t *positive(double number)
{
    return number < 0 ? json_null() : json_number(number);
}

static json_t *site_object(const bnfuse_site *site)
{
    json_t *object = json_object();
    json_put(&object, "value", json_text(site->value));
    json_put(&object, "node", json_text(site->node));
    json_put(&object, "scope", json_text(site->scope));
    json_put(&object, "checked", json_boolean(site->checked));
    if (site->bits_equal || site->bits_differ) json_put(&object, "bits_equal", json_boolean(site->bits_equal));
    json_put(&object, "ill_conditioned", json_boolean(site->ill_conditioned));
    json_put(&object, "why", json_text(site->checked ? "" : site->why));
    json_put(&object, "difference", difference_object(&site->difference));
    json_put(&object, "noise", json_number(site->noise));
    json_put(&object, "accumulated", json_number(site->accumulated));
    return object;
}

static json_t *place_object(const bnfuse_place *place)
{
    json_t *object = json_object();
    json_put(&object, "difference", json_number(place->difference));
    json_put(&object, "at", json_integer(place->at));
    json_put(&object, "before", json_number(place->before));
    json_put(&object, "after", json_number(place->after));
    return object;
}

static json_t *whole_list(const int64_t *numbers, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) json_append(&list, json_integer(numbers[i]));
    return list;
}

static json_t *metrics_object(const bnfuse_metrics *metrics)
{
    if (!metrics) return json_null();
    json_t *object = json_object();
    json_put(&object, "elements", json_integer(metrics->elements));
    json_put(&object, "compared", json_integer(metrics->compared));
    json_put(&object, "largest", place_object(&metrics->largest));
    json_put(&object, "most_relative", place_object(&metrics->most_relative));
    json_put(&object, "root_mean_square", json_number(metrics->root_mean_square));
    json_put(&object, "cosine", json_number(metrics->cosine));
    json_put(&object, "signal_to_noise", json_number(metrics->signal_to_noise));
    json_put(&object, "ulp_median", json_number(metrics->ulp_median));
    json_put(&object, "ulp_99", json_number(metrics->ulp_99));
    json_put(&object, "ulp_largest", json_number(metrics->ulp_largest));
    json_put(&object, "ulps", whole_list(metrics->ulps, metrics->ulp_count));
    json_put(&object, "outside", json_number(metrics->outside));
    json_put(&object, "nan", pair(metrics->nan_before, metrics->nan_after));
    json_put(&object, "infinite", pair(metrics->infinite_before, metrics->infinite_after));
    json_put(&object, "top1", positive(metrics->top1));
    json_put(&object, "top5", positive(metrics->top5));
    return object;
}

static json_t *output_object(const bnfuse_output *output)
{
    json_t *object = json_object();
    json_put(&object, "name", json_text(output->name));
    json_put(&object, "algebra", measured(&output->algebra));
    json_put(&object, "rounding", measured(&output->rounding));
    json_put(&object, "deployment", difference_object(&output->deployment));
    json_put(&object, "noise", positive(output->noise));
    json_put(&object, "truth_before", positive(output->truth_before));
    json_put(&object, "truth_after", positive(output->truth_after));
    json_put(&object, "within_tolerance", json_boolean(output->within_tolerance));
    json_put(&object, "heals", json_boolean(output->heals && output->deployment.pattern_differs));
    json_put(&object, "metrics", metrics_object(output->metrics));
    return object;
}

static json_t *depth_list(const bnfuse_check_result *check)
{
    json_t *list = json_array();
    for (size_t i = 0; i < check->depth_count; i++) {
        json_t *object = json_object();
        json_put(&object, "value", json_text(check->depth[i]->value));
        json_put(&object, "before", json_number(check->depth[i]->before));
        json_put(&object, "after", json_number(check->depth[i]->after));
        json_append(&list, object);
    }
    return list;
}

static json_t *check_object(const struct run_report *run)
{
    const bnfuse_check_result *check = run->check;
    json_t *object = json_object(), *sites = json_array(), *outputs = json_array();
    for (size_t i = 0; i < check->site_count; i++) json_append(&sites, site_object(check->sites[i]));
    for (size_t i = 0; i < check->output_count; i++) json_append(&outputs, output_object(check->outputs[i]));
    json_put(&object, "verdict", json_text(bnfuse_verdict_text(check->verdict)));
    if (!run->other) json_put(&object, "level", json_text(bnfuse_level_text(check->level)));
    json_put(&object, "why", json_text(check->why));
    json_put(&object, "first_divergent", json_text(check->first_divergent));
    json_put(&object, "last_agreed", json_text(check->last_agreed));
    json_put(&object, "note", json_text(check->note ? check->note : ""));
    json_put(&object, "seed", json_integer((json_int_t)check->seed));
    json_put(&object, "inputs", json_text(check->inputs));
    json_put(&object, "sets", json_integer((json_int_t)check->set_count));
    json_put(&object, "worst_site", json_number(check->worst_site));
    json_put(&object, "sites", sites);
    json_put(&object, "outputs", outputs);
    if (check->depth_count) json_put(&object, "depth", depth_list(check));
    return object;
}

static json_t *tensor_list(const bnfuse_tensors *tensors)
{
    json_t *list = json_array();
    for (size_t i = 0; i < bnfuse_tensors_count(tensors); i++) {
        const bnfuse_tensor *tensor = bnfuse_tensors_get(tensors, i);
        json_t *object = json_object(), *dims = json_array();
        for (int axis = 0; axis < tensor->rank; axis++) json_append(&dims, json_integer(tensor->dims[axis]));
        json_put(&object, "name", json_text(tensor->name));
        json_put(&object, "type", json_integer(tensor->type));
        json_put(&object, "dims", dims);
        json_append(&list, object);
    }
    return list;
}

static json_t *calibration_object(const bnfuse_calibration *calibration)
{
    json_t *object = json_object(), *list = json_array();
    for (size_t i = 0; i < calibration->count; i++) {
        const bnfuse_calibrated *one = calibration->list[i];
        json_t *item = json_object();
        json_put(&item, "node", json_text(one->node));
        json_put(&item, "channels", json_integer(one->channels));
        json_put(&item, "mean_moved", json_number(one->mean_moved));
        json_put(&item, "variance_least", json_number(one->variance_least));
        json_put(&item, "variance_most", json_number(one->variance_most));
        json_append(&list, item);
    }
    json_put(&object, "list", list);
    json_put(&object, "left", json_integer((json_int_t)calibration->left));
    json_put(&object, "sets", json_integer((json_int_t)calibration->set_count));
    return object;
}

static json_t *change_list(const bnfuse_changes *changes)
{
    json_t *list = json_array();
    for (size_t i = 0; i < changes->count; i++) {
        const bnfuse_change *change = changes->changes[i];
        json_t *object = json_object();
        json_put(&object, "kind", json_text(bnfuse_change_kind_text(change->kind)));
        json_put(&object, "subject", json_text(bnfuse_change_subject_text(change->subject)));
        json_put(&object, "scope", json_text(change->scope));
        json_put(&object, "op", json_text(change->op));
        json_put(&object, "name", json_text(change->name));
        json_put(&object, "other", json_text(change->other));
        json_put(&object, "detail", json_text(change->detail));
        json_append(&list, object);
    }
    return list;
}

static json_t *hash(const char *hexadecimal)
{
    return *hexadecimal ? json_text(hexadecimal) : json_null();
}

static void add_run(json_t **root, const struct run_report *run)
{
    json_put(root, "verdict", run->check ? json_text(bnfuse_verdict_text(run->check->verdict)) : json_null());
    json_put(root, "status", json_integer(run->status));
    json_put(root, "message", json_text(run->message));
    json_put(root, "command", json_text(run->command));
    json_put(root, "model", json_text(run->model));
    json_put(root, "other", json_text(run->other));
    json_put(root, "output", json_text(run->output));
    json_put(root, "sha256", json_pack("{s:o, s:o}", "model", hash(run->hash_before), "output", hash(run->hash_after)));
    json_put(root, "options",
             json_pack("{s:o, s:o, s:o}", "command_line", json_text(run->command_line), "atol", json_number(run->atol),
                       "rtol", json_number(run->rtol)));
    json_put(root, "seconds", json_number(run->seconds));
}

static json_t *text_list(const char *const *texts, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) json_append(&list, json_text(texts[i]));
    return list;
}

static json_t *marked_list(const struct neighbors *neighbors)
{
    json_t *list = json_array();
    const bnfuse_node *node;
    for (size_t i = 0; (node = neighbors_marked(neighbors, &i));) {
        json_t *object = json_object();
        json_put(&object, "op", json_text(node->op));
        json_put(&object, "name", json_text(node->name));
        json_put(&object, "inputs", text_list(node->inputs, node->input_count));
        json_put(&object, "outputs", text_list(node->outputs, node->output_count));
        json_append(&list, object);
    }
    return list;
}

/* What a page needs that is made of this JSON, without the models. */
static void add_around(json_t **root, const struct run_report *run)
{
    if (!views_are_wanted(run)) return;
    struct views views = views_open(run);
    views_mark(&views, run);
    size_t first = 0;
    if (views.before && neighbors_marked(views.before, &first)) {
        json_t *around = json_object();
        json_put(&around, "before", marked_list(views.before));
        json_put(&around, "after", marked_list(views.after));
        json_put(root, "around", around);
    }
    views_close(&views);
}

json_t *run_object(const struct run_report *run)
{
    json_t *root = json_object();
    json_put(&root, "bnfuse", json_string(bnfuse_version()));
    json_put(&root, "schema_version", json_integer(SCHEMA_VERSION));
    add_run(&root, run);
    if (run->report) add_report(&root, run->report);
    json_put(&root, "check", run->check ? check_object(run) : json_null());
    add_around(&root, run);
    if (run->calibration) json_put(&root, "calibration", calibration_object(run->calibration));
    if (run->changes) json_put(&root, "changes", change_list(run->changes));
    if (run->tensors) json_put(&root, "outputs", tensor_list(run->tensors));
    return root;
}

bool report_json(const struct run_report *run, FILE *to)
{
    return json_print(run_object(run), to);
}

bool report_jsonl(const struct run_list *list, FILE *to)
{
    bool written = true;
    for (size_t i = 0; written && i < list->count; i++) written = json_print_line(run_object(list->runs[i]), to);
    return written;
}

bool report_reasons_json(FILE *to)
{
    const bnfuse_reason *reason;
    json_t *list = json_array();
    for (size_t i = 0; (reason = bnfuse_get_reason(i)); i++) {
        json_t *object = json_object();
        json_put(&object, "code", json_sprintf("BNF%d", reason->code));
        json_put(&object, "name", json_text(reason->name));
        json_put(&object, "text", json_text(reason->text));
        json_put(&object, "help", json_text(reason->help));
        json_append(&list, object);
    }
    return json_print(list, to);
}
