/* SPDX-License-Identifier: Apache-2.0
 *
 * What the check found, on the page. */
#include "report/html.h"
#include "report/markup.h"
#include "report/picture.h"
#include "report/remark_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

void put_failing_sites(const struct page *page)
{
    const bnfuse_check_result *check = page->run->check;
    char line[200];
    int count = 0;
    for (size_t i = 0; check && i < check->site_count && count < PICTURES_MOST; i++) {
        const bnfuse_site *site = check->sites[i];
        if (!site_failed(site)) continue;
        if (count++ == 0) fputs("<h2>Where it differs</h2>\n", page->to);
        fputs("<p>", page->to);
        put_element(page->to, "code", site->value);
        snprintf(line, sizeof line, " differs by %.2g of its largest number in float64; %s.", site->difference.relative,
                 page->run->other ? "both models were given the same numbers there" : "a correct fold agrees to 1e-12");
        put_markup(page->to, line);
        fputs("</p>\n", page->to);
        put_place(page, site->value, TONE_BAD);
    }
}

/* ---- The ladder ---- */

static double worst_of(const bnfuse_check_result *check, double (*read)(const bnfuse_output *))
{
    double worst = -1;
    for (size_t i = 0; i < check->output_count; i++)
        if (read(check->outputs[i]) > worst) worst = read(check->outputs[i]);
    return worst;
}

static double algebra_of(const bnfuse_output *output)
{
    return output->algebra.relative;
}

static double rounding_of(const bnfuse_output *output)
{
    return output->rounding.relative;
}

static double deployment_of(const bnfuse_output *output)
{
    return output->deployment.relative;
}

static double noise_of(const bnfuse_output *output)
{
    return output->noise;
}

static const struct rung {
    const char *label;
    double (*read)(const bnfuse_output *);
    enum tone tone;
    const char *help;
} rungs[] = {
    { "unrounded", algebra_of, TONE_GOOD, "the outputs in float64, with weights as computed" },
    { "stored weights", rounding_of, TONE_OTHER, "the outputs in float64, with weights as they are stored" },
    { "own types", deployment_of, TONE_OTHER, "the outputs as the models run" },
    { "perturbation", noise_of, TONE_PLAIN, "what half a unit in the last place of every weight does" },
};

static void put_meaning(FILE *to, const char *label, const char *help)
{
    fputs(" <em>", to);
    put_markup(to, label);
    fprintf(to, "</em>: %s.", help);
}

void put_ladder(const struct page *page)
{
    const bnfuse_check_result *check = page->run->check;
    struct mark marks[1 + sizeof rungs / sizeof *rungs];
    const char *helps[1 + sizeof rungs / sizeof *rungs] = { "a changed place alone, in float64" };
    size_t count = 0;
    bool fails = check->worst_site > 1e-9 && check->verdict == BNFUSE_VERDICT_FAIL;
    if (check->sites_checked)
        marks[count++] = (struct mark){ "worst place", check->worst_site, fails ? TONE_BAD : TONE_GOOD };
    for (size_t i = 0; i < sizeof rungs / sizeof *rungs; i++) {
        double worst = worst_of(check, rungs[i].read);
        if (worst < 0 || (rungs[i].read == algebra_of && page->run->other)) continue; /* of a fold only */
        helps[count] = rungs[i].help;
        marks[count++] = (struct mark){ rungs[i].label, worst, rungs[i].tone };
    }
    if (!count) return;
    fputs("<h2>How far the two models are apart</h2>\n", page->to);
    picture_ladder(page->to, marks, count);
    fputs("<p>Differences relative to the largest number of what is compared. The colors say what explains a "
          "difference of "
          "that size: rounding in float64, rounding in float32, or only a bug.",
          page->to);
    for (size_t i = 0; i < count; i++) put_meaning(page->to, marks[i].label, helps[i]);
    fputs("</p>\n", page->to);
}

/* ---- Along the depth, and by size ---- */

static void put_sites(const struct page *page)
{
    const bnfuse_check_result *check = page->run->check;
    double *alone = calloc(2 * check->site_count + 1, sizeof *alone), *whole = alone ? alone + check->site_count : NULL;
    struct curve curves[2] = { { "each place alone", alone, TONE_GOOD },
                               { "the runs up to there", whole, TONE_OTHER } };
    size_t checked = 0;
    for (size_t i = 0; alone && i < check->site_count; i++) {
        const bnfuse_site *site = check->sites[i];
        alone[i] = site->checked ? site->difference.relative : -1;
        whole[i] = isfinite(site->accumulated) ? site->accumulated : -1;
        checked += site->checked;
    }
    if (alone && checked > 1) {
        picture_depth(page->to, "differences of the changed places in running order", curves, page->run->other ? 2 : 1,
                      check->site_count, (struct powers){ -17, 0 });
        fputs("<p>The changed places in running order, from left to right, each with the difference that it makes by "
              "itself in float64, relative to the largest number there.</p>\n",
              page->to);
    }
    free(alone);
}

static void put_errors(const struct page *page)
{
    const bnfuse_check_result *check = page->run->check;
    size_t count = check->depth_count;
    double *before = calloc(2 * count + 1, sizeof *before), *after = before ? before + count : NULL;
    const struct curve curves[2] = { { "original", before, TONE_KEPT }, { "fused", after, TONE_OTHER } };
    for (size_t i = 0; before && i < count; i++) {
        before[i] = check->depth[i]->before;
        after[i] = check->depth[i]->after;
    }
    if (before && count > 1) {
        picture_depth(page->to, "distance of both models from float64 in running order", curves, 2, count,
                      picture_powers(curves, 2, count));
        fputs("<p>How far the original and the fused model, each in its own types, are from float64: at values that "
              "both have, in running order from left to right. The root mean square of the differences, relative to "
              "that of the values.</p>\n",
              page->to);
    }
    free(before);
}

void put_depth(const struct page *page)
{
    const bnfuse_check_result *check = page->run->check;
    if (check->sites_checked < 2 && check->depth_count < 2) return;
    fputs("<h2>Along the depth</h2>\n", page->to);
    put_sites(page);
    put_errors(page);
}

static void put_histogram(const struct page *page, const bnfuse_output *output)
{
    char title[300];
    if (!output->metrics || !output->metrics->ulp_count) return;
    fputs("<p>", page->to);
    put_element(page->to, "code", output->name);
    fputs(": how many of its numbers differ by how many units in the last place (0: equal)</p>\n", page->to);
    snprintf(title, sizeof title, "differences of output %.200s in units in the last place", output->name);
    picture_histogram(page->to, title, output->metrics->ulps, output->metrics->ulp_count);
}

static void put_difference(FILE *to, const bnfuse_difference *difference)
{
    if (difference->relative < 0) fputs("<td>not run</td>", to);
    else fprintf(to, "<td>%.2g</td>", difference->relative);
}

void put_outputs(const struct page *page)
{
    const bnfuse_check_result *check = page->run->check;
    fputs("<details><summary>Outputs, in numbers</summary>\n<div class=\"scroll\"><table class=\"numbers\">\n"
          "<thead><tr><th>output</th>",
          page->to);
    fprintf(page->to, "%s<th>stored weights</th><th>own types</th></tr></thead>\n<tbody>\n",
            page->run->other ? "" : "<th>unrounded</th>");
    for (size_t i = 0; i < check->output_count; i++) {
        const bnfuse_output *output = check->outputs[i];
        fputs("<tr>", page->to);
        put_element(page->to, "td", output->name);
        if (!page->run->other) put_difference(page->to, &output->algebra);
        put_difference(page->to, &output->rounding);
        put_difference(page->to, &output->deployment);
        fputs("</tr>\n", page->to);
    }
    fputs("</tbody></table></div>\n", page->to);
    for (size_t i = 0; i < check->output_count && i < PICTURES_MOST; i++) put_histogram(page, check->outputs[i]);
    fputs("</details>\n", page->to);
}
