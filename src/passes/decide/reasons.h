/* SPDX-License-Identifier: Apache-2.0
 *
 * Why a BatchNormalization, or another affine, stays: stable codes, each with its fixed line and what would help. The
 * codes appear in reports, JSON and docs/reasons.md, and never change their meaning; new ones are added at the end. */
#ifndef PASSES_DECIDE_REASONS_H
#define PASSES_DECIDE_REASONS_H

#include "bnfuse.h"

/*  code    name               what is in the way                                              what would help */
#define REASONS(ROW)                                                                                                 \
    ROW(101, READ_ELSEWHERE, "the value to scale is also read by others", "")                                        \
    ROW(102, GRAPH_OUTPUT, "the value to scale is itself a graph output", "")                                        \
    ROW(103, TRAINING_MODE, "it normalizes by batch statistics (training mode)",                                     \
        "export in inference mode; --assume-inference if that was a mistake and its statistics are not read")        \
    ROW(104, NOT_CONSTANT, "a parameter is computed at run time", "")                                                \
    ROW(105, OVERRIDABLE, "a parameter is a graph input that callers can replace", "--freeze-weights")               \
    ROW(106, NON_LINEAR, "a neighbor that scale and shift cannot cross", "")                                         \
    ROW(107, QUANTIZED, "the neighbor's weights are quantized", "fold before quantizing")                            \
    ROW(108, NOT_FINITE, "the fold would not be finite", "look at this channel's statistics")                        \
    ROW(109, MISMATCH, "shapes or types do not match: the model cannot run as it is", "")                            \
    ROW(110, PADDED_SHIFT, "zero padding and a shift that is not zero",                                              \
        "before a Conv, --enable bn-before-padded-conv folds the scale")                                             \
    ROW(111, AXIS_NOT_PROVEN, "the channel axis cannot be proven", "declare the input's rank and dims")              \
    ROW(112, NEGATIVE_SCALE, "a negative scale cannot cross a maximum", "")                                          \
    ROW(113, WEIGHT_DYNAMIC, "the neighbor's weight is computed at run time", "")                                    \
    ROW(114, WEIGHT_OVERRIDE, "the neighbor's weight is a graph input that callers can replace", "--freeze-weights") \
    ROW(115, PER_ELEMENT, "its parameters are per element, not per channel (spatial = 0)", "")                       \
    ROW(116, BUDGET, "folding would grow the model beyond the limit", "--fold-limit")                                \
    ROW(117, SHARED_FUNCTION, "the calls of its local function pass different parameters", "inline the function")    \
    ROW(118, SKIPPED, "left alone on request", "")                                                                   \
    ROW(119, NO_NEIGHBOR, "it stands between graph input and output", "")                                            \
    ROW(120, UNKNOWN_OPSET, "an opset newer than this program knows", "a newer bnfuse")                              \
    ROW(121, NOT_WORTH, "folding would leave more work than it removes", "")                                         \
    ROW(122, VARIES_INSIDE, "its parameters differ inside what the neighbor has as one channel", "")                 \
    ROW(123, RECOGNIZED, "a part of what runtimes recognize: LayerNormalization, Gelu and the like written out", "") \
    ROW(124, NOT_TRIED, "no pass has tried to fold it", "leave out --disable fold")

enum reason {
    REASON_NONE = 0,
#define ROW(code, name, text, help) REASON_##name = code,
    REASONS(ROW)
#undef ROW
};

extern const struct bnfuse_reason reasons[];
extern const size_t reason_count;

/* What it means and what to do, some lines of text with a picture; "" for no such code. */
const char *reason_page(int code);

/* The row of a reason; of REASON_NONE, one of empty texts. */
const struct bnfuse_reason *reason_find(enum reason reason);

#endif
