/* SPDX-License-Identifier: Apache-2.0
 *
 * The nodes around a place, before and after, side by side. */
#include "report/html.h"

static void put_side(const struct page *page, const struct neighbors *side, const char *title, const char *value,
                     enum tone tone)
{
    char words[80];
    snprintf(words, sizeof words, "the nodes around it %s", title);
    fprintf(page->to, "<div><p>%s</p>\n", title);
    if (value) neighbors_draw(side, page->to, words, value, tone);
    else fputs("<p>Nothing is there in its place.</p>\n", page->to);
    fputs("</div>\n", page->to);
}

/* A downstream fold removes the value; then the first reader that is left is drawn. */
void put_place(const struct page *page, const char *value, enum tone tone)
{
    const struct neighbors *before = page->views.before, *after = page->views.after;
    const char *first = before ? neighbors_find(before, before, value) : NULL,
               *second = before ? neighbors_find(before, after, value) : NULL;
    if (!first && !second) return;
    fputs("<div class=\"pair\">\n", page->to);
    put_side(page, before, page->run->other ? "in the first" : "before", first, tone);
    put_side(page, after, page->run->other ? "in the second" : "after", second, tone);
    fputs("</div>\n", page->to);
}
