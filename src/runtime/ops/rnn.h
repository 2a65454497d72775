/* SPDX-License-Identifier: Apache-2.0
 *
 * What tells RNN, GRU and LSTM apart: their rows' data. */
#ifndef RUNTIME_OPS_RNN_H
#define RUNTIME_OPS_RNN_H

#include <stdbool.h>

#define MOST_FUNCTIONS 3 /* per direction */

struct rnn; /* rnn.c */

struct cell {
    int gates, functions;
    const char *defaults[MOST_FUNCTIONS]; /* the activations f, g and h of the standard's formulas */
    bool has_memory;                      /* a second state */
    void (*step)(struct rnn *rnn);
};

#endif
