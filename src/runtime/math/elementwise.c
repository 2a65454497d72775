/* SPDX-License-Identifier: Apache-2.0
 *
 * Two numbers at a time. */
#include "runtime/math/elementwise.h"

/* What stands still is put side by side, so many at a time. */
#define STILL 256

void elementwise_pair(const struct inner_loop *loop, size_t size, enum simd_pair pair)
{
    union {
        float f32[STILL];
        double f64[STILL];
    } room;
    const char *a = loop->from[0], *b = loop->from[1];
    bool both = loop->count == 1 || (loop->moves[0] && loop->moves[1]);
    int64_t most = both || loop->count < STILL ? loop->count : STILL;
    const void *still = loop->moves[0] ? b : a, *repeated = &room;
    if (!both && size == sizeof(float))
        for (int64_t i = 0; i < most; i++) room.f32[i] = *(const float *)still;
    else if (!both)
        for (int64_t i = 0; i < most; i++) room.f64[i] = *(const double *)still;
    for (int64_t i = 0; i < loop->count; i += most) {
        int64_t count = loop->count - i < most ? loop->count - i : most;
        size_t place = (size_t)i * size;
        loop->simd->pair[pair](both || loop->moves[0] ? a + place : repeated,
                               both || loop->moves[1] ? b + place : repeated, count, (char *)loop->to + place);
    }
}
