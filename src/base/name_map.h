/* SPDX-License-Identifier: Apache-2.0
 *
 * Objects by name, and sets of names. A map is open addressing over slots of eight bytes, each the hash of a name and
 * the number of its object. The objects are in a list, in the order they came, so that names which are looked up in
 * about that order find the list, the objects and their names in the processor's caches, and only the slot is a jump.
 * An object begins with a pointer to its name (the first member of a struct, or any place that holds such a pointer),
 * so the map stores neither. The name must not change while the object is in the map. Nothing runs over the entries, so
 * that no output can depend on their order. */
#ifndef BASE_NAME_MAP_H
#define BASE_NAME_MAP_H

#include "base/memory.h"

struct name_map {
    struct arena *arena;
    struct name_slot *slots;
    const void **objects;
    size_t capacity, room; /* slots, and entries of the list */
    size_t used, count;    /* entries that were given out, and those that are still in the map */
};

/* Empty. The slots go with the arena; those that the map outgrows go at once. */
void name_map_open(struct name_map *map, struct arena *arena);
/* Room for `count` objects in all. */
void name_map_reserve(struct name_map *map, size_t count);

/* Lets everything go, before the arena does. The map may be used again. */
void name_map_close(struct name_map *map);
/* Takes all objects out. */
void name_map_clear(struct name_map *map);

/* For looking one name up in several maps. */
uint32_t name_hash(const char *name);
/* NULL when there is none. */
void *name_map_get(const struct name_map *map, const char *name);
void *name_map_get_hashed(const struct name_map *map, const char *name, uint32_t hash);
/* False, with the map unchanged, when an object of this name is there. */
bool name_map_add(struct name_map *map, const void *object);
/* Takes out the object of this name, which is there, and returns it. */
void *name_map_remove(struct name_map *map, const char *name);

/* Names to be avoided: 64 bits of each are kept, eight bytes a slot. Of a million names that were not added, one is
 * taken for one that was with a probability below 1e-6; so it may only be asked where such an answer does no harm. It
 * is the same one in every run. */
struct name_set {
    struct arena *arena;
    uint64_t *digests; /* 0: free */
    size_t capacity, count;
};

void name_set_open(struct name_set *set, struct arena *arena);
void name_set_close(struct name_set *set);
void name_set_reserve(struct name_set *set, size_t count);
bool name_set_has(const struct name_set *set, const char *name);
void name_set_add(struct name_set *set, const char *name);

#endif
