/* SPDX-License-Identifier: Apache-2.0
 *
 * The check, for people. */
#ifndef REPORT_CHECK_TEXT_H
#define REPORT_CHECK_TEXT_H

#include "report/columns.h"
#include "report/report.h"

/* What was run and how far the models are apart, output by output, and what the figures mean. */
void print_check(const struct run_report *run, FILE *to);

#endif
