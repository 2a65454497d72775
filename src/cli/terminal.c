/* SPDX-License-Identifier: Apache-2.0
 *
 * By isatty, the environment and TIOCGWINSZ. */
#include "cli/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { NARROWEST = 40, WIDEST = 4096 };

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);
    return value && *value && strcmp(value, "0") != 0;
}

bool terminal_redraws(FILE *stream)
{
    const char *kind = getenv("TERM");
    return isatty(fileno(stream)) && kind && strcmp(kind, "dumb") != 0;
}

static int columns_of(FILE *stream)
{
    struct winsize size;
    const char *asked = getenv("COLUMNS");
    long columns = asked ? strtol(asked, NULL, 10) : 0;
    if (columns <= 0 && isatty(fileno(stream)) && ioctl(fileno(stream), TIOCGWINSZ, &size) == 0) columns = size.ws_col;
    return columns <= 0 ? 0 : columns < NARROWEST ? NARROWEST : columns > WIDEST ? WIDEST : (int)columns;
}

struct terminal terminal_of(FILE *stream)
{
    const char *no_color = getenv("NO_COLOR");
    bool colors = !(no_color && *no_color) && (is_set("FORCE_COLOR") || terminal_redraws(stream));
    return (struct terminal){ columns_of(stream), colors };
}
