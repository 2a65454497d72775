/* SPDX-License-Identifier: Apache-2.0
 *
 * "Did you mean": the word of a list that a misspelt one is nearest to. */
#ifndef CLI_SPELLING_H
#define CLI_SPELLING_H

#include <stddef.h>

struct spelling {
    const char *word;    /* as it was written; at most SPELLING_MOST bytes of it count */
    size_t length;       /* of the word */
    const char *nearest; /* NULL: nothing near it was offered */
    size_t distance;
};

enum { SPELLING_MOST = 64 };

void spelling_open(struct spelling *spelling, const char *word, size_t length);
/* Offers a candidate, which must outlive the search. The first of those that are equally near is kept. */
void spelling_offer(struct spelling *spelling, const char *candidate);
/* "; did you mean X?" with `before` in front of X, or "" when nothing is near. */
const char *spelling_hint(const struct spelling *spelling, const char *before, char *to, size_t size);

#endif
