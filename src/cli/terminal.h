/* SPDX-License-Identifier: Apache-2.0
 *
 * What the streams of the program are connected to. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include "report/columns.h"

#include <stdbool.h>
#include <stdio.h>

/* COLUMNS where it is set, else the width of the terminal, 40 at least; 0 where there is none. Colors on a terminal
 * that has them, unless NO_COLOR is set; with FORCE_COLOR anywhere. */
struct terminal terminal_of(FILE *stream);
/* Whether a line on it can be drawn again. */
bool terminal_redraws(FILE *stream);

#endif
