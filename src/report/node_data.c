/* SPDX-License-Identifier: Apache-2.0
 *
 * Node data for Model Explorer: what became of each BatchNormalization, and the difference of each site. Nodes are
 * named by the output that they compute. */
#include "report/json_text.h"
#include "report/remark_text.h"
#include "report/report.h"

#include <jansson.h>

static void add_value(json_t **results, const char *name, json_t *value, const char *color)
{
    json_t *object = json_object();
    json_put(&object, "value", value);
    json_put(&object, "bgColor", json_text(color));
    json_t *key = json_text(name);
    json_put(results, json_string_value(key) ? json_string_value(key) : "", object);
    json_decref(key);
}

static void add_remark(json_t **results, const bnfuse_remark *remark)
{
    json_t *value =
        remark->code ? json_sprintf("BNF%d", remark->code) : json_text(bnfuse_outcome_text(remark->outcome));
    add_value(results, remark->output, value, remark->code ? "#c47f00" : "#2da44e");
}

/* Sets are named after their model where there are several. */
static void put_set(json_t **root, const struct run_report *run, bool is_one, const char *title, json_t *results)
{
    json_t *model = json_text(run->model);
    char key[5000];
    snprintf(key, sizeof key, "%s%s%s", is_one ? "" : json_string_value(model), is_one ? "" : ": ", title);
    json_put(root, key, json_pack("{s:o}", "results", results));
    json_decref(model);
}

static void add_run(json_t **root, const struct run_report *run, bool is_one)
{
    json_t *outcomes = json_object(), *differences = json_object();
    for (size_t i = 0; run->report && i < run->report->remark_count; i++)
        add_remark(&outcomes, run->report->remarks[i]);
    for (size_t i = 0; run->check && i < run->check->site_count; i++) {
        const bnfuse_site *site = run->check->sites[i];
        if (site->checked)
            add_value(&differences, site->value, json_number(site->difference.relative),
                      site_failed(site) ? "#e5534b" : "#2da44e");
    }
    put_set(root, run, is_one, REMARKED_OPERATOR, outcomes);
    put_set(root, run, is_one, "difference in float64", differences);
}

bool report_node_data(const struct run_list *list, FILE *to)
{
    json_t *root = json_object();
    for (size_t i = 0; i < list->count; i++) add_run(&root, list->runs[i], list->count == 1);
    return json_print(root, to);
}
