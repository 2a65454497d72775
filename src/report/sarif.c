/* SPDX-License-Identifier: Apache-2.0
 *
 * SARIF 2.1.0 for code scanning: a kept BatchNormalization is a note under the rule of its reason, a site that differs
 * an error. The place is the model file and, in it, the node. */
#include "report/json_text.h"
#include "report/remark_text.h"
#include "report/report.h"

#include <jansson.h>

static json_t *message(const char *text)
{
    json_t *object = json_object();
    json_put(&object, "text", json_text(text));
    return object;
}

static json_t *rule(const char *id, const char *text, const char *help)
{
    json_t *object = json_object();
    json_put(&object, "id", json_text(id));
    json_put(&object, "shortDescription", message(text));
    if (*help) json_put(&object, "help", message(help));
    return object;
}

static json_t *rules(void)
{
    json_t *list = json_array();
    const bnfuse_reason *reason;
    char id[16];
    for (size_t i = 0; (reason = bnfuse_get_reason(i)); i++) {
        snprintf(id, sizeof id, "BNF%d", reason->code);
        json_append(&list, rule(id, reason->text, reason->help));
    }
    json_append(&list, rule("site", "a changed place computes something else", ""));
    json_append(&list, rule("run", "the model could not be fused and checked", ""));
    return list;
}

static json_t *result(const char *rule_id, const char *level, const char *text, const char *model, const char *node)
{
    json_t *object = json_object(), *location = json_object();
    json_put(&object, "ruleId", json_text(rule_id));
    json_put(&object, "level", json_text(level));
    json_put(&object, "message", message(text));
    json_put(&location, "physicalLocation", json_pack("{s:{s:o}}", "artifactLocation", "uri", json_text(model)));
    if (*node)
        json_put(&location, "logicalLocations",
                 json_pack("[{s:o, s:s}]", "fullyQualifiedName", json_text(node), "kind", "element"));
    json_put(&object, "locations", json_pack("[o]", location));
    return object;
}

static void add_remarks(json_t **results, const struct run_report *run)
{
    char words[1200], id[16];
    for (size_t i = 0; run->report && i < run->report->remark_count; i++) {
        const bnfuse_remark *remark = run->report->remarks[i];
        if (!remark->code) continue;
        remark_text(remark, words, sizeof words);
        snprintf(id, sizeof id, "BNF%d", remark->code);
        json_append(results, result(id, "note", words, run->model, remark->node));
    }
}

static void add_sites(json_t **results, const struct run_report *run)
{
    char words[200];
    for (size_t i = 0; run->check && i < run->check->site_count; i++) {
        const bnfuse_site *site = run->check->sites[i];
        if (!site_failed(site)) continue;
        snprintf(words, sizeof words, "differs by %.3g of its largest number in float64", site->difference.relative);
        json_append(results, result("site", "error", words, run->model, site->value));
    }
}

static void add_run(json_t **results, const struct run_report *run)
{
    add_remarks(results, run);
    add_sites(results, run);
    if (run->status != BNFUSE_OK && *run->message)
        json_append(results, result("run", "error", run->message, run->model, ""));
}

bool report_sarif(const struct run_list *list, FILE *to)
{
    json_t *results = json_array(), *driver = json_object();
    for (size_t i = 0; i < list->count; i++) add_run(&results, list->runs[i]);
    json_put(&driver, "name", json_text("bnfuse"));
    json_put(&driver, "version", json_text(bnfuse_version()));
    json_put(&driver, "rules", rules());
    json_t *root =
        json_pack("{s:s, s:s, s:[{s:{s:o}, s:o}]}", "$schema", "https://json.schemastore.org/sarif-2.1.0.json",
                  "version", "2.1.0", "runs", "tool", "driver", driver, "results", results);
    return json_print(root, to);
}
