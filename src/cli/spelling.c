/* SPDX-License-Identifier: Apache-2.0
 *
 * Edit distance with exchanges of neighbors (optimal string alignment), three rows at a time. */
#include "cli/spelling.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t edit_distance(const char *a, size_t m, const char *b, size_t n)
{
    size_t rows[3][SPELLING_MOST + 1];
    size_t *two_up = rows[0], *up = rows[1], *row = rows[2];
    for (size_t k = 0; k <= n; k++) up[k] = k;
    for (size_t i = 1; i <= m; i++) {
        row[0] = i;
        for (size_t k = 1; k <= n; k++) {
            size_t replaced = up[k - 1] + (a[i - 1] != b[k - 1]);
            row[k] = least(replaced, least(up[k], row[k - 1]) + 1);
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                row[k] = least(row[k], two_up[k - 2] + 1);
        }
        size_t *free_row = two_up;
        two_up = up;
        up = row;
        row = free_row;
    }
    return up[n];
}

void spelling_open(struct spelling *spelling, const char *word, size_t length)
{
    *spelling = (struct spelling){ word, least(length, SPELLING_MOST), NULL, 0 };
    spelling->distance = spelling->length / 3 + 2; /* what is no nearer than that is another word */
    if (spelling->length < 3) spelling->distance = spelling->length;
}

void spelling_offer(struct spelling *spelling, const char *candidate)
{
    size_t length = strlen(candidate);
    if (length > SPELLING_MOST) return;
    bool begins = spelling->length > 2 && strncmp(candidate, spelling->word, spelling->length) == 0;
    size_t distance = begins ? 1 : edit_distance(spelling->word, spelling->length, candidate, length);
    if (distance >= spelling->distance) return;
    spelling->distance = distance;
    spelling->nearest = candidate;
}

const char *spelling_hint(const struct spelling *spelling, const char *before, char *to, size_t size)
{
    *to = '\0';
    if (spelling->nearest) snprintf(to, size, "; did you mean %s%s?", before, spelling->nearest);
    return to;
}
