/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256: blocks of 64 bytes, 64 rounds each. */
#include "base/sha256.h"

#include <stdio.h>
#include <string.h>

/* The first 32 bits of the fractions of the cube roots of the first 64 primes. */
static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotate(uint32_t x, int bits)
{
    return x >> bits | x << (32 - bits);
}

/* Round k of eight. The words stay where they are; it is their names that move on by one each round. */
static inline __attribute__((always_inline)) void one_round(uint32_t s[8], int k, uint32_t term)
{
    const uint32_t a = s[-k & 7], b = s[(1 - k) & 7], c = s[(2 - k) & 7];
    const uint32_t e = s[(4 - k) & 7], f = s[(5 - k) & 7], g = s[(6 - k) & 7], h = s[(7 - k) & 7];
    const uint32_t one = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + term;
    const uint32_t two = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    s[(3 - k) & 7] += one;
    s[(7 - k) & 7] = one + two;
}

static void blocks_plain(uint32_t state[8], const uint8_t *bytes, size_t count)
{
    for (; count; count--, bytes += 64) {
        uint32_t w[64], s[8];
        memcpy(w, bytes, 64);
        for (int i = 0; i < 16; i++) w[i] = __builtin_bswap32(w[i]);
        for (int i = 16; i < 64; i++)
            w[i] = w[i - 16] + (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7]
                   + (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
        memcpy(s, state, sizeof s);
        for (int i = 0; i < 64; i += 8) {
            const uint32_t *term = round_constants + i, *word = w + i;
            one_round(s, 0, term[0] + word[0]);
            one_round(s, 1, term[1] + word[1]);
            one_round(s, 2, term[2] + word[2]);
            one_round(s, 3, term[3] + word[3]);
            one_round(s, 4, term[4] + word[4]);
            one_round(s, 5, term[5] + word[5]);
            one_round(s, 6, term[6] + word[6]);
            one_round(s, 7, term[7] + word[7]);
        }
        for (int i = 0; i < 8; i++) state[i] += s[i];
    }
}

#ifdef __x86_64__
#include <immintrin.h>

/* The instructions hold the state as (a, b, e, f) and (c, d, g, h), and do two rounds at a time. */
__attribute__((target("sha,sse4.1"))) static void blocks_by_instruction(uint32_t state[8], const uint8_t *bytes,
                                                                        size_t count)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i low = _mm_loadu_si128((const __m128i *)state), high = _mm_loadu_si128((const __m128i *)(state + 4));
    low = _mm_shuffle_epi32(low, 0xb1);
    high = _mm_shuffle_epi32(high, 0x1b);
    __m128i abef = _mm_alignr_epi8(low, high, 8), cdgh = _mm_blend_epi16(high, low, 0xf0);
    for (; count; count--, bytes += 64) {
        const __m128i old_abef = abef, old_cdgh = cdgh;
        __m128i w[4];
        for (int i = 0; i < 4; i++) w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(bytes + 16 * i)), swap);
        for (int i = 0; i < 16; i++) {
            const __m128i now = w[i % 4];
            const __m128i sum = _mm_add_epi32(now, _mm_loadu_si128((const __m128i *)(round_constants + 4 * i)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
            __m128i next = _mm_sha256msg1_epu32(now, w[(i + 1) % 4]);
            next = _mm_add_epi32(next, _mm_alignr_epi8(w[(i + 3) % 4], w[(i + 2) % 4], 4));
            w[i % 4] = _mm_sha256msg2_epu32(next, w[(i + 3) % 4]);
        }
        abef = _mm_add_epi32(abef, old_abef);
        cdgh = _mm_add_epi32(cdgh, old_cdgh);
    }
    low = _mm_shuffle_epi32(abef, 0x1b);
    high = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(low, high, 0xf0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(high, low, 8));
}

/* Bit 29 of EBX of leaf 7. */
#include <cpuid.h>
static int has_instructions(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1) && __builtin_cpu_supports("sse4.1");
}
#endif

static void add_blocks(struct sha256 *sha, const uint8_t *bytes, size_t count)
{
#ifdef __x86_64__
    if (!sha->plain && has_instructions()) {
        blocks_by_instruction(sha->state, bytes, count);
        return;
    }
#endif
    blocks_plain(sha->state, bytes, count);
}

void sha256_open(struct sha256 *sha)
{
    *sha = (struct sha256){ .state = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
                                       0x1f83d9ab, 0x5be0cd19 } };
}

void sha256_add(struct sha256 *sha, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    size_t held = sha->size % 64;
    sha->size += size;
    if (held) {
        size_t part = size < 64 - held ? size : 64 - held;
        memcpy(sha->block + held, from, part);
        from += part;
        size -= part;
        if (held + part < 64) return;
        add_blocks(sha, sha->block, 1);
    }
    if (size >= 64) add_blocks(sha, from, size / 64);
    if (size % 64) memcpy(sha->block, from + size / 64 * 64, size % 64);
}

void sha256_text(struct sha256 *sha, char text[static SHA256_TEXT])
{
    const uint64_t bits = sha->size * 8;
    uint8_t end[72] = { 0x80 };
    size_t padding = (sha->size % 64 < 56 ? 56 : 120) - sha->size % 64;
    for (int i = 0; i < 8; i++) end[padding + (size_t)i] = (uint8_t)(bits >> (56 - 8 * i));
    sha256_add(sha, end, padding + 8);
    for (int i = 0; i < 8; i++) snprintf(text + 8 * i, 9, "%08x", sha->state[i]);
}
