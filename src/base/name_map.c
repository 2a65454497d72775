/* SPDX-License-Identifier: Apache-2.0
 *
 * Objects by name, and sets of names, by linear probing. At least a quarter of the slots are free. */
#include "base/name_map.h"

#include <assert.h>
#include <string.h>

struct name_slot {
    uint32_t hash, number; /* number: of the object, from 1; 0: free */
};

static const char *name_of(const void *object)
{
    return *(const char *const *)object;
}

/* Where the program was loaded: no file can be made of names that collide. */
static uint64_t start(void)
{
    static const char here = 0;
    return (uint64_t)(uintptr_t)&here;
}

#define MIX UINT64_C(0x9e3779b97f4a7c15)

/* Eight bytes at a time. */
static uint64_t hash_from(uint64_t hash, const char *name)
{
    size_t length = strlen(name);
    uint64_t word;
    hash = (hash ^ length) * MIX;
    for (; length >= sizeof word; length -= sizeof word, name += sizeof word) {
        memcpy(&word, name, sizeof word);
        hash = (hash ^ word) * MIX;
        hash ^= hash >> 32;
    }
    word = 0;
    memcpy(&word, name, length);
    return (hash ^ word) * MIX;
}

uint32_t name_hash(const char *name)
{
    return (uint32_t)(hash_from(start(), name) >> 32);
}

static size_t slot_bytes(const struct name_map *map)
{
    return map->capacity * sizeof *map->slots;
}

static size_t object_bytes(const struct name_map *map)
{
    return map->room * sizeof *map->objects;
}

static void release(void *object)
{
    struct name_map *map = object;
    memory_give(map->arena->memory, map->slots, slot_bytes(map));
    memory_give(map->arena->memory, map->objects, object_bytes(map));
    *map = (struct name_map){ .arena = map->arena };
}

void name_map_open(struct name_map *map, struct arena *arena)
{
    *map = (struct name_map){ .arena = arena };
    arena_defer(arena, release, map);
}

void name_map_close(struct name_map *map)
{
    release(map);
}

static const void *object_at(const struct name_map *map, size_t at)
{
    return map->slots[at].number ? map->objects[map->slots[at].number - 1] : NULL;
}

/* The slot of the name, or the free one where it belongs. */
static size_t find_slot(const struct name_map *map, const char *name, uint32_t hash)
{
    const size_t mask = map->capacity - 1;
    size_t at = hash & mask;
    while (map->slots[at].number && (map->slots[at].hash != hash || strcmp(name_of(object_at(map, at)), name) != 0))
        at = (at + 1) & mask;
    return at;
}

static void enlarge_slots(struct name_map *map, size_t capacity)
{
    struct name_slot *old = map->slots;
    const size_t old_capacity = map->capacity, old_bytes = slot_bytes(map), mask = capacity - 1;
    if (capacity > UINT32_MAX) memory_exhausted(map->arena->memory);
    struct name_slot *slots = memory_take(map->arena->memory, capacity * sizeof *slots);
    memset(slots, 0, capacity * sizeof *slots);
    for (size_t i = 0; i < old_capacity; i++) {
        if (!old[i].number) continue;
        size_t at = old[i].hash & mask;
        while (slots[at].number) at = (at + 1) & mask;
        slots[at] = old[i];
    }
    map->slots = slots;
    map->capacity = capacity;
    memory_give(map->arena->memory, old, old_bytes);
}

static void enlarge_list(struct name_map *map, size_t room)
{
    const void **old = map->objects;
    const size_t old_bytes = object_bytes(map);
    if (room > UINT32_MAX) memory_exhausted(map->arena->memory);
    const void **objects = memory_take(map->arena->memory, room * sizeof *objects);
    if (map->used) memcpy(objects, old, map->used * sizeof *objects);
    map->objects = objects;
    map->room = room;
    memory_give(map->arena->memory, old, old_bytes);
}

static size_t capacity_for(size_t count, size_t capacity)
{
    if (!capacity) capacity = 8;
    while (capacity - capacity / 4 < count) capacity *= 2;
    return capacity;
}

static void make_slots(struct name_map *map, size_t count)
{
    size_t capacity = capacity_for(count, map->capacity);
    if (capacity > map->capacity) enlarge_slots(map, capacity);
}

void name_map_reserve(struct name_map *map, size_t count)
{
    make_slots(map, count);
    if (count > map->room) enlarge_list(map, count);
}

/* Room for one more, with some to spare. */
static void make_room(struct name_map *map)
{
    make_slots(map, map->count + 1);
    if (map->used == map->room) enlarge_list(map, map->room + map->room / 2 + 4);
}

void name_map_clear(struct name_map *map)
{
    if (map->used) memset(map->slots, 0, slot_bytes(map));
    map->used = map->count = 0;
}

void *name_map_get_hashed(const struct name_map *map, const char *name, uint32_t hash)
{
    return map->count ? (void *)object_at(map, find_slot(map, name, hash)) : NULL;
}

void *name_map_get(const struct name_map *map, const char *name)
{
    return name_map_get_hashed(map, name, name_hash(name));
}

bool name_map_add(struct name_map *map, const void *object)
{
    const char *name = name_of(object);
    const uint32_t hash = name_hash(name);
    make_room(map);
    size_t at = find_slot(map, name, hash);
    if (map->slots[at].number) return false;
    map->objects[map->used++] = object;
    map->slots[at] = (struct name_slot){ hash, (uint32_t)map->used };
    map->count++;
    return true;
}

/* What stands behind the free slot moves up, unless it would then stand in front of its own place. The entry in the
 * list stays behind, but for the last one. */
void *name_map_remove(struct name_map *map, const char *name)
{
    const size_t mask = map->capacity - 1;
    assert(map->count);
    size_t hole = find_slot(map, name, name_hash(name));
    assert(map->slots[hole].number);
    void *removed = (void *)object_at(map, hole);
    if (map->slots[hole].number == map->used) map->used--;
    for (size_t at = (hole + 1) & mask; map->slots[at].number; at = (at + 1) & mask) {
        size_t distance = (at - map->slots[at].hash) & mask; /* from its own place */
        if (distance < ((at - hole) & mask)) continue;
        map->slots[hole] = map->slots[at];
        hole = at;
    }
    map->slots[hole] = (struct name_slot){ 0, 0 };
    map->count--;
    return removed;
}

/* ---- sets ------------------------------------------------------------------------------------------------------ */

static void release_set(void *object)
{
    struct name_set *set = object;
    memory_give(set->arena->memory, set->digests, set->capacity * sizeof *set->digests);
    *set = (struct name_set){ .arena = set->arena };
}

void name_set_open(struct name_set *set, struct arena *arena)
{
    *set = (struct name_set){ .arena = arena };
    arena_defer(arena, release_set, set);
}

void name_set_close(struct name_set *set)
{
    release_set(set);
}

/* Of a name: the same in every run, since what it decides is written. 0 is what a free slot holds. */
static uint64_t digest_of(const char *name)
{
    uint64_t digest = hash_from(0, name);
    return digest ? digest : 1;
}

/* Where in the table a digest is differs from run to run, for names can be made to any digest. */
static size_t find_digest(const uint64_t *digests, size_t capacity, uint64_t digest)
{
    uint64_t hash = (digest ^ start()) * MIX;
    hash = (hash ^ hash >> 32) * MIX;
    size_t at = (size_t)(hash >> 32) & (capacity - 1);
    while (digests[at] && digests[at] != digest) at = (at + 1) & (capacity - 1);
    return at;
}

void name_set_reserve(struct name_set *set, size_t count)
{
    const size_t capacity = capacity_for(count, set->capacity);
    if (capacity <= set->capacity) return;
    if (capacity > UINT32_MAX) memory_exhausted(set->arena->memory);
    uint64_t *digests = memory_take(set->arena->memory, capacity * sizeof *digests);
    memset(digests, 0, capacity * sizeof *digests);
    for (size_t i = 0; i < set->capacity; i++)
        if (set->digests[i]) digests[find_digest(digests, capacity, set->digests[i])] = set->digests[i];
    memory_give(set->arena->memory, set->digests, set->capacity * sizeof *digests);
    set->digests = digests;
    set->capacity = capacity;
}

bool name_set_has(const struct name_set *set, const char *name)
{
    return set->capacity && set->digests[find_digest(set->digests, set->capacity, digest_of(name))];
}

void name_set_add(struct name_set *set, const char *name)
{
    const uint64_t digest = digest_of(name);
    name_set_reserve(set, set->count + 1);
    uint64_t *slot = &set->digests[find_digest(set->digests, set->capacity, digest)];
    set->count += !*slot;
    *slot = digest;
}
