/* SPDX-License-Identifier: Apache-2.0
 *
 * Names that nothing in a model bears yet. */
#ifndef ONNX_GRAPH_NAMES_H
#define ONNX_GRAPH_NAMES_H

#include "onnx/graph/graph.h"

/* For `net->names`; the names are gathered from net->graphs when the first new one is asked for. */
struct name_table *name_table_new(struct arena *arena);

/* A name that nothing in the model bears: `base`, base_2, base_3, ...; taken from now on. */
const char *net_take_name(struct net *net, const char *base);

/* No edit will ask for a new name any more: releases the names in use. */
void net_close_names(struct net *net);

#endif
