/* SPDX-License-Identifier: Apache-2.0
 *
 * See environment.h. */
#include "base/environment.h"

#include <string.h>

static locale_t use_point(void)
{
    if (strcmp(localeconv()->decimal_point, ".") == 0) return (locale_t)0;
    locale_t base = duplocale(uselocale((locale_t)0));
    locale_t ours = base ? newlocale(LC_NUMERIC_MASK, "C", base) : (locale_t)0;
    if (!ours && base) freelocale(base);
    return ours ? uselocale(ours) : (locale_t)0;
}

void environment_enter(struct environment *theirs)
{
    theirs->locale = use_point();
    fegetenv(&theirs->arithmetic);
    fesetenv(FE_DFL_ENV);
}

void environment_leave(const struct environment *theirs)
{
    fesetenv(&theirs->arithmetic);
    if (theirs->locale) freelocale(uselocale(theirs->locale));
}
