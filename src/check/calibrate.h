/* SPDX-License-Identifier: Apache-2.0
 *
 * The statistics of BatchNormalizations, estimated again from data: mean and variance of each one's input over all sets
 * (population statistics, in double), layer by layer, so that each is measured on what the layers upstream of it give
 * once they are calibrated. Then everything is measured once more: what is stored has to be what is seen. */
#ifndef CHECK_CALIBRATE_H
#define CHECK_CALIBRATE_H

#include "check/check.h"

/* Edits the net; new statistics = (1 - momentum) * old + momentum * measured. shape_infer has run. The result lives in
 * the net's arena. False: no data (BNFUSE_USAGE), a run that failed, statistics that do not settle (BNFUSE_DIFFER). */
bool check_calibrate(struct net *net, const struct check_options *options, double momentum,
                     bnfuse_calibration *calibration, struct bnfuse_error *error);

#endif
