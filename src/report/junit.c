/* SPDX-License-Identifier: Apache-2.0
 *
 * JUnit XML for CI: a test case for every BatchNormalization (skipped where it stays), every site and every output. */
#include "report/markup.h"
#include "report/report.h"
#include "report/words.h"

#include <inttypes.h>

static void begin_case(FILE *to, const char *group, const char *name)
{
    fprintf(to, "  <testcase classname=\"%s\" name=\"", group);
    put_markup(to, name);
    fprintf(to, "\">");
}

static void put_element(FILE *to, const char *element, const char *message)
{
    fprintf(to, "<%s message=\"", element);
    put_markup(to, message);
    fprintf(to, "\"/>");
}

static void end_case(FILE *to)
{
    fprintf(to, "</testcase>\n");
}

static void put_remark(FILE *to, const bnfuse_remark *remark)
{
    char words[1200];
    remark_words(remark, words, sizeof words);
    begin_case(to, "BatchNormalization", remark->node);
    if (remark->code) put_element(to, "skipped", words);
    end_case(to);
}

static void put_site(FILE *to, const bnfuse_site *site, bool failed)
{
    char words[200];
    begin_case(to, "site", site->value);
    snprintf(words, sizeof words, "differs by %.3g of its scale", site->difference.relative);
    if (!site->checked) put_element(to, "skipped", site->why);
    else if (failed) put_element(to, "failure", words);
    end_case(to);
}

static bool site_failed(const bnfuse_site *site)
{
    const bnfuse_difference *d = &site->difference;
    return site->checked && !site->ill_conditioned && (d->shape_differs || d->pattern_differs || d->relative > 1e-9);
}

/* The whole run is a case of its own: it carries the verdict, or the error. */
static void put_verdict(FILE *to, const struct account *account)
{
    char line[1200];
    begin_case(to, "verdict", account->model);
    if (account->status == BNFUSE_DIFFER) put_element(to, "failure", verdict_line(account, line, sizeof line));
    else if (account->status != BNFUSE_OK) put_element(to, "error", account->message);
    end_case(to);
}

bool report_junit(const struct account *account, FILE *to)
{
    const bnfuse_report *report = account->report;
    const bnfuse_check_result *check = account->check;
    size_t tests = 1, failures = account->status == BNFUSE_DIFFER, skipped = 0;
    for (size_t i = 0; report && i < report->remark_count; i++, tests++) skipped += report->remarks[i]->code != 0;
    for (size_t i = 0; check && i < check->site_count; i++, tests++) {
        failures += site_failed(check->sites[i]);
        skipped += !check->sites[i]->checked;
    }
    fprintf(to, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"bnfuse ");
    put_markup(to, account->model);
    fprintf(to, "\" tests=\"%zu\" failures=\"%zu\" errors=\"%d\" skipped=\"%zu\">\n", tests, failures,
            account->status > BNFUSE_DIFFER, skipped);
    for (size_t i = 0; report && i < report->remark_count; i++) put_remark(to, report->remarks[i]);
    for (size_t i = 0; check && i < check->site_count; i++) put_site(to, check->sites[i], site_failed(check->sites[i]));
    put_verdict(to, account);
    fprintf(to, "</testsuite>\n");
    return !ferror(to);
}
