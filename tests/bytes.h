/* SPDX-License-Identifier: Apache-2.0
 *
 * Protobuf messages put together byte by byte, for tests of what reads and writes them. */
#ifndef TESTS_BYTES_H
#define TESTS_BYTES_H

#include <assert.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    uint8_t data[1 << 16];
    size_t size;
};

static inline void put(struct bytes *to, const void *from, size_t size)
{
    assert(size <= sizeof to->data - to->size);
    memcpy(to->data + to->size, from, size);
    to->size += size;
}

static inline void put_varint(struct bytes *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) put(to, &(uint8_t){ (uint8_t)(value | 0x80) }, 1);
    put(to, &(uint8_t){ (uint8_t)value }, 1);
}

static inline void put_tag(struct bytes *to, uint32_t field, uint32_t wire)
{
    put_varint(to, (uint64_t)field << 3 | wire);
}

static inline void put_number(struct bytes *to, uint32_t field, uint64_t value)
{
    put_tag(to, field, 0);
    put_varint(to, value);
}

static inline void put_block(struct bytes *to, uint32_t field, const void *from, size_t size)
{
    put_tag(to, field, 2);
    put_varint(to, size);
    put(to, from, size);
}

static inline void put_text(struct bytes *to, uint32_t field, const char *text)
{
    put_block(to, field, text, strlen(text));
}

static inline void put_message(struct bytes *to, uint32_t field, const struct bytes *message)
{
    put_block(to, field, message->data, message->size);
}

#endif
