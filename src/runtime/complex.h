/* SPDX-License-Identifier: Apache-2.0
 *
 * Complex numbers in a run. The standard lets them into the operators that move elements, and into a few that are
 * linear in them with real factors; a row says which of these an operator is (enum complex_use), and no other kernel
 * sees one. */
#ifndef RUNTIME_COMPLEX_H
#define RUNTIME_COMPLEX_H

#include "runtime/kernel.h"

/* The node's kernel; or a line that its row has no use for complex numbers, when there are some among the inputs. */
bool complex_run(struct call *call);

#endif
