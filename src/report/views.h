/* SPDX-License-Identifier: Apache-2.0
 *
 * The two models of a run as pictures need them: of a fusion before and after, of a compare the first and the
 * second. */
#ifndef REPORT_VIEWS_H
#define REPORT_VIEWS_H

#include "report/neighbors.h"
#include "report/report.h"

enum { PICTURES_MOST = 100 }; /* of one kind */

struct views {
    struct neighbors *before, *after; /* both, or none */
};

/* From the models, or from the nodes that the run was read with. */
struct views views_open(const struct run_report *run);
void views_close(struct views *views);

/* Whether a BatchNormalization stays or a place differs; and marks what their pictures need. */
bool views_are_wanted(const struct run_report *run);
void views_mark(struct views *views, const struct run_report *run);

#endif
