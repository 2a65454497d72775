/* SPDX-License-Identifier: Apache-2.0
 *
 * A mistake to take away: both segments as models of their own, what they were fed and what the first makes of it in
 * ONNX's test layout, and the command that shows the difference. */
#ifndef CHECK_REPRO_H
#define CHECK_REPRO_H

#include "check/site.h"

/* site->witness holds what was fed and the first model's result. DIR is made; files in it are replaced:
 *   first.onnx, second.onnx, test_data_set_0/input_0.pb, ..., test_data_set_0/output_0.pb, command.txt */
bool write_repro(const struct net *a, const struct net *b, const struct site *site, struct arena *arena,
                 const char *directory, struct bnfuse_error *error);

#endif
