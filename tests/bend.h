/* SPDX-License-Identifier: Apache-2.0
 *
 * A model as text (fold_case.h), and all models that are like it but for one thing: a size, a type or a rank that is
 * not declared, a constant that is another or none, an attribute or an input left out, a value that is read elsewhere
 * too, something between two nodes, another opset. Some of them are no valid models. */
#ifndef TESTS_BEND_H
#define TESTS_BEND_H

#include <stdbool.h>
#include <stddef.h>

typedef void bend_take(void *context, const char *text);

void bend_each(const char *text, bend_take *take, void *context);

#endif
