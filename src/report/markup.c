/* SPDX-License-Identifier: Apache-2.0
 *
 * Escaping for marked-up reports. */
#include "report/markup.h"

#include "bnfuse.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

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
        const char *name = entity(*at);
        if (name) fputs(name, to);
        else fputc(*at, to);
    }
}

/* Whether a forge would make a link of what begins here: @name, http://..., www.... An empty comment behind the
 * character keeps it from that; escapes do not, since links are found in the finished text. */
static bool is_linked(const char *at)
{
    return *at == '@' || strncmp(at, "://", 3) == 0 || strncasecmp(at, "w.", 2) == 0;
}

void put_markdown(FILE *to, const char *text)
{
    char printable[2048];
    bnfuse_escape(printable, sizeof printable, text);
    for (const char *at = printable; *at; at++) {
        if (strchr("\\`*_{}[]|#~", *at)) fprintf(to, "\\%c", *at);
        else if (is_linked(at)) fprintf(to, "%c<!-- -->", *at);
        else if (*at != '\'' && *at != '"' && entity(*at)) fputs(entity(*at), to);
        else fputc(*at, to);
    }
}

void put_element(FILE *to, const char *tag, const char *text)
{
    fprintf(to, "<%s>", tag);
    put_markup(to, text);
    fprintf(to, "</%s>", tag);
}
