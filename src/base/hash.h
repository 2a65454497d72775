/* SPDX-License-Identifier: Apache-2.0
 *
 * Hashes of 64 bits, put together word by word. They are the same on every machine of one byte order, and no secret. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_mix(uint64_t hash, uint64_t word);
uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size);
/* NULL is the empty text. */
uint64_t hash_text(uint64_t hash, const char *text);

#endif
