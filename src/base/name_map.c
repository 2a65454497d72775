/* SPDX-License-Identifier: Apache-2.0
 *
 * Objects by name, by linear probing. At least a third of the slots are free. */
#include "base/name_map.h"

#include <assert.h>
#include <string.h>

static const char *name_of(const void *object)
{
    return *(const char *const *)object;
}

/* Eight bytes at a time. It starts from where the program was loaded, so that no file can be made of names that collide. */
uint32_t name_hash(const char *name)
{
    static const char here = 0;
    const uint64_t mix = UINT64_C(0x9e3779b97f4a7c15);
    size_t length = strlen(name);
    uint64_t hash = ((uint64_t)(uintptr_t)&here ^ length) * mix, word;
    for (; length >= sizeof word; length -= sizeof word, name += sizeof word) {
        memcpy(&word, name, sizeof word);
        hash = (hash ^ word) * mix;
        hash ^= hash >> 32;
    }
    word = 0;
    memcpy(&word, name, length);
    hash = (hash ^ word) * mix;
    return (uint32_t)(hash >> 32);
}

/* Pointers first, then hashes, in one block. */
static size_t bytes_of(const struct name_map *map)
{
    return map->capacity * (sizeof *map->objects + sizeof *map->hashes);
}

static void release(void *object)
{
    struct name_map *map = object;
    memory_give(map->arena->memory, map->objects, bytes_of(map));
    map->objects = NULL;
    map->capacity = 0;
}

void name_map_open(struct name_map *map, struct arena *arena)
{
    *map = (struct name_map){ .arena = arena };
    arena_defer(arena, release, map);
}

/* The slot of the name, or the free one where it belongs. */
static size_t find_slot(const struct name_map *map, const char *name, uint32_t hash)
{
    const size_t mask = map->capacity - 1;
    size_t at = hash & mask;
    while (map->objects[at] && (map->hashes[at] != hash || strcmp(name_of(map->objects[at]), name) != 0))
        at = (at + 1) & mask;
    return at;
}

/* Where an object goes that is not there. */
static size_t free_slot(const struct name_map *map, uint32_t hash)
{
    size_t at = hash & (map->capacity - 1);
    while (map->objects[at]) at = (at + 1) & (map->capacity - 1);
    return at;
}

static void put(struct name_map *map, size_t at, const void *object, uint32_t hash)
{
    map->objects[at] = object;
    map->hashes[at] = hash;
}

static void enlarge(struct name_map *map, size_t capacity)
{
    struct name_map larger = { .arena = map->arena, .capacity = capacity, .count = map->count };
    if (capacity > SIZE_MAX / 16) memory_exhausted(map->arena->memory);
    larger.objects = memory_take(map->arena->memory, bytes_of(&larger));
    larger.hashes = (uint32_t *)(larger.objects + capacity);
    memset(larger.objects, 0, bytes_of(&larger));
    for (size_t i = 0; i < map->capacity; i++)
        if (map->objects[i]) put(&larger, free_slot(&larger, map->hashes[i]), map->objects[i], map->hashes[i]);
    release(map);
    *map = larger;
}

void name_map_reserve(struct name_map *map, size_t count)
{
    size_t capacity = map->capacity ? map->capacity : 8;
    while (capacity / 3 < (count + 1) / 2) capacity *= 2;
    if (capacity > map->capacity) enlarge(map, capacity);
}

void name_map_clear(struct name_map *map)
{
    if (map->count) memset(map->objects, 0, bytes_of(map));
    map->count = 0;
}

void *name_map_get_hashed(const struct name_map *map, const char *name, uint32_t hash)
{
    return map->count ? (void *)map->objects[find_slot(map, name, hash)] : NULL;
}

void *name_map_get(const struct name_map *map, const char *name)
{
    return name_map_get_hashed(map, name, name_hash(name));
}

bool name_map_add(struct name_map *map, const void *object)
{
    const char *name = name_of(object);
    const uint32_t hash = name_hash(name);
    name_map_reserve(map, map->count + 1);
    size_t at = find_slot(map, name, hash);
    if (map->objects[at]) return false;
    put(map, at, object, hash);
    map->count++;
    return true;
}

/* What stands behind the free slot moves up, unless it would then stand in front of its own place. */
void name_map_remove(struct name_map *map, const char *name)
{
    const size_t mask = map->capacity - 1;
    size_t hole = find_slot(map, name, name_hash(name));
    assert(map->count && map->objects[hole]);
    for (size_t at = (hole + 1) & mask; map->objects[at]; at = (at + 1) & mask) {
        size_t distance = (at - map->hashes[at]) & mask; /* from its own place */
        if (distance < ((at - hole) & mask)) continue;
        put(map, hole, map->objects[at], map->hashes[at]);
        hole = at;
    }
    map->objects[hole] = NULL;
    map->count--;
}
