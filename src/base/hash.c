/* SPDX-License-Identifier: Apache-2.0
 *
 * Hashes. See hash.h. */
#include "base/hash.h"

#include <string.h>

uint64_t hash_mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 32;
    hash *= UINT64_C(0xd6e8feb86659fd93);
    return hash ^ hash >> 29;
}

uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *from = bytes;
    hash = hash_mix(hash, size);
    for (; size >= 8; size -= 8, from += 8) {
        uint64_t word;
        memcpy(&word, from, 8);
        hash = hash_mix(hash, word);
    }
    uint64_t rest = 0;
    if (size) memcpy(&rest, from, size);
    return hash_mix(hash, rest);
}

uint64_t hash_text(uint64_t hash, const char *text)
{
    return hash_bytes(hash, text ? text : "", text ? strlen(text) : 0);
}
