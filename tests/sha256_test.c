/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256: the examples of FIPS 180-4, and that the processor's instructions say what plain C says. */
#include "base/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <string.h>

#include <cmocka.h>

#define MOST 5000

static void assert_digest(const void *bytes, size_t size, const char *expected)
{
    for (int plain = 0; plain < 2; plain++) {
        struct sha256 sha;
        char text[SHA256_TEXT];
        sha256_open(&sha);
        sha.plain = plain;
        sha256_add(&sha, bytes, size);
        sha256_text(&sha, text);
        assert_string_equal(text, expected);
    }
}

static void known_messages_have_their_digests(void **state)
{
    static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    (void)state;
    assert_digest("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_digest("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_digest(two_blocks, strlen(two_blocks), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static uint64_t next_number(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* Lengths and pieces at random: pieces within a block, over its end, and of many blocks. */
static void instructions_agree_with_plain_code(void **state)
{
    uint8_t bytes[MOST];
    uint64_t seed = 1;
    (void)state;
    for (size_t i = 0; i < MOST; i++) bytes[i] = (uint8_t)next_number(&seed);
    for (int round = 0; round < 500; round++) {
        size_t size = next_number(&seed) % (round % 2 ? MOST : 200);
        struct sha256 whole, pieces;
        char of_whole[SHA256_TEXT], of_pieces[SHA256_TEXT];
        sha256_open(&whole);
        sha256_open(&pieces);
        whole.plain = true;
        sha256_add(&whole, bytes, size);
        for (size_t done = 0, part; done < size; done += part) {
            part = 1 + next_number(&seed) % (size - done);
            sha256_add(&pieces, bytes + done, part);
        }
        sha256_text(&whole, of_whole);
        sha256_text(&pieces, of_pieces);
        assert_string_equal(of_whole, of_pieces);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_messages_have_their_digests),
        cmocka_unit_test(instructions_agree_with_plain_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
