/* SPDX-License-Identifier: Apache-2.0
 *
 * The caller of a library chooses the locale, and in many of them a number is written 0,5. Models are not. */
#ifndef BASE_POINT_H
#define BASE_POINT_H

#include <locale.h>

/* From here on this thread reads and prints numbers with a point. Gives the locale to restore; 0 when nothing changed,
 * as the locale has a point or there is no memory for another. */
locale_t point_use(void);
void point_restore(locale_t theirs);

#endif
