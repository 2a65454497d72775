/* SPDX-License-Identifier: Apache-2.0
 *
 * Escaping for marked-up reports. */
#include "report/markup.h"

#include "bnfuse.h"

#include <ctype.h>
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

/* Behind a backslash. */
static bool is_escape(const char *at)
{
    return (*at && strchr("ntr", *at))
           || (*at == 'x' && isxdigit((unsigned char)at[1]) && isxdigit((unsigned char)at[2]));
}

/* As bnfuse_escape makes it; what it has made already stays, as in an error's message or the words of a remark. */
static void escape_once(char *to, size_t size, const char *text)
{
    bnfuse_escape(to, size, text);
    char *end = to;
    for (const char *at = to; *at;) {
        const bool doubled = at[0] == '\\' && at[1] == '\\';
        if (doubled && at[2] == '\\' && at[3] == '\\') at += 2;
        else if (doubled && is_escape(at + 2)) at++;
        if (at[1] == '\\' && at[0] == '\\') *end++ = *at++;
        *end++ = *at++;
    }
    *end = 0;
}

void put_markup(FILE *to, const char *text)
{
    char printable[2048];
    escape_once(printable, sizeof printable, text);
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
    escape_once(printable, sizeof printable, text);
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
