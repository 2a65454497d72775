/* SPDX-License-Identifier: Apache-2.0
 *
 * How much memory a command may take by default. */
#ifndef CLI_LIMITS_H
#define CLI_LIMITS_H

#include <stddef.h>
#include <stdint.h>

/* `asked` bytes; when that is 0: a quarter of what this process could have (the machine's memory, or less where a
 * control group says so), at least 2 GiB, never more than it could have. */
size_t memory_limit(uint64_t asked);
/* memory_limit(0), and at most 128 times the bytes of the model's files: one of up to 16 MiB ends within 2 GiB of all
 * that the process takes. */
size_t memory_limit_of(uint64_t bytes);

#endif
