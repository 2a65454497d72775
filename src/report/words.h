/* SPDX-License-Identifier: Apache-2.0
 *
 * Wordings that several reports share. */
#ifndef REPORT_WORDS_H
#define REPORT_WORDS_H

#include "bnfuse.h"

/* folded  into Conv "conv1";  stays   BNF106 a neighbour that no scale and shift can cross: Relu "r". Escaped. */
void remark_words(const bnfuse_remark *remark, char *to, size_t size);

#endif
