/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers made for the purpose: what a segment is fed where what was seen is too uniform, or where something in it
 * hides its inputs. They are within what the upstream operators can give at all. */
#ifndef CHECK_DRIVER_H
#define CHECK_DRIVER_H

#include "base/pointer_map.h"
#include "check/part.h"
#include "check/site.h"
#include "check/threshold.h"

/* The first of them for every segment: a run may leave a channel all but dead. */
enum drive {
    DRIVE_ALIKE,
    DRIVE_CHANNEL,
    DRIVE_POSITIVE,
    DRIVE_REACH,
    DRIVE_SPARSE,
    DRIVE_LARGE,
    DRIVE_COUNT,
    /* Where there are thresholds. */
    DRIVE_BESIDE = DRIVE_COUNT,
    DRIVE_MEET
};
enum { DRIVES_ANYWAY = 2 };

struct driver {
    const struct site *site;
    const struct pointer_map *sizes; /* of the first model: values that are sizes, which stay */
    uint64_t seed, round;            /* other numbers for each round */
    struct seen *seen;               /* of what is fed: what the numbers go by */
    struct thresholds *thresholds;   /* that the readers of what is fed hold it against */
};

/* Goes by site->fed. */
struct driver open_driver(const struct prover *prover, const struct site *site);
/* Whether anything that is fed is held against a number, a key or the like. */
bool has_thresholds(const struct driver *driver);
/* Whether numbers made for the purpose take the place of what is fed here. */
bool is_driven(const struct driver *driver, size_t i);
/* Of eight bits, where they are no sizes: what stands for real numbers. */
bool is_code(const struct driver *driver, size_t i);
/* What takes the place of site->fed[i], of `dims` unless they are NULL; itself where nothing does. The caller's. */
struct array *drive_value(const struct driver *driver, size_t i, const int64_t *dims, enum drive drive);

#endif
