/* SPDX-License-Identifier: Apache-2.0
 *
 * Objects by name: open addressing over pointers and the hashes of names, twelve bytes a slot. An object begins with a
 * pointer to its name (the first member of a struct, or any place that holds such a pointer), so the map stores neither.
 * The name must not change while the object is in the map. Nothing runs over the entries, so that no output can depend
 * on their order. */
#ifndef BASE_NAME_MAP_H
#define BASE_NAME_MAP_H

#include "base/memory.h"

struct name_map {
    struct arena *arena;
    uint32_t *hashes;
    const void **objects; /* NULL: free */
    size_t capacity, count;
};

/* Empty. The slots go with the arena; those that the map outgrows go at once. */
void name_map_open(struct name_map *map, struct arena *arena);
/* Room for `count` objects in all. */
void name_map_reserve(struct name_map *map, size_t count);

/* Takes all objects out. */
void name_map_clear(struct name_map *map);

/* For looking one name up in several maps. */
uint32_t name_hash(const char *name);
/* NULL when there is none. */
void *name_map_get(const struct name_map *map, const char *name);
void *name_map_get_hashed(const struct name_map *map, const char *name, uint32_t hash);
/* False, with the map unchanged, when an object of this name is there. */
bool name_map_add(struct name_map *map, const void *object);
/* Takes out the object of this name, which is there. */
void name_map_remove(struct name_map *map, const char *name);

#endif
