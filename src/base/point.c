/* SPDX-License-Identifier: Apache-2.0
 *
 * See point.h. */
#include "base/point.h"

#include <string.h>

locale_t point_use(void)
{
    if (strcmp(localeconv()->decimal_point, ".") == 0) return (locale_t)0;
    locale_t base = duplocale(uselocale((locale_t)0));
    locale_t ours = base ? newlocale(LC_NUMERIC_MASK, "C", base) : (locale_t)0;
    if (!ours && base) freelocale(base);
    return ours ? uselocale(ours) : (locale_t)0;
}

void point_restore(locale_t theirs)
{
    if (theirs) freelocale(uselocale(theirs));
}
