/* SPDX-License-Identifier: Apache-2.0
 *
 * Which inputs and outputs of two models are the same: all by name, or else all by place. */
#ifndef CHECK_ENDS_H
#define CHECK_ENDS_H

#include "check/pair.h"

/* Sets the pairing's inputs, outputs and note. BNFUSE_DIFFER with what does not fit. */
bool pairing_match_ends(struct pairing *pairing, struct bnfuse_error *error);

#endif
