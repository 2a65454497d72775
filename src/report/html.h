/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the page, which several files make. */
#ifndef REPORT_HTML_H
#define REPORT_HTML_H

#include "report/report.h"
#include "report/views.h"

struct page {
    FILE *to;
    const struct run_report *run;
    size_t number; /* of the run, from 1 */
    struct views views;
};

/* The nodes around a value, before and after; nothing where the models are not at hand. */
void put_place(const struct page *page, const char *value, enum tone tone);

/* The check: the places that differ; how far the models are apart, on one axis and along the depth; the outputs. */
void put_failing_sites(const struct page *page);
void put_ladder(const struct page *page);
void put_depth(const struct page *page);
void put_outputs(const struct page *page);

#endif
