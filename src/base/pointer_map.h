/* SPDX-License-Identifier: Apache-2.0
 *
 * A map from pointers to pointers: open addressing in an arena. Nothing is ever taken out, and nothing runs over its
 * entries, so that no output can depend on addresses. */
#ifndef BASE_POINTER_MAP_H
#define BASE_POINTER_MAP_H

#include "base/memory.h"

struct pointer_map {
    struct arena *arena;
    struct pointer_slot *slots;
    size_t capacity, count; /* capacity is a power of two, or 0 */
};

/* `key` is not NULL; a key that is there already gets the new value. */
void pointer_map_set(struct pointer_map *map, const void *key, void *value);
/* NULL when the key is not there. */
void *pointer_map_get(const struct pointer_map *map, const void *key);

#endif
