/* SPDX-License-Identifier: Apache-2.0
 *
 * The models of a run for pictures. See views.h. */
#include "report/views.h"

#include "report/remark_text.h"

struct views views_open(const struct run_report *run)
{
    struct views views = { NULL, NULL };
    bnfuse_model *second = run->report ? run->handle : run->other_handle;
    if (run->handle && second) {
        views.before = neighbors_open(run->handle, false);
        views.after = neighbors_open(second, run->report != NULL);
    } else if (run->node_count[0]) {
        views.before = neighbors_of_nodes(run->nodes[0], run->node_count[0]);
        views.after = neighbors_of_nodes(run->nodes[1], run->node_count[1]);
    }
    if (!views.before || !views.after) views_close(&views);
    return views;
}

void views_close(struct views *views)
{
    neighbors_close(views->before);
    neighbors_close(views->after);
    *views = (struct views){ NULL, NULL };
}

static void mark_both(struct views *views, const char *value)
{
    neighbors_mark(views->before, views->before, value);
    neighbors_mark(views->before, views->after, value);
}

/* The values around which pictures are drawn, one a call. */
struct places {
    const struct run_report *run;
    size_t remark, site;
    int kept, failed;
};

static const char *next_place(struct places *places)
{
    const bnfuse_report *report = places->run->report;
    const bnfuse_check_result *check = places->run->check;
    while (report && places->remark < report->remark_count && places->kept < PICTURES_MOST) {
        const bnfuse_remark *remark = report->remarks[places->remark++];
        if (remark_stays(remark) && ++places->kept) return remark->output;
    }
    while (check && places->site < check->site_count && places->failed < PICTURES_MOST) {
        const bnfuse_site *site = check->sites[places->site++];
        if (site_failed(site) && ++places->failed) return site->value;
    }
    return NULL;
}

bool views_are_wanted(const struct run_report *run)
{
    return next_place(&(struct places){ .run = run }) != NULL;
}

void views_mark(struct views *views, const struct run_report *run)
{
    struct places places = { .run = run };
    for (const char *value; views->before && (value = next_place(&places));) mark_both(views, value);
}
