/* SPDX-License-Identifier: Apache-2.0
 *
 * The loops that every weight goes through: packed elements to double, times its factors, and back, rounded once. One
 * row per instruction set (base/instruction_set.h), all with the same bits. */
#ifndef ONNX_READ_CONVERT_H
#define ONNX_READ_CONVERT_H

#include "onnx/read/small_float.h"

struct convert {
    const char *name;
    void (*load_float)(const void *from, int64_t count, double *to);
    void (*store_float)(const double *from, int64_t count, void *to);
    void (*load_small16)(const struct format *format, const void *from, int64_t count, double *to);
    void (*store_small16)(const struct format *format, const double *from, int64_t count, void *to);
    void (*load_small8)(const struct format *format, const void *from, int64_t count, double *to);
    void (*store_small8)(const struct format *format, const double *from, int64_t count, void *to);
    /* Whether a code, its sign taken away, lies above `top`: that is no number. */
    bool (*any_above16)(const void *codes, int64_t count, uint16_t top);
    bool (*any_above32)(const void *codes, int64_t count, uint32_t top);
    void (*scale)(double factor, int64_t count, double *values);
    void (*scale_each)(const double *factors, int64_t count, double *values);
    /* The three in one, for the commonest type. */
    void (*scale_float)(double factor, const void *from, int64_t count, void *to);
    void (*scale_float_each)(const double *factors, const void *from, int64_t count, void *to);
};

/* Row 0 is the widest that the processor has; a row beyond the last is the last, which is portable. */
const struct convert *convert_for(int row);
int convert_row_count(void);

#endif
