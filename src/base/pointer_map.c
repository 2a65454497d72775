/* SPDX-License-Identifier: Apache-2.0
 *
 * A map from pointers to pointers. At least half of the slots are free. */
#include "base/pointer_map.h"

struct pointer_slot {
    const void *key; /* NULL: free */
    void *value;
};

/* The slot of the key, or the free one where it belongs. */
static struct pointer_slot *find_slot(const struct pointer_map *map, const void *key)
{
    uint64_t hash = (uint64_t)(uintptr_t)key * UINT64_C(0x9e3779b97f4a7c15);
    size_t mask = map->capacity - 1, at = (size_t)(hash >> 32) & mask;
    while (map->slots[at].key && map->slots[at].key != key) at = (at + 1) & mask;
    return &map->slots[at];
}

static void enlarge(struct pointer_map *map)
{
    struct pointer_map larger = { .arena = map->arena, .count = map->count };
    larger.capacity = map->capacity ? map->capacity * 2 : 64;
    larger.slots = NEW_ARRAY(map->arena, struct pointer_slot, larger.capacity);
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].key) *find_slot(&larger, map->slots[i].key) = map->slots[i];
    *map = larger;
}

void pointer_map_set(struct pointer_map *map, const void *key, void *value)
{
    if (map->count >= map->capacity / 2) enlarge(map);
    struct pointer_slot *slot = find_slot(map, key);
    if (!slot->key) map->count++;
    *slot = (struct pointer_slot){ key, value };
}

void *pointer_map_get(const struct pointer_map *map, const void *key)
{
    return map->count ? find_slot(map, key)->value : NULL;
}
