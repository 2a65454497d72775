/* SPDX-License-Identifier: Apache-2.0
 *
 * Escaping for marked-up reports. */
#include "report/markup.h"

#include "bnfuse.h"

#include <string.h>

static const char *entity(char character)
{
    switch (character) {
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '&': return "&amp;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return NULL;
    }
}

void put_markup(FILE *to, const char *text)
{
    char printable[2048];
    bnfuse_escape(printable, sizeof printable, text);
    for (const char *at = printable; *at; at++) {
        if (entity(*at)) fputs(entity(*at), to);
        else fputc(*at, to);
    }
}

void put_markdown(FILE *to, const char *text)
{
    char printable[2048];
    bnfuse_escape(printable, sizeof printable, text);
    for (const char *at = printable; *at; at++) {
        if (strchr("\\`*_{}[]|#~", *at)) fprintf(to, "\\%c", *at);
        else if (*at != '\'' && *at != '"' && entity(*at)) fputs(entity(*at), to);
        else fputc(*at, to);
    }
}
