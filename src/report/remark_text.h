/* SPDX-License-Identifier: Apache-2.0
 *
 * Wordings that several reports share. */
#ifndef REPORT_REMARK_TEXT_H
#define REPORT_REMARK_TEXT_H

#include "report/report.h"

/* folded  into Conv "conv1";  stays   BNF106 a neighbor that no scale and shift can cross: Relu "r". Escaped. */
void remark_text(const bnfuse_remark *remark, char *to, size_t size);

/* Whether it is still there. There is no reason then where the pass that could fold it has not run. */
bool remark_stays(const bnfuse_remark *remark);

/* What was simplified: places by rule, and all of them when asked. */
void print_rewrites(const struct run_report *run, bool all, FILE *to);

/* The outcome in one or two plain sentences for somebody who does not know the program. Escaped. */
const char *verdict_sentence(const struct run_report *run, char *to, size_t size);

/* Whether the run ended badly for another reason than its verdict: a policy, a file that could not be written. */
bool failed_otherwise(const struct run_report *run);

/* The message of a run without the model's name, for where that is said already. Escaped. */
const char *message_alone(const struct run_report *run, char *to, size_t size);

/* Whether a changed place was run and computes something else. */
bool site_failed(const bnfuse_site *site);

#endif
