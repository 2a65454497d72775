/* SPDX-License-Identifier: Apache-2.0
 *
 * What a program has set before it calls the library, and what results must not depend on: its locale, in which a half
 * may be written 0,5; how it rounds; and whether subnormal numbers are zero to it, as some libraries arrange on
 * loading. */
#ifndef BASE_ENVIRONMENT_H
#define BASE_ENVIRONMENT_H

#include <fenv.h>
#include <locale.h>

struct environment {
    locale_t locale; /* 0: not changed */
    fenv_t arithmetic;
};

/* From here on this thread, and those that it starts, compute as IEEE 754 has it and write numbers with a point.
 * Without memory for another locale that stays. */
void environment_enter(struct environment *theirs);
void environment_leave(const struct environment *theirs);

#endif
