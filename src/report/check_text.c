/* SPDX-License-Identifier: Apache-2.0
 *
 * Sites, outputs, and in the long form the metrics of each. */
#include "report/check_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

/* Places that changed, each run by itself. Those that were not checked come first in what is listed: three of many. */
static void print_sites(const struct run_report *run, FILE *to)
{
    const bnfuse_check_result *check = run->check;
    char value[200], why[500], line[900];
    size_t unchecked = 0, equal = 0;
    snprintf(line, sizeof line,
             "  changed places: %zu of %zu proven one by one in float64, the largest difference is %.2g",
             check->sites_checked, check->site_count, check->worst_site);
    if (check->site_count) put_line(to, &run->terminal, INK_PLAIN, line);
    for (size_t i = 0; i < check->site_count; i++) equal += check->sites[i]->bits_equal;
    snprintf(line, sizeof line, "  bits equal: %zu places that were only simplified, in the model's own types", equal);
    if (equal) put_line(to, &run->terminal, INK_PLAIN, line);
    for (size_t i = 0; i < check->site_count; i++) {
        const bnfuse_site *site = check->sites[i];
        if (!site->checked && ++unchecked > 3 && !run->verbose) continue;
        if (site->checked && !site->ill_conditioned && !run->verbose) continue;
        bnfuse_escape(value, sizeof value, site->value);
        bnfuse_escape(why, sizeof why, site->why);
        if (!site->checked) snprintf(line, sizeof line, "  place \"%s\": not checked: %s", value, why);
        else
            snprintf(line, sizeof line, "  place \"%s\": %s%.2g%s", value, site->bits_equal ? "bits equal, " : "",
                     site->difference.relative,
                     site->ill_conditioned ? ", ill-conditioned: the original itself is no better defined" : "");
        put_line(to, &run->terminal, INK_PLAIN, line);
    }
}

/* Appends to a line that is long enough for all that is said of an output. */
static void add(char *line, size_t size, const char *format, double value)
{
    size_t used = strlen(line);
    snprintf(line + used, size - used, format, value);
}

static void print_output(const struct run_report *run, const bnfuse_output *output, bool compared, FILE *to)
{
    char name[200], line[900];
    bool degenerate = compared                        ? output->rounding.degenerate
                      : output->algebra.relative >= 0 ? output->algebra.degenerate
                                                      : output->deployment.degenerate;
    bnfuse_escape(name, sizeof name, output->name);
    snprintf(line, sizeof line, "  output \"%s\":", name);
    if (!compared && output->algebra.relative >= 0) add(line, sizeof line, " exact %.2g,", output->algebra.relative);
    if (output->rounding.relative >= 0)
        add(line, sizeof line, compared ? " exact %.2g," : " stored %.2g,", output->rounding.relative);
    add(line, sizeof line, " as it runs %.2g", output->deployment.relative);
    if (output->noise >= 0) add(line, sizeof line, ", rounding of the weights alone %.2g", output->noise);
    if (output->truth_before > 0)
        add(line, sizeof line,
            compared ? "; its error is %.2f times that of the first" : "; its error is %.2f times that of the original",
            output->truth_after / output->truth_before);
    if (!output->within_tolerance) add(line, sizeof line, "; beyond the tolerance", 0);
    if (degenerate) add(line, sizeof line, "; constant or saturated on all inputs tried, which proves little", 0);
    put_line(to, &run->terminal, output->within_tolerance ? INK_PLAIN : INK_KEPT, line);
}

__attribute__((format(printf, 3, 4))) static void print_line(const struct run_report *run, FILE *to, const char *format,
                                                             ...)
{
    char line[400];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    put_line(to, &run->terminal, INK_PLAIN, line);
}

static void print_place(const struct run_report *run, const char *title, const bnfuse_place *place, FILE *to)
{
    print_line(run, to, "    %s %.3g at element %" PRId64 ": %.9g, %.9g", title, place->difference, place->at,
               place->before, place->after);
}

static void print_metrics(const struct run_report *run, const bnfuse_metrics *metrics, FILE *to)
{
    char elements[NUMBER_SIZE];
    print_place(run, "largest difference", &metrics->largest, to);
    print_place(run, "largest relative difference", &metrics->most_relative, to);
    print_line(run, to, "    root mean square %.3g, cosine %.9f, signal to noise %.1f dB", metrics->root_mean_square,
               metrics->cosine, metrics->signal_to_noise);
    print_line(run, to, "    units in the last place: median %.0f, 99 of 100 up to %.0f, largest %.0f",
               metrics->ulp_median, metrics->ulp_99, metrics->ulp_largest);
    print_line(run, to,
               "    outside the tolerance: %.3g of %s elements; NaN %" PRId64 ", %" PRId64 "; infinite %" PRId64
               ", %" PRId64,
               metrics->outside, text_number(elements, metrics->elements), metrics->nan_before, metrics->nan_after,
               metrics->infinite_before, metrics->infinite_after);
    if (metrics->top1 >= 0)
        print_line(run, to, "    same best class in %.4f of the rows, same five in %.4f", metrics->top1, metrics->top5);
}

/* One line for the words of the lines above it. */
static void print_legend(const struct run_report *run, FILE *to)
{
    const bnfuse_check_result *check = run->check;
    bool exact = false, stored = false, error = false;
    char line[400];
    for (size_t i = 0; i < check->output_count; i++) {
        const bnfuse_output *output = check->outputs[i];
        exact |= run->other ? output->rounding.relative >= 0 : output->algebra.relative >= 0;
        stored |= !run->other && output->rounding.relative >= 0;
        error |= output->truth_before > 0;
    }
    snprintf(line, sizeof line,
             "  (differences relative to the largest number of the output; as it runs: in the model's own types%s%s%s)",
             exact ? "; exact: in float64" : "", stored ? "; stored: in float64, with weights as they are written" : "",
             error ? "; error: distance from float64" : "");
    if (check->output_count) put_line(to, &run->terminal, INK_FAINT, line);
}

static void print_named(const struct run_report *run, const char *title, const char *name, FILE *to)
{
    char escaped[1000], line[1100];
    if (!name || !*name) return;
    bnfuse_escape(escaped, sizeof escaped, name);
    snprintf(line, sizeof line, title, escaped);
    put_line(to, &run->terminal, INK_PLAIN, line);
}

void print_check(const struct run_report *run, FILE *to)
{
    const bnfuse_check_result *check = run->check;
    bool compared = run->other != NULL;
    char inputs[1000], line[1100];
    if (check->verdict == BNFUSE_VERDICT_IDENTICAL && !compared) return;
    bnfuse_escape(inputs, sizeof inputs, check->inputs);
    snprintf(line, sizeof line, "check: %s%sseed %" PRIu64 "%s%s", compared ? "" : bnfuse_level_text(check->level),
             compared ? "" : ", ", check->seed, *inputs ? ", inputs " : "", inputs);
    if (!compared) fputc('\n', to);
    put_line(to, &run->terminal, INK_PLAIN, line);
    print_sites(run, to);
    for (size_t i = 0; i < check->output_count; i++) {
        print_output(run, check->outputs[i], compared, to);
        if (run->verbose && check->outputs[i]->metrics) print_metrics(run, check->outputs[i]->metrics, to);
    }
    print_legend(run, to);
    if (compared) print_named(run, "  %s", check->note, to);
    print_named(run, "  last value that agrees: \"%s\"", check->last_agreed, to);
    print_named(run, "  first value that differs: \"%s\"", check->first_divergent, to);
}
