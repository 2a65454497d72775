/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 (FIPS 180-4), with the processor's own instructions where it has them. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_TEXT 65 /* hexadecimal digits and NUL */

struct sha256 {
    uint32_t state[8];
    uint64_t size; /* bytes so far */
    uint8_t block[64];
    bool plain; /* leaves the processor's instructions aside; for tests */
};

void sha256_open(struct sha256 *sha);
void sha256_add(struct sha256 *sha, const void *bytes, size_t size);
void sha256_text(struct sha256 *sha, char text[static SHA256_TEXT]);

#endif
