/* SPDX-License-Identifier: Apache-2.0
 *
 * Wordings that reports share. */
#include "report/remark_text.h"

#include <stdio.h>
#include <string.h>

report_writer *const report_writers[REPORT_COUNT] = {
#define ROW(name, option, help) [REPORT_##name] = report_##name,
    REPORT_FORMATS(ROW)
#undef ROW
};

bool failed_otherwise(const struct run_report *run)
{
    if (run->status == BNFUSE_OK || run->status == BNFUSE_POLICY) return run->status != BNFUSE_OK;
    return !run->check || bnfuse_verdict_status(run->check->verdict) == BNFUSE_OK;
}

const char *verdict_line(const struct run_report *run, char *to, size_t size)
{
    const bnfuse_check_result *check = run->check;
    if (!check) {
        snprintf(to, size, "not checked");
        return to;
    }
    char why[1024];
    bnfuse_escape(why, sizeof why, check->why);
    const char *text = bnfuse_verdict_text(check->verdict);
    if (check->verdict == BNFUSE_VERDICT_PASS_SITES) snprintf(to, size, "pass (sites only: %s)", why);
    else if (check->verdict == BNFUSE_VERDICT_NOT_CHECKED) snprintf(to, size, "not checked (%s)", why);
    else if (*why) snprintf(to, size, "%s: %s", text, why);
    else snprintf(to, size, "%s", text);
    size_t used = strlen(to);
    if (failed_otherwise(run)) snprintf(to + used, size - used, ", but exit status %d", run->status);
    return to;
}

void remark_text(const bnfuse_remark *remark, char *to, size_t size)
{
    char where[300], detail[300];
    bnfuse_escape(where, sizeof where, remark->where);
    bnfuse_escape(detail, sizeof detail, remark->detail);
    const char *comma = *detail ? ", " : "", *outcome = bnfuse_outcome_text(remark->outcome);
    if (remark->code)
        snprintf(to, size, "stays   BNF%d %s%s%s%s%s", remark->code, remark->reason, *where ? ": " : "", where, comma,
                 detail);
    else if (*where) snprintf(to, size, "%-7s into %s%s%s", outcome, where, comma, detail);
    else snprintf(to, size, "%s%s%s", outcome, comma, detail);
}

/* What follows "name", or NULL where the text begins otherwise. */
static const char *after(const char *text, const char *name)
{
    size_t size = strlen(name);
    return text && strncmp(text, name, size) == 0 ? text + size : NULL;
}

const char *message_alone(const struct run_report *run, char *to, size_t size)
{
    const char *rest = after(run->message, run->model);
    if (rest && run->other && after(rest, ", ")) rest = after(after(rest, ", "), run->other);
    rest = after(rest, ": ");
    bnfuse_escape(to, size, rest ? rest : run->message);
    return to;
}

bool remark_stays(const bnfuse_remark *remark)
{
    return remark->outcome == BNFUSE_OUTCOME_STAYS;
}

bool site_failed(const bnfuse_site *site)
{
    const bnfuse_difference *d = &site->difference;
    return site->checked && !site->ill_conditioned && (d->shape_differs || d->pattern_differs || d->relative > 1e-9);
}

/* What happened to the BatchNormalizations. */
static void say_folded(const bnfuse_report *report, char *to, size_t size)
{
    size_t all = report->remark_count, kept = report->left;
    if (all == 0) snprintf(to, size, "There is no BatchNormalization in this model. ");
    else if (kept == 0 && all == 1) snprintf(to, size, "The BatchNormalization is gone. ");
    else if (kept == 0) snprintf(to, size, "All %zu BatchNormalizations are gone. ", all);
    else if (kept >= all)
        snprintf(to, size, "%zu BatchNormalization%s, each for its reason. ", kept, kept == 1 ? " stays" : "s stay");
    else
        snprintf(to, size, "%zu of %zu BatchNormalizations are gone; %zu stay%s, each for its reason. ", all - kept,
                 all, kept, kept == 1 ? "s" : "");
}

/* What a verdict means for deploying the model: the one that was made of another, or the second of two. */
static const char *say_verdict(bnfuse_verdict verdict, bool compared)
{
    static const struct {
        const char *made, *compared;
    } sentences[] = {
        [BNFUSE_VERDICT_IDENTICAL] = { "Nothing changed.", "The two models are the same graph." },
        [BNFUSE_VERDICT_PASS] = { "The new model computes what the old one did.", "The two models compute the same." },
        [BNFUSE_VERDICT_PASS_ROUNDING] = { "Safe: the outputs differ by more than the tolerance, but only by rounding. "
                                           "Computed in float64, both models agree.",
                                           "The two models compute the same: what differs is rounding." },
        [BNFUSE_VERDICT_PASS_SITES] = { "Every changed place was proven by itself; the whole model cannot run here.",
                                        "Every place that differs was proven by itself; the whole models cannot run "
                                        "here." },
        [BNFUSE_VERDICT_FAIL] = { "Fail: the new model computes something else. Nothing was written.",
                                  "Fail: the two models compute different things." },
        [BNFUSE_VERDICT_ILL_CONDITIONED] = { "Every changed place was proven by itself. The outputs differ because "
                                             "this "
                                             "model amplifies rounding: the original is no better defined.",
                                             "Every place that differs was proven by itself. The outputs differ "
                                             "because "
                                             "these models amplify rounding: the first is no better defined." },
        [BNFUSE_VERDICT_EQUAL] = { "The new model computes what the old one did.",
                                   "The two models give the same, bit for bit, on everything that was tried." },
        [BNFUSE_VERDICT_PASS_LOWER_PRECISION] = { "The new model computes what the old one did, at the lower "
                                                  "precision.",
                                                  "The two models compute the same at the precision that was asked "
                                                  "for." },
        [BNFUSE_VERDICT_CANNOT_TELL] = { "Cannot tell: rounding leaves too much open.",
                                         "Cannot tell whether the two models compute the same." },
    };
    const char *sentence = NULL;
    if ((size_t)verdict < sizeof sentences / sizeof *sentences)
        sentence = compared ? sentences[verdict].compared : sentences[verdict].made;
    return sentence ? sentence : "Not checked.";
}

const char *verdict_sentence(const struct run_report *run, char *to, size_t size)
{
    char folded[200] = "", message[1100];
    if (run->status != BNFUSE_OK && run->status != BNFUSE_DIFFER && *run->message) {
        snprintf(to, size, "%s", message_alone(run, message, sizeof message));
        return to;
    }
    if (run->report) say_folded(run->report, folded, sizeof folded);
    snprintf(to, size, "%s%s", folded, run->check ? say_verdict(run->check->verdict, run->other) : "Not checked.");
    return to;
}
