/* SPDX-License-Identifier: Apache-2.0
 *
 * Text inside XML, HTML and Markdown. */
#ifndef REPORT_MARKUP_H
#define REPORT_MARKUP_H

#include <stdio.h>

/* Printable (as bnfuse_escape makes it, and once only), with <, >, &, quotes as entities, good for XML, HTML and
 * attributes. */
void put_markup(FILE *to, const char *text);
/* The same in an element. */
void put_element(FILE *to, const char *tag, const char *text);
/* Printable, with what Markdown or its HTML would read as markup escaped; a table cell stays one cell, nobody is
 * mentioned and nothing is linked. */
void put_markdown(FILE *to, const char *text);

#endif
