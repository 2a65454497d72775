/* SPDX-License-Identifier: Apache-2.0
 *
 * Node data for Model Explorer: what became of each BatchNormalization, and the difference of each site. Nodes are named
 * by the output that they compute. */
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

bool report_node_data(const struct run_report *run, FILE *to)
{
    json_t *outcomes = json_object(), *differences = json_object(), *root = json_object();
    for (size_t i = 0; run->report && i < run->report->remark_count; i++)
        add_remark(&outcomes, run->report->remarks[i]);
    for (size_t i = 0; run->check && i < run->check->site_count; i++) {
        const bnfuse_site *site = run->check->sites[i];
        if (site->checked)
            add_value(&differences, site->value, json_number(site->difference.relative),
                      site_failed(site) ? "#e5534b" : "#2da44e");
    }
    json_put(&root, REMARKED_OPERATOR, json_pack("{s:o}", "results", outcomes));
    json_put(&root, "difference in float64", json_pack("{s:o}", "results", differences));
    return json_print(root, to);
}
