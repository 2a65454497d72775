/* SPDX-License-Identifier: Apache-2.0
 *
 * One page of HTML that needs nothing else: no script, no other file. The verdict comes first, in one sentence; then
 * four figures, the differences on one axis, the net as a ribbon, and what stays with its reason and remedy. Pictures
 * hold without the style sheet, which some CI servers take away. */
#include "report/html.h"
#include "report/markup.h"
#include "report/picture.h"
#include "report/remark_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS_MOST = 20000, TITLE_MOST = 60, OPEN_MOST = 20 };

static const char style[] =
    ":root{color-scheme:light dark;--line:#8886;--soft:#8881}"
    "body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:62rem;padding:0 1rem 3rem}"
    "h1{font-size:1.25rem;overflow-wrap:anywhere}h2{font-size:1.1rem;margin:2rem 0 .5rem}"
    ".band{border-left:8px solid;border-radius:8px;padding:.8rem 1rem;background:var(--soft);display:flex;gap:.8rem;"
    "align-items:flex-start}.band "
    "p{margin:0;font-size:1.1rem;min-width:0;overflow-wrap:anywhere}.sign{flex:none;margin-top:.1rem}"
    ".good{border-color:#2da44e}.kept{border-color:#c47f00}.bad{border-color:#e5534b}.other{border-color:#8b949e}"
    ".figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.8rem;margin:1rem 0;padding:0}"
    ".figures li{list-style:none;border:1px solid var(--line);border-radius:8px;padding:.6rem .8rem}"
    ".figures span{display:block;font-size:.85rem}.figures "
    "strong{font-weight:500;font-size:1.15rem;font-variant-numeric:tabular-nums}"
    ".grew{color:#d1242f}.picture{display:block;width:100%;max-width:30rem;height:auto;margin:.5rem 0}"
    ".pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(20rem,100%),1fr));gap:1rem}"
    ".ribbon{max-width:none}.results td:nth-child(2),.results td:nth-child(3){min-width:8rem}.results "
    "td{white-space:normal}.results td:last-child{white-space:nowrap}.pair "
    ".picture{max-width:24rem}table{border-collapse:collapse;width:100%;font-size:.92rem}"
    ".scroll{overflow-x:auto}th,td{text-align:left;padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--line);"
    "vertical-align:top;overflow-wrap:anywhere}th{white-space:nowrap}.numbers td+td,.numbers "
    "th+th{text-align:right;white-space:nowrap;"
    "font-variant-numeric:tabular-nums}summary{cursor:pointer;overflow-wrap:anywhere}details{margin:.4rem 0}"
    "code{background:var(--soft);border-radius:4px;padding:.1rem .3rem;overflow-wrap:anywhere}"
    "@media(prefers-color-scheme:dark){.grew{color:#ff7b72}}"
    "@media print{details{break-inside:avoid}body{max-width:none}}";

/* ---- The verdict ---- */

static enum tone verdict_tone(const struct run_report *run)
{
    if (run->status == BNFUSE_DIFFER || (run->check && run->check->verdict == BNFUSE_VERDICT_FAIL)) return TONE_BAD;
    if (run->status == BNFUSE_OK) return run->check ? TONE_GOOD : TONE_PLAIN;
    return run->status == BNFUSE_POLICY || run->status == BNFUSE_UNSUPPORTED ? TONE_KEPT : TONE_BAD;
}

static const char *tone_sign(enum tone tone)
{
    static const char *const signs[] = {
        [TONE_PLAIN] = "note", [TONE_GOOD] = "pass",  [TONE_KEPT] = "attention",
        [TONE_BAD] = "fail",   [TONE_OTHER] = "note",
    };
    return signs[tone];
}

static void put_band(const struct page *page)
{
    static const char *const classes[] = {
        [TONE_PLAIN] = "other", [TONE_GOOD] = "good", [TONE_KEPT] = "kept", [TONE_BAD] = "bad", [TONE_OTHER] = "other",
    };
    char sentence[1400];
    enum tone tone = verdict_tone(page->run);
    fprintf(page->to, "<div class=\"band %s\">", classes[tone]);
    picture_sign(page->to, tone, tone_sign(tone));
    put_element(page->to, "p", verdict_sentence(page->run, sentence, sizeof sentence));
    fputs("</div>\n", page->to);
}

/* ---- Figures ---- */

static void put_figure(FILE *to, const char *title, const char *text, bool grew)
{
    fputs("<li>", to);
    put_element(to, "span", title);
    fprintf(to, " <strong%s>", grew ? " class=\"grew\"" : "");
    put_markup(to, text);
    fputs("</strong></li>\n", to);
}

static void put_change(FILE *to, const char *title, int64_t before, int64_t after)
{
    char text[80], first[NUMBER_SIZE], second[NUMBER_SIZE];
    snprintf(text, sizeof text, "%s \xe2\x86\x92 %s", text_number(first, before), text_number(second, after));
    put_figure(to, title, text, after > before);
}

static void put_figures(const struct page *page)
{
    const bnfuse_report *report = page->run->report;
    char text[80], number[NUMBER_SIZE];
    fputs("<ul class=\"figures\">\n", page->to);
    put_change(page->to, "BatchNormalizations", (int64_t)report->remark_count, (int64_t)report->left);
    put_change(page->to, "nodes", report->before.nodes, report->after.nodes);
    if (report->multiply_adds_saved || report->left == report->remark_count)
        snprintf(text, sizeof text, "%s fewer", text_number(number, report->multiply_adds_saved));
    else snprintf(text, sizeof text, "fewer; sizes are open");
    put_figure(page->to, "multiply-adds a run", text, false);
    if (report->after.bytes) put_change(page->to, "bytes", (int64_t)report->before.bytes, (int64_t)report->after.bytes);
    else put_figure(page->to, "bytes", "nothing written", false);
    fputs("</ul>\n", page->to);
}

/* ---- The ribbon ---- */

static enum tone cell_tone(const bnfuse_remark *remark)
{
    return remark_stays(remark) ? TONE_KEPT : TONE_GOOD;
}

/* Remarks and nodes both come in the order of the file. */
static size_t fill_cells(const struct page *page, struct cell *cells, size_t most)
{
    const bnfuse_report *report = page->run->report;
    const bnfuse_node *node;
    size_t next = 0, count = 0;
    for (; count < most && (node = bnfuse_get_node(page->run->handle, false, count)); count++) {
        cells[count] = (struct cell){ TONE_PLAIN, node->op, 0 };
        const bnfuse_remark *remark = next < report->remark_count ? report->remarks[next] : NULL;
        if (!remark || strcmp(node->op, REMARKED_OPERATOR) != 0) continue;
        cells[count] = (struct cell){ cell_tone(remark), remark->node, ++next };
    }
    return count;
}

static void put_ribbon(const struct page *page)
{
    struct cell *cells = page->run->handle ? calloc(CELLS_MOST, sizeof *cells) : NULL;
    size_t count = cells ? fill_cells(page, cells, CELLS_MOST) : 0;
    if (count) {
        fprintf(page->to,
                "<h2>The net</h2>\n<p>Its nodes in the order of the file: folded BatchNormalizations are "
                "green, those that stay amber, all others grey.%s</p>\n",
                count == CELLS_MOST ? " The first 20,000." : "");
        picture_ribbon(page->to, page->number, cells, count);
    }
    free(cells);
}

/* ---- What stays ---- */

static size_t count_code(const bnfuse_report *report, int code)
{
    size_t count = 0;
    for (size_t i = 0; i < report->remark_count; i++) count += report->remarks[i]->code == code;
    return count;
}

static void put_reason(const struct page *page, const bnfuse_reason *reason)
{
    fprintf(page->to, "<li>BNF%d: ", reason->code);
    put_markup(page->to, reason->text);
    if (*reason->help) {
        fputs(". What would help: ", page->to);
        put_element(page->to, strncmp(reason->help, "--", 2) == 0 ? "code" : "span", reason->help);
    }
    fputs("</li>\n", page->to);
}

static void put_reasons(const struct page *page)
{
    enum { MOST = 32 };
    struct bar bars[MOST];
    char labels[MOST][16], texts[MOST][24];
    size_t count = 0;
    const bnfuse_reason *reason;
    for (size_t i = 0; (reason = bnfuse_get_reason(i)) && count < MOST; i++) {
        size_t kept = count_code(page->run->report, reason->code);
        if (!kept) continue;
        snprintf(labels[count], sizeof *labels, "BNF%d", reason->code);
        snprintf(texts[count], sizeof *texts, "%zu", kept);
        bars[count] = (struct bar){ labels[count], (double)kept, texts[count], TONE_KEPT };
        count++;
    }
    if (!count) return;
    fputs("<h2>Why the others stay</h2>\n", page->to);
    picture_bars(page->to, "how many stay for which reason", bars, count);
    fputs("<ul>\n", page->to);
    for (size_t i = 0; (reason = bnfuse_get_reason(i)); i++)
        if (count_code(page->run->report, reason->code)) put_reason(page, reason);
    fputs("</ul>\n", page->to);
}

static void put_channels(const struct page *page, const bnfuse_remark *remark)
{
    const bnfuse_channels *channels = remark->channels;
    size_t degenerate = 0;
    for (size_t i = 0; i < channels->count; i++) degenerate += channels->degenerate[i];
    fputs("<p>The scale of each channel, on a logarithmic axis", page->to);
    if (degenerate)
        fprintf(page->to, "; %zu %s degenerate (red): scale or variance near 0, or a mean of a thousand deviations",
                degenerate, degenerate == 1 ? "is" : "are");
    fputs(".</p>\n", page->to);
    picture_channels(page->to, "the scale of each channel", channels->scales, channels->degenerate, channels->count);
}

static void put_remark(const struct page *page, size_t i, bool with_picture)
{
    const bnfuse_remark *remark = page->run->report->remarks[i];
    char words[1200];
    remark_text(remark, words, sizeof words);
    fprintf(page->to, "<details id=\"m%zub%zu\"><summary>", page->number, i + 1);
    put_element(page->to, "strong", remark->node);
    fputs(" ", page->to);
    put_markup(page->to, words);
    fputs("</summary>\n", page->to);
    if (*remark->scope) {
        fputs("<p>in ", page->to);
        put_markup(page->to, remark->scope);
        fputs("</p>\n", page->to);
    }
    if (*remark->path) {
        fprintf(page->to, "<p>%s: ", remark_stays(remark) ? "tried" : "path");
        put_markup(page->to, remark->path);
        fputs("</p>\n", page->to);
    }
    if (with_picture) put_place(page, remark->output, remark_stays(remark) ? TONE_KEPT : TONE_GOOD);
    if (with_picture && remark->channels) put_channels(page, remark);
    fputs("</details>\n", page->to);
}

/* The first ones stand open; so that the page stays short, the others are one line until somebody asks. */
static void put_remarks(const struct page *page, bool kept, const char *title)
{
    const bnfuse_report *report = page->run->report;
    size_t count = 0, done = 0;
    for (size_t i = 0; i < report->remark_count; i++) count += remark_stays(report->remarks[i]) == kept;
    if (!count) return;
    fprintf(page->to, "<h2>%s</h2>\n", title);
    size_t most = kept || page->run->handle ? PICTURES_MOST : 0; /* JSON has what stays alone */
    for (size_t i = 0; i < report->remark_count; i++) {
        if (remark_stays(report->remarks[i]) != kept) continue;
        if (done == OPEN_MOST) fprintf(page->to, "<details><summary>%zu more</summary>\n", count - done);
        put_remark(page, i, done < most);
        done++;
    }
    if (done > OPEN_MOST) fputs("</details>\n", page->to);
}

/* ---- Tables ---- */

static void put_operators(const struct page *page)
{
    const bnfuse_report *report = page->run->report;
    char before[NUMBER_SIZE], after[NUMBER_SIZE], change[NUMBER_SIZE];
    fputs("<details><summary>Operators, before and after</summary>\n<div class=\"scroll\"><table class=\"numbers\">\n"
          "<thead><tr><th>operator</th><th>before</th><th>after</th><th>change</th></tr></thead>\n<tbody>\n",
          page->to);
    for (size_t i = 0; i < report->op_count; i++) {
        const bnfuse_op_count *row = report->ops[i];
        fputs("<tr>", page->to);
        put_element(page->to, "td", row->op);
        fprintf(page->to, "<td>%s</td><td>%s</td><td>%s</td></tr>\n", text_number(before, row->before),
                text_number(after, row->after), text_change(change, row->after - row->before));
    }
    fputs("</tbody></table></div></details>\n", page->to);
}

static void put_row(FILE *to, const char *name, const char *text)
{
    if (!text || !*text) return;
    fputs("<tr>", to);
    fprintf(to, "<th scope=\"row\">%s</th>", name);
    put_element(to, "td", text);
    fputs("</tr>\n", to);
}

static void put_reproduce(const struct page *page)
{
    const struct run_report *run = page->run;
    char seed[40] = "";
    if (run->check) snprintf(seed, sizeof seed, "%" PRIu64, run->check->seed);
    fputs("<h2>Reproduce</h2>\n<div class=\"scroll\"><table>\n<tbody>\n", page->to);
    put_row(page->to, "command", run->command_line);
    put_row(page->to, "bnfuse", bnfuse_version());
    put_row(page->to, "seed", seed);
    if (run->check) put_row(page->to, "inputs", run->check->inputs);
    put_row(page->to, run->other ? "sha256 of the first" : "sha256 before", run->hash_before);
    put_row(page->to, "sha256 after", run->hash_after);
    fputs("</tbody></table></div>\n", page->to);
}

static void put_name(FILE *to, const struct run_report *run)
{
    put_markup(to, run->model);
    if (!run->other) return;
    fputs(" against ", to);
    put_markup(to, run->other);
}

static void put_run(struct page *page)
{
    const struct run_report *run = page->run;
    page->views = views_open(run);
    put_band(page);
    if (run->check && *run->check->why) put_element(page->to, "p", run->check->why);
    put_failing_sites(page);
    if (run->report) put_figures(page);
    if (run->check) put_ladder(page);
    if (run->check) put_depth(page);
    if (run->report) {
        put_ribbon(page);
        if (run->report->left) put_reasons(page);
        put_remarks(page, true, "BatchNormalizations that stay");
        put_remarks(page, false, "BatchNormalizations that were folded");
        put_operators(page);
    }
    if (run->check && run->check->output_count) put_outputs(page);
    put_reproduce(page);
    views_close(&page->views);
}

/* ---- Many models ---- */

static void put_result(FILE *to, const struct run_report *run, size_t number)
{
    char line[1200];
    fputs("<tr><td>", to);
    picture_sign(to, verdict_tone(run), tone_sign(verdict_tone(run)));
    fprintf(to, "</td><td><a href=\"#m%zu\">", number);
    put_name(to, run);
    fputs("</a></td>", to);
    put_element(to, "td", *run->message ? message_alone(run, line, sizeof line) : verdict_line(run, line, sizeof line));
    if (run->report) fprintf(to, "<td>%zu \xe2\x86\x92 %zu</td>", run->report->remark_count, run->report->left);
    else fputs("<td></td>", to);
    fprintf(to, "<td>%.2f&nbsp;s</td></tr>\n", run->seconds);
}

static void put_results(FILE *to, const struct run_list *list)
{
    size_t good = 0;
    for (size_t i = 0; i < list->count; i++) good += list->runs[i]->status == BNFUSE_OK;
    fprintf(to, "<h1>bnfuse: %zu models</h1>\n<p>%zu of them are good.</p>\n", list->count, good);
    fputs("<div class=\"scroll\"><table class=\"results\">\n<thead><tr><th></th><th>model</th><th>result</th>"
          "<th>BatchNormalizations</th><th>time</th></tr></thead>\n<tbody>\n",
          to);
    for (size_t i = 0; i < list->count; i++) put_result(to, list->runs[i], i + 1);
    fputs("</tbody></table></div>\n", to);
}

static void put_title(FILE *to, const struct run_list *list)
{
    char name[1000], fitted[200];
    const char *slash = list->count == 1 ? strrchr(list->runs[0]->model, '/') : NULL;
    bnfuse_escape(name, sizeof name, slash ? slash + 1 : list->count == 1 ? list->runs[0]->model : "");
    text_shorten(fitted, sizeof fitted, name, TITLE_MOST);
    if (list->count == 1) put_markup(to, fitted);
    else fprintf(to, "%zu models", list->count);
}

bool report_html(const struct run_list *list, FILE *to)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
          "content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n"
          "<title>bnfuse: ",
          to);
    put_title(to, list);
    fprintf(to, "</title>\n<style>%s</style>\n</head>\n<body>\n<main>\n", style);
    if (list->count != 1) put_results(to, list);
    for (size_t i = 0; i < list->count; i++) {
        struct page page = { .to = to, .run = list->runs[i], .number = i + 1 };
        fprintf(to, "<section id=\"m%zu\">\n<h1>", i + 1);
        put_name(to, page.run);
        fputs("</h1>\n", to);
        put_run(&page);
        fputs("</section>\n", to);
    }
    fputs("</main>\n</body>\n</html>\n", to);
    return !ferror(to);
}
